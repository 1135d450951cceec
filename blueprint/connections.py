"""Database connections outside the pool of sessions: one to a thread, in autocommit, with the statements prepared."""

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import orjson
import psycopg2
from psycopg2.extras import register_default_json
from sqlalchemy import Engine

from blueprint.database import CONNECT_ARGS, Prepared, application_name

Rows = list[tuple[Any, ...]]


class Connections:
    """Runs named statements, each prepared once per thread; every statement is a transaction of its own.

    `part` is what the connections are for, as `pg_stat_activity` shows it; a statement of over `timeout_s` is ended.
    """

    def __init__(
        self, engine: Engine, statements: Iterable[Prepared], *, part: str, timeout_s: int = 0
    ) -> None:
        _, address = engine.dialect.create_connect_args(engine.url)
        options = f"{CONNECT_ARGS['options']} -c statement_timeout={timeout_s * 1000}"
        named = {"application_name": application_name(part), "options": options}
        self._connect_arguments = {**address, **CONNECT_ARGS, **named}
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
        register_default_json(connection, loads=orjson.loads)
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
    """Statements asked beside the one that a session asks meanwhile, as long as there are threads free for them.

    They see what is committed, never what the session has changed: for what does not change once it is there.
    """

    def __init__(self, engine: Engine, statements: Iterable[Prepared], *, threads: int) -> None:
        self._connections = Connections(engine, statements, part="beside")
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="beside")
        self._free = threading.Semaphore(threads)

    def start(self, name: str, values: Mapping[str, Any]) -> Future[Rows] | None:
        """Ask a statement; None where every thread is taken, for then waiting gains nothing."""
        if not self._free.acquire(blocking=False):
            return None
        try:
            asked = self._threads.submit(self._connections.rows, name, values)
        except BaseException:
            self._free.release()
            raise
        asked.add_done_callback(lambda _: self._free.release())
        return asked

    def close(self) -> None:
        """Finish what is under way and close the connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._connections.close()
