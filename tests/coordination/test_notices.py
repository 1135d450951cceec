"""Notices: told with the act, reminded once, read once, sent outside until the receiver has them."""

import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.database import make_engine
from blueprint.edge import Edge
from blueprint.errors import InvalidInputError, NotFoundError
from blueprint.permissions import Actor, Role
from blueprint.wall import KEEPER, enter, seeing, viewer_of
from coordination import clock, long_stops, notices, opinions, views
from coordination.deliveries import DEAD_AFTER
from coordination.handover import SIGNATURE_HEADER, verify
from coordination.models import OpinionKind, Project
from coordination.notice_delivery import not_delivered
from coordination.notice_models import Notice, NoticeDelivery, NoticeKind, Office
from coordination.opinions import OpinionGiven
from service.commands.serve import run_parts, tick_once
from service.notices import send_due
from service.settings import Settings
from tests.coordination.test_rounds import consult, register, revise
from tests.coordination.world import CALENDAR, COORDINATOR, DUE_ON, NOW, TODAY, WATER, install_layer

SUPERVISOR = Actor("督办", None, frozenset({Role.ANYONE, Role.SUPERVISOR}))
SECRET = "shared"
LATE = NOW + timedelta(days=8)


def told(session: Session, kind: NoticeKind) -> list[str]:
    rows = session.scalars(select(Notice).where(Notice.kind == kind))
    return sorted(row.department or row.office or "" for row in rows)


def test_departments_are_told_when_they_are_asked_and_when_it_is_taken_back(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world)
    consult(world_session, world, project)
    revise(world_session, world, project, 220, 300)

    assert told(world_session, NoticeKind.ASKED) == ["fgw", "slj", "wlj"]
    assert told(world_session, NoticeKind.TAKEN_BACK) == ["fgw", "slj", "wlj"]


def test_a_limit_is_reminded_of_three_one_and_no_working_days_before_it_ends_once_each(
    world_session: Session, world: City
) -> None:
    consult(world_session, world, register(world_session, world))
    days = [NOW + timedelta(days=n, hours=h) for n in range(9) for h in (0, 5)]

    reminded = {now.date().day: 0 for now in days}
    for now in days:
        reminded[now.date().day] += notices.remind(world_session, calendar=CALENDAR, now=now)

    # Due on Monday 30: Wednesday 25 is three working days before, Friday 27 one; the weekend is silent.
    assert {day: count for day, count in reminded.items() if count} == {25: 3, 27: 3, 30: 3}


def test_a_reminder_whose_day_passed_while_nothing_ran_is_made_up_for_once(
    world_session: Session, world: City
) -> None:
    consult(world_session, world, register(world_session, world))

    # Nothing ran on Wednesday 25, the day of the first reminder, nor on Friday 27, that of the second.
    reminded = {
        day: notices.remind(world_session, calendar=CALENDAR, now=NOW.replace(day=day))
        for day in (26, 28, 30)
    }

    assert reminded == {26: 3, 28: 0, 30: 3}
    assert [notices.reminder_at(left) for left in (-1, 0, 1, 2, 3, 4)] == [None, 0, 1, 3, 3, None]


def test_a_clock_that_stands_still_for_long_is_told_of_and_again_after_as_long(
    world_session: Session, world: City
) -> None:
    opened = consult(world_session, world, register(world_session, world))
    water = next(r for r in opened.requests if r.department == "slj")
    clock.stop_clock(world_session, water.id, reason="缺材料", actor=WATER, calendar=CALENDAR, now=NOW)

    def told_on(day: int) -> int:
        now = NOW + timedelta(days=day)
        return long_stops.tell_of_long_stops(
            world_session, longest_working_days=10, calendar=CALENDAR, now=now
        )

    # Stopped on a Monday: the tenth working day of the stop is the Monday two weeks later.
    assert [told_on(day) for day in (11, 14, 14, 27, 28)] == [0, 1, 0, 0, 1]
    assert told(world_session, NoticeKind.LONG_STOP) == sorted(["coordinator", "slj", "supervisor"] * 2)
    (on_board,) = views.board(world_session, TODAY + timedelta(days=14), calendar=CALENDAR)
    assert on_board.longest_stop == 10


def test_who_has_answered_or_whose_clock_stands_still_is_not_reminded(
    world_session: Session, world: City
) -> None:
    opened = consult(world_session, world, register(world_session, world))
    requests = {r.department: r for r in opened.requests}
    opinions.give_opinion(
        world_session,
        requests["slj"].id,
        OpinionGiven(OpinionKind.AGREE),
        actor=WATER,
        calendar=CALENDAR,
        now=NOW,
    )
    clock.stop_clock(
        world_session, requests["wlj"].id, reason="缺材料", actor=COORDINATOR, calendar=CALENDAR, now=NOW
    )

    notices.remind(world_session, calendar=CALENDAR, now=NOW.replace(day=27))

    assert told(world_session, NoticeKind.DUE) == ["fgw"]
    assert told(world_session, NoticeKind.ANSWERED) == [Office.COORDINATOR]
    assert told(world_session, NoticeKind.CLOCK_STOPPED) == [Office.COORDINATOR, "wlj"]


