"""What GDAL passes over or takes for something else without a word: a count of a head, an index, a second shape, an entity."""

import json
import math
import struct
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely

from blueprint.layers.flatgeobuf import count_features
from tests import formatfiles
from tests.badfiles import LAT, LON, lonlat_square, polygon, zipped, zipped_shapefile
from tests.blueprint.layers.conftest import Reader
from tests.blueprint.layers.test_bad_files import GML, GML_SQUARE, refused

EAST, NORTH = 499_546.0, 4_552_855.0


@pytest.mark.parametrize("part", [slice(None), slice(16, None)])
def test_a_filegdb_whose_index_was_wiped_is_no_empty_layer(read: Reader, tmp_path: Path, part: slice):
    folder = formatfiles.write(tmp_path / "plan.gdb", "OpenFileGDB", layer="DKXX")
    files = {f"plan.gdb/{path.name}": path.read_bytes() for path in folder.iterdir()}
    index = max(name for name in files if name.endswith(".gdbtablx"))
    wiped = bytearray(files[index])
    wiped[part] = bytes(len(wiped[part]))

    refused(read, zipped(files | {index: bytes(wiped)}), "has 2 rows, of which its index .* reaches 0")
    refused(read, zipped({k: v for k, v in files.items() if k != index}), "reaches 0")
    assert len(read(zipped(files)).shapes) == 2


def test_the_layer_of_a_filegdb_that_is_chosen_is_held_to_its_own_count(read: Reader, tmp_path: Path):
    folder = formatfiles.write(tmp_path / "plan.gdb", "OpenFileGDB", layer="FIRST")
    more = [*formatfiles.SQUARES, shapely.box(LON + 0.01, LAT, LON + 0.011, LAT + 0.001)]
    formatfiles.write(folder, "OpenFileGDB", layer="SECOND", shapes=more, append=True)

    taken = read(formatfiles.packed(folder, within="plan.gdb/"), sublayer="SECOND")

    assert len(taken.shapes) == 3


@pytest.mark.parametrize("indexed", ["YES", "NO"])
@pytest.mark.parametrize("count", [1, 2, 16, 17, 300])
def test_the_features_of_a_flatgeobuf_are_counted_behind_its_index(tmp_path: Path, indexed: str, count: int):
    shapes = formatfiles.SQUARES[:1] * count
    path = formatfiles.write(
        tmp_path / "a.fgb", "FlatGeobuf", shapes=shapes, layer_options={"SPATIAL_INDEX": indexed}
    )

    assert count_features(path) == count


def test_a_flatgeobuf_whose_head_says_another_number_is_refused(read: Reader, tmp_path: Path):
    path = formatfiles.write(tmp_path / "a.fgb", "FlatGeobuf", layer_options={"SPATIAL_INDEX": "NO"})
    content = path.read_bytes()

    def saying(count: int) -> bytes:
        return content.replace(struct.pack("<Q", 2), struct.pack("<Q", count), 1)

    refused(read, saying(1), "says that it has 1 features and holds 2")
    refused(read, saying(3), "says that it has 3 features and holds 2")
    refused(read, content[:-30], "cut short")
    assert len(read(saying(0)).shapes) == len(read(content).shapes) == 2  # 0 is how a stream says nothing


def test_a_gml_feature_with_two_shapes_is_refused_with_both_named(read: Reader):
    second = f"</ogr:geometryProperty><ogr:centre>{GML_SQUARE}</ogr:centre><ogr:geometryProperty>"
    both = (GML % ("", "", "x", GML_SQUARE + second)).encode()
    parts = f"<gml:MultiPolygon srsName='EPSG:4490'><gml:polygonMember>{GML_SQUARE}</gml:polygonMember></gml:MultiPolygon>"

    refused(read, both, "feature 1 of the GML has two shapes .in <geometryProperty> and <centre>")
    refused(read, (GML % ("", "", "x", GML_SQUARE * 2)).encode(), "feature 1 of the GML has two shapes")
    assert len(read((GML % ("", "", "x", parts)).encode(), crs="EPSG:4490").shapes) == 1


