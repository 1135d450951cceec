"""The applicant's page and the page of statistics and supervision, in a real browser."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from blueprint.city import City, Department, DepartmentRole, Level
from blueprint.permissions import Role
from coordination.handover import HandoverMessage, canonical
from tests.approval.office import CODE, message
from tests.approval.test_intake_of_changes import withdrawal
from tests.service.approving import Office, approving
from tests.service.browser import fresh_page, until
from tests.service.office import PASSWORD
from tests.service.office import Office as People

SHOTS = os.environ.get("BLUEPRINT_TEST_SHOTS")
"""A folder to look at pictures in."""

AT_REST = "document.querySelector('main').ariaBusy !== 'true'"
"""No act is under way on the page of work: it takes one at a time."""

OTHER = "2608-210381-04-01-402752"

pytestmark = pytest.mark.browser


@pytest.fixture
def office(fresh_database: str, city: City) -> Iterator[Office]:
    with approving(fresh_database, city) as office:
        yield office


def test_an_applicant_looks_up_the_own_case_on_the_page(office: Office) -> None:
    office.step("A104", "submit")
    office.step("A104", "ask_correction", lacking=[{"material": "M01", "what": "请盖章"}])
    secret = office.call("POST", f"{office.case}/applicant-secret", expect=201)["secret"]
    with fresh_page() as page:
        page.goto(f"{office.place.url}/progress")
        page.fill("#code", CODE)
        page.fill("#secret", "0000-0000-0000-0000")
        page.click("text=查询 Look")
        until(page, "document.querySelector('.field-error') !== null")
        assert "不正确" in page.inner_text(".field-error")
        page.faults.clear()  # the browser says of every 401 that it is one

        page.fill("#secret", secret)
        page.keyboard.press("Enter")
        until(page, "!document.getElementById('found').hidden")

        owed = page.locator("#to-do li").all_inner_texts()
        assert owed[0] == "建设项目用地预审与选址意见书核发：申请表：请盖章（2026-04-01 前）"
        assert "建设项目用地预审" not in "".join(owed[1:]) and "待提交" in owed[1]
        assert "补正（开始）" in page.inner_text("#items")
        assert page.locator("#stages li").count() == 4
        until(page, "document.getElementById('city').textContent === '鞍山市一张蓝图'")
        assert page.faults == []
        assert secret not in "".join(page.asked)


def test_a_director_sees_who_is_late_and_follows_a_figure_to_its_items(office: Office) -> None:
    office.step("A104", "submit")
    office.step("A112", "submit")
    office.clock.days_pass(2)
    office.step("A112", "withdraw", reason="不占林地")
    office.clock.days_pass(8)
    People(office.place, office.place.edge.city).hire("director", Role.DIRECTOR, department="SPJ")
    with fresh_page() as page:
        page.goto(f"{office.place.url}/approval")
        until(page, "document.getElementById('message').className === 'error'")
        assert "请先登录" in page.inner_text("#message")
        sign_in(page, office, "director")
        page.goto(f"{office.place.url}/approval")
        until(page, "document.getElementById('message').hidden")

        page.click("[data-held=stopped]")
        until(page, "!document.getElementById('behind-card').hidden")
        page.evaluate("document.getElementById('late').replaceChildren()")
        page.select_option("#hall", "SPJ")
        until(page, "document.getElementById('late').textContent.includes('督办升级')")
        assert "督办升级" in page.inner_text("#late") and "鞍山市行政审批局" in page.inner_text("#late")
        page.select_option("#by", "department")
        until(page, "document.querySelector('#figures tbody th')?.textContent === '鞍山市林业和草原局'")
        assert page.locator("#chart rect").count() == 2
        page.click("#now dt:has-text('立项用地规划许可') + dd button")
        until(page, "document.querySelector('#behind a')?.textContent === '" + CODE + "'")
        page.click("#figures tbody button")
        until(page, "document.querySelector('#behind')?.textContent.includes('林地')")
        assert "使用林地审核审批" in page.inner_text("#behind")
        for nth, told in ((1, "示例小学"), (2, "使用林地审核审批")):  # the cases, and the items of a median
            page.evaluate("document.getElementById('behind').replaceChildren()")
            page.click(f"#figures tbody button >> nth={nth}")
            until(page, f"document.querySelector('#behind')?.textContent.includes('{told}')")
        page.evaluate("document.getElementById('behind').replaceChildren()")
        page.click("#now dt:has-text('视为无意见占比') + dd button")
        until(page, f"document.querySelector('#behind a')?.textContent === '{CODE}'")
        page.select_option("#by", "district")
        until(page, "document.querySelector('#figures tbody th')?.textContent === '市本级'")
        page.evaluate("document.getElementById('behind').replaceChildren()")
        page.click("#chart .bar rect >> nth=0")
        until(page, "document.querySelector('#behind tbody tr') !== null")
        assert page.get_attribute("#behind a", "href") == f"/work?number={CODE}&item=A112"
        assert page.faults == []
        cookie = {c["name"]: c["value"] for c in page.context.cookies()}
        address = page.get_attribute("#workbook", "href")
        workbook = httpx.get(f"{office.place.url}{address}", cookies=cookie)
        page.context.clear_cookies()
        page.select_option("#by", "department")
        until(page, "document.querySelector('#message a[href=\"/sign-in\"]') !== null")
        assert "会话已结束" in page.inner_text("#message")
        assert workbook.content.startswith(b"PK")


def test_a_districts_hall_takes_a_case_on_and_sees_its_own_work_alone(
    fresh_database: str, city: City
) -> None:
    """Art. 12: from the new case to its code; what waits at the city's window is not among its lists."""
    hall = Department(
        "SPJ210381",
        "海城市行政审批局",
        level=Level.DISTRICT,
        district="210381",
        role=DepartmentRole.APPROVALS,
    )
    with approving(fresh_database, replace(city, departments=(hall, *city.departments))) as office:
        office.step("A104", "submit")
        _take_on(office, hall.code)


