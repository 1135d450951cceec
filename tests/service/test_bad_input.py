"""Bad input of the issue's list: each one clear sentence, exit status 2, nothing half-written."""

import io
import json
import re
from pathlib import Path

import pytest
import shapely
from sqlalchemy import create_engine, text

from service.commands.serve import bind
from tests import badfiles
from tests.badfiles import LAT, LON, geojson, lonlat_square, polygon
from tests.service.conftest import Command, Result, define_plan


@pytest.fixture
def defined(command: Command) -> Command:
    """A database with one polygon layer and no version."""
    result = define_plan(command)
    assert result.status == 0, result.err
    return command


def refused(result: Result, *words: str) -> None:
    """One sentence on standard error, in Chinese and below it in English with these words, exit status 2, no traceback, nothing on standard output."""
    assert result.status == 2, result
    lines = [line for line in result.err.splitlines() if line.strip()]
    assert "Traceback" not in result.err
    assert len(lines) == 2 and re.search("[一-鿿]", lines[0]), result.err
    for word in words:
        assert word in lines[1]
    assert result.out == ""


def stored_rows(url: str) -> int:
    """Rows of everything an upload writes."""
    tables = ("layer_version", "feature", "part", "tile_sheet")
    with create_engine(url).connect() as connection:
        return sum(
            connection.scalar(text(f"SELECT count(*) FROM blueprint.{table}")) or 0 for table in tables
        )


def _bow_tie() -> bytes:
    return geojson(
        polygon([[LON, LAT], [LON + 0.001, LAT + 0.001], [LON + 0.001, LAT], [LON, LAT + 0.001], [LON, LAT]])
    )


CONTENTS = {
    "empty file": (b"", "x.geojson", "the file is empty"),
    "no geodata": (b"\x7fELF and more", "x.geojson", "no geodata file"),
    "an html page": (b"<!doctype html><html></html>", "x.zip", "no geodata file"),
    "broken json": (b'{"type": "FeatureCollection", "features": [', "x.geojson", "is broken"),
    "corrupt zip": (b"PK\x03\x04" + b"\x00" * 200, "x.zip", "zip archive is damaged"),
    "zip with a path upwards": (badfiles.zipped({"../plan.geojson": b"{}"}), "x.zip", "unsafe path"),
    "zip with an absolute path": (badfiles.zipped({"/etc/plan.geojson": b"{}"}), "x.zip", "unsafe path"),
    "zip of two datasets": (
        badfiles.zipped({"a.geojson": b"{}", "b.geojson": b"{}"}),
        "x.zip",
        "must hold one",
    ),
    "zip bomb": (badfiles.zipped({"a.geojson": b" " * (64 << 20)}), "x.zip", "unpacks to far more"),
    "wrong geometry kind": (
        geojson({"type": "Point", "coordinates": [LON, LAT]}),
        "x.geojson",
        "it is a point, the layer takes a polygon",
    ),
    "no features": (geojson(), "x.geojson", "0 features"),
    "not a number": (
        badfiles.good().replace(str(LON).encode(), b"NaN", 1),
        "x.geojson",
        "feature 1: its geometry cannot be read",
    ),
    "infinite": (
        badfiles.good().replace(str(LON).encode(), b"1e999", 1),
        "x.geojson",
        "Unrecognized number: 1e999",
    ),
    "swapped axes": (geojson(polygon(lonlat_square(LAT, LON))), "x.geojson", "swapped"),
    "elsewhere": (geojson(polygon(lonlat_square(116.4, 39.9))), "x.geojson", "outside the city"),
    "bow tie": (_bow_tie(), "x.geojson", "feature 1 at"),
    "a virtual dataset": (
        b'<OGRVRTDataSource><OGRVRTLayer name="p"/></OGRVRTDataSource>',
        "x.geojson",
        "no geodata file",
    ),
    "a gdal pipeline": (
        b'{"type":"gdal_streamed_alg","command_line":"gdal vector read /etc/passwd"}',
        "x.geojson",
        "is no Feature",
    ),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_bad_file_is_refused_and_nothing_is_stored(
    name: str, defined: Command, fresh_database: str, tmp_path: Path
):
    content, file_name, words = CONTENTS[name]
    path = tmp_path / file_name
    path.write_bytes(content)

    refused(defined("layer", "upload", "PLAN", path), words)

    assert stored_rows(fresh_database) == 0


def test_missing_file(defined: Command, tmp_path: Path):
    refused(defined("layer", "upload", "PLAN", tmp_path / "nowhere.gpkg"), "cannot open", "No such file")


def test_two_layers_need_a_sublayer(defined: Command, tmp_path: Path):
    path = tmp_path / "plan.gpkg"
    square = shapely.Polygon(lonlat_square())
    badfiles.write_dataset(path, [square], layer="a")
    badfiles.write_dataset(path, [square], layer="b", append=True)

    refused(defined("layer", "upload", "PLAN", path), "--sublayer", "a, b")
    refused(defined("layer", "upload", "PLAN", path, "--sublayer", "c"), "no sublayer 'c'")
    assert defined("layer", "upload", "PLAN", path, "--sublayer", "b", "--in-force").status == 0
    refused(defined("check", path), "--sublayer", "a, b")
    assert defined("check", path, "--sublayer", "a").status == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [("urn:ogc:def:crs:EPSG::999999", "which nobody knows"), ("Xian 1980", "no registered transformation")],
)
def test_a_geojson_of_an_unknown_crs_or_datum_is_refused_until_it_is_given(
    defined: Command, tmp_path: Path, name: str, words: str
):
    """GDAL passes over a name it does not know, of which PROJ knows some, and takes the numbers for degrees."""
    path = tmp_path / "plan.geojson"
    crs = {"crs": {"type": "name", "properties": {"name": name}}}
    path.write_text(json.dumps(crs | json.loads(badfiles.good())), encoding="utf-8")

    refused(defined("layer", "upload", "PLAN", path), words)
    assert defined("layer", "upload", "PLAN", path, "--crs", "EPSG:4326").status == 0


