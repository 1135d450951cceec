"""The time ledger of an item (台账): spans of days that lay with one holder, without a gap, counted when they end."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from approval.case_ledger import Span
from approval.clock import days_between
from approval.item_models import Item, TimeSpan
from approval.item_states import Holder
from approval.process_table import DayUnit
from blueprint.working_days import WorkingCalendar


def begin_span(item: Item, holder: Holder, *, on: date, stop_kind: str | None = None) -> None:
    """From the day after `on` the item's days are this holder's."""
    item.spans.append(TimeSpan(holder=holder, starts_on=on, stop_kind=stop_kind))


def end_span(item: Item, *, on: date, calendar: WorkingCalendar) -> None:
    """Count and close the span that is open, if one is: the day `on` itself still belongs to it."""
    for span in item.spans:
        if span.ends_on is None:
            span.ends_on = on
            span.working_days = days_between(span.starts_on, on, unit=DayUnit.WORKING, calendar=calendar)
            span.calendar_days = (on - span.starts_on).days


def holder_days(item: Item) -> dict[Holder, int]:
    """The working days of an item's spans by holder; all of them are closed."""
    days = dict.fromkeys(Holder, 0)
    for span in item.spans:
        days[Holder(span.holder)] += span.working_days or 0
    return days


def stage_spans(session: Session, case_id: int, stage: str | None = None) -> list[Span]:
    """The closed and open spans of a case's items, or of one stage's, as the ledger takes them; open ones end never.

    A stop that goes on past the days that were announced is the department's from then on.
    """
    statement = (
        select(
            Item.code, Item.round, TimeSpan.holder, TimeSpan.starts_on, TimeSpan.ends_on,
            Item.due_on, Item.provisional,
        )
        .join(TimeSpan, TimeSpan.item_id == Item.id)
        .where(Item.case_id == case_id)
    )  # fmt: skip
    if stage is not None:
        statement = statement.where(Item.stage == stage)
    spans = []
    for code, number, holder, starts_on, ends_on, announced_until, is_provisional in session.execute(
        statement
    ):
        name, kind = f"{code}/{number}", Holder(holder)
        if kind is Holder.STOP and ends_on is None and announced_until is not None and not is_provisional:
            spans.append(Span(name, kind, starts_on, announced_until))
            starts_on, kind = announced_until, Holder.DEPARTMENT
        spans.append(Span(name, kind, starts_on, ends_on or date.max))
    return spans