def test_silence_is_told_to_the_department_and_to_who_supervises(world_session: Session, world: City) -> None:
    opened = consult(world_session, world, register(world_session, world))
    assert LATE.date() > DUE_ON

    clock.close_overdue(world_session, LATE.date(), now=LATE, calendar=CALENDAR)

    assert told(world_session, NoticeKind.DEEMED) == ["fgw", "slj", *[Office.SUPERVISOR] * 3, "wlj"]
    water = next(r for r in opened.requests if r.department == "slj")
    assert [n.kind for n in notices.notices_of(world_session, water)] == ["asked", "deemed"]
    seen = notices.list_notices(world_session, actor=SUPERVISOR)
    assert {notice.office for notice in seen} == {Office.SUPERVISOR}


def test_a_notice_is_read_by_whom_it_is_for(world_session: Session, world: City) -> None:
    consult(world_session, world, register(world_session, world))
    (mine,) = notices.list_notices(world_session, actor=WATER, unread_only=True)

    with pytest.raises(NotFoundError):
        notices.mark_read(world_session, mine.id, actor=COORDINATOR, now=NOW)
    notices.mark_read(world_session, mine.id, actor=WATER, now=NOW)
    again = notices.mark_read(world_session, mine.id, actor=WATER, now=LATE)

    assert (again.read_at, again.read_by) == (NOW, "水利局")
    assert notices.list_notices(world_session, actor=WATER, unread_only=True) == []


@pytest.fixture
def asked(fresh_database: str, world: City) -> Iterator[Engine]:
    """A database in which three departments were asked."""
    engine = make_engine(fresh_database)
    with Session(engine) as session, session.begin():
        install_layer(session, world, "river", (200, 300), starts_on=NOW.date())
        install_layer(session, world, "heritage", (250, 350), starts_on=NOW.date())
        consult(session, world, register(session, world))
    yield engine
    engine.dispose()


