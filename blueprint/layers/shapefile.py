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
_KINDS = (0, 1, 3, 5, 8, 11, 13, 15, 18, 21, 23, 25, 28, 31)
_DBF_KINDS = b"CNFDLM"
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
_ONE_BYTE = ("cp1252", "ISO-8859-1")
"""Encodings that hold for whatever bytes; a .dbf says so too that was written by a program of any other code page."""

MAX_RARE_SHARE = 0.1
"""This share of the texts may hold rare characters, beyond GB 2312, and be Chinese all the same."""

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
    is_first = np.zeros(len(starts), dtype=bool)
    is_first[np.unique(starts, return_index=True)[1]] = True
    _refuse_first(~is_first, Sentence("is the record of another one, too"))
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
    _refuse_first(~np.isin(kinds, _KINDS), Sentence("is of no known type"))
    _refuse_first(
        ~_parts_hold(content, starts, parts, points), Sentence("has parts that lie outside its points")
    )


def _parts_hold(content: np.ndarray, starts: np.ndarray, parts: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Say of each record whether its parts begin at its first point and follow each other up to its last."""
    good = parts > 0
    firsts = np.cumsum(parts) - parts
    record = np.repeat(np.arange(len(parts)), parts)
    place = np.arange(len(record)) - firsts[record]
    begins = _numbers(content, starts[record] + 52 + 4 * place, "<i4")
    before = np.where(place > 0, np.roll(begins, 1), -1)
    wrong = (begins <= before) | (begins >= np.maximum(points[record], 1)) | ((place == 0) & (begins != 0))
    good[record[wrong]] = False
    return np.asarray(good | (points == 0))  # which is empty, whatever parts it tells of


def memo_columns(shp: Path) -> dict[int, bool]:
    """The places of the .dbf's columns of memos, and which of them hold something: numbers of blocks in another file."""
    dbf = shp.with_suffix(".dbf")
    with dbf.open("rb") as opened:
        rows, header_bytes, row_bytes = struct.unpack("<IHH", opened.read(12)[4:12])
        opened.seek(0)
        columns = columns_of(opened.read(header_bytes))
    found: dict[int, bool] = {}
    for place, column in enumerate(columns):
        if column.kind == b"M":
            table = _mapped(dbf)[header_bytes : header_bytes + rows * row_bytes].reshape(rows, row_bytes)
            cells = table[:, column.start : column.start + column.width]
            found[place] = not np.isin(cells, (0x20, 0x30, 0x00)).all()
    return found


def empty_records(shp: Path) -> int:
    """How many records say that they have no shape; those of deleted rows, too."""
    index = np.fromfile(shp.with_suffix(".shx"), dtype=">i4", offset=_HEAD).reshape(-1, 2).astype(np.int64)
    return int((_numbers(_mapped(shp), index[:, 0] * 2 + 8, "<i4") == 0).sum())


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
    with dbf.open("rb") as opened:
        columns = columns_of(opened.read(header_bytes))
    if row_bytes < 1 + sum(column.width for column in columns) or (row_bytes > 1 and not columns):
        raise InvalidInputError(
            "the head of the .dbf file is damaged: its columns are no rows; export it again"
        )
    for number, column in enumerate(columns, start=1):
        if column.kind not in _DBF_KINDS:
            raise InvalidInputError(
                "field {number} of the .dbf file is of the type {kind!r}, which is not of dBase III or IV; export it again",
                number=number,
                kind=column.kind.decode("latin-1"),
            )
    return int(rows)


@dataclass(frozen=True)
class Column:
    """A column of a .dbf; `start` counts from the row's first byte."""

    name: bytes
    start: int
    width: int
    kind: bytes
    decimals: int

    @property
    def is_text(self) -> bool:
        """Whether it holds texts."""
        return self.kind == b"C"

    @property
    def is_day(self) -> bool:
        """Whether it holds days."""
        return self.kind == b"D"

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers."""
        return self.kind in (b"N", b"F")


def columns_of(head: bytes) -> list[Column]:
    """The columns of a .dbf header; `start` counts from the row's first byte, which is the mark of deletion."""
    columns, start = [], 1
    for at in range(32, len(head) - 31, 32):
        if head[at] == 0x0D:
            break
        width = head[at + 16]
        name = head[at : at + 11].partition(b"\x00")[0]
        columns.append(Column(name, start, width, head[at + 11 : at + 12], head[at + 17]))
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
        and not (declared in _ONE_BYTE and _are_chinese(cells or names))
    ):
        if declared == "GB18030":
            _refuse_mixed(cells)
        return TextEncoding(declared, declared, ())
    found = next((e for e in ("UTF-8", "GB18030") if share_of_bad(cells, e) <= MAX_CUT_SHARE), None)
    if found == "GB18030":
        _refuse_mixed(cells)
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


def _are_chinese(texts: Collection[bytes]) -> bool:
    """Say whether texts that are said to be of one byte a character, which any bytes are, are UTF-8 or Chinese."""
    return share_of_bad(texts, "UTF-8") == 0 or share_of_bad(texts, "gb2312") <= MAX_RARE_SHARE


def _refuse_mixed(cells: Collection[bytes]) -> None:
    for cell in cells:
        if is_plainly_utf8(cell):
            raise InvalidInputError(
                "the attributes are partly UTF-8 ({text}) and partly GB18030; export them in one encoding",
                text=cell.decode("utf-8")[:20],
            )


def is_plainly_utf8(text: bytes) -> bool:
    """Say whether a text that might be GB18030 is Chinese of UTF-8: as GB18030 it would be signs that nobody writes."""
    try:
        foreign = [letter for letter in text.decode("utf-8") if letter > "\x7f"]
    except UnicodeDecodeError:
        return False
    is_chinese = len(foreign) > 1 and all("\u3000" <= letter <= "\u9fff" for letter in foreign)
    return is_chinese and share_of_bad([text], "gb2312") > 0


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
