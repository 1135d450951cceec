"""The limit of an opinion request: where it stands on a day (Art. 11), as pure rules of plain values."""

from datetime import date, timedelta
from enum import StrEnum

from blueprint.working_days import DueDate, WorkingCalendar


class OpinionStatus(StrEnum):
    """Where a request stands: 待反馈, 已反馈, 逾期视为无意见, 已收回 (the footprint was changed meanwhile)."""

    AWAITED = "awaited"
    GIVEN = "given"
    DEEMED_NO_OBJECTION = "deemed_no_objection"
    WITHDRAWN = "withdrawn"


def status_on(day: date, *, due_on: date, answered: bool, provisional: bool) -> OpinionStatus:
    """Say where a request stands on `day`; silence past `due_on` is no objection (Art. 11).

    The due day itself is still in time, and no limit runs out on a provisional date.
    """
    if answered:
        return OpinionStatus.GIVEN
    if provisional or day <= due_on:
        return OpinionStatus.AWAITED
    return OpinionStatus.DEEMED_NO_OBJECTION


def withdrawal_day(due_on: date) -> date:
    """The day on which a silent request goes back (到期自动收回): the one after the limit, whenever it is recorded."""
    return due_on + timedelta(days=1)


def settled_due_date(due: DueDate, *, sent_on: date, working_days: int, calendar: WorkingCalendar) -> DueDate:
    """A provisional date counted again; a final one never moves."""
    return calendar.due_date(sent_on, working_days=working_days) if due.provisional else due
