"""Numbers that are none, in the columns of numbers of a file: GDAL reads as far as it can, 1 of "1,5" and 0 of "x", in silence."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blueprint.layers.shapefile import Column, columns_of
from blueprint.sentences import Sentence

_ROWS = 100_000
_NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|\*+|")


@dataclass(frozen=True)
class NoNumber:
    """A cell that should hold a number: the row's number among those in use, the field, and what stands there."""

    number: int
    field: str
    text: str
    rule = "value-number"

    @property
    def message(self) -> Sentence:
        """What a person is told."""
        return Sentence(
            "its field {field} says {text!r}, which is no number that the field can hold; correct it or leave it empty",
            field=self.field,
            text=self.text,
        )


def no_numbers_of_shapefile(shp: Path) -> Iterator[NoNumber]:
    """Those of the .dbf; blanks and stars are how it writes that there is none."""
    content, columns = _table(shp.with_suffix(".dbf"))
    rows, in_use = len(content), 0
    for first in range(0, rows, _ROWS):
        block = content[first : first + _ROWS]
        is_used = block[:, 0] != ord("*")
        block, numbers = block[is_used], in_use + np.arange(1, int(is_used.sum()) + 1)
        in_use += len(block)
        for column in columns:
            if column.is_number and column.width:
                yield from _of_column(block, numbers, column)


def mend_whole_columns(shp: Path) -> None:
    """Say in the head of the scratch copy that a column has decimals, where it holds some: else they would be cut off."""
    dbf = shp.with_suffix(".dbf")
    content, columns = _table(dbf)
    broken = [
        place
        for place, column in enumerate(columns)
        if column.is_number and column.decimals == 0 and column.width > 1 and _has_fractions(content, column)
    ]
    with dbf.open("r+b") as opened:
        for place in broken:
            opened.seek(32 + 32 * place + 17)
            opened.write(b"\x01")


def _has_fractions(content: np.ndarray, column: Column) -> bool:
    for first in range(0, len(content), _ROWS):
        cells = content[first : first + _ROWS, column.start : column.start + column.width]
        if ((cells == ord(".")) | (cells == ord("e")) | (cells == ord("E"))).any():
            return True
    return False


def _table(dbf: Path) -> tuple[np.ndarray, list[Column]]:
    """The rows of a .dbf, of which only what is looked at comes to memory, and its columns."""
    with dbf.open("rb") as opened:
        head = opened.read(32)
        rows, header_bytes, row_bytes = struct.unpack("<IHH", head[4:12])
        head += opened.read(max(header_bytes, 32) - 32)
    if not rows or not row_bytes:
        return np.empty((0, 1), dtype=np.uint8), []
    content = np.memmap(dbf, np.uint8, "r", offset=header_bytes, shape=(rows, row_bytes))
    return content, columns_of(head)


def _of_column(block: np.ndarray, numbers: np.ndarray, column: Column) -> Iterator[NoNumber]:
    cells = np.ascontiguousarray(block[:, column.start : column.start + column.width])
    doubtful = np.nonzero(~_are_plain(cells))[0]
    texts, first = np.unique(cells[doubtful].view(f"S{column.width}").ravel(), return_index=True)
    for text, row in zip(texts.tolist(), first.tolist(), strict=True):
        said = text.strip(b" \x00")
        if not _NUMBER.fullmatch(said):
            name = column.name.decode("utf-8", errors="replace")
            yield NoNumber(int(numbers[doubtful[row]]), name, said.decode("latin-1")[:40])


def _are_plain(cells: np.ndarray) -> np.ndarray:
    """Which cells are blanks, a minus perhaps, digits with at most one point, and blanks: nearly all, told without a look at each."""
    is_blank = (cells == ord(" ")) | (cells == 0)
    is_digit = (cells >= ord("0")) & (cells <= ord("9"))
    is_point, is_minus = cells == ord("."), cells == ord("-")
    before = np.column_stack([np.ones(len(cells), dtype=bool), is_blank[:, :-1]])
    begins = ~is_blank & before
    return np.asarray(
        (is_blank | is_digit | is_point | is_minus).all(axis=1)
        & (begins.sum(axis=1) <= 1)
        & (is_point.sum(axis=1) <= 1)
        & (~is_minus | begins).all(axis=1)
        & (is_digit.any(axis=1) | is_blank.all(axis=1))
    )
