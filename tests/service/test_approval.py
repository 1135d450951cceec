"""Approval over HTTP: items from the window to the uploaded result, many acting at once, and who may do what."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from approval.intake import receive
from approval.item_models import ProcessTableVersion
from approval.models import Case
from blueprint.city import City
from blueprint.database import make_engine
from blueprint.wall import KEEPER, seeing
from tests.approval.office import CODE, MONDAY, message
from tests.conftest import OBJECTS
from tests.service.approving import Office, approving
from tests.service.conftest import Command


@pytest.fixture
def office(fresh_database: str, city: City) -> Iterator[Office]:
    with approving(fresh_database, city) as office:
        yield office


def test_an_item_goes_from_the_window_to_its_uploaded_certificate(office: Office) -> None:
    """Art. 9, 10, 14."""
    office.step("A104", "submit", "ZRZY", expect=403)
    office.step("A104", "submit")
    shown = office.call("GET", f"{office.case}/items/A104", "ZRZY", expect=200)
    assert [(need["codes"], need["state"]) for need in shown["needs"]] == [
        (["M01"], "missing"), (["M02"], "missing"), (["M04"], "here"), (["M05"], "here"), (["M10"], "missing"),
    ]  # fmt: skip
    assert len(shown["obstacles"]) == 3 and shown["due_on"] == "2026-03-09"
    refused = office.step("A104", "accept", expect=409)
    assert "容缺受理" in refused["detail"]
    for code in ("M01", "M02", "M10"):
        office.hand_in(code, item="A104", content=code.encode())
    again = office.hand_in("M01", expect=409)
    assert "(M01)" in again["detail"] and "Art. 14" in again["detail"]
    office.step("A104", "accept")
    office.step("A104", "begin", "SLJ", expect=403)
    office.step("A104", "begin", "ZRZY")
    office.clock.days_pass(3)
    result = {"number": "鞍自然资选〔2026〕1号", "title": "用地预审与选址意见书", "signed_by": "局长"}
    office.step("A104", "approve", "ZRZY", expect=422)
    done = office.step("A104", "approve", "ZRZY", result=result)
    assert (done["state"], done["possible"], done["result"]["sha256"]) == (
        "approved",
        ["revoke", "verify"],
        None,
    )

    office.clock.days_pass(1)
    certificate = {"file": ("证.pdf", b"%PDF signed")}
    address = f"{office.case}/items/A104/result-file"
    office.call("PUT", address, "SLJ", expect=403, files=certificate)
    office.call("PUT", f"{address}?round=2", "ZRZY", expect=404, files=certificate)
    uploaded = office.call("PUT", f"{address}?round=1", "ZRZY", expect=200, files=certificate)
    office.call("PUT", address, "ZRZY", expect=409, files=certificate)
    library = office.call("GET", f"{office.case}/materials", "FGW", expect=200)["items"]
    certificates = [material for material in library if material["code"] == "R104"]
    assert certificates[0]["sha256"] == uploaded["result"]["sha256"]
    file = office.call("GET", f"{office.case}/materials/{certificates[0]['id']}/file", "FGW", expect=200)
    assert file == b"%PDF signed"
    readers = office.call(
        "GET", f"{office.case}/materials/{certificates[0]['id']}/readers", "SLJ", expect=200
    )["items"]
    assert [(row["department"], row["times"]) for row in readers] == [("FGW", 1)]
    with Session(office.place.edge.engine) as session:
        reads = session.execute(
            text(
                "SELECT actor, thing FROM blueprint.audit_entry WHERE kind = 'material' AND act = 'read_case'"
            )
        ).all()
    assert [row.thing for row in reads] == [f"{CODE}/R104"]

    ledger = office.call("GET", f"{office.case}/ledger", "ZRZY", expect=200)
    assert (ledger["elapsed"], ledger["sums"]["department"], ledger["sums"]["applicant"]) == (4, 3, 1)
    assert [turn["holder"] for turn in ledger["turns"]] == ["department", "applicant"]


def test_a_departments_to_do_list_is_by_state(office: Office) -> None:
    office.step("A104", "submit")
    mine = office.call("GET", "/api/approval/items?department=ZRZY&state=submitted", "ZRZY", expect=200)
    assert [(item["code"], item["holder"], item["card"]) for item in mine["items"]] == [
        ("A104", "window", "green")
    ]
    office.clock.days_pass(8)
    late = office.call("GET", f"{office.case}/items", "ZRZY", expect=200)["items"]
    assert {item["code"]: item["card"] for item in late}["A104"] == "red"


def test_fifty_at_once_decide_an_item_once_and_no_number_is_given_twice(office: Office) -> None:
    """Art. 10: no lost and no double decision."""
    for code in ("A104", "A112"):
        office.step(code, "submit")
    for code in ("M01", "M02", "M10", "M15"):
        office.hand_in(code)
    for code, department in (("A104", "ZRZY"), ("A112", "LCJ")):
        office.step(code, "accept")
        office.step(code, "begin", department)

    def decide(number: int) -> int:
        code, who = (("A104", "ZRZY"), ("A112", "LCJ"))[number % 2]
        refuses = number % 3 == 0
        result = {"number": f"第{number // 4}号", "title": "批复", "signed_by": "局长"}
        body = {"step": "refuse" if refuses else "approve", "reason": "不符", "result": result}
        with office.place.client(who) as client:
            while True:  # who finds all connections taken is told to come back, and does
                status = client.post(f"{office.case}/items/{code}/steps", json=body).status_code
                if status != 503:
                    return status

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(decide, range(50)))

    assert sorted(answers) == [200, 200] + [409] * 48
    counted = office.call("GET", "/api/approval/statistics?by=all", expect=200)["rows"]
    assert [(row["items"], row["cases"]) for row in counted] == [(2, 1)]
    with Session(office.place.edge.engine) as session:
        decided = session.execute(
            text(
                "SELECT item_id, count(*) AS decisions FROM approval.item_step"
                " WHERE step IN ('approve', 'refuse') GROUP BY item_id"
            )
        ).all()
        entries = session.scalar(
            text(
                "SELECT count(*) FROM blueprint.audit_entry WHERE kind = 'item'"
                " AND after ->> 'step' IN ('approve', 'refuse')"
            )
        )
    assert [row.decisions for row in decided] == [1, 1]
    assert entries == 2


def test_twelve_at_once_hand_in_one_material_once(office: Office) -> None:
    def give(number: int) -> int:
        files = {"file": ("x.pdf", str(number).encode())}
        with office.place.client("SPJ") as client:
            return client.post(f"{office.case}/materials", files=files, data={"code": "M01"}).status_code

    with ThreadPoolExecutor(12) as pool:
        assert sorted(pool.map(give, range(12))) == [201] + [409] * 11


def test_departments_write_ask_and_decide_over_a_late_item(office: Office) -> None:
    """Art. 6, 13, 15: each by who may."""
    office.step("A104", "submit")
    for code in ("M01", "M02", "M10"):
        office.hand_in(code)
    office.step("A104", "accept")
    address = f"{office.case}/items/A104"
    office.call("POST", f"{address}/letters", expect=409, json={"content": "请尽快办理"})
    question = {"question": "是否占用林地", "departments": ["LCJ", "SLJ"]}
    office.call("POST", f"{address}/consultations", "SLJ", expect=403, json=question)
    asked = office.call("POST", f"{address}/consultations", "ZRZY", expect=201, json=question)["items"]
    answer = f"/api/approval/consultation-answers/{asked[0]['id']}"
    office.call("PUT", answer, "SLJ", expect=403, json={"kind": "agree"})
    office.call(
        "PUT", answer, "LCJ", expect=200, json={"kind": "agree_with_conditions", "conditions": "避让"}
    )
    todo = office.call(
        "GET", "/api/approval/consultation-answers?department=SLJ&unanswered=true", "SLJ", expect=200
    )
    assert [row["question"] for row in todo["items"]] == ["是否占用林地"]

    office.clock.days_pass(21)
    late = office.call("GET", "/api/approval/late?department=ZRZY", "ZRZY", expect=200)["items"]
    assert [(row["kind"], row["item"], row["working_days_late"]) for row in late] == [("item", "A104", 5)]
    office.call("POST", f"{address}/letters", "SLJ", expect=403, json={"content": "请尽快办理"})
    letter = office.call("POST", f"{address}/letters", expect=201, json={"content": "请尽快办理"})
    reply = f"/api/approval/letters/{letter['id']}/answer"
    office.call("POST", reply, "SLJ", expect=403, json={"answer": "马上"})
    office.call("POST", reply, "ZRZY", expect=200, json={"answer": "三日内办结"})
    for kind, words in (("consultation-answers", ["是否占用林地"] * 2), ("letters", ["请尽快办理"])):
        of_the_case = office.call("GET", f"/api/approval/{kind}?number={CODE}", "SLJ", expect=200)["items"]
        assert [row.get("question", row.get("content")) for row in of_the_case] == words
        office.call("GET", f"/api/approval/{kind}?number=2608-210311-04-01-402752", "SLJ", expect=404)

    matter = {"kind": "meeting", "question": "林地如何避让", "departments": ["LCJ"]}
    meeting = office.call("POST", f"{address}/matters", "SLJ", expect=201, json=matter)
    turns = f"/api/approval/matters/{meeting['id']}/turns"
    when = {"state": "convened", "meets_at": "2026-03-25T09:00:00", "place": "三楼"}
    office.call("POST", turns, "SLJ", expect=403, json=when)
    office.call("POST", turns, "ZRZY", expect=200, json=when)
    office.call("POST", turns, "ZRZY", expect=200, json={"state": "decided", "text": "避让三十米"})
    owed = office.call("GET", f"{office.case}/obligations", "ZRZY", expect=200)["items"]
    assert [(row["source"], row["item_code"]) for row in owed] == [
        ("opinion", None),
        ("consultation", "A104"),
    ]
    closing = f"{office.case}/obligations/{owed[1]['id']}"
    office.call("PUT", closing, "LCJ", expect=403, json={"how": "已避让"})
    office.call("PUT", closing, "ZRZY", expect=200, json={"how": "已避让"})
    office.call("PUT", f"{office.case}/obligations/{owed[0]['id']}", expect=200, json={"item_code": "A104"})
    shown = office.call("GET", address, "ZRZY", expect=200)
    assert [row["closed_on"] is None for row in shown["obligations"]] == [True, False]
    assert [row["department"] for row in shown["basis"]] == ["LCJ"]


def test_a_step_is_held_to_what_was_read(office: Office) -> None:
    with office.place.client("SPJ") as client:
        tag = client.get(f"{office.case}/items/A104").headers["etag"]
        body = {"step": "submit"}
        first = client.post(f"{office.case}/items/A104/steps", json=body, headers={"If-Match": tag})
        second = client.post(f"{office.case}/items/A104/steps", json=body, headers={"If-Match": tag})

    assert (first.status_code, second.status_code) == (200, 412)


def test_a_figure_is_followed_to_its_items_and_taken_along_as_a_workbook(office: Office) -> None:
    """Art. 2, 7."""
    office.step("A104", "submit")
    office.clock.days_pass(2)
    office.step("A104", "withdraw", reason="撤回")
    asked = "/api/approval/statistics?by=department&from=2026-03-01"

    shown = office.call("GET", asked, "SLJ", expect=200)

    assert [(row["group"], row["items"], row["window_days"]) for row in shown["rows"]] == [("ZRZY", 1, 2)]
    assert (
        shown["rows"][0]["on_time_share"] is None
        and shown["rows"][0].keys() - {"group"} == shown["measures"].keys()
    )
    behind = office.call(
        "GET", "/api/approval/statistics/items?department=ZRZY&from=2026-03-01", "SLJ", expect=200
    )
    assert [item["code"] for item in behind["items"]] == ["A104"]
    late = office.call("GET", "/api/approval/statistics/items?only=late&from=2026-03-01", "SLJ", expect=200)
    at = "/api/approval/statistics"
    (of_case,) = office.call("GET", f"{at}/cases?from=2026-03-01", "SLJ", expect=200)["items"]
    assert of_case["number"] == CODE
    whole = office.call("GET", f"{at}/whole-cases?from=2026-01-01", "SLJ", expect=200)["figures"]
    assert (whole["opinions"], whole["deemed_share"], whole["cases"]) == (2, 0.5, 0)
    assert office.call("GET", f"{at}/stages/land_use_planning?only=late", "SLJ", expect=200)["items"] == []
    assert late["items"] == []
    assert office.call("GET", f"{asked}&f=xlsx", "SLJ", expect=200).startswith(b"PK")
    office.call("GET", f"{asked}&to=2026-02-01", "SLJ", expect=422)


def test_an_applicant_sees_the_own_case_by_code_and_secret_and_who_guesses_waits(office: Office) -> None:
    """The applicant has no account."""
    office.step("A104", "submit")
    office.hand_in("M01")
    office.step("A104", "ask_correction", lacking=[{"material": "M01", "what": "重交", "defect": "印章不清"}])
    address = f"{office.case}/applicant-secret"
    office.call("POST", address, "SLJ", expect=403)
    first = office.call("POST", address, expect=201)["secret"]
    second = office.call("POST", address, expect=201)["secret"]
    look, wrong = "/api/approval/progress", "0000-0000-0000-0000"

    def ask(code: str, secret: str) -> httpx.Response:
        return httpx.post(f"{office.place.url}{look}", json={"project_code": code, "secret": secret})

    assert ask(CODE, first).status_code == 401
    seen = ask(CODE, second.lower().replace("-", " "))
    assert seen.status_code == 200, seen.text
    shown = seen.json()
    item = next(item for item in shown["items"] if item["code"] == "A104")
    assert (item["holder"], item["to_hand_in"], item["due_on"]) == (
        "applicant",
        ["申请表：印章不清"],
        "2026-04-01",
    )
    assert shown["stages"][0]["status"] == "accepted"
    (handed,) = item["vouchers"]
    assert handed == {"step": 2, "title": "补正材料一次性告知书", "given_on": "2026-03-02"}
    wanted = {"project_code": CODE, "secret": second, "item": "A104", "step": 2}
    fetched = httpx.post(f"{office.place.url}{look}/voucher", json=wanted, timeout=60)
    assert fetched.status_code == 200 and fetched.content.startswith(b"%PDF")
    none = httpx.post(f"{office.place.url}{look}/voucher", json=wanted | {"step": 1})
    assert none.status_code == 404 and "2 补正材料一次性告知书" in none.json()["detail"]
    stranger = httpx.post(f"{office.place.url}{look}/voucher", json=wanted | {"secret": first})
    assert stranger.status_code == 401
    assert "张" not in seen.text and "opinions" not in seen.text
    for _ in range(8):
        assert ask(CODE, second).status_code == 200
    unknown, known = ask("2109-210302-04-01-315727", wrong), ask(CODE, wrong)
    assert unknown.status_code == known.status_code == 401
    assert unknown.json()["detail"] == known.json()["detail"]
    guesses = [ask(CODE, wrong).status_code for _ in range(8)]
    assert guesses[-1] == 429 and ask(CODE, second).status_code == 429
    with Session(office.place.edge.engine) as session:
        looked = session.scalar(
            text("SELECT count(*) FROM blueprint.audit_entry WHERE act = 'read_progress'")
        )
    assert looked == 10


def test_the_lead_of_a_stage_writes_to_who_is_late_in_it_and_no_other_department_does(office: Office) -> None:
    """Art. 9."""
    office.step("A112", "submit")
    office.clock.days_pass(10)
    content = {"content": "请尽快受理"}
    office.call("POST", f"{office.case}/items/A112/letters", "ZJJ", expect=403, json=content)
    letter = office.call("POST", f"{office.case}/items/A112/letters", "ZRZY", expect=201, json=content)
    assert letter["department"] == "SPJ"
    conclude = f"{office.case}/stages/land_use_planning/conclude"
    office.call("POST", conclude, "LCJ", expect=403)
    assert "is not finished" in office.call("POST", conclude, "ZRZY", expect=409)["detail"]
    on_stage = f"{office.case}/stages/land_use_planning/letters"
    office.call("POST", on_stage, expect=409, json=content)
    office.clock.days_pass(50)
    office.call("POST", on_stage, "ZRZY", expect=403, json=content)
    sent = office.call("POST", on_stage, expect=201, json=content)
    assert (sent["department"], sent["kind"], sent["item"], sent["stage"]) == (
        "ZRZY",
        "stage",
        None,
        "land_use_planning",
    )
    waiting = office.call("GET", "/api/approval/letters?department=ZRZY&unanswered=true", expect=200)
    assert [row["title"] for row in waiting["items"]] == ["立项用地规划许可"]
    for lead, numbers in (("ZRZY", [CODE]), ("ZJJ", [])):
        led = office.call("GET", f"/api/approval/cases?lead={lead}", expect=200)["items"]
        assert [row["number"] for row in led] == numbers
    assert office.call("GET", office.case, expect=200)["stages"][0]["lead"] == "ZRZY"
    assert office.call("GET", "/api/approval/late?hall=ZRZY210381", expect=200)["items"] == []


def test_clock_stops_and_extensions_are_listed_for_who_supervises(office: Office) -> None:
    """Art. 2, 7: neither is anybody's lateness."""
    office.step("A104", "submit")
    for code in ("M01", "M02", "M10"):
        office.hand_in(code)
    office.step("A104", "accept")
    office.step("A104", "begin", "ZRZY")
    office.step("A104", "extend", "ZRZY", reason="案情复杂", working_days=5)
    office.step("A104", "stop", "ZRZY", reason="公示", stop_kind="publicity", working_days=5)

    for which in ("extended=true", "state=stopped", "state=stopped&hall=SPJ"):
        (row,) = office.call("GET", f"/api/approval/items?{which}", expect=200)["items"]
        assert (row["code"], row["extended_days"]) == ("A104", 5)
    assert office.call("GET", "/api/approval/items?state=stopped&hall=ZJJ", expect=200)["items"] == []


