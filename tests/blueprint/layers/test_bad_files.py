"""The catalogue of bad vector files (B01 to B38): each is made here, and refused or read rightly, with nothing left behind."""

import io
import json
import shutil
import sqlite3
import struct
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import CRS

from blueprint.city import City
from blueprint.errors import BlueprintError, InvalidInputError, TooLargeError
from blueprint.layers.archives import MAX_ENTRIES
from blueprint.layers.shapefile import check_shapefile
from blueprint.layers.storing import judge_reading
from blueprint.quality.kinds import kinds
from tests import badfiles, formatfiles
from tests.badfiles import LAT, LON, geojson, lonlat_square, polygon, zipped
from tests.blueprint.layers.conftest import Reader, Taken

Canary = tuple[str, list[str]]


@pytest.fixture(autouse=True)
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A scratch folder of the test's own, in which nothing stays, whatever became of a file."""
    folder = Path(tempfile.mkdtemp(prefix="blueprint-test-"))
    folder.chmod(0o711)
    monkeypatch.setenv("BLUEPRINT_SCRATCH", str(folder))
    yield folder
    left = list(folder.iterdir())
    shutil.rmtree(folder)
    assert left == []


def refused(read: Reader, content: bytes, words: str, **values) -> None:
    with pytest.raises(InvalidInputError, match=words):
        read(content, **values)


# B01 to B07: archives


def test_b01_a_flat_bomb_is_refused_before_it_is_unpacked(read: Reader):
    bomb = zipped({"a.geojson": b" " * (256 << 20)})
    began = time.monotonic()

    with pytest.raises(TooLargeError, match="unpacks to far more"):
        read(bomb)
    assert time.monotonic() - began < 2


def test_b02_an_entry_larger_than_it_says_is_refused(read: Reader):
    content = bytearray(zipped({"a.geojson": badfiles.good() + b" " * 5000}))
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 100)

    refused(read, bytes(content), "damaged|holds more than")


def test_b03_too_many_entries_are_refused(read: Reader):
    refused(read, zipped({f"{n}.txt": b"" for n in range(MAX_ENTRIES + 1)}), "entries")


def test_b03_a_table_of_contents_without_end_is_not_read(read: Reader):
    """A million entries are 47 MB of upload, and half a gigabyte in the service before they are counted."""
    entry = b"PK\x01\x02" + struct.pack("<6H3I5H2I", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    local = b"PK\x03\x04" + struct.pack("<5H3I2H", 20, 0, 0, 0, 33, 0, 0, 0, 1, 0) + b"a"
    count = 100_000
    size, start = len(entry) * count, len(local)
    long = struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, start)
    end = b"PK\x06\x06" + long + b"PK\x06\x07" + struct.pack("<IQI", 0, start + size, 1)
    for number, size_said, before in ((0xFFFF, 0xFFFFFFFF, end), (34464, size, b"")):
        last = b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, number, number, size_said, start, 0)
        refused(read, local + entry * count + before + last, "table of contents of 4 MB")


def test_b05_a_file_without_a_name_is_refused(read: Reader):
    content = bytearray(zipped({"a.geojson": badfiles.good()}))
    content[content.rindex(b"PK\x01\x02") + 46] = 0

    refused(read, bytes(content), "without a name")


def test_two_datasets_of_one_name_are_not_chosen_between(read: Reader, parts: dict[str, bytes]):
    files = {f"{folder}/{name}": content for folder in ("a", "b") for name, content in parts.items()}

    refused(read, zipped(files), "2 datasets called 'plan'", sublayer="plan")


def test_b04_an_archive_in_an_archive_and_entries_that_overlap_are_refused(read: Reader):
    refused(read, zipped({"inner.zip": zipped({"a.geojson": badfiles.good()})}), "another archive")
    content = bytearray(zipped({"a.geojson": badfiles.good(), "b.geojson": badfiles.good()}))
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = struct.pack("<I", 0)
    refused(read, bytes(content), "overlap|damaged")


@pytest.mark.parametrize(
    "name", ["../../x.shp", "/abs.geojson", "C:\\x.geojson", "a/../../b.geojson", "n" * 300 + ".geojson"]
)
def test_b05_names_that_lead_elsewhere_are_refused(read: Reader, name: str):
    refused(read, zipped({name: badfiles.good()}), "unsafe path")


def test_b05_one_name_twice_is_refused(read: Reader):
    refused(read, zipped({"a.geojson": badfiles.good(), "A.GEOJSON": badfiles.good()}), "twice")


def test_b05_a_name_that_goes_on_behind_a_nul_is_refused(read: Reader):
    content = zipped({"a.geojsonX../../x": badfiles.good()}).replace(b"a.geojsonX", b"a.geojson\x00")

    refused(read, content, "unsafe path")


def test_b06_a_link_is_refused(read: Reader):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("a.geojson")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")

    refused(read, buffer.getvalue(), "holds a link")


def test_b07_an_encrypted_and_a_cut_archive_are_refused(read: Reader):
    content = bytearray(zipped({"a.geojson": badfiles.good()}))
    encrypted = bytearray(content)
    for at in (content.index(b"PK\x03\x04") + 6, content.rindex(b"PK\x01\x02") + 8):
        encrypted[at] |= 1

    refused(read, bytes(encrypted), "encrypted")
    refused(read, bytes(content[:-30]), "damaged")


