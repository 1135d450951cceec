"""The formats that are taken, told apart by a file's own bytes and never by its name; one driver opens each."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blueprint.errors import InvalidInputError
from blueprint.layers.boundary_points import POINTS_SECTION
from blueprint.sentences import Sentence, Word

HEAD_BYTES = 1 << 16
TAKEN = Word(
    "GeoPackage, zipped Shapefile, GeoJSON (also by lines), zipped FileGDB, KML/KMZ, GML, DXF, FlatGeobuf, GeoParquet,"
    " zipped MapInfo TAB or MIF, CSV with WKT, boundary-point TXT; for raster layers GeoTIFF"
)


@dataclass(frozen=True)
class Format:
    """A format: its name in messages, GDAL's driver (None: read without GDAL; CSV: for curves alone) and the suffix that the driver wants.

    A file may take `cpu_seconds` of CPU, and one second more for each megabyte it has.
    """

    name: str
    driver: str | None
    suffix: str
    cpu_seconds: int = 60


GEOPACKAGE = Format("GeoPackage", "GPKG", ".gpkg")
SHAPEFILE = Format("Shapefile", "ESRI Shapefile", ".shp")
GEOJSON = Format("GeoJSON", "GeoJSON", ".geojson")
GEOJSON_LINES = Format("newline-delimited GeoJSON", "GeoJSONSeq", ".geojsonl")
FILE_GEODATABASE = Format("FileGDB", "OpenFileGDB", ".gdb")
KML = Format("KML", "LIBKML", ".kml", cpu_seconds=30)
GML = Format("GML", "GML", ".gml", cpu_seconds=30)
DXF = Format("DXF", "DXF", ".dxf", cpu_seconds=10)
FLATGEOBUF = Format("FlatGeobuf", "FlatGeobuf", ".fgb")
GEOPARQUET = Format("GeoParquet", None, ".parquet")
MAPINFO_TAB = Format("MapInfo TAB", "MapInfo File", ".tab")
MAPINFO_MIF = Format("MapInfo MIF", "MapInfo File", ".mif")
CSV = Format("CSV with WKT", "CSV", ".csv")
GEOTIFF = Format("GeoTIFF", None, ".tif")
BOUNDARY_POINTS = Format("boundary-point TXT", None, ".txt")

FORMATS = {
    form.suffix: form
    for form in (
        GEOPACKAGE,
        SHAPEFILE,
        GEOJSON,
        GEOJSON_LINES,
        FILE_GEODATABASE,
        KML,
        GML,
        DXF,
        FLATGEOBUF,
        GEOPARQUET,
        MAPINFO_TAB,
        MAPINFO_MIF,
        CSV,
        GEOTIFF,
        BOUNDARY_POINTS,
    )
}

_BINARY = {
    b"SQLite format 3\x00": GEOPACKAGE,
    b"fgb\x03fgb": FLATGEOBUF,
    b"PAR1": GEOPARQUET,
    b"II*\x00": GEOTIFF,
    b"MM\x00*": GEOTIFF,
    b"II+\x00": GEOTIFF,
    b"MM\x00+": GEOTIFF,
}
_REFUSED = {
    b"\x00\x00\x27\x0a": Sentence(
        "this is one part of a Shapefile; pack .shp, .shx, .dbf and .prj into one zip archive"
    ),
    b"AC10": Sentence("this is a DWG drawing; save it as DXF (ASCII) and upload that"),
    b"AutoCAD Binary DXF": Sentence("this is a binary DXF; save it as ASCII DXF and upload that"),
    b"Rar!": Sentence("this is a RAR archive; pack the files as zip"),
    b"7z\xbc\xaf\x27\x1c": Sentence("this is a 7z archive; pack the files as zip"),
    b"\x1f\x8b": Sentence("this is a gzip archive; pack the files as zip"),
    b"\xff\xfe": Sentence("the file is in UTF-16; save it as UTF-8"),
    b"\xfe\xff": Sentence("the file is in UTF-16; save it as UTF-8"),
}
_WKT_COLUMNS = {
    "wkt",
    "geom",
    "geometry",
    "the_geom",
    "wkt_geom",
    "geom_wkt",
    "wkb",
    "wkb_geometry",
    "shape",
    "几何",
}
_WKT = re.compile(
    r"^\s*\"?\s*(SRID=\d+;)?(MULTI)?(POINT|LINESTRING|POLYGON|CURVE|SURFACE|GEOMETRYCOLLECTION"
    r"|TIN|TRIANGLE|POLYHEDRALSURFACE|CURVEPOLYGON|COMPOUNDCURVE|CIRCULARSTRING)\s*(Z|M|ZM)?\s*(\(|EMPTY)",
    re.IGNORECASE,
)
HEX_WKB = re.compile(
    r"^\s*(?:\\x)?((?:01[0-9A-F]{2}0[037B]00[02468ACE]0|00[02468ACE]0000[037B][0-9A-F]{2})(?:[0-9A-F]{2}){4,})\s*$",
    re.IGNORECASE,
)
"""Well-known binary in hexadecimal digits, as PostGIS and its exports write a shape: byte order, type, coordinates."""

_ROOT = re.compile(rb"<(?![?!])(?:[\w.-]+:)?([\w.-]+)([^>]*)")
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)


def is_zip(head: bytes) -> bool:
    """Say whether a file begins like a zip archive."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"))