def _take_on(office: Office, hall: str) -> None:
    sent = office.call("POST", "/api/approval/intake", "interface", expect=200, content=canonical(message(2)))
    assert sent["planning_number"] == "CH-210300-2026-000002"
    People(office.place, office.place.edge.city).hire("haicheng", Role.LEAD, department=hall)
    with fresh_page() as page:
        sign_in(page, office, "haicheng")
        page.goto(f"{office.place.url}/work")
        until(page, f"document.querySelector('#to-do tbody tr') !== null && {AT_REST}")
        page.click("#to-do button >> text=CH-210300-2026-000002")
        until(page, f"!document.getElementById('code-form').hidden && {AT_REST}")
        page.fill("#project-code", OTHER)
        page.click("#code-form button")
        until(page, f"document.getElementById('case-facts').textContent.includes('{OTHER}') && {AT_REST}")
        page.click("[data-state=submitted]")
        until(page, f"document.getElementById('to-do').textContent.includes('没有待办') && {AT_REST}")
        page.click("[data-state=fresh]")
        until(page, f"document.getElementById('to-do').textContent.includes('{OTHER}') && {AT_REST}")
        assert page.faults == []
    taken = office.call("GET", f"/api/approval/cases/{OTHER}", expect=200)
    assert (taken["hall"], taken["project_type"]) == (hall, None)
    assert office.call("GET", f"/api/approval/statistics?hall={hall}", expect=200)["rows"] == []
    assert office.call("GET", office.case, expect=200)["hall"] == "SPJ"