def test_a_kml_brings_those_of_the_drivers_fields_that_a_placemark_fills(read: Reader):
    ring = f"{LON},{LAT} {LON + 0.001},{LAT} {LON + 0.001},{LAT + 0.001} {LON},{LAT}"
    shape = f"<Polygon><outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates></LinearRing></outerBoundaryIs></Polygon>"
    kml = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document>%s</Document></kml>'
    plain = f"<Placemark><name>甲</name>{shape}</Placemark>"
    hidden = f"<Placemark><visibility>0</visibility>{shape}</Placemark>"

    assert read((kml % plain).encode()).rows == [{"Name": "甲"}]
    assert read((kml % (plain + hidden)).encode()).rows == [
        {"Name": "甲", "visibility": -1}, {"Name": None, "visibility": 0}
    ]  # fmt: skip


SQUARE = [
    "10",
    f"{EAST}",
    "20",
    f"{NORTH}",
    "10",
    f"{EAST + 80}",
    "20",
    f"{NORTH}",
    "10",
    f"{EAST}",
    "20",
    f"{NORTH + 80}",
]
AREA = ["0", "LWPOLYLINE", "5", "A1", "8", "地块", "90", "3", "70", "1", *SQUARE]


def _drawing(*records: str, blocks: tuple[str, ...] = ()) -> bytes:
    lines = [
        *("0", "SECTION", "2", "HEADER", "0", "ENDSEC"),
        *("0", "SECTION", "2", "BLOCKS"),
        *blocks,
        "0",
        "ENDSEC",
        "0",
        "SECTION",
        "2",
        "ENTITIES",
        *AREA,
        *records,
    ]
    return "\n".join([*lines, "0", "ENDSEC", "0", "EOF", ""]).encode()


def _insert(name: str, *, layer: str = "0") -> tuple[str, ...]:
    return ("0", "INSERT", "8", layer, "2", name, "10", "0", "20", "0")


def _block(name: str, *records: str, flags: str = "0") -> tuple[str, ...]:
    return ("0", "BLOCK", "8", "0", "2", name, "70", flags, "10", "0", "20", "0", *records, "0", "ENDBLK")


def test_what_a_drawing_inserts_and_does_not_hold_is_said(read: Reader):
    held = _block("厂房", *AREA, *_insert("里面"))
    other = _block("地形", flags="4")

    whole = read(_drawing(*_insert("厂房"), blocks=_block("厂房", *AREA)), crs="EPSG:4550")
    lacking = read(_drawing(*_insert("厂房"), *_insert("地形") * 2, blocks=held + other), crs="EPSG:4550")

    assert len(whole.shapes) == 2 and "left out" not in whole.said
    assert "does not hold were left out: 里面 × 1" in lacking.said
    assert "in other drawings was left out: 地形 × 2" in lacking.said
    assert {issue["rule"] for issue in lacking.report["issues"]} >= {"shapes-left-out"}


def test_entities_that_are_not_read_are_said_by_their_kind_and_of_the_layer_that_is_chosen(read: Reader):
    region = ("0", "REGION", "8", "红线", "70", "1")
    drawing = _drawing(*region, "0", "MLINE", "8", "道路", blocks=_block("没用", *region))

    assert "not read were left out: MLINE × 1, REGION × 1;" in read(drawing, crs="EPSG:4550").said
    assert "left out" not in read(drawing, crs="EPSG:4550", sublayer="地块").said


def test_an_entity_that_cannot_be_read_is_named_by_its_handle_and_layer(read: Reader):
    spline = ("0", "SPLINE", "5", "2F", "8", "道路", "70", "0", "71", "3", "72", "3", "73", "2",
              *("40", "0.0") * 3, "10", "1", "20", "1", "10", "2", "20", "2")  # fmt: skip

    words = "SPLINE with the handle 2F on the layer '道路' .line 39."
    refused(read, _drawing(*spline, *AREA), words, crs="EPSG:4550")


