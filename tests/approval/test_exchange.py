"""The exchange tables: whole chains from live data, every row checked, what is wrong held back with its children."""

import csv
import io
import zipfile
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from approval import joint_consultation
from approval.exchange import queue
from approval.exchange.control_lines import control_lines
from approval.exchange.fields import tables
from approval.exchange.package import check, counts, to_zip
from approval.exchange.rows import Changed, build
from approval.intake import receive_message
from approval.item_states import Step
from approval.items import find_item
from approval.joint_consultation import AnswerGiven
from approval.materials import FileGiven
from approval.matter_models import AnswerKind, ConsultationAnswer
from approval.models import Case
from approval.results import keep_result_file
from blueprint.city import City
from blueprint.errors import InvalidInputError, NotFoundError
from blueprint.layers.models import Layer
from blueprint.objects import Stored
from blueprint.permissions import Sensitivity
from coordination.handover import WithdrawalMessage
from tests.approval.office import CALENDAR, CODE, WINDOW, Office, lacking, message
from tests.coordination.conftest import world, world_engine, world_session  # noqa: F401


@pytest.fixture
def office(session: Session, city: City) -> Office:
    return Office(session, city)


def walked(office: Office) -> Case:
    """A case with a correction, a stop, a consultation, an extension and a result."""
    case = office.case()
    office.step(case, "A104", Step.SUBMIT)
    office.step(case, "A104", Step.ASK_CORRECTION, lacking=(lacking("M01"),))
    for code in ("M01", "M02", "M10"):
        office.hand_in(case, code)
    office.step(case, "A104", Step.CORRECT)
    office.step(case, "A104", Step.ACCEPT)
    item = office.step(case, "A104", Step.BEGIN)
    joint_consultation.ask(
        office.session, case, item, "有无意见", ["LCJ"],
        city=office.city, calendar=CALENDAR, actor=office.department("ZRZY"), today=office.now.date(),
    )  # fmt: skip
    office.step(case, "A104", Step.EXTEND, reason="案情复杂", working_days=5)
    office.step(case, "A104", Step.STOP, reason="公示", stop_kind="publicity", working_days=5)
    office.days_pass(8)
    office.step(case, "A104", Step.RESUME)
    office.approve(case, "A104")
    return case


def test_a_case_goes_out_as_a_whole_chain_with_every_state_in_its_order(office: Office) -> None:
    walked(office)

    package = check(build(office.session, office.city, Changed(), today=office.now.date()))

    assert package.errors == []
    assert counts(package.rows) == {
        "SPGL_DFXMSPLCXXB": 1, "SPGL_DFXMSPLCJDXXB": 4, "SPGL_DFXMSPLCJDSXXXB": 46, "SPGL_XMJBXXB": 1, "SPGL_XMDWXXB": 1,
        "SPGL_XMSPSXBLXXB": 1, "SPGL_XMSPSXBLXXXXB": 10, "SPGL_XMSPSXPFWJXXB": 1, "SPGL_XMSPSXBLTBCXXXB": 1,
        "SPGL_XMSPSXZQYJXXB": 1, "SPGL_XMQQYJXXB": 2, "SPGL_XMYDHXJZXXB": 1, "SPGL_DFGHKZXXXB": 0,
    } | {"SPGL_DFXMSPLCJDSXXXB": len(package.rows["SPGL_DFXMSPLCJDSXXXB"])}  # fmt: skip
    states = [row["BLZT"] for row in package.rows["SPGL_XMSPSXBLXXXXB"]]
    assert states == ["1", "6", "7", "1", "3", "8", "9", "10", "8", "11"]
    assert {row["XMDM"] for row in package.rows["SPGL_XMQQYJXXB"]} == {CODE}
    assert package.rows["SPGL_XMSPSXBLTBCXXXB"][0]["TBCXSX"] == 5


def test_what_is_wrong_is_said_field_by_field_and_held_back_with_what_hangs_on_it(office: Office) -> None:
    case = walked(office)
    case.message = case.message | {"project": case.message["project"] | {"applicant_code": "123"}}
    case.project_name = ""
    office.session.flush()

    package = check(build(office.session, office.city, Changed(), today=office.now.date()))

    found = {(error.table, error.field) for error in package.errors}
    assert {
        ("SPGL_XMJBXXB", "XMMC"),
        ("SPGL_XMDWXXB", "DWTYSHXYDM"),
        ("SPGL_XMSPSXBLXXXXB", "SPSXSLBM"),
    } <= found
    left = {table: count for table, count in counts(package.rows).items() if count}
    assert set(left) == {"SPGL_DFXMSPLCXXB", "SPGL_DFXMSPLCJDXXB", "SPGL_DFXMSPLCJDSXXXB"}
    name = next(error for error in package.errors if error.field == "XMMC")
    assert (name.key, name.name, name.what) == (f"210300-C{case.id}", "项目名称", "必填项为空 is required")


