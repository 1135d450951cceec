"""Every answer of the real server: its request id, its headers, its limits; and a log without secrets."""

import io
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.database import make_engine
from blueprint.tokens import issue_token
from service.logs import set_up_logging
from service.outer import DATA_POLICY, PAGE_POLICY
from service.settings import Settings
from tests import badfiles
from tests.conftest import CITY_PROFILE, ROOT, TestServer
from tests.service.conftest import Server, serving

BODY_SECONDS = 1.0


@pytest.fixture(scope="module")
def hurried(server, template: str, city: City) -> Iterator[Server]:  # type: ignore[no-untyped-def]
    """A service that waits a second for a body and takes layer files of 1 MB."""
    settings = Settings(body_seconds=BODY_SECONDS, upload_seconds=BODY_SECONDS, max_upload_mb=1)
    database = f"{template.partition('_template_')[0]}_hurried_{os.getpid()}"
    try:
        with serving(server.create(database, template=template), city, settings) as running:
            yield running
    finally:
        server.drop(database)


class Line:
    """A TCP connection, to send what no HTTP client would."""

    def __init__(self, server: Server) -> None:
        host, port = server.url.removeprefix("http://").split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=20)

    def send(self, content: str | bytes) -> None:
        self._socket.sendall(content.encode() if isinstance(content, str) else content)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        with self._socket, self._socket.makefile("rb") as stream:
            status = int(stream.readline().split()[1])
            lines = iter(lambda: stream.readline().decode().strip(), "")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            return status, headers, stream.read(int(headers["content-length"]))


def _head(method: str, path: str, *headers: str) -> str:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: localhost", *headers)) + "\r\n\r\n"


def _refused(answer: tuple[int, dict[str, str], bytes], status: int, *words: str) -> None:
    """A problem document, and the end of the connection."""
    assert answer[0] == status, answer
    assert answer[1]["content-type"] == "application/problem+json"
    assert answer[1]["connection"] == "close"
    document = json.loads(answer[2])
    assert document["status"] == status and document["request_id"] == answer[1]["x-request-id"]
    for word in words:
        assert word in document["detail"]


def test_a_request_id_is_the_callers_if_it_is_one_and_else_made(hurried: Server):
    ours = httpx.get(f"{hurried.url}/api/nowhere", headers={"X-Request-Id": "abc-DEF_0123"})
    assert ours.headers["x-request-id"] == "abc-DEF_0123" == ours.json()["request_id"]

    for bad in ("short", "x" * 65, "with space12", 'quote"12345', "semi;colon12"):
        answer = httpx.get(f"{hurried.url}/api/nowhere", headers={"X-Request-Id": bad})
        made = answer.headers["x-request-id"]
        assert made != bad and re.fullmatch(r"[A-Za-z0-9_-]{8,64}", made)
        assert answer.json()["request_id"] == made

    tile = httpx.get(f"{hurried.url}/tiles/x/99/0/0.mvt")
    assert tile.json()["request_id"] == tile.headers["x-request-id"]


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(hurried: Server):
    sign_in = f"Authorization: Bearer {hurried.tokens['ZRZY']}"
    for method, path, length, words in (
        ("POST", "/api/projects", 5 * 2**20 + 1, "5 MB"),
        ("PUT", "/api/projects/1/footprint", 5 * 2**20 + 1, "5 MB"),
        ("POST", "/api/checks", 10**15, "5 MB"),
        ("POST", "/api/layers", 2 * 2**20 + 1, "2 MB"),
        ("POST", "/api/layers/PLAN/versions", 2 * 2**20 + 1, "2 MB"),
        ("POST", "/api/approval/intake", 5 * 2**20 + 1, "5 MB"),
        ("GET", "/api/layers", 2 * 2**20 + 1, "2 MB"),
    ):
        line = Line(hurried)
        line.send(_head(method, path, sign_in, "Content-Type: application/json", f"Content-Length: {length}"))
        _refused(line.answer(), 413, words)


def test_a_chunked_body_is_cut_off_at_the_limit(hurried: Server):
    sign_in = f"Authorization: Bearer {hurried.tokens['ZRZY']}"
    form = "Content-Type: multipart/form-data; boundary=b"
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.geojson"\r\n\r\n'
    for path, content_type, start in (
        ("/api/layers", "Content-Type: application/json", b"["),
        ("/api/approval/intake", "Content-Type: application/json", b"["),
        ("/api/layers/PLAN/versions", form, part),
    ):
        line = Line(hurried)
        line.send(_head("POST", path, sign_in, content_type, "Transfer-Encoding: chunked"))
        line.send(b"%x\r\n%s\r\n" % (len(start), start))
        piece = b" " * 65536
        try:
            for _ in range(100):
                line.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        except (ConnectionResetError, BrokenPipeError):
            pass
        try:
            answer = line.answer()
        except ConnectionResetError:
            pytest.fail("the answer was lost with the connection")
        _refused(answer, 413, "larger than")


