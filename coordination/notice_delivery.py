"""Notices on their way outside (webhook, e-mail): which are due, and what became of each try."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from blueprint.city import City
from coordination.deliveries import DEAD_AFTER, wait_after
from coordination.notice_models import Channel, Notice, NoticeDelivery
from coordination.notices import said

BEGUN_WITHIN = timedelta(days=14)
"""A notice that is older when its way outside is opened is not sent there; one that was tried once is tried until it is taken."""

_MAX_ERROR = 1000


def next_notice(
    session: Session, channel: Channel, addresses: Mapping[str, str], *, now: datetime
) -> tuple[Notice, NoticeDelivery] | None:
    """The oldest notice to send now over a channel to one of `addresses` (by department or office), its delivery locked."""
    begun = select(NoticeDelivery.notice_id).where(
        NoticeDelivery.channel == channel, NoticeDelivery.notice_id == Notice.id
    )
    done = begun.where(or_(NoticeDelivery.delivered_at.is_not(None), NoticeDelivery.next_try_at > now))
    candidates = (
        select(Notice)
        .where(
            or_(Notice.made_at > now - BEGUN_WITHIN, begun.exists()),
            or_(Notice.department.in_(addresses), Notice.office.in_(addresses)),
            ~done.exists(),
        )
        .order_by(Notice.made_at, Notice.id)
        .limit(50)
    )
    for notice in session.scalars(candidates).all():
        delivery = _claim(session, notice, channel, addresses, now=now)
        if delivery is not None:
            return notice, delivery
    return None


def _claim(
    session: Session, notice: Notice, channel: Channel, addresses: Mapping[str, str], *, now: datetime
) -> NoticeDelivery | None:
    """The delivery of a notice, locked; None when another process has it, or had it meanwhile."""
    values: dict[str, Any] = {
        "notice_id": notice.id,
        "channel": channel,
        "address": addresses[notice.department or notice.office or ""],
        "attempts": 0,
        "next_try_at": now,
    }
    session.execute(insert(NoticeDelivery).values(values).on_conflict_do_nothing())
    statement = (
        select(NoticeDelivery)
        .where(
            NoticeDelivery.notice_id == notice.id,
            NoticeDelivery.channel == channel,
            NoticeDelivery.delivered_at.is_(None),
            NoticeDelivery.next_try_at <= now,
        )
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    delivery = session.scalars(statement).one_or_none()
    if delivery is not None:
        delivery.address = values["address"]  # as it is now: a wrong one may have been mended since
    return delivery


def not_delivered(session: Session, *, limit: int) -> tuple[int, Sequence[tuple[Notice, NoticeDelivery]]]:
    """Notices that failed often on their way outside and that nobody has read here either: how many, and the latest."""
    statement = (
        select(Notice, NoticeDelivery)
        .join(NoticeDelivery, NoticeDelivery.notice_id == Notice.id)
        .where(
            NoticeDelivery.delivered_at.is_(None),
            NoticeDelivery.attempts >= DEAD_AFTER,
            Notice.read_at.is_(None),
        )
    )
    count = session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    latest = statement.order_by(Notice.made_at.desc(), NoticeDelivery.id).limit(limit)
    return count, [(notice, delivery) for notice, delivery in session.execute(latest)]


def record_sent(delivery: NoticeDelivery, *, now: datetime) -> None:
    """The receiver has it."""
    delivery.attempts += 1
    delivery.delivered_at, delivery.last_error = now, None


def record_not_sent(delivery: NoticeDelivery, *, error: str, now: datetime) -> None:
    """The receiver did not take it: later again, a minute at first, an hour at most."""
    delivery.attempts += 1
    delivery.last_error = error[:_MAX_ERROR]
    delivery.next_try_at = now + wait_after(delivery.attempts)


def as_document(notice: Notice, city: City) -> dict[str, Any]:
    """A notice as a webhook is sent it; the receiver knows one that comes twice by its id."""
    return {
        "format": "one-blueprint-notice/1",
        "id": str(notice.id),
        "kind": notice.kind,
        "department": notice.department,
        "office": notice.office,
        "project_id": notice.project_id,
        "request_id": notice.request_id,
        "text": said(notice, city),
        "made_at": notice.made_at.isoformat(),
    }
