"""Due days: what a stop gives and what it does not, and provisional limits that become final."""

from datetime import date, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from approval import joint_consultation
from approval.case_ledger import Span
from approval.due_days import COUNTED_ANEW, recount_provisional
from approval.item_overview import Desk, ledger_out
from approval.item_states import Holder, Step
from approval.stage_clock import stage_term
from approval.stages import in_sight
from blueprint.audit.models import AuditEntry
from blueprint.city import City
from blueprint.errors import ConflictError
from blueprint.permissions import at_console
from blueprint.working_days import DayRule, WorkingCalendar
from tests.approval.office import CALENDAR, Office


@pytest.fixture
def office(session: Session, city: City) -> Office:
    return Office(session, city)


def test_lateness_is_not_erased_by_a_stop_an_extension_or_days_past_those_announced(office: Office) -> None:
    """行政许可法 42, 45: only a limit that runs is extended or stopped, and the stop is the days that were told."""
    case = office.case()
    office.accepted(case, "A104")
    office.step(case, "A104", Step.BEGIN)
    office.days_pass(14)  # the tenth and last working day
    office.step(case, "A104", Step.STOP, reason="论证", stop_kind="expert_review", working_days=15)
    office.days_pass(7)
    early = office.step(case, "A104", Step.RESUME)
    assert early.due_on == office.now.date() == date(2026, 3, 23)  # that day is in time
    with pytest.raises(ConflictError, match="15 are left"):
        office.step(case, "A104", Step.STOP, reason="再论证", stop_kind="expert_review", working_days=16)
    office.step(case, "A104", Step.STOP, reason="再论证", stop_kind="expert_review", working_days=2)

    office.days_pass(4)  # two working days past those announced
    day = Desk(office.city, CALENDAR, office.now.date())
    assert ledger_out(office.session, case, day).sums[Holder.DEPARTMENT] == 12
    item = office.step(case, "A104", Step.RESUME)

    assert item.due_on == date(2026, 3, 25)
    assert [(span.holder, span.working_days) for span in item.spans[-3:]] == [
        ("department", 0),
        ("stop", 2),
        ("department", None),
    ]
    for step, more in (
        (Step.STOP, {"stop_kind": "hearing", "working_days": 5}),
        (Step.EXTEND, {"working_days": 5}),
    ):
        with pytest.raises(ConflictError, match="ran out on 2026-03-25"):
            office.step(case, "A104", step, reason="补救", **more)
    done = office.approve(case, "A104")
    assert (done.was_late, done.department_days, done.stop_days) == (True, 12, 7)


def test_a_provisional_limit_is_settled_when_its_year_is_published(office: Office) -> None:
    """No limit runs out on an estimate; when the notice of the year comes in, all that waited for it are counted anew."""
    office.now = datetime(2026, 12, 21, 9, 0, tzinfo=office.now.tzinfo)
    case = office.case("SOC_IND", "B207")
    office.accepted(case, "A104")
    item = office.step(case, "A104", Step.BEGIN)
    asked = joint_consultation.ask(
        office.session,
        case,
        item,
        "是否占用林地",
        ["LCJ"],
        city=office.city,
        calendar=CALENDAR,
        actor=office.department(item.department),
        today=date(2026, 12, 28),
    )
    stage = case.stages[0]
    rows = (item, stage, asked)
    assert all(row.provisional for row in rows)
    guessed = [row.due_on for row in rows]
    actor = at_console("系统 (system)")
    assert recount_provisional(office.session, calendar=CALENDAR, actor=actor) == 0

    published = WorkingCalendar(
        "CN", rules={date(2027, 1, 4): DayRule(False, "元旦")}, published_years=frozenset({2027})
    )
    assert recount_provisional(office.session, calendar=published, actor=actor) == 3

    assert not any(row.provisional for row in rows)
    assert [row.due_on for row in rows] == [
        published.due_date(start, working_days=days).on
        for start, days in ((date(2026, 12, 21), 10), (date(2026, 12, 21), 10), (date(2026, 12, 28), 5))
    ]
    assert [row.due_on for row in rows] != guessed
    assert recount_provisional(office.session, calendar=published, actor=actor) == 0
    office.now = datetime(2027, 6, 1, 9, 0, tzinfo=office.now.tzinfo)
    item.on_commitment = True
    assert office.approve(case, "A104").was_late is True
    assert item.verify_provisional
    assert recount_provisional(office.session, calendar=published, actor=actor) == 1
    assert (item.verify_due_on, item.verify_provisional) == (
        published.due_date(date(2027, 6, 1), working_days=30).on,
        False,
    )


def test_a_case_that_reaches_into_an_unknown_year_is_not_counted_again_and_again(office: Office) -> None:
    """Its first stage ends this year, the whole case in one whose notice is not out: nothing is to be settled."""
    office.now = datetime(2026, 11, 23, 9, 0, tzinfo=office.now.tzinfo)
    case = office.case("SOC_IND", "B208")
    office.accepted(case, "A104")
    stage = case.stages[0]
    assert (stage.provisional, stage.case_provisional) == (False, True)
    actor = at_console("系统 (system)")
    assert recount_provisional(office.session, calendar=CALENDAR, actor=actor) == 0

    stage.case_due_on = None  # as a stage that was under way before whole cases were watched
    office.session.flush()

    assert recount_provisional(office.session, calendar=CALENDAR, actor=actor) == 1
    assert stage.case_due_on is not None and stage.case_provisional
    assert recount_provisional(office.session, calendar=CALENDAR, actor=actor) == 0
    counted = select(func.count()).select_from(AuditEntry).where(AuditEntry.act == COUNTED_ANEW)
    assert office.session.scalar(counted) == 0


def test_a_stage_that_stands_still_has_no_last_day_until_work_goes_on() -> None:
    """A stop that is open has no end: its days are not walked to the end of the calendar."""
    spans = [Span("A104/1", Holder.STOP, date(2026, 3, 4), date.max)]

    due = stage_term(date(2026, 3, 2), 30, limit=30, yellow_share=0.2, spans=spans, calendar=CALENDAR)

    assert (due.due_on, due.provisional, in_sight(due.due_on)) == (date.max, True, None)
