"""The life of an item: preconditions, one list of what is lacking, clock stops, results, rounds."""

from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from approval import obligations, preparation
from approval.applicant import progress_of
from approval.case_items import items_of
from approval.item_models import Item
from approval.item_states import EXCHANGE_CODE, TRANSITIONS, Holder, ItemState, Step
from approval.item_steps import ResultGiven
from approval.items import find_item
from approval.materials import FileGiven, NeedState, library, open_promises
from approval.matter_models import MatterKind
from approval.models import Case
from approval.process_table import load_document, read_document
from approval.requirements import acceptance_obstacles, dossier_of, needs
from approval.results import item_of_result, keep_result_file
from approval.stages import Stage
from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.objects import Stored
from tests.approval.office import CALENDAR, CODE, TABLE, WINDOW, Office, lacking, promised
from tests.approval.test_between_departments import bring_up, late


@pytest.fixture
def office(session: Session, city: City) -> Office:
    return Office(session, city)


def codes_of(office: Office, case: Case) -> dict[str, Item]:
    return {item.code: item for item in items_of(office.session, case)}


def test_a_case_is_prepared_without_a_code_and_nothing_of_it_is_taken_in(office: Office) -> None:
    """Art. 12."""
    case = office.case("GOV_BLD", "A112", code=None)

    items = codes_of(office, case)
    assert {code: item.department for code, item in items.items()} == {
        "A102": "FGW", "A104": "ZRZY", "A105": "ZRZY", "A112": "LCJ", "B202": "ZRZY", "C303": "ZJJ", "D408": "ZJJ",
    }  # fmt: skip
    assert items["A104"].stage == Stage.LAND_USE_PLANNING
    with pytest.raises(ConflictError, match=r"project code first.*Art\. 12"):
        office.step(case, "A104", Step.SUBMIT)
    with pytest.raises(ConflictError, match="project code"):
        office.open(case, Stage.LAND_USE_PLANNING)


def test_a_running_case_keeps_the_table_it_started_under(office: Office) -> None:
    case = office.case()
    document = load_document(TABLE)
    newer = read_document(document | {"version": "national-2027-1", "in_force_from": "2026-03-01"})

    assert preparation.table_of(office.session, case).version == "national-2026-1"
    assert newer.sha256 != preparation.table_of(office.session, case).sha256
    with pytest.raises(ConflictError, match="under way"):
        preparation.prepare(
            office.session, case, "SOC_IND", [], district=None, city=office.city, actor=office.department("SPJ"),
            now=office.now,
        )  # fmt: skip


def test_a_table_whose_rows_refer_to_nothing_is_refused_row_by_row() -> None:
    document = load_document(TABLE)
    rows = [dict(row) for row in document["item"]]
    rows[0]["after"], rows[1]["materials"], rows[2]["source"] = "Z999", "M01 X1|R101", ""

    with pytest.raises(InvalidInputError) as refused:
        read_document(document | {"item": rows})

    assert [(row["row"], row["what"]) for row in refused.value.rows] == [
        ("A101", "there is no item 'Z999'"),
        ("A102", "there is no material 'X1'"),
        ("A103", "every row says its source"),
    ]


def test_a_districts_own_department_approves_where_there_is_one_and_the_bureau_where_there_is_none(
    office: Office,
) -> None:
    """Art. 2: down to counties and districts."""
    case = office.case("GOV_BLD", "C306", code=None, district="210381")

    items = codes_of(office, case)
    assert items["A104"].department == "ZRZY210381"
    assert items["A102"].department == "FGW"
    assert items["C306"].department == "SPJ"


def test_items_of_a_stage_run_in_parallel_and_what_comes_first_explains_itself(office: Office) -> None:
    case = office.case("GOV_BLD", "A112")
    office.accepted(case, "A104")
    office.accepted(case, "A112")

    office.step(case, "A102", Step.SUBMIT)
    with pytest.raises(ConflictError, match=r"comes after 建设项目用地预审与选址意见书核发 .A104: accepted"):
        office.step(case, "A102", Step.ACCEPT)
    office.step(case, "A104", Step.BEGIN)
    office.approve(case, "A104")

    obstacles = acceptance_obstacles(
        dossier_of(office.session, case), find_item(office.session, case, "A102"), office.now.date()
    )
    assert len(obstacles) == 1 and obstacles[0].english.startswith("可行性研究报告 (M11) is missing")


