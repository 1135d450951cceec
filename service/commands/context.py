"""What a command works with: settings, city and a database that is up, migrated and of this city."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from blueprint import cluster
from blueprint.accounts.provider import Provider, Registration
from blueprint.accounts.sealing import Sealer
from blueprint.accounts.sign_in_router import CALLBACK
from blueprint.city import load_city
from blueprint.database import application_name, make_engine
from blueprint.edge import Edge
from blueprint.errors import InvalidInputError
from blueprint.permissions import Actor, at_console
from service.settings import Settings, read_settings
from service.setup import hold_to_city, initialise

console = Console(stderr=True, highlight=False)
"""Progress and messages go to standard error; standard output is for results alone."""

output = Console(highlight=False, soft_wrap=False)
"""Results."""


def say(message: str) -> None:
    """Tell the person at the command line what is being done."""
    console.print(message, markup=False, soft_wrap=True)


def local_operator() -> Actor:
    """The person at this machine's command line."""
    try:
        return at_console(getpass.getuser())
    except (KeyError, OSError):
        return at_console("operator")


def database_url(settings: Settings) -> str:
    """The database given by DATABASE_URL, else the private cluster's, started when needed."""
    if settings.database_url is not None:
        url = make_url(settings.database_url)
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg2")
        return url.render_as_string(hide_password=False)
    return cluster.ensure_running(settings.home, say=say)


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
        initialise(url, city)
    engine = make_engine(url, objects=settings.objects)
    try:
        hold_to_city(engine, city)
        base_url = base_url or settings.base_url or "http://127.0.0.1:8000"
        yield Edge(
            engine=engine,
            city=city,
            clock=lambda: datetime.now(UTC),
            base_url=base_url,
            scratch=settings.scratch,
            sealer=Sealer(key=settings.secret_key, path=settings.home / "secret.key"),
            provider=make_provider(settings, base_url),
            objects=settings.home / "objects",
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
