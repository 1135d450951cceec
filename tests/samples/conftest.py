"""The sample cities, loaded as the demo loads them, once for all test runs until a file of theirs changes."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, make_url

from blueprint.city import load_city
from blueprint.database import make_engine
from blueprint.edge import Edge
from blueprint.permissions import at_console
from service.commands.layer_upload import store_file
from service.samples import load_samples, sample_folder
from service.settings import Settings
from tests.conftest import OBJECTS, PREFIX, ROOT, TestServer

_MADE_BY = ("blueprint/**/*.py", "blueprint/**/*.sql", "service/migrations/**/*.py")


@contextmanager
def _sample_city(server: TestServer, name: str) -> Iterator[Edge]:
    folder = sample_folder(name)
    made_from = hashlib.sha256()
    files = [path for pattern in _MADE_BY for path in ROOT.glob(pattern)] + [
        p for p in folder.rglob("*") if p.is_file()
    ]
    for path in sorted(files):
        made_from.update(path.read_bytes())

    def edge(engine: Engine) -> Edge:
        city = load_city(folder / "city.toml")
        return Edge(
            engine=engine,
            city=city,
            clock=lambda: datetime.now(UTC),
            base_url="http://test",
            scratch=Settings().scratch,
        )

    def fill(url: str) -> None:
        server.initialise(str(make_url(url).database), load_city(folder / "city.toml"))
        engine = make_engine(url, objects=OBJECTS)
        load_samples(edge(engine), folder, store=store_file, actor=at_console("test"))
        engine.dispose()

    database = server.template(f"{PREFIX}_{name}_{made_from.hexdigest()[:12]}", fill)
    engine = make_engine(server.url(database), objects=OBJECTS)
    yield edge(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def cambridge(server: TestServer) -> Iterator[Edge]:
    """Cambridge, Massachusetts, with all its layers; only read."""
    with _sample_city(server, "cambridge") as edge:
        yield edge


@pytest.fixture(scope="session")
def anshan(server: TestServer) -> Iterator[Edge]:
    """Anshan with its made layers; only read."""
    with _sample_city(server, "anshan") as edge:
        yield edge
