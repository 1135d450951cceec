"""Supervision, joint consultation, meetings, guidance, disputes, obligations."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from approval import joint_consultation, matters, obligations, supervision
from approval.clock import Card, Run, card_on, months_later, term
from approval.intake import receive
from approval.item_models import Item
from approval.item_overview import Desk
from approval.item_states import Holder, ItemState, Step
from approval.items import find_item
from approval.joint_consultation import AnswerGiven, basis_of, list_answers
from approval.lateness import Wanted, who_is_late
from approval.leads import copied_to
from approval.matter_models import (
    AnswerKind,
    ConsultationAnswer,
    JointConsultation,
    LateKind,
    MatterKind,
    MatterState,
    ObligationSource,
)
from approval.matters import Duty, Turn
from approval.models import Case
from approval.process_table import DayUnit
from approval.stages import Stage
from approval.supervision import About
from blueprint.city import City
from blueprint.database import make_engine
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.wall import KEEPER, seeing
from coordination.notice_models import Notice
from service.approval_notices import tell_asked
from service.late_notices import tell_late
from tests.approval.office import CALENDAR, CODE, WINDOW, Office, message, promised
from tests.conftest import OBJECTS


@pytest.fixture
def office(session: Session, city: City) -> Office:
    return Office(session, city)


def desk(office: Office) -> Desk:
    return Desk(office.city, CALENDAR, office.now.date())


def late(office: Office, **asked: Any) -> list[tuple[str, str | None, str]]:
    found = who_is_late(office.session, desk(office), Wanted(**asked)).items
    return [(str(each.kind), each.item, str(each.card)) for each in found]


def ask(office: Office, case: Case, code: str, *departments: str) -> JointConsultation:
    item = find_item(office.session, case, code)
    who = office.department(item.department)
    return joint_consultation.ask(
        office.session, case, item, "有无意见", departments,
        city=office.city, calendar=CALENDAR, actor=who, today=office.now.date(),
    )  # fmt: skip


def answer(
    office: Office, asked: ConsultationAnswer, kind: AnswerKind, conditions: str | None = None
) -> None:
    actor = office.department(asked.department)
    given = AnswerGiven(kind, conditions)
    joint_consultation.answer(office.session, asked, given, actor=actor, now=office.now)


def test_the_card_turns_yellow_when_a_fifth_is_left_and_red_the_day_after_the_limit() -> None:
    ten = term([Run(date(2026, 3, 2))], limit=10, unit=DayUnit.WORKING, yellow_share=0.2, calendar=CALENDAR)

    assert (ten.yellow_on, ten.due_on) == (date(2026, 3, 12), date(2026, 3, 16))
    cards = [
        card_on(day, due_on=ten.due_on, yellow_on=ten.yellow_on, escalation_days=3, calendar=CALENDAR)
        for day in (
            date(2026, 3, 11),
            date(2026, 3, 12),
            date(2026, 3, 16),
            date(2026, 3, 17),
            date(2026, 3, 19),
        )
    ]
    assert cards == [Card.GREEN, Card.YELLOW, Card.YELLOW, Card.RED, Card.ESCALATED]
    assert months_later(date(2024, 2, 29), 12) == date(2025, 2, 28)


def test_silence_approves_nothing_and_whoever_has_the_item_is_late(office: Office) -> None:
    """No tacit consent in approval: a year later the item is where it was."""
    case = office.case()
    office.step(case, "A104", Step.SUBMIT)
    assert late(office) == []
    office.days_pass(7)
    assert late(office) == [("item", "A104", "yellow")]
    assert late(office, with_yellow=False) == []
    office.days_pass(365)

    assert ("item", "A104", "escalated") in late(office)
    assert ("stage", None, "escalated") in late(office)
    window = who_is_late(office.session, desk(office), Wanted(department="SPJ", kind=LateKind.ITEM)).items
    assert [(each.holder, each.department) for each in window] == [(Holder.WINDOW, "SPJ")]
    assert late(office, department="SLJ") == []
    assert find_item(office.session, case, "A104").state == ItemState.SUBMITTED


def test_a_stopped_item_is_late_only_past_the_days_that_were_announced(office: Office) -> None:
    case = office.case()
    office.accepted(case, "A104")
    office.step(case, "A104", Step.BEGIN)
    office.step(case, "A104", Step.STOP, reason="公示", stop_kind="publicity", working_days=10)
    office.days_pass(13)
    assert late(office, kind=LateKind.ITEM, with_yellow=False) == []
    office.days_pass(2)
    assert late(office, kind=LateKind.ITEM) == [("item", "A104", "red")]


def test_promises_commitments_and_uploads_are_watched(office: Office) -> None:
    case = office.case()
    office.step(case, "A104", Step.SUBMIT)
    office.hand_in(case, "M01")
    office.hand_in(case, "M02")
    office.step(case, "A104", Step.ACCEPT, promised=(promised("M10", office.now.date() + timedelta(days=3)),))
    office.step(case, "A104", Step.BEGIN)
    office.approve(case, "A104")
    office.days_pass(4)
    assert late(office) == [("promise", "A104", "red")]
    office.hand_in(case, "M10")
    assert late(office) == []
    office.days_pass(11)
    assert late(office) == [("upload", "A104", "red")]


def test_a_letter_goes_to_who_is_late_and_is_answered_once(office: Office) -> None:
    case = office.case()
    office.accepted(case, "A104")
    about = About(LateKind.ITEM, item="A104")
    with pytest.raises(ConflictError, match="nobody is late"):
        supervision.send_letter(office.session, case, about, "请尽快办理", desk=desk(office), actor=WINDOW)
    office.days_pass(20)

    letter = supervision.send_letter(
        office.session, case, about, "请尽快办理", desk=desk(office), actor=WINDOW
    )

    assert (letter.department, letter.card, letter.due_on) == ("ZRZY", "escalated", date(2026, 3, 16))
    bureau, today = office.department("ZRZY"), office.now.date()
    supervision.answer_letter(office.session, letter, "三日内办结", actor=bureau, today=today)
    with pytest.raises(ConflictError, match="answered on"):
        supervision.answer_letter(office.session, letter, "五日", actor=bureau, today=today)
    assert supervision.list_letters(office.session, department="ZRZY", is_open=True) == []


def test_departments_are_asked_at_once_and_their_answers_serve_later_items(office: Office) -> None:
    """Art. 13."""
    case = office.case("GOV_BLD", "A112")
    office.accepted(case, "A104")
    with pytest.raises(InvalidInputError, match="none about its own"):
        ask(office, case, "A104", "ZRZY")
    asked = ask(office, case, "A104", "LCJ", "SLJ")
    assert asked.due_on == CALENDAR.due_date(office.now.date(), working_days=5).on

    answer(office, asked.answers[0], AnswerKind.AGREE)
    with pytest.raises(ConflictError, match="answered on"):
        answer(office, asked.answers[0], AnswerKind.DISAGREE)
    with pytest.raises(InvalidInputError, match="needs its conditions"):
        answer(office, asked.answers[1], AnswerKind.AGREE_WITH_CONDITIONS)
    office.days_pass(8)
    assert late(office, kind=LateKind.CONSULTATION) == [("consultation", "A104", "red")]
    answer(office, asked.answers[1], AnswerKind.AGREE_WITH_CONDITIONS, "退让河岸三十米")

    later = basis_of(office.session, case, find_item(office.session, case, "A112"))
    assert [(basis.source, basis.department, basis.kind) for basis in later] == [
        ("consultation", "LCJ", "agree")
    ]
    office.step(case, "A104", Step.BEGIN)
    with pytest.raises(ConflictError, match="退让河岸三十米"):
        office.approve(case, "A104")
    (owed,) = [row for row in obligations.obligations_of(office.session, case.id) if row.item_code == "A104"]
    bureau = office.department("ZRZY")
    obligations.close(office.session, case, owed, "已写入选址意见书", actor=bureau, today=office.now.date())
    office.approve(case, "A104")


def test_an_item_waits_for_the_answers_that_it_asked_for_and_a_disagreement_is_dealt_with_in_writing(
    office: Office,
) -> None:
    """Art. 13: only the days announced for the answers; what comes later still binds an item that is to be decided."""
    case = office.case("GOV_BLD", "B208")
    office.accepted(case, "A104")
    asked = ask(office, case, "A104", "LCJ", "SLJ")
    office.step(case, "A104", Step.BEGIN)
    answer(office, asked.answers[0], AnswerKind.DISAGREE)
    with pytest.raises(ConflictError, match=r"wait for the answers of SLJ \(2026-03-09 前\)"):
        office.approve(case, "A104")
    office.days_pass(8)

    with pytest.raises(InvalidInputError, match="LCJ disagreed"):
        office.approve(case, "A104")
    assert late(office, kind=LateKind.CONSULTATION) == [("consultation", "A104", "red")]
    office.approve(case, "A104", reason="红线已退让林地")
    assert late(office, kind=LateKind.CONSULTATION) == []
    answer(office, asked.answers[1], AnswerKind.AGREE_WITH_CONDITIONS, "退让河岸三十米")

    owed = {row.content: row.item_code for row in obligations.obligations_of(office.session, case.id)}
    assert owed["退让河岸三十米"] == "B208"


def test_a_condition_that_comes_when_all_is_decided_is_closed_without_an_item(office: Office) -> None:
    case = office.case()
    close = partial(
        obligations.close, office.session, case, how="已退让", actor=WINDOW, today=office.now.date()
    )
    owed = obligations.oblige(office.session, case, ObligationSource.CONSULTATION, "LCJ", "退让林地")
    assert owed.item_code is None
    with pytest.raises(ConflictError, match="name the item"):
        close(owed)
    for item in obligations.undecided(office.session, case):
        item.state = ItemState.NOT_NEEDED

    assert close(owed).closed_on == office.now.date()


def test_a_condition_that_comes_while_its_item_is_approved_finds_the_item_decided(
    fresh_database: str, city: City
) -> None:
    engine = make_engine(fresh_database, objects=OBJECTS)
    with Session(engine) as session, session.begin():
        office = Office(session, city)
        case = office.case()
        office.accepted(case, "A104")
        asked = ask(office, case, "A104", "SLJ").answers[0].id
        office.step(case, "A104", Step.BEGIN)
    later = office.now + timedelta(days=10)

    def agree() -> str | None:
        with seeing(KEEPER), Session(engine) as session, session.begin():
            found = joint_consultation.find_answer(session, asked)
            given = AnswerGiven(AnswerKind.AGREE_WITH_CONDITIONS, "退让河岸三十米")
            joint_consultation.answer(session, found, given, actor=office.department("SLJ"), now=later)
            found_case = found.consultation.item.case
            return obligations.obligations_of(session, found_case.id)[-1].item_code

    with Session(engine) as session, session.begin(), ThreadPoolExecutor(1) as pool:
        here = Office(session, city, now=later)
        here.approve(session.scalars(select(Case)).one(), "A104")
        answering = pool.submit(agree)
        waiting = text("SELECT count(*) FROM pg_locks, pg_sleep(0.02) WHERE NOT granted")
        while not answering.done() and session.scalar(waiting) == 0:
            pass
        session.commit()
        assert answering.result(timeout=20) is None
    engine.dispose()


def test_a_districts_item_rests_on_the_opinion_of_its_trade_and_no_stage_ends_with_a_condition_adrift(
    office: Office,
) -> None:
    """Art. 2, 3: coordination asks the city's department, the district's approves, and the other way round."""
    opinion = {
        "department": "ZRZY",
        "department_name": "鞍山市自然资源局",
        "kind": "agree_with_conditions",
        "conditions": "退让道路红线",
        "given_on": "2026-02-25",
    }
    case = office.case("GOV_BLD", district="210381", opinions=[opinion, opinion | {"department": "WLJ"}])

    owed = [(row.department, row.item_code) for row in obligations.obligations_of(office.session, case.id)]
    item = find_item(office.session, case, "A104")
    assert (item.department, owed) == ("ZRZY210381", [("ZRZY", "A104"), ("WLJ", None)])
    assert [row.text for row in basis_of(office.session, case, item)] == ["退让道路红线"]
    with pytest.raises(ConflictError, match=r"退让道路红线 \(WLJ, number \d+, no item named"):
        office.conclude(case, Stage.LAND_USE_PLANNING)


def test_conditions_of_coordination_are_closed_by_a_named_item_before_the_end(office: Office) -> None:
    """Art. 3, 11: the water department's condition, with no item of its own in this case."""
    case = office.case()
    (owed,) = obligations.obligations_of(office.session, case.id)
    assert (owed.department, owed.item_code, owed.content) == ("SLJ", None, "雨水排放口不得高于河道设计水位")
    with pytest.raises(ConflictError, match="name the item"):
        obligations.close(office.session, case, owed, "好", actor=WINDOW, today=office.now.date())
    with pytest.raises(InvalidInputError, match="still to be decided"):
        obligations.assign(office.session, case, owed, "B208", actor=WINDOW)

    obligations.assign(office.session, case, owed, "A104", actor=WINDOW)
    office.accepted(case, "A104")
    office.step(case, "A104", Step.BEGIN)
    with pytest.raises(ConflictError, match="雨水排放口"):
        office.approve(case, "A104")


