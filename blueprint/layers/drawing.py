"""A drawing (DXF) before and beside GDAL: its layers, its unit, what of it GDAL passes over, and which entity stops it."""

import mmap
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyogrio

from blueprint.errors import InvalidInputError
from blueprint.layers.formats import is_utf8
from blueprint.layers.gdal_failures import FileBrokenError, unless_broken
from blueprint.sentences import Sentence, Word


def drawing_layers(path: Path) -> list[str]:
    """The layers of a drawing, which GDAL gives as a field of one layer."""
    _, _, _, data = pyogrio.raw.read(str(path), columns=["Layer"], read_geometry=False)
    return sorted({str(name) for name in data[0] if name is not None}) if data else []


def set_drawing_options(path: Path, request: Mapping[str, Any]) -> None:
    """The encoding: what a drawing says of it is often untrue."""
    encoding = request["encoding"] or ("UTF-8" if is_utf8(path) else "CP936")
    pyogrio.set_gdal_config_options({"DXF_ENCODING": encoding})


def drawing_notes(path: Path, geometry: str, sublayer: str | None) -> list[tuple[str, Sentence]]:
    """What a drawing says of its unit, what is made of its closed lines, and what of it is not read."""
    notes: list[tuple[str, Sentence]] = []
    unit = _drawing_unit(path)
    if unit not in (None, _METRES):
        notes.append(
            (
                "drawing-unit",
                Sentence(
                    "the drawing says that its unit is {unit}; its numbers are taken as metres", unit=unit
                ),
            )
        )
    if geometry == "polygon":
        notes.append(("drawing-areas", Sentence("closed lines of the drawing are taken as areas")))
    return notes + [("shapes-left-out", note) for note in _left_out(path, sublayer)]


_METRES = Word("metres")
_UNITS = {
    1: Word("inches"),
    2: Word("feet"),
    4: Word("millimetres"),
    5: Word("centimetres"),
    6: _METRES,
    7: Word("kilometres"),
    14: Word("decimetres"),
}


def _drawing_unit(path: Path) -> Word | None:
    with path.open("rb") as opened:
        lines = opened.read(1 << 18).split(b"\n")
    for number, line in enumerate(lines[:-2]):
        if line.strip() == b"$INSUNITS":
            value = lines[number + 2].strip()
            return _UNITS.get(int(value)) if value.isdigit() else None
    return None


_RECORD = re.compile(rb"^[ \t]*0[ \t]*\r?\n[ \t]*([A-Z][A-Z0-9_]*)[ \t]*\r?$", re.MULTILINE)
"""Where a record begins: the group 0 with its kind. What else stands on a line of 0 is followed by the number of a group."""

_READ = {
    "3DFACE", "ARC", "ATTDEF", "ATTRIB", "CIRCLE", "DIMENSION", "ELLIPSE", "HATCH", "HELIX", "INSERT", "LEADER", "LINE",
    "LWPOLYLINE", "MLEADER", "MTEXT", "MULTILEADER", "POINT", "POLYLINE", "SOLID", "SPLINE", "TEXT", "TRACE", "WIPEOUT",
}  # fmt: skip
"""Entities that GDAL's driver makes features of."""

_NO_SHAPES = {
    "SECTION", "ENDSEC", "EOF", "BLOCK", "ENDBLK", "VERTEX", "SEQEND", "VIEWPORT", "LIGHT", "OLE2FRAME", "IMAGE",
}  # fmt: skip
"""Records around and within entities, and entities that hold no shape of the plan."""

_EXTERNAL = 4 | 8
"""The bits of a block (group 70) that is another drawing."""

_AT_LINE = re.compile(r"error at line (\d+) of")


@dataclass(frozen=True)
class _Record:
    """A record of a drawing; its group 0 begins at the byte `start`, and on the line that is told where it was asked for."""

    kind: str
    start: int
    groups: Mapping[int, bytes]
    line: int = 0


def _records(content: mmap.mmap, *, kinds: set[str] | None = None, first: int = 0) -> Iterator[_Record]:
    """The records, of these kinds or of all; of a group that stands several times the first."""
    found = next(matches := _RECORD.finditer(content, first), None)
    while found is not None:
        after = next(matches, None)
        kind = found.group(1).decode("ascii")
        if kinds is None or kind in kinds:
            body = content[found.end() : after.start() if after is not None else len(content)]
            yield _Record(kind, found.start(), _groups(body))
        found = after


def _groups(body: bytes) -> dict[int, bytes]:
    lines = body.split(b"\n", 400)[1:]
    groups: dict[int, bytes] = {}
    for code, value in zip(lines[::2], lines[1::2], strict=False):
        if code.strip().isdigit():
            groups.setdefault(int(code), value.strip())
    return groups


