"""Values of different lengths one after the other, as PostgreSQL's arrays hold them: each after its length in four bytes."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_NULL = 0xFFFFFFFF
_ALIGNED = 4
HEAD_BYTES = 4
BOX = np.dtype(
    [("order", "u1"), ("kind", "<u4"), ("rings", "<u4"), ("points", "<u4"), ("corners", "<f8", (5, 2))]
)
"""A box as WKB: a polygon of one ring of five points."""


@dataclass(frozen=True)
class Elements:
    """Element `i` is the bytes from `ends[i]` to `ends[i + 1]`."""

    content: np.ndarray
    ends: np.ndarray

    def take(self, rows: np.ndarray) -> "Elements":
        """The elements of these rows, in that order."""
        starts = self.ends[rows]
        sizes = self.ends[rows + 1] - starts
        ends = np.concatenate([[0], np.cumsum(sizes)])
        return Elements(self.content[np.repeat(starts - ends[:-1], sizes) + np.arange(ends[-1])], ends)


def texts(column: pa.Array) -> Elements:
    """The texts of a column; a missing one has no bytes and says so in its length."""
    is_there = column.is_valid().to_numpy(zero_copy_only=False)
    column = column.fill_null("").cast(pa.large_string())
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    lengths = np.diff(bounds)
    ends = np.concatenate([[0], np.cumsum(lengths + HEAD_BYTES)])
    content = np.empty(ends[-1], np.uint8)
    heads = ends[:-1, np.newaxis] + np.arange(HEAD_BYTES)
    is_text = np.ones(len(content), dtype=bool)
    is_text[heads] = False
    content[heads] = np.where(is_there, lengths, _NULL).astype(">u4").view(np.uint8).reshape(-1, HEAD_BYTES)
    content[is_text] = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
    return Elements(content, ends)


def stored_sizes(elements: Elements) -> np.ndarray:
    """The bytes that each text or run of bytes takes in a stored array: they begin at multiples of four, a missing one has none."""
    is_there = elements.content[elements.ends[:-1]] != _NULL >> 24
    return np.asarray(-(-np.diff(elements.ends) // _ALIGNED) * _ALIGNED * is_there)


def numbers(values: np.ndarray, kind: str) -> Elements:
    """Numbers or truths of one width, in network order."""
    filled = np.empty(len(values), np.dtype([("size", ">i4"), ("value", kind)]))
    filled["size"], filled["value"] = filled.dtype.itemsize - HEAD_BYTES, values
    return Elements(filled.view(np.uint8), np.arange(len(values) + 1) * filled.dtype.itemsize)


def boxes(west: np.ndarray, south: np.ndarray, east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Boxes as WKB, their ring clockwise as tiles ask for it."""
    made = np.empty(len(west), BOX)
    made["order"], made["kind"], made["rings"], made["points"] = 1, 3, 1, 5
    made["corners"][:, :, 0] = np.stack([west, west, east, east, west], axis=1)
    made["corners"][:, :, 1] = np.stack([south, north, north, south, south], axis=1)
    return made


def binaries(content: bytes | np.ndarray, ends: np.ndarray) -> pa.LargeBinaryArray:
    """The bytes between each two ends as a column."""
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(),
        len(ends) - 1,
        [None, pa.py_buffer(np.ascontiguousarray(ends, np.int64)), pa.py_buffer(content)],
    )


def lengths(column: pa.LargeBinaryArray) -> np.ndarray:
    """How many bytes each value of a column has."""
    return np.asarray(pc.binary_length(column).to_numpy(zero_copy_only=False))
