"""PostgreSQL's binary COPY format, read as it streams out and written as it streams in (PostgreSQL 15, COPY, "Binary Format")."""

import io
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.errors import DiskFull
from sqlalchemy import TextClause
from sqlalchemy.orm import Session

from blueprint.database import as_its_own
from blueprint.errors import StorageFullError
from blueprint.layers.elements import binaries, lengths

_SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
_HEAD = struct.Struct(">ii")
_WIDTH = struct.Struct(">h")
_LENGTH = struct.Struct(">i")
_END = -1
_NULL = _LENGTH.pack(-1)
_MOST_BYTES = 1 << 30
"""Of a value: PostgreSQL takes no larger one, and its length is a number of 32 bits."""

_BYTES_AT_ONCE = 6 << 20

_NUMBERS = {pa.bool_(): "?", pa.int16(): ">i2", pa.int32(): ">i4", pa.int64(): ">i8", pa.float64(): ">f8"}


@dataclass(frozen=True)
class Rows:
    """Rows as COPY takes them, the columns that they fill, and how many features they stand for, if they tell."""

    columns: str
    count: int
    contents: tuple[pa.Buffer, ...]


def rows_of(batch: pa.RecordBatch, *, jsonb: Collection[str] = (), **same: int) -> Rows:
    """The rows of a batch, for a table whose columns bear its names; `same` are whole numbers alike in every row.

    Columns of bytes are what the type's receive function takes; those of `jsonb` are JSON as text.
    """
    filled = _Filled(batch.num_rows)
    filled.add_same(_WIDTH.pack(batch.num_columns + len(same)))
    for number in same.values():
        filled.add_same(struct.pack(">ii", 4, number))
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if column.null_count == len(column):
            filled.add_same(_NULL)
        elif column.type in _NUMBERS and not column.null_count:
            filled.add_numbers(column.to_numpy(zero_copy_only=False), _NUMBERS[column.type])
        else:
            # The binary form of jsonb is its text behind a version, 1.
            filled.add_values(_values(column), b"\x01" if name in jsonb else b"")
    return Rows(", ".join([*same, *batch.schema.names]), batch.num_rows, (filled.content(),))


def many_at_once(batches: Iterable[tuple[str, Rows]]) -> Iterator[tuple[str, Rows]]:
    """The same rows of each table, several batches together: a COPY makes a place for each of its first thousand rows, and none
    for those behind.
    """
    waiting: dict[str, list[Rows]] = {}
    for table, rows in batches:
        together = waiting.setdefault(table, [])
        together.append(rows)
        if sum(content.size for each in together for content in each.contents) >= _BYTES_AT_ONCE:
            yield table, _together(waiting.pop(table))
    for table, together in waiting.items():
        yield table, _together(together)


def _together(batches: list[Rows]) -> Rows:
    contents = tuple(content for rows in batches for content in rows.contents)
    return Rows(batches[0].columns, sum(rows.count for rows in batches), contents)


def copy_in(session: Session, table: str, rows: Rows) -> None:
    """Copy rows into a table."""
    connection = session.connection()
    driver: Any = connection.connection.dbapi_connection
    statement = f"COPY {table} ({rows.columns}) FROM STDIN (FORMAT binary)"
    try:
        with driver.cursor() as cursor:
            cursor.copy_expert(statement, _Stream(rows), size=1 << 18)
    except DiskFull as error:
        raise StorageFullError(
            "the database's disk is full; nothing was stored, free some space and try again"
        ) from error
    except psycopg2.Error as error:
        raise as_its_own(error, connection, statement) from error


def copy_out(session: Session, statement: TextClause, values: Mapping[str, Any], into: Any) -> None:
    """Copy the rows of a statement into something with a `write`: a cursor's rows come as text and take five times as long.

    It goes past what tells the database whom a transaction is for, so the statement must read no walled table.
    """
    session.flush()
    connection = session.connection()
    driver: Any = connection.connection.dbapi_connection
    compiled = str(statement.compile(dialect=connection.dialect))
    try:
        with driver.cursor() as cursor:
            filled = cursor.mogrify(compiled, dict(values)).decode()
            cursor.copy_expert(f"COPY ({filled}\n) TO STDOUT (FORMAT binary)", into)
    except psycopg2.Error as error:
        raise as_its_own(error, connection, compiled) from error


