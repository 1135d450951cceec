"""PostgreSQL's binary COPY format, read as it streams out and written as it streams in (PostgreSQL 15, COPY, "Binary Format")."""

import io
import struct
from collections.abc import Callable, Collection, Iterable
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from psycopg2.errors import DiskFull
from sqlalchemy.orm import Session

from blueprint.errors import StorageFullError

_SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
_HEAD = struct.Struct(">ii")
_WIDTH = struct.Struct(">h")
_LENGTH = struct.Struct(">i")
_END = -1
_NULL = _LENGTH.pack(-1)
_NUMBERS = {pa.bool_(): "?", pa.int16(): ">i2", pa.int32(): ">i4", pa.int64(): ">i8", pa.float64(): ">f8"}


def copy_in(
    session: Session,
    table: str,
    batches: Iterable[pa.RecordBatch],
    *,
    version_id: int,
    jsonb: Collection[str] = (),
) -> None:
    """Copy batches into the columns of the table that bear their names; `version_id` is the same in every row.

    Columns of bytes are what the type's receive function takes; those of `jsonb` are JSON as text.
    """
    connection: Any = session.connection().connection.dbapi_connection
    with connection.cursor() as cursor:
        for batch in batches:
            names = ", ".join(["version_id", *batch.schema.names])
            content = _copied(version_id, batch, jsonb)
            try:
                cursor.copy_expert(
                    f"COPY {table} ({names}) FROM STDIN (FORMAT binary)", io.BytesIO(content), size=1 << 18
                )
            except DiskFull as error:
                raise StorageFullError(
                    "the database's disk is full; nothing was stored, free some space and try again"
                ) from error


def _copied(version_id: int, batch: pa.RecordBatch, jsonb: Collection[str]) -> bytes:
    rows = _Rows(batch.num_rows)
    rows.add_same(struct.pack(">hii", batch.num_columns + 1, 4, version_id))
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if column.null_count == len(column):
            rows.add_same(_NULL)
        elif column.type in _NUMBERS and not column.null_count:
            rows.add_numbers(column.to_numpy(zero_copy_only=False), _NUMBERS[column.type])
        else:
            rows.add_values(
                _values(column), b"\x01" if name in jsonb else b""
            )  # jsonb's binary form, version 1
    return b"".join(chain([_SIGNATURE, _HEAD.pack(0, 0)], rows.pieces(), [_WIDTH.pack(_END)]))


class _Rows:
    """Rows of the format, column by column: what is of one width in all rows is filled for all rows at once."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._runs: list[list[np.ndarray]] = [[]]
        """Fields of one width that follow each other; after each run but the last come values of any length."""

        self._values: list[list[bytes]] = []

    def add_same(self, content: bytes) -> None:
        """The same bytes in every row."""
        self._runs[-1].append(np.broadcast_to(np.frombuffer(content, np.uint8), (self._count, len(content))))

    def add_numbers(self, numbers: np.ndarray, kind: str) -> None:
        """Numbers, each after its length."""
        filled = np.empty(self._count, np.dtype([("length", ">i4"), ("value", kind)]))
        filled["length"] = filled.dtype.itemsize - _LENGTH.size
        filled["value"] = numbers
        self._runs[-1].append(filled.view(np.uint8).reshape(self._count, -1))

    def add_values(self, values: list[bytes | None], mark: bytes) -> None:
        """Values of any length after it, and behind the mark of their type."""
        lengths = np.array([-1 if value is None else len(value) + len(mark) for value in values], ">i4")
        self._runs[-1].append(lengths.view(np.uint8).reshape(self._count, -1))
        if mark and None not in values:
            self.add_same(mark)
            mark = b""
        self._values.append([b"" if value is None else mark + value for value in values])
        self._runs.append([])

    def pieces(self) -> Iterable[bytes]:
        """The rows, in pieces."""
        runs = [self._cut(run) for run in self._runs]
        columns = [column for pair in zip(runs, self._values, strict=False) for column in pair]
        return chain.from_iterable(zip(*columns, *runs[len(self._values) :], strict=True))

    def _cut(self, run: list[np.ndarray]) -> Iterable[bytes]:
        if not run:
            return [b""] * self._count
        filled = np.concatenate(run, axis=1)
        width, content = filled.shape[1], filled.tobytes()
        return [content[at : at + width] for at in range(0, len(content), width)]


def _values(column: pa.Array) -> list[bytes | None]:
    """What a type's receive function takes of each value."""
    kind = _NUMBERS.get(column.type)
    if kind is None:
        return list(column.cast(pa.large_binary()).to_pylist())
    content = (
        column.fill_null(pa.scalar(0).cast(column.type)).to_numpy(zero_copy_only=False).astype(kind).tobytes()
    )
    width = np.dtype(kind).itemsize
    return [
        content[row * width : (row + 1) * width] if there else None
        for row, there in enumerate(column.is_valid().to_pylist())
    ]


class CopiedRows:
    """A file to copy into: takes the stream in pieces of any size and hands on its rows by columns, `at_once` at a time.

    A value is the bytes that the type sends, or None. Raises ValueError when the stream is not of `width` columns.
    """

    def __init__(self, take: Callable[[list[list[bytes | None]]], None], *, width: int, at_once: int) -> None:
        self._take = take
        self._width = width
        self._at_once = at_once
        self._columns: list[list[bytes | None]] = [[] for _ in range(width)]
        self._rest = b""
        self._has_begun = False

    def write(self, data: bytes) -> int:
        """Take the next piece of the stream."""
        self._rest = self._rows(self._rest + data if self._rest else data)
        return len(data)

    def end(self) -> None:
        """Hand on what is left; the stream is over."""
        if self._rest:
            raise ValueError("the copied stream ends within a row")
        self._hand_on()

    def _rows(self, data: bytes) -> bytes:
        """Read the whole rows of the data; what is left over."""
        start = 0
        if not self._has_begun:
            start = len(_SIGNATURE) + _HEAD.size
            if len(data) < start:
                return data
            if not data.startswith(_SIGNATURE):
                raise ValueError("this is not PostgreSQL's binary COPY format")
            start += _HEAD.unpack_from(data, len(_SIGNATURE))[1]
            self._has_begun = True
        while True:
            read = self._row(data, start)
            if read is None:
                return data[start:]
            start = read

    def _row(self, data: bytes, start: int) -> int | None:
        """Read the row that begins at `start`; where it ends, None when not all of it is there."""
        if len(data) < start + _WIDTH.size:
            return None
        (width,) = _WIDTH.unpack_from(data, start)
        at = start + _WIDTH.size
        if width == _END:
            return at
        if width != self._width:
            raise ValueError(f"a copied row has {width} columns, not {self._width}")
        values: list[bytes | None] = []
        for _ in range(width):
            if len(data) < at + _LENGTH.size:
                return None
            (length,) = _LENGTH.unpack_from(data, at)
            at += _LENGTH.size
            if length < 0:
                values.append(None)
                continue
            if len(data) < at + length:
                return None
            values.append(data[at : at + length])
            at += length
        for column, value in zip(self._columns, values, strict=True):
            column.append(value)
        if len(self._columns[0]) >= self._at_once:
            self._hand_on()
        return at

    def _hand_on(self) -> None:
        if self._columns[0]:
            self._take(self._columns)
            self._columns = [[] for _ in range(self._width)]
