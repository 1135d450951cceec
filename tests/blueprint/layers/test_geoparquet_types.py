"""GeoParquet with types that are seldom written: read as they stand, or refused in a sentence."""

import io
import json
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from tests import formatfiles
from tests.badfiles import geojson, lonlat_square, polygon
from tests.blueprint.layers.conftest import Reader
from tests.blueprint.layers.test_bad_files import refused

WKB = pa.array(list(shapely.to_wkb(formatfiles.SQUARES)), pa.binary())
FAR = 2**62


def _file(
    name: str, column: pa.Array, *, shapes: pa.Array = WKB, more: tuple[str, pa.Array] | None = None
) -> bytes:
    geo = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}}
    named = [(name, column), *([more] if more else []), ("geometry", shapes)]
    table = pa.table([column for _, column in named], names=[name for name, _ in named])
    content = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({b"geo": json.dumps(geo).encode()}), content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pa.array([1714521600123456789, None], pa.timestamp("ns")), ["2024-05-01T00:00:00.123456", None]),
        (
            pa.array([1714521600123456, None], pa.timestamp("us", "+08:00")),
            ["2024-05-01T08:00:00.123456+08:00", None],
        ),
        (pa.array([3600 * 10**9 + 1, None], pa.time64("ns")), ["01:00:00", None]),
        (pa.array([1.5, None], pa.float16()), [1.5, None]),
        (pa.array(["a\x07", "b"], pa.string_view()), ["a", "b"]),
        (pa.array(["a\x07", "b"]).dictionary_encode(), ["a", "b"]),
        (pa.array([["a\x07", None], []]), [["a", None], []]),
        (pa.array([{"k": "a\x00b"}, None]), [{"k": "ab"}, None]),
        (pa.array([date(1, 1, 1), date(9999, 12, 31)]), ["0001-01-01", "9999-12-31"]),
    ],
)
def test_values_of_rare_types_come_through(read: Reader, column: pa.Array, values: list):
    assert [row["a"] for row in read(_file("a", column)).rows] == values


@pytest.mark.parametrize(
    "column",
    [
        pa.array([FAR, None], pa.timestamp("ms")),
        pa.array([2**40, None], pa.timestamp("s")),
        pa.array([-(10**7), None], pa.int32()).cast(pa.date32()),
        pa.array([FAR, None], pa.duration("s")),
    ],
)
def test_a_time_of_no_year_is_refused(read: Reader, column: pa.Array):
    refused(read, _file("a", column), "the field a has a time outside")


def test_a_time_zone_that_nobody_knows_is_refused(read: Reader):
    refused(read, _file("a", pa.array([0, 1], pa.timestamp("us", "Not/AZone"))), "time zone 'Not/AZone'")


@pytest.mark.parametrize(
    "shapes", [pa.array([shape.wkt for shape in formatfiles.SQUARES]), pa.array([1, 2]), pa.array([[1], [2]])]
)
def test_shapes_that_are_no_bytes_are_refused(read: Reader, shapes: pa.Array):
    refused(read, _file("a", pa.array(["x", "y"]), shapes=shapes), "the shapes are stored as")


def test_columns_of_one_name_are_refused_and_one_called_bbox_is_kept(read: Reader):
    column = pa.array(["x", "y"])

    refused(read, _file("a", column, more=("a", column)), "two columns of one name")
    assert read(_file("bbox", column)).rows == [{"bbox": "x"}, {"bbox": "y"}]
    square = geojson(polygon(lonlat_square()), properties=[{"wkb_geometry": "x"}])
    refused(read, square, "called wkb_geometry")


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("密级", pa.array([["机密"], ["x"]])),
        ("密级", pa.array([{"a": "机密"}, {"a": "x"}])),
        ("a", pa.array([{"密级": "机密"}, {"密级": "x"}])),
        ("a", pa.array([[{"YDYHFLDM": "150100"}], []])),
    ],
)
def test_a_mark_within_a_list_or_an_object_stops_at_the_door(read: Reader, name: str, column: pa.Array):
    refused(read, _file(name, column), "机密|military")