def test_clerk_and_department_take_an_item_through_on_the_page_of_work(office: Office) -> None:
    """Art. 3, 10, 14: from the window's list to the uploaded certificate, with a question before what cannot be undone."""
    people = People(office.place, office.place.edge.city)
    people.hire("clerk", Role.LEAD, department="SPJ")
    people.hire("reviewer", Role.SECTION_HEAD, department="ZRZY")
    office.step("A104", "submit")
    with fresh_page() as page:
        sign_in(page, office, "clerk")
        page.goto(f"{office.place.url}/work")
        page.click("[data-state=submitted]")
        until(page, f"document.querySelector('#to-do tbody tr') !== null && {AT_REST}")
        page.click("#to-do button")
        until(page, f"!document.getElementById('item-card').hidden && {AT_REST}")
        assert "尚不能受理" in page.inner_text("#obstacles") and "受理阶段" not in page.inner_text("#stages")
        for code in ("M01", "M02"):
            page.select_option("#material-form select", code)
            page.set_input_files(
                "#material-form input[type=file]",
                [{"name": f"{code}.pdf", "mimeType": "application/pdf", "buffer": code.encode()}],
            )
            page.click("#material-form button")
            until(
                page,
                f"{AT_REST} && [...document.querySelectorAll('#needs tr')].some((r) => r.textContent.includes('{code}') && r.textContent.includes('已有'))",
            )
        page.click("[data-step=accept]")
        page.fill("[name='promise:M10']", "2026-03-31")
        page.click("#act-form button[type=submit]")
        until(page, f"document.getElementById('item-facts').textContent.includes('已受理') && {AT_REST}")
        assert "容缺 promised：项目建议书及批复依据，2026-03-31 前补交" in page.inner_text("#steps")
        with page.expect_download(timeout=120_000) as voucher:
            page.click("#steps tr:has-text('受理通知书') button:has-text('DOCX')")
        assert voucher.value.suggested_filename == f"{CODE}-A104-1-2.docx"
        page.click("#library-part summary")
        until(page, "document.querySelector('#library a') !== null")
        assert page.get_attribute("#needs a", "href") in [
            link.get_attribute("href") for link in page.locator("#library a").all()
        ]
        page.click("#ledger-part summary")
        until(page, "document.getElementById('ledger-sums').textContent.includes('共 0 个工作日')")
        page.select_option("#conditions select", "A112")
        until(page, f"document.getElementById('message').textContent.includes('已指定') && {AT_REST}")
        page.select_option("#added", "A101")
        page.click("#add-item button")
        until(page, f"document.getElementById('items').textContent.includes('A101') && {AT_REST}")
        page.click("#give-secret")
        page.click("#sure button.grave")
        until(page, "document.getElementById('secret').textContent.includes('查询密码')")
        assert page.faults == []
    with fresh_page() as page:
        sign_in(page, office, "reviewer")
        page.goto(f"{office.place.url}/work?number={CODE}&item=A104")
        until(page, f"!document.getElementById('item-card').hidden && {AT_REST}")
        page.click("[data-step=begin]")
        until(page, f"document.querySelector('[data-step=approve]') !== null && {AT_REST}")
        ask_on_the_page(page, "征询有关部门", "是否占用林地", "LCJ")
        until(page, "document.getElementById('between').textContent.includes('尚未答复')")
        ask_on_the_page(page, "提请会议", "红线如何衔接", "SLJ")
        until(page, "document.querySelector('#between .answer') !== null")
        page.select_option("#between [name=state]", "convened")
        page.fill("#between [name=meets_at]", "2026-03-25T09:00")
        page.fill("#between [name=place]", "三楼")
        page.click("#between .answer button")
        # The browser is in another time zone: what is written is the city's time, and so is what is read.
        until(
            page,
            f"document.getElementById('between').textContent.includes('2026年3月25日 09:00 三楼') && {AT_REST}",
        )
        (matter,) = office.call("GET", f"/api/approval/matters?number={CODE}", expect=200)["items"]
        assert datetime.fromisoformat(matter["meets_at"]) == datetime(2026, 3, 25, 1, tzinfo=UTC)
        page.select_option("#between [name=state]", "decided")
        page.fill("#between [name=text]", "按河道蓝线避让")
        page.fill("#between [name='duty.content']", "避让河道蓝线")
        page.select_option("#between [name='duty.item_code']", "A104")
        page.click("#between .answer button")
        until(page, f"document.querySelector('#obligations button') !== null && {AT_REST}")
        assert "已决定" in page.inner_text("#between") and "避让河道蓝线" in page.inner_text("#obligations")
        page.fill("#obligations li:last-child input", "已写入意见书")
        page.click("#obligations li:last-child button")
        until(page, f"document.querySelector('#obligations button') === null && {AT_REST}")
        (asked,) = office.call("GET", "/api/approval/consultation-answers", expect=200)["items"]
        disagrees = {"kind": "disagree", "remark": "占用林地"}
        office.call(
            "PUT", f"/api/approval/consultation-answers/{asked['id']}", "LCJ", expect=200, json=disagrees
        )
        page.goto(f"{office.place.url}/work?number={CODE}&item=A104")
        until(page, f"document.querySelector('[data-step=approve]') !== null && {AT_REST}")
        page.click("[data-step=approve]")
        assert "不同意，须写明如何处理" in page.inner_text("#act-form")
        page.fill("#act-form [name=reason]", "红线已退让林地")
        page.fill("[name='result.number']", "鞍自然资选〔2026〕1号")
        page.fill("[name='result.signed_by']", "局长")
        page.click("#act-form button[type=submit]")
        until(page, "document.getElementById('sure').open")
        assert "不能再用" in page.inner_text("#sure")
        page.keyboard.press("Escape")
        until(page, "!document.getElementById('sure').open")
        until(page, AT_REST)
        assert office.call("GET", f"{office.case}/items/A104", expect=200)["state"] == "in_review"
        page.click("#act-form button[type=submit]")
        page.click("#sure button.grave")
        until(page, f"document.getElementById('result-file') !== null && {AT_REST}")
        certificate = {"name": "证.pdf", "mimeType": "application/pdf", "buffer": b"%PDF signed"}
        page.set_input_files("#result-file", [certificate])
        page.click("#sure button.grave")
        until(page, "document.getElementById('result-file') === null")
        assert page.faults == []
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/work.png", full_page=True)
    done = office.call("GET", f"{office.case}/items/A104", expect=200)
    assert done["state"] == "approved_with_promise" and done["result"]["uploaded_at"] is not None


