"""Zonal statistics against brute force: every pixel cut by the outline with shapely, one by one."""

import csv
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from blueprint.city import polygonal
from blueprint.rasters.values import Threshold
from blueprint.rasters.zonal import Zonal, measure
from tests.made import at_origin, square
from tests.rasters import north_up, slope, write_tif

ZION = Path(__file__).resolve().parents[4] / "shared" / "data" / "zion_landcover"


def brute_force(path: Path, footprint: shapely.Geometry, threshold: Threshold) -> dict[str, float]:
    """The same figures, pixel by pixel."""
    with rasterio.open(path) as raster:
        values, t = raster.read(1, masked=True), raster.transform
    rows, columns = np.indices(values.shape)
    west, north = t.c + t.a * columns, t.f + t.e * rows
    boxes = shapely.box(west, north + t.e, west + t.a, north)
    areas = shapely.area(shapely.intersection(boxes, footprint))
    known = ~np.ma.getmaskarray(values) & (areas > 0)
    numbers, weights = values.data[known].astype(float), areas[known]
    holds = threshold.holds_for(numbers)
    return {
        "known": weights.sum() / footprint.area,
        "met": weights[holds].sum() / footprint.area,
        "mean": (numbers * weights).sum() / weights.sum() if weights.sum() else np.nan,
        "minimum": numbers.min() if numbers.size else np.nan,
        "maximum": numbers.max() if numbers.size else np.nan,
    }