def _left_out(path: Path, sublayer: str | None) -> list[Sentence]:
    """What GDAL passes over without a word: entities (of one layer) that it does not read, blocks that are not in the file."""
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        kinds = {found.group(1).decode("ascii") for found in _RECORD.finditer(content)}
        section, block = b"", b""
        held: dict[bytes, bool] = {}
        unread: dict[bytes, Counter[str]] = {}
        inserted: dict[bytes, Counter[bytes]] = {}
        for record in _records(content, kinds=kinds - _READ | {"INSERT"}):
            if record.kind == "SECTION":
                section, block = record.groups.get(2, b""), b""
            elif record.kind == "BLOCK":
                block = record.groups.get(2, b"").upper()
                held[block] = bool(int(record.groups.get(70, b"0") or b"0") & _EXTERNAL)
            elif section in (b"ENTITIES", b"BLOCKS"):
                if record.kind == "INSERT":
                    inserted.setdefault(block, Counter())[record.groups.get(2, b"")] += 1
                elif record.kind not in _NO_SHAPES and _is_of(record, sublayer, in_block=bool(block)):
                    unread.setdefault(block, Counter())[record.kind] += 1
    return _said_of(held, _drawn(inserted), unread)


def _is_of(record: _Record, sublayer: str | None, *, in_block: bool) -> bool:
    """Whether an entity is of a layer; in a block those of layer 0 are of the layer that the block is inserted on."""
    layer = _text(record.groups.get(8, b"0"))
    return sublayer in (None, layer) or (in_block and layer == "0")


def _drawn(inserted: Mapping[bytes, Counter[bytes]]) -> Counter[bytes]:
    """Which blocks the drawing shows, in other blocks too, and how often each is inserted somewhere."""
    shown: Counter[bytes] = Counter()
    waiting, seen = [b""], {b""}
    while waiting:
        for name, count in inserted.get(waiting.pop(), Counter()).items():
            shown[name] += count
            if name.upper() not in seen:
                seen.add(name.upper())
                waiting.append(name.upper())
    return shown


def _said_of(
    held: Mapping[bytes, bool], shown: Counter[bytes], unread: Mapping[bytes, Counter[str]]
) -> list[Sentence]:
    missing = {name: count for name, count in shown.items() if name.upper() not in held}
    external = {name: count for name, count in shown.items() if held.get(name.upper())}
    kinds = Counter(unread.get(b"", Counter()))
    for name in {name.upper() for name in shown}:
        kinds += unread.get(name, Counter())
    said = []
    if external:
        said.append(
            Sentence(
                "what the drawing refers to in other drawings was left out: {names}; bind the references (BIND) and export"
                " again",
                names=_counted(external),
            )
        )
    if missing:
        said.append(
            Sentence(
                "blocks that the drawing inserts and does not hold were left out: {names}; put them into the drawing, or erase"
                " the insertions, and export again",
                names=_counted(missing),
            )
        )
    if kinds:
        said.append(
            Sentence(
                "entities of kinds that are not read were left out: {names}; make closed polylines of those that matter (EXPLODE,"
                " BOUNDARY) and export again",
                names=_counted({kind.encode(): count for kind, count in kinds.items()}),
            )
        )
    return said


def _counted(names: Mapping[bytes, int]) -> list[str]:
    return [f"{_text(name)[:60]} × {count}" for name, count in sorted(names.items())[:20]]


def _text(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("gb18030", "replace")


def unless_entity_broken(path: Path, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches; InvalidInputError once GDAL fails on an entity, by its handle and layer, so that it can be found."""
    try:
        yield from unless_broken(batches)
    except FileBrokenError as error:
        found = _AT_LINE.search(error.said)
        entity = _entity_at(path, int(found.group(1))) if found else None
        if entity is None or not _is_whole(path):
            raise
        raise InvalidInputError(
            "the drawing's {kind} with the handle {handle} on the layer {layer!r} (line {line}) cannot be read; redraw it, or"
            " explode it, and export again",
            kind=entity.kind,
            handle=_text(entity.groups.get(5, b"?"))[:20],
            layer=_text(entity.groups.get(8, b"0"))[:100],
            line=entity.line,
            place=f"line {entity.line}",
        ) from error


def _is_whole(path: Path) -> bool:
    """Whether a drawing ends as drawings do; one that was cut has an entity that cannot be read, too."""
    with path.open("rb") as opened:
        opened.seek(max(path.stat().st_size - 100, 0))
        return b"EOF" in opened.read()


def _entity_at(path: Path, line: int) -> _Record | None:
    """The record of a line; GDAL tells the line that it read last, at most the first two of the record after."""
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        end = 0
        for _ in range(line - 2):
            end = content.find(b"\n", end) + 1
            if not end:
                return None
        start = max((found.start() for found in _RECORD.finditer(content, 0, end)), default=None)
        if start is None:
            return None
        record = next(_records(content, first=start))
        return replace(record, line=content[:start].count(b"\n") + 1)