def test_what_is_lacking_is_said_once_and_whole(office: Office) -> None:
    case = office.case()
    office.step(case, "A104", Step.SUBMIT)
    office.days_pass(1)
    with pytest.raises(InvalidInputError, match="everything that is lacking"):
        office.step(case, "A104", Step.ASK_CORRECTION)

    asked = office.step(case, "A104", Step.ASK_CORRECTION, lacking=(lacking("M01"), lacking("M02")))
    assert asked.due_on == office.now.date() + timedelta(days=30)
    office.hand_in(case, "M01")
    with pytest.raises(ConflictError, match="still lacking: 申请人主体资格"):
        office.step(case, "A104", Step.CORRECT)
    office.hand_in(case, "M02")
    item = office.step(case, "A104", Step.CORRECT)

    assert [step.state for step in item.steps] == ["submitted", "correction_asked", "corrected", "submitted"]
    with pytest.raises(ConflictError, match="once and for all"):
        office.step(case, "A104", Step.ASK_CORRECTION, lacking=(lacking("M10"),))


def test_only_what_the_item_needs_is_asked_for_once_and_a_version_of_before_mends_nothing(
    office: Office,
) -> None:
    case = office.case()
    office.hand_in(case, "M01")
    office.hand_in(case, "M01", replaces_reason="上午换过一次")
    office.step(case, "A104", Step.SUBMIT)
    for asked, why in (
        (("M32",), "none of the item's materials"),
        (("M02", "M02"), "listed twice"),
    ):
        with pytest.raises(InvalidInputError, match=why):
            office.step(case, "A104", Step.ASK_CORRECTION, lacking=tuple(map(lacking, asked)))

    faulty = (lacking("M01", defect="印章不清"), lacking("M02"))
    office.step(case, "A104", Step.ASK_CORRECTION, lacking=faulty)
    with pytest.raises(ConflictError, match="still lacking: 申请表, 申请人主体资格"):
        office.step(case, "A104", Step.CORRECT)
    office.hand_in(case, "M02")
    shown = {
        item.code: item.to_hand_in
        for item in progress_of(office.session, case, {}, today=office.now.date()).items
    }
    assert shown["A104"] == ["申请表：印章不清"]
    assert shown["A102"] == ["可行性研究报告（待提交 to hand in）"]
    office.hand_in(case, "M01", replaces_reason="印章不清")
    assert office.step(case, "A104", Step.CORRECT).state == ItemState.SUBMITTED


def test_known_material_is_not_asked_for_again_and_the_refusal_says_where_it_lies(office: Office) -> None:
    """Art. 14."""
    case = office.case("GOV_BLD", "A112")
    office.accepted(case, "A104")
    office.step(case, "A112", Step.SUBMIT)

    with pytest.raises(ConflictError, match=r"申请表 \(M01\) 第 1 版.*2026-03-02.*Art\. 14"):
        office.step(case, "A112", Step.ASK_CORRECTION, lacking=(lacking("M01"),))
    with pytest.raises(ConflictError, match=r"Art\. 14"):
        office.hand_in(case, "M01")
    with pytest.raises(ConflictError, match="obtained by the system"):
        office.step(case, "A112", Step.ASK_CORRECTION, lacking=(lacking("M05", defect="看不清"),))

    office.step(
        case, "A112", Step.ASK_CORRECTION, lacking=(lacking("M01", defect="印章不清"), lacking("M15"))
    )
    office.hand_in(case, "M15")
    with pytest.raises(ConflictError, match="still lacking: 申请表"):
        office.step(case, "A112", Step.CORRECT)
    replaced = office.hand_in(case, "M01", replaces_reason="印章不清")
    office.step(case, "A112", Step.CORRECT)

    assert replaced.version == 2
    filled = needs(
        dossier_of(office.session, case), find_item(office.session, case, "A105"), office.now.date()
    )
    states = {"|".join(need.codes): str(need.state) for need in filled}
    assert states == {
        "M01": "here",
        "M02": "here",
        "M05": "here",
        "R102": "missing",
        "M21": "missing",
    }


