"""Working days: limits are counted in them (Art. 11; 行政许可法 art. 82), by the calendar of a kept library."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import chinese_calendar
import holidays

IsWorkingDay = Callable[[date], bool]


@dataclass(frozen=True)
class DueDate:
    """The last day of a limit; provisional while the State Council's notice for a year it touches is missing."""

    on: date
    provisional: bool


@dataclass(frozen=True)
class WorkingCalendar:
    """A country's working days: China's from the published notices, others from public-holiday rules."""

    country: str = "CN"
    subdivision: str | None = None

    def is_published(self, day: date) -> bool:
        """Say whether the official arrangement of that day's year is known."""
        if self.country != "CN":
            return True
        published = {holiday.year for holiday in chinese_calendar.holidays}
        return bool(min(published) <= day.year <= max(published))

    def is_working_day(self, day: date) -> bool:
        """Say whether `day` is worked; make-up Saturdays and Sundays (调休) count."""
        if self.country == "CN" and self.is_published(day):
            return bool(chinese_calendar.is_workday(day))
        calendar = holidays.country_holidays(self.country, subdiv=self.subdivision, years=day.year)
        return bool(day.weekday() < 5 and day not in calendar)

    def due_date(self, start: date, *, working_days: int) -> DueDate:
        """The `working_days`-th working day after `start`; the day of issue does not count."""
        if working_days < 1:
            raise ValueError("a limit is at least one working day")
        day, left, provisional = start, working_days, False
        while left:
            day += timedelta(days=1)
            provisional = provisional or not self.is_published(day)
            left -= self.is_working_day(day)
        return DueDate(on=day, provisional=provisional)

    def working_days_left(self, today: date, due_on: date) -> int:
        """How many working days remain after `today` up to and with `due_on`; negative when past."""
        if today <= due_on:
            return self._count(today, due_on)
        return -self._count(due_on, today)

    def _count(self, after: date, up_to: date) -> int:
        days = (after + timedelta(days=n) for n in range(1, (up_to - after).days + 1))
        return sum(self.is_working_day(day) for day in days)
