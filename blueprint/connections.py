"""Database connections outside the pool of sessions, in autocommit, with the statements prepared."""

import logging
import select
import threading
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import psycopg2
from psycopg2.extensions import POLL_OK, POLL_WRITE
from psycopg2.extras import register_default_json, register_default_jsonb
from sqlalchemy import Engine

from blueprint.database import CONNECT_ARGS, Prepared, application_name

_log = logging.getLogger(__name__)

Rows = list[tuple[Any, ...]]


class Connections:
    """Runs named statements, each prepared once per thread; every statement is a transaction of its own.

    `part` is what the connections are for, as `pg_stat_activity` shows it; a statement of over `timeout_s` is ended.
    """

    def __init__(
        self, engine: Engine, statements: Iterable[Prepared], *, part: str, timeout_s: int = 0
    ) -> None:
        self._connect_arguments = _connect_arguments(engine, part, timeout_s)
        self._statements = {statement.name: statement for statement in statements}
        self._own = threading.local()
        self._all: list[Any] = []
        self._lock = threading.Lock()

    def rows(self, name: str, values: Mapping[str, Any]) -> Rows:
        """The rows of a statement; a connection that the server has closed meanwhile is made anew, once."""
        had_one = getattr(self._own, "connection", None) is not None
        try:
            return self._rows(name, values)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            broken = self._own.__dict__.pop("connection", None)
            if broken is not None and not broken.closed:
                self._own.connection = broken
                raise
            self._forget(broken)
            if not had_one:
                raise
            return self._rows(name, values)

    def close(self) -> None:
        """Close every connection, whichever thread made it."""
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()

    def _rows(self, name: str, values: Mapping[str, Any]) -> Rows:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._connect()
        with connection.cursor() as cursor:
            cursor.execute(self._statements[name].execute, values)
            rows: Rows = cursor.fetchall()
            return rows

    def _connect(self) -> Any:
        connection = psycopg2.connect(**self._connect_arguments)
        _read_json_by_orjson(connection)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in self._statements.values():
                cursor.execute(statement.prepare)
        with self._lock:
            self._all.append(connection)
        return connection

    def _forget(self, connection: Any) -> None:
        with self._lock:
            if connection in self._all:
                self._all.remove(connection)


class Beside:
    """Statements that are asked ahead: who asks goes on with something else and reads the rows when it needs them.

    `statements` says of each how many may be under way at once. They see what is committed, never what a session has
    changed, and what they change is committed by themselves.
    """

    def __init__(self, engine: Engine, statements: Mapping[Prepared, int]) -> None:
        self._connect_arguments = _connect_arguments(engine, "beside")
        self._statements = {statement.name: statement for statement in statements}
        self._left = {statement.name: most for statement, most in statements.items()}
        self._free: list[Any] = []
        self._is_closed = False
        self._lock = threading.RLock()  # what nobody read is given up wherever the collector finds it

    def start(self, name: str, values: Mapping[str, Any]) -> "Asked | None":
        """Send a statement; None where as many as may are under way, or the server cannot be reached."""
        with self._lock:
            if self._left[name] <= 0 or self._is_closed:
                return None
            self._left[name] -= 1
            connection = self._free.pop() if self._free else None
        try:
            if connection is None or _has_news(connection):
                connection = self._connect()
            cursor = connection.cursor()
            cursor.execute(self._statements[name].execute, values)
        except BaseException as error:
            self.take_back(name, connection, is_sound=False)
            if isinstance(error, psycopg2.Error):
                _log.warning("nothing could be asked beside: %s", error)
                return None
            raise
        return Asked(self, name, connection, cursor)

    def take_back(self, name: str, connection: Any, *, is_sound: bool) -> None:
        """Have a connection back whose statement has ended, or is given up."""
        with self._lock:
            self._left[name] += 1
            if is_sound and not self._is_closed:
                self._free.append(connection)
            elif connection is not None:
                connection.close()

    def close(self) -> None:
        """Close the connections; those in use when they are given back."""
        with self._lock:
            self._is_closed = True
            while self._free:
                self._free.pop().close()

    def _connect(self) -> Any:
        connection = psycopg2.connect(**self._connect_arguments, async_=True)
        _wait(connection)
        _read_json_by_orjson(connection)
        for statement in self._statements.values():
            cursor = connection.cursor()
            cursor.execute(statement.prepare)
            _wait(connection)
        return connection


class Asked:
    """A statement under way."""

    def __init__(self, beside: Beside, name: str, connection: Any, cursor: Any) -> None:
        self._beside = beside
        self._name = name
        self._connection = connection
        self._cursor = cursor

    def rows(self) -> Rows:
        """The rows, once the statement has ended; to be asked for once. Raises psycopg2.Error where it failed."""
        connection, self._connection = self._connection, None
        is_sound = False
        try:
            _wait(connection)
            rows: Rows = self._cursor.fetchall()
            is_sound = True
        finally:
            self._beside.take_back(self._name, connection, is_sound=is_sound)
        return rows

    def rows_or_none(self) -> Rows | None:
        """The rows; None where the statement failed, for then who asked does it once more and is told why."""
        try:
            return self.rows()
        except psycopg2.Error as error:
            _log.warning("%s was asked beside in vain: %s", self._name, error)
            return None

    def __del__(self) -> None:
        if self._connection is not None:
            self._beside.take_back(self._name, self._connection, is_sound=False)


def _read_json_by_orjson(connection: Any) -> None:
    register_default_json(connection, loads=orjson.loads)
    register_default_jsonb(connection, loads=orjson.loads)


def _connect_arguments(engine: Engine, part: str, timeout_s: int = 0) -> dict[str, Any]:
    _, address = engine.dialect.create_connect_args(engine.url)
    options = f"{CONNECT_ARGS['options']} -c statement_timeout={timeout_s * 1000}"
    return {**address, **CONNECT_ARGS, "application_name": application_name(part), "options": options}


def _has_news(connection: Any) -> bool:
    """Say whether a connection that nobody uses has something to read: then the server has closed it."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _wait(connection: Any) -> None:
    """Wait until what was sent over a connection has been answered."""
    poll = select.poll()
    registered = None
    while (state := connection.poll()) != POLL_OK:
        wanted = select.POLLOUT if state == POLL_WRITE else select.POLLIN
        if wanted != registered:
            poll.register(connection.fileno(), wanted)
            registered = wanted
        poll.poll()