def test_material_past_its_day_is_asked_for_again(office: Office) -> None:
    case = office.case("GOV_BLD", "A112")
    office.hand_in(case, "M15", valid_until=office.now.date())
    office.days_pass(1)

    again = office.hand_in(case, "M15")

    assert (again.version, again.valid_until) == (2, date(2028, 3, 3))


def test_the_clock_stops_for_a_special_procedure_and_goes_on_with_the_days_that_were_left(
    office: Office,
) -> None:
    """行政许可法 45: five working days of ten pass, twelve calendar days do not count, five are left."""
    case = office.case()
    item = office.accepted(case, "A104")
    assert (item.limit_days, item.due_on, item.yellow_on) == (10, date(2026, 3, 16), date(2026, 3, 12))
    office.step(case, "A104", Step.BEGIN)
    office.days_pass(7)
    with pytest.raises(InvalidInputError, match="1 to 20 working days"):
        office.step(case, "A104", Step.STOP, reason="论证", stop_kind="expert_review", working_days=21)
    with pytest.raises(InvalidInputError, match="reason"):
        office.step(case, "A104", Step.STOP, stop_kind="expert_review", working_days=10)

    stopped = office.step(case, "A104", Step.STOP, reason="论证", stop_kind="expert_review", working_days=10)
    assert stopped.due_on == date(2026, 3, 23)
    with pytest.raises(ConflictError, match="not possible now") as refused:
        office.approve(case, "A104")
    assert refused.value.chinese == "事项处于“特别程序（开始）”，现在不能准予；可办：特别程序结束"
    assert str(refused.value) == "the item is stopped: approve is not possible now; possible: resume"
    office.days_pass(12)
    resumed = office.step(case, "A104", Step.RESUME)

    assert resumed.due_on == date(2026, 3, 27)
    office.days_pass(9)
    done = office.approve(case, "A104")
    assert done.was_late is True
    spans = [(span.holder, span.working_days) for span in done.spans]
    assert spans == [("window", 0), ("department", 5), ("stop", 9), ("department", 6)]
    total = CALENDAR.working_days_left(done.submitted_on, done.concluded_on)
    assert sum(s.working_days for s in done.spans) == total


def test_a_limit_is_extended_once_by_ten_days_at_most(office: Office) -> None:
    """行政许可法 42."""
    case = office.case()
    office.accepted(case, "A104")
    office.step(case, "A104", Step.BEGIN)
    office.days_pass(1)
    with pytest.raises(InvalidInputError, match="1 to 10"):
        office.step(case, "A104", Step.EXTEND, reason="案情复杂", working_days=11)

    extended = office.step(case, "A104", Step.EXTEND, reason="案情复杂", working_days=5)

    assert extended.due_on == CALENDAR.due_date(date(2026, 3, 2), working_days=15).on
    with pytest.raises(ConflictError, match="once"):
        office.step(case, "A104", Step.EXTEND, reason="还是复杂", working_days=1)


def test_a_limit_that_the_law_counts_in_calendar_days_is_counted_so(office: Office) -> None:
    """环境影响评价法 22."""
    case = office.case("SOC_IND", "B207", code=None)
    assert codes_of(office, case)["B207"].day_unit == "calendar"


def test_a_result_is_signed_numbered_and_in_the_library_at_once(office: Office) -> None:
    """Art. 10."""
    case = office.case()
    office.accepted(case, "A104")
    office.step(case, "A104", Step.BEGIN)
    with pytest.raises(InvalidInputError, match="needs its decision"):
        office.step(case, "A104", Step.APPROVE)

    item = office.approve(case, "A104")

    assert item.result is not None and item.result.number.startswith("鞍审")
    assert library(office.session, case.id)["R104"].item_id == item.id
    with pytest.raises(ConflictError, match="comes as the result of an item"):
        office.hand_in(case, "R104")
    assert (item.concluded_on, item.was_late, item.due_on) == (office.now.date(), False, None)


def test_a_number_is_given_to_one_result(office: Office) -> None:
    case = office.case("GOV_BLD", "A112")
    first = office.approved(case, "A104")
    office.accepted(case, "A112")
    office.step(case, "A112", Step.BEGIN)

    from approval.item_steps import ResultGiven

    with pytest.raises(ConflictError, match="given once"):
        office.step(case, "A112", Step.APPROVE, result=ResultGiven(first.result.number, "批复", "王五"))


