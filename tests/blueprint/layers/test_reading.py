"""The confined reader: it reaches nothing, ends at its bounds, and holds no more than a batch."""

import contextlib
import io
import json
import os
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely

from blueprint.errors import BlueprintError, InvalidInputError
from blueprint.layers.children import end_parents
from blueprint.layers.confinement import Bounds
from blueprint.layers.reading import ReadingRequest, bounds_of, prepare_large, reading, staged
from blueprint.sentences import sentence_from
from service.settings import Settings
from tests import badfiles
from tests.badfiles import LAT, LON, geojson, lonlat_square, polygon

REQUEST = ReadingRequest(
    geometry="polygon",
    working_crs="EPSG:4550",
    working_srid=4550,
    surroundings=(380_000, 4_470_000, 620_000, 4_640_000),
)


def read(
    content: bytes, name: str = "x", request: ReadingRequest = REQUEST, bounds: Bounds | None = None
) -> dict:
    """Read a file to its end; the child's report and how many features came."""
    with staged(io.BytesIO(content), name, scratch=Settings().scratch) as file:
        with reading(file, request, bounds=bounds) as opened:
            count = sum(batch.num_rows for batch in opened.batches)
        return opened.report | {"streamed": count, "peak_bytes": opened.peak_bytes}


def test_a_file_whose_features_have_zones_may_take_longer_by_its_size_but_not_for_ever():
    """A zone around a line of 1,500 vertices that bends within it takes a third of a second: 16 s a megabyte of a Shapefile."""
    with staged(io.BytesIO(badfiles.good().ljust(4 << 20)), "x", scratch=Settings().scratch) as file:
        plain, zoned = (bounds_of(file, has_zones=has_zones).cpu_seconds for has_zones in (False, True))
        with file.original.open("ab") as opened:
            opened.truncate(1 << 30)
        largest = bounds_of(file, has_zones=True).cpu_seconds

    assert plain < 80 and zoned >= plain + 4 * 30
    assert largest == 600


@pytest.mark.parametrize(("size", "calls"), [(3_000, 0), (5 << 20, 1)])
def test_who_reads_a_large_file_is_told_once_while_it_is_still_on_its_way(size: int, calls: int):
    content = io.BytesIO(badfiles.good().ljust(size))
    told: list[int] = []

    with staged(content, "x", scratch=Settings().scratch, when_large=lambda: told.append(content.tell())):
        assert len(told) == calls
        assert all(at < size for at in told)


def test_a_large_file_is_read_whole_by_libraries_that_were_loaded_while_it_came():
    content = geojson(
        *[polygon(lonlat_square(LON + 0.00002 * (n % 500), side=0.00001)) for n in range(6_000)]
    )
    end_parents()  # else they are loaded already

    with (
        staged(io.BytesIO(content), "x", scratch=Settings().scratch, when_large=prepare_large) as file,
        reading(file, REQUEST) as result,
    ):
        assert sum(batch.num_rows for batch in result.batches) == 6_000


def test_a_link_in_a_geojson_is_not_followed(canary: tuple[str, list[str]]):
    url, calls = canary
    document = json.loads(badfiles.good())
    document["crs"] = {"type": "link", "properties": {"href": f"{url}/crs.prj", "type": "ogcwkt"}}

    with contextlib.suppress(InvalidInputError):
        read(json.dumps(document).encode())

    assert calls == []


@pytest.mark.parametrize(
    "content",
    [
        '{"type":"gdal_streamed_alg","command_line":"gdal vector pipeline ! read %s"}',
        '<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>%s</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>',
        '{"type":"FeatureCollection","features":[{"type":"Feature","geometry":null,"properties":{"href":"%s"}}]}',
    ],
)
def test_another_file_is_never_read(content: str, tmp_path: Path):
    secret = tmp_path / "secret.geojson"
    secret.write_bytes(badfiles.good())

    with pytest.raises(BlueprintError):
        report = read((content % secret).encode())
        assert report["streamed"] == 0
        raise InvalidInputError("nothing came, which is as good as a refusal")


