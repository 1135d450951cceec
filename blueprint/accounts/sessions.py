"""Sessions: who is behind a cookie, what they owe before their roles count, signing out everywhere at once."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from blueprint.accounts.models import Appointment, Person, SecondFactor, SessionRow
from blueprint.accounts.stand_ins import lent_posts
from blueprint.city import City
from blueprint.errors import NotSignedInError
from blueprint.owed import Owed
from blueprint.permissions import Actor, Post, Role
from blueprint.sharing.grants import active_grants
from blueprint.wall import DOOR, enter

IDLE = timedelta(minutes=30)
AT_MOST = timedelta(hours=12)
FOR_A_CODE = timedelta(minutes=10)
"""How long a right password waits for the code of the second factor."""

_SEEN_EVERY = timedelta(minutes=1)


class Way(StrEnum):
    """How somebody said who they are."""

    PASSWORD = "password"  # noqa: S105 - a word, not a password
    OPENID_CONNECT = "openid_connect"


def open_session(
    session: Session,
    person: Person,
    *,
    way: Way,
    awaits_code: bool,
    address: str | None,
    user_agent: str | None,
    now: datetime,
) -> str:
    """A session's token: 256 random bits, of which only the SHA-256 is kept."""
    token = secrets.token_urlsafe(32)
    session.add(
        SessionRow(
            sha256=_sha256(token),
            person_id=person.id,
            made_at=now,
            last_seen_at=now,
            expires_at=now + (FOR_A_CODE if awaits_code else AT_MOST),
            address=(address or "")[:60] or None,
            user_agent=(user_agent or "")[:200] or None,
            way=way,
            awaits_code=awaits_code,
        )
    )
    session.flush()
    return token


def find_session(session: Session, token: str, *, now: datetime) -> tuple[SessionRow, Person]:
    """The session that goes on under this token and whose it is; NotSignedInError when it is over."""
    found = session.execute(
        select(SessionRow, Person)
        .join(Person, Person.id == SessionRow.person_id)
        .where(SessionRow.sha256 == _sha256(token), *_goes_on(now), Person.deactivated_at.is_(None))
    ).one_or_none()
    if found is None:
        raise NotSignedInError("the session is over; sign in again")
    row, person = found
    return row, person


def actor_of_session(session: Session, token: str, *, city: City, now: datetime) -> Actor:
    """The person behind a session's cookie, with the roles held at this instant; NotSignedInError when it is over."""
    enter(session, DOOR)
    row, person = find_session(session, token, now=now)
    if now - row.last_seen_at > _SEEN_EVERY:
        row.last_seen_at = now
    return _actor(session, row, person, city=city, now=now)


def _actor(session: Session, row: SessionRow, person: Person, *, city: City, now: datetime) -> Actor:
    """What a person is at this instant, in this session."""
    department, roles = roles_held(session, person.id, city=city, now=now)
    owes = _owed(session, row, person, needs_factor=bool(roles & city.second_factor_roles))
    held = _holding(session, person, department, set() if owes is not None else roles, city=city, now=now)
    return replace(held, owes=owes, reader=row.sha256[:16])


def actor_of_person(session: Session, person_id: int, *, city: City, now: datetime) -> Actor:
    """What a person is at this instant, outside any session: who asked for something that is done later."""
    person = session.get_one(Person, person_id)
    department, roles = roles_held(session, person_id, city=city, now=now)
    if person.deactivated_at is not None:
        roles = set()
    return _holding(session, person, department, roles, city=city, now=now)


def _holding(
    session: Session, person: Person, department: str | None, roles: set[Role], *, city: City, now: datetime
) -> Actor:
    return Actor(
        name=f"{person.name} {person.login}",
        department=department,
        roles=frozenset({Role.ANYONE, *roles}),
        grants=active_grants(session, department, now.date()) if department and roles else (),
        person_id=person.id,
        territory=city.territory(department),
        posts=_posts(session, person, department, city=city, now=now) if roles else (),
    )


def _posts(
    session: Session, person: Person, department: str | None, *, city: City, now: datetime
) -> tuple[Post, ...]:
    """The own posts in a department, and those held for somebody else there; a role that asks for a second factor is lent to who has one."""
    own = (
        Post(Role(a.role), a.section_id)
        for a in _held(session, person.id, now)
        if a.department is not None and a.department == department
    )
    guarded = city.second_factor_roles
    but = guarded if guarded and not has_second_factor(session, person.id) else frozenset()
    return (*own, *lent_posts(session, person.login, department, but=but, now=now))


def _held(session: Session, person_id: int, now: datetime) -> Sequence[Appointment]:
    """The appointments of a person at an instant, the latest last."""
    return session.scalars(
        select(Appointment)
        .where(
            Appointment.person_id == person_id,
            Appointment.starts_at <= now,
            or_(Appointment.ends_at.is_(None), Appointment.ends_at > now),
        )
        .order_by(Appointment.starts_at, Appointment.id)
    ).all()


def roles_held(
    session: Session, person_id: int, *, city: City, now: datetime
) -> tuple[str | None, set[Role]]:
    """The department that a person was appointed to last, and the roles held there and city-wide at this instant.

    A department that left the profile gives no role.
    """
    known = {department.code for department in city.departments}
    held = _held(session, person_id, now)
    department = next((a.department for a in reversed(held) if a.department in known), None)
    return department, {Role(a.role) for a in held if a.department in (None, department)}


def _owed(session: Session, row: SessionRow, person: Person, *, needs_factor: bool) -> Owed | None:
    """What comes first. Who came by a provider may never have known the password that the account was made with."""
    if row.awaits_code:
        return Owed.CODE
    if person.must_change_password and row.way == Way.PASSWORD:
        return Owed.NEW_PASSWORD
    return Owed.SECOND_FACTOR if needs_factor and not has_second_factor(session, person.id) else None


def has_second_factor(session: Session, person_id: int) -> bool:
    """Say whether a code is asked of the person at every sign-in."""
    statement = select(SecondFactor.confirmed_at).where(SecondFactor.person_id == person_id)
    return session.scalar(statement) is not None


def list_sessions(session: Session, person_id: int, *, now: datetime) -> list[SessionRow]:
    """The sessions of a person that go on, the newest first."""
    statement = select(SessionRow).where(SessionRow.person_id == person_id, *_goes_on(now))
    return list(session.scalars(statement.order_by(SessionRow.made_at.desc())))


def is_of(row: SessionRow, token: str) -> bool:
    """Say whether a session is the one of this token."""
    return hmac.compare_digest(row.sha256, _sha256(token))


def close_session(session: Session, token: str, *, now: datetime) -> bool:
    """Sign out; says whether there was a session to end."""
    statement = update(SessionRow).where(SessionRow.sha256 == _sha256(token), SessionRow.revoked_at.is_(None))
    return session.scalar(statement.values(revoked_at=now).returning(SessionRow.sha256)) is not None


def close_all_sessions(session: Session, person_id: int, *, now: datetime, but: str | None = None) -> int:
    """Sign a person out everywhere, at once; `but` is the token of the session that stays."""
    statement = update(SessionRow).where(SessionRow.person_id == person_id, SessionRow.revoked_at.is_(None))
    if but is not None:
        statement = statement.where(SessionRow.sha256 != _sha256(but))
    return len(session.execute(statement.values(revoked_at=now).returning(SessionRow.sha256)).all())


def csrf_token_of(token: str) -> str:
    """What a page of our own must send along with a change; another site's page cannot know it."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def _goes_on(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        SessionRow.revoked_at.is_(None),
        SessionRow.expires_at > now,
        SessionRow.last_seen_at > now - IDLE,
    )


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