def sniff(path: Path) -> Format:
    """The format of a single file by its bytes; InvalidInputError says what else it is, where that is known."""
    with path.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
    for magic, form in _BINARY.items():
        if head.startswith(magic):
            return form
    for magic, sentence in _REFUSED.items():
        if head.startswith(magic):
            raise InvalidInputError(sentence)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] in (b"{", b"\x1e"):
        return GEOJSON_LINES if _is_by_lines(path, text) else GEOJSON
    if text[:1] == b"<":
        return _xml(text)
    return _text(text)


def _is_by_lines(path: Path, text: bytes) -> bool:
    """Say whether every line is a GeoJSON feature of its own (RFC 8142 or plain newlines)."""
    if text[:1] == b"\x1e":
        return True
    first, newline, rest = text.partition(b"\n")
    if newline:
        try:
            document = json.loads(first)
        except (ValueError, RecursionError):
            return False
        return isinstance(document, dict) and document.get("type") == "Feature" and rest.strip()[:1] == b"{"
    # The first feature alone is larger than the head.
    is_feature = re.search(rb'"type"\s*:\s*"FeatureCollection"', text) is None
    return is_feature and any(b"\n{" in block for block in _blocks(path))


def _blocks(path: Path) -> Iterator[bytes]:
    """A file block by block, each with the last bytes of the one before."""
    last = b""
    with path.open("rb") as opened:
        while block := opened.read(1 << 20):
            yield last + block
            last = block[-16:]


def _xml(text: bytes) -> Format:
    found = _ROOT.search(_COMMENT.sub(b"", text))
    name, attributes = (found.group(1), found.group(2)) if found else (b"", b"")
    if name == b"kml":
        return KML
    if b"http://www.opengis.net/gml" in attributes or (
        name == b"FeatureCollection" and b"opengis.net" in attributes
    ):
        return GML
    raise InvalidInputError("this is no geodata file that can be read; {taken} are taken", taken=TAKEN)


def _text(text: bytes) -> Format:
    if b"\x00" not in text:
        lines = decoded_head(text).splitlines()
        if any(POINTS_SECTION in line for line in lines):
            return BOUNDARY_POINTS
        words = [line.strip() for line in lines[:40] if line.strip()]
        first = words[0].lower() if words else ""
        if first == "!table":
            return MAPINFO_TAB
        if re.match(r"version\s+\d+", first):
            return MAPINFO_MIF
        if (first == "0" and words[1:2] == ["SECTION"]) or (first == "999" and "SECTION" in words):
            return DXF
        if is_wkt_table(lines):
            return CSV
        if len(words) > 1 and any(mark in words[0] for mark in ",;\t"):
            raise InvalidInputError(
                "the table has no column with shapes as WKT; name one WKT and write shapes like POLYGON((…)) in it"
            )
    raise InvalidInputError("this is no geodata file that can be read; {taken} are taken", taken=TAKEN)


def decoded_head(head: bytes) -> str:
    """The beginning of a text file, which may end within a character: UTF-8, else GB18030."""
    text = head.removeprefix(b"\xef\xbb\xbf")
    for cut in range(4):
        try:
            return text[: len(text) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
    return text.decode("gb18030", errors="replace")


def is_utf8(path: Path) -> bool:
    """Say whether the whole of a text file is UTF-8; GBK never is, where it holds more than ASCII."""
    try:
        with path.open(encoding="utf-8") as opened:
            while opened.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return False
    return True


def is_wkt_table(lines: list[str]) -> bool:
    """Say whether the first lines are a table with a column of shapes."""
    if len(lines) < 2:
        return False
    mark = delimiter(lines[0])
    names = {cell.strip().strip('"').lower() for cell in lines[0].split(mark)}
    return bool(names & _WKT_COLUMNS) or any(
        _WKT.match(cell) or HEX_WKB.match(cell.strip('"')) for cell in lines[1].split(mark)
    )


def delimiter(header: str) -> str:
    """What separates the columns of a table: the mark that its header has most of."""
    return max(",;\t|", key=header.count)


def wkt_column(header: list[str], first: list[str]) -> int | None:
    """The column that holds shapes as WKT, or as WKB in hexadecimal digits: by the first row's value, else by its name; None where there is none."""
    for number, value in enumerate(first[: len(header)]):
        if _WKT.match(value) or HEX_WKB.match(value):
            return number
    return next((n for n, name in enumerate(header) if name.strip().lower() in _WKT_COLUMNS), None)
