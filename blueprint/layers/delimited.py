"""A table with shapes as text (CSV with WKT, or WKB in hexadecimal digits): read cell by cell, so that nothing in it is ever taken for a program.

What begins with =, + or @ stays the text that it is; 0701 stays a code, and only a column that is written as numbers
throughout becomes numbers: whole ones where no cell has a decimal point, so that a code keeps its digits.
"""

import codecs
import csv
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyogrio
import shapely

from blueprint.errors import InvalidInputError
from blueprint.layers.formats import HEAD_BYTES, HEX_WKB, decoded_head, delimiter, is_utf8, wkt_column
from blueprint.layers.shapefile import is_plainly_utf8
from blueprint.sentences import Sentence

MAX_CELL = 64 << 20
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?")
_SRID = re.compile(r"^\s*SRID=(\d{1,9});", re.IGNORECASE)
_FOREIGN = re.compile(rb"[\x80-\xff]{6,}")
_CURVE = re.compile(r"CIRCULAR|CURVE|SURFACE|TIN|TRIANGLE", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """An open table: fields without the shapes, and batches of rows with shapes in well-known binary."""

    crs: str | None
    geometry_name: str
    fields: tuple[str, ...]
    batches: Iterator[pa.RecordBatch]
    notes: tuple[Sentence, ...]


def read_table(path: Path, *, encoding: str | None, batch_rows: int) -> Table:
    """Open a CSV with a column of WKT; InvalidInputError names the line that is wrong."""
    csv.field_size_limit(MAX_CELL)
    with path.open("rb") as opened:
        header_line = decoded_head(opened.read(HEAD_BYTES)).partition("\n")[0]
    mark = delimiter(header_line)
    known, note = _named(encoding) if encoding is not None else None, None
    if known is None:
        known = "utf-8-sig" if is_utf8(path) else "gb18030"
        note = None if known == "utf-8-sig" else Sentence("the table is no UTF-8; it was read as GB18030")
        if note is not None:
            _refuse_mixed(path)
    rows = _rows(path, known, mark)
    header = [name.strip() for name in next(rows)[1]]
    first = next(rows, (0, []))[1]
    shapes = wkt_column(header, first)
    if shapes is None:
        raise InvalidInputError("the table has no column with shapes as WKT; name one WKT")
    names = [name or f"F{number}" for number, name in enumerate(header, start=1)]
    if len(set(names)) < len(names):
        raise InvalidInputError("the table has two columns of one name; rename one")
    numeric = _numeric(_rows(path, known, mark), len(names))
    numeric.pop(shapes, None)
    srid = _srid_of(first[shapes]) if shapes < len(first) else 0
    return Table(
        crs=f"EPSG:{srid}" if srid else None,
        geometry_name="WKT geometry",
        fields=tuple(name for n, name in enumerate(names) if n != shapes),
        batches=_batches(_rows(path, known, mark), names, shapes, numeric, srid, batch_rows, path.parent),
        notes=(note,) if note else (),
    )


def _named(encoding: str) -> str:
    """An encoding as it is opened: UTF-8 without the mark that may stand before it."""
    try:
        return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    except (LookupError, ValueError):
        raise InvalidInputError(
            "no encoding {encoding!r} is known; write it like GB18030", encoding=encoding
        ) from None


def _refuse_mixed(path: Path) -> None:
    with path.open("rb") as opened:
        for number, line in enumerate(opened, start=1):
            for text in _FOREIGN.findall(line):
                if is_plainly_utf8(text):
                    raise InvalidInputError(
                        "the table is partly UTF-8 (line {number}: {text}) and partly GB18030; save it in one encoding",
                        number=number,
                        text=text.decode("utf-8")[:20],
                    )


def _rows(path: Path, encoding: str, mark: str) -> Iterator[tuple[int, list[str]]]:
    """The rows with their line numbers, blank lines left out."""
    try:
        with path.open(encoding=encoding, newline="") as opened:
            reader = csv.reader(opened, delimiter=mark, strict=True)
            for row in reader:
                if row:
                    yield reader.line_num, row
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            "the table is no {encoding}; give its encoding (--encoding at the console)", encoding=encoding
        ) from error
    except LookupError:
        raise InvalidInputError(
            "no encoding {encoding!r} is known; write it like GB18030", encoding=encoding
        ) from None
    except csv.Error as error:
        raise InvalidInputError(
            "line {line_num} of the table cannot be read: {error}", line_num=reader.line_num, error=error
        ) from error


