"""Zip archives at the door: judged by their table of contents, unpacked by hand to names of our own."""

import re
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from blueprint.errors import InvalidInputError, TooLargeError
from blueprint.layers.formats import TAKEN

MAX_ENTRIES = 2000
MAX_DIRECTORY_BYTES = 2 << 20
"""The table of contents of so many entries is shorter."""

_END_BYTES = (1 << 16) + 100
"""In so many bytes at its end an archive says where its table of contents is: a comment may follow."""

MAX_UNPACKED_BYTES = 2 << 30
MAX_RATIO = 200
HARMLESS_BYTES = 32 << 20
"""What unpacks to less may be packed as tightly as it likes: empty indexes of a FileGDB are."""

MAX_METADATA_BYTES = 1 << 20
_SIDE_FILES = {
    ".shp": (".shx", ".dbf", ".prj", ".cpg"),
    ".tab": (".dat", ".map", ".id", ".ind"),
    ".mif": (".mid",),
}
_NEEDED = {".shp": (".shx", ".dbf"), ".tab": (".dat", ".map", ".id"), ".mif": (".mid",)}
_SINGLE_FILES = {
    ".gpkg",
    ".geojson",
    ".json",
    ".geojsonl",
    ".geojsons",
    ".ndjson",
    ".jsonl",
    ".kml",
    ".gml",
    ".dxf",
    ".fgb",
    ".parquet",
    ".geoparquet",
    ".csv",
    ".tsv",
    ".txt",
    ".tif",
    ".tiff",
}
_PERHAPS = {".json", ".csv", ".tsv", ".txt"}
"""What is data only where an archive holds nothing that surely is: a read-me, a table beside the map."""

_NESTED = {".zip", ".rar", ".7z", ".gz", ".kmz"}
_PROGRAMS = {
    ".exe",
    ".dll",
    ".bat",
    ".cmd",
    ".com",
    ".scr",
    ".msi",
    ".ps1",
    ".vbs",
    ".js",
    ".jar",
    ".sh",
    ".so",
    ".py",
}
_GEODATABASE_FILE = re.compile(r"^(a[0-9a-f]{8}\.[A-Za-z0-9_.]{1,80}|gdb|timestamps)$", re.IGNORECASE)


@dataclass(frozen=True)
class Unpacked:
    """The dataset of an archive: the file or folder to open, what it is called, and the text of metadata beside it."""

    path: Path
    name: str
    metadata: tuple[str, ...]


@dataclass
class _Candidate:
    """A dataset that an archive holds: its name and its entries by the names they are unpacked to."""

    name: str
    main: str
    entries: dict[str, zipfile.ZipInfo] = field(default_factory=dict)


def unpack(archive: Path, into: Path, *, wanted: str | None = None) -> Unpacked:
    """Unpack the one dataset of a zip, or the one called `wanted`; InvalidInputError for what is no plain dataset."""
    try:
        _refuse_long_directory(archive)
        with zipfile.ZipFile(archive, metadata_encoding="gbk") as opened:
            entries = _judged(opened)
            chosen = _choose(_candidates(entries), wanted)
            for target, entry in chosen.entries.items():
                _extract(opened, entry, into / target)
            metadata = tuple(_text_of(opened, entry) for entry in _metadata_entries(entries))
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        UnicodeDecodeError,
        struct.error,
    ) as error:
        raise InvalidInputError("the zip archive is damaged: {error}; pack it again", error=error) from error
    names = tuple(entry.filename for entry in entries)
    return Unpacked(path=into / chosen.main, name=chosen.name, metadata=(*names, *metadata))


