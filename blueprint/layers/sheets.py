"""Shapes of a level in sheets of about a page: one entry of the spatial index stands for some twenty of them.

A sheet's columns are written in the binary form of PostgreSQL's arrays (`array_send`), which is what a binary COPY wants.
Elements lie one after the other for all shapes, so that what a sheet holds of them is one slice.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import shapely

from blueprint.layers.cut_streams import SHEETS
from blueprint.layers.tile_shapes import Shapes

_SHEET_BYTES = 6_000
_BYTES_BESIDE = 60
"""What a shape takes beside its WKB: its names, and the heads of what is stored."""

_HEAD = struct.Struct(">iiIii")
_INT8, _BOOL, _TEXT = 20, 16, 25
"""Object identifiers of PostgreSQL's own types (`pg_type.dat`)."""

_NUMBER = np.dtype([("size", ">i4"), ("value", ">i8")])
_TRUTH = np.dtype([("size", ">i4"), ("value", "?")])
_NULL = b"\xff\xff\xff\xff"


@dataclass(frozen=True)
class Names:
    """What a tile carries of each feature of a batch; texts as elements of arrays."""

    feature_ids: np.ndarray
    labels: Sequence[bytes]
    source_ids: Sequence[bytes]
    class_codes: Sequence[bytes]


def text_element(value: str | None) -> bytes:
    """A text as an element of an array."""
    if value is None:
        return _NULL
    content = value.encode()
    return len(content).to_bytes(4, "big") + content


def sheets_of(drawn: Iterable[tuple[int, Shapes]], names: Names, *, geometry_oid: int) -> pa.RecordBatch:
    """Shapes by level in sheets: as many neighbouring whole ones as a page holds, and one for each piece of a feature."""
    columns: list[list[object]] = [[] for _ in SHEETS]
    for level, shapes in drawn:
        if len(shapes.rows):
            for column, values in zip(columns, _columns(level, shapes, names, geometry_oid), strict=True):
                column.extend(values)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SHEETS, strict=True)]
    return pa.record_batch(arrays, schema=SHEETS)


def _columns(level: int, shapes: Shapes, names: Names, geometry_oid: int) -> list[Sequence[object]]:
    """The columns of the sheets of some shapes, in the order of the schema."""
    borders = _borders(shapes)
    first = borders[:-1]
    lowest = np.minimum.reduceat(shapes.bounds[:, :2], first)
    highest = np.maximum.reduceat(shapes.bounds[:, 2:], first)
    extents = shapely.to_wkb(shapely.box(*lowest.T, *highest.T))
    numbers = np.empty(len(shapes.rows), _NUMBER)
    numbers["size"], numbers["value"] = 8, names.feature_ids[shapes.rows]
    truths = np.empty(len(shapes.rows), _TRUTH)
    truths["size"], truths["value"] = 1, shapes.are_pieces
    rows = shapes.rows.tolist()
    return [
        [level] * len(first),
        extents,
        _arrays(_INT8, numbers.tobytes(), np.arange(len(rows) + 1) * _NUMBER.itemsize, borders),
        _arrays(_BOOL, truths.tobytes(), np.arange(len(rows) + 1) * _TRUTH.itemsize, borders),
        *(
            _texts([elements[row] for row in rows], borders)
            for elements in (names.labels, names.source_ids, names.class_codes)
        ),
        _arrays(geometry_oid, shapes.content, shapes.ends, borders),
    ]


def _borders(shapes: Shapes) -> np.ndarray:
    """Where each sheet begins in the order of the shapes, and at last where they end."""
    count = len(shapes.rows)
    if shapes.are_pieces.any():
        # Pieces are sorted behind whole shapes; each has a sheet of its own.
        whole = int((~shapes.are_pieces).sum())
        return np.array([*_pages(shapes.ends, whole), *range(whole, count + 1)])
    return np.array([*_pages(shapes.ends, count), count])


def _pages(ends: np.ndarray, count: int) -> list[int]:
    """Where pages begin among the first `count` shapes."""
    filled = ends[: count + 1] + _BYTES_BESIDE * np.arange(count + 1)
    begins, place = [], 0
    while place < count:
        begins.append(place)
        place = max(place + 1, int(np.searchsorted(filled, filled[place] + _SHEET_BYTES, side="right")) - 1)
    return begins


def _texts(elements: Sequence[bytes], borders: np.ndarray) -> list[bytes]:
    ends = np.cumsum([0, *map(len, elements)])
    return _arrays(_TEXT, b"".join(elements), ends, borders)


def _arrays(oid: int, content: bytes, ends: np.ndarray, borders: np.ndarray) -> list[bytes]:
    """The arrays of one dimension that hold the elements between two borders each."""
    return [
        _HEAD.pack(1, 0, oid, last - first, 1) + content[begin:end]
        for (first, last), (begin, end) in zip(
            pairwise(borders.tolist()), pairwise(ends[borders].tolist()), strict=True
        )
    ]
