"""A package of exchange tables: every row checked before it goes out, and a list of those that may not, with what is wrong.

A row whose parent may not go out is held back with it: the receiving side refuses rows without their parents.
"""

import csv
import io
import zipfile
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import UTC, datetime

from approval.exchange.fields import Value, mistake, tables
from approval.exchange.rows import Rows


@dataclass(frozen=True)
class RowError:
    """What is wrong with a field of a row."""

    table: str
    key: str
    field: str
    name: str
    what: str


@dataclass(frozen=True)
class Package:
    """The rows that may go out, by table, and what is wrong with the others."""

    rows: Rows
    errors: list[RowError]


def check(rows: Rows) -> Package:
    """Check every row: required fields, kinds, code lists, codes, and that what it refers to goes out too."""
    good: Rows = {}
    errors: list[RowError] = []
    for table, fields in tables().items():
        known = {
            field.field: frozenset(row[field.refers_to[1]] for row in good.get(field.refers_to[0], []))
            if field.refers_to is not None
            else frozenset()
            for field in fields
        }
        good[table] = []
        for row in rows[table]:
            found = [
                RowError(table, str(row["DFSJZJ"]), field.field, field.name, what.both)
                for field in fields
                if (what := mistake(field, row[field.field], known[field.field])) is not None
            ]
            errors += found
            if not found:
                good[table].append(row)
    return Package(good, errors)


def to_zip(package: Package) -> bytes:
    """One CSV a table (UTF-8 with a byte-order mark, as spreadsheets expect), and `errors.csv`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for table, fields in tables().items():
            names = [field.field for field in fields]
            _write(archive, table, names, ([row[name] for name in names] for row in package.rows[table]))
        columns = ["table", "DFSJZJ", "field", "name", "what"]
        _write(archive, "errors", columns, (astuple(error) for error in package.errors))
    return buffer.getvalue()


def _write(archive: zipfile.ZipFile, name: str, columns: list[str], rows: Iterable[Iterable[Value]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_plain(value) for value in row] for row in rows)
    archive.writestr(f"{name}.csv", "﻿" + text.getvalue())


def _plain(value: Value) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    return "" if value is None else str(value)


def counts(rows: Rows) -> dict[str, int]:
    """How many rows each table has."""
    return {table: len(found) for table, found in rows.items()}