def test_a_supervisor_writes_to_a_stages_lead_on_the_page_and_the_lead_answers_there(office: Office) -> None:
    """Art. 9: letters about stages, uploads and whole cases are written and answered as those about items are."""
    people = People(office.place, office.place.edge.city)
    people.hire("supervisor", Role.LEAD, department="SPJ")
    people.hire("leader", Role.SECTION_HEAD, department="ZRZY")
    office.clock.days_pass(60)
    with fresh_page() as page:
        sign_in(page, office, "supervisor")
        page.goto(f"{office.place.url}/approval")
        until(page, "document.getElementById('message').hidden")
        page.click("#late tr:has-text('阶段') button")
        page.fill("#letter-content", "请尽快办结本阶段")
        page.click("#letter button")
        until(page, "document.getElementById('message').textContent.includes('督办函已发出')")
        assert page.faults == []
    with fresh_page() as page:
        sign_in(page, office, "leader")
        page.goto(f"{office.place.url}/work")
        until(page, AT_REST)
        page.click("[data-state=letters]")
        until(page, f"document.getElementById('to-do').textContent.includes('请尽快办结本阶段') && {AT_REST}")
        page.click("#to-do button")
        until(page, f"document.querySelector('#case-letters .answer') !== null && {AT_REST}")
        page.fill("#case-letters textarea", "材料已齐，本周办结")
        page.click("#case-letters button")
        page.click("#sure button.grave")
        until(
            page,
            f"document.getElementById('case-letters').textContent.includes('复函：材料已齐') && {AT_REST}",
        )
        assert page.faults == []
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/work-letters.png", full_page=True)
    (sent,) = office.call("GET", "/api/approval/letters", expect=200)["items"]
    assert (sent["kind"], sent["item"], sent["department"], sent["answer"]) == (
        "stage",
        None,
        "ZRZY",
        "材料已齐，本周办结",
    )


