"""The pages to sign in on and of one's own account, in a real browser: by keyboard, with the texts beside the fields."""

import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pyotp
import pytest
from playwright.sync_api import Page
from sqlalchemy import text

from blueprint.accounts import identities, persons
from blueprint.city import City
from blueprint.permissions import Role
from service.settings import Settings
from tests.made import publish, square
from tests.service.browser import fresh_page, until
from tests.service.conftest import Server, serving
from tests.service.made_provider import CLIENT_ID, CLIENT_SECRET, MadeProvider, made_provider
from tests.service.office import OPERATOR, PASSWORD, Office

pytestmark = pytest.mark.browser
NEW = "noch-vier-Pferde-mehr"


@pytest.fixture
def elsewhere() -> Iterator[MadeProvider]:
    with made_provider() as made:
        yield made


@pytest.fixture
def running(fresh_database: str, city: City, elsewhere: MadeProvider) -> Iterator[Server]:
    """The service with a provider; auditors must have a second factor."""
    settings = Settings(
        openid_issuer=elsewhere.issuer,
        openid_client_id=CLIENT_ID,
        openid_client_secret=CLIENT_SECRET,
        openid_name="统一身份认证 Single sign-on",
    )
    strict = replace(city, second_factor_roles=frozenset({Role.AUDITOR}), boundary_path=None)
    with serving(fresh_database, strict, settings) as server:
        yield server


@pytest.fixture
def office(running: Server) -> Office:
    return Office(running, running.edge.city)


