"""The clock of an item: the day by which its holder must act, and when the yellow card comes. Pure rules of plain values.

The day on which something happens does not count (民法典 201); the last day of a limit is still in time. Special procedures
are not counted (行政许可法 45): the days that are left when they begin are left when they end.
"""

import calendar as months
import math
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from approval.process_table import DayUnit
from blueprint.working_days import DueDate, WorkingCalendar


class Card(StrEnum):
    """How urgent something is: 正常, 黄牌, 红牌, 督办升级."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    ESCALATED = "escalated"


@dataclass(frozen=True)
class Term:
    """A day by which something must be done, and from which day it is yellow."""

    due_on: date
    yellow_on: date
    provisional: bool = False


def days_between(after: date, up_to: date, *, unit: DayUnit, calendar: WorkingCalendar) -> int:
    """The days after `after` up to and with `up_to`, as the unit counts them."""
    if unit is DayUnit.CALENDAR:
        return (up_to - after).days
    return calendar.working_days_left(after, up_to)


def term(
    start: date, days_left: int, *, limit: int, unit: DayUnit, yellow_share: float, calendar: WorkingCalendar
) -> Term:
    """The term of whoever has `days_left` of a limit from `start` on; what is late already was due the day before."""
    if days_left <= 0:
        day = start if days_left == 0 else start - timedelta(days=1)
        return Term(day, day)
    due = _day_after(start, days_left, unit, calendar)
    warned = max(1, math.ceil(limit * yellow_share))
    before = max(0, days_left - warned)
    yellow = _day_after(start, before, unit, calendar).on if before else start
    return Term(due.on, yellow, due.provisional)


def _day_after(start: date, days: int, unit: DayUnit, calendar: WorkingCalendar) -> DueDate:
    if unit is DayUnit.CALENDAR:
        return DueDate(start + timedelta(days=days), provisional=False)
    return calendar.due_date(start, working_days=days)


def card_on(
    day: date, *, due_on: date, yellow_on: date, escalation_days: int, calendar: WorkingCalendar
) -> Card:
    """The card on a day: red only past the due day, which is itself in time."""
    if day <= due_on:
        return Card.YELLOW if day >= yellow_on else Card.GREEN
    escalated = calendar.due_date(due_on, working_days=escalation_days).on
    return Card.ESCALATED if day >= escalated else Card.RED


def months_later(day: date, count: int) -> date:
    """The same day so many months later, or the last day of that month."""
    month = day.month - 1 + count
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, months.monthrange(year, month)[1]))