def test_a_withdrawal_asks_and_says_how_to_go_on_where_nobody_can_answer(
    defined: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    path = tmp_path / "plan.geojson"
    path.write_bytes(badfiles.good())
    assert defined("layer", "upload", "PLAN", path, "--in-force").status == 0

    refused(defined("layer", "withdraw", "PLAN", "7"), "no version 7")
    unanswered = defined("layer", "withdraw", "PLAN", "1")
    assert unanswered.status == 2 and "give --yes" in unanswered.err
    assert defined("layer", "withdraw", "PLAN", "1", "--yes").status == 0


def test_no_crs_is_refused_until_it_is_given(defined: Command, tmp_path: Path):
    path = badfiles.write_dataset(tmp_path / "plan.gpkg", [shapely.Polygon(lonlat_square())], crs=None)

    refused(defined("layer", "upload", "PLAN", path), "--crs")
    assert defined("layer", "upload", "PLAN", path, "--crs", "EPSG:4490").status == 0


def test_an_unknown_crs_or_datum_is_refused(defined: Command, tmp_path: Path):
    path = badfiles.write_dataset(tmp_path / "plan.gpkg", [shapely.Polygon(lonlat_square())], crs=None)

    refused(defined("layer", "upload", "PLAN", path, "--crs", "EPSG:99999999"), "no coordinate system")
    refused(defined("layer", "upload", "PLAN", path, "--crs", "EPSG:4610"), "Xian 1980", "CGCS2000")


def test_damaged_shapefiles_are_refused(defined: Command, tmp_path: Path):
    parts = badfiles.zipped_shapefile(tmp_path / "shp", [shapely.Polygon(lonlat_square())] * 3)
    spoilt = {
        "short.zip": parts | {"plan.shp": badfiles.truncated(parts["plan.shp"])},
        "long.zip": parts | {"plan.shp": badfiles.overstated(parts["plan.shp"])},
        "nodbf.zip": {name: part for name, part in parts.items() if not name.endswith(".dbf")},
    }
    for name, files in spoilt.items():
        path = tmp_path / name
        path.write_bytes(badfiles.zipped(files))
        words = "lacks its .dbf file" if name == "nodbf.zip" else "the .shp file is cut short or padded"
        refused(defined("layer", "upload", "PLAN", path), words)
    whole = tmp_path / "whole.zip"
    whole.write_bytes(badfiles.zipped(parts))
    assert defined("layer", "upload", "PLAN", whole).status == 0


def test_unknown_layer_code(defined: Command, tmp_path: Path):
    path = tmp_path / "plan.geojson"
    path.write_bytes(badfiles.good())

    refused(defined("layer", "upload", "NOPE", path), "no layer 'NOPE'")
    refused(defined("layer", "show", "NOPE"), "no layer 'NOPE'")


def test_a_day_before_the_first_version(defined: Command, tmp_path: Path):
    path = tmp_path / "plan.geojson"
    path.write_bytes(badfiles.good())
    assert defined("layer", "upload", "PLAN", path, "--in-force", "2026-01-01").status == 0

    refused(defined("check", path, "--on", "2025-12-31"), "2025-12-31", "begins on 2026-01-01")
    refused(defined("check", path, "--on", "yesterday"), "2026-01-31")


def test_a_check_of_an_empty_blueprint_says_what_to_do(defined: Command, tmp_path: Path):
    path = tmp_path / "site.geojson"
    path.write_bytes(badfiles.good())

    refused(defined("check", path), "no layer is in force yet")


@pytest.mark.parametrize(
    ("geometry", "words"),
    [
        ({"type": "LineString", "coordinates": [[LON, LAT], [LON + 0.01, LAT]]}, "is a LineString"),
        (polygon(lonlat_square(LAT, LON)), "swapped"),
        (polygon(lonlat_square(116.4, 39.9)), "outside the city"),
        (polygon([[LON, LAT], [LON, LAT], [LON, LAT], [LON, LAT]]), "Too few points"),
    ],
)
def test_bad_footprints(defined: Command, tmp_path: Path, geometry: dict[str, object], words: str):
    plan, site = tmp_path / "plan.geojson", tmp_path / "site.geojson"
    plan.write_bytes(badfiles.good())
    site.write_bytes(geojson(geometry))
    assert defined("layer", "upload", "PLAN", plan, "--in-force").status == 0

    refused(defined("check", site), words)


def test_a_bad_definition_names_its_key(command: Command):
    base = [
        "layer",
        "define",
        "X",
        "--title",
        "t",
        "--department",
        "ZRZY",
        "--geometry",
        "polygon",
        "--control",
        "restrict",
    ]
    refused(command(*base[:-1], "forbid"), "control 'forbid'", "prohibit")
    refused(command(*base[:5], "--department", "NOBODY", *base[7:]), "no department 'NOBODY'")
    refused(command(*base, "--buffer-m", "-5"), "buffer_m")


@pytest.mark.parametrize("address", ["nonsense", "mysql://root:geheim@localhost/x", "postgresql://h:x/n"])
def test_an_address_that_is_none_of_a_database_is_bad_input_and_not_repeated(
    address: str, command: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DATABASE_URL", address)

    result = command("layer", "list")

    refused(result, "DATABASE_URL is no address of a PostgreSQL server", "postgresql://USER")
    assert "geheim" not in result.err


def test_an_unreachable_database_is_one_sentence(command: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg2://nobody@127.0.0.1:1/none")

    result = command("layer", "list")

    assert result.status == 2
    assert "the database cannot be reached" in result.err
    assert "Traceback" not in result.err


def test_a_taken_port_is_one_sentence(command: Command):
    with bind("127.0.0.1", 0) as taken:
        refused(command("serve", "--port", str(taken.getsockname()[1])), "is taken", "--port")


def test_another_working_crs_is_refused(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    profile = tmp_path / "city.toml"
    profile.write_text(
        'name = "鞍山市"\nadministrative_code = "210300"\nworking_crs = "EPSG:4529"\n', encoding="utf-8"
    )
    monkeypatch.setenv("BLUEPRINT_CITY", str(profile))

    result = command("layer", "list")

    assert result.status == 1
    assert "EPSG:4550" in result.err and "EPSG:4529" in result.err