def agree(found: Zonal, expected: dict[str, float]) -> None:
    """Hold figures to brute force: shares are known to 1e-7."""
    assert found.known_share == pytest.approx(expected["known"], abs=1e-6)
    assert found.met_share == pytest.approx(expected["met"], abs=1e-6)
    if found.mean is not None:
        assert found.mean == pytest.approx(expected["mean"], rel=1e-5)
        assert (found.minimum, found.maximum) == (expected["minimum"], expected["maximum"])


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 × 120 pixels of 10 m with values 0 to 50, a tenth of them missing."""
    random = np.random.default_rng(210300)
    values = random.uniform(0, 50, (100, 120)).astype(np.float32)
    values[random.random(values.shape) < 0.1] = np.nan
    return write_tif(tmp_path_factory.mktemp("zonal") / "noise.tif", values, nodata=np.nan)


corner = st.tuples(st.integers(-200, 1400), st.integers(-200, 1200))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(corner, min_size=3, max_size=8, unique=True), st.floats(0, 50))
def test_any_footprint_agrees_with_brute_force(noise: Path, corners: list[tuple[int, int]], limit: float):
    hull = shapely.MultiPoint(corners).convex_hull
    if hull.geom_type != "Polygon" or hull.area < 1:
        return
    footprint = at_origin(shapely.MultiPolygon([hull]))
    threshold = Threshold(above=limit)

    found = measure(noise, footprint, threshold, value_kind="continuous")

    agree(found, brute_force(noise, footprint, threshold))
    if found.is_hit(threshold):
        assert found.zone is not None
        assert found.zone.area / footprint.area == pytest.approx(found.met_share, abs=1e-6)


def test_a_footprint_with_holes_and_parts(noise: Path):
    ring = square(100, 100, 400).difference(square(203, 207, 111))
    footprint = at_origin(shapely.MultiPolygon([ring, square(633.3, 122.2, 57.7)]))
    threshold = Threshold(below=10, above=40)

    agree(
        measure(noise, footprint, threshold, value_kind="continuous"),
        brute_force(noise, footprint, threshold),
    )


def test_blocks_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noise: Path):
    footprint = at_origin(shapely.MultiPolygon([shapely.Point(600, 500).buffer(433)]))
    threshold = Threshold(above=25)
    whole = measure(noise, footprint, threshold, value_kind="continuous")

    monkeypatch.setattr("blueprint.rasters.zonal.BLOCK", 16)
    pieces = measure(noise, footprint, threshold, value_kind="continuous")

    assert pieces.met_share == pytest.approx(whole.met_share, abs=1e-7)
    assert pieces.mean == pytest.approx(whole.mean, rel=1e-7)
    assert pieces.zone is not None and whole.zone is not None
    assert pieces.zone.symmetric_difference(whole.zone).area < 1e-6


def test_along_pixel_edges_the_shares_are_whole_numbers(tmp_path: Path):
    path = write_tif(tmp_path / "slope.tif", slope())
    footprint = at_origin(shapely.MultiPolygon([square(100, 100, 200)]))

    found = measure(path, footprint, Threshold(above=19, share=0.1), value_kind="continuous")

    assert found.met_share == pytest.approx(0.5, abs=1e-9)
    assert (found.minimum, found.maximum, found.mean) == (10, 29, pytest.approx(19.5, abs=1e-9))
    assert found.zone is not None
    assert found.zone.equals(at_origin(shapely.box(200, 100, 300, 300)))


def test_what_is_left_beside_pixels_that_are_cut_off_has_their_shares(tmp_path: Path):
    """As a trim by a raster leaves it: spikes along the edges of pixels gave a thousand square metres too much, or ended the process."""
    everywhere = write_tif(tmp_path / "ones.tif", np.ones((40, 40), dtype=np.float32))
    for seed in range(300):
        random = np.random.default_rng(seed)
        disc = shapely.Point(*random.uniform(70, 250, 2)).buffer(random.uniform(8, 60))
        corners, sides = random.integers(0, 28, (4, 2)) * 10, random.integers(1, 8, (4, 2)) * 10
        pixels = shapely.union_all(shapely.box(*corners.T, *(corners + sides).T))
        footprint = polygonal(at_origin(shapely.difference(disc, shapely.intersection(disc, pixels))))
        if not footprint.is_empty and footprint.is_valid:
            found = measure(everywhere, footprint, Threshold(above=5), value_kind="continuous")
            assert found.known_share == pytest.approx(1, abs=1e-6), seed


def test_beyond_the_raster_nothing_is_known(tmp_path: Path):
    path = write_tif(tmp_path / "slope.tif", slope())
    footprint = at_origin(shapely.MultiPolygon([shapely.box(-100, 0, 100, 100)]))

    found = measure(path, footprint, Threshold(above=-1), value_kind="continuous")

    assert found.known_share == pytest.approx(0.5, abs=1e-9)
    assert measure(
        path, at_origin(shapely.MultiPolygon([square(5000, 0, 10)])), Threshold(), value_kind="continuous"
    ) == Zonal(0.0, 0.0, None, None, None, None)


def test_classes_have_their_shares(tmp_path: Path):
    values = np.array([[1, 1, 2, 2], [1, 3, 2, 2]], dtype=np.uint8)
    path = write_tif(tmp_path / "classes.tif", values, transform=north_up(height=2))
    footprint = at_origin(shapely.MultiPolygon([shapely.box(0, 0, 20, 20)]))

    found = measure(path, footprint, Threshold(values=(1, 2)), value_kind="classes")

    assert found.class_shares == {1: pytest.approx(0.75), 3: pytest.approx(0.25)}
    assert found.met_share == pytest.approx(0.75)


@pytest.mark.skipif(not (ZION / "scenario").is_dir(), reason="the land cover of Zion is not here")
def test_land_cover_of_a_real_park_is_as_computed_elsewhere():
    meta, _, wkb, _ = pyogrio.raw.read(str(ZION / "zion.gpkg"))
    with rasterio.open(ZION / "nlcd.tif") as raster:
        target = CRS.from_wkt(raster.crs.to_wkt())
    move = Transformer.from_crs(CRS.from_user_input(meta["crs"]), target, always_xy=True)
    park = polygonal(
        shapely.transform(
            shapely.from_wkb(wkb)[0], lambda xy: np.column_stack(move.transform(xy[:, 0], xy[:, 1]))
        )
    )

    found = measure(ZION / "nlcd.tif", park, Threshold(values=(4,)), value_kind="classes")

    assert found.class_shares is not None
    with (ZION / "scenario" / "expected_landcover.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if float(row["area_exact_m2"]) > 0]
    assert len(rows) >= 5
    for row in rows:
        area_m2 = found.class_shares.get(int(row["nlcd_class"]), 0.0) * park.area
        assert area_m2 == pytest.approx(float(row["area_exact_m2"]), abs=1)


@pytest.mark.parametrize("bound", [15.1, 45.3, 45.7, 100.2])
def test_a_pixel_that_is_just_the_threshold_is_neither_above_nor_below_it(tmp_path: Path, bound: float):
    """In single precision 15.1 is a little more than 15.1, and 45.3 a little less."""
    path = write_tif(tmp_path / "even.tif", np.full((10, 10), bound, dtype=np.float32))
    site = at_origin(shapely.MultiPolygon([square(0, 0, 50)]))

    for threshold in (Threshold(above=bound), Threshold(below=bound)):
        assert measure(path, site, threshold, value_kind="continuous").met_share == 0
    assert measure(path, site, Threshold(above=bound - 0.01), value_kind="continuous").met_share == 1


def test_a_share_that_is_just_the_threshold_is_not_more_than_it():
    def is_hit(share: float, least: float) -> bool:
        return Zonal(1, share, None, None, None, None).is_hit(Threshold(above=1, share=least))

    assert not is_hit(0.3 + 1e-8, 0.3)
    assert is_hit(0.3 + 1e-6, 0.3)
    assert not is_hit(1e-8, 0)
