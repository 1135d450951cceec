"""The front-end exchange database (前置库): rows that wait are put into its tables, and what became of them is read back there.

Its tables are those of `fields.csv`, in lower case. A row replaces the one of its key (`DFSJZJ`), so that a batch that was
put and not noted, for the machine stopped between the two, is put again without harm. What the receiving side writes into
`SBYY` is why it refused a row; a `SJSCZT` other than 0 without it says that the row was taken.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Engine,
    Float,
    MetaData,
    Table,
    Text,
    create_engine,
    delete,
    inspect,
    select,
)
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateSchema
from sqlalchemy.types import TypeEngine

from approval.exchange.fields import Kind, Value, tables
from approval.exchange.queue import next_batch
from approval.interface_models import ExchangeRow, RowState
from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError, UnavailableError
from blueprint.permissions import Act, Actor

_KINDS: dict[Kind, type[TypeEngine[Any]]] = {
    Kind.INTEGER: BigInteger,
    Kind.NUMBER: Float,
    Kind.DAY: Date,
    Kind.INSTANT: DateTime,
}
_WAITS = (None, "", "0")
"""What `SJSCZT` says of a row that nobody has looked at yet."""

_AT_ONCE = 1000


@dataclass(frozen=True)
class Front:
    """A front database and the schema of its tables."""

    engine: Engine
    schema: str | None = None

    @property
    def tables(self) -> Mapping[str, Table]:
        """Its tables by the standard's names."""
        return _tables(self.schema)


def engine_of(url: str) -> Engine:
    """An engine for a front database; its address is SQLAlchemy's, `postgresql+psycopg2://user:password@host/name`."""
    try:
        return create_engine(url, poolclass=NullPool, hide_parameters=True)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise InvalidInputError(
            "the address of the front database cannot be used: {error}", error=error
        ) from error


@lru_cache(maxsize=4)
def _tables(schema: str | None) -> dict[str, Table]:
    metadata = MetaData(schema=schema)
    return {
        name: Table(
            name.lower(),
            metadata,
            *(
                Column(
                    field.field.lower(), _KINDS.get(field.kind, Text)(), primary_key=field.field == "DFSJZJ"
                )
                for field in fields
            ),
        )
        for name, fields in tables().items()
    }


def make_tables(front: Front) -> None:
    """Make those of the tables that are not there yet; where the receiving side has made them this is not needed."""
    with _reached(front), front.engine.begin() as connection:
        if front.schema is not None and connection.dialect.name == "postgresql":
            connection.execute(CreateSchema(front.schema, if_not_exists=True))
        next(iter(front.tables.values())).metadata.create_all(connection)


def hold_to_tables(front: Front) -> None:
    """Refuse a front database that lacks a table or a column, naming all that it lacks."""
    with _reached(front):
        there = inspect(front.engine)
        known = {name.lower() for name in there.get_table_names(schema=front.schema)}
        lacking = [table.name for table in front.tables.values() if table.name not in known]
        for table in front.tables.values():
            if table.name in known:
                has = {
                    column["name"].lower() for column in there.get_columns(table.name, schema=front.schema)
                }
                lacking += [
                    f"{table.name}.{column.name}" for column in table.columns if column.name not in has
                ]
    if lacking:
        raise ConflictError(
            "the front database lacks {lacking}; make them with --create, or there", lacking=lacking
        )


def put_batch(session: Session, front: Front, *, city: City, limit: int, actor: Actor, now: datetime) -> int:
    """Put the next rows that wait into the front database, in one transaction there; how many: 0 when none waits.

    Called in a transaction of its own, which is committed after: what is not noted then is put again.
    """
    batch = next_batch(session, limit=limit, actor=actor, now=now)
    if batch is None:
        return 0
    zone, count = ZoneInfo(city.time_zone), 0
    with _reached(front), front.engine.begin() as connection:
        for name, rows in batch.rows.items():
            table = front.tables[name]
            keys = [row["DFSJZJ"] for row in rows]
            for start in range(0, len(keys), _AT_ONCE):
                connection.execute(delete(table).where(table.c.dfsjzj.in_(keys[start : start + _AT_ONCE])))
            if rows:
                connection.execute(
                    table.insert(),
                    [{field.lower(): _local(value, zone) for field, value in row.items()} for row in rows],
                )
            count += len(rows)
    return count


def _local(value: Value, zone: ZoneInfo) -> Value:
    """An instant as the standard has it: the city's time, without a zone."""
    return value.astimezone(zone).replace(tzinfo=None) if isinstance(value, datetime) else value


@dataclass(frozen=True)
class Answered:
    """How many rows the receiving side took since, and how many it refused."""

    taken: int
    refused: int


def take_answers(session: Session, front: Front, *, actor: Actor) -> Answered:
    """Read back what became of the rows that went out; those that nobody has looked at yet stay as they are."""
    sent = session.scalars(
        select(ExchangeRow)
        .where(ExchangeRow.state == RowState.SENT)
        .order_by(ExchangeRow.id)
        .with_for_update()
    ).all()
    taken = refused = 0
    by_table: dict[str, list[ExchangeRow]] = {}
    for row in sent:
        by_table.setdefault(row.table_name, []).append(row)
    with _reached(front), front.engine.connect() as connection:
        for name, rows in by_table.items():
            table = front.tables[name]
            for start in range(0, len(rows), _AT_ONCE):
                some = {row.key: row for row in rows[start : start + _AT_ONCE]}
                asked = select(table.c.dfsjzj, table.c.sjsczt, table.c.sbyy).where(
                    table.c.dfsjzj.in_(list(some))
                )
                for key, standing, why in connection.execute(asked):
                    reason = (str(why) if why is not None else "").strip()
                    if reason:
                        some[key].state, some[key].reason = RowState.REFUSED, reason
                        refused += 1
                    elif str(standing if standing is not None else "") not in _WAITS:
                        some[key].state, some[key].reason = RowState.TAKEN, None
                        taken += 1
    session.flush()
    note = {"taken": taken, "refused": refused}
    record(session, actor, Act.EXCHANGE_DATA, kind="exchange", id="answers of the front database", after=note)
    return Answered(taken, refused)


@contextmanager
def _reached(front: Front) -> Iterator[None]:
    """What the front database does not do is said in a sentence of ours."""
    try:
        yield
    except SQLAlchemyError as error:
        where = front.engine.url.render_as_string(hide_password=True)
        said = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise UnavailableError(
            "the front database {where} did not take it: {said}", where=where, said=said[:300]
        ) from error