def _numeric(rows: Iterator[tuple[int, list[str]]], width: int) -> dict[int, pa.DataType]:
    """The columns that hold nothing but numbers in every row: whole ones, or numbers of which one has a decimal point."""
    left, filled, broken = set(range(width)), set(), set()
    next(rows)
    for _, row in rows:
        for n in tuple(left):
            cell = row[n].strip() if n < len(row) else ""
            if cell:
                filled.add(n)
                number = _NUMBER.fullmatch(cell)
                if number is None:
                    left.discard(n)
                elif number.group(2):
                    broken.add(n)
        if not left:
            break
    return {n: pa.float64() if n in broken else pa.int64() for n in left & filled}


def _batches(
    rows: Iterator[tuple[int, list[str]]],
    names: list[str],
    shapes: int,
    numeric: dict[int, pa.DataType],
    srid: int,
    batch_rows: int,
    folder: Path,
) -> Iterator[pa.RecordBatch]:
    next(rows)
    block: list[list[str]] = []
    for line, row in rows:
        if len(row) != len(names):
            raise InvalidInputError(
                "line {line_number} of the table has {count} cells, its header {names_count}; put shapes in"
                " quotes",
                line_number=line,
                count=len(row),
                names_count=len(names),
                place=f"line {line}",
            )
        if _srid_of(row[shapes]) != srid and row[shapes].strip():
            raise InvalidInputError(
                "line {line_number} of the table has another SRID than the first; use one CRS",
                line_number=line,
            )
        block.append(row)
        if len(block) == batch_rows:
            yield _batch(block, names, shapes, numeric, folder)
            block = []
    if block:
        yield _batch(block, names, shapes, numeric, folder)


def _batch(
    block: list[list[str]], names: list[str], shapes: int, numeric: dict[int, pa.DataType], folder: Path
) -> pa.RecordBatch:
    columns: list[pa.Array] = []
    for n in range(len(names)):
        cells = [row[n].strip() or None for row in block]
        if n == shapes:
            columns.append(pa.array(_binary(cells, folder), pa.binary()))
        elif n in numeric:
            read = int if pa.types.is_integer(numeric[n]) else float
            columns.append(pa.array([read(c) if c is not None else None for c in cells], numeric[n]))
        else:
            columns.append(pa.array([row[n] or None for row in block], pa.string()))
    labels = [name if n != shapes else "WKT geometry" for n, name in enumerate(names)]
    return pa.RecordBatch.from_arrays(columns, names=labels)


def _srid_of(cell: str) -> int:
    """The number of the CRS that a shape says, as EWKT or EWKB do; 0 where it says none."""
    found = _SRID.match(cell)
    if found:
        return int(found.group(1))
    binary = HEX_WKB.match(cell)
    if not binary:
        return 0
    return max(int(shapely.get_srid(shapely.from_wkb(binary.group(1), on_invalid="ignore"))), 0)


def _binary(cells: list[str | None], folder: Path) -> list[bytes | None]:
    """Shapes as binary; what cannot be read becomes bytes that cannot be read, so that its row is named later."""
    digits = [HEX_WKB.match(cell) if cell else None for cell in cells]
    texts = [
        _SRID.sub("", cell) if cell and not given else None for cell, given in zip(cells, digits, strict=True)
    ]
    is_curved = [bool(text and _CURVE.search(text)) for text in texts]
    plain = [None if curved else text for text, curved in zip(texts, is_curved, strict=True)]
    read = shapely.to_wkb(shapely.from_wkt(np.array(plain, dtype=object), on_invalid="ignore"))
    if any(is_curved):  # GEOS reads no curves, and one of them would stop the whole array
        of_curves = [text for text, curved in zip(texts, is_curved, strict=True) if text and curved]
        read[is_curved] = _curves(of_curves, folder)
    return [
        bytes.fromhex(given.group(1))
        if given
        else None
        if text is None
        else (b"?" if shape is None else shape)
        for given, text, shape in zip(digits, texts, read, strict=True)
    ]


def _curves(texts: list[str], folder: Path) -> np.ndarray:
    """Curves as binary by GDAL, from a table of their own with nothing else in it; None for what it cannot read."""
    path = folder / "curves.csv"
    with path.open("w", encoding="utf-8", newline="") as opened:
        # GDAL takes a text that was cut off for a shape.
        whole = [(n, text) for n, text in enumerate(texts) if text.count("(") == text.count(")")]
        csv.writer(opened, quoting=csv.QUOTE_ALL).writerows([("N", "WKT"), *whole])
    pyogrio.set_gdal_config_options({"OGR_CSV_MAX_LINE_SIZE": "-1"})
    with warnings.catch_warnings(action="ignore"):  # each text that is none is named by its row later
        _, table = pyogrio.raw.read_arrow(path, columns=["N"])
    path.unlink()
    found = np.full(len(texts), None, dtype=object)
    found[table.column("N").cast(pa.int64()).to_numpy()] = table.column("wkb_geometry").to_pylist()
    return found