def test_a_case_without_a_code_does_not_go_out_and_one_that_did_not_change_is_left_out(
    office: Office,
) -> None:
    """Art. 12: everything runs with the code."""
    office.case(code=None)
    assert counts(build(office.session, office.city, Changed(), today=office.now.date()))["SPGL_XMJBXXB"] == 0
    walked(office)

    assert (
        counts(build(office.session, office.city, Changed(date(2026, 3, 10)), today=office.now.date()))[
            "SPGL_XMJBXXB"
        ]
        == 1
    )
    assert (
        counts(build(office.session, office.city, Changed(date(2026, 3, 11)), today=office.now.date()))[
            "SPGL_XMJBXXB"
        ]
        == 0
    )


def test_keys_stay_the_same_when_a_case_is_sent_again(office: Office) -> None:
    case = walked(office)
    first = build(office.session, office.city, Changed(), today=office.now.date())
    office.step(case, "A104", Step.REVOKE, reason="撤销")

    again = build(office.session, office.city, Changed(), today=office.now.date())

    for table, rows in first.items():
        keys = [row["DFSJZJ"] for row in rows]
        assert len(set(keys)) == len(keys)
        assert [row["DFSJZJ"] for row in again[table]][: len(keys)] == keys
    assert again["SPGL_XMSPSXBLXXXXB"][-1]["BLZT"] == "15"
    assert WINDOW.department == "SPJ"


def test_the_package_is_a_csv_a_table_and_the_list_of_errors(office: Office) -> None:
    walked(office)

    content = to_zip(check(build(office.session, office.city, Changed(), today=office.now.date())))

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert set(archive.namelist()) == {f"{table}.csv" for table in tables()} | {"errors.csv"}
        text = archive.read("SPGL_XMJBXXB.csv").decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["XMDM"], row["XMMC"], row["SPLCLX"], row["SBYY"]) == (CODE, "示例小学", "1", "")


def test_every_field_says_where_it_comes_from_and_refers_to_a_table_before_its_own() -> None:
    before: set[tuple[str, str]] = set()
    for table, fields in tables().items():
        for field in fields:
            assert field.source and field.unsure
            assert field.refers_to is None or field.refers_to in before
        before |= {(table, field.field) for field in fields}


def test_rows_wait_go_out_in_batches_and_come_back_taken_or_refused(office: Office) -> None:
    case, session, now = walked(office), office.session, office.now
    filled = queue.fill(session, office.city, since=None, actor=WINDOW, now=now)
    assert queue.fill(session, office.city, since=None, actor=WINDOW, now=now).queued == 0
    assert filled.errors == [] and filled.queued == sum(
        sum(t.values()) for t in queue.standing(session).values()
    )

    first = queue.next_batch(session, limit=filled.queued - 3, actor=WINDOW, now=now)
    second = queue.next_batch(session, limit=1000, actor=WINDOW, now=now)
    assert first is not None and second is not None
    assert queue.next_batch(session, limit=1000, actor=WINDOW, now=now) is None
    assert sum(counts(second.rows).values()) == 3
    assert counts(second.rows)["SPGL_XMJBXXB"] == 0  # parents went before
    built = build(session, office.city, Changed(), today=now.date())
    sent = first.rows["SPGL_XMJBXXB"] + second.rows["SPGL_XMJBXXB"]
    assert [row | {"LSH": 0} for row in sent] == [row | {"LSH": 0} for row in built["SPGL_XMJBXXB"]]

    key = str(first.rows["SPGL_XMJBXXB"][0]["DFSJZJ"])
    with pytest.raises(InvalidInputError, match="has no row"):
        queue.take_answers(session, second.number, {("SPGL_XMJBXXB", key): "x"}, actor=WINDOW)
    assert queue.take_answers(session, first.number, {("SPGL_XMJBXXB", key): "XMDM 重复"}, actor=WINDOW) == (
        filled.queued - 4, 1,
    )  # fmt: skip
    assert [(row.key, row.reason) for row in queue.refused_rows(session)] == [(key, "XMDM 重复")]
    assert queue.send_again(session, second.number, actor=WINDOW, now=now) == 3  # lost on the way
    assert queue.send_again(session, None, actor=WINDOW, now=now) == 1
    third = queue.next_batch(session, limit=1000, actor=WINDOW, now=now)
    assert third is not None and counts(third.rows)["SPGL_XMJBXXB"] == 1
    assert queue.take_answers(session, third.number, {}, actor=WINDOW) == (4, 0)

    office.days_pass(1)
    office.step(case, "A104", Step.REVOKE, reason="撤销")
    news = queue.fill(session, office.city, since=None, actor=WINDOW, now=office.now)
    fourth = queue.next_batch(session, limit=1000, actor=WINDOW, now=office.now)
    assert fourth is not None and news.queued == sum(counts(fourth.rows).values())
    assert [row["BLZT"] for row in fourth.rows["SPGL_XMSPSXBLXXXXB"]] == ["15"]
    with pytest.raises(NotFoundError):
        queue.batch_again(session, 99)


