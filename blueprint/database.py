"""The database: one declarative base, one engine per process, named spatial statements."""

import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import orjson
import psycopg2
from sqlalchemy import Connection, DateTime, Engine, MetaData, TextClause, create_engine, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

OBJECTS = "blueprint_objects"
"""The execution option of an engine that names the folder of the store's files."""

SCHEMAS = ("blueprint", "coordination", "approval")
"""PostgreSQL schemas carry the package names; a package writes only to its own."""


class Base(DeclarativeBase):
    """The base of every table; names of constraints are fixed so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True)}


CONNECT_ARGS: dict[str, Any] = {
    "options": "-c jit=off -c search_path=public -c plan_cache_mode=force_generic_plan -c extra_float_digits=1",
    "connect_timeout": 10,
}
"""No JIT, one plan for all values of a prepared statement, figures with all their digits; and every table is named by
schema, whatever the role or the server is set to."""


def application_name(part: str = "") -> str:
    """The name that this process's connections carry in `pg_stat_activity`."""
    return f"blueprint {os.getpid()} {part}".strip()


_TRUSTED_S = 1.0
"""A connection that was in use this short a time ago is taken as it is: asking it first is a tenth of a small check."""


def make_engine(url: str, *, pool_size: int = 10, objects: Path | None = None) -> Engine:
    """An engine with the connection settings that the spatial statements were measured with (no JIT).

    `objects` is the folder of the store's files (`blueprint.objects`); without it rasters can be neither stored nor read.
    """
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=5,
        pool_timeout=5,
        hide_parameters=True,
        connect_args=CONNECT_ARGS | {"application_name": application_name()},
        json_deserializer=orjson.loads,
        execution_options={OBJECTS: objects},
    )
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _ask_if_idle)
    return engine


def _note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()


def _ask_if_idle(connection: Any, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
    """Replace a connection that died while it lay idle, and with it all that are older."""
    if time.monotonic() - record.info.get("used_at", time.monotonic()) < _TRUSTED_S:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.rollback()
    except psycopg2.Error as error:
        raise DisconnectionError from error


_BIND = re.compile(r"(?<![:\w]):(\w+)")


@dataclass(frozen=True)
class Prepared:
    """A named statement with `:name` binds, as the server prepares it once and executes it many times."""

    name: str
    prepare: str
    execute: str
    """With psycopg2's `%(name)s` for every bind."""


def array_of(values: Iterable[float | None]) -> str:
    """Numbers or truths as one literal of an array: of a list the driver makes as many constants, which the server reads one by one."""
    return f"{{{','.join(['NULL' if value is None else str(value) for value in values])}}}"


PREPARED: dict[str, Prepared] = {}
"""Every prepared statement by its name. They read no walled table, for nobody is told whom they are for (`wall`)."""


def prepared(name: str, sql: str) -> Prepared:
    """A statement with `:name` binds made ready for PREPARE and EXECUTE; it must read no walled table."""
    binds = list(dict.fromkeys(_BIND.findall(sql)))
    numbers = {bind: number for number, bind in enumerate(binds, start=1)}
    numbered = _BIND.sub(lambda match: f"${numbers[match[1]]}", sql)
    values = ", ".join(f"%({bind})s" for bind in binds)
    made = Prepared(name, f'PREPARE "{name}" AS {numbered}', f'EXECUTE "{name}" ({values})')
    PREPARED[name] = made
    return made


def execute_prepared(
    session: Session, statement: Prepared, values: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """The rows of a statement that this session's connection prepares on its first use: planning it is paid once."""
    connection = session.connection()
    known: set[str] = connection.info.setdefault("prepared", set())
    if statement.name not in known:
        execute_plainly(connection, statement.prepare)
        known.add(statement.name)
    return execute_plainly(connection, statement.execute, values)


def execute_plainly(
    connection: Connection, statement: str, values: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """The rows that the driver gives, in the connection's transaction: for what is asked with every request.

    SQLAlchemy's own way of executing costs several times the round trip. Errors are raised as its own.
    """
    driver: Any = connection.connection.dbapi_connection
    try:
        with driver.cursor() as cursor:
            cursor.execute(statement, values)
            rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description is not None else []
            return rows
    except psycopg2.Error as error:
        raise as_its_own(error, connection, statement) from error


def as_its_own(error: psycopg2.Error, connection: Connection, statement: str) -> DBAPIError:
    """A driver's error as SQLAlchemy raises it; a connection that is lost is told so, and not used again."""
    driver: Any = connection.connection.dbapi_connection
    is_lost = bool(driver.closed)
    if is_lost:
        connection.invalidate(error)
    told: DBAPIError = DBAPIError.instance(
        statement,
        None,
        error,
        psycopg2.Error,
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=connection.dialect,
    )
    return told


_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def load_statements(path: Path) -> dict[str, TextClause]:
    """Read a `.sql` file of statements, each opened by `-- name: …`, with `:parameter` binds."""
    pieces = _NAME.split(path.read_text(encoding="utf-8"))
    return {
        name: text(body.strip().removesuffix(";"))
        for name, body in zip(pieces[1::2], pieces[2::2], strict=True)
    }


def check_in(column: str, values: Any) -> str:
    """The SQL of a check constraint that a text column holds one of an enum's values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({listed})"
