"""Pre-flight of a MapInfo MIF: the cells of its .mid against its columns, as GDAL shifts or cuts what does not fit in silence."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from blueprint.errors import InvalidInputError
from blueprint.layers.no_numbers import NoNumber

_HEAD_BYTES = 1 << 18
_DELIMITER = re.compile(r'^\s*delimiter\s+"(.)"', re.IGNORECASE | re.MULTILINE)
_COLUMNS = re.compile(r"^\s*columns\s+(\d+)\s*$", re.IGNORECASE | re.MULTILINE)
_COLUMN = re.compile(r"\s*(\S+)\s+([A-Za-z]+)")
_NUMERIC = {"integer", "smallint", "largeint", "decimal", "float"}
_NUMBER = re.compile(r"\s*(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)?\s*", re.ASCII)


def no_numbers_of_mif(mif: Path) -> Iterator[NoNumber]:
    """The cells of columns of numbers that hold something else; InvalidInputError where a row has more cells than columns, or fewer."""
    with mif.open("rb") as opened:
        head = opened.read(_HEAD_BYTES).decode(
            "latin-1"
        )  # bytes as they stand: only names of fields are shown
    found = _COLUMNS.search(head)
    if found is None or not int(found.group(1)):
        return
    lines = head[found.end() :].split("\n")[1 : 1 + int(found.group(1))]
    columns = [match.groups() for line in lines if (match := _COLUMN.match(line))]
    if len(columns) != int(found.group(1)):
        return
    said = _DELIMITER.search(head)
    mark = said.group(1) if said else "\t"
    if mark >= "@":  # which may be half of a character of GBK
        return
    csv.field_size_limit(_HEAD_BYTES)
    with mif.with_suffix(".mid").open(encoding="latin-1", newline="\n") as rows:
        for number, row in enumerate((row for row in rows if row.strip()), start=1):
            cells = _cells(row, mark, number)
            if len(cells) < len(columns) or any(cells[len(columns) :]):
                raise InvalidInputError(
                    "row {number} of the .mid has {count} cells, the .mif has {columns} columns; put texts that hold the"
                    " delimiter in quotation marks",
                    number=number,
                    count=len(cells),
                    columns=len(columns),
                    place=f"feature {number}",
                )
            for (name, kind), cell in zip(columns, cells, strict=False):
                if kind.lower() in _NUMERIC and not _NUMBER.fullmatch(cell):
                    yield NoNumber(number, _shown(name), _shown(cell)[:40])


def _cells(row: str, mark: str, number: int) -> list[str]:
    try:
        return next(csv.reader([row.rstrip("\r\n")], delimiter=mark))
    except csv.Error as error:
        raise InvalidInputError(
            "row {number} of the .mid cannot be read: {error}",
            number=number,
            error=error,
            place=f"feature {number}",
        ) from error


def _shown(text: str) -> str:
    content = text.encode("latin-1")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("gb18030", "replace")
