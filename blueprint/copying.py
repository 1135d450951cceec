"""PostgreSQL's binary COPY format, read as it streams out (PostgreSQL 15, COPY, "Binary Format")."""

import struct
from collections.abc import Callable

_SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
_HEAD = struct.Struct(">ii")
_WIDTH = struct.Struct(">h")
_LENGTH = struct.Struct(">i")
_END = -1


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
