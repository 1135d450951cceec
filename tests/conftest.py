"""The databases of the tests: one private PostGIS per checkout, one database per worker, rolled back per test.

They are used by the service's role, which owns nothing. `DATABASE_URL` set uses that server instead, and `DATABASE_OWNER_URL`
its other role, which owns the databases: that one needs CREATEDB and the right to create the extension PostGIS.
"""

import fcntl
import hashlib
import os
import secrets
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest
from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from blueprint.city import City, load_city
from blueprint.cluster import admin_url, ensure_running, owner_url, stop
from blueprint.database import CONNECT_ARGS, make_engine
from blueprint.wall import KEEPER, seeing
from service.setup import initialise

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".blueprint" / "test"
"""The home of the tests' cluster; kept between runs, so that the next run starts in a moment."""
OBJECTS = HOME / "objects"
"""The object folder of all databases of the tests: the same bytes are the same file."""
CITY_PROFILE = ROOT / "data" / "sample_layers" / "anshan" / "city.toml"
PREFIX = "one_blueprint_test_" + hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
"""Two checkouts may share one server by DATABASE_URL; each knows its own databases."""

_SESSIONS = pytest.StashKey[IO[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Say that a test run is under way in this checkout, until the process ends."""
    if hasattr(config, "workerinput"):
        return
    HOME.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        HOME.chmod(0o711)
    config.stash[_SESSIONS] = sessions = (HOME / "sessions.lock").open("w")
    fcntl.flock(sessions, fcntl.LOCK_SH)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the tests' cluster when this was the last test run in this checkout."""
    sessions = config.stash.get(_SESSIONS, None)
    if sessions is None:
        return
    with sessions, suppress(BlockingIOError):
        fcntl.flock(sessions, fcntl.LOCK_EX | fcntl.LOCK_NB)
        stop(HOME)


class TestServer:
    """The server that the tests make their databases on."""

    __test__ = False

    def __init__(self, url: str, owner_url: str, maintenance_url: str) -> None:
        self._url = make_url(url)
        self._owner_url = make_url(owner_url)
        self._engine = create_engine(maintenance_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def url(self, database: str) -> str:
        """The URL of one of the databases, for the role that the service uses."""
        return self._url.set(database=database).render_as_string(hide_password=False)

    def owner_url(self, database: str) -> str:
        """The URL of one of the databases, for the role that owns it."""
        return self._owner_url.set(database=database).render_as_string(hide_password=False)

    def initialise(self, database: str, city: City) -> None:
        """Give an empty database the newest schema, as a migration does."""
        initialise(self.owner_url(database), city, service_url=self.url(database))

    def maintenance(self) -> Connection:
        """A connection of the server's administrator, each statement for itself."""
        return self._engine.connect()

    def create(self, database: str, *, template: str | None = None) -> str:
        """Make a database, as a copy of `template` or empty but for the extensions; returns its URL."""
        owner = self._owner_url.username
        with self._engine.connect() as connection:
            # Copied as files where the server can: through the log it takes twice as long.
            by_file = "STRATEGY FILE_COPY" if connection.dialect.server_version_info >= (15,) else ""
            copied = f'TEMPLATE "{template}" {by_file}' if template else ""
            connection.execute(text(f'CREATE DATABASE "{database}" OWNER "{owner}" {copied}'))
        if template is None:
            with self.administer(database) as connection:
                for extension in ("postgis", "btree_gist"):
                    connection.execute(text(f"CREATE EXTENSION IF NOT EXISTS {extension}"))
                connection.execute(text(f'GRANT INSERT, UPDATE ON spatial_ref_sys TO "{owner}"'))
        return self.url(database)

    @contextmanager
    def administer(self, database: str) -> Iterator[Connection]:
        """One transaction of the server's administrator in one of the databases."""
        engine = create_engine(self._engine.url.set(database=database), poolclass=NullPool)
        with engine.begin() as connection:
            yield connection

    def drop(self, database: str) -> None:
        """Drop a database, whoever is still connected to it."""
        with self._engine.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)'))

    def template(self, name: str, fill: Callable[[str], None], *, tidy: bool = False) -> str:
        """A database made once and copied many times; `fill` gets its URL. Workers wait for the one that makes it."""
        with self._alone() as connection:
            if not self._exists(connection, name):
                if tidy:
                    self.drop_leftovers(connection, keep=name)
                draft = f"{name}_draft"
                self.drop(draft)  # of a run that was killed while it filled it
                try:
                    fill(self.create(draft))
                except BaseException:
                    self.drop(draft)
                    raise
                connection.execute(text(f'ALTER DATABASE "{draft}" RENAME TO "{name}"'))
        return name

    def drop_leftovers(self, connection: Connection, *, keep: str) -> None:
        """Drop this checkout's databases that nobody is connected to: old templates, and what a killed run left."""
        idle = connection.scalars(
            text(
                "SELECT datname FROM pg_database d WHERE starts_with(datname, :prefix) AND datname <> :keep"
                " AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = d.datname)"
            ),
            {"prefix": PREFIX, "keep": keep},
        ).all()
        for database in idle:
            # Somebody may have come in meanwhile: then it is theirs.
            with suppress(OperationalError):
                connection.execute(text(f'DROP DATABASE "{database}"'))

    @staticmethod
    def _exists(connection: Connection, name: str) -> bool:
        return connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}) == 1

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        with (HOME / "template.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with self._engine.connect() as connection:
                yield connection


@pytest.fixture(scope="session")
def server() -> TestServer:
    """The tests' own PostGIS, or the server of DATABASE_URL."""
    given = os.environ.get("DATABASE_URL")
    if given:
        owner = os.environ.get("DATABASE_OWNER_URL") or given
        return TestServer(given, owner, owner)
    url = ensure_running(HOME, durable=False)
    _spread(HOME / "cluster" / "data" / "base")
    return TestServer(url, owner_url(HOME), admin_url(HOME))


def _spread(folder: Path) -> None:
    """Let ext4 lay each database in a part of the disk of its own (`chattr +T`), where the file system knows how.

    For minutes it gives no number of a deleted file away, and looks at each of them again for every new one: a copy of the
    template beside many that were just dropped takes ten times as long.
    """
    get_flags, set_flags, top_of_directories = 0x80086601, 0x40086602, 0x00020000
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            (flags,) = struct.unpack("L", fcntl.ioctl(opened, get_flags, bytes(struct.calcsize("L"))))
            fcntl.ioctl(opened, set_flags, struct.pack("L", flags | top_of_directories))
        finally:
            os.close(opened)


@pytest.fixture(scope="session")
def city() -> City:
    """Anshan, as its profile says."""
    return load_city(CITY_PROFILE)


@pytest.fixture(scope="session")
def template(server: TestServer, city: City) -> str:
    """The name of the database that has the newest schema and the city, and nothing else; tests copy it."""
    made_from = hashlib.sha256()
    for path in (*sorted((ROOT / "service").rglob("migrations/**/*.py")), CITY_PROFILE):
        made_from.update(path.read_bytes())
    name = f"{PREFIX}_template_{made_from.hexdigest()[:12]}"
    return server.template(name, lambda url: server.initialise(str(make_url(url).database), city), tidy=True)


@pytest.fixture(scope="session", autouse=True)
def seen_by_the_keeper() -> Iterator[None]:
    """What a test itself looks at in the database is not behind the second wall; the service's threads are."""
    with seeing(KEEPER):
        yield


@pytest.fixture(scope="session")
def database_url(server: TestServer, template: str, worker_id: str) -> Iterator[str]:
    """The URL of this worker's database; what a test writes into it by `session` is rolled back."""
    with _copy(server, template, worker_id) as url:
        yield url


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    """The engine of this worker's database."""
    engine = make_engine(database_url, objects=OBJECTS)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session whose commits are savepoints of a transaction that is rolled back after the test."""
    with engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            yield session
        transaction.rollback()


@pytest.fixture(scope="session")
def make_database(server: TestServer, template: str) -> Callable[[], AbstractContextManager[str]]:
    """Makes databases of the newest schema with the city in it, each dropped when its `with` ends."""
    return lambda: _copy(server, template, "fresh")


@pytest.fixture
def fresh_database(make_database: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """The URL of a database of the test's own, for tests that commit or run a server."""
    with make_database() as url:
        yield url


@pytest.fixture
def fresh_owner(server: TestServer, fresh_database: str) -> Iterator[Engine]:
    """The fresh database for the role that owns it, at work on all rows as keeper."""
    url = make_url(fresh_database)
    options = CONNECT_ARGS["options"] + " -c blueprint.keeper=on"
    engine = create_engine(
        server.owner_url(str(url.database)),
        poolclass=NullPool,
        connect_args=CONNECT_ARGS | {"options": options},
    )
    yield engine
    engine.dispose()


@pytest.fixture
def empty_database(server: TestServer) -> Iterator[str]:
    """The owner's URL of a database of the test's own with the extensions and no schema of ours, for migrations."""
    database = f"{PREFIX}_empty_{secrets.token_hex(6)}"
    try:
        server.create(database)
        yield server.owner_url(database)
    finally:
        server.drop(database)


@contextmanager
def _copy(server: TestServer, template: str, purpose: str) -> Iterator[str]:
    database = f"{PREFIX}_{purpose}_{secrets.token_hex(6)}"
    try:
        yield server.create(database, template=template)
    finally:
        server.drop(database)
