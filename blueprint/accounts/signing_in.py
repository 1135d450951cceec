"""Signing in: by password or as an OpenID Connect provider says, then by a code where a second factor is set up.

Failures stay counted and recorded, so each step makes its own transactions.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from blueprint.accounts import sessions, throttle
from blueprint.accounts.identities import person_of
from blueprint.accounts.models import Person
from blueprint.accounts.passwords import is_password
from blueprint.accounts.sealing import Sealer
from blueprint.accounts.second_factor import take_code
from blueprint.accounts.sessions import Way
from blueprint.accounts.throttle import Attempt
from blueprint.audit.log import record
from blueprint.errors import ConflictError, NotSignedInError
from blueprint.permissions import Actor
from blueprint.wall import DOOR, seeing


@dataclass(frozen=True)
class Browser:
    """From where and with what somebody signs in."""

    address: str
    user_agent: str


class NotLinkedError(NotSignedInError):
    """The provider knows the person, and no account is registered for them."""


@seeing(DOOR)
def by_password(engine: Engine, login: str, password: str, *, browser: Browser, now: datetime) -> str:
    """A session's token for a right login and password, given once.

    NotSignedInError says the same whatever was wrong, TooManyAttemptsError to wait.
    """
    folded = login.strip().casefold()
    throttle.count_at_once(engine, folded, browser.address, now)
    with Session(engine, expire_on_commit=False) as session, session.begin():
        person = session.scalars(select(Person).where(Person.login == folded)).one_or_none()
    is_right = is_password(password, person.password_hash if person is not None else None)
    if person is None or not is_right or person.deactivated_at is not None:
        with Session(engine) as session, session.begin():
            record(session, Actor(folded[:60]), "sign_in", kind="session", id=folded[:60], outcome="refused")
        raise NotSignedInError("login or password is wrong; ask the operator to reset a forgotten password")
    with Session(engine) as session, session.begin():
        throttle.forget_attempts(session, folded, browser.address)
        return _open(session, person, way=Way.PASSWORD, browser=browser, now=now)


@seeing(DOOR)
def by_provider(engine: Engine, *, issuer: str, subject: str, browser: Browser, now: datetime) -> str:
    """A session's token for whom the provider named; only a registered pair of issuer and subject counts."""
    with Session(engine) as session, session.begin():
        person = person_of(session, issuer=issuer, subject=subject)
        if person is not None and person.deactivated_at is None:
            throttle.give_back(session, browser.address)
            return _open(session, person, way=Way.OPENID_CONNECT, browser=browser, now=now)
        told = {"way": Way.OPENID_CONNECT, "issuer": issuer, "subject": subject}
        name = person.login if person is not None else "openid_connect"
        record(session, Actor(name), "sign_in", kind="session", id=name, after=told, outcome="refused")
    raise NotLinkedError(
        "no account is linked to this identity; an operator links it (`blueprint account link LOGIN SUBJECT`)"
    )


@seeing(DOOR)
def by_code(engine: Engine, token: str, code: str, *, sealer: Sealer, browser: Browser, now: datetime) -> str:
    """The token of a whole session, for a session that awaits a code and the right code; the old token is over."""
    with Session(engine, expire_on_commit=False) as session:
        row, person = sessions.find_session(session, token, now=now)
    if not row.awaits_code:
        raise ConflictError("no code is asked of this session")
    throttle.count_at_once(engine, person.login, browser.address, now, attempt=Attempt.CODE)
    actor = _plain_actor(person)
    with Session(engine) as session, session.begin():
        is_right = take_code(session, person.id, code, sealer=sealer, now=now)
        if is_right:
            throttle.forget_attempts(session, person.login, browser.address, attempt=Attempt.CODE)
            if not sessions.close_session(session, token, now=now):
                raise NotSignedInError("the session is over; sign in again")
            whole = sessions.open_session(
                session,
                person,
                way=Way(row.way),
                awaits_code=False,
                address=browser.address,
                user_agent=browser.user_agent,
                now=now,
            )
        outcome = "done" if is_right else "refused"
        record(session, actor, "give_code", kind="session", id=person.login, outcome=outcome)
    if not is_right:
        raise NotSignedInError("the code is wrong, over or used; give the one that the app shows now")
    return whole


@seeing(DOOR)
def refuse_wrong_password(
    engine: Engine, person: Person, password: str, *, address: str, now: datetime
) -> None:
    """Ask somebody who is signed in for the password again; counted as a sign-in is."""
    throttle.count_at_once(engine, person.login, address, now)
    if not is_password(password, person.password_hash):
        raise NotSignedInError("the password is wrong; nothing was changed")
    with Session(engine) as session, session.begin():
        throttle.forget_attempts(session, person.login, address)


@seeing(DOOR)
def refuse_wrong_code(
    engine: Engine, person: Person, code: str, *, sealer: Sealer, address: str, now: datetime
) -> None:
    """Ask somebody who is signed in for a code again; counted as a sign-in is."""
    throttle.count_at_once(engine, person.login, address, now, attempt=Attempt.CODE)
    with Session(engine) as session, session.begin():
        is_right = take_code(session, person.id, code, sealer=sealer, now=now)
        if is_right:
            throttle.forget_attempts(session, person.login, address, attempt=Attempt.CODE)
    if not is_right:
        raise NotSignedInError("the code is wrong, over or used; nothing was changed")


def _open(session: Session, person: Person, *, way: Way, browser: Browser, now: datetime) -> str:
    awaits_code = sessions.has_second_factor(session, person.id)
    told = {"way": way, "awaits_code": awaits_code}
    record(session, _plain_actor(person), "sign_in", kind="session", id=person.login, after=told)
    return sessions.open_session(
        session,
        person,
        way=way,
        awaits_code=awaits_code,
        address=browser.address,
        user_agent=browser.user_agent,
        now=now,
    )


def _plain_actor(person: Person) -> Actor:
    return Actor(name=f"{person.name} {person.login}", person_id=person.id)
