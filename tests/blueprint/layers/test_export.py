"""A version as a file again, in every format: what comes back is what was stored."""

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import rasterio
import shapely
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import InvalidInputError
from blueprint.layers import export, table
from blueprint.layers.models import LayerVersion
from blueprint.layers.stamps import Stamp, trace_of
from tests.blueprint.rasters.conftest import Publish, publish_raster
from tests.made import at_origin, publish, square
from tests.rasters import slope, write_tif

__all__ = ["publish_raster"]
STAMP = Stamp(
    number="BPX-" + "0" * 32, account="test", department=None, exported_at=datetime(2026, 1, 1, tzinfo=UTC), city="鞍山市",
    layer="A", title="图层", version=1, sensitivity="public", owner="ZRZY",
)  # fmt: skip
SHAPES = [square(0, 0, 100), shapely.MultiPolygon([square(200, 0, 10), square(300, 0, 10)])]
ROWS: list[dict[str, Any]] = [
    {
        "BSM": "B1",
        "规划用地面积": 1.5,
        "规划用地用途": "住宅",
        "YEAR": 2026,
        "OK": True,
        "MIXED": 1,
        "NONE": None,
    },
    {
        "BSM": "B2",
        "规划用地面积": 2,
        "规划用地用途": "商" * 100,
        "YEAR": None,
        "OK": False,
        "MIXED": {"a": 1},
    },
]
Write = Callable[[str], Path]


@pytest.fixture
def version(session: Session, city: City) -> LayerVersion:
    """Two features, one of two parts, with attributes of all kinds."""
    return publish(session, city, "A", SHAPES, attributes=ROWS)


@pytest.fixture
def write(session: Session, city: City, version: LayerVersion, tmp_path: Path) -> Write:
    """Write the version to a file of this name."""

    def write_(name: str) -> Path:
        path = tmp_path / "out" / name
        count = export.write_version(session, version.layer, version, path, city=city, stamp=STAMP)
        assert count == 2
        assert trace_of(path).numbers == (STAMP.number,)
        assert [entry.name for entry in path.parent.iterdir()] == [name]
        return path

    return write_


@pytest.mark.parametrize("name", ["a.gpkg", "a.fgb", "a.parquet", "a.geojson"])
def test_shapes_and_values_come_back(write: Write, name: str):
    path = write(name)

    frame = geopandas.read_parquet(path) if name.endswith("parquet") else geopandas.read_file(path)

    assert frame.crs.to_epsg() == (4490 if name.endswith("geojson") else 4550)
    frame = frame.to_crs(4550).sort_values("BSM", ignore_index=True)
    for found, shape in zip(frame.geometry, SHAPES, strict=True):
        assert found.geom_type == "MultiPolygon"
        assert shapely.hausdorff_distance(found, at_origin(shape)) < 1e-3
    assert list(frame["规划用地面积"]) == [1.5, 2.0]
    assert list(frame["规划用地用途"]) == ["住宅", "商" * 100]
    assert frame["YEAR"][0] == 2026 and np.isnan(frame["YEAR"][1])
    assert list(frame["OK"]) == [True, False]
    assert [json.loads(str(v)) if isinstance(v, str) else v for v in frame["MIXED"]] == [1, {"a": 1}]


def test_a_geoparquet_says_what_its_geometry_is(write: Write):
    metadata = pq.read_schema(write("a.parquet")).metadata

    geo = json.loads(metadata[b"geo"])
    assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
    column = geo["columns"]["geometry"]
    assert (column["encoding"], column["geometry_types"]) == ("WKB", ["MultiPolygon"])
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 4550}
    assert column["bbox"] == list(shapely.total_bounds([at_origin(shape) for shape in SHAPES]))


def test_a_shapefile_has_short_names_all_different_and_says_so(write: Write):
    path = write("a.zip")

    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        assert {"A.shp", "A.shx", "A.dbf", "A.prj", "A.cpg", "READ_ME.txt"} == names
        assert archive.read("A.cpg").decode().strip() == "UTF-8"
        words = archive.read("READ_ME.txt").decode()
    assert "字段 规划用地用途 名为 规划用" in words
    assert "字段 规划用地面积 名为 规划_2" in words
    assert "规划用地用途 的文字截至 254 字节" in words
    frame = geopandas.read_file(f"/vsizip/{path}/A.shp")
    assert list(frame["规划_2"]) == [1.5, 2.0]
    assert frame["规划用"][0] == "住宅"
    assert frame["规划用"][1] == "商" * 84
    assert frame.crs.to_epsg() == 4550