def _circle(path: Path, driver: str) -> bytes:
    """A circle of 100 m, drawn as one arc and its other half."""
    ring = [
        (EAST, NORTH),
        (EAST + 100, NORTH + 100),
        (EAST + 200, NORTH),
        (EAST + 100, NORTH - 100),
        (EAST, NORTH),
    ]
    arcs = struct.pack("<BII", 1, 8, len(ring)) + b"".join(struct.pack("<dd", *point) for point in ring)
    pyogrio.raw.write(
        path,
        geometry=np.array([struct.pack("<BII", 1, 10, 1) + arcs], dtype=object),
        field_data=[np.array(["B1"], dtype=object)],
        fields=["BSM"],
        driver=driver,
        geometry_type="Unknown" if driver == "GPKG" else "MultiPolygon",
        crs="EPSG:4550",
        layer="DK",
    )
    return path.read_bytes() if path.is_file() else formatfiles.packed(path, within=f"{path.name}/")


def _arcs_of(kind: str, folder: Path) -> bytes:
    if kind == "DXF":
        bulges = (
            "10",
            f"{EAST}",
            "20",
            f"{NORTH}",
            "42",
            "1",
            "10",
            f"{EAST + 200}",
            "20",
            f"{NORTH}",
            "42",
            "1",
        )
        return _drawing("0", "LWPOLYLINE", "8", "0", "90", "2", "70", "1", *bulges)
    if kind == "GML":
        points = f"{EAST},{NORTH} {EAST + 100},{NORTH + 100} {EAST + 200},{NORTH}"
        ring = f"<gml:Curve><gml:segments><gml:Circle><gml:coordinates>{points}</gml:coordinates></gml:Circle></gml:segments></gml:Curve>"
        patch = f"<gml:PolygonPatch><gml:exterior><gml:Ring><gml:curveMember>{ring}</gml:curveMember></gml:Ring></gml:exterior></gml:PolygonPatch>"
        surface = f"<gml:Surface><gml:patches>{patch}</gml:patches></gml:Surface>"
        return (GML % ("", "", "x", surface)).encode()
    return _circle(folder / ("c.gpkg" if kind == "GPKG" else "c.gdb"), kind)


@pytest.mark.parametrize("kind", ["GPKG", "OpenFileGDB", "GML", "DXF"])
def test_chords_stay_within_a_hundred_thousandth_of_the_radius(read: Reader, tmp_path: Path, kind: str):
    shape = read(_arcs_of(kind, tmp_path), crs="EPSG:4550").shapes[-1]

    centre = shapely.Point(EAST + 100, NORTH)
    middles = [(a + b) / 2 for a, b in zip(*(2 * [shapely.get_coordinates(shape)]), strict=True)]
    assert shape.area == pytest.approx(math.pi * 100**2, rel=2e-5)
    assert shape.boundary.distance(centre) > 100 * (1 - 1.1e-5)
    assert max(shapely.distance(centre, shapely.points(np.array(middles)))) < 100 + 1e-6


def test_a_name_that_a_geojson_says_twice_is_refused(read: Reader):
    shape = json.dumps(polygon(lonlat_square()))
    feature = '{"type": "Feature", "properties": {"BSM": "1"%s}, "geometry": %s%s}'
    whole = '{"type": "FeatureCollection", "features": [%s]%s}'

    for more, other in (
        (', "BSM": "2"', ""),
        (', "规划": {"a": 1, "a": 2}', ""),
        ("", f', "geometry": {shape}'),
    ):
        words = "feature 1 of the GeoJSON says '(BSM|a|geometry)' twice"
        refused(read, (whole % (feature % (more, shape, other), "")).encode(), words)
    refused(read, (whole % (feature % ("", shape, ""), ', "type": "Feature"')).encode(), 'two members "type"')
    refused(read, (feature % (', "BSM": "2"', shape, "")).encode(), 'two members "BSM"')


@pytest.mark.parametrize("prefix", ["", "\\x"])
@pytest.mark.parametrize("order", [0, 1])
def test_a_table_may_have_its_shapes_in_hexadecimal_digits(read: Reader, prefix: str, order: int):
    shape = shapely.set_srid(formatfiles.SQUARES[0], 4490)
    plain = prefix + shapely.to_wkb(shape, hex=True, byte_order=order)
    saying = prefix + shapely.to_wkb(shape, hex=True, byte_order=order, include_srid=True)

    told = read(f"BSM,形状\nB1,{saying}\nB2,\n".encode())

    assert told.report["declared_crs"] == "EPSG:4490" and told.rows == [{"BSM": "B1"}]
    assert "no geometry" in told.said
    assert len(read(f"BSM,geom\nB1,{plain}\n".encode(), crs="EPSG:4490").shapes) == 1
    taken = read(f"BSM,geom\nB1,{plain}\nB2,{plain[:-6]}\n".encode(), crs="EPSG:4490")
    assert "cannot be read" in taken.said


