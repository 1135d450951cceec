"""Working days: limits are counted in them (Art. 11; 行政许可法 art. 82), by the calendar of a kept library."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path

import chinese_calendar
import holidays

from blueprint.errors import InvalidInputError

IsWorkingDay = Callable[[date], bool]


class DayKind(StrEnum):
    """What a day is: 工作日, 调休上班, 周末, 法定节假日, 本市另行规定."""

    WORKING_DAY = "working_day"
    MAKE_UP_DAY = "make_up_day"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    CITY_RULE = "city_rule"


@dataclass(frozen=True)
class CalendarDay:
    """A day of the calendar: is it worked, what is it, its holiday's name, and is its year's arrangement published."""

    day: date
    is_working: bool
    kind: DayKind
    name: str | None
    published: bool


@dataclass(frozen=True)
class DayRule:
    """What the city's own file says of a day, before any library."""

    is_working: bool
    name: str


_NAMES = {
    "New Year's Day": "元旦",
    "Spring Festival": "春节",
    "Tomb-sweeping Day": "清明节",
    "Labour Day": "劳动节",
    "Dragon Boat Festival": "端午节",
    "Mid-autumn Festival": "中秋节",
    "National Day": "国庆节",
}


@cache
def _published_years() -> tuple[int, int]:
    """The first and last year whose arrangement (国务院办公厅通知) the library knows."""
    years = {holiday.year for holiday in chinese_calendar.holidays}
    return min(years), max(years)


def read_day_rules(path: Path) -> dict[date, DayRule]:
    """The city's own days from a CSV file with the columns date, is_workday (0 or 1), name; it goes before the library."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return {
                date.fromisoformat(row["date"].strip()): DayRule(
                    {"0": False, "1": True}[row["is_workday"].strip()], (row.get("name") or "").strip()
                )
                for row in csv.DictReader(file)
            }
    except FileNotFoundError:
        raise InvalidInputError("no calendar file at {path}; mend [calendar] overrides", path=path) from None
    except (KeyError, ValueError, AttributeError) as error:
        raise InvalidInputError(
            "{path}: a row has the wrong form ({error}); it needs date, is_workday (0 or 1), name",
            path=path,
            error=error,
        ) from error


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
    rules: Mapping[date, DayRule] = field(default_factory=dict, hash=False)
    """The city's own days: a notice that the library lacks yet, a day off for a storm."""

    published_years: frozenset[int] = frozenset()
    """Years that the city's own file has whole, so that they are not estimated any more."""

    def is_published(self, day: date) -> bool:
        """Say whether the official arrangement of that day's year is known."""
        if self.country != "CN" or day.year in self.published_years:
            return True
        first, last = _published_years()
        return first <= day.year <= last

    def is_working_day(self, day: date) -> bool:
        """Say whether `day` is worked; make-up Saturdays and Sundays (调休) count."""
        return self.describe(day).is_working

    def describe(self, day: date) -> CalendarDay:
        """What a day is; of a year that is not published the days that the law fixes, and no make-up days: an estimate."""
        is_published = self.is_published(day)
        rule = self.rules.get(day)
        if rule is not None:
            return CalendarDay(day, rule.is_working, DayKind.CITY_RULE, rule.name or None, is_published)
        name: str | None
        first, last = _published_years()
        if self.country == "CN" and first <= day.year <= last:
            is_off, name = _official(day)
            name = _NAMES.get(name, name) if name else None
        else:
            name = _holidays_of(self.country, self.subdivision, day.year).get(day)
            is_off = name is not None or day.weekday() >= 5
        return CalendarDay(day, not is_off, _kind(day, is_off=is_off, name=name), name, is_published)

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


@lru_cache(maxsize=20_000)
def _official(day: date) -> tuple[bool, str | None]:
    """Whether a day is off by the official arrangement, and why: looked up anew it costs more than all that asks for it."""
    is_off, name = chinese_calendar.get_holiday_detail(day)
    return bool(is_off), name


@lru_cache(maxsize=200)
def _holidays_of(country: str, subdivision: str | None, year: int) -> holidays.HolidayBase:
    return holidays.country_holidays(country, subdiv=subdivision, years=year)


def _kind(day: date, *, is_off: bool, name: str | None) -> DayKind:
    if is_off:
        return DayKind.HOLIDAY if name else DayKind.WEEKEND
    return DayKind.MAKE_UP_DAY if day.weekday() >= 5 else DayKind.WORKING_DAY