@pytest.mark.parametrize("name", ["b.gpkg", "b.geojson"])
def test_attributes_called_as_columns_that_a_file_has_of_its_own_come_back(
    session: Session, city: City, tmp_path: Path, name: str
):
    rows = [
        {"BSM": "1", "fid": 7, "geom": "a", "OGC_FID": "b"},
        {"BSM": "2", "fid": 7, "geom": "c", "OGC_FID": "d"},
    ]
    version = publish(session, city, "B", [square(0, 0, 10), square(20, 0, 10)], attributes=rows)

    path = tmp_path / name
    export.write_version(session, version.layer, version, path, city=city, stamp=STAMP)

    frame = geopandas.read_file(path).rename(columns={"ogc_fid": "OGC_FID"})
    assert frame.drop(columns="geometry").to_dict("records") == rows


def test_names_that_differ_in_case_alone_do_not_meet_in_one_column(
    session: Session, city: City, tmp_path: Path
):
    version = publish(
        session, city, "B", [square(0, 0, 10)], attributes=[{"mc": "a", "MC": "b", "geometry": "c"}]
    )

    path = tmp_path / "b.gpkg"
    export.write_version(session, version.layer, version, path, city=city, stamp=STAMP)

    row = geopandas.read_file(path).iloc[0]
    assert {row["MC"], row["mc_2"], row["geometry_2"]} == {"a", "b", "c"}


@pytest.mark.parametrize("name", ["a.gpkg", "a.parquet", "a.zip", "a.geojson", "a.fgb"])
def test_a_field_of_days_is_one_of_days_again(session: Session, city: City, tmp_path: Path, name: str):
    days = {"PFRQ": "2020-02-29", "NOT": "2021-02-30", "CODE": "0070-01-01", "SOME": "2020-01-01"}
    others = {"PFRQ": None, "NOT": "2020-01-01", "CODE": "2020-01-01", "SOME": "2020-01"}
    stored = publish(session, city, "A", SHAPES, attributes=[days, others])

    path = tmp_path / name
    export.write_version(session, stored.layer, stored, path, city=city, stamp=STAMP)

    if name == "a.geojson":
        rows = [row["properties"] for row in json.loads(path.read_text())["features"]]
    elif name == "a.parquet":
        rows, fields = pq.read_table(path).to_pylist(), pq.read_schema(path)
        assert [field.name for field in fields if pa.types.is_date(field.type)] == ["PFRQ"]
    else:
        rows = pyogrio.raw.read_arrow(path, datetime_as_string=True)[1].to_pylist()
        kinds = dict(zip(*(pyogrio.read_info(path)[key] for key in ("fields", "ogr_types")), strict=True))
        days_alone = [] if name == "a.fgb" else ["PFRQ"]  # a FlatGeobuf has instants alone
        assert [key for key, kind in kinds.items() if kind != "OFTString"] == days_alone
    texts = [{key: None if row[key] is None else str(row[key]) for key in days} for row in rows]
    assert texts == [days, others] or texts == [others, days]


def test_it_is_written_in_batches_and_loses_none(
    session: Session, city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(table, "BATCH", 7)
    monkeypatch.setattr(export, "_ROW_GROUP", 20)
    shapes = [square(20 * n, 0, 10) for n in range(50)]
    version = publish(session, city, "B", shapes, attributes=[{"N": n} for n in range(50)])

    for name in ("b.gpkg", "b.parquet"):
        path = tmp_path / name
        assert export.write_version(session, version.layer, version, path, city=city, stamp=STAMP) == 50
        frame = geopandas.read_parquet(path) if name.endswith("parquet") else geopandas.read_file(path)
        assert list(frame["N"]) == list(range(50))


def test_a_raster_comes_back_as_a_cog_with_its_pixels(
    session: Session, city: City, tmp_path: Path, publish_raster: Publish
):
    values = slope(1100, 1300)
    values[5, 5] = np.nan
    version = publish_raster(write_tif(tmp_path / "slope.tif", values))
    path = tmp_path / "out.tif"

    assert export.write_version(session, version.layer, version, path, city=city, stamp=STAMP) == 0

    assert trace_of(path).numbers == (STAMP.number,)
    with rasterio.open(path) as raster:
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert np.array_equal(raster.read(1), values, equal_nan=True)
        assert raster.overviews(1) == [2, 4]
        assert "STATISTICS_MEAN" in raster.tags(1)
        assert json.loads(raster.tags()["BLUEPRINT_EXPORT"])["number"] == STAMP.number


def test_a_format_that_cannot_hold_the_version_is_refused():
    with pytest.raises(InvalidInputError, match=r"cannot export features to \.tif; use \.gpkg"):
        export.form_of(Path("a.tif"), is_raster=False)
    with pytest.raises(InvalidInputError, match=r"cannot export a raster to \.gpkg; use \.tif"):
        export.form_of(Path("a.gpkg"), is_raster=True)
