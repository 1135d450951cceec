"""Waiting after failed sign-ins: by login and address together, and by address, never by login alone.

Who tries the passwords of somebody else makes only his own address wait.
"""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from blueprint.accounts.models import FailedSignIn
from blueprint.errors import TooManyAttemptsError

FREE_FOR_LOGIN, FREE_FOR_ADDRESS = 5, 50
LONGEST = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)

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


def count_attempt(session: Session, login: str, address: str, now: datetime) -> None:
    """Count an attempt before its password is looked at; TooManyAttemptsError while it must wait.

    Counting first keeps a thousand attempts at the same instant from all being let through.
    """
    for key, free in ((_pair(login, address), FREE_FOR_LOGIN), (_alone(address), FREE_FOR_ADDRESS)):
        values = {"key": key, "now": now, "forgotten": now - FORGOTTEN_AFTER}
        failures, blocked_until = session.execute(_COUNT, values).one()
        if blocked_until > now:
            raise TooManyAttemptsError(
                "too many failed sign-ins from here; wait and try again", retry_after=blocked_until - now
            )
        if failures > free:
            wait = min(LONGEST, timedelta(seconds=2.0 ** min(failures - free, 20)))
            session.execute(
                text("UPDATE blueprint.failed_sign_in SET blocked_until = :until WHERE key = :key"),
                {"until": now + wait, "key": key},
            )


def forget_attempts(session: Session, login: str, address: str) -> None:
    """After a right password: nothing was failed."""
    session.execute(
        delete(FailedSignIn).where(FailedSignIn.key.in_([_pair(login, address), _alone(address)]))
    )


def _pair(login: str, address: str) -> str:
    return hashlib.sha256(f"login {login}\n{address}".encode()).hexdigest()


def _alone(address: str) -> str:
    return hashlib.sha256(f"address {address}".encode()).hexdigest()