def test_b07_a_zip64_archive_is_taken_and_one_that_lies_is_refused(read: Reader):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, archive.open("a.geojson", "w", force_zip64=True) as entry:
        entry.write(badfiles.good())
    content = packed.getvalue()
    at = content.rindex(b"PK\x05\x06")
    # The table of contents is said to lie where only a ZIP64 record would say.
    lying = content[:at] + content[at : at + 16] + b"\xff\xff\xff\xff" + content[at + 20 :]

    assert len(read(content).shapes) == 1
    refused(read, lying, "damaged|overlap")


# B08 to B14: files that point elsewhere

VRT = '<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>%s</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'
GDALG = '{"type":"gdal_streamed_alg","command_line":"gdal vector pipeline ! read %s"}'
WFS = "<OGRWFSDataSource><URL>%s/wfs?SERVICE=WFS</URL></OGRWFSDataSource>"
SEAMLESS = '!table\r\n!version 300\r\nDefinition Table\r\n  Type LINKED Charset "WindowsLatin1"\r\n%s'


@pytest.mark.parametrize("content", [VRT, GDALG, WFS, SEAMLESS])
@pytest.mark.parametrize("packed", [None, "x.gml", "x.kml", "x.geojson"])
def test_b08_b09_a_file_that_names_another_is_never_followed(
    read: Reader, content: str, packed: str | None, tmp_path: Path, canary: Canary
):
    secret = tmp_path / "secret.geojson"
    secret.write_bytes(badfiles.good().replace("图斑1".encode(), b"SECRET"))
    text = (content % (canary[0] if content is WFS else secret)).encode()

    with pytest.raises(BlueprintError) as error:
        read(zipped({packed: text}) if packed else text)

    assert "SECRET" not in str(error.value)
    assert canary[1] == []


def test_b11_a_crs_by_link_or_by_url_is_not_fetched_and_one_by_name_is_honoured(read: Reader, canary: Canary):
    document = json.loads(badfiles.good())
    for crs in (
        {"type": "link", "properties": {"href": f"{canary[0]}/crs", "type": "ogcwkt"}},
        {"type": "name", "properties": {"name": f"{canary[0]}/crs"}},
    ):
        try:
            read(json.dumps(document | {"crs": crs}).encode())
        except InvalidInputError:
            continue
    assert canary[1] == []
    square = formatfiles.in_metres(formatfiles.SQUARES, "EPSG:3857")[0]
    named = geojson(shapely.geometry.mapping(square))
    name = {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}}
    assert read(json.dumps(json.loads(named) | name).encode()).report["inside_count"] == 1


GML = (
    '<?xml version="1.0"?>%s<ogr:FeatureCollection xmlns:ogr="http://ogr.maptools.org/"'
    ' xmlns:gml="http://www.opengis.net/gml" xmlns:xlink="http://www.w3.org/1999/xlink"%s>'
    "<gml:featureMember><ogr:p><ogr:MC>%s</ogr:MC><ogr:geometryProperty>%s</ogr:geometryProperty></ogr:p></gml:featureMember>"
    "</ogr:FeatureCollection>"
)
GML_SQUARE = (
    '<gml:Polygon srsName="EPSG:4490"><gml:outerBoundaryIs><gml:LinearRing><gml:coordinates>'
    f"{LON},{LAT} {LON + 0.001},{LAT} {LON + 0.001},{LAT + 0.001} {LON},{LAT}"
    "</gml:coordinates></gml:LinearRing></gml:outerBoundaryIs></gml:Polygon>"
)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY %% e SYSTEM "%s/dtd">%%e;]>',
        '<!DOCTYPE x SYSTEM "%s/dtd">',
    ],
)
def test_b12_document_types_and_entities_in_xml_are_refused(read: Reader, doctype: str, canary: Canary):
    filled = doctype.replace("%s", canary[0]).replace("%%", "%")

    refused(read, (GML % (filled, "", "&e;", GML_SQUARE)).encode(), "DOCTYPE")
    assert canary[1] == []


def test_b12_schemas_and_links_of_a_gml_are_not_fetched(read: Reader, canary: Canary):
    schema = f' xsi:schemaLocation="http://x {canary[0]}/x.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    link = f'<gml:Point xlink:href="{canary[0]}/point"/>'

    assert len(read((GML % ("", schema, "x", GML_SQUARE)).encode(), crs="EPSG:4490").shapes) == 1
    try:
        read((GML % ("", "", "x", link)).encode(), crs="EPSG:4490")
    except InvalidInputError as error:
        assert "geometry" in error.message.lower()
    assert canary[1] == []


