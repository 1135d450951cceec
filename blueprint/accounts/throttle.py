"""Waiting after failed sign-ins: a password by login and address together, and by address, never by login alone.

Who tries the passwords of somebody else makes only his own address wait, and there nobody who signed in from it of late: a
bureau's people share one. Wrong codes of a second factor count by login
too: only who knows the password gets that far.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Engine, delete, select, text
from sqlalchemy.orm import Session

from blueprint.accounts.models import FailedSignIn, Person, SessionRow
from blueprint.errors import TooManyAttemptsError
from blueprint.wall import DOOR, seeing

FREE_FOR_LOGIN, FREE_FOR_ADDRESS, FREE_FOR_CODES = 5, 50, 10
LONGEST = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)
AT_HOME_FOR = timedelta(days=30)


class Attempt(StrEnum):
    """What is tried."""

    PASSWORD = "login"  # noqa: S105 - the word that the counter's key begins with
    CODE = "code"
    APPLICANT = "applicant"


@dataclass(frozen=True)
class _Counter:
    key: str
    free: int


_COUNT = text(
    """
INSERT INTO blueprint.failed_sign_in AS known (key, failures, blocked_until, last_at)
VALUES (:key, 1, :now, :now)
ON CONFLICT (key) DO UPDATE SET
    failures = CASE WHEN known.last_at < :forgotten THEN 1 ELSE known.failures + 1 END,
    last_at = :now
RETURNING failures, blocked_until
"""
)
_GIVE_BACK = text("UPDATE blueprint.failed_sign_in SET failures = greatest(failures - 1, 0) WHERE key = :key")


def count_attempt(
    session: Session, login: str, address: str, now: datetime, *, attempt: Attempt = Attempt.PASSWORD
) -> None:
    """Count an attempt before what was given is looked at; TooManyAttemptsError while it must wait.

    Counting first keeps a thousand attempts at the same instant from all being let through.
    """
    counters = _of_login(login, address, attempt)
    if not _is_at_home(session, login, address, now):
        counters.append(_of_address(address))
    for counter in counters:
        _count(session, counter, now)


def _is_at_home(session: Session, login: str, address: str, now: datetime) -> bool:
    """Say whether a login was signed in from an address of late: it does not wait for what others there fail at."""
    signed_in = (
        select(SessionRow.sha256)
        .join(Person, Person.id == SessionRow.person_id)
        .where(
            Person.login == login,
            SessionRow.address == address,
            SessionRow.made_at > now - AT_HOME_FOR,
            SessionRow.awaits_code.is_(False),
        )
    )
    return session.scalar(signed_in.limit(1)) is not None


@seeing(DOOR)
def count_at_once(
    engine: Engine, login: str, address: str, now: datetime, *, attempt: Attempt = Attempt.PASSWORD
) -> None:
    """Count an attempt in a transaction of its own: a refusal must not undo the count."""
    with Session(engine) as session:
        try:
            count_attempt(session, login, address, now, attempt=attempt)
        finally:
            session.commit()


@seeing(DOOR)
def count_address(engine: Engine, address: str, now: datetime) -> None:
    """Count an attempt that names no login."""
    with Session(engine) as session:
        try:
            _count(session, _of_address(address), now)
        finally:
            session.commit()


def forget_attempts(
    session: Session, login: str, address: str, *, attempt: Attempt = Attempt.PASSWORD
) -> None:
    """After a right one: nothing was failed here, but what others failed from the same address stays counted."""
    keys = [counter.key for counter in _of_login(login, address, attempt)]
    session.execute(delete(FailedSignIn).where(FailedSignIn.key.in_(keys)))
    give_back(session, address)


def give_back(session: Session, address: str) -> None:
    """An attempt from this address was right."""
    session.execute(_GIVE_BACK, {"key": _of_address(address).key})


@seeing(DOOR)
def give_back_at_once(engine: Engine, address: str) -> None:
    """An attempt from this address was right, in a transaction of its own."""
    with Session(engine) as session, session.begin():
        give_back(session, address)


def _count(session: Session, counter: _Counter, now: datetime) -> None:
    values = {"key": counter.key, "now": now, "forgotten": now - FORGOTTEN_AFTER}
    failures, blocked_until = session.execute(_COUNT, values).one()
    if blocked_until > now:
        raise TooManyAttemptsError(
            "too many failed sign-ins from here; wait and try again", retry_after=blocked_until - now
        )
    if failures > counter.free:
        wait = min(LONGEST, timedelta(seconds=2.0 ** min(failures - counter.free, 20)))
        session.execute(
            text("UPDATE blueprint.failed_sign_in SET blocked_until = :until WHERE key = :key"),
            {"until": now + wait, "key": counter.key},
        )


def _of_login(login: str, address: str, attempt: Attempt) -> list[_Counter]:
    found = [_Counter(_hash(f"{attempt} {login}\n{address}"), FREE_FOR_LOGIN)]
    if attempt is Attempt.CODE:
        found.append(_Counter(_hash(f"{attempt} {login}"), FREE_FOR_CODES))
    return found


def _of_address(address: str) -> _Counter:
    return _Counter(_hash(f"address {address}"), FREE_FOR_ADDRESS)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
