"""The list of all that is late: stages and whole cases by the same days as the ledger, nobody cut off by others."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from approval import supervision
from approval.case_ledger import Span, sums_of, turns_of
from approval.clock import Card
from approval.item_overview import Desk
from approval.item_states import Holder, Step
from approval.lateness import MOST, Wanted, who_is_late
from approval.matter_models import LateKind
from approval.stage_clock import stage_term
from approval.stages import Stage
from approval.supervision import About
from blueprint.city import City
from blueprint.errors import ConflictError
from coordination.notice_models import Notice
from service.late_notices import tell_late
from tests.approval.office import CALENDAR, WINDOW, Office

START = date(2026, 3, 2)


@pytest.fixture
def office(session: Session, city: City) -> Office:
    return Office(session, city)


def desk(office: Office) -> Desk:
    return Desk(office.city, CALENDAR, office.now.date())


def late(office: Office, **wanted: Any) -> list[tuple[str, str | None, str]]:
    found = who_is_late(office.session, desk(office), Wanted(**wanted)).items
    return [(str(each.kind), each.department, str(each.card)) for each in found]


@given(
    held=st.lists(
        st.tuples(st.sampled_from(Holder), st.integers(0, 25), st.integers(1, 15)), min_size=1, max_size=6
    ),
    limit=st.integers(1, 12),
    concluded_after=st.integers(1, 50),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_stage_is_in_time_by_its_card_exactly_when_it_is_by_its_ledger(
    held: list[tuple[Holder, int, int]], limit: int, concluded_after: int
) -> None:
    """Art. 9: red card and on-time share are of the same days, those on which all work was stopped left out."""
    spans = [
        Span(f"A{number}/1", holder, START + timedelta(after), START + timedelta(after + days))
        for number, (holder, after, days) in enumerate(held)
    ]

    due = stage_term(START, limit, limit=limit, yellow_share=0.2, spans=spans, calendar=CALENDAR)

    assert due.yellow_on <= due.due_on
    day = CALENDAR.due_date(START, working_days=concluded_after).on
    sums = sums_of(turns_of(spans, after=START, up_to=day, is_working_day=CALENDAR.is_working_day))
    assert (day <= due.due_on) == (sum(sums.values()) - sums[Holder.STOP] <= limit)


def test_a_stage_and_the_whole_case_turn_yellow_and_red_with_the_districts_lead_and_get_letters(
    office: Office,
) -> None:
    """Art. 2, 9: stops move the day, a withdrawn case is nobody's lateness."""
    case = office.case(district="210381")
    stage = case.stages[0]
    assert (stage.due_on, stage.yellow_on) == (date(2026, 4, 14), date(2026, 4, 3))
    assert stage.case_due_on == CALENDAR.due_date(START, working_days=95).on
    office.accepted(case, "A104")
    office.step(case, "A104", Step.BEGIN)
    office.step(case, "A104", Step.STOP, reason="公示", stop_kind="publicity", working_days=10)
    assert stage.due_on == CALENDAR.due_date(START, working_days=40).on
    office.days_pass(7)
    office.step(case, "A104", Step.RESUME)  # five working days sooner than announced
    assert stage.due_on == CALENDAR.due_date(START, working_days=35).on

    about = About(LateKind.STAGE, stage=Stage.LAND_USE_PLANNING)
    with pytest.raises(ConflictError, match="nobody is late"):
        supervision.send_letter(office.session, case, about, "请推进", desk=desk(office), actor=WINDOW)
    assert stage.yellow_on is not None and stage.due_on is not None and stage.case_due_on is not None
    seen = []
    for day in (stage.yellow_on, stage.due_on + timedelta(days=1), stage.case_due_on + timedelta(days=1)):
        office.now = office.now.replace(year=day.year, month=day.month, day=day.day)
        seen.append([each for each in late(office) if each[0] in ("stage", "case")])
    assert seen == [
        [("stage", "ZRZY210381", "yellow")],
        [("stage", "ZRZY210381", "red")],
        [("stage", "ZRZY210381", "escalated"), ("case", "SPJ", "red")],
    ]
    assert late(office, department="ZRZY", kind=LateKind.STAGE) == []
    assert ("stage", "ZRZY210381", "escalated") in late(office, department="ZRZY210381")
    assert late(office, hall="ZRZY210381") == [] and len(late(office, hall="SPJ")) == 3
    letters = [
        supervision.send_letter(
            office.session,
            case,
            About(kind, stage=Stage.LAND_USE_PLANNING),
            "请推进",
            desk=desk(office),
            actor=WINDOW,
        )
        for kind in (LateKind.STAGE, LateKind.CASE)
    ]
    assert [(row.department, row.card) for row in letters] == [("ZRZY210381", "escalated"), ("SPJ", "red")]
    listed = supervision.list_letters(office.session, case_id=case.id, department=None, is_open=True)
    assert list(listed) == letters

    case.withdrawn_on = office.now.date()
    office.session.flush()
    assert late(office) == []


def test_nobody_is_cut_off_the_list_or_its_notice_by_others_who_are_later(office: Office) -> None:
    case = office.case("GOV_BLD", "A101")
    office.accepted(case, "A101")
    office.session.execute(
        text(
            "INSERT INTO approval.item (case_id, code, round, title, department, day_unit, state, on_commitment,"
            " extended_days, submitted_on, due_on, yellow_on, provisional, verify_provisional)"
            " SELECT :case, 'X' || n, 1, 'x', 'LCJ', 'working', 'in_review', FALSE, 0, '2026-01-05', '2026-02-02',"
            " '2026-01-30', FALSE, FALSE FROM generate_series(1, :count) AS n"
        ),
        {"case": case.id, "count": MOST + 1},
    )
    office.days_pass(28)

    whole = who_is_late(office.session, desk(office))
    own = who_is_late(office.session, desk(office), Wanted(department="FGW"))
    tell_late(office.session, city=office.city, now=office.now)

    assert (len(whole.items), whole.more) == (MOST, True)
    assert ([(each.item, each.department) for each in own.items], own.more) == ([("A101", "FGW")], False)
    assert all(each.card is Card.ESCALATED for each in whole.items)
    told = office.session.scalars(select(Notice.department)).all()
    assert {"FGW", "LCJ"} <= set(told)
