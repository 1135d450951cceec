"""Databases beside the service's own in a private cluster: a restored one is made whole first, then takes its place."""

import secrets
import time
from pathlib import Path

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from blueprint.cluster.making import make_database
from blueprint.cluster.place import find_place, refuse_stranger
from blueprint.errors import ConflictError

_BESIDE = "blueprint_restoring_"
_REPLACING_TIMEOUT_S = 20
_LEAVING_TIMEOUT_S = 2.0


def make_beside(home: Path) -> tuple[str, str, str]:
    """Make an empty database beside the service's, what an interrupted restore left dropped; its name, the owner's URL, the service's."""
    place = refuse_stranger(home, find_place(home.resolve()))
    engine = create_engine(place.admin_url(), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        left = connection.scalars(
            text("SELECT datname FROM pg_database WHERE starts_with(datname, :prefix)"), {"prefix": _BESIDE}
        ).all()
        for name in left:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    database = f"{_BESIDE}{secrets.token_hex(4)}"
    make_database(place, database)
    return database, place.owner_url(database), place.url(database)


def drop_beside(home: Path, database: str) -> None:
    """Drop a database that was made beside; the service's own stays."""
    place = refuse_stranger(home, find_place(home.resolve()))
    engine = create_engine(place.admin_url(), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)'))


def connected_to(home: Path, url: str) -> list[str]:
    """The programs that stay connected to the database of a URL; one that just ended may take a moment to be gone."""
    place = refuse_stranger(home, find_place(home.resolve()))
    statement = text(
        "SELECT DISTINCT application_name FROM pg_stat_activity"
        " WHERE datname = :database AND backend_type = 'client backend' ORDER BY 1"
    )
    deadline = time.monotonic() + _LEAVING_TIMEOUT_S
    while True:
        with create_engine(place.admin_url(), poolclass=NullPool).connect() as connection:
            names = connection.scalars(statement, {"database": make_url(url).database}).all()
        if not names or time.monotonic() > deadline:
            return [name or "?" for name in names]
        time.sleep(0.1)


def put_in_place(home: Path, database: str, *, of: str) -> None:
    """Let a database take the place of the one at the URL `of`, in one transaction; the former is then dropped."""
    place = refuse_stranger(home, find_place(home.resolve()))
    current = str(make_url(of).database)
    former = f"blueprint_former_{secrets.token_hex(4)}"
    engine = create_engine(place.admin_url(), poolclass=NullPool)
    deadline = time.monotonic() + _REPLACING_TIMEOUT_S
    while True:
        try:
            with engine.begin() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (:current, :restored)"
                    ),
                    {"current": current, "restored": database},
                )
                connection.execute(text(f'ALTER DATABASE "{current}" RENAME TO "{former}"'))
                connection.execute(text(f'ALTER DATABASE "{database}" RENAME TO "{current}"'))
            break
        except OperationalError as error:  # somebody came in again meanwhile
            if time.monotonic() > deadline:
                raise ConflictError(
                    "the database is in use and cannot be replaced; stop the service and try again"
                ) from error
            time.sleep(0.2)
    drop_beside(home, former)