def test_a_geopackage_whose_layer_is_a_view_is_refused(tmp_path: Path):
    import sqlite3

    path = badfiles.write_dataset(tmp_path / "x.gpkg", [shapely.Polygon(lonlat_square())], layer="t")
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE VIEW v AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n AS fid, geom FROM r, t"
        )
        connection.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) VALUES ('v', 'features', 'v', 4490)"
        )
        connection.execute("INSERT INTO gpkg_geometry_columns VALUES ('v', 'geom', 'POLYGON', 4490, 0, 0)")

    with pytest.raises(InvalidInputError, match="is a view"):
        read(path.read_bytes())


def test_endless_work_ends_at_the_cpu_bound():
    star = [
        [LON + 0.01 * np.cos(2 * np.pi * 500 * n / 1001), LAT + 0.01 * np.sin(2 * np.pi * 500 * n / 1001)]
        for n in range(1002)
    ]

    with pytest.raises(InvalidInputError, match=r"takes longer to read|mending would change"):
        read(geojson(polygon([*star[:-1], star[0]])), bounds=Bounds(cpu_seconds=2))


def test_too_much_memory_is_refused():
    ring = ",".join(["[122.9946,41.1106]"] * 1_000_000)
    content = (
        f'{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[[{ring}]]}}}}'
    )

    with pytest.raises(InvalidInputError, match=r"memory|cannot be read"):
        read(content.encode(), bounds=Bounds(memory_bytes=600 << 20))


def test_the_reader_runs_as_nobody_without_network_when_started_by_root():
    with (
        staged(io.BytesIO(badfiles.good()), "x", scratch=Settings().scratch) as file,
        reading(file, REQUEST) as opened,
    ):
        next(iter(opened.batches))
        owner = file.folder.stat().st_uid

    assert (owner == os.getuid()) == (os.getuid() != 0)


def _tessellation(path: Path, count: int) -> Path:
    side = int(np.sqrt(count))
    x, y = np.meshgrid(np.arange(side) * 10.0 + 480_000, np.arange(side) * 10.0 + 4_540_000)
    corners = shapely.box(x.ravel(), y.ravel(), x.ravel() + 10, y.ravel() + 10)
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(shapely.segmentize(corners, 1.0)),
        field_data=[np.arange(len(corners))],
        fields=["n"],
        geometry_type="Polygon",
        crs="EPSG:4550",
        layer="t",
    )
    return path


def test_memory_does_not_grow_with_the_file(tmp_path: Path):
    """Eight times the features, at most a sixth more memory in the child that reads them."""
    small = _tessellation(tmp_path / "small.gpkg", 5_000).read_bytes()
    large = _tessellation(tmp_path / "large.gpkg", 40_000).read_bytes()

    few, many = read(small), read(large)

    assert few["streamed"] == 4_900 and many["streamed"] == 40_000
    assert len(large) > 7 * len(small)
    assert 50 << 20 < many["peak_bytes"] <= few["peak_bytes"] * 7 / 6


def test_a_bow_tie_is_refused_with_both_readings_and_a_mended_feature_leaves_a_receipt():
    side = 0.001
    bow_tie = [[LON, LAT], [LON + side, LAT + side], [LON + side, LAT], [LON, LAT + side], [LON, LAT]]
    hair = [
        *lonlat_square()[:3],
        [LON + side / 2, LAT + side],
        [LON + side / 2, LAT + 2 * side],
        [LON + side / 2, LAT + side],
        *lonlat_square()[3:],
    ]

    refused, mended = read(geojson(polygon(bow_tie))), read(geojson(polygon(hair)))

    issue = refused["issues"][0]
    assert (issue["rule"], issue["severity"], len(issue["shapes"])) == ("geometry-ambiguous", "error", 2)
    assert refused["mended_count"] == 0
    told = sentence_from(mended["issues"][0]["said"]).chinese
    assert told.endswith("：边界自相交"), told
    receipt = mended["mendings"][0]
    assert receipt["feature"] == 1
    assert receipt["moved_m"] == pytest.approx(111, abs=1)
    assert receipt["after_m2"] == pytest.approx(receipt["before_m2"], abs=0.01)
    assert not shapely.from_wkb(receipt["original"]).is_valid
