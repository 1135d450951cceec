"""Pre-flight of a Shapefile: its parts held against each other, the encoding of its attributes, whole field names.

GDAL alone reads a truncated .shp as empty shapes, skips a record of a wrong length, and shows GBK as mojibake, all
without a word. Every check here is one pass over arrays, so a large file costs little.
"""

import mmap
import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blueprint.errors import InvalidInputError
from blueprint.sentences import Sentence

_HEAD = 100
_LANGUAGES = {0x4D: "GB18030", 0x7A: "GB18030", 0x4F: "Big5", 0x78: "Big5", 0x03: "cp1252", 0x57: "cp1252"}
_PAGES = {
    "utf-8": "UTF-8",
    "utf8": "UTF-8",
    "65001": "UTF-8",
    "936": "GB18030",
    "cp936": "GB18030",
    "gbk": "GB18030",
    "gb2312": "GB18030",
    "gb18030": "GB18030",
    "54936": "GB18030",
    "950": "Big5",
    "big5": "Big5",
    "big-5": "Big5",
    "1252": "cp1252",
    "cp1252": "cp1252",
    "iso-8859-1": "ISO-8859-1",
    "iso88591": "ISO-8859-1",
}
MAX_CUT_SHARE = 0.02
"""This share of the texts may end within a character (cut at the width of the field) without the encoding being wrong."""


@dataclass(frozen=True)
class TextEncoding:
    """How the attributes are to be read: the encoding, what the file says, and what a reader should know."""

    name: str
    declared: str | None
    notes: tuple[Sentence, ...]


def check_shapefile(shp: Path) -> int:
    """Hold .shp, .shx and .dbf against each other and every record against its length; gives the number of records."""
    shx, dbf = shp.with_suffix(".shx"), shp.with_suffix(".dbf")
    for path in (shp, shx):
        with path.open("rb") as opened:
            head = opened.read(_HEAD)
        if len(head) < _HEAD or struct.unpack(">i", head[:4])[0] != 9994:
            raise InvalidInputError(
                "the {suffix} file is no Shapefile part; export it again", suffix=path.suffix
            )
        if struct.unpack(">i", head[24:28])[0] * 2 != path.stat().st_size:
            raise InvalidInputError(
                "the {suffix} file is cut short or padded; copy it again", suffix=path.suffix
            )
    index = np.fromfile(shx, dtype=">i4", offset=_HEAD).reshape(-1, 2).astype(np.int64) * 2
    _check_records(shp, index)
    rows = _dbf_rows(dbf)
    if rows != len(index):
        raise InvalidInputError(
            "the Shapefile has {shapes} shapes but {row_count} attribute rows; export it again",
            shapes=len(index),
            row_count=rows,
        )
    return rows


def _check_records(shp: Path, index: np.ndarray) -> None:
    """Every record lies in the file, is as long as the index says, and holds the points that it announces."""
    if not len(index):
        return
    content = _mapped(shp)
    starts, lengths = index[:, 0], index[:, 1]
    inside = (starts >= _HEAD) & (lengths >= 4) & (starts + 8 + lengths <= len(content))
    _refuse_first(~inside, Sentence("lies outside the .shp file"))
    _refuse_first(
        _numbers(content, starts + 4, ">i4") * 2 != lengths, Sentence("is not as long as the .shx file says")
    )
    kinds = _numbers(content, starts + 8, "<i4")
    many = np.isin(kinds, (3, 5, 13, 15, 23, 25, 31)) & (lengths >= 44)
    _refuse_first(np.isin(kinds, (3, 5, 13, 15, 23, 25, 31)) & (lengths < 44), Sentence("is cut short"))
    parts, points = np.zeros_like(lengths), np.zeros_like(lengths)
    parts[many] = _numbers(content, starts[many] + 44, "<i4")
    points[many] = _numbers(content, starts[many] + 48, "<i4")
    whole = (parts >= 0) & (points >= 0) & (44 + 4 * parts + 16 * points <= lengths)
    _refuse_first(many & ~whole, Sentence("announces more points than it holds"))


