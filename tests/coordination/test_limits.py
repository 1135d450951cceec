"""Where an opinion request stands on a day."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.errors import InvalidInputError
from blueprint.working_days import DayKind, DayRule, DueDate, WorkingCalendar, read_day_rules
from coordination.limits import (
    OpinionStatus,
    Stop,
    due_date,
    explain,
    settled_due_date,
    status_on,
    withdrawal_day,
)

CALENDAR = WorkingCalendar("CN")

DUE_ON = date(2026, 11, 30)


@pytest.mark.parametrize(
    ("day", "answered", "provisional", "status"),
    [
        (date(2026, 11, 23), False, False, OpinionStatus.AWAITED),
        (DUE_ON, False, False, OpinionStatus.AWAITED),
        (date(2026, 12, 1), False, False, OpinionStatus.DEEMED_NO_OBJECTION),
        (date(2027, 12, 1), False, True, OpinionStatus.AWAITED),
        (date(2026, 12, 1), True, False, OpinionStatus.GIVEN),
        (DUE_ON, True, True, OpinionStatus.GIVEN),
    ],
)
def test_the_due_day_is_in_time_and_silence_past_it_is_no_objection(
    day: date, answered: bool, provisional: bool, status: OpinionStatus
) -> None:
    assert status_on(day, due_on=DUE_ON, answered=answered, provisional=provisional) is status


def test_a_silent_request_goes_back_the_day_after_its_limit() -> None:
    assert withdrawal_day(date(2026, 12, 31)) == date(2027, 1, 1)


def test_five_working_days_skip_the_weekend_and_the_national_holiday() -> None:
    due = WorkingCalendar("CN").due_date(date(2026, 9, 29), working_days=5)

    assert due == DueDate(on=date(2026, 10, 12), provisional=False)


def test_a_provisional_date_becomes_what_is_counted_and_a_final_one_moves_only_later() -> None:
    earlier, later = date(2026, 11, 27), date(2026, 12, 1)
    provisional, final = DueDate(DUE_ON, provisional=True), DueDate(DUE_ON, provisional=False)

    assert settled_due_date(provisional, DueDate(earlier, provisional=False)).on == earlier
    assert settled_due_date(final, DueDate(earlier, provisional=False)) == final
    assert settled_due_date(final, DueDate(later, provisional=False)).on == later


CASES = [
    # Spring festival 2020, prolonged by notice to 2 February: 20 to 23 January, then 3 February.
    (date(2020, 1, 19), 5, date(2020, 2, 3)),
    # 2024: 18 February, a Sunday, is worked.
    (date(2024, 2, 9), 1, date(2024, 2, 18)),
    # 2025: Wednesday 1 January is off.
    (date(2024, 12, 31), 2, date(2025, 1, 3)),
    # 2026: Sunday 4 January, Saturdays 14 and 28 February are worked; 15 to 23 February are off.
    (date(2025, 12, 31), 1, date(2026, 1, 4)),
    (date(2026, 2, 13), 1, date(2026, 2, 14)),
    (date(2026, 2, 13), 6, date(2026, 2, 28)),
    # 2026: 1 to 7 October are off, Saturday 10 is worked.
    (date(2026, 9, 30), 3, date(2026, 10, 10)),
    # The weekend before and after.
    (date(2026, 11, 27), 5, date(2026, 12, 4)),
]


@pytest.mark.parametrize(("sent_on", "working_days", "due_on"), CASES)
def test_the_due_day_by_hand(sent_on: date, working_days: int, due_on: date) -> None:
    due = due_date(sent_on, working_days=working_days, stops=(), calendar=CALENDAR)

    assert due == DueDate(due_on, provisional=False)
    assert CALENDAR.due_date(sent_on, working_days=working_days) == due


@pytest.mark.parametrize(
    ("year", "count"),
    [(2019, 250), (2020, 249), (2021, 250), (2022, 249), (2023, 249), (2024, 251), (2025, 248), (2026, 248)],
)
def test_a_year_has_as_many_working_days_as_its_notice(year: int, count: int) -> None:
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(366)]

    assert sum(CALENDAR.is_working_day(day) for day in days if day.year == year) == count


def test_the_clock_is_explained_day_by_day() -> None:
    days = explain(date(2026, 2, 13), working_days=3, stops=(), calendar=CALENDAR)

    shown = [(str(d.calendar.day), d.calendar.kind, d.calendar.name, d.number) for d in days]
    assert shown[0] == ("2026-02-14", DayKind.MAKE_UP_DAY, "春节", 1)
    assert shown[1] == ("2026-02-15", DayKind.HOLIDAY, "春节", None)
    assert shown[-2:] == [
        ("2026-02-24", DayKind.WORKING_DAY, None, 2),
        ("2026-02-25", DayKind.WORKING_DAY, None, 3),
    ]


def test_the_day_of_a_stop_counts_and_the_days_up_to_the_restart_do_not() -> None:
    monday = date(2026, 11, 23)
    stop = Stop(date(2026, 11, 24), date(2026, 11, 26))

    days = explain(monday, working_days=5, stops=[stop], calendar=CALENDAR)

    assert [str(d.calendar.day)[-2:] for d in days if d.is_stopped] == ["25", "26"]
    assert days[-1].calendar.day == date(2026, 12, 2)


def test_a_clock_stopped_on_the_last_day_leaves_a_whole_working_day_after_the_restart() -> None:
    monday = date(2026, 11, 23)
    stops = [Stop(DUE_ON, date(2026, 12, 3)), Stop(date(2026, 12, 4), date(2026, 12, 5))]

    once = explain(monday, working_days=5, stops=stops[:1], calendar=CALENDAR)
    twice = due_date(monday, working_days=5, stops=stops, calendar=CALENDAR)

    assert [str(d.calendar.day)[-2:] for d in once if d.is_stopped] == ["30", "01", "02", "03"]
    assert (str(once[-1].calendar.day), once[-1].number) == ("2026-12-04", 5)
    assert twice.on == date(2026, 12, 7)


def test_a_due_day_that_is_kept_ends_the_clock_whatever_the_calendar_says_by_now() -> None:
    monday = date(2026, 11, 23)
    rules = {date(2026, 11, 26): DayRule(is_working=False, name="暴雪停工")}
    storm = WorkingCalendar("CN", rules=rules)

    sooner = explain(monday, working_days=5, stops=(), calendar=storm, ends_on=DUE_ON)
    later = explain(monday, working_days=5, stops=(), calendar=CALENDAR, ends_on=date(2026, 12, 1))

    numbers = [[(d.calendar.day.day, d.number) for d in days if d.counts] for days in (sooner, later)]
    assert numbers == [[(24, 1), (25, 2), (27, 3), (30, 5)], [(24, 1), (25, 2), (26, 3), (27, 4), (1, 5)]]


def test_stopping_and_starting_on_one_day_changes_nothing() -> None:
    monday = date(2026, 11, 23)
    stop = Stop(monday, monday)

    assert due_date(monday, working_days=5, stops=[stop], calendar=CALENDAR).on == DUE_ON


@given(
    start=st.dates(date(2019, 1, 1), date(2026, 10, 1)),
    working_days=st.integers(1, 20),
    stop_after=st.integers(0, 10),
    length=st.integers(0, 15),
)
def test_a_stop_gives_back_exactly_the_working_days_that_it_took(
    start: date, working_days: int, stop_after: int, length: int
) -> None:
    stopped_on = start + timedelta(days=stop_after)
    without = due_date(start, working_days=working_days, stops=(), calendar=CALENDAR).on
    if stopped_on > without:
        return
    stop = Stop(stopped_on, stopped_on + timedelta(days=length))

    moved = due_date(start, working_days=working_days, stops=[stop], calendar=CALENDAR).on

    days = [start + timedelta(days=n) for n in range(1, (moved - start).days + 1)]
    was_last = {stopped_on} if stopped_on == without and length else set()
    counted = [
        day for day in days if CALENDAR.is_working_day(day) and not stop.covers(day) and day not in was_last
    ]
    assert len(counted) == working_days and counted[-1] == moved >= without
    assert not length or moved > stopped_on + timedelta(days=length)


def test_the_citys_own_days_go_before_the_library_and_make_a_year_known(tmp_path: Path) -> None:
    file = tmp_path / "calendar.csv"
    file.write_text("date,is_workday,name\n2026-11-25,0,暴雪停工\n2027-02-06,1,春节调休\n", encoding="utf-8")
    own = WorkingCalendar("CN", rules=read_day_rules(file), published_years=frozenset({2027}))

    assert own.due_date(date(2026, 11, 23), working_days=5).on == date(2026, 12, 1)
    assert own.describe(date(2026, 11, 25)).name == "暴雪停工"
    assert own.is_working_day(date(2027, 2, 6))
    assert not own.due_date(date(2026, 12, 30), working_days=5).provisional
    assert CALENDAR.due_date(date(2026, 12, 30), working_days=5).provisional


def test_a_calendar_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    file = tmp_path / "calendar.csv"
    file.write_text("date,is_workday,name\n2026-11-25,maybe,\n", encoding="utf-8")

    with pytest.raises(InvalidInputError, match="is_workday"):
        read_day_rules(file)
    with pytest.raises(InvalidInputError, match="no calendar file"):
        read_day_rules(tmp_path / "none.csv")
