"""PostgreSQL's binary COPY format, read as it streams out and written as it streams in (PostgreSQL 15, COPY, "Binary Format")."""

import io
import struct
from collections.abc import Callable, Collection, Iterable
from itertools import chain, repeat
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
    head = struct.pack(">hii", batch.num_columns + 1, 4, version_id)
    columns = [
        _fields(column, b"\x01" if name in jsonb else b"")  # jsonb's binary form, version 1
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    rows = chain.from_iterable(zip(repeat(head, batch.num_rows), *columns, strict=True))
    return b"".join(chain([_SIGNATURE, _HEAD.pack(0, 0)], rows, [_WIDTH.pack(_END)]))


def _fields(column: pa.Array, mark: bytes) -> list[bytes]:
    """Each value after its length."""
    if column.null_count == len(column):
        return [_NULL] * len(column)
    kind = _NUMBERS.get(column.type)
    if kind is None:
        values = column.cast(pa.large_binary()).to_pylist()
        return [
            _NULL if value is None else _LENGTH.pack(len(value) + len(mark)) + mark + value
            for value in values
        ]
    numbers = np.empty(len(column), np.dtype([("length", ">i4"), ("value", kind)]))
    numbers["length"] = numbers.dtype.itemsize - _LENGTH.size
    numbers["value"] = (column.fill_null(0) if column.null_count else column).to_numpy(zero_copy_only=False)
    content, width = numbers.tobytes(), numbers.dtype.itemsize
    fields = [content[at : at + width] for at in range(0, len(content), width)]
    if column.null_count:
        return [
            field if there else _NULL
            for field, there in zip(fields, column.is_valid().to_pylist(), strict=True)
        ]
    return fields


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