def _mapped(path: Path) -> np.ndarray:
    """A file's bytes, of which only those come to memory that are looked at."""
    with path.open("rb") as opened:
        return np.frombuffer(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ), dtype=np.uint8)


def _numbers(content: np.ndarray, offsets: np.ndarray, kind: str) -> np.ndarray:
    """The 4-byte integers at these offsets."""
    taken = content[np.add.outer(offsets, np.arange(4))]
    return np.ascontiguousarray(taken).view(kind).reshape(-1).astype(np.int64)


def _refuse_first(bad: np.ndarray, what: Sentence) -> None:
    if bad.any():
        number = int(np.argmax(bad)) + 1
        raise InvalidInputError(
            "shape {number} of the Shapefile {what}; export it again",
            number=number,
            what=what,
            place=f"feature {number}",
        )


def rows_in_use(table: Path) -> int:
    """The rows of a .dbf that are not marked as deleted, which a reader passes over."""
    content = _mapped(table)
    rows, head, width = struct.unpack("<IHH", content[4:12].tobytes())
    return int((content[head : head + rows * width : width] != 0x2A).sum()) if rows and width else 0


def _dbf_rows(dbf: Path) -> int:
    with dbf.open("rb") as opened:
        head = opened.read(12)
    if len(head) < 12:
        raise InvalidInputError("the .dbf file is cut short; copy it again")
    rows, header_bytes, row_bytes = struct.unpack("<IHH", head[4:12])
    if dbf.stat().st_size < header_bytes + rows * row_bytes:
        raise InvalidInputError("the .dbf file is cut short; copy it again")
    return int(rows)


@dataclass(frozen=True)
class Column:
    """A column of a .dbf; `start` counts from the row's first byte."""

    name: bytes
    start: int
    width: int
    is_text: bool
    is_day: bool


def columns_of(head: bytes) -> list[Column]:
    """The columns of a .dbf header; `start` counts from the row's first byte, which is the mark of deletion."""
    columns, start = [], 1
    for at in range(32, len(head) - 31, 32):
        if head[at] == 0x0D:
            break
        width = head[at + 16]
        name = head[at : at + 11].partition(b"\x00")[0]
        columns.append(Column(name, start, width, head[at + 11] == ord("C"), head[at + 11] == ord("D")))
        start += width
    return columns


def settle_encoding(shp: Path, *, given: str | None) -> TextEncoding:
    """Which encoding the attributes are in: what the uploader or the file says where it holds, else what does hold.

    UTF-8 read strictly never takes GBK for UTF-8, so it goes first; GB18030 includes GBK and GB 2312.
    """
    dbf = shp.with_suffix(".dbf")
    with dbf.open("rb") as opened:
        head = opened.read(32)
        rows, header_bytes, row_bytes = struct.unpack("<IHH", head[4:12])
        head += opened.read(max(header_bytes, 32) - 32)
    columns = columns_of(head)
    declared = _declared(shp.with_suffix(".cpg"), head[29])
    if given is not None:
        return TextEncoding(given, declared, ())
    cells = _foreign_cells(dbf, columns, rows, header_bytes, row_bytes)
    names = [column.name for column in columns if any(byte >= 0x80 for byte in column.name)]
    if (
        declared is not None
        and share_of_bad(cells, declared) <= MAX_CUT_SHARE
        and not _bad_names(names, declared)
    ):
        return TextEncoding(declared, declared, ())
    found = next((e for e in ("UTF-8", "GB18030") if share_of_bad(cells, e) <= MAX_CUT_SHARE), None)
    if not cells:
        found = next((e for e in ("UTF-8", "GB18030") if not _bad_names(names, e)), "GB18030")
    if found is None:
        raise InvalidInputError(
            "the attributes are neither UTF-8 nor GB18030; give their encoding (--encoding at the console)"
        )
    if not cells and not names:
        return TextEncoding(declared or found, declared, ())
    if declared is None:
        note = Sentence(
            "the file does not say its encoding; its attributes were read as {encoding}", encoding=found
        )
    else:
        note = Sentence(
            "the file says {declared}, but its attributes are no {declared}; they were read as {encoding}",
            declared=declared,
            encoding=found,
        )
    return TextEncoding(found, declared, (note,))


