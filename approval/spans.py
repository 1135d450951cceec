"""The time ledger of an item (台账): spans of days that lay with one holder, without a gap, counted when they end."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from approval.clock import days_between
from approval.item_models import Item, TimeSpan
from approval.item_states import Holder
from approval.process_table import DayUnit
from blueprint.working_days import WorkingCalendar


def begin_span(
    session: Session, item: Item, holder: Holder, *, on: date, stop_kind: str | None = None
) -> None:
    """From the day after `on` the item's days are this holder's."""
    session.add(TimeSpan(item_id=item.id, holder=holder, starts_on=on, stop_kind=stop_kind))
    session.flush()


def end_span(session: Session, item: Item, *, on: date, calendar: WorkingCalendar) -> None:
    """Count and close the span that is open, if one is: the day `on` itself still belongs to it."""
    span = session.scalars(
        select(TimeSpan).where(TimeSpan.item_id == item.id, TimeSpan.ends_on.is_(None))
    ).one_or_none()
    if span is not None:
        span.ends_on = on
        span.working_days = days_between(span.starts_on, on, unit=DayUnit.WORKING, calendar=calendar)
        span.calendar_days = (on - span.starts_on).days
        session.flush()


def counted_days(session: Session, item: Item, *, unit: DayUnit, on: date, calendar: WorkingCalendar) -> int:
    """The days of the limit that have passed by `on`: those of the approving department, stops left out."""
    spans = session.scalars(
        select(TimeSpan).where(TimeSpan.item_id == item.id, TimeSpan.holder == Holder.DEPARTMENT)
    )
    return sum(
        days_between(span.starts_on, span.ends_on or on, unit=unit, calendar=calendar) for span in spans
    )
