"""The tiles' own database connections: one to a thread, in autocommit, with the statements prepared."""

import threading
from collections.abc import Mapping
from typing import Any

import psycopg2
from sqlalchemy import Engine, TextClause

from blueprint.database import application_name, prepared


class Connections:
    """Runs named statements, each prepared once per thread; every statement is a transaction of its own."""

    def __init__(self, engine: Engine, statements: Mapping[str, TextClause]) -> None:
        _, self._connect_arguments = engine.dialect.create_connect_args(engine.url)
        self._statements = {name: prepared(name, clause.text) for name, clause in statements.items()}
        self._own = threading.local()
        self._all: list[Any] = []
        self._lock = threading.Lock()

    def rows(self, name: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
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

    def _rows(self, name: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._connect()
        with connection.cursor() as cursor:
            cursor.execute(self._statements[name].execute, values)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def _connect(self) -> Any:
        connection = psycopg2.connect(
            **{
                **self._connect_arguments,
                "application_name": application_name("tiles"),
                "connect_timeout": 10,
                # A generic plan serves every tile; what a tile may cost is bounded by its features, this is the guard.
                "options": "-c jit=off -c plan_cache_mode=force_generic_plan -c statement_timeout=30000",
            }
        )
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