def test_a_condition_is_its_departments_first_item_where_it_has_one(office: Office) -> None:
    case = office.case("GOV_BLD", "B208", "A111")

    (owed,) = obligations.obligations_of(office.session, case.id)

    assert owed.item_code == "A111"


def test_each_condition_of_an_opinion_is_an_obligation_of_its_own(office: Office) -> None:
    opinion = {
        "department": "SLJ",
        "department_name": "鞍山市水利局",
        "kind": "agree_with_conditions",
        "conditions": "1. 退让河岸 2. 雨水排放",
        "given_on": "2026-02-25",
        "condition_list": [{"number": 1, "text": "退让河岸"}, {"number": 2, "text": "雨水排放"}],
    }
    case = receive(office.session, message(7, opinions=[opinion]), now=office.now)

    owed = obligations.from_handover(office.session, case)

    assert [row.content for row in owed] == ["退让河岸", "雨水排放"]


def test_the_last_stage_waits_for_every_obligation(office: Office) -> None:
    case = office.case()
    last = Stage.COMPLETION_ACCEPTANCE
    for row in case.stages[:-1]:
        row.accepted_on = row.concluded_on = office.now.date()
    for item in office.session.scalars(select(Item).where(Item.case_id == case.id)):
        item.state = ItemState.APPROVED
    office.open(case, last)

    with pytest.raises(ConflictError, match=r"雨水排放口.*no item named"):
        office.conclude(case, last)