def test_nothing_that_a_row_says_is_missed_and_what_is_no_more_goes_out_as_void(office: Office) -> None:
    """An upload and an answer make no step; a row sent again is no filling; a new handover has another site, fewer opinions."""
    case, session = walked(office), office.session

    def news(since: date | None = None) -> list[tuple[str, str, str]]:
        queue.fill(session, office.city, since=since, actor=WINDOW, now=office.now)
        batch = queue.next_batch(session, limit=1000, actor=WINDOW, now=office.now)
        rows = batch.rows.items() if batch is not None else ()
        return [(table, str(row["DFSJZJ"]), str(row["SJYXBS"])) for table, some in rows for row in some]

    queue.fill(
        session, office.city, since=office.now.date() + timedelta(days=1), actor=WINDOW, now=office.now
    )
    assert (
        queue.looked_through_on(session) is None
    )  # a first filling from a day on leaves out what was before
    assert {valid for _, _, valid in news()} == {"1"}
    office.days_pass(1)
    file = FileGiven("证.pdf", Stored("cd" * 32, 9))
    item = find_item(session, case, "A104")
    keep_result_file(session, case, item, file, actor=WINDOW, now=office.now)
    office.days_pass(5)
    assert queue.send_again(session, 1, actor=WINDOW, now=office.now) > 0
    queue.next_batch(session, limit=1000, actor=WINDOW, now=office.now)
    assert news(office.now.date()) == []  # from a day on, the upload before it left out
    assert news() == [("SPGL_XMSPSXPFWJXXB", f"210300-I{item.id}-R", "1")]

    office.days_pass(3)
    (asked,) = session.scalars(select(ConsultationAnswer))
    given = AnswerGiven(AnswerKind.AGREE, remark="不占用")
    joint_consultation.answer(session, asked, given, actor=office.department("LCJ"), now=office.now)
    assert news() == [("SPGL_XMSPSXZQYJXXB", f"210300-I{item.id}-Q{asked.id}", "1")]

    back = WithdrawalMessage(
        message_id=uuid4(), handover_id=UUID(case.message_id), planning_number=case.planning_number,
        reason="方案变更", made_on=office.now.date(), made_by="自然资源局",
    )  # fmt: skip
    receive_message(session, back, now=office.now)
    again = message(1, follows=back.message_id)
    site, opinions = again.footprint.model_copy(update={"revision": 2}), again.opinions[:1]
    again = again.model_copy(update={"footprint": site, "opinions": opinions})
    receive_message(session, again, now=office.now)
    assert sorted(news()) == [
        ("SPGL_XMQQYJXXB", f"210300-C{case.id}-O2", "0"),
        ("SPGL_XMYDHXJZXXB", f"210300-C{case.id}-S1", "0"),
        ("SPGL_XMYDHXJZXXB", f"210300-C{case.id}-S2", "1"),
    ]
    assert news() == []


def test_control_lines_in_force_go_out_but_for_restricted_ones(world_session: Session) -> None:  # noqa: F811
    """Art. 17: what is its owner's alone stays."""
    layers = {layer.code: layer for layer in world_session.scalars(select(Layer))}
    rows = [row for _, _, row in control_lines(world_session, date(2026, 6, 1))]
    expected = {f"{code}-1" for code, layer in layers.items() if layer.control in ("prohibit", "restrict")}
    assert {row["KZXWJMC"] for row in rows} == expected and len(expected) > 1
    hidden = next(code for code, layer in layers.items() if f"{code}-1" in expected)
    layers[hidden].sensitivity = Sensitivity.RESTRICTED
    world_session.flush()

    left = [row for _, _, row in control_lines(world_session, date(2026, 6, 1))]

    assert {row["KZXWJMC"] for row in left} == expected - {f"{hidden}-1"}