class _Webhook(BaseHTTPRequestHandler):
    """A receiver that answers what it is told to."""

    statuses: list[int]
    seen: list[tuple[str | None, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.statuses.pop(0) if self.statuses else 204
        self.seen.append((self.headers[SIGNATURE_HEADER], body))
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def webhook(*statuses: int) -> Iterator[str]:
    _Webhook.statuses, _Webhook.seen = list(statuses), []
    with HTTPServer(("127.0.0.1", 0), _Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/notices"
        server.shutdown()


def test_no_notice_is_lost_when_the_webhook_is_down_or_fails(asked: Engine, world: City) -> None:
    nowhere = Settings(notice_webhook="http://127.0.0.1:9/", notice_secret=SECRET)
    assert send_due(asked, city=world, settings=nowhere, now=NOW) == 0

    with webhook(500) as url:
        settings = Settings(notice_webhook=url, notice_secret=SECRET)
        too_early = send_due(asked, city=world, settings=settings, now=NOW)
        first = send_due(asked, city=world, settings=settings, now=NOW + timedelta(minutes=1))
        later = send_due(asked, city=world, settings=settings, now=NOW + timedelta(hours=1))
        again = send_due(asked, city=world, settings=settings, now=NOW + timedelta(hours=2))

    assert (too_early, first, later, again) == (0, 2, 1, 0)
    signature, body = _Webhook.seen[0]
    assert signature is not None
    verify(signature, body, secret=SECRET, now=NOW + timedelta(minutes=1))
    ids = {json.loads(body)["id"] for _, body in _Webhook.seen}
    assert (len(_Webhook.seen), len(ids)) == (4, 3)
    with Session(asked) as session:
        deliveries = session.scalars(select(NoticeDelivery)).all()
        assert {d.delivered_at is not None for d in deliveries} == {True}
        assert sorted(d.attempts for d in deliveries) == [2, 2, 3]


def test_a_webhook_needs_its_secret(asked: Engine, world: City) -> None:
    with pytest.raises(InvalidInputError, match="BLUEPRINT_NOTICE_SECRET"):
        send_due(asked, city=world, settings=Settings(notice_webhook="http://127.0.0.1:9/"), now=NOW)


class _Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as takes a message."""

    messages: list[tuple[str, str]]

    def handle(self) -> None:
        self._say("220 here")
        recipient = ""
        while line := self.rfile.readline().decode().strip():
            command = line.upper()
            if command.startswith("RCPT TO:"):
                recipient = line[8:].strip("<>")
                self._say("250 ok" if not recipient.startswith("away") else "450 try later")
            elif command == "DATA":
                self._say("354 go on")
                lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                self.messages.append((recipient, "".join(lines)))
                self._say("250 taken")
            elif command == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


def test_notices_go_by_mail_to_the_departments_that_have_an_address(asked: Engine, world: City) -> None:
    _Mailbox.messages = []
    addresses: dict[str, Any] = {"slj": "water@example.org", "wlj": "away@example.org"}
    departments = tuple(replace(d, email=addresses.get(d.code)) for d in world.departments)
    city = replace(world, departments=departments, supervisor_email="oversees@example.org")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mailbox) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = Settings(
            smtp_url=f"smtp://127.0.0.1:{server.server_address[1]}", smtp_sender="plan@example.org"
        )

        first = send_due(asked, city=city, settings=settings, now=NOW)
        again = send_due(asked, city=city, settings=settings, now=NOW + timedelta(hours=1))
        with Session(asked) as session, session.begin():
            clock.close_overdue(session, LATE.date(), now=LATE, calendar=CALENDAR)
        after_the_limit = send_due(asked, city=city, settings=settings, now=LATE)
        server.shutdown()

    # Silence is told to the department itself and, three times, to who supervises (Art. 11).
    assert (first, again, after_the_limit) == (1, 0, 4)
    assert [to for to, _ in _Mailbox.messages].count("oversees@example.org") == 3
    recipient, message = _Mailbox.messages[0]
    assert recipient == "water@example.org"
    assert "Message-ID: <" in message and "@one-blueprint>" in message
    with Session(asked) as session:
        delivery = select(NoticeDelivery).where(NoticeDelivery.delivered_at.is_(None))
        failed = session.scalars(delivery.order_by(NoticeDelivery.id)).first()
        assert failed is not None
        assert (failed.address, failed.attempts) == ("away@example.org", 3)
        assert "try later" in (failed.last_error or "")


def test_a_notice_that_was_tried_is_tried_on_for_ever_shown_meanwhile_and_keeps_no_other_work_waiting(
    asked: Engine, world: City
) -> None:
    nowhere = Settings(notice_webhook="http://127.0.0.1:9/", notice_secret=SECRET)
    with Session(asked) as session, session.begin():
        for n in range(6):
            notices.tell(
                session,
                NoticeKind.MEETING,
                str(n),
                to="slj",
                project=session.scalars(select(Project)).one(),
                now=NOW,
            )

    for hours in range(DEAD_AFTER):
        send_due(asked, city=world, settings=nowhere, now=NOW + timedelta(hours=hours))

    with Session(asked) as session:
        attempts = sorted(d.attempts for d in session.scalars(select(NoticeDelivery)))
        assert sum(attempts) == DEAD_AFTER * 5, "a round ends after five failures in a row"
        count, shown = not_delivered(session, limit=2)
        assert (count, len(shown)) == (sum(each >= DEAD_AFTER for each in attempts), min(2, count))
        begun = len(attempts)
    with webhook() as url:
        settings = Settings(notice_webhook=url, notice_secret=SECRET)
        assert send_due(asked, city=world, settings=settings, now=NOW + timedelta(days=60)) == begun
    with Session(asked) as session:
        assert not_delivered(session, limit=2) == (0, [])


def test_the_database_shows_a_department_its_own_notices_alone(asked: Engine) -> None:
    with Session(asked) as session:
        enter(session, viewer_of(WATER))
        assert {n.department for n in session.scalars(select(Notice))} == {"slj"}


def test_one_part_of_the_due_work_that_fails_ends_none_of_the_others(
    asked: Engine, world: City, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    edge = Edge(asked, world, lambda: LATE, "http://127.0.0.1", tmp_path)
    with webhook() as url, seeing(KEEPER), caplog.at_level(logging.WARNING, logger="blueprint"):
        no_handover_secret = Settings(
            approval_url="http://127.0.0.1:9", notice_webhook=url, notice_secret=SECRET
        )

        tick_once(edge, no_handover_secret)

        run_parts({"第一": lambda: {}["nothing"], "第二": lambda: _Webhook.seen.append((None, b"second"))})

    with Session(asked) as session:
        assert told(session, NoticeKind.DEEMED)
    assert len(_Webhook.seen) > 3
    assert _Webhook.seen[-1] == (None, b"second")
    logged = [record.getMessage() for record in caplog.records]
    assert any("handovers" in line and "BLUEPRINT_HANDOVER_SECRET" in line for line in logged)
    assert any("第一" in line for line in logged)