def test_a_slow_body_ends_with_its_time(hurried: Server):
    sign_in = f"Authorization: Bearer {hurried.tokens['ZRZY']}"
    form = "Content-Type: multipart/form-data; boundary=b"
    for path, content_type in (
        ("/api/layers", "Content-Type: application/json"),
        ("/api/approval/intake", "Content-Type: application/json"),
        ("/api/layers/PLAN/versions", form),
    ):
        line = Line(hurried)
        started = time.monotonic()
        line.send(_head("POST", path, sign_in, content_type, "Content-Length: 1000"))
        for drop in b"--b\r\nCon":
            line.send(bytes([drop]))
            time.sleep(0.1)
        _refused(line.answer(), 408, "longer than 1 seconds")
        assert BODY_SECONDS <= time.monotonic() - started < BODY_SECONDS + 2


def test_a_stranger_cannot_make_the_service_spool_a_file(hurried: Server):
    line = Line(hurried)
    line.send(_head("POST", "/api/layers/PLAN/versions", "Content-Length: 100000"))
    answer = line.answer()

    _refused(answer, 401, "sign in first")
    assert answer[1]["www-authenticate"] == "Bearer"


def test_more_files_or_fields_than_a_form_has_are_refused(hurried: Server):
    client = hurried.client("ZRZY")
    three = [("file", (f"{name}.geojson", badfiles.good())) for name in "abc"]
    many = {f"f{n}": "x" for n in range(21)}

    assert client.post("/api/layers/PLAN/versions", files=three).status_code == 400
    assert client.post("/api/layers/PLAN/versions", files=three[:1], data=many).status_code == 400


def _answers(server: Server) -> Iterator[httpx.Response]:
    """An answer of every operation, as nobody and as a department, of tiles and of what is not there."""
    document = httpx.get(f"{server.url}/api/openapi.json", timeout=60).json()
    clients = (server.client(), server.client("ZRZY"))
    addresses = [
        ("GET", "/"), ("GET", "/api/docs"), ("GET", "/web/app.js"), ("GET", "/web/nowhere.js"),
        ("GET", "/api/openapi.json"), ("GET", "/nowhere"), ("DELETE", "/api/layers"), ("GET", "/api/layers?limit=x"),
        ("GET", "/tiles/style.json"), ("GET", "/tiles/x.json"), ("GET", "/tiles/blueprint/0/0/0.mvt"),
        ("GET", "/tiles/x/0/0/0.mvt"), ("POST", "/tiles/x/0/0/0.mvt"), ("GET", "/api/layers/%00"), ("OPTIONS", "/"),
    ]  # fmt: skip
    for path, operations in document["paths"].items():
        filled = path.replace("{stage}", "construction_permit").replace("{code}", "PLAN")
        addresses += [(method.upper(), re.sub(r"\{\w+\}", "1", filled)) for method in operations]
    for client in clients:
        for method, address in addresses:
            yield client.request(method, address)


def test_every_answer_has_its_headers(hurried: Server):
    seen = set()
    for answer in _answers(hurried):
        at = f"{answer.request.method} {answer.request.url.path}: {answer.status_code}"
        seen.add(answer.status_code)
        headers = answer.headers
        is_page = answer.request.url.path in ("/", "/api/docs") or answer.request.url.path.startswith("/web/")
        assert headers["x-content-type-options"] == "nosniff", at
        assert headers["x-frame-options"] == "DENY", at
        assert headers["referrer-policy"] == "same-origin", at
        assert headers["cross-origin-resource-policy"] == "same-origin", at
        assert headers["content-security-policy"] == (PAGE_POLICY if is_page else DATA_POLICY).decode(), at
        assert re.fullmatch(r"[A-Za-z0-9_-]{8,64}", headers["x-request-id"]), at
        assert len(headers.get_list("cache-control")) <= 1, at
        if not is_page and not headers.get("cache-control", "").startswith("public"):
            assert headers["cache-control"] == "no-store", at
        if answer.status_code >= 400 and not answer.request.url.path.startswith("/web/"):
            assert headers["content-type"] == "application/problem+json", at
            assert answer.json()["request_id"] == headers["x-request-id"], at
    assert {200, 401, 404, 405, 422} <= seen


def test_a_policy_lets_nothing_in_that_could_run():
    for policy in (PAGE_POLICY, DATA_POLICY):
        assert b"default-src 'none'" in policy and b"frame-ancestors 'none'" in policy
        assert b"unsafe" not in policy and b"http" not in policy and b"*" not in policy


def test_what_a_tile_of_a_closed_layer_says_is_not_kept_by_browsers(hurried: Server):
    client = hurried.client("ZRZY")
    layer = {
        "code": "CLOSED", "title": "内部", "department": "ZRZY", "geometry": "polygon", "control": "restrict",
        "sensitivity": "restricted",
    }  # fmt: skip
    assert client.post("/api/layers", json=layer).status_code == 201
    uploaded = client.post(
        "/api/layers/CLOSED/versions",
        files={"file": ("x.geojson", badfiles.good())},
        data={"in_force_from": "2024-01-01"},
    )
    assert uploaded.status_code == 201, uploaded.text

    tile = client.get("/tiles/CLOSED/0/0/0.mvt")

    assert tile.status_code in (200, 204)
    assert tile.headers["cache-control"] == "no-store"


