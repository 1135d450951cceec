"""The pages of sharing, of the audit log and of accounts, in a real browser: each for who may, with a question before what is final."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page
from sqlalchemy import text
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.permissions import Role
from service.settings import Settings
from tests.made import publish, square
from tests.service.browser import fresh_page, until
from tests.service.conftest import serving
from tests.service.office import Office

pytestmark = pytest.mark.browser

PICTURES = os.environ.get("PAGE_PICTURES")
"""A folder for pictures of the pages, for whoever changes them."""

OWNER, READER = "WLJ", "SLJ"


@pytest.fixture(scope="module")
def office(make_database: Callable[[], AbstractContextManager[str]], city: City) -> Iterator[Office]:
    plain = replace(city, boundary_path=None)
    with make_database() as database, serving(database, plain, Settings()) as running:
        office = Office(running, plain)
        with office.session() as session, session.begin():
            publish(
                session, plain, "WWMC", [square(0, 0, 80)], title="地下文物埋藏区", department=OWNER, sensitivity="restricted",
                conditions="不得转交第三方",
            )  # fmt: skip
        office.hire("wen", Role.SECTION_HEAD, department=OWNER)
        office.hire("shui", Role.REVIEWER, department=READER)
        office.hire("olga", Role.OPERATOR)
        office.hire("anna", Role.AUDITOR)
        yield office


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    with fresh_page() as page:
        yield page


@pytest.fixture
def page(browser_page: Page) -> Page:
    browser_page.faults.clear()
    return browser_page


_COOKIES: dict[tuple[str, str], list[Any]] = {}
"""Who has signed in already, by service and login: a password takes its time to be looked at."""


def _open(page: Page, office: Office, login: str, address: str) -> None:
    """A page as somebody sees it who has signed in; how one signs in is tested on its own page."""
    url = office.server.url
    page.goto("about:blank")
    page.context.clear_cookies()
    if (url, login) not in _COOKIES:
        with closing(office.sign_in(login)) as client:
            _COOKIES[url, login] = [{"name": k, "value": v, "url": url} for k, v in client.cookies.items()]
    page.context.add_cookies(_COOKIES[url, login])
    page.goto(f"{url}{address}")
    until(page, "document.getElementById('message').hidden || document.getElementById('message').className")


def _in_days(office: Office, days: int) -> str:
    return (office.server.edge.now().date() + timedelta(days=days)).isoformat()


def _picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


def _press(page: Page, button: str, *, picture: str | None = None, **answers: str) -> str:
    """Press a button, answer its question by the names of its fields, and say what is told on top."""
    page.evaluate("document.getElementById('message').className = ''")
    page.click(button)
    said = "document.getElementById('message').className !== ''"
    until(page, f"document.querySelector('dialog') !== null || {said}")
    if page.locator("dialog").count():
        for name, value in answers.items():
            if page.locator(f"select#dialog-{name}").count():
                page.select_option(f"#dialog-{name}", value)
            else:
                page.fill(f"#dialog-{name}", value)
        if picture:
            _picture(page, picture)
        page.click("dialog button[type=submit]")
    until(page, said)
    assert page.get_attribute("#message", "class") == "done", page.inner_text("#message")
    return page.inner_text("#message")


def _called_off(page: Page, button: str) -> None:
    page.click(button)
    page.click("dialog button[type=button]:not(.small)")
    until(page, "document.querySelector('dialog') === null")


def test_a_department_asks_is_granted_takes_a_file_and_is_withdrawn_on_the_page(
    office: Office, page: Page, tmp_path: object
) -> None:
    day = _in_days(office, 90)
    _open(page, office, "shui", "/access")
    until(page, "['open', 'granted', 'exports'].every((id) => document.getElementById(id).innerText !== '')")
    assert "没有待办理的申请" in page.inner_text("#open") and "没有授权" in page.inner_text("#granted")
    assert "没有导出记录" in page.inner_text("#exports")
    _picture(page, "access-empty")
    _press(
        page,
        "#acts button",
        picture="access-ask",
        owner=OWNER,
        purpose="防洪影响评价",
        wanted="未公布的埋藏区",
    )
    assert "防洪影响评价" in page.inner_text("#open") and "撤回申请" in page.inner_text("#open")
    assert page.locator("#open button:has-text('授权')").count() == 0

    _open(page, office, "wen", "/access")
    _called_off(page, "#open button:has-text('拒绝')")
    _press(
        page,
        "#open button:has-text('授权')",
        picture="access-grant",
        layer="WWMC",
        ends_on=day,
        most_exports="2",
    )
    assert "没有待办理的申请" in page.inner_text("#open")
    granted = page.inner_text("#granted")
    assert "WWMC" in granted and day in granted and "不得转交第三方" in granted and "不得导出" in granted
    _press(page, "#granted button:has-text('收回')", picture="access-withdraw", reason="用途已完成")
    assert "用途已完成" in page.inner_text("#over")
    page.click("#acts button:has-text('主动授权')")
    page.check("#dialog-may_export input")
    page.select_option("#dialog-department", READER)
    page.fill("#dialog-purpose", "河道整治")
    page.fill("#dialog-ends_on", day)
    page.click("dialog button[type=submit]")
    until(page, "document.getElementById('granted').textContent.includes('河道整治')")

    _open(page, office, "shui", "/access")
    assert page.locator("#granted button").count() == 0
    page.select_option("#take-layer", "WWMC")
    with page.expect_download() as taken:
        page.click("#take button")
    until(page, "document.getElementById('message').className === 'done'")
    assert taken.value.suggested_filename == "WWMC-v1.gpkg"
    number = page.inner_text("#exports code")
    assert number.startswith("BPX-") and number in page.inner_text("#message")
    assert "Shui" in page.inner_text("#exports") and "河道整治" in page.inner_text("#exports")
    _picture(page, "access")
    page.context.set_offline(True)
    page.click("#take button")
    until(page, "document.getElementById('message').textContent.includes('服务没有应答')")
    page.context.set_offline(False)
    page.fill("#of-number", "BPX-0")
    page.click("#search button")
    until(page, "document.getElementById('exports').textContent.includes('没有导出记录')")

    _open(page, office, "anna", "/access")
    assert number in page.inner_text("#exports") and page.locator("#acts button, td button").count() == 0
    _open(page, office, "olga", "/access")
    assert "不涉及数据共享" in page.inner_text("#message") and not page.is_visible(".card")
    assert [fault for fault in page.faults if "status of" not in fault and "DISCONNECTED" not in fault] == []


def test_the_auditor_searches_takes_away_and_proves_the_log_and_sees_where_it_was_changed(
    office: Office, page: Page
) -> None:
    _open(page, office, "shui", "/audit-log")
    assert "只有审计员" in page.inner_text("#message") and not page.is_visible(".card")

    _open(page, office, "anna", "/audit-log")
    assert "登录 sign_in" in page.inner_text("#found").replace("\n", " ")
    page.fill("#act", "nothing")
    page.click("#search [type=submit]")
    until(page, "document.getElementById('found').textContent.includes('没有符合条件的记录')")
    page.fill("#act", "sign_in")
    page.fill("#thing", "anna")
    page.click("#search [type=submit]")
    until(page, "document.querySelectorAll('#found tbody tr').length > 0")
    assert "审计员" in page.inner_text("#found") or "Anna" in page.inner_text("#found")
    page.click("#found summary")
    _picture(page, "audit-log")
    with page.expect_download() as taken:
        page.click("#as-csv")
    lines = taken.value.path().read_text(encoding="utf-8").splitlines()
    assert (
        lines[0].startswith("seq,at,actor")
        and all("sign_in" in line for line in lines[1:])
        and len(lines) > 1
    )

    page.click("#verify button")
    until(page, "document.querySelector('#verified .done') !== null")
    head = page.inner_text("#verified code")
    seq = head.split()[0]
    page.fill("#anchor", head[:-1] + ("0" if head[-1] != "0" else "1"))
    page.click("#verify button")
    until(page, "document.querySelector('#verified .error') !== null")
    assert f"第 {seq} 条" in page.inner_text("#verified") and "rewritten" in page.inner_text("#verified")
    _picture(page, "audit-log-rewritten")
    page.fill("#anchor", f"{head} 2026-11-26")
    page.click("#verify button")
    until(page, "document.querySelector('#verified .done') !== null")
    assert page.faults == []


def test_an_operator_makes_an_account_appoints_resets_and_closes_it_and_issues_tokens(
    office: Office, page: Page
) -> None:
    server = office.server
    _open(page, office, "anna", "/accounts")
    assert "只有账户管理员" in page.inner_text("#message") and not page.is_visible(".card")

    _open(page, office, "olga", "/accounts")
    assert "没有令牌" not in page.inner_text("#tokens")
    _press(page, "#add", picture="accounts-add", login="zhangsan", name="张三")
    first = page.inner_text("#secret-text")
    _picture(page, "accounts-secret")
    page.click("#secret-kept")
    assert not page.is_visible("#secret-card") and page.inner_text("#secret-text") == ""
    assert "没有岗位" in page.inner_text("#appointments")
    _press(page, "#section-acts button", department=READER, name="河湖科")
    _press(
        page,
        "#person-acts button:has-text('任命岗位')",
        picture="accounts-appoint",
        role="reviewer",
        place=f"{READER}/河湖科",
        ends_at="2027-12-31T18:00",
    )
    assert "审查员（鞍山市水利局 河湖科）" in page.inner_text("#appointments") and "2027" in page.inner_text(
        "#appointments"
    )
    page.click("#person-acts button:has-text('任命岗位')")
    page.select_option("#dialog-role", "operator")
    page.click("dialog button[type=submit]")
    until(page, "document.getElementById('message').className === 'error'")
    assert "holds no role that decides" in page.inner_text("#message")
    with closing(server.client()) as client:
        assert client.post("/api/session", json={"login": "zhangsan", "password": first}).status_code == 200
        _called_off(page, "#person-acts button:has-text('重置密码')")
        assert client.get("/api/me").status_code == 200
        _press(page, "#person-acts button:has-text('重置密码')")
        assert client.get("/api/me").status_code == 401
    assert page.inner_text("#secret-text") not in ("", first)
    page.click("#secret-kept")
    _press(page, "#appointments button:has-text('结束')")
    assert "已结束" in page.inner_text("#appointments")
    _picture(page, "accounts")

    # Of a layer that is granted: who administers accounts does not see the grant.
    granted = {"layer": "WWMC", "department": "LCJ", "purpose": "林地保护", "ends_on": _in_days(office, 9)}
    with closing(server.client(OWNER)) as owner:
        assert owner.post("/api/access-grants", json=granted).status_code == 201
    _press(
        page, "#token-acts button:has-text('签发令牌')", picture="accounts-token", holder="LCJ", layers="WWMC"
    )
    token = page.inner_text("#secret-text")
    with closing(server.client()) as machine:
        machine.headers["Authorization"] = f"Bearer {token}"
        assert machine.get("/api/me").status_code == 200
        _press(page, "#tokens tbody tr:first-child button")
        assert machine.get("/api/me").status_code == 401
    assert "已吊销" in page.inner_text("#tokens")
    _press(page, "#person-acts button:has-text('停用账户')")
    page.fill("#filter", "zhangsan")
    assert "没有符合条件的账户" in page.inner_text("#persons")
    page.check("#closed")
    assert "已停用" in page.inner_text("#persons")
    assert [fault for fault in page.faults if "status of 409" not in fault] == []


def test_a_request_that_somebody_else_decided_meanwhile_is_not_decided_twice(
    office: Office, page: Page
) -> None:
    server = office.server
    with closing(server.client(READER)) as client:
        asked = client.post("/api/access-requests", json={"owner": OWNER, "purpose": "复核"}).json()["id"]
    _open(page, office, "wen", "/access")
    page.click("#open button:has-text('拒绝')")
    page.fill("#dialog-reason", "不属于职责范围")
    with Session(server.edge.engine) as session, session.begin():
        session.execute(
            text(
                "UPDATE blueprint.access_grant SET state = 'refused', reason = 'x', decided_by = 'wen', decided_at = now() WHERE id = :id"
            ),
            {"id": asked},
        )
    page.click("dialog button[type=submit]")
    until(page, "document.getElementById('message').className === 'error'")
    assert "别人刚刚作了改动" in page.inner_text("#message")