def test_the_exchange_tables_are_the_approvals_bureaus_to_send(office: Office) -> None:
    office.step("A104", "submit")
    office.call("GET", "/api/approval/exchange", "SLJ", expect=403)
    shown = office.call("GET", "/api/approval/exchange?since=2026-03-02", expect=200)
    assert (shown["rows"]["SPGL_XMJBXXB"], shown["rows"]["SPGL_XMSPSXBLXXXXB"], shown["errors"]) == (1, 1, [])
    assert office.call("GET", "/api/approval/exchange?f=zip", expect=200).startswith(b"PK")

    at = "/api/approval/exchange"
    office.call("POST", f"{at}/queue", "SLJ", expect=403)
    filled = office.call("POST", f"{at}/queue", expect=200)
    assert filled["errors"] == [] and filled["since"] is None
    batch = office.call("POST", f"{at}/batches?limit=10000", expect=200)
    (row,) = batch["rows"]["SPGL_XMJBXXB"]
    refused = [{"table": "SPGL_XMJBXXB", "key": row["DFSJZJ"], "reason": "XMDM 重复"}]
    answer = office.call("PUT", f"{at}/batches/1/answers", expect=200, json={"refused": refused})
    assert answer == {"taken": filled["queued"] - 1, "refused": 1}
    assert office.call("GET", f"{at}/batches/1?f=zip", expect=200).startswith(b"PK")
    assert office.call("GET", f"{at}/queue", expect=200)["refused"][0]["reason"] == "XMDM 重复"
    assert office.call("POST", f"{at}/queue/again", expect=200) == {"again": 1}
    assert office.call("POST", f"{at}/batches/1/again", expect=200) == {"again": 0}
    assert office.call("POST", f"{at}/batches?limit=1", expect=200)["number"] == 2
    office.call("POST", f"{at}/batches", expect=204)