def test_missing_material_is_tolerated_on_a_promise_and_watched(office: Office) -> None:
    """容缺受理: approved before the promise is kept is the exchange standard's state 12."""
    case = office.case()
    office.step(case, "A104", Step.SUBMIT)
    office.hand_in(case, "M01")
    office.hand_in(case, "M02")
    with pytest.raises(ConflictError, match=r"M10.*missing"):
        office.step(case, "A104", Step.ACCEPT)
    with pytest.raises(InvalidInputError, match="none of the item's materials"):
        office.step(case, "A104", Step.ACCEPT, promised=(promised("M30", date(2026, 3, 20)),))

    office.step(case, "A104", Step.ACCEPT, promised=(promised("M10", date(2026, 3, 20)),))
    office.step(case, "A104", Step.BEGIN)
    item = office.approve(case, "A104")

    assert item.state == ItemState.APPROVED_WITH_PROMISE
    assert EXCHANGE_CODE[ItemState(item.state)] == 12
    office.hand_in(case, "M10")
    filled = needs(
        dossier_of(office.session, case), find_item(office.session, case, "A104"), office.now.date()
    )
    assert filled[-1].material is not None and filled[-1].material.code == "M10"


def test_a_promise_is_for_what_the_applicant_has_within_its_days_and_ends_with_the_item(
    office: Office,
) -> None:
    case = office.case()
    office.approved(case, "A104")
    office.step(case, "A105", Step.SUBMIT)
    today = office.now.date()
    latest = CALENDAR.due_date(today, working_days=60).on
    for wrong, why in (
        (promised("R102", today), "the applicant cannot promise it"),
        (promised("M21", date(9999, 1, 1)), f"from today to {latest}"),
        (promised("M21", today - timedelta(days=1)), "from today"),
    ):
        with pytest.raises(InvalidInputError, match=why):
            office.step(case, "A105", Step.ACCEPT, promised=(wrong,))
    office.step(case, "A102", Step.SUBMIT)
    office.step(case, "A102", Step.ACCEPT, promised=(promised("M11", today + timedelta(days=2)),))
    office.step(case, "A102", Step.BEGIN)
    office.days_pass(3)

    with pytest.raises(ConflictError, match=r"handed in by its day: M11 \(2026-03-04\)"):
        office.approve(case, "A102")
    assert ("promise", "A102", "red") in late(office)
    refused = office.refuse(case, "A102", "逾期未补齐")

    assert open_promises(office.session, case.id) == [] and "promise" not in {
        kind for kind, _, _ in late(office)
    }
    assert refused.steps[1].detail["promised"] == [{"material": "M11", "due_on": "2026-03-04"}]


def test_the_result_of_an_item_that_the_case_does_not_need_is_not_asked_for(office: Office) -> None:
    """B202 rests on the plan review B201 where the project has one."""
    without, with_review = office.case("GOV_BLD", code=None), office.case("GOV_BLD", "B201", code=None)

    def asked(case: Case) -> list[tuple[str, ...]]:
        item = find_item(office.session, case, "B202")
        return [need.codes for need in needs(dossier_of(office.session, case), item, office.now.date())]

    assert asked(without) == [("M01",), ("M02",), ("M20",), ("R105",)]
    assert asked(with_review) == [("M01",), ("M02",), ("M20",), ("R105",), ("R201",)]


def test_approval_on_commitment_is_checked_afterwards_and_revoked_when_it_was_not_true(
    office: Office,
) -> None:
    """告知承诺: for the items that the table names, without the materials, checked within a term."""
    case = office.case("GOV_BLD", "B208")
    for code in ("A104", "A102"):
        office.approved(case, code)
    office.hand_in(case, "M21")
    office.approved(case, "A105")
    office.conclude(case, Stage.LAND_USE_PLANNING)
    office.open(case, Stage.PROJECT_PERMIT)
    office.step(case, "B208", Step.SUBMIT, on_commitment=True)
    office.step(case, "B208", Step.ACCEPT)
    office.step(case, "B208", Step.BEGIN)
    (owed,) = obligations.obligations_of(office.session, case.id)
    bureau = office.department("SLJ")
    obligations.close(office.session, case, owed, "方案已落实", actor=bureau, today=office.now.date())
    item = office.approve(case, "B208")

    assert item.verify_due_on == CALENDAR.due_date(office.now.date(), working_days=30).on
    office.step(case, "B208", Step.VERIFY)
    with pytest.raises(ConflictError, match="checked on"):
        office.step(case, "B208", Step.VERIFY)
    revoked = office.step(case, "B208", Step.REVOKE, reason="承诺不实")
    assert revoked.state == ItemState.REVOKED


