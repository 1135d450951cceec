"""Sessions: signing in, who is behind a cookie, signing out everywhere at once."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from sqlalchemy import Engine, or_, select, update
from sqlalchemy.orm import Session

from blueprint.accounts.models import Appointment, Person, SessionRow
from blueprint.accounts.passwords import is_password
from blueprint.accounts.throttle import count_attempt, forget_attempts
from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import NotSignedInError
from blueprint.permissions import Actor, Role
from blueprint.sharing.grants import active_grants

IDLE = timedelta(minutes=30)
AT_MOST = timedelta(hours=12)
_SEEN_EVERY = timedelta(minutes=1)


def sign_in(
    engine: Engine, login: str, password: str, *, address: str, user_agent: str, now: datetime
) -> tuple[str, Person]:
    """Open a session for a right login and password; the token is given once.

    NotSignedInError says the same whatever was wrong, TooManyAttemptsError to wait. Failures stay counted and
    recorded, so this makes its own transactions.
    """
    folded = login.strip().casefold()
    # A refusal must not undo the count: hence commit before raising.
    with Session(engine, expire_on_commit=False) as session:
        try:
            count_attempt(session, folded, address, now)
        finally:
            session.commit()
    with Session(engine, expire_on_commit=False) as session, session.begin():
        person = session.scalars(select(Person).where(Person.login == folded)).one_or_none()
    is_right = is_password(password, person.password_hash if person is not None else None)
    if person is None or not is_right or person.deactivated_at is not None:
        with Session(engine) as session, session.begin():
            record(session, Actor(folded[:60]), "sign_in", kind="session", id=folded[:60], outcome="refused")
        raise NotSignedInError("login or password is wrong; ask the operator to reset a forgotten password")
    with Session(engine, expire_on_commit=False) as session, session.begin():
        forget_attempts(session, folded, address)
        token = open_session(session, person, address=address, user_agent=user_agent, now=now)
        record(session, _plain_actor(person), "sign_in", kind="session", id=person.login)
    return token, person


def open_session(
    session: Session, person: Person, *, address: str | None, user_agent: str | None, now: datetime
) -> str:
    """A session's token: 256 random bits, of which only the SHA-256 is kept."""
    token = secrets.token_urlsafe(32)
    session.add(
        SessionRow(
            sha256=_sha256(token),
            person_id=person.id,
            made_at=now,
            last_seen_at=now,
            expires_at=now + AT_MOST,
            address=(address or "")[:60] or None,
            user_agent=(user_agent or "")[:200] or None,
        )
    )
    session.flush()
    return token


def actor_of_session(session: Session, token: str, *, city: City, now: datetime) -> Actor:
    """The person behind a session's cookie, with the roles held at this instant; NotSignedInError when it is over."""
    found = session.execute(
        select(SessionRow, Person)
        .join(Person, Person.id == SessionRow.person_id)
        .where(
            SessionRow.sha256 == _sha256(token),
            SessionRow.revoked_at.is_(None),
            SessionRow.expires_at > now,
            SessionRow.last_seen_at > now - IDLE,
            Person.deactivated_at.is_(None),
        )
    ).one_or_none()
    if found is None:
        raise NotSignedInError("the session is over; sign in again")
    row, person = found
    if now - row.last_seen_at > _SEEN_EVERY:
        row.last_seen_at = now
    return actor_of_person(session, person, city=city, reader=row.sha256[:16], now=now)


def actor_of_person(session: Session, person: Person, *, city: City, reader: str, now: datetime) -> Actor:
    """What a person is at this instant: of the department appointed to last, with the roles held there and city-wide.

    A department that left the profile gives no role.
    """
    known = {department.code for department in city.departments}
    held = session.scalars(
        select(Appointment)
        .where(
            Appointment.person_id == person.id,
            Appointment.starts_at <= now,
            or_(Appointment.ends_at.is_(None), Appointment.ends_at > now),
        )
        .order_by(Appointment.starts_at, Appointment.id)
    ).all()
    department = next((a.department for a in reversed(held) if a.department in known), None)
    roles = {Role(a.role) for a in held if a.department in (None, department)}
    if person.must_change_password:
        roles = set()  # may do nothing but change it
    return Actor(
        name=f"{person.name} {person.login}",
        department=department,
        roles=frozenset({Role.ANYONE, *roles}),
        grants=active_grants(session, department, now.date()) if department and roles else (),
        person_id=person.id,
        reader=reader,
        territory=city.territory(department),
    )


def close_session(session: Session, token: str, *, now: datetime) -> None:
    """Sign out."""
    session.execute(update(SessionRow).where(SessionRow.sha256 == _sha256(token)).values(revoked_at=now))


def close_all_sessions(session: Session, person_id: int, *, now: datetime, but: str | None = None) -> int:
    """Sign a person out everywhere, at once; `but` is the token of the session that stays."""
    statement = update(SessionRow).where(SessionRow.person_id == person_id, SessionRow.revoked_at.is_(None))
    if but is not None:
        statement = statement.where(SessionRow.sha256 != _sha256(but))
    return len(session.execute(statement.values(revoked_at=now).returning(SessionRow.sha256)).all())


def csrf_token_of(token: str) -> str:
    """What a page of our own must send along with a change; another site's page cannot know it."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def _plain_actor(person: Person) -> Actor:
    return Actor(name=f"{person.name} {person.login}", person_id=person.id)


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
