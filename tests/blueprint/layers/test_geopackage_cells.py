"""A GeoPackage whose rows, columns or coordinate system are not what GDAL makes of them."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import shapely
from pyproj import CRS

from tests import badfiles
from tests.badfiles import LON, lonlat_square
from tests.blueprint.layers.conftest import Reader
from tests.blueprint.layers.test_bad_files import refused

Made = Callable[..., bytes]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A GeoPackage of three areas in a table t, after these statements."""

    def make(*statements: str | tuple[str, tuple]) -> bytes:
        path = tmp_path / "x.gpkg"
        path.unlink(missing_ok=True)
        shapes = [shapely.Polygon(lonlat_square(LON + n * 0.002)) for n in range(3)]
        badfiles.write_dataset(path, shapes, layer="t")
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in triggers:
                connection.execute(f'DROP TRIGGER "{name}"')
            for statement in statements:
                connection.execute(*([statement] if isinstance(statement, str) else statement))
        connection.close()
        return path.read_bytes()

    return make


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("INTEGER", "'12abc'"), ("INTEGER", "1.5"), ("MEDIUMINT", "9999999999"), ("TINYINT", "200"), ("SMALLINT", "-40000"),
        ("BOOLEAN", "'true'"), ("BOOLEAN", "7"), ("REAL", "'x'"), ("DOUBLE", "x'01'"), ("TEXT", "x'ff'"), ("TEXT(5)", "x'41'"),
    ],
)  # fmt: skip
def test_a_value_that_its_column_cannot_hold_is_named_by_its_row(
    read: Reader, made: Made, kind: str, wrong: str
):
    content = made(f"ALTER TABLE t ADD COLUMN v {kind}", f"UPDATE t SET v = {wrong} WHERE fid = 2")

    issues = read(content).report["issues"]

    wrong_ones = [(one["feature"], one["rule"]) for one in issues if one["severity"] == "error"]
    assert wrong_ones == [(2, "value-number")]


@pytest.mark.parametrize(
    ("kind", "value", "read_as"),
    [
        ("INTEGER", "'0012'", 12),
        ("REAL", "3", 3),
        ("BOOLEAN", "1", True),
        ("TEXT", "0701", "701"),
        ("TINYINT", "-128", -128),
    ],
)
def test_values_of_their_column_come_through(
    read: Reader, made: Made, kind: str, value: str, read_as: object
):
    rows = read(made(f"ALTER TABLE t ADD COLUMN v {kind}", f"UPDATE t SET v = {value} WHERE fid <> 2")).rows

    assert [row["v"] for row in rows] == [read_as, None, read_as]


def test_a_column_that_is_passed_over_is_named(read: Reader, made: Made):
    taken = read(made("ALTER TABLE t ADD COLUMN v VARCHAR(20)", "UPDATE t SET v = '007'"))

    assert "left out: v (VARCHAR(20))" in taken.said
    assert read(made("ALTER TABLE t ADD COLUMN v TEXT(20)")).report["issues"] == []


VIEW = "CREATE VIEW seen AS SELECT * FROM t"
REGISTERED = (
    "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) VALUES ('{0}', 'features', '{0}', 4490)",
    "INSERT INTO gpkg_geometry_columns VALUES ('{0}', 'geom', 'POLYGON', 4490, 0, 0)",
)


def test_a_view_whose_name_is_written_otherwise_is_a_view(read: Reader, made: Made):
    refused(read, made(VIEW, *(one.format("SEEN") for one in REGISTERED)), "is a view", sublayer="SEEN")


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE VIRTUAL TABLE v USING VirtualOGR('/etc/passwd') /* using rtree(a) */",
        "CREATE /* so that it stands far behind .......... */ VIRTUAL TABLE v USING VirtualOGR('/etc/passwd')",
    ],
)
def test_a_virtual_table_is_told_from_more_than_its_text(read: Reader, made: Made, sql: str):
    written = ("INSERT INTO sqlite_master VALUES ('table', 'v', 'v', 0, ?)", (sql,))

    refused(read, made(written), "virtual table 'v'")


@pytest.mark.parametrize(
    "statement",
    ["UPDATE t SET geom = x'0102' WHERE fid = 2", "UPDATE t SET geom = 'text' WHERE fid = 2"],
)
def test_a_shape_that_cannot_be_read_is_none_that_is_missing(read: Reader, made: Made, statement: str):
    refused(read, made(statement), "cannot be read|can be read")
    assert len(read(made("UPDATE t SET geom = NULL WHERE fid = 2")).shapes) == 2


def test_a_coordinate_system_of_two_names_is_asked_for(read: Reader, made: Made):
    xian = CRS.from_epsg(4610).to_wkt("WKT1_GDAL")
    content = made(("UPDATE gpkg_spatial_ref_sys SET definition = ? WHERE srs_id = 4490", (xian,)))

    refused(read, content, "names its coordinate system EPSG:4490 and describes EPSG:4610")
    assert len(read(content, crs="EPSG:4490").shapes) == 3
