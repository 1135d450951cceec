"""What a reader leaves out in silence: each file here lacks something, and is refused instead of being taken with less in it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import shapely

from tests import formatfiles
from tests.badfiles import LAT, LON, geojson, lonlat_square, polygon, zipped
from tests.blueprint.layers.conftest import Reader
from tests.blueprint.layers.test_bad_files import GML, GML_SQUARE, refused

SQUARE = json.dumps({"type": "Feature", "properties": {}, "geometry": polygon(lonlat_square())})
HOLE = lonlat_square(LON + 0.0002, LAT + 0.0002, 0.0002)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (SQUARE[:80], "feature 2 .* broken"),
        ("hello", "feature 2 .* broken|goes on after"),
        ('{"a": 1}', "feature 2 .* no Feature"),
        ('{"type": "FeatureCollection", "features": []}', "feature 2 .* no Feature"),
    ],
)
@pytest.mark.parametrize("mark", ["", "\x1e"])
def test_a_line_that_is_no_feature_is_named(read: Reader, line: str, words: str, mark: str):
    content = "".join(f"{mark}{one}\n" for one in (SQUARE, line, SQUARE))

    refused(read, content.encode(), words)
    assert len(read("\n".join([SQUARE, "", SQUARE, ""]).encode()).shapes) == 2


@pytest.mark.parametrize(
    "hole",
    [
        None,
        [HOLE[0], ["x", 1], *HOLE[2:]],
        [HOLE[0], [1], *HOLE[2:]],
        [[str(x), str(y)] for x, y in HOLE],
        [*HOLE, None],
        [*HOLE, [True, 1]],
    ],
)
def test_a_hole_whose_coordinates_are_none_is_not_filled(read: Reader, hole: object):
    broken = {"type": "Polygon", "coordinates": [lonlat_square(), hole]}
    words = "feature 2 .* coordinates that are no numbers"

    refused(read, geojson(polygon(lonlat_square()), broken), words)
    refused(read, geojson(broken, properties=[{}]), "feature 1 .* coordinates")
    several = {"type": "MultiPolygon", "coordinates": [[lonlat_square()], broken["coordinates"]]}
    refused(read, geojson(polygon(lonlat_square()), several), words)
    assert read(geojson(polygon(lonlat_square(), HOLE))).shapes[0].interiors


@pytest.mark.parametrize(
    "member",
    ["5", "null", "[]", '"x"', '{"geometry": null}', '{"type": "Feature", "geometry": "POINT (1 2)"}'],
)
def test_a_member_that_is_no_feature_is_named(read: Reader, member: str):
    text = f'{{"type": "FeatureCollection", "features": [{SQUARE}, {member}, {SQUARE}]}}'

    refused(read, text.encode(), "feature 2 of the GeoJSON")


def test_parts_of_a_collection_and_shapes_of_no_known_type_are_named(read: Reader):
    circle = {"type": "Circle", "coordinates": [1, 2]}
    for part in (circle, None):
        gathered = {"type": "GeometryCollection", "geometries": [polygon(lonlat_square()), part]}
        refused(read, geojson(gathered), "feature 1 .* no known type")
    refused(read, geojson(circle), "feature 1 .* no known type")


def test_a_geojson_larger_than_what_is_looked_at_at_once_is_read_to_its_end(read: Reader):
    rows = [{"MC": "长" * 2000, "N": n} for n in range(1000)]
    shapes = [polygon(lonlat_square(LON + n * 1e-5, LAT, 1e-5)) for n in range(1000)]
    content = geojson(*shapes, properties=rows)
    assert len(content) > 5 << 20

    assert [row["N"] for row in read(content).rows] == list(range(1000))
    for spoilt, words in (
        (content[:-100], "feature 1000 .* broken"),
        (content[:-1], "broken outside"),
        (content + b"{}", "goes on after its end"),
        (content[:-1] + b', "features": []}', "two members"),
    ):
        refused(read, spoilt, words)


def _mapinfo(folder: Path, suffix: str) -> dict[str, bytes]:
    folder.mkdir()
    formatfiles.write(
        folder / f"a.{suffix}", "MapInfo File", shapes=formatfiles.SQUARES * 3, encoding="UTF-8"
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _cut(name: str, keep: Callable[[bytes], bytes]) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda files: files | {name: keep(files[name])}


@pytest.mark.parametrize(
    ("suffix", "spoil"),
    [
        ("mif", _cut("a.mif", lambda content: content[:-120])),
        ("mif", _cut("a.mif", lambda content: content[: len(content) * 2 // 3])),
        ("mif", _cut("a.mif", lambda content: content.replace(b"Region 1", b"Blob 1", 1))),
        ("mif", _cut("a.mid", lambda content: content[: len(content) // 2])),
        ("mif", _cut("a.mid", lambda content: content * 2)),
        ("tab", _cut("a.dat", lambda content: content[:-60])),
        ("tab", _cut("a.map", lambda content: content[:-600])),
        ("tab", _cut("a.id", lambda content: content[:8])),
    ],
)
def test_a_mapinfo_table_that_was_cut_is_refused(read: Reader, tmp_path: Path, suffix: str, spoil: Callable):
    files = _mapinfo(tmp_path / suffix, suffix)

    refused(read, zipped(spoil(files)), "damaged")
    assert len(read(zipped(files)).shapes) == 6


def test_a_filegdb_that_was_cut_is_refused(read: Reader, tmp_path: Path):
    shapes = formatfiles.SQUARES * 20
    folder = formatfiles.write(tmp_path / "plan.gdb", "OpenFileGDB", layer="DKXX", shapes=shapes)
    files = {f"plan.gdb/{path.name}": path.read_bytes() for path in folder.iterdir()}
    table = max(name for name in files if name.endswith(".gdbtable"))

    refused(read, zipped(files | {table: files[table][: len(files[table]) // 2]}), "damaged")
    assert len(read(zipped(files)).shapes) == 40


def _drawing(*vertices: str) -> bytes:
    lines = ["0", "SECTION", "2", "ENTITIES"]
    for square in formatfiles.in_metres(formatfiles.SQUARES):
        points = shapely.get_coordinates(square)[:-1].tolist()
        lines += ["0", "LWPOLYLINE", "8", "A", "90", *(vertices or ("4",)), "70", "1"]
        for x, y in points:
            lines += ["10", repr(x), "20", repr(y)]
    return "\n".join([*lines, "0", "ENDSEC", "0", "EOF"]).encode()


def test_a_drawing_that_was_cut_or_miscounts_its_points_is_refused(read: Reader):
    assert len(read(_drawing(), crs="EPSG:4550").shapes) == 2

    refused(read, _drawing()[:-80], "damaged", crs="EPSG:4550")
    refused(read, _drawing("3"), "damaged", crs="EPSG:4550")


def test_a_gml_that_was_cut_is_refused(read: Reader, tmp_path: Path):
    content = formatfiles.write(tmp_path / "a.gml", "GML").read_bytes()

    assert len(read(content).shapes) == 2
    for size in (len(content) - 40, len(content) * 2 // 3):
        refused(read, content[:size], "XML cannot be read")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (
            GML_SQUARE.replace("</gml:Polygon>", "<gml:innerBoundaryIs/></gml:Polygon>"),
            "Invalid interior ring",
        ),
        (
            f'<gml:MultiSurface srsName="EPSG:4490"><gml:surfaceMember>{GML_SQUARE}</gml:surfaceMember>'
            '<gml:surfaceMember xlink:href="#other"/></gml:MultiSurface>',
            "by a link",
        ),
    ],
)
def test_a_gml_with_parts_that_cannot_be_read_is_refused(read: Reader, shape: str, words: str):
    refused(read, (GML % ("", "", "x", shape)).encode(), words, crs="EPSG:4490")


def test_a_day_of_a_gml_that_is_none_is_not_made_another(read: Reader):
    body = "x</ogr:MC><ogr:RQ>%s</ogr:RQ><ogr:MC>"

    refused(read, (GML % ("", "", body % "2024-02-30", GML_SQUARE)).encode(), "2024-02-30", crs="EPSG:4490")
    taken = read((GML % ("", "", body % "2024-02-29", GML_SQUARE)).encode(), crs="EPSG:4490")
    assert taken.rows[0]["RQ"] == "2024-02-29"


def _kml(body: str) -> bytes:
    return f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{body}</Document></kml>'.encode()


def _ring(points: list[list[float]], comma: str = ",") -> str:
    told = " ".join(f"{x}{comma}{y}{comma}0" for x, y in points)
    return f"<LinearRing><coordinates>\n{told}</coordinates></LinearRing>"


OUTER = f"<outerBoundaryIs>{_ring(lonlat_square())}</outerBoundaryIs>"
INNER = _ring(HOLE)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            f"<Polygon>{OUTER}<innerBoundaryIs>{INNER.replace('122', '1x2')}</innerBoundaryIs></Polygon>",
            "no numbers",
        ),
        (f"<Polygon>{OUTER}<innerBoundaryIs>{INNER}{INNER}</innerBoundaryIs></Polygon>", "two <LinearRing>"),
        (f"<Polygon>{OUTER}{OUTER}</Polygon>", "two <outerBoundaryIs>"),
        (f"<Polygon>{OUTER}</Polygon><Polygon>{OUTER}</Polygon>", "two <Polygon>"),
    ],
)
def test_a_kml_of_which_a_reader_would_lose_a_ring_is_refused(read: Reader, body: str, words: str):
    sound = f"<Placemark><Polygon>{OUTER}<innerBoundaryIs>{INNER}</innerBoundaryIs></Polygon></Placemark>"

    refused(read, _kml(f"{sound}<Placemark>{body}</Placemark>"), f"placemark 2 .*{words}")
    assert read(_kml(sound)).shapes[0].interiors
    spaced = f"<Placemark><Polygon>{OUTER.replace(',', ' , ')}</Polygon></Placemark>"
    assert len(read(_kml(spaced)).shapes) == 1


@pytest.mark.parametrize(
    ("kind", "text", "is_one"),
    [
        ("int", "12abc", False),
        ("int", "99999999999", False),
        ("double", "1,5", False),
        ("int", " 7 ", True),
        ("double", "1.5e3", True),
    ],
)
def test_a_number_of_a_kml_that_is_none_is_not_made_another(read: Reader, kind: str, text: str, is_one: bool):
    body = (
        f'<Schema name="s" id="s"><SimpleField name="N" type="{kind}"/></Schema><Placemark><ExtendedData>'
        f'<SchemaData schemaUrl="#s"><SimpleData name="N">{text}</SimpleData></SchemaData></ExtendedData>'
        f"<Polygon>{OUTER}</Polygon></Placemark>"
    )

    if is_one:
        assert read(_kml(body)).rows[0]["N"] == float(text)
    else:
        refused(read, _kml(body), f"which is no {kind}")
