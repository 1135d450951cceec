"""Pushing handovers: delivered once, tried again after a failure, each try on record."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from approval.models import Case
from blueprint.city import City
from blueprint.database import make_engine
from blueprint.errors import InvalidInputError
from coordination import consultation, projects
from coordination.clearance import clear_project
from coordination.deliveries import wait_after
from coordination.handover import SIGNATURE_HEADER, verify
from coordination.handover_models import Handover
from service.push import push_due
from tests.conftest import OBJECTS
from tests.coordination.world import CALENDAR, COORDINATOR, DETAILS, NOW, footprint, install_layer

LATER = NOW + timedelta(days=8)


@pytest.fixture
def cleared(fresh_database: str, world: City) -> Iterator[Engine]:
    """A database of its own with one cleared project."""
    engine = make_engine(fresh_database, objects=OBJECTS)
    with Session(engine) as session, session.begin():
        install_layer(session, world, "river", (200, 300), starts_on=NOW.date())
        site = footprint(world, 400, 450)
        project = projects.register_project(session, DETAILS, site, city=world, actor=COORDINATOR, now=NOW)
        projects.check_project(session, project.id, city=world, actor=COORDINATOR, now=NOW)
        consultation.open_consultation(
            session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NOW
        )
        clear_project(session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=LATER)
    yield engine
    engine.dispose()


def handover_of(engine: Engine) -> Handover:
    with Session(engine) as session:
        return session.scalars(select(Handover)).one()


def case_count(engine: Engine) -> int | None:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(Case))


@pytest.mark.parametrize(("attempts", "minutes"), [(1, 1), (2, 2), (6, 32), (7, 60), (1000, 60)])
def test_the_wait_doubles_up_to_an_hour(attempts: int, minutes: int) -> None:
    assert wait_after(attempts) == timedelta(minutes=minutes)


def test_a_handover_becomes_a_case_once(cleared: Engine) -> None:
    first = push_due(cleared, now=LATER, approval_url=None, secret=None)
    second = push_due(cleared, now=LATER, approval_url=None, secret=None)

    handover = handover_of(cleared)
    assert (first, second, case_count(cleared)) == (1, 0, 1)
    assert (handover.attempts, handover.delivered_at, handover.last_error) == (1, LATER, None)


def test_a_delivery_that_was_not_recorded_is_tried_again_and_finds_its_case(cleared: Engine) -> None:
    push_due(cleared, now=LATER, approval_url=None, secret=None)
    with Session(cleared) as session, session.begin():
        session.scalars(select(Handover)).one().delivered_at = None

    assert push_due(cleared, now=LATER, approval_url=None, secret=None) == 1
    assert case_count(cleared) == 1


def test_a_handover_in_anothers_hands_is_passed_over(cleared: Engine) -> None:
    with Session(cleared) as session, session.begin():
        session.scalars(select(Handover).with_for_update()).one()

        assert push_due(cleared, now=LATER, approval_url=None, secret=None) == 0


def test_an_approval_that_does_not_answer_is_tried_again_after_a_wait(cleared: Engine) -> None:
    nowhere = "http://127.0.0.1:9"

    failed = push_due(cleared, now=LATER, approval_url=nowhere, secret="shared")
    too_early = push_due(cleared, now=LATER + timedelta(seconds=59), approval_url=nowhere, secret="shared")

    handover = handover_of(cleared)
    assert (failed, too_early, handover.attempts) == (0, 0, 1)
    assert handover.next_try_at == LATER + timedelta(minutes=1)
    assert handover.last_error
    assert push_due(cleared, now=handover.next_try_at, approval_url=None, secret=None) == 1


def test_a_push_over_http_needs_the_shared_secret(cleared: Engine) -> None:
    with pytest.raises(InvalidInputError, match="BLUEPRINT_HANDOVER_SECRET"):
        push_due(cleared, now=LATER, approval_url="http://127.0.0.1:9", secret=None)


class _Stranger(BaseHTTPRequestHandler):
    """A server that says yes to everything and is not approval."""

    seen: list[tuple[str, str | None, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, self.headers[SIGNATURE_HEADER], body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ok": true}')

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def test_a_server_that_gives_no_receipt_of_the_message_did_not_take_it(cleared: Engine) -> None:
    _Stranger.seen = []
    with HTTPServer(("127.0.0.1", 0), _Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"

        assert push_due(cleared, now=LATER, approval_url=url, secret="shared") == 0
        server.shutdown()

    path, signature, body = _Stranger.seen[0]
    assert path == "/api/approval/intake"
    assert signature is not None
    verify(signature, body, secret="shared", now=LATER)
    assert "receipt is not of this message" in (handover_of(cleared).last_error or "")
