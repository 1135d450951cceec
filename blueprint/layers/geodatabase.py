"""Pre-flight of a FileGDB: every table's rows are reached by its index, by which GDAL reads and without which it sees none."""

import struct
from pathlib import Path

import numpy as np

from blueprint.errors import InvalidInputError

_CATALOGUE = "a00000001.gdbtable"
_HEAD = 16
_BLOCK_ROWS = 1024
_LONG_NUMBERS = 4
"""The version of a table whose rows have numbers of 64 bits (ArcGIS Pro 3.2)."""


def check_geodatabase(folder: Path) -> None:
    """Refuse a FileGDB of which a table, or the index of one (.gdbtablx), is missing, cut short or wiped.

    The parts of a file are those of https://github.com/rouault/dump_gdbtable/wiki/FGDB-Spec.
    """
    if not (folder / _CATALOGUE).exists():
        raise InvalidInputError(
            "the FileGDB lacks its catalogue (a00000001.gdbtable); pack the whole .gdb folder"
        )
    for table in sorted(folder.glob("*.gdbtable")):
        rows = _rows_said(table)
        reached = _rows_reached(table.with_suffix(".gdbtablx")) if rows else 0
        if reached < rows:
            raise InvalidInputError(
                "the FileGDB's table {name} has {count:,} rows, of which its index (.gdbtablx) reaches {reached:,}; copy the"
                " whole .gdb folder again",
                name=table.name,
                count=rows,
                reached=reached,
            )


def _rows_said(table: Path) -> int:
    with table.open("rb") as opened:
        head = opened.read(24)
    if len(head) < 24:
        raise InvalidInputError("the FileGDB's table {name} is cut short; copy it again", name=table.name)
    if head[0] == _LONG_NUMBERS:
        return int(struct.unpack_from("<Q", head, 16)[0])
    return max(int(struct.unpack_from("<i", head, 4)[0]), 0)


def _rows_reached(index: Path) -> int:
    """How many rows have a place in the table; a row that was removed has none."""
    if not index.exists():
        return 0
    with index.open("rb") as opened:
        head = opened.read(_HEAD)
        if len(head) < _HEAD:
            return 0
        _, blocks, _, width = struct.unpack("<4I", head)
        if not 4 <= width <= 8:
            return 0
        content = opened.read(min(blocks * _BLOCK_ROWS * width, index.stat().st_size))
    places = np.frombuffer(content, np.uint8, count=len(content) // width * width).reshape(-1, width)
    return int(places.any(axis=1).sum())
