"""The command line and the HTTP service, each over a database of its own."""

import base64
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import uvicorn
from sqlalchemy.orm import Session

from blueprint.accounts.sealing import Sealer
from blueprint.city import City
from blueprint.database import make_engine
from blueprint.edge import Edge
from blueprint.tokens import issue_token
from service import cli
from service.app import create_app
from service.commands.context import make_provider
from service.commands.serve import bind
from service.settings import Settings
from tests import badfiles
from tests.conftest import HOME, OBJECTS


@dataclass(frozen=True)
class Result:
    """What a command did: exit status, standard output, standard error."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> object:
        """Standard output read as JSON."""
        return json.loads(self.out)


Command = Callable[..., Result]

_TRUST = httpx.create_ssl_context()
"""Made once: a client that reads the list of authorities itself takes longer than most of its tests."""


def define_plan(command: Command, *options: str, control: str = "restrict") -> Result:
    """Define the polygon layer PLAN, which the tests upload to."""
    what = ("--title", "规划", "--department", "ZRZY", "--geometry", "polygon", "--control", control)
    return command("layer", "define", "PLAN", *what, *options)


def publish_plan(command: Command, tmp_path: Path) -> None:
    """Define PLAN as a layer that prohibits, and bring one square of it into force since 2024."""
    define_plan(command, control="prohibit")
    plan = tmp_path / "plan.geojson"
    plan.write_bytes(badfiles.good())
    assert command("layer", "upload", "PLAN", plan, "--in-force", "2024-01-01").status == 0


@pytest.fixture
def command(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """Runs `blueprint …` on a database of the test's own."""
    monkeypatch.setenv("DATABASE_URL", fresh_database)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("BLUEPRINT_HOME", str(HOME))

    def run(*arguments: str | Path) -> Result:
        capfd.readouterr()
        status = cli.run([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Result(status, captured.out, captured.err)

    return run


@dataclass(frozen=True)
class Server:
    """A running service: a client for anyone, tokens by department, and its edge."""

    url: str
    edge: Edge
    tokens: dict[str, str]

    def client(self, department: str | None = None) -> httpx.Client:
        """A client signed in as a department, or as nobody."""
        headers = {"Authorization": f"Bearer {self.tokens[department]}"} if department else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, verify=_TRUST)


@contextmanager
def serving(
    database_url: str, city: City, settings: Settings, *, clock: Callable[[], datetime] | None = None
) -> Iterator[Server]:
    """A real uvicorn on a free port."""
    listener = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    edge = Edge(
        engine=make_engine(database_url, objects=OBJECTS),
        city=city,
        clock=clock or (lambda: datetime.now(UTC)),
        base_url=url,
        objects=OBJECTS,
        scratch=settings.scratch,
        sealer=Sealer(key=settings.secret_key or base64.b64encode(os.urandom(32)).decode()),
        provider=make_provider(settings, url),
    )
    with Session(edge.engine) as session, session.begin():
        tokens = {
            d.code: issue_token(session, department=d.code, city=city, now=edge.now())
            for d in city.departments
        }
    config = uvicorn.Config(create_app(edge, settings), log_level="warning")
    service = uvicorn.Server(config)
    thread = threading.Thread(target=service.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield Server(url, edge, tokens)
    finally:
        service.should_exit = True
        thread.join(timeout=20)
        edge.engine.dispose()


@pytest.fixture
def running(fresh_database: str, city: City) -> Iterator[Server]:
    """The service with the settings that it has by default, over a database of the test's own."""
    with serving(fresh_database, city, Settings()) as server:
        yield server
