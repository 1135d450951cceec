"""Coordination and approval as two services of two bureaus on two databases, joined by the interface alone (Art. 3, 6, 7)."""

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from approval.models import Case
from blueprint.city import City
from blueprint.database import make_engine
from blueprint.wall import KEEPER, seeing
from coordination.clearance import clear_project
from coordination.handover import SIGNATURE_HEADER, HandoverMessage, sign
from coordination.handover_models import Handover
from coordination.models import OpinionKind, Project
from coordination.opinions import Condition, OpinionGiven
from service.push import push_due
from service.settings import Settings
from tests.coordination.conftest import world  # noqa: F401
from tests.coordination.test_rounds import answer, consult, register
from tests.coordination.world import CALENDAR, COORDINATOR, NOW, install_layers
from tests.service.conftest import Server, serving

SECRET = "a secret of the two bureaus"
SCHEMA = Path(__file__).parents[2] / "docs" / "interfaces" / "handover-1.schema.json"


@pytest.fixture
def approval_bureau(server: Any, template: str, city: City) -> Iterator[Server]:
    """The approvals bureau's own service, on a database of its own."""
    database = f"{template.partition('_template_')[0]}_approval_{secrets.token_hex(6)}"
    try:
        url = server.create(database, template=template)
        with serving(url, city, Settings(handover_secret=SECRET)) as running:
            yield running
    finally:
        server.drop(database)


@pytest.fixture
def resources_bureau(fresh_database: str, world: City) -> Iterator[Engine]:  # noqa: F811
    """The natural resources bureau's database, with a cleared project."""
    engine = make_engine(fresh_database)
    with Session(engine) as session, session.begin():
        install_layers(session, world)
        project = register(session, world)
        opened = consult(session, world, project)
        conditions = (Condition("办理涉河建设方案许可", finding=1), Condition("施工避开汛期"))
        answer(
            session,
            opened,
            "slj",
            OpinionGiven(OpinionKind.AGREE_WITH_CONDITIONS, condition_list=conditions),
        )
        for department in ("fgw", "wlj"):
            answer(session, opened, department)
        clear_project(session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NOW)
    yield engine
    engine.dispose()


def cases(engine: Engine) -> list[Case]:
    with seeing(KEEPER), Session(engine) as session:
        return list(session.scalars(select(Case)))


def test_a_cleared_project_crosses_from_one_bureaus_database_to_the_others(
    resources_bureau: Engine, approval_bureau: Server
) -> None:
    url, now = approval_bureau.url, datetime.now(UTC)

    pushed = push_due(resources_bureau, now=now, approval_url=url, secret=SECRET)
    again = push_due(resources_bureau, now=now, approval_url=url, secret=SECRET)

    assert (pushed, again) == (1, 0)
    assert cases(resources_bureau) == []
    (case,) = cases(approval_bureau.edge.engine)
    with Session(approval_bureau.edge.engine) as session, Session(resources_bureau) as ours:
        assert session.scalar(select(func.count()).select_from(Project)) == 0
        handover = ours.scalars(select(Handover)).one()
        assert handover.delivered_at == now
        assert (case.message_id, case.message_sha256) == (handover.message_id, handover.sha256)
    (water,) = [o for o in case.message["opinions"] if o["department"] == "slj"]
    assert [c["text"] for c in water["condition_list"]] == ["办理涉河建设方案许可", "施工避开汛期"]


def test_a_wrong_secret_and_a_replay_are_refused_and_nothing_is_lost(
    resources_bureau: Engine, approval_bureau: Server
) -> None:
    url, now = approval_bureau.url, datetime.now(UTC)

    assert push_due(resources_bureau, now=now, approval_url=url, secret="another") == 0
    with Session(resources_bureau) as session:
        handover = session.scalars(select(Handover)).one()
        assert "approval answered 401" in (handover.last_error or "")
        body, wait_until = handover.body.encode(), handover.next_try_at
    old = {SIGNATURE_HEADER: sign(body, secret=SECRET, at=now - timedelta(minutes=10))}
    replayed = httpx.post(f"{url}/api/approval/intake", content=body, headers=old)
    assert replayed.status_code == 401
    assert cases(approval_bureau.edge.engine) == []

    assert push_due(resources_bureau, now=wait_until, approval_url=url, secret=SECRET) == 1
    fresh = {SIGNATURE_HEADER: sign(body, secret=SECRET, at=datetime.now(UTC))}
    twice = httpx.post(f"{url}/api/approval/intake", content=body, headers=fresh)
    assert twice.status_code == 200
    assert len(cases(approval_bureau.edge.engine)) == 1


