"""The limit of an opinion request: when it ends, day by day, and where the request stands on a day (Art. 11); pure rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from blueprint.working_days import CalendarDay, DueDate, WorkingCalendar


class OpinionStatus(StrEnum):
    """Where a request stands: 待反馈, 停表（待补充材料）, 已反馈, 逾期视为无意见, 已收回."""

    AWAITED = "awaited"
    STOPPED = "stopped"
    GIVEN = "given"
    DEEMED_NO_OBJECTION = "deemed_no_objection"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Stop:
    """A stop of the clock: of the days after it was stopped, up to and with the day of the restart, none counts.

    The day on which it was stopped counts as any other, but never as the last: see `keeps_open`.
    """

    stopped_on: date
    restarted_on: date | None = None

    def covers(self, day: date) -> bool:
        """Say whether `day` does not count; the day on which the clock was stopped itself does."""
        return self.stopped_on < day and (self.restarted_on is None or day <= self.restarted_on)

    def keeps_open(self, day: date) -> bool:
        """Say whether a limit that would end with `day` goes on: a day counts to its end, and the clock was stopped before.

        So a whole working day is left after every restart. A clock started again on the day itself took nothing of it;
        one stopped on a later day proves that the limit still ran then.
        """
        return day < self.stopped_on or (
            day == self.stopped_on and (self.restarted_on is None or self.restarted_on > day)
        )


@dataclass(frozen=True)
class ClockDay:
    """A day of a limit: what it is, whether it counts, and which working day of the limit it is."""

    calendar: CalendarDay
    is_stopped: bool
    number: int | None

    @property
    def counts(self) -> bool:
        """Say whether the day is one of the limit's working days."""
        return self.number is not None


_MOST_DAYS = 10_000
"""A clock that still runs after 27 years is a mistake of the calendar."""


def explain(
    sent_on: date,
    *,
    working_days: int,
    stops: Sequence[Stop],
    calendar: WorkingCalendar,
    ends_on: date | None = None,
    is_internal: bool = False,
) -> tuple[ClockDay, ...]:
    """Every day after `sent_on` up to the due day, which is the last of them; the day of issue does not count.

    A day counts to its end, so the last is never one on which the clock was stopped: a whole working day is left after
    the restart. A clock that stands still has no end: give its stop the day on which it is looked at (`as_of`).
    Where a due day is kept (`ends_on`), it is the last whatever the calendar would make of it by now; a working day
    before it without a number was given to the department. An internal limit (`is_internal`) may end before a stop.
    """
    days: list[ClockDay] = []
    number = 0
    for step in range(1, _MOST_DAYS):
        day = calendar.describe(sent_on + timedelta(days=step))
        keeping = (
            [stop for stop in stops if stop.keeps_open(day.day)]
            if number + 1 == working_days and day.is_working and not is_internal
            else []
        )
        is_stopped = any(
            stop.covers(day.day) or (stop in keeping and stop.stopped_on == day.day) for stop in stops
        )
        if ends_on is not None:
            counts = day.day == ends_on or (day.is_working and not is_stopped and number + 1 < working_days)
        else:
            counts = day.is_working and not is_stopped and not keeping
        number = working_days if day.day == ends_on else number + counts
        days.append(ClockDay(day, is_stopped, number if counts else None))
        if number == working_days:
            break
    return tuple(days)


def as_of(stops: Sequence[Stop], today: date) -> tuple[Stop, ...]:
    """The stops as if one that is open ended today."""
    return tuple(
        replace(stop, restarted_on=stop.restarted_on or max(today, stop.stopped_on)) for stop in stops
    )


def due_date(
    sent_on: date,
    *,
    working_days: int,
    stops: Sequence[Stop],
    calendar: WorkingCalendar,
    is_internal: bool = False,
) -> DueDate:
    """The last day of the limit; provisional while the State Council's notice for a year it touches is missing."""
    days = explain(
        sent_on, working_days=working_days, stops=stops, calendar=calendar, is_internal=is_internal
    )
    return DueDate(days[-1].calendar.day, any(not day.calendar.published for day in days))


def status_on(
    day: date, *, due_on: date, answered: bool, provisional: bool, stopped: bool = False
) -> OpinionStatus:
    """Say where a request stands on `day`; silence past `due_on` is no objection (Art. 11).

    The due day itself is still in time, no limit runs out on a provisional date, and none while the clock stands still.
    """
    if answered:
        return OpinionStatus.GIVEN
    if stopped:
        return OpinionStatus.STOPPED
    if provisional or day <= due_on:
        return OpinionStatus.AWAITED
    return OpinionStatus.DEEMED_NO_OBJECTION


def withdrawal_day(due_on: date) -> date:
    """The day on which a silent request goes back (到期自动收回): the one after the limit, whenever it is recorded."""
    return due_on + timedelta(days=1)


def settled_due_date(due: DueDate, counted: DueDate) -> DueDate:
    """A due day that was counted again: a provisional one becomes what is counted, a final one only moves later.

    Nobody loses days that the request promised; a day off that the city added is given to the department.
    """
    if due.provisional or counted.on > due.on:
        return counted
    return due