def numbers_out(
    session: Session, statement: TextClause, values: Mapping[str, Any], kinds: Mapping[str, str]
) -> dict[str, np.ndarray]:
    """The rows of a statement whose columns are numbers, none of them null, by the name and numpy kind of each column."""
    copied = io.BytesIO()
    copy_out(session, statement, values, copied)
    fields: list[tuple[str, str]] = [("row's width", ">i2")]
    for name, kind in kinds.items():
        fields += [(f"length of {name}", ">i4"), (name, f">{kind}")]
    row = np.dtype(fields)
    content = copied.getbuffer()[len(_SIGNATURE) + _HEAD.size : -_WIDTH.size]
    rows = np.frombuffer(content, row, count=len(content) // row.itemsize)
    is_whole = len(content) == rows.nbytes and (rows["row's width"] == len(kinds)).all()
    if not is_whole or any((rows[f"length of {name}"] != row[name].itemsize).any() for name in kinds):
        raise ValueError(f"the rows are not of {', '.join(kinds)} alone, or a value is null")
    return {name: rows[name].astype(kind) for name, kind in kinds.items()}


class _Stream:
    """Rows as a file that COPY reads, between their head and their end: put together they would be copied once more."""

    def __init__(self, rows: Rows) -> None:
        whole = (_SIGNATURE + _HEAD.pack(0, 0), *rows.contents, _WIDTH.pack(_END))
        self._left = [memoryview(each) for each in whole]

    def read(self, size: int) -> bytes:
        """At most so many bytes; none at the end."""
        while self._left and not self._left[0]:
            del self._left[0]
        if not self._left:
            return b""
        first = self._left[0]
        self._left[0] = first[size:]
        return bytes(first[:size])


class _Filled:
    """Rows of the format, column by column: no row and no value is ever an object of Python."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._run: list[np.ndarray] = []
        """Fields of one width that follow each other, up to the next of any length."""

        self._columns: list[pa.LargeBinaryArray] = []

    def add_same(self, content: bytes) -> None:
        """The same bytes in every row."""
        self._run.append(np.broadcast_to(np.frombuffer(content, np.uint8), (self._count, len(content))))

    def add_numbers(self, numbers: np.ndarray, kind: str) -> None:
        """Numbers, each after its length."""
        filled = np.empty(self._count, np.dtype([("length", ">i4"), ("value", kind)]))
        filled["length"] = filled.dtype.itemsize - _LENGTH.size
        filled["value"] = numbers
        self._run.append(filled.view(np.uint8).reshape(self._count, -1))

    def add_values(self, values: pa.LargeBinaryArray, mark: bytes) -> None:
        """Values of any length after it, and behind the mark of their type; of what is null, no more than that it is."""
        is_there = values.is_valid().to_numpy(zero_copy_only=False)
        values = values.fill_null(b"")
        long = lengths(values)
        if len(long) and long.max() > _MOST_BYTES:
            raise ValueError(f"a value of {long.max()} bytes is more than a row takes")
        sizes = np.where(is_there, long + len(mark), -1).astype(">i4")
        self._run.append(sizes.view(np.uint8).reshape(self._count, -1))
        self._end_run()
        if mark:
            ends = np.concatenate([[0], np.cumsum(is_there * len(mark))])
            self._columns.append(binaries(mark * int(is_there.sum()), ends))
        self._columns.append(values)

    def content(self) -> pa.Buffer:
        """The rows, one after the other."""
        self._end_run()
        joined = pc.binary_join_element_wise(*self._columns, pa.scalar(b"", pa.large_binary()))
        return joined.buffers()[2] if self._count else pa.py_buffer(b"")

    def _end_run(self) -> None:
        if self._run:
            filled = np.concatenate(self._run, axis=1)
            self._columns.append(binaries(filled, np.arange(self._count + 1) * filled.shape[1]))
            self._run = []


def _values(column: pa.Array) -> pa.LargeBinaryArray:
    """What a type's receive function takes of each value."""
    kind = _NUMBERS.get(column.type)
    if kind is None:
        return column.cast(pa.large_binary())
    is_there = column.is_valid().to_numpy(zero_copy_only=False)
    numbers = column.drop_null().to_numpy(zero_copy_only=False).astype(kind)
    ends = np.concatenate([[0], np.cumsum(is_there * numbers.itemsize)])
    offsets = pa.py_buffer(np.ascontiguousarray(ends, np.int64))
    valid = pa.array(is_there).buffers()[1]
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(column), [valid, offsets, pa.py_buffer(np.ascontiguousarray(numbers))]
    )


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
