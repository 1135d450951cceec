"""The clock of an item: the day by which its holder must act, and when the yellow card comes. Pure rules of plain values.

The day on which something happens does not count (民法典 201); the last day of a limit is still in time. Special procedures
are not counted (行政许可法 45) for the days that were announced: those that are left when they begin are left when they end.
"""

import calendar as months
import math
from collections.abc import Sequence
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


@dataclass(frozen=True)
class Run:
    """Days on which a limit runs: those after `after` up to and with `up_to`, or until it is used up."""

    after: date
    up_to: date | None = None


def days_between(after: date, up_to: date, *, unit: DayUnit, calendar: WorkingCalendar) -> int:
    """The days after `after` up to and with `up_to`, as the unit counts them."""
    if unit is DayUnit.CALENDAR:
        return (up_to - after).days
    return calendar.working_days_left(after, up_to)


def term(
    runs: Sequence[Run], *, limit: int, unit: DayUnit, yellow_share: float, calendar: WorkingCalendar
) -> Term:
    """The term of a limit that runs on these days alone, of which only the last still go on.

    What ran out keeps its day, whatever comes after. A limit whose last day passed before it stopped ends, after the
    restart, with the day of the restart itself.
    """
    due = _day_of(runs, limit, unit, calendar)
    warned = max(1, math.ceil(limit * yellow_share))
    return Term(due.on, _day_of(runs, max(0, limit - warned), unit, calendar).on, due.provisional)


def _day_of(runs: Sequence[Run], days: int, unit: DayUnit, calendar: WorkingCalendar) -> DueDate:
    """The day on which so many days of the limit have passed."""
    for run in runs[:-1]:
        passed = days_between(run.after, run.up_to or run.after, unit=unit, calendar=calendar)
        if passed > days:
            return _day_after(run.after, days, unit, calendar)
        days -= passed
    return _day_after(runs[-1].after, days, unit, calendar)


def _day_after(start: date, days: int, unit: DayUnit, calendar: WorkingCalendar) -> DueDate:
    if unit is DayUnit.CALENDAR or days == 0:
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
