"""Zip archives at the door: judged by their table of contents, unpacked by hand to names of our own."""

import shutil
import struct
import zipfile
from pathlib import Path, PurePosixPath

from blueprint.errors import InvalidInputError

MAX_ENTRIES = 2000
MAX_UNPACKED_BYTES = 2 << 30
MAX_RATIO = 200
_SHAPEFILE_PARTS = {".shp", ".shx", ".dbf", ".prj", ".cpg"}
_SINGLE_FILES = {".gpkg", ".geojson", ".json"}


def unpack(archive: Path, into: Path) -> Path:
    """Unpack the one dataset of a zip and give its path; InvalidInputError for anything that is no plain dataset."""
    try:
        with zipfile.ZipFile(archive, metadata_encoding="gbk") as opened:
            entries = _judged(opened)
            return _unpacked(opened, _dataset(entries), into)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, UnicodeDecodeError, struct.error) as error:
        raise InvalidInputError(f"the zip archive is damaged: {error}; pack it again") from error


def _judged(opened: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = [entry for entry in opened.infolist() if not entry.is_dir()]
    if len(entries) > MAX_ENTRIES:
        raise InvalidInputError(
            f"the zip archive has {len(entries):,} entries, at most {MAX_ENTRIES:,} are taken"
        )
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename
        path = PurePosixPath(name)
        if (
            path.is_absolute()
            or ".." in path.parts
            or "\\" in name
            or "\x00" in name
            or ":" in name
            or len(name) > 255
        ):
            raise InvalidInputError(
                f"the zip archive holds an unsafe path {name[:80]!r}; pack the files without folders"
            )
        if entry.flag_bits & 1:
            raise InvalidInputError("the zip archive is encrypted; pack it without a password")
        if (entry.external_attr >> 16) & 0o170000 == 0o120000:
            raise InvalidInputError(f"the zip archive holds a link {name[:80]!r}; pack the file itself")
        if name.lower() in seen:
            raise InvalidInputError(f"the zip archive holds {name[:80]!r} twice; pack it again")
        seen.add(name.lower())
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * max(packed, 1):
        raise InvalidInputError(
            "the zip archive unpacks to far more than it holds; upload the data in smaller files"
        )
    return entries


def _dataset(entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The entries that make up the one dataset, by suffix."""
    shapes = [e for e in entries if e.filename.lower().endswith(".shp")]
    singles = [e for e in entries if PurePosixPath(e.filename.lower()).suffix in _SINGLE_FILES]
    if len(shapes) + len(singles) != 1:
        found = len(shapes) + len(singles)
        raise InvalidInputError(
            f"the zip archive must hold one Shapefile, GeoPackage or GeoJSON file, it holds {found}"
        )
    if singles:
        return {PurePosixPath(singles[0].filename.lower()).suffix: singles[0]}
    stem = shapes[0].filename[:-4].lower()
    parts = {
        PurePosixPath(e.filename.lower()).suffix: e
        for e in entries
        if e.filename[:-4].lower() == stem and PurePosixPath(e.filename.lower()).suffix in _SHAPEFILE_PARTS
    }
    for suffix in (".shx", ".dbf"):
        if suffix not in parts:
            raise InvalidInputError(
                f"the Shapefile in the zip archive lacks its {suffix} file; pack all parts"
            )
    return parts


def _unpacked(opened: zipfile.ZipFile, parts: dict[str, zipfile.ZipInfo], into: Path) -> Path:
    paths = {}
    for suffix, entry in parts.items():
        paths[suffix] = into / f"data{suffix}"
        with opened.open(entry) as source, paths[suffix].open("xb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    if ".shp" in paths:
        check_shapefile(paths[".shp"], paths[".shx"], paths[".dbf"])
        return paths[".shp"]
    return next(iter(paths.values()))


def check_shapefile(shp: Path, shx: Path, dbf: Path) -> None:
    """Hold the parts of a Shapefile against each other: GDAL alone reads a truncated one without a word."""
    for path in (shp, shx):
        head = path.open("rb").read(32)
        if len(head) < 32 or struct.unpack(">i", head[:4])[0] != 9994:
            raise InvalidInputError(f"the {path.suffix} file is no Shapefile part; export it again")
        if struct.unpack(">i", head[24:28])[0] * 2 != path.stat().st_size:
            raise InvalidInputError(f"the {path.suffix} file is cut short or padded; copy it again")
    records = (shx.stat().st_size - 100) // 8
    with dbf.open("rb") as opened:
        head = opened.read(12)
    if len(head) < 12:
        raise InvalidInputError("the .dbf file is cut short; copy it again")
    rows, header_bytes, row_bytes = struct.unpack("<IHH", head[4:12])
    if rows != records:
        raise InvalidInputError(
            f"the Shapefile has {records} shapes but {rows} attribute rows; export it again"
        )
    if dbf.stat().st_size < header_bytes + rows * row_bytes:
        raise InvalidInputError("the .dbf file is cut short; copy it again")


def dbf_encoding(shp: Path) -> str | None:
    """The encoding of a Shapefile's attributes where it does not say one: strict UTF-8, else GB18030."""
    dbf = shp.with_suffix(".dbf")
    with dbf.open("rb") as opened:
        language_byte = opened.read(30)[29]
        if language_byte or shp.with_suffix(".cpg").exists():
            return None
        opened.seek(0)
        content = opened.read(64 << 20)
    try:
        content[32:].decode("utf-8")
    except UnicodeDecodeError:
        return "GB18030"
    return "UTF-8"