@contextmanager
def hostile_page(content: bytes) -> Iterator[str]:
    """A page of another origin of this machine; of the same site, so that cookies are sent along."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def page() -> Iterator[Page]:
    with fresh_page() as page:
        yield page


def _sign_in(page: Page, office: Office, login: str, password: str = PASSWORD) -> None:
    """By keyboard alone: the first field has the focus."""
    page.goto(f"{office.server.url}/sign-in")
    until(page, "document.activeElement.id === 'login' && !document.getElementById('elsewhere').hidden")
    page.keyboard.type(login)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def _code_of(page: Page) -> str:
    return pyotp.TOTP(page.inner_text("#secret").replace(" ", "")).now()


def _no_faults_but(page: Page, *statuses: int) -> None:
    """The browser itself reports answers of errors; nothing else may have gone wrong."""
    told = [fault for fault in page.faults if not any(f"status of {status}" in fault for status in statuses)]
    assert told == []
    hosts = {httpx.URL(url).host for url in page.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {"127.0.0.1"}


def test_a_first_password_is_changed_and_errors_stand_beside_their_fields(
    office: Office, page: Page, tmp_path: Path
):
    with office.session() as session, session.begin():
        now = office.server.edge.now()
        person, once = persons.add_person(session, "zhangsan", "张三", actor=OPERATOR, now=now)
        persons.appoint(
            session,
            person,
            Role.REVIEWER,
            department=office.departments[0],
            city=office.city,
            actor=OPERATOR,
            now=now,
        )

    page.goto(f"{office.server.url}/sign-in")
    until(page, "!document.getElementById('elsewhere').hidden")
    page.click("#password-form button[type=submit]")
    assert "请填写" in page.inner_text("#login-error")
    assert page.get_attribute("#login", "aria-invalid") == "true"
    page.fill("#login", "zhangsan")
    page.fill("#password", "falsch-falsch")
    page.keyboard.press("Enter")
    page.wait_for_selector("#password-error")
    assert "登录名或密码不正确" in page.inner_text("#password-error")
    assert page.evaluate("document.activeElement.id") == "password"
    assert page.locator("#login-error").count() == 0
    page.screenshot(path=tmp_path / "sign-in-error.png")

    page.keyboard.type(once)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")
    page.wait_for_selector("#owed:not([hidden])")
    assert "请先修改" in page.inner_text("#owed")
    assert page.is_hidden("#factor-card") and page.is_hidden("#sessions-card")
    assert page.evaluate("document.activeElement.id") == "old"
    page.screenshot(path=tmp_path / "must-change.png")

    page.fill("#old", once)
    page.fill("#new", "kurz")
    page.fill("#again", "anders")
    page.keyboard.press("Enter")
    assert "不一致" in page.inner_text("#again-error")
    page.fill("#again", "kurz")
    page.keyboard.press("Enter")
    page.wait_for_selector("#new-error")
    assert "12 to 200" in page.inner_text("#new-error")
    page.fill("#old", "falsch")
    page.fill("#new", NEW)
    page.fill("#again", NEW)
    page.keyboard.press("Enter")
    page.wait_for_selector("#old-error")
    page.fill("#old", once)
    page.keyboard.press("Enter")
    page.wait_for_selector("#message.done")
    assert page.is_hidden("#owed") and page.is_visible("#sessions-card")
    shown = page.inner_text("#me")
    assert "张三" in shown and "审查员 reviewer" in shown and "zhangsan" in shown
    page.screenshot(path=tmp_path / "account.png", full_page=True)
    _no_faults_but(page, 401, 422)


def test_a_second_factor_is_set_up_asked_for_and_removed(office: Office, page: Page, tmp_path: Path):
    office.hire("anna", Role.AUDITOR)
    _sign_in(page, office, "anna")
    page.wait_for_url("**/account")
    page.wait_for_selector("#owed:not([hidden])")
    assert "动态口令" in page.inner_text("#owed")

    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#confirm-form:not([hidden])")
    until(page, "document.getElementById('qr').naturalWidth > 0")
    page.screenshot(path=tmp_path / "enrol.png", full_page=True)
    secret = page.inner_text("#secret").replace(" ", "")
    page.keyboard.type("000000")
    page.keyboard.press("Enter")
    page.wait_for_selector("#first-code-error")
    page.fill("#first-code", pyotp.TOTP(secret).now())
    page.keyboard.press("Enter")
    page.wait_for_selector("#recovery:not([hidden])")
    codes = page.locator("#recovery-codes li").all_inner_texts()
    assert len(codes) == 10 and all(re.fullmatch(r"(\w{4}-){3}\w{4}", code) for code in codes)
    page.screenshot(path=tmp_path / "recovery.png", full_page=True)
    page.keyboard.press("Enter")
    page.wait_for_selector("#change-form:not([hidden])")
    assert "10" in page.inner_text("#factor-state") and page.locator("#recovery-codes li").count() == 0
    page.screenshot(path=tmp_path / "factor-on.png", full_page=True)

    page.click("#sign-out")
    page.wait_for_url("**/sign-in")
    _sign_in(page, office, "anna")
    page.wait_for_selector("#code-form:not([hidden])")
    assert page.is_hidden("#password-form") and page.evaluate("document.activeElement.id") == "code"
    page.screenshot(path=tmp_path / "code.png")
    page.keyboard.type("000000")
    page.keyboard.press("Enter")
    page.wait_for_selector("#code-error")
    page.goto(f"{office.server.url}/account")
    page.wait_for_url("**/sign-in")
    page.wait_for_selector("#code-form:not([hidden])")
    page.fill("#code", codes[0])
    page.keyboard.press("Enter")
    page.wait_for_url(f"{office.server.url}/")

    page.goto(f"{office.server.url}/account")
    page.wait_for_selector("#change-form:not([hidden])")
    page.click("#remove")
    assert "请填写" in page.inner_text("#present-code-error")
    page.fill("#present-code", codes[1])
    page.click("#remove")
    page.wait_for_selector("#owed:not([hidden])")
    assert page.is_visible("#begin-form")
    _no_faults_but(page, 401, 422)


def test_sessions_are_shown_and_ended_everywhere(office: Office, page: Page, tmp_path: Path):
    office.hire("ben", Role.SUPERVISOR)
    other = office.sign_in("ben")
    _sign_in(page, office, "ben")
    page.wait_for_url(f"{office.server.url}/")
    page.goto(f"{office.server.url}/account")
    page.wait_for_selector("#sessions tr")
    assert page.locator("#sessions tr").count() == 2
    assert "本次" in page.inner_text("#sessions tr.this")
    page.set_viewport_size({"width": 390, "height": 800})
    page.screenshot(path=tmp_path / "narrow.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.click("#everywhere")
    page.wait_for_url("**/sign-in")
    assert other.get("/api/me").status_code == 401
    other.close()
    _no_faults_but(page)


def test_the_map_knows_who_is_there_checks_for_them_and_outlives_their_session(
    office: Office, page: Page, city: City, tmp_path: Path
):
    office.hire("cleo", Role.SUPERVISOR)
    with office.session() as session, session.begin():
        publish(session, city, "red_line", [square(0, 0, 8_000)], title="生态保护红线", control="prohibit")
    url = office.server.url
    page.goto(url)
    until(page, "document.getElementById('account').textContent.includes('登录')")
    page.click("#account")
    page.wait_for_url("**/sign-in")
    _sign_in(page, office, "cleo")
    page.wait_for_url(f"{url}/")
    until(page, "document.getElementById('account').textContent.includes('Cleo')")
    until(page, "window.blueprintMap?.loaded()")
    page.screenshot(path=tmp_path / "map.png")
    ring = [[122.99, 41.11], [122.991, 41.11], [122.991, 41.111], [122.99, 41.111], [122.99, 41.11]]
    page.fill("#text", f'{{"type": "Polygon", "coordinates": [{ring}]}}')
    page.click("#check button[type=submit]")
    page.wait_for_selector("#verdict")

    page.goto("about:blank")  # so that no tile that the first page still waits for is refused below
    with office.session() as session, session.begin():
        session.execute(text("UPDATE blueprint.session SET revoked_at = made_at"))
    page.goto(url)
    until(page, "document.getElementById('account').textContent.includes('登录')")
    page.wait_for_selector("#layers li")
    assert page.context.cookies() == []
    _no_faults_but(page)


HOSTILE = """<!doctype html><title>-</title><script>
const send = (path, method, body) =>
  fetch("%(url)s" + path, { method, body, mode: "no-cors", credentials: "include" }).catch(() => null);
