"""Days that are none, in the columns of days of a file: GDAL makes 2 March of 30 February, and nothing of day 0, in silence."""

import sqlite3
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from blueprint.layers.shapefile import Column, columns_of
from blueprint.sentences import Sentence

MOST = 100
"""So many are named."""


@dataclass(frozen=True)
class NoDay:
    """A cell that should hold a day: the row's number among those in use, the field, and what stands there."""

    number: int
    field: str
    text: str
    rule = "value-day"

    @property
    def message(self) -> Sentence:
        """What a person is told."""
        return Sentence(
            "its field {field} says {text!r}, which is no day as YYYY-MM-DD; write it so or leave it empty",
            field=self.field,
            text=self.text,
        )


def no_days_of_shapefile(shp: Path) -> Iterator[NoDay]:
    """Those of the .dbf: it writes eight digits, and blanks or zeros for no day."""
    dbf = shp.with_suffix(".dbf")
    with dbf.open("rb") as opened:
        head = opened.read(32)
        rows, header_bytes, row_bytes = struct.unpack("<IHH", head[4:12])
        head += opened.read(max(header_bytes, 32) - 32)
    columns = [
        column for column in columns_of(head) if column.is_day and column.start + column.width <= row_bytes
    ]
    if not rows or not columns:
        return
    content = np.memmap(dbf, np.uint8, "r", offset=header_bytes, shape=(rows, row_bytes))
    in_use = content[:, 0] != ord("*")
    content, numbers = content[in_use], np.cumsum(in_use)[in_use]
    for column in columns:
        yield from _of_column(content, numbers, column)


def _of_column(content: np.ndarray, numbers: np.ndarray, column: Column) -> Iterator[NoDay]:
    cells = np.ascontiguousarray(content[:, column.start : column.start + column.width])
    texts, first = np.unique(cells.view(f"S{column.width}").ravel(), return_index=True)
    for text, row in zip(texts.tolist(), first.tolist(), strict=True):
        said = text.strip(b" \x00").decode("latin-1")
        if said.strip("0") and not _is_day(said):
            yield NoDay(int(numbers[row]), column.name.decode("utf-8", errors="replace"), said)


def _is_day(text: str) -> bool:
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return len(text) == len("YYYYMMDD")


def no_days_of_geopackage(path: Path, table: str) -> Iterator[NoDay]:
    """Those of the table's columns of days, by the calendar that SQLite keeps; instants are read as they stand."""
    quoted = _quoted(table)
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as connection:
        columns = [
            name
            for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({quoted})")
            if kind.upper() == "DATE"
        ]
        for name in columns:
            cell = _quoted(name)
            # Names of the file's own catalogue, quoted; the connection can change nothing. SQLite takes day 30 of February
            # and says which day it is.
            rows = connection.execute(
                "SELECT number, CAST(cell AS text) FROM (SELECT row_number() OVER (ORDER BY rowid) AS number, "  # noqa: S608
                f"{cell} AS cell, replace(substr({cell}, 1, 10), '/', '-') AS day"
                f" FROM {quoted}) WHERE cell IS NOT NULL AND cell <> ''"
                " AND date(day, '+0 days') IS NOT day LIMIT ?",
                (MOST,),
            )
            for number, text in rows:
                yield NoDay(number, name, str(text)[:40])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