def bring_up(
    office: Office, case: Case, code: str, kind: MatterKind, *others: str, by: str = "ZRZY"
) -> matters.Matter:
    return matters.bring_up(
        office.session, case, find_item(office.session, case, code), kind, "如何处理", others,
        city=office.city, actor=office.department(by), today=office.now.date(),
    )  # fmt: skip


def test_a_meeting_is_asked_of_the_stages_lead_when_two_departments_are_concerned(office: Office) -> None:
    """Art. 15."""
    case = office.case("GOV_BLD", "A112")
    with pytest.raises(InvalidInputError, match="two or more departments"):
        bring_up(office, case, "A112", MatterKind.MEETING, by="LCJ")

    meeting = bring_up(office, case, "A112", MatterKind.MEETING, "SLJ", by="LCJ")

    assert (meeting.addressed_to, meeting.departments) == ("ZRZY", "LCJ SLJ")
    lead, today = office.department("ZRZY"), office.now.date()
    convened = Turn(MatterState.CONVENED, meets_at=office.now, place="三楼会议室")
    matters.settle(office.session, meeting, convened, actor=lead, today=today)
    with pytest.raises(InvalidInputError, match="in writing"):
        matters.settle(office.session, meeting, Turn(MatterState.DECIDED), actor=lead, today=today)
    decided = Turn(MatterState.DECIDED, "同意，先补林地手续", duties=(Duty("LCJ", "补林地手续", "A112"),))
    matters.settle(office.session, meeting, decided, actor=lead, today=today)

    assert "补林地手续" in str(obligations.open_obligations(office.session, case.id, "A112")[0])
    with pytest.raises(ConflictError, match="decided already"):
        matters.settle(office.session, meeting, decided, actor=lead, today=today)


