"""Making a cluster: its files by initdb, then the roles, the database and its extensions."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from blueprint.cluster import postmaster
from blueprint.cluster.place import ADMIN_ROLE, OWNER_ROLE, SERVICE_ROLE, Place
from blueprint.cluster.programs import Programs
from blueprint.errors import StorageFullError, UnavailableError

_EXTENSIONS = ("postgis", "btree_gist")
_REMOVAL_TIMEOUT_S = 20
_NEEDED_BYTES = 200_000_000
"""An empty cluster with PostGIS in one database takes 90 MB, and needs room to write."""


def start_afresh(place: Place) -> None:
    """Clear away what a crash left of a cluster that was never finished; the marker says it is ours."""
    postmaster.stop(place)
    postmaster.stop_makers(place)
    for folder in (place.data_dir, place.base / "socket"):
        _remove(folder)


def make_files(place: Place, programs: Programs, *, durable: bool, say: Callable[[str], None]) -> None:
    """Make the data directory: UTF-8, plain byte order, checksums on pages, passwords asked even on the socket."""
    say(f"建立私有数据库 / making the private database (PostgreSQL {programs.version}): {place.base}")
    # Asked first: on a full disk initdb ends by a signal as often as by a message.
    if shutil.disk_usage(place.base).free < _NEEDED_BYTES:
        raise _full(place)
    place.make_passwords(OWNER_ROLE, SERVICE_ROLE, ADMIN_ROLE)
    made = programs.run(
        place,
        "initdb",
        f"--pgdata={place.data_dir}",
        f"--username={ADMIN_ROLE}",
        f"--pwfile={place.base / f'password-{ADMIN_ROLE}'}",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--auth-local=scram-sha-256",
        "--auth-host=reject",
        "--data-checksums",
        *([] if durable else ["--no-sync"]),
        timeout_s=300,
    )
    if made.returncode == 0:
        return
    _remove(place.data_dir)
    if "No space left on device" in made.stdout:
        raise _full(place)
    reason = made.stdout.strip().splitlines()[-1:] or ["no reason given"]
    raise UnavailableError(
        "the private database cannot be made in {base}: {reason}", base=place.base, reason=reason[0]
    )


def make_database(place: Place, database: str) -> None:
    """Make the roles and a database with the extensions, each only when missing.

    One role owns the database and migrates it; the service's own owns nothing, so that no policy or grant is its to change.
    """
    if not place.has_password(SERVICE_ROLE):
        place.make_passwords(SERVICE_ROLE)
    engine = create_engine(place.admin_url(), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for role, rights in ((OWNER_ROLE, "CREATEDB"), (SERVICE_ROLE, "")):
            _make_role(connection, role, rights, password=place.password(role))
        if not connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": database}):
            connection.execute(text(f'CREATE DATABASE "{database}" OWNER {OWNER_ROLE}'))
        connection.execute(text(f'REVOKE CONNECT ON DATABASE "{database}" FROM PUBLIC'))
        connection.execute(text(f'GRANT CONNECT ON DATABASE "{database}" TO {SERVICE_ROLE}'))
    url = make_url(place.admin_url()).set(database=database)
    with create_engine(url, poolclass=NullPool).begin() as connection:
        for extension in _EXTENSIONS:
            connection.execute(text(f"CREATE EXTENSION IF NOT EXISTS {extension}"))
        connection.execute(text(f"GRANT INSERT, UPDATE ON spatial_ref_sys TO {OWNER_ROLE}"))


def _make_role(connection: Connection, role: str, rights: str, *, password: str) -> None:
    if not connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
        connection.execute(text(f"CREATE ROLE {role} LOGIN {rights}"))
    # A bind cannot stand in a utility statement: the server itself writes the literal.
    statement = connection.scalar(
        text("SELECT format('ALTER ROLE %I PASSWORD %L', CAST(:role AS text), CAST(:password AS text))"),
        {"role": role, "password": password},
    )
    connection.exec_driver_sql(str(statement))


def _remove(folder: Path) -> None:
    # What initdb had started may take a moment to notice its end, and still write.
    deadline = time.monotonic() + _REMOVAL_TIMEOUT_S
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            if time.monotonic() > deadline:
                raise UnavailableError(
                    "{folder} cannot be removed: {strerror}; remove it by hand",
                    folder=folder,
                    strerror=error.strerror,
                ) from error
            time.sleep(0.1)


def _full(place: Place) -> StorageFullError:
    return StorageFullError(
        "the disk of {base} is full ({free_mb} MB free), the private database needs {needed_mb} MB to begin with;"
        " free some space or set BLUEPRINT_HOME to another disk",
        base=place.base,
        free_mb=shutil.disk_usage(place.base).free // 1_000_000,
        needed_mb=_NEEDED_BYTES // 1_000_000,
    )
