"""Where an opinion request stands on a day."""

from datetime import date

import pytest

from blueprint.working_days import DueDate, WorkingCalendar
from coordination.limits import OpinionStatus, settled_due_date, status_on, withdrawal_day

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


def test_a_provisional_date_is_counted_again_and_a_final_one_never_moves() -> None:
    unknown_year, known = WorkingCalendar("CN"), WorkingCalendar("US")
    sent_on = date(2029, 12, 28)
    provisional = unknown_year.due_date(sent_on, working_days=5)
    assert provisional.provisional

    settled = settled_due_date(provisional, sent_on=sent_on, working_days=5, calendar=known)
    unmoved = settled_due_date(
        DueDate(on=DUE_ON, provisional=False), sent_on=sent_on, working_days=5, calendar=known
    )

    assert settled == known.due_date(sent_on, working_days=5)
    assert not settled.provisional
    assert unmoved == DueDate(on=DUE_ON, provisional=False)
