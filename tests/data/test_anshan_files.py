"""The shipped files of the sample city of Anshan: sound, named as made up, and what the seeded script makes."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
import shapely
from pandas.testing import assert_frame_equal
from pyproj import Geod

from blueprint.city import City, load_city
from blueprint.errors import InvalidInputError
from blueprint.footprint import read_footprint_file
from blueprint.layers.catalogue import check_definition
from blueprint.layers.catalogue_file import read_catalogue
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "data" / "sample_layers" / "make_anshan.py"
FOLDER = ROOT / "data" / "sample_layers" / "anshan"
MAX_FOLDER_BYTES = 5 << 20

CATALOGUE = read_catalogue(FOLDER / "layers.toml")
PROJECTS: list[dict[str, Any]] = tomllib.loads((FOLDER / "projects.toml").read_text(encoding="utf-8"))[
    "project"
]

VERSIONS = [
    pytest.param(entry.definition, version, id=f"{entry.definition.code}-{version.in_force_from}")
    for entry in CATALOGUE
    for version in entry.versions
    if entry.definition.geometry != "raster"
]
HECTARE_M2 = 10_000
SEVERITIES = {"clear", "inform", "advise", "restrict", "prohibit", "refused"}

LAND_USE_NAMES = {
    "070102": "二类城镇住宅用地", "0702": "城镇社区服务设施用地", "0801": "机关团体用地", "0802": "科研用地",
    "0803": "文化用地", "080403": "中小学用地", "0805": "体育用地", "0806": "医疗卫生用地", "0901": "商业用地",
    "0902": "商务金融用地", "1001": "工业用地", "1101": "物流仓储用地", "1207": "城镇村道路用地", "1303": "供电用地",
    "1401": "公园绿地", "1402": "防护绿地", "1403": "广场用地",
}  # fmt: skip
"""From the Guide of 2023 (用地用海分类指南), typed off it, not taken from the script."""


@pytest.fixture(scope="module")
def city() -> City:
    return load_city(FOLDER / "city.toml")


def read(path: Path, sublayer: str | None = None) -> gpd.GeoDataFrame:
    source = f"/vsizip/{path}" if path.suffix == ".zip" else path
    return gpd.read_file(source, layer=sublayer)


def datasets(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".gpkg", ".geojson", ".zip"}:
            source = f"/vsizip/{path}" if path.suffix == ".zip" else path
            for name, _ in pyogrio.list_layers(source):
                yield path.relative_to(folder), str(name)


def test_the_profile_names_what_the_service_needs(city: City) -> None:
    assert (city.name, city.working_crs, city.rule_set) == ("鞍山市", "EPSG:4550", "anshan-2019")
    assert {d.code: str(d.role) for d in city.departments if d.role != "opinion"} == {
        "ZRZY": "coordinator", "SPJ": "approvals",
    }  # fmt: skip
    assert {d.code for d in city.departments if d.always_asked} == {"FGW", "STHJ"}
    assert len(city.departments) >= 14
    codes = {d.code for d in city.districts}
    assert {d.district for d in city.departments if d.level == "district"} <= codes
    assert len(codes) == 7


def test_every_layer_is_named_as_made_up_and_well_defined(city: City) -> None:
    for entry in CATALOGUE:
        check_definition(entry.definition, city)
        assert entry.definition.title.endswith("（合成示例）")
        assert entry.definition.basis is not None
        assert entry.versions
    colors = [entry.definition.color for entry in CATALOGUE]
    assert len(set(colors)) == len(colors)


@pytest.mark.parametrize(("definition", "version"), VERSIONS)
def test_a_version_opens_and_is_sound(definition: Any, version: Any, city: City) -> None:
    frame = read(version.path, version.sublayer)
    assert len(frame)
    assert shapely.is_valid(frame.geometry.array).all()
    kinds = {kind.removeprefix("Multi") for kind in frame.geom_type.unique()}
    assert kinds == {{"polygon": "Polygon", "line": "LineString", "point": "Point"}[definition.geometry]}
    assert frame["BSM"].is_unique
    assert frame["BSM"].str.fullmatch(r"\d{18}").all()
    counties = {district.code for district in city.districts}
    assert set(frame["XZQDM"]) <= counties
    assert (frame["BSM"].str[:6] == frame["XZQDM"]).all()
    assert (frame["BZ"] == "合成示例").all()
    assert frame[definition.label_field].str.len().gt(0).all()
    assert frame.crs is not None


@pytest.mark.parametrize(("definition", "version"), VERSIONS)
def test_areas_are_those_of_the_ellipsoid(definition: Any, version: Any) -> None:
    frame = read(version.path, version.sublayer)
    if definition.geometry != "polygon":
        assert "MJ" not in frame
        return
    geod = Geod(ellps="GRS80")
    degrees = frame.to_crs(4490)
    areas = [abs(geod.geometry_area_perimeter(shape)[0]) for shape in degrees.geometry]
    # Half a cent of rounding, and a tenth of a millimetre along the edges of shapes of hundreds of km².
    np.testing.assert_allclose(frame["MJ"], areas, atol=0.006, rtol=1e-8)


def test_no_two_layers_of_the_three_lines_overlap() -> None:
    lines = [
        read(version.path, version.sublayer).to_crs(4550).union_all()
        for entry in CATALOGUE
        if entry.definition.code in {"YJJBNT", "STBHHX"}
        for version in entry.versions
    ]
    for version in next(entry.versions for entry in CATALOGUE if entry.definition.code == "CZKFBJ"):
        boundary = read(version.path, version.sublayer).to_crs(4550).union_all()
        for line in lines:
            assert shapely.intersection(boundary, line).area < 1.0
    assert shapely.intersection(*lines).area == 0


def test_districts_tile_the_outline(city: City) -> None:
    outline = json.loads((FOLDER / "boundary.geojson").read_text(encoding="utf-8"))
    districts = json.loads((FOLDER / "districts.geojson").read_text(encoding="utf-8"))
    whole = shapely.geometry.shape(outline["features"][0]["geometry"])
    tiles = np.array([shapely.geometry.shape(f["geometry"]) for f in districts["features"]])
    assert {f["properties"]["XZQDM"] for f in districts["features"]} == {d.code for d in city.districts}
    assert all("合成示例" in f["properties"]["XZQMC"] for f in districts["features"])
    assert shapely.coverage_is_valid(tiles)
    assert shapely.symmetric_difference(shapely.coverage_union_all(tiles), whole).area == 0
    assert whole.covers(shapely.Point(122.9946, 41.1106))


def test_parcels_share_their_edges_and_carry_known_classes() -> None:
    frame = read(FOLDER / "anshan.gpkg", "GHYDYH")
    assert len(frame) >= 2000
    parcels = frame.geometry.array
    assert shapely.coverage_is_valid(np.asarray(parcels))
    union = shapely.coverage_union_all(np.asarray(parcels))
    assert union.geom_type == "Polygon"
    assert not union.interiors
    named = dict(zip(frame["YDYHFLDM"], frame["YDYHFLMC"], strict=True))
    assert {code: LAND_USE_NAMES.get(code) for code in named} == named
    assert frame.groupby("YDYHFLDM")["YS"].nunique().eq(1).all()
    assert frame["YS"].str.fullmatch("#[0-9A-F]{6}").all()


def test_formats_and_crs_are_mixed() -> None:
    suffixes = {version.path.suffix for entry in CATALOGUE for version in entry.versions}
    assert suffixes == {".gpkg", ".zip", ".geojson", ".tif"}
    numbers = {
        read(version.path, version.sublayer).crs.to_epsg()
        for entry in CATALOGUE
        for version in entry.versions
        if version.path.suffix != ".tif"
    }
    assert numbers == {4490, 4529, 4550}
    # A Chinese name in the GBK Shapefile survives.
    assert "老站房旧址" in set(read(FOLDER / "wwbh.zip")["MC"])


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: Path(project["file"]).stem)
def test_a_footprint_is_taken_or_refused_as_said(project: dict[str, Any], city: City) -> None:
    assert project["expected"] in SEVERITIES
    path, scratch = FOLDER / project["file"], Settings().scratch
    if project["expected"] == "refused":
        with pytest.raises(InvalidInputError):
            read_footprint_file(path, city=city, scratch=scratch)
        return
    footprint = read_footprint_file(path, city=city, scratch=scratch)
    assert footprint.geometry.is_valid
    assert 0.5 * HECTARE_M2 < footprint.geometry.area < 20 * HECTARE_M2
    assert not [note for note in footprint.notes if "outside the city" in note]


def test_the_survey_file_is_as_surveyors_write_it() -> None:
    text = (FOLDER / "footprints" / "warehouse_survey.txt").read_bytes().decode("gbk")
    head, _, parcels = text.partition("[地块坐标]\r\n")
    assert head.startswith("[属性描述]\r\n")
    assert "带号=41" in head
    rings: dict[tuple[int, str], list[tuple[float, float]]] = {}
    hectares: list[float] = []
    for line in parcels.splitlines():
        if line.endswith("@"):
            hectares.append(float(line.split(",")[1]))
            continue
        _, ring, north, east = line.split(",")
        assert re.fullmatch(r"45\d{5}\.\d{3}", north)
        assert re.fullmatch(r"41\d{6}\.\d{3}", east)
        rings.setdefault((len(hectares), ring), []).append((float(east), float(north)))
    assert all(ring[0] == ring[-1] for ring in rings.values())
    for number, stated in enumerate(hectares, 1):
        outer, *holes = [ring for (parcel, _), ring in rings.items() if parcel == number]
        assert shapely.Polygon(outer, holes).area / HECTARE_M2 == pytest.approx(stated, abs=1e-4)


def test_the_slope_is_said_to_be_made_up_and_covers_every_footprint(city: City) -> None:
    with rasterio.open(FOLDER / "slope.tif") as raster:
        assert raster.tags()["TIFFTAG_IMAGEDESCRIPTION"] == "合成示例"
        values, covered = raster.read(1), shapely.box(*raster.bounds)
    assert 0 <= values.min() < 3
    assert 25 < values.max() < 60
    for project in PROJECTS:
        if project["expected"] != "refused":
            path = FOLDER / project["file"]
            assert covered.covers(read_footprint_file(path, city=city, scratch=Settings().scratch).geometry)


def test_the_folder_stays_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= MAX_FOLDER_BYTES


def test_making_it_again_gives_the_shipped_files(tmp_path: Path) -> None:
    command = [sys.executable, "-B", str(SCRIPT), str(tmp_path)]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    assert list(datasets(tmp_path)) == list(datasets(FOLDER))
    for path, sublayer in datasets(FOLDER):
        made, shipped = read(tmp_path / path, sublayer), read(FOLDER / path, sublayer)
        assert made.crs == shipped.crs, path
        assert_frame_equal(
            pd.DataFrame(made.drop(columns="geometry")),
            pd.DataFrame(shipped.drop(columns="geometry")),
            atol=0.011,
        )
        assert shapely.equals_exact(made.geometry.array, shipped.geometry.array, tolerance=2e-4).all(), path
    with rasterio.open(tmp_path / "slope.tif") as made, rasterio.open(FOLDER / "slope.tif") as shipped:
        assert (made.crs, made.transform) == (shipped.crs, shipped.transform)
        np.testing.assert_array_equal(made.read(1), shipped.read(1))
    for name in ("layers.toml", "projects.toml", "footprints/warehouse_survey.txt"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name
