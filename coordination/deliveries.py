"""Delivery of handovers (推送): which are due, and what became of each try."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from coordination.models import Handover

_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=1)
_MAX_ERROR_CHARACTERS = 1000


def wait_after(attempts: int) -> timedelta:
    """How long to wait after that many failed tries: one minute, doubled each time, an hour at most."""
    doublings = min(attempts - 1, 20)
    return min(_FIRST_WAIT * (1 << doublings), _LONGEST_WAIT)


def next_due(session: Session, now: datetime) -> Handover | None:
    """The oldest handover to try now, locked; one that another process is delivering is passed over."""
    statement = (
        select(Handover)
        .where(Handover.delivered_at.is_(None), Handover.next_try_at <= now)
        .order_by(Handover.next_try_at, Handover.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return session.scalars(statement).one_or_none()


def record_delivery(handover: Handover, *, now: datetime) -> None:
    """Approval has it: it is not tried again."""
    handover.attempts += 1
    handover.delivered_at = now
    handover.last_error = None


def record_failure(handover: Handover, *, error: str, now: datetime) -> None:
    """Approval did not take it: try again later, and keep what went wrong."""
    handover.attempts += 1
    handover.last_error = error[:_MAX_ERROR_CHARACTERS]
    handover.next_try_at = now + wait_after(handover.attempts)
