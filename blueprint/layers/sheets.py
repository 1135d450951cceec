"""Shapes of a level in sheets of half a page: one entry of the spatial index stands for tens of them.

A sheet's columns are written in the binary form of PostgreSQL's arrays (`array_send`), which is what a binary COPY wants.
Elements lie one after the other for all shapes, so that what a sheet holds of them is one slice.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from blueprint.layers.cut_streams import SHEETS
from blueprint.layers.elements import BOX, Elements, binaries, boxes, numbers, stored_sizes
from blueprint.layers.tile_shapes import Shapes

_SHEET_BYTES = 4_080
"""Two rows of this size fill a page of 8 kB to the last byte; a tile reads less that it does not need than of one twice as large."""

_ROW_BYTES = 328
"""What a row takes whatever it holds: its head, numbers, the extent, six heads of arrays, and what aligns them."""

_SHAPE_BYTES = 8 + 1 + 1
"""What a shape takes beside its bytes and texts: its feature's id, whether it is a piece, and bits for three missing texts."""

_INT8, _BOOL, _TEXT, _BYTEA = 20, 16, 25, 17
"""Object identifiers of PostgreSQL's own types (`pg_type.dat`)."""

_HEAD = np.dtype(
    [("dimensions", ">i4"), ("has_nulls", ">i4"), ("type", ">u4"), ("count", ">i4"), ("first", ">i4")]
)


@dataclass(frozen=True)
class Names:
    """What a tile carries of each feature of a batch."""

    feature_ids: np.ndarray
    labels: Elements
    source_ids: Elements
    class_codes: Elements


def sheets_of(drawn: Iterable[tuple[int, Shapes]], names: Names) -> Iterator[pa.RecordBatch]:
    """Shapes by level in sheets: as many neighbouring whole ones as a page holds, and one for each piece of a feature."""
    for level, shapes in drawn:
        if len(shapes.rows):
            yield _sheets(level, shapes, names)


def _sheets(level: int, shapes: Shapes, names: Names) -> pa.RecordBatch:
    texts = [elements.take(shapes.rows) for elements in (names.labels, names.source_ids, names.class_codes)]
    written = Elements(shapes.content, shapes.ends)
    borders = _borders(shapes.are_pieces, [*texts, written])
    first = borders[:-1]
    # Side by side: of two columns at once numpy takes many times as long.
    west, south, east, north = np.ascontiguousarray(shapes.bounds.T)
    extents = boxes(
        *(np.minimum.reduceat(side, first) for side in (west, south)),
        *(np.maximum.reduceat(side, first) for side in (east, north)),
    )
    columns = [
        pa.array(np.full(len(first), level, np.int16)),
        binaries(extents.view(np.uint8), np.arange(len(first) + 1) * BOX.itemsize),
        _arrays(_INT8, numbers(names.feature_ids[shapes.rows], ">i8"), borders),
        _arrays(_BOOL, numbers(shapes.are_pieces, "?"), borders),
        *(_arrays(_TEXT, elements, borders) for elements in texts),
        _arrays(_BYTEA, written, borders),
    ]
    return pa.record_batch(columns, schema=SHEETS)


def _borders(are_pieces: np.ndarray, stored: list[Elements]) -> np.ndarray:
    """Where each sheet begins in the order of the shapes, and at last where they end; `stored` is what each shape takes."""
    # Pieces are sorted behind whole shapes; each has a sheet of its own.
    count, whole = len(are_pieces), int((~are_pieces).sum())
    sizes = np.full(whole, _SHAPE_BYTES)
    for elements in stored:
        sizes += stored_sizes(elements)[:whole]
    return np.array([*_pages(sizes), *range(whole, count + 1)])


def _pages(sizes: np.ndarray) -> list[int]:
    """Where pages begin among shapes of these sizes."""
    count = len(sizes)
    filled = np.concatenate([[0], np.cumsum(sizes)])
    # Where the page that begins at each shape ends; then from page to page.
    full = np.maximum(
        np.arange(1, count + 1),
        np.searchsorted(filled, filled[:-1] + (_SHEET_BYTES - _ROW_BYTES), "right") - 1,
    )
    following, begins, place = full.tolist(), [], 0
    while place < count:
        begins.append(place)
        place = following[place]
    return begins


def _arrays(oid: int, elements: Elements, borders: np.ndarray) -> pa.LargeBinaryArray:
    """The arrays of one dimension that hold the elements between two borders each."""
    heads = np.empty(len(borders) - 1, _HEAD)
    heads["dimensions"], heads["has_nulls"], heads["type"], heads["first"] = 1, 0, oid, 1
    heads["count"] = np.diff(borders)
    return pc.binary_join_element_wise(
        binaries(heads.view(np.uint8), np.arange(len(borders)) * _HEAD.itemsize),
        binaries(elements.content, elements.ends[borders]),
        pa.scalar(b"", pa.large_binary()),
    )