def test_a_district_asks_the_citys_department_for_guidance_and_disputes_go_to_the_service_agency(
    office: Office,
) -> None:
    """Art. 16."""
    case = office.case("GOV_BLD", district="210381")

    guidance = bring_up(office, case, "A104", MatterKind.GUIDANCE, by="ZRZY210381")
    dispute = bring_up(office, case, "A104", MatterKind.DISPUTE, by="ZRZY210381")

    assert (guidance.addressed_to, dispute.addressed_to) == ("ZRZY", "SPJ")
    with pytest.raises(ConflictError, match="over the own item"):
        bring_up(office, case, "A104", MatterKind.GUIDANCE, by="FGW")
    case.hall = "ZRZY210381"
    for others, before in ((("ZRZY",), "SPJ"), (("ZRZY210311",), "ZRZY210381")):
        found = bring_up(office, case, "A104", MatterKind.DISPUTE, *others, by="ZRZY210381")
        assert found.addressed_to == before
    with pytest.raises(ConflictError, match="asked by a district"):
        bring_up(office, case, "A102", MatterKind.GUIDANCE, by="FGW")
    assert case.project_code == CODE


def test_departments_are_told_once_a_working_day_what_is_late_with_them(office: Office) -> None:
    """Art. 2, 6: and the supervisors what is escalated; nobody is told on a day off, and no applicant is named."""
    case = office.case()
    office.step(case, "A104", Step.SUBMIT)
    office.days_pass(6)
    assert tell_late(office.session, city=office.city, now=office.now) == 0  # a Sunday
    office.days_pass(1)

    told = [tell_late(office.session, city=office.city, now=office.now) for _ in range(2)]
    office.days_pass(7)
    told += [tell_late(office.session, city=office.city, now=office.now)]

    rows = office.session.scalars(select(Notice).order_by(Notice.made_at, Notice.department)).all()
    assert told == [1, 0, 2]
    assert [(row.department, row.office) for row in rows] == [
        ("SPJ", None),
        ("SPJ", None),
        (None, "supervisor"),
    ]
    assert "逾期 0 件、预警 1 件" in rows[0].text and "逾期 1 件、预警 0 件" in rows[1].text
    assert CODE in rows[1].text and case.applicant not in rows[1].text