def test_a_fault_is_a_problem_with_all_headers_and_its_id_is_in_the_log(
    hurried: Server, server: TestServer, caplog: pytest.LogCaptureFixture
):
    database = str(hurried.edge.engine.url.database)
    with server.administer(database) as connection:
        connection.exec_driver_sql("ALTER TABLE coordination.project RENAME TO project_away")
    try:
        answer = hurried.client("ZRZY").get("/api/projects")
    finally:
        with server.administer(database) as connection:
            connection.exec_driver_sql("ALTER TABLE coordination.project_away RENAME TO project")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-security-policy"] == DATA_POLICY.decode()
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "project" not in answer.json()["detail"]
    assert any("/api/projects failed" in record.getMessage() for record in caplog.records)


SECRETS = {
    "a token": "token ob_AAAAbbbbCCCCddddEEEE1234 is unknown",
    "a header": "Authorization: Bearer abc.def.ghi",
    "a header by its name alone": "{'authorization': 'Basic dXNlcjpwdw=='}",
    "a cookie": "cookie: session=s3cr3tsession",
    "a password": "password='hunter2hunter2'",
    "a database": "postgresql+psycopg2://blueprint:hunter2hunter2@127.0.0.1/x",
    "a signed token": "got eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl",
    "a callback": "GET /callback?code=hunter2hunter2&state=s3cr3tsession",
    "a statement": "INSERT …\n[parameters: {'x': 'hunter2hunter2', 'y': [1]}]\n(Background)",
    "a row": "DETAIL:  Failing row contains (1, hunter2hunter2, null).",
    "a hash": "$argon2id$v=19$m=65536$hunter2hunter2",
}
_LEAKS = ("ob_AAAA", "abc.def", "dXNlcjpwdw", "s3cr3t", "hunter2", "c2lnbmF0dXJl")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The log of this process as the service writes it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    set_up_logging("debug", stream=stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_a_log_entry_is_taken_out(name: str, log: io.StringIO):
    text = SECRETS[name]
    logger = logging.getLogger("blueprint.somewhere")

    logger.warning("%s", text)
    logger.warning("an event", extra={"detail": text, "nested": {"list": [text]}, "password": "hunter2"})
    try:
        raise RuntimeError(text)
    except RuntimeError:
        logger.exception("it failed")

    written = log.getvalue()
    assert len([json.loads(line) for line in written.splitlines()]) == 3
    assert "[redacted]" in written
    for leak in _LEAKS:
        assert leak not in written


def test_the_log_of_a_running_service_has_ids_and_no_secrets(fresh_database: str, city: City, tmp_path: Path):
    engine = make_engine(fresh_database)
    with Session(engine) as session, session.begin():
        good = issue_token(session, department="ZRZY", city=city, now=datetime.now(UTC))
    engine.dispose()
    bad = "ob_" + "Z" * 43
    environment = os.environ | {
        "DATABASE_URL": fresh_database,
        "BLUEPRINT_CITY": str(CITY_PROFILE),
        "BLUEPRINT_LOG_LEVEL": "debug",
        "BLUEPRINT_HANDOVER_SECRET": "handover-hunter2",
    }
    log = tmp_path / "log"
    with log.open("wb") as stream:
        service = subprocess.Popen(
            [sys.executable, "-c", "from service.cli import main; main()", "serve", "--port", "0"],
            cwd=ROOT, env=environment, stdout=stream, stderr=stream,
        )  # fmt: skip
    try:
        url = _address(log)
        sign_ins = {
            "Authorization": f"Bearer {good}",
            "Cookie": "session=cookie-hunter2",
            "X-Request-Id": "find-me-again-1",
        }
        assert httpx.get(f"{url}/api/projects", headers=sign_ins).status_code == 200
        assert httpx.get(f"{url}/api/projects", headers={"Authorization": f"Bearer {bad}"}).status_code == 401
        httpx.post(
            f"{url}/api/session?token={good}",
            json={"name": "someone", "password": "correct-horse-hunter2", "code": "123456"},
            headers=sign_ins,
        )
        httpx.post(
            f"{url}/api/approval/intake", content="{}", headers={"Blueprint-Signature": "t=1,v1=hunter2"}
        )
    finally:
        service.send_signal(signal.SIGINT)
        service.wait(timeout=30)

    written = log.read_text()
    assert '"request_id": "find-me-again-1"' in written and '"path": "/api/projects"' in written
    answered = [json.loads(line) for line in written.splitlines() if '"answered"' in line]
    assert len(answered) >= 4 and all(line["request_id"] for line in answered)
    for secret in (good, good[3:], bad, "hunter2", "123456"):
        assert secret not in written


def _address(log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = re.search(r"at (http://127\.0\.0\.1:\d+)/", log.read_text())
        if found is not None:
            try:
                httpx.get(f"{found[1]}/health/ready").raise_for_status()
            except httpx.TransportError:
                pass
            else:
                return found[1]
        time.sleep(0.1)
    raise AssertionError(log.read_text())