def test_the_table_is_shown_with_sources_and_what_is_unsure(office: Office) -> None:
    table = office.call("GET", "/api/approval/process-table", "SLJ", expect=200)
    with Session(office.place.edge.engine) as session, seeing(KEEPER), session.begin():
        kept = session.get_one(ProcessTableVersion, table["version"])
        older = json.loads(kept.content) | {"version": "older", "title": "旧流程表"}
        content = json.dumps(older, ensure_ascii=False)
        session.add(
            ProcessTableVersion(
                version="older", sha256="0" * 64, content=content, first_used_at=kept.first_used_at
            )
        )
        session.flush()
        session.execute(update(Case).values(process_version="older"))
    own = office.call("GET", f"/api/approval/process-table?number={CODE}", "SLJ", expect=200)
    assert (own["version"], own["title"]) == ("older", "旧流程表") != (table["version"], table["title"])

    assert (table["version"], len(table["items"]), len(table["project_types"])) == ("national-2026-1", 49, 6)
    assert all(item["source"] for item in table["items"])
    assert httpx.get(f"{office.place.url}/api/approval/process-table").status_code == 401


def test_the_command_line_prepares_a_case_and_takes_steps(
    command: Command, fresh_database: str, tmp_path: Any
) -> None:
    paper = tmp_path / "申请表.pdf"
    paper.write_bytes(b"%PDF")
    engine = make_engine(fresh_database, objects=OBJECTS)
    with Session(engine) as session, session.begin():
        number = receive(session, message(1), now=MONDAY).planning_number
    engine.dispose()

    assert command("case", "items", number).out.strip().startswith("尚未确定事项")
    prepared = command("case", "prepare", number, "SOC_IND", "--item", "B207", "--format", "json")
    assert prepared.json["project_type"] == "SOC_IND"
    refused = command("case", "step", number, "A103", "submit")
    assert refused.status == 1 and "project code" in refused.err
    command("case", "bind-code", number, CODE)
    command("case", "accept", number, "land_use_planning")
    assert command("case", "step", number, "A103", "submit").status == 0
    assert command("case", "late", "--format", "json").json == []
    assert command("case", "letter", number, "A103", "请尽快办理").status == 1
    assert len(command("case", "applicant-secret", number).out.strip().splitlines()[-1]) == 19
    owed = command("case", "obligations", number, "--format", "json").json
    assert command("case", "meet-obligation", number, str(owed[0]["id"]), "--item", "A103").status == 0
    assert command("case", "meet-obligation", number, str(owed[0]["id"]), "--how", "已落实").status == 0
    assert (
        command("case", "bring-up", number, "A103", "meeting", "如何处理", "--department", "SLJ").status == 0
    )
    decided = command(
        "case", "settle", "1", "decided", "--text", "同意", "--duty", "SLJ:A103:补手续", "--format", "json"
    )
    assert decided.json["state"] == "decided"
    assert len(command("case", "matters", number, "--format", "json").json) == 1
    assert command("case", "meet-obligation", number, str(owed[0]["id"] + 1), "--how", "已补").status == 0
    assert command("case", "hand-in", number, "M01", paper).out.startswith("申请表 (M01) 第 1 版")
    assert command("case", "hand-in", number, "M01", paper).status == 1
    accepted = command(
        "case",
        "step",
        number,
        "A103",
        "accept",
        "--promised",
        f"M02={date.today() + timedelta(days=30)}",
        "--format",
        "json",
    )
    assert accepted.json["state"] == "accepted"
    command("case", "step", number, "A103", "begin")
    assert command("case", "consult", number, "A103", "有无意见", "--department", "SLJ").status == 0
    answered = command("case", "answer-consultation", "1", "agree", "--format", "json")
    assert answered.json["kind"] == "agree"
    assert command("case", "letters", "--format", "json").json == []
    assert command("case", "answer-letter", "1", "已办").status == 2
    signed = ("--result-number", "备1", "--result-title", "备案证明", "--signed-by", "李四")
    assert command("case", "step", number, "A103", "approve", *signed, "--format", "json").json["state"] == (
        "approved_with_promise"
    )
    assert command("case", "upload-result", number, "A103", paper, "--round", "1").status == 0
    kept = {row["code"]: row["id"] for row in command("case", "materials", number, "--format", "json").json}
    assert set(kept) >= {"M01", "R103", "M04", "SITE"}
    handed = command("case", "material", number, str(kept["M04"]), "--output", tmp_path / "策划.html")
    assert handed.status == 0 and "示例小学" in (tmp_path / "策划.html").read_text(encoding="utf-8")
    (reader,) = command("case", "readers", number, str(kept["M04"]), "--format", "json").json
    assert reader["times"] == 1
    assert command("case", "ledger", number, "--format", "json").json["elapsed"] == 0
    assert command("case", "item", number, "A103").status == 0
    sent = command("case", "exchange", "--output", tmp_path / "x.zip", "--format", "json").json
    assert (sent["rows"]["SPGL_XMSPSXPFWJXXB"], sent["errors"]) == (1, [])
    assert (tmp_path / "x.zip").read_bytes().startswith(b"PK")
    figures = command(
        "case", "statistics", "--by", "item", "--output", tmp_path / "s.xlsx", "--format", "json"
    ).json
    assert [(row["group"], row["tolerated_share"]) for row in figures["rows"]] == [("A103", 1.0)]
    assert (tmp_path / "s.xlsx").stat().st_size > 1000
    assert "national-2026-1" in command("case", "table").out