def test_b13_a_kml_with_entities_is_refused_and_its_links_are_left_alone(read: Reader, canary: Canary):
    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    ring = f"{LON},{LAT} {LON + 0.001},{LAT} {LON + 0.001},{LAT + 0.001} {LON},{LAT}"
    body = (
        f"<NetworkLink><Link><href>{canary[0]}/n.kml</href></Link></NetworkLink>"
        f"<Style id='s'><IconStyle><Icon><href>{canary[0]}/i.png</href></Icon></IconStyle></Style>"
        f"<Placemark><styleUrl>{canary[0]}/s.kml#s</styleUrl><Polygon><outerBoundaryIs><LinearRing><coordinates>{ring}"
        "</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>"
    )
    kml = '<?xml version="1.0"?>%s<kml xmlns="http://www.opengis.net/kml/2.2"><Document>%s</Document></kml>'

    refused(read, (kml % (f"<!DOCTYPE kml [{laughs}]>", "&a9;")).encode(), "DOCTYPE")
    assert len(read((kml % ("", body)).encode()).shapes) == 1
    with pytest.raises(TooLargeError):
        read(zipped({"doc.kml": (kml % ("", " " * (200 << 20))).encode()}))
    assert canary[1] == []


@pytest.mark.parametrize(
    "text", ["PG:host=localhost", "/vsicurl/http://x/y", "MEM:::DATAPOINTER=1", "http://x/y", "a\x00b"]
)
def test_b14_connection_strings_are_plain_text_wherever_they_stand(read: Reader, text: str):
    assert len(read(badfiles.good(), name=text).shapes) == 1
    with pytest.raises(InvalidInputError):
        read(badfiles.good(), sublayer=text)
    with pytest.raises(InvalidInputError):
        read(badfiles.good(), crs=text)
    with pytest.raises(InvalidInputError):
        read(text.encode())


# B15 to B19: databases and drawings


@pytest.fixture
def geopackage(tmp_path: Path) -> Path:
    return badfiles.write_dataset(tmp_path / "x.gpkg", [shapely.Polygon(lonlat_square())], layer="t")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("CREATE TRIGGER harm AFTER INSERT ON t BEGIN SELECT load_extension('x'); END", "trigger"),
        ("CREATE VIRTUAL TABLE other USING VirtualOGR('/etc/passwd')", "virtual table"),
        ("UPDATE gpkg_contents SET description = '机密★10年'", "机密"),
        ("DROP TABLE gpkg_contents", "no GeoPackage"),
    ],
)
def test_b15_programs_and_marks_in_a_geopackage_are_refused(
    read: Reader, geopackage: Path, statement: str, words: str
):
    with sqlite3.connect(geopackage) as connection:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError:  # no such module here: written by hand then
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(
                "INSERT INTO sqlite_master VALUES ('table', 'other', 'other', 0, ?)", (statement,)
            )

    refused(read, geopackage.read_bytes(), words)