Promise.all([
  send("/api/me/password", "POST", JSON.stringify({ old: "%(old)s", new: "%(new)s" })),
  send("/api/accounts", "POST", JSON.stringify({ login: "made", name: "Made" })),
  send("/api/session", "POST", JSON.stringify({ login: "mallory", password: "%(old)s" })),
  send("/api/sessions", "DELETE"),
]).then(() => { document.title = "done"; });
</script>"""


def test_a_page_of_another_origin_changes_nothing_though_the_browser_sends_the_cookie(
    office: Office, page: Page
):
    office.hire("emil", Role.OPERATOR)
    office.hire("mallory")
    _sign_in(page, office, "emil")
    page.wait_for_url(f"{office.server.url}/")
    content = (HOSTILE % {"url": office.server.url, "old": PASSWORD, "new": NEW}).encode()
    asked: dict[str, list[str]] = {}
    page.on("request", lambda request: asked.setdefault(request.url, []).append(request.method))

    with hostile_page(content) as address:
        page.goto(address)
        until(page, "document.title === 'done'")

    assert f"{office.server.url}/api/me/password" in asked
    with office.session() as session:
        acts = set(session.scalars(text("SELECT act FROM blueprint.audit_entry")))
    assert not acts & {"change_credential", "sign_out_everywhere"}
    page.goto(f"{office.server.url}/account")
    page.wait_for_selector("#sessions tr")
    assert "emil" in page.inner_text("#me")
    with closing(office.sign_in("emil")) as client:
        assert client.get("/api/accounts/made").status_code == 404


def test_the_provider_signs_in_and_what_goes_wrong_is_said(
    office: Office, page: Page, elsewhere: MadeProvider, tmp_path: Path
):
    office.hire("dora", Role.SUPERVISOR)
    page.goto(f"{office.server.url}/sign-in")
    page.wait_for_selector("#elsewhere:not([hidden])")
    page.screenshot(path=tmp_path / "sign-in.png")
    page.click("#provider")
    page.wait_for_selector("#message:not([hidden])")
    assert "尚未关联账户" in page.inner_text("#message")
    page.screenshot(path=tmp_path / "not-linked.png")

    with office.session() as session, session.begin():
        person = persons.find_person(session, "dora")
        identities.link(
            session,
            person,
            issuer=elsewhere.issuer,
            subject=elsewhere.subject,
            actor=OPERATOR,
            now=office.server.edge.now(),
        )
    page.click("#provider")
    page.wait_for_url(f"{office.server.url}/")
    until(page, "document.getElementById('account').textContent.includes('Dora')")
    page.goto(f"{office.server.url}/account")
    page.wait_for_selector("#begin-form:not([hidden])")
    assert page.is_hidden("#password-card") and page.is_hidden("#begin-password")
    page.click("#begin-form button")
    page.wait_for_selector("#confirm-form:not([hidden])")
    page.fill("#first-code", _code_of(page))
    page.keyboard.press("Enter")
    page.wait_for_selector("#recovery:not([hidden])")
    _no_faults_but(page)