class _Fault(BaseHTTPRequestHandler):
    """Stands between the bureaus; the path says how: answer 500, lose the answer to what was passed on, pass on and answer twice."""

    approval: str
    passed_on: threading.Event
    over: threading.Event

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        _, fault, path = self.path.split("/", 2)
        if fault == "500":
            self.send_error(500)
            return
        signed = {SIGNATURE_HEADER: self.headers[SIGNATURE_HEADER]}
        times = 2 if fault == "twice" else 1
        receipts = [
            httpx.post(f"{self.approval}/{path}", content=body, headers=signed, timeout=60)
            for _ in range(times)
        ]
        self.passed_on.set()
        if fault == "lost":
            self.over.wait(60)
            return
        with suppress(ConnectionError):
            for receipt in receipts:
                self.send_response(receipt.status_code)
                self.send_header("Content-Length", str(len(receipt.content)))
                self.end_headers()
                self.wfile.write(receipt.content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def test_a_receiver_that_fails_is_silent_or_answers_twice_gets_the_project_once(
    resources_bureau: Engine, approval_bureau: Server
) -> None:
    """Art. 3."""
    _Fault.approval, _Fault.passed_on, _Fault.over = approval_bureau.url, threading.Event(), threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Fault) as between:
        threading.Thread(target=between.serve_forever, daemon=True).start()

        def push(fault: str, now: datetime, timeout_s: float) -> tuple[int, Handover]:
            url = f"http://127.0.0.1:{between.server_port}/{fault}"
            pushed = push_due(resources_bureau, now=now, approval_url=url, secret=SECRET, timeout_s=timeout_s)
            with Session(resources_bureau) as session:
                return pushed, session.scalars(select(Handover)).one()

        failed, after_500 = push("500", datetime.now(UTC), 60)
        silent, after_silence = push("lost", after_500.next_try_at, 0.5)
        assert _Fault.passed_on.wait(60)
        has_it = len(cases(approval_bureau.edge.engine))
        taken, handover = push("twice", after_silence.next_try_at, 60)
        again, _ = push("twice", after_silence.next_try_at, 60)
        _Fault.over.set()
        between.shutdown()

    assert (failed, silent, has_it, taken, again) == (0, 0, 1, 1, 0)
    assert "approval answered 500" in (after_500.last_error or "")
    assert "timed out" in (after_silence.last_error or "")
    assert (handover.attempts, handover.last_error) == (3, None)
    assert [case.message_id for case in cases(approval_bureau.edge.engine)] == [handover.message_id]


def _in_both(answer: httpx.Response) -> str:
    problem = answer.json()
    return f"{problem['detail_zh']} {problem['detail']}"


def test_what_approval_refuses_is_answered_with_a_problem_and_kept_as_it_came(
    resources_bureau: Engine, approval_bureau: Server
) -> None:
    """Art. 3."""
    url, now = approval_bureau.url, datetime.now(UTC)
    assert push_due(resources_bureau, now=now, approval_url=url, secret=SECRET) == 1
    with Session(resources_bureau) as session:
        taken = json.loads(session.scalars(select(Handover)).one().body)
    changed = json.dumps(taken | {"cleared_by": "别人"}, ensure_ascii=False).encode()
    broken = b'{"project": {"planning_number": "CH-210300-2026-000009"}}'

    answers = [
        httpx.post(
            f"{url}/api/approval/intake",
            content=body,
            headers={SIGNATURE_HEADER: sign(body, secret=SECRET, at=now)},
        )
        for body in (changed, changed, broken)
    ]
    unsigned = httpx.post(f"{url}/api/approval/intake", content=b"{}")

    assert [answer.status_code for answer in answers] == [409, 409, 422] and unsigned.status_code == 401
    with approval_bureau.client("SPJ") as window, approval_bureau.client("SLJ") as other:
        newest = window.get("/api/approval/refused-handovers?limit=1").json()
        older = window.get(f"/api/approval/refused-handovers?limit=1&cursor={newest['next']}").json()
        kept = [*older["items"], *newest["items"]]
        assert [(k["family"], k["times"], k["planning_number"], k["detail"]) for k in kept] == [
            ("conflict", 2, taken["project"]["planning_number"], _in_both(answers[0])),
            ("unreadable", 1, "CH-210300-2026-000009", _in_both(answers[2])),
        ]
        address = f"/api/approval/refused-handovers/{kept[0]['id']}/body"
        assert window.get(address).content == changed
        assert other.get(address).status_code == 403
        assert window.get("/api/approval/refused-handovers/99/body").status_code == 404
    assert len(cases(approval_bureau.edge.engine)) == 1


def test_the_published_schema_is_that_of_the_message_and_holds_what_is_sent(
    resources_bureau: Engine,
) -> None:
    published = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert published == HandoverMessage.model_json_schema(), (
        "docs/interfaces/handover-1.schema.json is stale: blueprint project handover-schema"
    )
    with Session(resources_bureau) as session:
        document = json.loads(session.scalars(select(Handover.body)).one())

    validator = jsonschema.Draft202012Validator(published)
    validator.validate(document)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(document | {"unknown": 1})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({k: v for k, v in document.items() if k != "footprint"})
