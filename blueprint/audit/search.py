"""Reading the audit log: searching it, exporting it, retiring what is old."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from blueprint.audit.models import AuditEntry
from blueprint.errors import InvalidInputError

KEPT_DAYS = 180
"""GB/T 22239-2019, 8.1.4.3, and the Cybersecurity Law, Art. 21, ask for six months at least."""

COLUMNS = (
    "seq", "at", "actor", "department", "roles", "channel", "address", "request_id", "act", "kind", "thing",
    "purpose", "before", "after", "outcome", "previous", "hash",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Question:
    """What to look for; days are inclusive."""

    actor: str | None = None
    department: str | None = None
    act: str | None = None
    kind: str | None = None
    thing: str | None = None
    outcome: str | None = None
    first_day: date | None = None
    last_day: date | None = None


def search(
    session: Session, question: Question, *, before: int | None = None, limit: int
) -> list[AuditEntry]:
    """Entries that answer the question, newest first, those older than the entry `before`."""
    statement = _asked(question).order_by(AuditEntry.seq.desc()).limit(limit)
    if before is not None:
        statement = statement.where(AuditEntry.seq < before)
    return list(session.scalars(statement))


def export_lines(session: Session, question: Question, form: str) -> Iterator[str]:
    """All entries that answer the question, oldest first, as NDJSON or CSV; a cell is never a formula."""
    statement = _asked(question).order_by(AuditEntry.seq).execution_options(yield_per=1000)
    if form == "csv":
        yield _csv_line(COLUMNS)
    for entry in session.scalars(statement):
        values = entry_values(entry)
        if form == "csv":
            yield _csv_line([_cell(values[column]) for column in COLUMNS])
        else:
            yield json.dumps(values, ensure_ascii=False) + "\n"


def retire(session: Session, before: date, path: Path, *, who: str, today: date) -> int:
    """Write the entries before a day to a file, then remove them; the chain goes on from a checkpoint.

    Says how many; InvalidInputError when the day is less than 180 days ago or the file is there already.
    """
    if before > today - timedelta(days=KEPT_DAYS):
        raise InvalidInputError(
            "entries are kept for {kept_days} days at least; name a day before that", kept_days=KEPT_DAYS
        )
    last = session.scalar(select(func.max(AuditEntry.seq)).where(AuditEntry.at < before))
    if last is None:
        return 0
    old = select(AuditEntry).where(AuditEntry.seq <= last).order_by(AuditEntry.seq)
    digest = hashlib.sha256()
    try:
        with path.open("x", encoding="utf-8") as stream:
            for entry in session.scalars(old.execution_options(yield_per=1000)):
                line = json.dumps(entry_values(entry), ensure_ascii=False) + "\n"
                stream.write(line)
                digest.update(line.encode())
    except FileExistsError:
        raise InvalidInputError("{path} is there already; name a new file", path=path) from None
    except OSError as error:
        raise InvalidInputError(
            "cannot write {path}: {strerror}", path=path, strerror=error.strerror
        ) from error
    removed = session.scalar(
        text("SELECT blueprint.retire_audit(:last, :sha256, :who)"),
        {"last": last, "sha256": digest.hexdigest(), "who": who},
    )
    return int(removed or 0)


def entry_values(entry: AuditEntry) -> dict[str, Any]:
    """An entry as plain JSON values; hashes in hexadecimal."""
    values = {column: getattr(entry, column) for column in COLUMNS}
    return values | {
        "at": entry.at.isoformat(),
        "previous": entry.previous.hex(),
        "hash": entry.hash.hex(),
    }


def _asked(question: Question) -> Select[AuditEntry]:
    statement = select(AuditEntry)
    for column in ("actor", "department", "act", "kind", "thing", "outcome"):
        value = getattr(question, column)
        if value is not None:
            statement = statement.where(getattr(AuditEntry, column) == value)
    if question.first_day is not None:
        statement = statement.where(AuditEntry.at >= _midnight(question.first_day))
    if question.last_day is not None:
        statement = statement.where(AuditEntry.at < _midnight(question.last_day + timedelta(days=1)))
    return statement


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day).astimezone()


def _cell(value: object) -> str:
    written = (
        "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    )
    return f"'{written}" if written.startswith(_FORMULA) else written


def _csv_line(cells: Any) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