def _declared(cpg: Path, language: int) -> str | None:
    if cpg.exists():
        said = cpg.read_bytes()[:40].decode("ascii", errors="ignore").strip().strip("\x00").lower()
        known = _PAGES.get(said.replace("ansi ", "").strip())
        if known is not None:
            return known
    return _LANGUAGES.get(language)


def _foreign_cells(
    dbf: Path, columns: list[Column], rows: int, header_bytes: int, row_bytes: int, *, most: int = 200_000
) -> list[bytes]:
    """The texts with bytes outside ASCII, at most so many, spread over the whole file."""
    if not rows or not row_bytes or any(c.start + c.width > row_bytes for c in columns):
        return []
    table = _mapped(dbf)[header_bytes : header_bytes + rows * row_bytes].reshape(rows, row_bytes)
    texts = [column for column in columns if column.is_text]
    step = max(1, rows * max(len(texts), 1) // most)
    found: list[bytes] = []
    for first in range(0, rows, 100_000):
        block = table[first : first + 100_000 : step]
        for column in texts:
            cells = block[:, column.start : column.start + column.width]
            foreign = cells[(cells >= 0x80).any(axis=1)]
            found += {bytes(cell).rstrip(b" \x00") for cell in foreign}
    return found


def share_of_bad(cells: Collection[bytes], encoding: str) -> float:
    """The share of texts that are not of this encoding; 0 where there are none."""
    bad = 0
    for cell in cells:
        try:
            cell.decode(encoding)
        except UnicodeDecodeError:
            bad += 1
    return bad / len(cells) if cells else 0.0


def _bad_names(names: list[bytes], encoding: str) -> bool:
    """Say whether a field name is not of this encoding; one that fills its ten bytes may end within a character."""
    for name in names:
        tails = range(4) if len(name) >= 9 else (0,)
        if all(share_of_bad([name[: len(name) - tail]], encoding) for tail in tails):
            return True
    return False


def mend_field_names(shp: Path, encoding: str) -> tuple[Sentence, ...]:
    """Rewrite names that were cut within a character (10 bytes hold three Chinese characters of UTF-8), or stand twice.

    Works on the scratch copy alone; gives a sentence for each name changed.
    """
    dbf = shp.with_suffix(".dbf")
    notes: list[Sentence] = []
    with dbf.open("r+b") as opened:
        header_bytes = struct.unpack("<H", opened.read(10)[8:10])[0]
        opened.seek(0)
        columns = columns_of(opened.read(header_bytes))
        seen: set[str] = set()
        for number, column in enumerate(columns):
            name = column.name.decode(encoding, errors="ignore").strip() or f"F{number + 1}"
            unique, n = name, 1
            while unique.lower() in seen:
                n += 1
                unique = f"{_cut(name, encoding, 10 - len(str(n)))}{n}"
            seen.add(unique.lower())
            written = unique.encode(encoding)
            if written != column.name.strip():
                opened.seek(32 + 32 * number)
                opened.write(written[:11].ljust(11, b"\x00"))
                notes.append(
                    Sentence(
                        "the name of field {number} was cut within a character or stood twice; it is read as {name}",
                        number=number + 1,
                        name=unique,
                    )
                )
    return tuple(notes)


def _cut(name: str, encoding: str, size: int) -> str:
    return name.encode(encoding)[:size].decode(encoding, errors="ignore")