def _refuse_long_directory(archive: Path) -> None:
    """Refuse a table of contents that is longer than what may stand in it: it would all be read before it is judged."""
    with archive.open("rb") as opened:
        opened.seek(max(0, archive.stat().st_size - _END_BYTES))
        tail = opened.read()
    for at in {tail.rfind(b"PK\x05\x06"), len(tail) - 22} - {-1}:
        if at < 0 or tail[at : at + 4] != b"PK\x05\x06" or len(tail) < at + 22:
            continue
        claimed = int.from_bytes(tail[at + 12 : at + 16], "little")
        if at >= 76 and tail[at - 20 : at - 16] == b"PK\x06\x07":  # ZIP64: its own record stands before
            claimed = int.from_bytes(tail[at - 36 : at - 28], "little")
        if claimed > MAX_DIRECTORY_BYTES:
            raise TooLargeError(
                "the zip archive has a table of contents of {size_mb:,} MB; at most {max_entries:,} entries are taken",
                size_mb=claimed >> 20,
                max_entries=MAX_ENTRIES,
            )


def _extract(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    """One entry to a name of ours; the bytes are counted, whatever the table of contents says."""
    target.parent.mkdir(exist_ok=True)
    left = entry.file_size
    with opened.open(entry) as source, target.open("xb") as written:
        while block := source.read(1 << 20):
            left -= len(block)
            if left < 0:
                raise InvalidInputError(
                    "the zip archive holds more than its table of contents says; pack it again"
                )
            written.write(block)


def _metadata_entries(entries: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    return [e for e in entries if e.filename.lower().endswith(".xml") and e.file_size <= MAX_METADATA_BYTES][
        :20
    ]


def _text_of(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    content = opened.read(entry)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("gb18030", errors="replace")


def _judged(opened: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    if not all(entry.filename for entry in opened.infolist()):
        raise InvalidInputError("the zip archive holds a file without a name; pack it again")
    entries = [entry for entry in opened.infolist() if not entry.is_dir()]
    if len(entries) > MAX_ENTRIES:
        raise TooLargeError(
            "the zip archive has {count:,} entries, at most {max_entries:,} are taken",
            count=len(entries),
            max_entries=MAX_ENTRIES,
        )
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename
        path = PurePosixPath(name)
        if (
            path.is_absolute()
            or ".." in path.parts
            or "\\" in name
            or "\x00" in entry.orig_filename  # at which Python has cut the name already
            or ":" in name
            or len(name) > 255
        ):
            raise InvalidInputError(
                "the zip archive holds an unsafe path {name!r}; pack the files without folders",
                name=name[:80],
            )
        suffix = path.suffix.lower()
        if suffix in _NESTED:
            raise InvalidInputError(
                "the zip archive holds another archive, {file_name!r}; unpack it and pack its files alone",
                file_name=path.name[:80],
            )
        if suffix in _PROGRAMS:
            raise InvalidInputError(
                "the zip archive holds a program, {file_name!r}; pack the data alone",
                file_name=path.name[:80],
            )
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InvalidInputError(
                "{file_name!r} in the zip archive is packed in a way that is not taken; pack it with plain"
                " zip (deflate)",
                file_name=path.name[:80],
            )
        if entry.flag_bits & 1:
            raise InvalidInputError("the zip archive is encrypted; pack it without a password")
        if (entry.external_attr >> 16) & 0o170000 == 0o120000:
            raise InvalidInputError(
                "the zip archive holds a link {name!r}; pack the file itself", name=name[:80]
            )
        if name.lower() in seen:
            raise InvalidInputError("the zip archive holds {name!r} twice; pack it again", name=name[:80])
        seen.add(name.lower())
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    is_bomb = unpacked > HARMLESS_BYTES and unpacked > MAX_RATIO * max(packed, 1)
    if unpacked > MAX_UNPACKED_BYTES or is_bomb:
        raise TooLargeError(
            "the zip archive unpacks to far more than it holds; upload the data in smaller files"
        )
    _refuse_overlapping(entries)
    return [entry for entry in entries if not _is_of_a_mac(entry)]


def _is_of_a_mac(entry: zipfile.ZipInfo) -> bool:
    """What macOS packs beside every file (AppleDouble, `__MACOSX/._plan.shp`), by the same name and no part of the data."""
    path = PurePosixPath(entry.filename)
    return path.parts[0] == "__MACOSX" or path.name.startswith("._")


def _refuse_overlapping(entries: list[zipfile.ZipInfo]) -> None:
    """Entries that share their packed bytes are how a small archive unpacks to petabytes."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise InvalidInputError("the entries of the zip archive overlap; pack it again")
        end = entry.header_offset + 30 + entry.compress_size


def _candidates(entries: list[zipfile.ZipInfo]) -> list[_Candidate]:
    """The datasets that the entries make up; a KMZ's is its doc.kml."""
    found = [*_geodatabases(entries)]
    single: list[_Candidate] = []
    for entry in entries:
        path = PurePosixPath(entry.filename)
        suffix = path.suffix.lower()
        if suffix in _SIDE_FILES:
            found.append(_with_side_files(entry, suffix, entries))
        elif suffix in _SINGLE_FILES:
            single.append(_Candidate(path.name, f"data{suffix}", {f"data{suffix}": entry}))
    for candidate in single:
        if PurePosixPath(candidate.name).name.lower() == "doc.kml" and not found:
            return [candidate]
    found += [c for c in single if PurePosixPath(c.main).suffix not in _PERHAPS]
    return found or single


def _with_side_files(main: zipfile.ZipInfo, suffix: str, entries: list[zipfile.ZipInfo]) -> _Candidate:
    stem = main.filename[: -len(suffix)].lower()
    beside = {
        PurePosixPath(e.filename.lower()).suffix: e
        for e in entries
        if e.filename.lower().rpartition(".")[0] == stem
    }
    for needed in _NEEDED[suffix]:
        if needed not in beside:
            kind = {".shp": "Shapefile", ".tab": "MapInfo table", ".mif": "MapInfo MIF"}[suffix]
            raise InvalidInputError(
                "the {kind} in the zip archive lacks its {needed} file; pack all parts",
                kind=kind,
                needed=needed,
            )
    parts = {f"data{s}": beside[s] for s in (suffix, *_SIDE_FILES[suffix]) if s in beside}
    return _Candidate(PurePosixPath(main.filename).stem, f"data{suffix}", parts)


def _geodatabases(entries: list[zipfile.ZipInfo]) -> list[_Candidate]:
    """Folders of a FileGDB; a lock or any other file in them stays packed."""
    folders: dict[PurePosixPath, list[zipfile.ZipInfo]] = {}
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if _GEODATABASE_FILE.match(path.name):
            folders.setdefault(path.parent, []).append(entry)
        elif path.parent.suffix.lower() == ".gdb":
            folders.setdefault(path.parent, [])
    found = []
    for folder, files in folders.items():
        if not any(e.filename.lower().endswith(".gdbtable") for e in files):
            if folder.suffix.lower() == ".gdb":
                raise InvalidInputError(
                    "the FileGDB {folder_name!r} holds no table; pack the whole .gdb folder",
                    folder_name=folder.name[:80],
                )
            continue
        parts = {f"data.gdb/{PurePosixPath(e.filename).name}": e for e in files}
        found.append(_Candidate(folder.stem or "gdb", "data.gdb", parts))
    return found


def _choose(candidates: list[_Candidate], wanted: str | None) -> _Candidate:
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise InvalidInputError("the zip archive holds no geodata file; {taken} are taken", taken=TAKEN)
    called = [candidate for candidate in candidates if candidate.name == wanted]
    if len(called) == 1:
        return called[0]
    if called:
        raise InvalidInputError(
            "the zip archive holds {count} datasets called {name!r}; pack the one that you mean",
            count=len(called),
            name=called[0].name[:80],
        )
    names = ", ".join(sorted(candidate.name for candidate in candidates)[:20])
    raise InvalidInputError(
        "the zip archive must hold one dataset, it holds {count}; name one as the sublayer (--sublayer at the console): {names}",
        count=len(candidates),
        names=names,
    )