def test_an_item_that_is_not_on_commitment_is_refused_so(office: Office) -> None:
    case = office.case()
    with pytest.raises(InvalidInputError, match="告知承诺"):
        office.step(case, "A104", Step.SUBMIT, on_commitment=True)


def test_a_case_is_prepared_again_with_what_hangs_on_its_items(office: Office) -> None:
    """A drop, a material handed in and a meeting: kept with what is still needed, named where it is not."""
    case = office.case("GOV_BLD", "A112", "B201", code=None)
    office.hand_in(case, "M15", item=find_item(office.session, case, "A112"))
    office.step(case, "B201", Step.DROP, reason="无需审查")
    meeting = bring_up(office, case, "A112", MatterKind.MEETING, "SLJ", by="LCJ")

    def prepare(kind: str, *chosen: str) -> None:
        with office.session.begin_nested():
            preparation.prepare(
                office.session, case, kind, chosen, district=None, city=office.city, actor=WINDOW, now=office.now
            )  # fmt: skip

    with pytest.raises(ConflictError, match=r"brought up over 使用林地审核审批 \(A112\): choose it too"):
        prepare("SOC_IND")
    assert case.project_type == "GOV_BLD" and "A102" in codes_of(office, case)
    prepare("SOC_IND", "A112", "B201")

    items = codes_of(office, case)
    assert sorted(items) == ["A103", "A104", "A105", "A112", "B201", "B202", "C303", "D408"]
    assert (items["B201"].state, items["B201"].steps) == (ItemState.NOT_SUBMITTED, [])
    assert library(office.session, case.id)["M15"].item_id == meeting.item_id == items["A112"].id


def test_the_end_of_a_case_waits_for_what_runs_beside_its_stages_and_for_what_was_revoked(
    office: Office,
) -> None:
    """Art. 3: with the last stage all of the project's items are approved, whenever one of them fell."""
    case = office.case("GOV_BLD", "E501")
    (owed,) = obligations.obligations_of(office.session, case.id)
    obligations.assign(office.session, case, owed, "A104", actor=WINDOW)
    obligations.close(office.session, case, owed, "已落实", actor=WINDOW, today=office.now.date())
    office.hand_in(case, "M21")
    for stage in list(Stage)[:-1]:
        office.finish(case, stage)
        office.open(case, list(Stage)[list(Stage).index(stage) + 1])
    office.step(case, "A105", Step.REVOKE, reason="以欺骗手段取得")

    with pytest.raises(ConflictError, match=r"A105: revoked.*E501: not submitted"):
        office.finish(case, Stage.COMPLETION_ACCEPTANCE)
    office.approved(case, "E501")
    preparation.add_item(office.session, case, "A105", city=office.city, actor=WINDOW)
    office.approved(case, "A105")
    office.conclude(case, Stage.COMPLETION_ACCEPTANCE)
    assert case.stages_concluded == 4


def test_a_stage_is_concluded_when_everything_the_project_needs_of_it_is_approved(office: Office) -> None:
    case = office.case("GOV_BLD", "A112")
    office.name_item(case, "D408")
    for code in ("A104", "A102"):
        office.approved(case, code)
    office.hand_in(case, "M21")
    office.approved(case, "A105")
    with pytest.raises(
        ConflictError, match=r"^land use planning is not finished: .* .A112: not submitted"
    ) as told:
        office.conclude(case, Stage.LAND_USE_PLANNING)
    assert told.value.chinese.startswith("立项用地规划许可") and "（A112：待申报）" in told.value.chinese

    office.step(case, "A112", Step.DROP, reason="不占林地")
    office.conclude(case, Stage.LAND_USE_PLANNING)

    with pytest.raises(ConflictError, match="every GOV_BLD project needs"):
        office.step(case, "C303", Step.DROP, reason="不想办")