def test_a_case_says_on_both_pages_that_it_was_withdrawn_and_its_papers_are_opened_and_their_readers_told(
    office: Office,
) -> None:
    """Art. 3, 14: of a refused item the decision, of what was handed over the papers, of a withdrawal day and reason."""
    People(office.place, office.place.edge.city).hire("clerk", Role.LEAD, department="SPJ")
    office.step("A104", "submit")
    for code in ("M01", "M02", "M10"):
        office.hand_in(code)
    office.step("A104", "accept")
    office.step("A104", "begin", "ZRZY")
    decision = {"number": "鞍自然资不许〔2026〕1号", "title": "不予许可决定书", "signed_by": "局长"}
    office.step("A104", "refuse", "ZRZY", reason="不符合规划", result=decision)
    secret = office.call("POST", f"{office.case}/applicant-secret", expect=201)["secret"]
    (sent,) = office.call("GET", f"{office.case}/messages", expect=200)["items"]
    taken_back = withdrawal(HandoverMessage.model_validate(sent["message"]))
    office.call("POST", "/api/approval/intake", "interface", expect=200, content=canonical(taken_back))
    with fresh_page() as page:
        sign_in(page, office, "clerk")
        page.goto(f"{office.place.url}/work?number={CODE}&item=A104")
        until(page, f"!document.getElementById('item-card').hidden && {AT_REST}")
        assert "撤回：用地方案变更" in page.inner_text("#withdrawn")
        assert "鞍自然资不许〔2026〕1号" in page.inner_text("#item-facts")
        page.click("#library-part summary")
        until(page, "document.querySelector('#library a') !== null")
        with page.expect_download() as download:
            page.click("#library tr:has-text('HANDOVER') a")
        assert "示例小学" in Path(download.value.path()).read_text(encoding="utf-8")
        page.click("#library tr:has-text('HANDOVER') button")
        until(page, f"document.getElementById('library').textContent.includes('1 次') && {AT_REST}")
        assert "不予许可决定书" in page.inner_text("#library")
        assert page.faults == []
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/work-withdrawn.png", full_page=True)
    with fresh_page() as page:
        page.goto(f"{office.place.url}/progress")
        page.fill("#code", CODE)
        page.fill("#secret", secret)
        page.keyboard.press("Enter")
        until(page, "!document.getElementById('found').hidden")
        assert "已于 2026-12-01 撤回" in page.inner_text("#withdrawn")
        assert "行政复议" in page.inner_text("#items")
        with page.expect_download(timeout=120_000) as voucher:
            page.click("#items button:has-text('受理通知书')")
        assert Path(voucher.value.path()).read_bytes().startswith(b"%PDF")
        assert page.faults == []
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/progress-withdrawn.png", full_page=True)


def test_refused_handovers_and_the_queue_of_the_exchange_have_a_page(office: Office) -> None:
    """Why a message was not taken, with the message; what goes out, what was refused and why, and sending it again."""
    People(office.place, office.place.edge.city).hire("clerk", Role.LEAD, department="SPJ")
    foreign = message(9).model_copy(update={"city_code": "210100", "city_name": "沈阳市"})
    answer = office.call("POST", "/api/approval/intake", "interface", expect=422, content=canonical(foreign))
    assert "沈阳市 (210100), and this is 鞍山市 (210300)" in answer["detail"]
    at = "/api/approval/exchange"
    with fresh_page() as page:
        sign_in(page, office, "clerk")
        page.goto(f"{office.place.url}/exchange")
        until(page, f"document.getElementById('message').hidden && {AT_REST}")
        told = page.inner_text("#handovers")
        assert "CH-210300-2026-000009" in told and answer["detail"] in told and "city_code" in told
        assert "09:00" in told, "an instant is shown by another clock than the city's"
        with page.expect_download() as download:
            page.click("#handovers a")
        assert Path(download.value.path()).read_bytes() == canonical(foreign).encode()
        page.click("#fill")
        until(page, f"document.getElementById('queue').textContent.includes('SPGL_XMJBXXB') && {AT_REST}")
        batch = office.call("POST", f"{at}/batches?limit=1000", expect=200)
        (row,) = batch["rows"]["SPGL_XMJBXXB"]
        refused = [{"table": "SPGL_XMJBXXB", "key": row["DFSJZJ"], "reason": "XMDM 重复"}]
        office.call("PUT", f"{at}/batches/1/answers", expect=200, json={"refused": refused})
        page.reload()
        until(page, f"document.getElementById('refused').textContent.includes('XMDM 重复') && {AT_REST}")
        assert "项目基本信息表 SPGL_XMJBXXB" in page.inner_text("#queue")
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/exchange.png", full_page=True)
        page.click("#again")
        page.click("#sure button[value=yes]")
        until(page, f"document.getElementById('refused').textContent.includes('没有被退回') && {AT_REST}")
        assert page.faults == []
    assert office.call("GET", f"{at}/queue", expect=200)["tables"]["SPGL_XMJBXXB"] == {"waiting": 1}


def ask_on_the_page(page: Any, act: str, question: str, department: str) -> None:
    """Fill in and send what an officer asks other departments."""
    page.click(f"#between-acts button:has-text('{act}')")
    page.fill("#between-form textarea", question)
    page.check(f"#between-form input[value={department}]")
    page.click("#between-form button[type=submit]")
    until(page, f"document.getElementById('between-form').childElementCount === 0 && {AT_REST}")


def sign_in(page: Any, office: Office, login: str) -> None:
    page.goto(f"{office.place.url}/sign-in")
    page.fill("#login", login)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{office.place.url}/")
    page.wait_for_load_state("load")
    page.faults.clear()
