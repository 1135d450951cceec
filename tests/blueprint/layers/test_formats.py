"""Every format that is taken comes in with the same two areas; what is odd in a file is said."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from blueprint.errors import InvalidInputError
from blueprint.layers.reading import ReadingRequest, reading, staged
from blueprint.layers.sources import BATCH_FEATURES
from blueprint.sentences import sentence_from
from service.settings import Settings
from tests import badfiles, formatfiles
from tests.badfiles import LAT, LON, geojson, lonlat_square, polygon

SURROUNDINGS = (380_000.0, 4_470_000.0, 620_000.0, 4_640_000.0)

Read = Callable[..., tuple[list[shapely.Geometry], list[dict[str, Any]], dict[str, Any]]]


def read(
    content: bytes, name: str = "x", **values: Any
) -> tuple[list[shapely.Geometry], list[dict[str, Any]], dict[str, Any]]:
    """Shapes in the working CRS, attributes and the report of a file that is taken."""
    request = ReadingRequest(
        **(
            {
                "geometry": "polygon",
                "working_crs": "EPSG:4550",
                "working_srid": 4550,
                "surroundings": SURROUNDINGS,
            }
            | values
        )
    )
    with staged(io.BytesIO(content), name, scratch=Settings().scratch, sublayer=request.sublayer) as file:
        shapes: list[shapely.Geometry] = []
        rows: list[dict[str, Any]] = []
        with reading(file, request) as opened:
            for batch in opened.batches:
                shapes += list(shapely.from_wkb(batch.column("geom").to_pylist()))
                rows += [json.loads(text) for text in batch.column("attributes").to_pylist()]
        return shapes, rows, opened.report


def said(report: dict[str, Any]) -> str:
    """All that a report says."""
    return "\n".join(issue["message"] for issue in report["issues"])


FORMATS = [
    "GeoPackage",
    "GeoJSON",
    "newline-delimited GeoJSON",
    "FlatGeobuf",
    "KML",
    "KMZ",
    "GML",
    "CSV with WKT",
    "GeoParquet",
    "boundary-point TXT",
    "Shapefile",
    "MapInfo TAB",
    "MapInfo MIF",
    "FileGDB",
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return formatfiles.all_formats(tmp_path_factory.mktemp("formats"))


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_areas_come_out_of_every_format(name: str, files: dict[str, bytes]):
    crs = {"CSV with WKT": "EPSG:4490", "MapInfo TAB": "EPSG:4490", "MapInfo MIF": "EPSG:4490"}.get(name)

    shapes, rows, report = read(files[name], crs=crs)

    expected = formatfiles.in_metres(formatfiles.SQUARES)
    assert len(shapes) == 2
    for shape, right in zip(sorted(shapes, key=lambda s: s.bounds), expected, strict=True):
        assert shapely.symmetric_difference(shape, right).area < 1.0
    assert any("图斑1" in row.values() for row in rows)
    assert report["inside_count"] == 2


def test_a_closed_line_of_a_drawing_is_an_area_and_its_layer_a_sublayer(tmp_path: Path):
    squares = formatfiles.in_metres(formatfiles.SQUARES)
    lines = [shapely.boundary(square) for square in squares]
    path = tmp_path / "a.dxf"
    import numpy as np
    import pyogrio

    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(lines),
        field_data=[np.array(["红线", "道路"], dtype=object)],
        fields=["Layer"],
        geometry_type="LineString",
        driver="DXF",
    )

    shapes, _, report = read(path.read_bytes(), crs="EPSG:4550", sublayer="红线")

    assert [shape.area for shape in shapes] == pytest.approx([squares[0].area], rel=1e-6)
    assert "closed lines" in said(report)


def test_gml_in_the_order_of_the_authority_comes_out_east_before_north(tmp_path: Path):
    squares = formatfiles.in_metres(formatfiles.SQUARES)
    path = formatfiles.write(
        tmp_path / "a.gml", "GML", shapes=squares, crs="EPSG:4550", dataset_options={"FORMAT": "GML3.2"}
    )
    assert f"{squares[0].bounds[1]:.0f}"[:5] in path.read_text().split("posList")[1][:40].replace(".", "")

    shapes, _, report = read(path.read_bytes())

    assert shapes[0].centroid.distance(squares[0].centroid) < 0.01
    assert report["source_crs"] == "EPSG:4550"


def test_arcs_become_chords_and_it_is_said():
    circle = "CURVEPOLYGON(CIRCULARSTRING(500000 4552000,500100 4552100,500200 4552000,500100 4551900,500000 4552000))"
    from blueprint.layers.curves import is_curved, kinds_of, straightened

    wkb = _curve_polygon()
    assert is_curved(kinds_of([wkb])).all() and circle
    shape = straightened(wkb)
    assert shape is not None
    assert shape.area == pytest.approx(3.14159265 * 100**2, rel=3e-4)
    assert straightened(wkb[:40]) is None


def _curve_polygon() -> bytes:
    import struct

    points = [(500000, 4552000), (500100, 4552100), (500200, 4552000), (500100, 4551900), (500000, 4552000)]
    arc = struct.pack("<BII", 1, 8, len(points)) + b"".join(struct.pack("<dd", *p) for p in points)
    return struct.pack("<BII", 1, 10, 1) + arc


def test_curves_of_a_geopackage_are_taken(tmp_path: Path):
    import sqlite3
    import struct

    path = formatfiles.write(
        tmp_path / "a.gpkg", "GPKG", shapes=formatfiles.in_metres(formatfiles.SQUARES), crs="EPSG:4550"
    )
    head = b"GP\x00\x01" + struct.pack("<i", 4550)
    with sqlite3.connect(path) as connection:
        for name in [
            r[0] for r in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        ]:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE a SET geom = ? WHERE fid = 1", (head + _curve_polygon(),))

    shapes, _, report = read(path.read_bytes())

    assert shapes[0].area == pytest.approx(3.14159265 * 100**2, rel=3e-4)
    assert "arcs became chords" in said(report)


def test_curves_of_a_table_are_taken_beside_straight_shapes_and_a_broken_one_is_named():
    x, y = shapely.get_coordinates(formatfiles.in_metres(formatfiles.SQUARES)[0])[0].round()
    circle = f"CIRCULARSTRING({x} {y},{x + 200} {y},{x} {y})"
    half = f"COMPOUNDCURVE(CIRCULARSTRING({x} {y},{x + 100} {y + 100},{x + 200} {y}),({x + 200} {y},{x} {y}))"
    rows = [
        f"CURVEPOLYGON({circle})",
        f"MULTISURFACE(CURVEPOLYGON({half}))",
        shapely.box(x, y, x + 10, y + 10).wkt,
    ]
    table = ["BSM,WKT", *(f'{n},"{row}"' for n, row in enumerate(rows, start=1)), "4,"]

    shapes, _, report = read("\n".join(table).encode(), crs="EPSG:4550")

    areas = [np.pi * 100**2, np.pi * 100**2 / 2, 100.0]
    assert shapely.area(shapes).tolist() == pytest.approx(areas, rel=3e-4)
    assert "arcs became chords" in said(report)
    broken = "\n".join([*table[:2], f'9,"CURVEPOLYGON({circle}"'])
    _, _, refused = read(broken.encode(), crs="EPSG:4550")
    assert [
        (issue["rule"], issue["feature"]) for issue in refused["issues"] if issue["severity"] == "error"
    ] == [("geometry-readable", 2)]


def test_heights_are_dropped_and_it_is_said():
    square = [[*point, 35.0] for point in lonlat_square()]

    shapes, _, report = read(geojson(polygon(square)))

    assert not shapes[0].has_z
    assert "Z, M" in said(report)


def test_mixed_kinds_are_refused_or_split_as_asked():
    content = geojson(polygon(lonlat_square()), {"type": "Point", "coordinates": [LON, LAT]})

    _, _, refused = read(content)
    assert refused["error_count"] == 1
    shapes, _, split = read(content, split=True)
    assert len(shapes) == 1
    assert split["left_out"] == {"point": 1}
    told = [sentence_from(issue["said"]).chinese for issue in split["issues"]]
    assert any("类型为点" in sentence for sentence in told), told
    assert "it is a point and was left out" in said(split)


def test_a_collection_of_one_kind_is_one_shape():
    parts = [polygon(lonlat_square()), polygon(lonlat_square(LON + 0.01))]

    shapes, _, report = read(geojson({"type": "GeometryCollection", "geometries": parts}))

    assert shapes[0].geom_type == "MultiPolygon"
    assert "collections" in said(report)


def test_codes_of_a_table_stay_codes_and_formulas_stay_text():
    content = formatfiles.csv().decode().replace("图斑1", "=cmd|' /C calc'!A0").encode()

    _, rows, _ = read(content, crs="EPSG:4490")

    assert rows[0]["MC"] == "=cmd|' /C calc'!A0"
    assert rows[0]["代码"] == "0701"


def test_a_table_in_gbk_is_read_and_it_is_said():
    _, rows, report = read(formatfiles.csv(encoding="gbk"), crs="EPSG:4490")

    assert rows[1]["MC"] == "图斑2"
    assert "GB18030" in said(report)


def test_texts_of_a_mapinfo_file_that_names_no_charset_are_read_as_gb18030(files: dict[str, bytes]):
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(files["MapInfo MIF"])) as whole, zipfile.ZipFile(written, "w") as neutral:
        for name in whole.namelist():
            content = whole.read(name)
            if name.lower().endswith(".mif"):
                content = re.sub(rb'Charset "[^"]*"', b'Charset "Neutral"', content)
            else:
                content = content.replace("图斑".encode(), "图斑".encode("gbk"))
            neutral.writestr(name, content)

    _, rows, report = read(written.getvalue(), crs="EPSG:4490")

    assert any("图斑1" in row.values() for row in rows)
    assert "read as GB18030" in said(report)


@pytest.mark.parametrize(("crs", "stored"), [("EPSG:4550", 4550), (None, None)])
def test_a_table_may_say_its_srid(crs: str | None, stored: int | None):
    head = f"SRID={stored};" if stored else ""
    square = formatfiles.in_metres(formatfiles.SQUARES)[0]

    _, _, report = read(f'BSM,WKT\n1,"{head}{square.wkt}"\n'.encode())

    assert report["source_crs"] == (crs or "")


def test_several_sublayers_are_listed_and_one_is_chosen(tmp_path: Path):
    path = formatfiles.write(tmp_path / "a.kml", "LIBKML", layer="一")
    formatfiles.write(path, "LIBKML", layer="二", append=True)

    with pytest.raises(InvalidInputError, match=r"--sublayer at the console\): 一, 二"):
        read(path.read_bytes())
    assert read(path.read_bytes(), sublayer="二")[2]["sublayer"] == "二"


def test_of_two_shapefiles_in_an_archive_one_is_chosen(tmp_path: Path):
    for name in ("one", "two"):
        formatfiles.write(tmp_path / f"{name}.shp", "ESRI Shapefile", encoding="UTF-8")
    content = formatfiles.packed(tmp_path)

    with pytest.raises(InvalidInputError, match=r"--sublayer at the console\): one, two"):
        read(content)
    assert read(content, sublayer="two")[2]["sublayer"] == "two"


def test_what_macos_packs_beside_a_shapefile_is_passed_over(tmp_path: Path):
    formatfiles.write(tmp_path / "地块.shp", "ESRI Shapefile", encoding="UTF-8")
    names = [path.name for path in tmp_path.iterdir()]
    (tmp_path / "__MACOSX").mkdir()
    for name in names:
        (tmp_path / "__MACOSX" / f"._{name}").write_bytes(b"\x00\x05\x16\x07")

    assert len(read(formatfiles.packed(tmp_path))[0]) == 2


def test_a_refusal_names_the_formats_in_chinese_and_the_consoles_options_as_the_consoles(tmp_path: Path):
    with pytest.raises(InvalidInputError) as refused:
        read(b"hello")
    assert "含 WKT 列的 CSV" in refused.value.chinese and "zipped" not in refused.value.chinese
    for name in ("one", "two"):
        formatfiles.write(tmp_path / f"{name}.shp", "ESRI Shapefile", encoding="UTF-8")
    with pytest.raises(InvalidInputError) as refused:
        read(formatfiles.packed(tmp_path))
    assert "（命令行 --sublayer）" in refused.value.chinese


def test_a_parquet_without_geo_metadata_or_in_another_encoding_is_refused(tmp_path: Path):
    with pytest.raises(InvalidInputError, match="encoding WKB"):
        read(formatfiles.geoparquet(tmp_path / "a.parquet", encoding="geoarrow.polygon"))
    with pytest.raises(InvalidInputError, match="damaged"):
        read(b"PAR1" + b"\x00" * 200 + b"PAR1")
    _, _, report = read(formatfiles.geoparquet(tmp_path / "b.parquet", crs=None))
    assert report["source_crs"] == ""
    assert badfiles.good()


def test_a_number_that_is_too_long_for_others_is_kept_as_its_digits():
    rows = [{"BSM": 210302209000000001, "N": 2**53}]

    _, kept, _ = read(geojson(polygon(lonlat_square()), properties=rows))

    assert kept == [{"BSM": "210302209000000001", "N": 2**53}]


@pytest.mark.parametrize("driver", ["GPKG", "ESRI Shapefile", "GeoJSON", "GeoParquet"])
def test_numbers_of_one_field_are_of_one_type_in_all_batches(tmp_path: Path, driver: str):
    count = 2 * BATCH_FEATURES + 1
    short, long, real = np.arange(count), np.arange(count), np.arange(count) / 1.0
    long[-1], real[0] = 9_103_022_090_000_000_017, 0.5
    shapes = shapely.to_wkb(formatfiles.in_metres(formatfiles.SQUARES)[:1] * count)
    path = tmp_path / "a.parquet"
    if driver == "GeoParquet":
        geo = {"columns": {"geometry": {"encoding": "WKB"}}, "primary_column": "geometry"}
        table = pa.table(
            {"SHORT": short, "LONG": long, "REAL": real, "geometry": pa.array(shapes, pa.binary())}
        )
        pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    else:
        path = tmp_path / {"GPKG": "a.gpkg", "GeoJSON": "a.json"}.get(driver, "a.shp")
        pyogrio.raw.write(
            path, shapes, [short, long, real], ["SHORT", "LONG", "REAL"],
            driver=driver, geometry_type="Polygon", crs="EPSG:4550",
        )  # fmt: skip
    content = formatfiles.packed(tmp_path) if driver == "ESRI Shapefile" else path.read_bytes()

    _, rows, _ = read(content, crs="EPSG:4550")

    assert rows[-1] == {"SHORT": count - 1, "LONG": "9103022090000000017", "REAL": count - 1}
    assert {type(row["SHORT"]) for row in rows} == {int}
    assert {type(row["LONG"]) for row in rows} == {str}
    assert [type(row["REAL"]) for row in rows[:3]] == [float, int, int]