def test_a_refused_item_is_applied_for_again_in_a_round_of_its_own(office: Office) -> None:
    case = office.case()
    office.accepted(case, "A104")
    office.step(case, "A104", Step.BEGIN)
    with pytest.raises(ConflictError, match="among the case's items already"):
        preparation.add_item(office.session, case, "A104", city=office.city, actor=office.department("SPJ"))
    office.refuse(case, "A104", "不符合规划")

    again = preparation.add_item(
        office.session, case, "A104", city=office.city, actor=office.department("SPJ")
    )

    assert (again.round, again.state) == (2, ItemState.NOT_SUBMITTED)
    assert find_item(office.session, case, "A104").id == again.id
    assert find_item(office.session, case, "A104", 1).state == ItemState.REFUSED


def test_what_rests_on_a_revoked_result_finds_it_gone(office: Office) -> None:
    case = office.case()
    office.approved(case, "A104")
    office.step(case, "A104", Step.REVOKE, reason="以欺骗手段取得")
    office.step(case, "A102", Step.SUBMIT)
    office.hand_in(case, "M11")

    with pytest.raises(ConflictError, match=r"comes after.*revoked.*R104\) is expired"):
        office.step(case, "A102", Step.ACCEPT)


def test_nothing_leaves_a_state_by_itself_and_every_state_can_be_reached() -> None:
    """No tacit consent in approval: an item changes by somebody's step alone."""
    reached = {
        ItemState.NOT_SUBMITTED,
        ItemState.APPROVED_WITH_PROMISE,
        ItemState.CORRECTED,
        ItemState.RESUMED,
    }
    reached |= {state for steps in TRANSITIONS.values() for state in steps.values()}

    assert reached == set(ItemState)
    assert sorted(EXCHANGE_CODE.values()) == list(range(1, 16))
    assert {Holder.STOP, Holder.APPLICANT} < set(Holder)


def test_an_unknown_item_or_type_names_what_there_is(office: Office) -> None:
    case = office.case()
    with pytest.raises(NotFoundError, match="add it if the project needs it"):
        find_item(office.session, case, "C306")
    with pytest.raises(NotFoundError, match="GOV_BLD, GOV_MUNI"):
        preparation.table_of(office.session, case).project_type("X")
    assert case.project_code == CODE


def test_a_refusal_is_a_signed_and_numbered_decision_that_is_uploaded_and_fills_no_need(
    office: Office,
) -> None:
    case = office.case()
    office.accepted(case, "A104")
    office.step(case, "A104", Step.BEGIN)
    with pytest.raises(InvalidInputError, match="needs its decision: number, title and who signed it"):
        office.step(case, "A104", Step.REFUSE, reason="不符合规划")
    with pytest.raises(InvalidInputError, match="no day until which it is good"):
        good_until = ResultGiven("鞍审不许1号", "决定书", "李四", date(2030, 1, 1))
        office.step(case, "A104", Step.REFUSE, reason="不符合规划", result=good_until)

    refused = office.refuse(case, "A104", "不符合规划")

    assert refused.result is not None and refused.steps[-1].detail["number"] == refused.result.number
    assert refused.result.material.title == "不予许可决定书：建设项目用地预审与选址意见书核发"
    office.days_pass(21)
    assert ("upload", "A104", "escalated") in late(office)
    preparation.add_item(office.session, case, "A104", city=office.city, actor=office.department("SPJ"))
    assert item_of_result(office.session, case, "A104", 2).result is None
    refused = item_of_result(office.session, case, "A104")
    paper = FileGiven("决定书.pdf", Stored("cd" * 32, 100))
    keep_result_file(office.session, case, refused, paper, actor=office.department("ZRZY"), now=office.now)
    assert "upload" not in {kind for kind, _, _ in late(office)}
    needed = needs(
        dossier_of(office.session, case), find_item(office.session, case, "A102"), office.now.date()
    )
    assert {need.state for need in needed if "R104" in need.codes} == {NeedState.MISSING}