def _dbf_of_memos(folder: Path, *cells: str) -> bytes:
    """The layer as a Shapefile whose MC is a column of memos, with these numbers of blocks."""
    files = zipped_shapefile(folder, formatfiles.SQUARES)
    dbf = bytearray(files["plan.dbf"])
    head, width = struct.unpack("<HH", dbf[8:12])
    dbf[32 + 32 + 11] = ord("M")
    first, size = 1 + dbf[32 + 16], dbf[32 + 32 + 16]
    for row, cell in enumerate(cells):
        at = head + row * width + first
        dbf[at : at + size] = cell.encode().rjust(10).ljust(size)[:size]
    return zipped(files | {"plan.dbf": bytes(dbf)})


def test_a_memo_of_a_shapefile_is_no_number_of_a_block(read: Reader, tmp_path: Path):
    filled = read(_dbf_of_memos(tmp_path / "a", "1", "9"))
    blank = read(_dbf_of_memos(tmp_path / "b", "", ""))

    assert filled.rows == blank.rows == [{"BSM": "B1"}, {"BSM": "B2"}]
    assert "memo fields are not in the .dbf and were left out: MC" in filled.said
    assert "memo" not in blank.said


@pytest.mark.parametrize("code", ["12345678901234567890", "210302000100000001", "0101"])
def test_a_code_of_a_gml_keeps_its_digits_and_its_box_is_no_attribute(read: Reader, code: str):
    box = "<gml:boundedBy><gml:Envelope><gml:lowerCorner>41 122</gml:lowerCorner></gml:Envelope></gml:boundedBy><ogr:MC>"
    gml = GML.replace("<ogr:MC>", box) % ("", "", code, GML_SQUARE)

    assert read(gml.encode(), crs="EPSG:4490").rows == [{"MC": code}]


def test_what_a_placemark_says_twice_is_refused(read: Reader):
    ring = f"{LON},{LAT} {LON + 0.001},{LAT} {LON + 0.001},{LAT + 0.001} {LON},{LAT}"
    shape = f"<Polygon><outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates></LinearRing></outerBoundaryIs></Polygon>"
    kml = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document>%s</Document></kml>'
    mark = "<Placemark><ExtendedData>%s</ExtendedData>" + shape + "</Placemark>"
    one, two = (f'<Data name="DM"><value>{code}</value></Data>' for code in ("0101", "0102"))

    refused(read, (kml % (mark % (one + two))).encode(), "placemark 1 of the KML says 'DM' twice")
    assert [row["DM"] for row in read((kml % (mark % one + mark % two)).encode()).rows] == ["0101", "0102"]


def test_a_row_of_a_mid_whose_cells_do_not_fit_its_columns_is_refused(read: Reader, tmp_path: Path):
    formatfiles.write(tmp_path / "a.mif", "MapInfo File", encoding="UTF-8")
    mif = (tmp_path / "a.mif").read_bytes().replace(b"MC Char(254)", b"MC Decimal(9,2)")
    assert b"Decimal" in mif

    def holding(*rows: str) -> bytes:
        return zipped({"a.mif": mif, "a.mid": "".join(f"{row}\r\n" for row in rows).encode("gbk")})

    mark = "\t" if b"elimiter" not in mif else ","
    rows = [f'"甲{mark}乙"{mark}1.5', f"乙{mark}"]
    assert [row["MC"] for row in read(holding(*rows)).rows] == [1.5, 0]  # MapInfo has no number that is none
    refused(
        read, holding(rows[0], f"甲{mark}乙{mark}1"), "row 2 of the .mid has 3 cells, the .mif has 2 columns"
    )
    refused(read, holding(rows[0], "甲"), "row 2 of the .mid has 1 cells")
    assert "its field MC says '1x5', which is no number" in read(holding(rows[0], f"乙{mark}1x5")).said