def test_a_department_is_told_once_of_a_letter_a_question_and_a_matter_that_wait_for_it(
    office: Office,
) -> None:
    """Art. 6, 9, 13, 15: and of nothing of what is asked; the stage's lead gets a copy of what is asked over others' items."""
    case = office.case("GOV_BLD", "A112")
    office.accepted(case, "A104")
    office.accepted(case, "A112")
    copied = ask(office, case, "A112", "SLJ", "FGW").answers
    ask(office, case, "A112", "SLJ", "ZRZY")  # the lead is asked itself
    asked = ask(office, case, "A104", "LCJ", "SLJ")
    answer(office, asked.answers[1], AnswerKind.AGREE)
    bring_up(office, case, "A104", MatterKind.MEETING, "LCJ")
    office.days_pass(20)
    about = About(LateKind.ITEM, item="A104")
    supervision.send_letter(office.session, case, about, "请尽快办理", desk=desk(office), actor=WINDOW)

    told = [tell_asked(office.session, city=office.city, now=office.now) for _ in range(2)]

    copied[1].told_at = None  # as when it is told in a later round than the first
    told.append(tell_asked(office.session, city=office.city, now=office.now))
    assert told == [8, 0, 1]
    for lead, listed in (("ZRZY", copied), ("ZJJ", [])):
        copies = copied_to(office.session, lead, office.city)
        assert list_answers(office.session, department=None, is_open=True, copied=copies) == listed

    rows = office.session.scalars(select(Notice).order_by(Notice.department)).all()
    assert [row.department for row in rows] == ["FGW"] * 2 + ["LCJ"] + ["SLJ"] * 2 + ["ZRZY"] * 4
    assert sum("抄送" in row.text for row in rows) == 1
    assert all(CODE in row.text and "请尽快办理" not in row.text for row in rows)
