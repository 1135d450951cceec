"""What a command works with: settings, city and a database that is up, migrated and of this city."""

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from blueprint import cluster
from blueprint.accounts.provider import CALLBACK, Provider, Registration
from blueprint.accounts.sealing import Sealer
from blueprint.city import load_city
from blueprint.database import CONNECT_ARGS, application_name, make_engine
from blueprint.edge import Edge
from blueprint.errors import InvalidInputError
from blueprint.permissions import Actor, at_console
from blueprint.sentences import Sentence
from blueprint.wall import KEEPER, seeing
from service.settings import Settings, read_settings
from service.setup import hold_to_city, initialise

console = Console(stderr=True, highlight=False)
"""Progress and messages go to standard error; standard output is for results alone."""

_DRIVER = "postgresql+psycopg2"

output = Console(highlight=False, soft_wrap=False)
"""Results."""


def say(message: str | Sentence) -> None:
    """Tell the person at the command line in one line what is being done: the Chinese, then the English."""
    console.print(message.both if isinstance(message, Sentence) else message, markup=False, soft_wrap=True)


def confirm(question: str) -> None:
    """Ask before what cannot be undone; a no ends the command, and where nobody can answer `--yes` is named."""
    try:
        is_meant = typer.confirm(question, err=True)
    except typer.Abort:
        if sys.stdin.isatty():
            raise
        raise InvalidInputError(
            "nobody is there to answer; give --yes to go on without being asked"
        ) from None
    if not is_meant:
        raise typer.Abort


def local_operator() -> Actor:
    """The person at this machine's command line."""
    try:
        return at_console(getpass.getuser())
    except (KeyError, OSError):
        return at_console("operator")


def database_url(settings: Settings) -> str:
    """The database given by DATABASE_URL, else the private cluster's, started when needed; for the service's role."""
    if settings.database_url is not None:
        return _with_driver(settings.database_url)
    return cluster.ensure_running(settings.home, say=say)


def reached_engine() -> Engine | None:
    """The database that this process reaches by its settings, as it is; None where they name none, or the private one does not run."""
    settings = read_settings()
    if settings.database_url is None and not cluster.status(settings.home).running:
        return None
    # A Dask worker has a thread a core, each with a connection of its own.
    return make_engine(database_url(settings), pool_size=os.cpu_count() or 1)


def make_provider(settings: Settings, base_url: str) -> Provider | None:
    """The OpenID Connect provider of the settings, not asked anything yet; None when none is set."""
    if settings.openid_issuer is None and settings.openid_client_id is None:
        return None
    if settings.openid_issuer is None or settings.openid_client_id is None:
        raise InvalidInputError(
            "a provider needs both BLUEPRINT_OPENID_ISSUER and BLUEPRINT_OPENID_CLIENT_ID; set both or neither"
        )
    registration = Registration(
        settings.openid_issuer,
        settings.openid_client_id,
        settings.openid_client_secret,
        settings.openid_name,
    )
    return Provider(registration, redirect_uri=base_url.rstrip("/") + CALLBACK)


def owner_url(settings: Settings) -> str:
    """The same database for the role that owns its tables; with DATABASE_URL alone that is the service's own."""
    url = database_url(settings)
    if settings.database_url is None:
        return cluster.owner_url(settings.home)
    return (
        _with_driver(settings.database_owner_url, "DATABASE_OWNER_URL")
        if settings.database_owner_url is not None
        else url
    )


def anchors_file(settings: Settings, url: str) -> Path:
    """Where the heads of the audit log of a database are kept, outside of it."""
    return settings.home / f"audit-anchors-{make_url(url).database}.jsonl"


@contextmanager
def owner_session(settings: Settings | None = None) -> Iterator[Session]:
    """A session of the role that owns the tables, working on all rows as keeper."""
    engine = create_engine(
        owner_url(settings or read_settings()),
        poolclass=NullPool,
        connect_args=CONNECT_ARGS | {"options": CONNECT_ARGS["options"] + " -c blueprint.keeper=on"},
    )
    with Session(engine, expire_on_commit=False) as session:
        yield session


def _with_driver(given: str, setting: str = "DATABASE_URL") -> str:
    """The address with the driver that is used; what is refused is not repeated, for it may hold a password."""
    url = None
    with suppress(ArgumentError, ValueError):  # the latter for a port that is no number
        url = make_url(given)
    if url is None or url.drivername not in ("postgres", "postgresql", _DRIVER):
        raise InvalidInputError(
            "{setting} is no address of a PostgreSQL server; one reads"
            " postgresql://USER:PASSWORD@HOST:5432/NAME",
            setting=setting,
        )
    return url.set(drivername=_DRIVER).render_as_string(hide_password=False)


@contextmanager
def open_edge(
    *, settings: Settings | None = None, base_url: str | None = None, stays: bool = True
) -> Iterator[Edge]:
    """Settings, city, clock and database for one command; a private database is migrated on the way.

    Unless it `stays`, a private database that this command started is stopped at the end, if nobody else uses it.
    """
    settings = settings or read_settings()
    city = load_city(settings.city)
    is_ours = not stays and settings.database_url is None and not cluster.status(settings.home).running
    url = database_url(settings)
    if settings.database_url is None:
        initialise(owner_url(settings), city, service_url=url, tell=say)
    engine = make_engine(url, objects=settings.objects)
    try:
        hold_to_city(engine, city)
        base_url = base_url or settings.base_url or "http://127.0.0.1:8000"
        with seeing(KEEPER):
            yield Edge(
                engine=engine,
                city=city,
                clock=lambda: datetime.now(UTC),
                base_url=base_url,
                scratch=settings.scratch,
                sealer=Sealer(key=settings.secret_key, path=settings.home / "secret.key"),
                provider=make_provider(settings, base_url),
                objects=settings.objects,
            )
    finally:
        is_alone = is_ours and _is_alone(engine)
        engine.dispose()
        if is_alone and cluster.stop(settings.home):
            say("私有数据库已停止 the private database is stopped")


def _is_alone(engine: Engine) -> bool:
    """Say whether no other program is connected to the database."""
    try:
        with engine.connect() as connection:
            others = connection.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
                    " AND NOT starts_with(application_name, :ours)"
                ),
                {"ours": application_name()},
            )
    except SQLAlchemyError:
        return False
    return bool(others == 0)
