"""Delivery of handovers, corrections and withdrawals (推送): which are due, and what became of each try."""

from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from blueprint.audit.log import record
from blueprint.errors import ConflictError, NotFoundError
from blueprint.permissions import Actor
from coordination.handover_models import Handover

_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=1)
_MAX_ERROR_CHARACTERS = 1000


def wait_after(attempts: int) -> timedelta:
    """How long to wait after that many failed tries: one minute, doubled each time, an hour at most."""
    doublings = min(attempts - 1, 20)
    return min(_FIRST_WAIT * (1 << doublings), _LONGEST_WAIT)


def next_due(session: Session, now: datetime) -> Handover | None:
    """The oldest message to try now, locked; one that another process is delivering is passed over.

    One that follows another waits until approval has that.
    """
    earlier = aliased(Handover)
    statement = (
        select(Handover)
        .where(
            Handover.delivered_at.is_(None),
            Handover.cancelled_at.is_(None),
            Handover.next_try_at <= now,
            ~exists().where(earlier.id == Handover.follows_id, earlier.delivered_at.is_(None)),
        )
        .order_by(Handover.next_try_at, Handover.id)
        .limit(1)
        .with_for_update(of=Handover, skip_locked=True)
    )
    return session.scalars(statement).one_or_none()


DEAD_AFTER = 10
"""After so many failed tries, some hours, a handover is shown as one that somebody has to look at; it is tried on."""


def resend(session: Session, message_id: str, *, actor: Actor, now: datetime) -> Handover:
    """Try a handover that approval does not have yet at once, not when its wait is over."""
    statement = select(Handover).where(Handover.message_id == message_id).with_for_update()
    handover = session.scalars(statement).one_or_none()
    if handover is None:
        raise NotFoundError("no handover {message_id!r}", message_id=message_id[:40])
    if handover.delivered_at is not None:
        raise ConflictError(
            "approval took handover {message_id} at {delivered_at} already",
            message_id=message_id,
            delivered_at=handover.delivered_at,
        )
    if handover.cancelled_at is not None:
        raise ConflictError(
            "the clearance of handover {message_id} was withdrawn at {cancelled_at}; it is not sent",
            message_id=message_id,
            cancelled_at=handover.cancelled_at,
        )
    handover.next_try_at = now
    session.flush()
    record(session, actor, "resend_handover", kind="handover", id=message_id)
    return handover


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
