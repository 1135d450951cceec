"""A year of a city's approval, made up from a seed and lived day by day through the HTTP API alone.

Projects come in all year; the window, the departments and the applicants act on working days, with dice: what is lacking is
asked for, clocks are stopped, some are late, some refused and applied for again. Each project has dice of its own, so that
the same seed makes the same year by however many processes it is lived. Never for a city's own database.
"""

import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import uvicorn
from sqlalchemy import select
from sqlalchemy.orm import Session

from approval.models import Case
from approval.stages import Stage
from blueprint.edge import Edge
from blueprint.sentences import Sentence
from service.app import create_app
from service.settings import Settings
from service.simulation.acting import Acting
from service.simulation.client import Client
from service.simulation.people import People
from service.simulation.project import Project

DAYS = 364
_SUPERVISED_EVERY = 7
"""So many days apart the service agency looks at who is late."""


@dataclass(frozen=True)
class Lived:
    """What a year had in it: projects handed over, items that were decided, requests that were made, accounts at work."""

    projects: int
    decided: int
    requests: int
    people: int


class _Clock:
    """A clock that is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Share:
    """Which of the projects and people of a year are lived here: every `of`-th from `number` on."""

    number: int = 0
    of: int = 1


_WHOLE = Share()


def live_a_year(
    edge: Edge,
    settings: Settings,
    *,
    projects: int,
    seed: int,
    people: int = 0,
    share: Share = _WHOLE,
    ends_at: datetime | None = None,
    say: Callable[[Sentence], None] = lambda _: None,
) -> Lived:
    """Live the 364 days up to `ends_at`, or today, with so many projects and accounts, on the database of `edge`."""
    zone = ZoneInfo(edge.city.time_zone)
    last = (ends_at or edge.now()).astimezone(zone).date()
    first = datetime.combine(last - timedelta(days=DAYS), time(10), zone)
    clock = _Clock(first)
    edge = replace(edge, clock=clock)
    own = range(share.number, projects, share.of)
    accounts = len(range(share.number, people, share.of))
    with _served(edge, settings) as client:
        prefix = f"sim{seed}-{share.number}"
        acting = Acting(client, People(edge, client, prefix=prefix, count=accounts, days=DAYS), edge.city)
        waiting = sorted((_made_up(number, seed, edge) for number in own), key=lambda p: p.starts_on)
        under_way: list[Project] = []
        for day in range(DAYS + 1):
            clock.now = first + timedelta(days=day)
            if not edge.city.calendar.is_working_day(clock.now.date()):
                continue
            acting.today = clock.now.date()
            acting.people.begin_day(day)
            while waiting and waiting[0].starts_on <= day:
                under_way.append(waiting.pop(0))
                acting.begin(under_way[-1], acting.today)
            for project in under_way:
                acting.act(project, day)
            if day % _SUPERVISED_EVERY == 0:
                acting.between.supervise(under_way)
            under_way = [project for project in under_way if project.stage < len(Stage)]
            say(
                Sentence(
                    "{day}: {projects} projects, {items} items decided",
                    day=clock.now.date(),
                    projects=len(own) - len(waiting),
                    items=acting.decided,
                )
            )
    return Lived(len(own), acting.decided, client.requests, accounts)


def _made_up(number: int, seed: int, edge: Edge) -> Project:
    """A project that begins on any day of the year, rather early than late, so that some are concluded in it."""
    dice = random.Random(f"{seed}/{number}")  # noqa: S311 - dice of a game, no secret
    code = edge.city.administrative_code
    return Project(
        f"CH-{code}-SIM-2026-{number + 1:06d}",
        f"2601-{code}-04-01-{900001 + number}",
        int(dice.triangular(0, DAYS, DAYS // 4)),
        dice,
    )


def is_lived(session: Session) -> bool:
    """Say whether a made-up year is in the database."""
    return session.scalar(select(Case.id).where(Case.planning_number.like("CH-%-SIM-%")).limit(1)) is not None


@contextmanager
def _served(edge: Edge, settings: Settings) -> Iterator[Client]:
    """The service on a free port of this machine, with a clock of its own, and a connection to it."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(edge, settings), log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        client = Client("127.0.0.1", listener.getsockname()[1])
        yield client
        client.close()
    finally:
        server.should_exit = True
        thread.join(timeout=20)