def test_b16_a_damaged_geopackage_is_refused_and_many_layers_are_listed(
    read: Reader, geopackage: Path, tmp_path: Path
):
    squares = [shapely.box(LON + n * 1e-5, LAT, LON + n * 1e-5 + 5e-6, LAT + 5e-6) for n in range(3000)]
    large = badfiles.write_dataset(tmp_path / "large.gpkg", squares, layer="t").read_bytes()
    spoilt = large[: len(large) // 2] + b"\xff" * 8192 + large[len(large) // 2 + 8192 :]

    refused(read, large[: len(large) // 2], "damaged|cannot be read|malformed|rows")
    with pytest.raises(InvalidInputError):
        read(spoilt)
    for n in range(25):
        badfiles.write_dataset(geopackage, [shapely.Polygon(lonlat_square())], layer=f"layer{n}", append=True)
    refused(read, geopackage.read_bytes(), r"26 in all")


def test_b16_a_foreign_application_id_is_taken_no_layer_and_too_many_are_not(read: Reader, geopackage: Path):
    content = geopackage.read_bytes()
    assert len(read(content[:68] + b"XXXX" + content[72:]).shapes) == 1

    with sqlite3.connect(geopackage) as connection:
        for n in range(199):
            connection.execute(f"CREATE TABLE more{n} (fid INTEGER PRIMARY KEY, geom BLOB)")
            connection.execute(
                "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) VALUES (?, 'features', ?, 4490)",
                (f"more{n}", f"more{n}"),
            )
            connection.execute(
                "INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', 'POLYGON', 4490, 0, 0)", (f"more{n}",)
            )
    refused(read, geopackage.read_bytes(), "200 in all")
    with sqlite3.connect(geopackage) as connection:
        connection.execute("DELETE FROM gpkg_geometry_columns")
        connection.execute("DELETE FROM gpkg_contents")
    refused(read, geopackage.read_bytes(), "no layer with geometry")


def test_b17_a_filegdb_without_its_tables_or_with_a_program_is_refused(read: Reader, tmp_path: Path):
    folder = formatfiles.write(tmp_path / "plan.gdb", "OpenFileGDB", layer="DKXX")
    files = {p.name: p.read_bytes() for p in folder.iterdir()}
    without = {f"plan.gdb/{n}": c for n, c in files.items() if not n.endswith(".gdbtable")}
    no_catalogue = {f"plan.gdb/{n}": c for n, c in files.items() if not n.startswith("a00000001.")}
    program = {f"plan.gdb/{n}": c for n, c in files.items()} | {"plan.gdb/x.exe": b"MZ"}

    refused(read, zipped(without), "holds no table")
    refused(read, zipped(no_catalogue), "catalogue")
    refused(read, zipped(program), "a program")


def _nested_blocks(levels: int, copies: int) -> bytes:
    lines = ["0", "SECTION", "2", "BLOCKS"]
    for level in range(levels):
        lines += ["0", "BLOCK", "2", f"B{level}", "10", "0", "20", "0"]
        if level == 0:
            lines += ["0", "LINE", "8", "0", "10", "0", "20", "0", "11", "1", "21", "1"]
        else:
            for _ in range(copies):
                lines += ["0", "INSERT", "8", "0", "2", f"B{level - 1}", "10", "0", "20", "0"]
        lines += ["0", "ENDBLK"]
    lines += ["0", "ENDSEC", "0", "SECTION", "2", "ENTITIES"]
    lines += ["0", "INSERT", "8", "0", "2", f"B{levels - 1}", "10", "0", "20", "0", "0", "ENDSEC", "0", "EOF"]
    return "\n".join(lines).encode()


@pytest.mark.slow
def test_b18_a_drawing_of_nested_blocks_ends_at_its_bound(read: Reader):
    bomb = _nested_blocks(8, 10)
    assert len(bomb) < 10_000

    refused(read, bomb, "takes longer|more memory|brings its reader down|cannot be read", crs="EPSG:4550")


def test_b19_a_drawing_needs_a_crs_its_unit_is_said_and_open_lines_are_no_areas(read: Reader):
    square = formatfiles.in_metres(formatfiles.SQUARES)[0]
    points = [(x, y) for x, y in shapely.get_coordinates(square)]
    lines = ["0", "SECTION", "2", "HEADER", "9", "$INSUNITS", "70", "4", "0", "ENDSEC"]
    lines += ["0", "SECTION", "2", "ENTITIES"]
    for closed in (True, False):
        lines += ["0", "POLYLINE", "8", "红线", "66", "1", "70", "9" if closed else "8"]
        for x, y in points[:-1]:
            lines += ["0", "VERTEX", "8", "红线", "70", "32", "10", f"{x}", "20", f"{y}", "30", "12.5"]
        lines += ["0", "SEQEND"]
    drawing = "\n".join([*lines, "0", "ENDSEC", "0", "EOF"]).encode("gbk")

    assert read(drawing).report["source_crs"] == ""
    taken = read(drawing, crs="EPSG:4550", split=True)
    assert [shape.area for shape in taken.shapes] == pytest.approx([square.area], rel=1e-6)
    assert taken.report["left_out"] == {"line": 1}
    assert "millimetres" in taken.said and "Z, M" in taken.said
    assert taken.rows[0]["Layer"] == "红线"


# B20 to B25: Shapefiles


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, bytes]:
    return badfiles.zipped_shapefile(tmp_path / "shp", formatfiles.SQUARES * 3, encoding="UTF-8")


@pytest.mark.parametrize("suffix", [".shx", ".dbf"])
def test_b20_a_shapefile_without_a_part_is_refused(read: Reader, parts: dict[str, bytes], suffix: str):
    refused(read, zipped({n: c for n, c in parts.items() if not n.endswith(suffix)}), f"lacks its {suffix}")


def test_b20_a_shapefile_without_prj_asks_for_its_crs(read: Reader, parts: dict[str, bytes]):
    content = zipped({n: c for n, c in parts.items() if not n.endswith(".prj")})

    assert read(content).report["source_crs"] == ""
    assert len(read(content, crs="EPSG:4490").shapes) == 6


def _spoilt(parts: dict[str, bytes], name: str, at: int, value: bytes) -> bytes:
    content = parts[name]
    return zipped(parts | {name: content[:at] + value + content[at + len(value) :]})


def test_b21_b22_truncated_and_lying_shapefiles_are_refused(read: Reader, parts: dict[str, bytes]):
    shp, dbf = parts["plan.shp"], parts["plan.dbf"]
    cut = shp[: len(shp) // 2]
    honest_cut = cut[:24] + struct.pack(">i", len(cut) // 2) + cut[28:]

    refused(read, zipped(parts | {"plan.shp": cut}), "cut short")
    refused(read, zipped(parts | {"plan.shp": honest_cut}), "shape [3-6] .*outside the .shp")
    refused(read, zipped(parts | {"plan.dbf": dbf[: len(dbf) // 2]}), "cut short")
    refused(read, _spoilt(parts, "plan.shp", 104, struct.pack(">i", 0x7FFFFFFF)), "shape 1 .*as long as")
    refused(read, _spoilt(parts, "plan.shp", 108 + 40, struct.pack("<i", 0x7FFFFFFF)), "more points")
    refused(read, _spoilt(parts, "plan.dbf", 4, struct.pack("<I", 2)), "6 shapes but 2")
    refused(read, _spoilt(parts, "plan.shx", 100, struct.pack(">i", 1 << 29)), "outside the .shp|cut")


def _dbf(rows: list[bytes], *, name: bytes = b"MC", language: int = 0, width: int = 20) -> bytes:
    head = struct.pack("<BBBBIHH", 3, 126, 1, 1, len(rows), 32 + 32 + 1, 1 + width) + b"\x00" * 17
    head += bytes([language]) + b"\x00\x00"
    field = name[:11].ljust(11, b"\x00") + b"C" + b"\x00" * 4 + bytes([width]) + b"\x00" * 15
    return head + field + b"\r" + b"".join(b" " + row[:width].ljust(width) for row in rows) + b"\x1a"


@pytest.mark.parametrize(
    ("language", "cpg", "encoding"),
    [
        (0, None, "gbk"),
        (0x4D, None, "gbk"),
        (0x7A, None, "gbk"),
        (0, "UTF-8", "gbk"),
        (0, "OEM", "gbk"),
        (0, None, "utf-8"),
        (0x4D, None, "utf-8"),
        (0, "936", "gbk"),
    ],
)
def test_b23_texts_are_right_whatever_the_file_says_of_its_encoding(
    read: Reader, parts: dict[str, bytes], language: int, cpg: str | None, encoding: str
):
    texts = ["永久基本农田", "鞍山市", "a", "千山区", "立山", "海城"]
    files = parts | {"plan.dbf": _dbf([text.encode(encoding) for text in texts], language=language)}
    files.pop("plan.cpg", None)
    if cpg is not None:
        files["plan.cpg"] = cpg.encode()

    taken = read(zipped(files))

    assert [row["MC"] for row in taken.rows] == texts
    is_told = cpg == "936" or (language and encoding == "gbk")
    assert ("were read as" in taken.said) != bool(is_told)


def test_b23_rare_characters_of_gb18030_come_through(read: Reader, parts: dict[str, bytes]):
    files = parts | {"plan.dbf": _dbf(["䶮𠮷".encode("gb18030")] * 6)}
    files.pop("plan.cpg", None)

    assert read(zipped(files)).rows[0]["MC"] == "䶮𠮷"


def test_b24_field_names_cut_within_a_character_are_read_and_said(read: Reader, parts: dict[str, bytes]):
    files = parts | {"plan.dbf": _dbf([b"x"] * 6, name="永久基本".encode()[:10]), "plan.cpg": b"UTF-8"}

    taken = read(zipped(files))

    assert taken.report["fields"] == ["永久基"]
    assert "was cut within a character" in taken.said


ESRI_41 = (
    'PROJCS["CGCS2000_3_Degree_GK_Zone_41",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",'
    'DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",41500000.0],'
    'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",123.0],PARAMETER["Scale_Factor",1.0],'
    'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)


@pytest.mark.parametrize(
    ("prj", "words"),
    [
        (ESRI_41.replace("China_Geodetic_Coordinate_System_2000", "Xian_1980")
         .replace("D_China_2000", "D_Xian_1980").replace("298.257222101", "298.257")
         .replace("CGCS2000", "Xian_1980"), "no registered transformation"),
        ("this is no WKT", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_b25_a_prj_of_an_old_datum_or_without_sense_is_not_guessed(
    read: Reader, tmp_path: Path, prj: str, words: str
):
    squares = formatfiles.in_metres(formatfiles.SQUARES, "EPSG:4529")
    parts = badfiles.zipped_shapefile(tmp_path / "shp", squares, crs="EPSG:4529", encoding="UTF-8")
    content = zipped(parts | {"plan.prj": prj.encode()})

    if words:
        refused(read, content, words)
    else:
        assert read(content).report["source_crs"] == ""


def test_b25_esris_zone_41_is_taken_and_without_its_prefix_lies_elsewhere(read: Reader, tmp_path: Path):
    squares = formatfiles.in_metres(formatfiles.SQUARES, "EPSG:4529")
    parts = badfiles.zipped_shapefile(tmp_path / "shp", squares, crs="EPSG:4529", encoding="UTF-8")
    wrong = ESRI_41.replace("41500000.0", "500000.0").replace("Zone_41", "CM_123E")

    right = read(zipped(parts | {"plan.prj": ESRI_41.encode()}))
    assert right.report["source_crs"] == "EPSG:4529" and right.report["inside_count"] == 2
    assert read(zipped(parts | {"plan.prj": wrong.encode()})).report["inside_count"] == 0


def test_b26_a_plan_at_the_origin_of_all_coordinates_lies_outside_the_city(read: Reader, city: City):
    for crs, square in (("EPSG:4490", lonlat_square(0, 0)), ("EPSG:4550", lonlat_square(0, 0, 100))):
        taken = read(geojson(polygon(square)), crs=crs)
        with pytest.raises(InvalidInputError, match="outside the city"):
            judge_reading(taken.report, kind="layer", city=city)


# B27 to B35: shapes, columns, texts


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "1e308"])
def test_b27_numbers_that_are_none_name_their_feature(read: Reader, number: str):
    content = badfiles.good().replace(str(LON).encode(), number.encode(), 1)

    try:
        taken = read(content)
    except InvalidInputError:
        return
    assert taken.shapes == [] and taken.report["issues"][0]["feature"] == 1


def test_b28_open_rings_and_rings_of_three_points_are_named_not_closed(read: Reader):
    ring = [[LON, LAT], [LON + 0.001, LAT], [LON, LAT]]

    taken = read(geojson(polygon(lonlat_square()), polygon(ring)))

    assert taken.report["error_count"] == 1
    assert taken.report["issues"][0]["feature"] == 2


@pytest.mark.slow
def test_b29_a_feature_of_too_many_vertices_is_named(read: Reader):
    turn = np.linspace(0, 2 * np.pi, 600_000)
    ring = np.column_stack([LON + 0.01 * np.cos(turn), LAT + 0.01 * np.sin(turn)]).round(9)
    ring[-1] = ring[0]

    taken = read(geojson(polygon(ring.tolist())))

    assert "600,000 vertices" in taken.said


@pytest.mark.slow
def test_b29_a_polygon_of_fifty_thousand_holes_is_read_and_measured(read: Reader):
    side, step, hole = 224, 1e-5, 3e-6
    places = [(LON + i * step, LAT + j * step) for i in range(side) for j in range(side)]
    holes = [[[x, y], [x + hole, y], [x, y + hole], [x, y]] for x, y in places]
    content = geojson(polygon(lonlat_square(LON - step, LAT - step, (side + 1) * step), *holes))

    taken = read(content)

    assert len(taken.shapes[0].interiors) == side * side
    assert taken.report["error_count"] == 0


@pytest.mark.parametrize("depth", [300, 3_000, 50_000])
def test_b30_nested_collections_end_in_an_answer(read: Reader, depth: int):
    open_, close = '{"type":"GeometryCollection","geometries":[', "]}"
    inner = json.dumps(polygon(lonlat_square()))
    feature = f'{{"type":"Feature","properties":{{}},"geometry":{open_ * depth}{inner}{close * depth}}}'

    try:
        taken = read(feature.encode())
    except InvalidInputError:
        return
    assert taken.report["error_count"] or len(taken.shapes) <= 1


def test_b30_a_surface_in_space_is_no_area(read: Reader):
    refused_or_named = read((b'BSM,WKT\n1,"TIN Z (((0 0 0,0 0 1,0 1 0,0 0 0)))"\n'), crs="EPSG:4550")

    assert refused_or_named.report["error_count"] == 1


@pytest.mark.parametrize("srid", ["999999", "4610"])
def test_b31_a_foreign_srid_in_wkt_is_refused(read: Reader, srid: str):
    square = formatfiles.in_metres(formatfiles.SQUARES)[0]

    refused(read, f'BSM,WKT\n1,"SRID={srid};{square.wkt}"\n'.encode(), "coordinate system|transformation")


def test_b31_two_srids_in_one_table_are_refused(read: Reader):
    wkt = formatfiles.in_metres(formatfiles.SQUARES)[0].wkt

    refused(read, f'BSM,WKT\n1,"SRID=4550;{wkt}"\n2,"{wkt}"\n'.encode(), "line 3 .*another SRID")


def test_b32_odd_names_of_columns_come_through_as_names(read: Reader):
    names = ["id", "geom", ";drop table", '"a"" b"', "x" * 300, "面积", "🙂", "select", "a\u202eb"]
    taken = read(geojson(polygon(lonlat_square()), properties=[dict.fromkeys(names, 1)]))

    assert set(taken.rows[0]) >= {"id", "geom", ";drop table", "面积", "🙂", "select", "ab", "x" * 120}


def test_b32_thousands_of_columns_are_refused_and_a_cell_of_a_megabyte_is_taken(read: Reader):
    many = {f"F{n}": n for n in range(5000)}

    refused(read, geojson(polygon(lonlat_square()), properties=[many]), "5,000 fields")
    long = read(geojson(polygon(lonlat_square()), properties=[{"MC": "长" * 350_000}]))
    assert len(long.rows[0]["MC"]) == 350_000


def _of_days(tmp_path: Path, *days: str) -> bytes:
    """A GeoPackage with a column of days, written past its program."""
    squares = [shapely.Polygon(lonlat_square(LON + n * 0.002)) for n in range(len(days))]
    tmp_path.mkdir(exist_ok=True)
    path = badfiles.write_dataset(tmp_path / "days.gpkg", squares, layer="t")
    with sqlite3.connect(path) as connection:
        for (trigger,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f'DROP TRIGGER "{trigger}"')
        connection.execute("ALTER TABLE t ADD COLUMN RQ DATE")
        connection.execute("ALTER TABLE t ADD COLUMN SJ DATETIME")
        for number, day in enumerate(days, 1):
            connection.execute(f"UPDATE t SET RQ = ?, SJ = ? WHERE fid = {number}", (day, f"{day}T08:00:00Z"))
    return path.read_bytes()


def test_b33_days_that_are_none_are_named_by_row_and_never_made_others(
    read: Reader, parts: dict[str, bytes], tmp_path: Path
):
    days = ["2019-02-30", "0000-00-00", "43831", "2020-01-01"]
    squares = [polygon(lonlat_square())] * 2

    named = read(_of_days(tmp_path, *days)).report["issues"]
    assert [(issue["feature"], issue["severity"]) for issue in named] == [(n, "error") for n in (1, 2, 3)]
    assert {issue["rule"] for issue in named} <= set(kinds())
    good = read(_of_days(tmp_path / "more", "2020-01-01")).rows[0]
    assert (good["RQ"], good["SJ"]) == ("2020-01-01", "2020-01-01T08:00:00Z")
    otherwise = ["2024-05-01T00:00:00Z", "2024-05-01 00:00:00", "2024/05/01"]
    assert read(_of_days(tmp_path / "written otherwise", *otherwise)).report["issues"] == []
    cells = [b"20190230", b"00000000", b"20200101", b"", b"20200229", b"43831"]
    table = _dbf(cells, name=b"RQ", width=8)
    taken = read(zipped(parts | {"plan.dbf": table[:43] + b"D" + table[44:]}))
    assert [issue["feature"] for issue in taken.report["issues"]] == [1, 6]
    twice = bytearray(_dbf([b"20230230", b"20230230", *cells[2:]], name=b"RQ", width=8))
    header = int.from_bytes(twice[8:10], "little")
    twice[43], twice[header] = ord("D"), ord("*")
    taken = read(zipped(parts | {"plan.dbf": bytes(twice)}))
    assert {issue["feature"] for issue in taken.report["issues"]} == {1, 5}, "the first row is a deleted one"
    for pair in (("2020-01-01", "2019-02-30"), ("0000-00-00", "2020-01-01")):
        rows = read(geojson(*squares, properties=[{"RQ": day} for day in pair])).rows
        assert tuple(row["RQ"] for row in rows) == pair


def test_b34_formulas_stay_text(read: Reader):
    cells = ["=cmd|' /C calc'!A0", "+1+1", "-2", "@SUM(1)", "\tx"]
    rows = [f'"{cell}","{shape.wkt}"' for cell, shape in zip(cells, formatfiles.SQUARES * 3, strict=False)]

    taken = read("\n".join(["MC,WKT", *rows]).encode(), crs="EPSG:4490")

    assert [row["MC"] for row in taken.rows] == cells


def test_b35_control_characters_and_surrogates_are_taken_out_and_markup_stays_text(read: Reader):
    row = {"MC": "a\u0000b\u0007c\ud800", "HTML": "<script>alert(1)</script>", "\u0065\u0301": "NFD"}
    content = json.dumps(
        {
            "type": "FeatureCollection",
            "features": [{"type": "Feature", "properties": row, "geometry": polygon(lonlat_square())}],
        }
    ).encode()

    try:
        taken = read(content)
    except InvalidInputError:
        return
    assert not any(ord(c) < 32 for c in taken.rows[0]["MC"])
    assert taken.rows[0]["HTML"] == "<script>alert(1)</script>"
    assert "\u00e9" in taken.rows[0]


# B37, B38: what is no geodata at all


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"x", "no geodata file"),
        (b"\x7fELF" + b"\x00" * 100, "no geodata file"),
        (b"<!doctype html><html></html>", "no geodata file"),
        (b"%PDF-1.7\n", "no geodata file"),
        (b"%PDF-1.7\n" + zipped({"a.geojson": b"{}"}), "no geodata file"),
        (badfiles.good().decode().encode("utf-16"), "UTF-16"),
        (b"Rar!\x1a\x07\x00", "RAR"),
        (b"AC1032", "DWG"),
        (b"AutoCAD Binary DXF\r\n\x1a\x00", "ASCII DXF"),
        (b"\x00\x00\x27\x0a" + b"\x00" * 96, "zip archive"),
        (b"a,b\n1,2\n", "no column with shapes"),
    ],
)
def test_b37_what_is_no_geodata_is_told_from_its_bytes(read: Reader, content: bytes, words: str):
    with pytest.raises(InvalidInputError, match=words) as caught:
        read(content)

    assert caught.value.chinese != caught.value.message


def test_b37_a_byte_order_mark_does_no_harm(read: Reader):
    assert len(read(b"\xef\xbb\xbf" + badfiles.good()).shapes) == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"FeatureCollection","features":{}}',
        '{"features":[]}',
        '{"type":"FeatureCollection","features":[1,2]}',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"type":"Topology","objects":{}}',
        '// a comment\n{"type":"FeatureCollection","features":[]}',
    ],
)
def test_b38_json_that_is_no_geojson_ends_in_a_sentence(read: Reader, text: str):
    try:
        taken = read(text.encode())
    except InvalidInputError:
        return
    assert taken.shapes == []


def test_b38_a_single_feature_with_a_large_id_is_taken_and_a_key_said_twice_refused(read: Reader):
    square = json.dumps(polygon(lonlat_square()))
    text = f'{{"type":"Feature","id":9223372036854775807,"properties":{{"MC":"a"}},"geometry":{square}}}'

    assert len(read(text.encode()).shapes) == 1
    refused(read, text.replace('"MC":"a"', '"MC":"a","MC":"b"').encode(), "two members")


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_zip_of_an_unusual_method_is_refused_before_anything_is_unpacked(read: Reader, method: int):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("plan.geojson", badfiles.good())
    content = packed.getvalue()

    refused(read, content, "deflate")
    refused(read, content[:60] + bytes(20) + content[80:], "deflate")


def test_a_crs_with_the_ellipsoid_of_cgcs2000_and_a_datum_of_no_name_says_what_to_do(read: Reader):
    told = (
        CRS.from_epsg(4550).to_wkt("WKT1_ESRI").replace("D_China_2000", "D_Mine").replace("CGCS2000", "MINE")
    )

    with pytest.raises(
        InvalidInputError,
        match=r"'D_Mine' that is not named as CGCS2000.*\(--crs at the console\), like EPSG:4550",
    ):
        read(badfiles.good(), crs=told)


# Marks, and counts


@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        ("规划（机密）.geojson", {"MC": "x"}, "机密"),
        ("plan.geojson", {"密级": "秘密★5年"}, "field 密级"),
        ("plan.geojson", {"密级": "JM"}, "field 密级"),
        ("plan.geojson", {"YDYHFLDM": "150100"}, "military"),
        ("plan.geojson", {"DLMC": "军事设施用地"}, "military"),
        ("plan.geojson", {"DLDM": 1501.0}, "DLDM = 1501"),
        ("规划 绝 密.geojson", {"MC": "x"}, "绝 密"),
        ("規劃機密.geojson", {"MC": "x"}, "機密"),
        ("plan.geojson", {"MJ": "秘密"}, "field MJ"),
        ("plan.geojson", {"BZ": "规划图 机密★10年"}, "机密★"),
        ("plan.geojson", {"description": "图名：某地<br>密级：秘密"}, "密级：秘密"),
        ("plan.geojson", {"密级名称": "机密"}, "field 密级名称"),
        ("plan.geojson", {"Layer": "机密注记"}, "机密"),
        ("plan.geojson", {"YDYHFLDM": "0701+1501"}, "military"),
        ("plan.geojson", {"YDYHFLDM": "150102"}, "military"),
        ("plan.geojson", {"MC": "某部队军事管理区"}, "military"),
    ],
)
def test_what_is_marked_secret_or_military_stops_at_the_door(read: Reader, name: str, row: dict, words: str):
    refused(read, geojson(polygon(lonlat_square()), properties=[row]), words, name=name)


def test_military_ground_that_a_table_keeps_as_numbers_or_under_a_mapped_name_stops_at_the_door(read: Reader):
    table = f'YDYHFLDM,WKT\n1501,"{shapely.Polygon(lonlat_square()).wkt}"\n'.encode()
    mapped = geojson(polygon(lonlat_square()), properties=[{"MY_CLASS": 220100.0}])

    refused(read, table, "YDYHFLDM = 1501", name="plan.csv", crs="EPSG:4490")
    refused(read, mapped, "MY_CLASS = 220100", class_fields=("MY_CLASS",))
    assert len(read(mapped).shapes) == 1


@pytest.mark.parametrize(
    "name",
    [
        "非机密规划.geojson",
        "保密局公开数据.geojson",
        "规划（不涉及国家秘密）.geojson",
        "商业秘密保护.geojson",
    ],
)
def test_what_says_that_it_is_not_secret_is_taken(read: Reader, name: str):
    row = {
        "密级": "非秘密",
        "YDYHFLDM": "0701",
        "MC": "秘密花园",
        "BZ": "密级：无；不含国家秘密",
        "MC2": "军事博物馆",
    }

    assert len(read(geojson(polygon(lonlat_square()), properties=[row]), name=name).shapes) == 1


def test_iso_metadata_in_an_archive_that_says_secret_is_refused(read: Reader, parts: dict[str, bytes]):
    xml = '<gmd:MD_ClassificationCode codeList="x" codeListValue="confidential"/>'

    refused(read, zipped(parts | {"plan.shp.xml": xml.encode()}), "confidential")


def test_records_marked_as_deleted_do_not_count_as_lost(read: Reader, parts: dict[str, bytes]):
    dbf = bytearray(parts["plan.dbf"])
    head = struct.unpack("<H", dbf[8:10])[0]
    dbf[head] = 0x2A

    assert len(read(zipped(parts | {"plan.dbf": bytes(dbf)})).shapes) == 5


def test_a_large_shapefile_is_judged_in_a_moment(tmp_path: Path):
    count = 200_000
    x = np.arange(count) * 1e-7 + LON
    shapes = shapely.box(x, LAT, x + 5e-8, LAT + 5e-8)
    pyogrio.raw.write(
        tmp_path / "a.shp",
        geometry=shapely.to_wkb(shapes),
        field_data=[np.arange(count)],
        fields=["n"],
        geometry_type="Polygon",
        crs="EPSG:4490",
    )
    began = time.monotonic()

    assert check_shapefile(tmp_path / "a.shp") == count
    assert time.monotonic() - began < 5


UGLY = Path(__file__).resolve().parents[4] / "shared" / "data" / "formats_ugly_dev"


@pytest.mark.slow
@pytest.mark.skipif(not UGLY.exists(), reason="the odd real files are not here")
def test_no_odd_real_file_crashes_the_reader_or_takes_for_ever(read: Reader):
    seen: list[Taken | str] = []
    for path in sorted(p for p in UGLY.rglob("*") if p.suffix in (".shp", ".kml", ".kmz", ".gml", ".dxf")):
        beside = {p.name: p.read_bytes() for p in path.parent.glob(f"{path.stem}.*")}
        content = zipped(beside) if path.suffix == ".shp" else path.read_bytes()
        began = time.monotonic()
        try:
            seen.append(read(content))
        except InvalidInputError as error:
            seen.append(error.message)
        assert time.monotonic() - began < 60, path
    assert len(seen) > 15
    assert any(isinstance(one, Taken) for one in seen)


def test_where_a_feature_is_wrong_is_told_to_the_centimetre(city: City):
    issue = {
        "severity": "error",
        "feature": 3,
        "place": "489252.045724767 4555129.41963494",
        "said": "it is wrong",
    }
    report = {"row_count": 0, "issues": [issue], "error_count": 1}

    with pytest.raises(InvalidInputError, match=r"feature 3 at 489252\.05 4555129\.42: it is wrong"):
        judge_reading(report, kind="file", city=city)
