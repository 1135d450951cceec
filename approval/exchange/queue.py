"""The queue of the exchange: rows that changed wait, go out in batches, and come back taken or refused (SBYY).

A row is known by its table and key (`DFSJZJ`). One that was sent waits again only when what it says has changed, when the
receiving side refused it and it is sent again, or when its batch was lost on the way. What a case, or the control lines, do not
have any more goes out once more, said to be void (`SJYXBS` 0).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from approval.exchange.fields import Kind, Row, Value, tables
from approval.exchange.package import RowError, check
from approval.exchange.rows import Changed, Rows, build
from approval.interface_models import ExchangeFilling, ExchangeRow, RowState
from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import InvalidInputError, NotFoundError
from blueprint.permissions import Act, Actor

_OF_THE_SENDING = frozenset({"LSH", "GXSJ", "SJSCZT", "SBYY"})
"""Fields that say nothing of the case: a row that differs in them alone is not sent again."""

_IS_VALID = "SJYXBS"

_AT_ONCE = 500


@dataclass(frozen=True)
class Filled:
    """How many rows wait since a filling, from which day on cases were looked through, and the rows that may not go out."""

    since: date | None
    queued: int
    errors: list[RowError]


def fill(session: Session, city: City, *, since: date | None, actor: Actor, now: datetime) -> Filled:
    """Queue the rows of every case that changed since a day, or since the last filling; what did not change is left."""
    before, today = looked_through_on(session), now.date()
    is_gapless = since is None or (before is not None and since <= before)
    since = since or before
    rows = build(session, city, Changed(since), today=today)
    package = check(rows)
    queued = _void(session, rows, now)
    for table, good in package.rows.items():
        for start in range(0, len(good), _AT_ONCE):
            queued += _queue(session, table, good[start : start + _AT_ONCE], now)
    kept = ExchangeFilling(
        filled_on=today,
        since=since,
        is_gapless=is_gapless,
        queued=queued,
        errors=len(package.errors),
        filled_by=actor.name,
    )
    session.add(kept)
    session.flush()
    note = {"queued": queued, "errors": len(package.errors)}
    record(
        session, actor, Act.EXCHANGE_DATA, kind="exchange", id=f"queue since {since or 'ever'}", after=note
    )
    return Filled(since, queued, package.errors)


def looked_through_on(session: Session) -> date | None:
    """Up to which day every change was looked at; fillings that left days out before them do not count."""
    last = select(func.max(ExchangeFilling.filled_on)).where(ExchangeFilling.is_gapless)
    return session.scalar(last)


def _void(session: Session, built: Rows, now: datetime) -> int:
    """Say of rows that the cases built, or the control lines, have no more that they are void; forget those that never went out."""
    keys = {(table, str(row["DFSJZJ"])) for table, rows in built.items() for row in rows}
    whose = ["L", *(str(row["DFSJZJ"]).split("-")[1] for row in built["SPGL_XMJBXXB"])]
    count = 0
    for start in range(0, len(whose), _AT_ONCE):
        statement = select(ExchangeRow).where(
            ExchangeRow.whose.in_(whose[start : start + _AT_ONCE]),
            ExchangeRow.content[_IS_VALID].astext == "1",
        )
        for row in session.scalars(statement.with_for_update()):
            if (row.table_name, row.key) in keys:
                continue
            if row.sent_at is None:
                session.delete(row)
                continue
            row.content = row.content | {_IS_VALID: "0", "GXSJ": _written(now)}
            row.content_sha256 = _sha256(row.content)
            row.state, row.queued_at, row.reason = RowState.WAITING, now, None
            count += 1
    session.flush()
    return count


def _queue(session: Session, table: str, rows: Sequence[Row], now: datetime) -> int:
    statement = insert(ExchangeRow).values(
        [
            {
                "table_name": table,
                "key": row["DFSJZJ"],
                "content": _as_json(row),
                "content_sha256": _sha256(row),
                "state": RowState.WAITING,
                "queued_at": now,
            }
            for row in rows
        ]
    )
    news = statement.excluded
    changed = statement.on_conflict_do_update(
        constraint="uq_exchange_row_table_name_key",
        set_={
            "content": news.content,
            "content_sha256": news.content_sha256,
            "state": RowState.WAITING,
            "queued_at": now,
            "reason": None,
        },
        where=ExchangeRow.content_sha256 != news.content_sha256,
    ).returning(ExchangeRow.id)
    return len(session.execute(changed).all())


def _as_json(row: Row) -> dict[str, Any]:
    return {name: _written(value) for name, value in row.items() if name != "LSH"}


def _written(value: Value) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def _sha256(row: Row) -> str:
    said = {name: value for name, value in _as_json(row).items() if name not in _OF_THE_SENDING}
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Batch:
    """Rows that go out together, parents before their children."""

    number: int
    rows: Rows


def next_batch(session: Session, *, limit: int, actor: Actor, now: datetime) -> Batch | None:
    """Take the next rows that wait, and note that they went out; None when none waits. Two at once get different rows."""
    order = case({table: place for place, table in enumerate(tables())}, value=ExchangeRow.table_name)
    waiting = session.scalars(
        select(ExchangeRow)
        .where(ExchangeRow.state == RowState.WAITING)
        .order_by(order, ExchangeRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if not waiting:
        return None
    session.execute(select(func.pg_advisory_xact_lock(8450)))  # batches are numbered one after the other
    number = (session.scalar(select(func.max(ExchangeRow.batch))) or 0) + 1
    for row in waiting:
        row.state, row.batch, row.sent_at = RowState.SENT, number, now
        row.attempts += 1
    session.flush()
    record(
        session, actor, Act.EXCHANGE_DATA, kind="exchange", id=f"batch {number}", after={"rows": len(waiting)}
    )
    return Batch(number, _rows_of(waiting))


def batch_again(session: Session, number: int) -> Batch:
    """A batch as it went out: what of it was not changed or sent again meanwhile."""
    return Batch(number, _rows_of(_of_batch(session, number)))


def _of_batch(session: Session, number: int) -> Sequence[ExchangeRow]:
    rows = session.scalars(
        select(ExchangeRow).where(ExchangeRow.batch == number).order_by(ExchangeRow.id).with_for_update()
    ).all()
    if not rows:
        raise NotFoundError("no batch {number} of the exchange", number=number)
    return rows


def _rows_of(kept: Iterable[ExchangeRow]) -> Rows:
    rows: Rows = {table: [] for table in tables()}
    for row in kept:
        fields = tables()[row.table_name]
        rows[row.table_name].append(
            {
                field.field: row.id if field.field == "LSH" else _read(field.kind, row.content[field.field])
                for field in fields
            }
        )
    return rows


def _read(kind: Kind, value: Any) -> Value:
    if value is None:
        return None
    if kind is Kind.DAY:
        return date.fromisoformat(value)
    return datetime.fromisoformat(value) if kind is Kind.INSTANT else value


def take_answers(
    session: Session, number: int, refused: Mapping[tuple[str, str], str], *, actor: Actor
) -> tuple[int, int]:
    """Keep what became of a batch: rows that were refused with why (SBYY), all others taken; says how many of each."""
    rows = _of_batch(session, number)
    known = {(row.table_name, row.key): row for row in rows}
    for table, key in refused:
        if (table, key) not in known:
            raise InvalidInputError(
                "batch {number} has no row {key!r} of {table!r}",
                number=number,
                key=key,
                table=table,
                place="refused",
            )
    for place, row in known.items():
        if row.state not in (RowState.SENT, RowState.REFUSED, RowState.TAKEN):
            continue  # it changed after it was sent, and waits to be sent again
        row.reason = refused.get(place)
        row.state = RowState.TAKEN if row.reason is None else RowState.REFUSED
    session.flush()
    counted = (len(rows) - len(refused), len(refused))
    note = {"taken": counted[0], "refused": counted[1]}
    record(session, actor, Act.EXCHANGE_DATA, kind="exchange", id=f"answers {number}", after=note)
    return counted


def send_again(session: Session, number: int | None, *, actor: Actor, now: datetime) -> int:
    """Let rows wait again: all of a batch that got no answer, or (None) all that were refused; says how many."""
    which = (
        ExchangeRow.state == RowState.REFUSED
        if number is None
        else (ExchangeRow.batch == number) & or_(ExchangeRow.state == RowState.SENT)
    )
    found = session.execute(
        update(ExchangeRow)
        .where(which)
        .values(state=RowState.WAITING, queued_at=now)
        .returning(ExchangeRow.id)
    ).all()
    name = "refused" if number is None else f"batch {number}"
    note = {"again": len(found)}
    record(session, actor, Act.EXCHANGE_DATA, kind="exchange", id=f"again {name}", after=note)
    return len(found)


def standing(session: Session) -> dict[str, dict[str, int]]:
    """How many rows of each table stand in each state."""
    found: dict[str, dict[str, int]] = {}
    for table, state, count in session.execute(
        select(ExchangeRow.table_name, ExchangeRow.state, func.count()).group_by(
            ExchangeRow.table_name, ExchangeRow.state
        )
    ):
        found.setdefault(table, {})[state] = count
    return {table: found[table] for table in tables() if table in found}


def refused_rows(session: Session, *, limit: int = 200) -> Sequence[ExchangeRow]:
    """The rows that the receiving side refused and that wait for somebody."""
    statement = select(ExchangeRow).where(ExchangeRow.state == RowState.REFUSED).order_by(ExchangeRow.id)
    return session.scalars(statement.limit(limit)).all()
