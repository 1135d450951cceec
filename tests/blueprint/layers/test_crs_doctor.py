"""The CRS doctor: which system the numbers of a file fit, in the city, and the shifts of map services."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import Transformer
from shapely.geometry import shape

from blueprint.city import City
from blueprint.crs import best_operation
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.crs_doctor import Confidence, suggest
from blueprint.layers.map_shift import from_bd09, from_gcj02, recognise_shift, to_bd09, to_gcj02
from blueprint.sentences import Sentence
from tests.badfiles import LAT, LON

BOUNDARIES = Path(__file__).resolve().parents[4] / "shared" / "data" / "anshan_boundaries"

ALONG = np.array([[LON + n * 0.0009, LAT + n * 0.0006] for n in range(60)])
"""Places in Anshan, degrees."""


def in_crs(crs: str) -> np.ndarray:
    x, y = Transformer.from_crs("EPSG:4490", crs, always_xy=True).transform(ALONG[:, 0], ALONG[:, 1])
    return np.column_stack([x, y])


@pytest.mark.parametrize(
    ("crs", "also"),
    [
        ("EPSG:4490", ()),
        ("EPSG:4550", ("EPSG:4510",)),  # zone 41 of 3 degrees and zone 21 of 6 degrees have one meridian
        ("EPSG:4529", ()),
        ("EPSG:4549", ()),
        ("EPSG:4528", ()),
        ("EPSG:4499", ()),
        ("EPSG:3857", ()),
    ],
)
def test_numbers_in_any_zone_are_known_by_where_they_fall(crs: str, also: tuple[str, ...], city: City):
    guess = suggest(in_crs(crs), jurisdiction(city), working_crs=city.working_crs)[0]

    assert (guess.crs, guess.also) == (crs, also)
    assert guess.confidence is Confidence.SURE
    assert guess.share_inside == 1.0
    assert guess.is_acceptable


def test_an_easting_with_its_zone_is_told_from_one_without(city: City):
    with_zone = suggest(in_crs("EPSG:4529"), jurisdiction(city), working_crs=city.working_crs)[0]
    without = suggest(in_crs("EPSG:4550"), jurisdiction(city), working_crs=city.working_crs)[0]

    assert "8 digits" in with_zone.sentence().english
    assert "6 digits" in without.sentence().english


@pytest.mark.parametrize("crs", ["EPSG:4490", "EPSG:4550", "EPSG:4529"])
def test_swapped_axes_are_said_and_not_accepted(crs: str, city: City):
    guess = suggest(in_crs(crs)[:, ::-1], jurisdiction(city), working_crs=city.working_crs)[0]

    assert guess.swapped and guess.crs == crs
    assert not guess.is_acceptable
    assert "swapped" in guess.sentence().english


def test_a_drawing_in_millimetres_is_known(city: City):
    guess = suggest(in_crs("EPSG:4550") * 1000, jurisdiction(city), working_crs=city.working_crs)[0]

    assert guess.scale == 0.001
    assert "millimetres" in guess.sentence().english


def test_data_of_another_city_fit_nothing(city: City):
    beijing = np.array([[116.4 + n * 0.001, 39.9] for n in range(30)])

    assert suggest(beijing, jurisdiction(city), working_crs=city.working_crs) == ()
    assert suggest(np.empty((0, 2)), jurisdiction(city), working_crs=city.working_crs) == ()


def test_the_shifts_of_map_services_are_as_large_as_measured_and_can_be_taken_back():
    to_metres = Transformer.from_crs("EPSG:4490", "EPSG:4550", always_xy=True)
    shifted = to_gcj02(ALONG)
    moved = np.column_stack(to_metres.transform(*shifted.T)) - np.column_stack(to_metres.transform(*ALONG.T))

    assert moved[:, 0].min() >= 435 and moved[:, 0].max() <= 485
    assert moved[:, 1].min() >= 165 and moved[:, 1].max() <= 238
    assert np.abs(from_gcj02(shifted) - ALONG).max() < 1e-7
    assert np.abs(from_bd09(to_bd09(ALONG)) - ALONG).max() < 1e-7


@pytest.mark.parametrize(("system", "shift"), [("GCJ-02", to_gcj02), ("BD-09", to_bd09)])
def test_data_that_lie_on_a_reference_without_their_shift_are_recognised(system: str, shift):
    def share_on(points: np.ndarray) -> float:
        return float((np.abs(points - ALONG) < 1e-6).all(axis=1).mean())

    found = recognise_shift(shift(ALONG), share_on, reference=Sentence("the test"))

    assert found is not None and found.system == system
    assert "CGCS2000" in found.sentence().english
    assert recognise_shift(ALONG, share_on, reference=Sentence("the test")) is None


@pytest.mark.skipif(not BOUNDARIES.exists(), reason="the boundaries of Anshan from two sources are not here")
def test_the_city_as_amap_draws_it_is_recognised_against_the_official_boundary_and_not_the_other_way():
    def load(path: str) -> list[shapely.Geometry]:
        document = json.loads((BOUNDARIES / path).read_text(encoding="utf-8"))
        features = document.get("features", [{"geometry": document.get("geometry", document)}])
        return [shape(feature["geometry"]) for feature in features]

    def metres(points: np.ndarray) -> np.ndarray:
        placed = best_operation("EPSG:4490", "EPSG:4550").apply(np.asarray(shapely.points(points)))
        return shapely.get_coordinates(placed)

    official = load("tianditu_cgcs2000_fastgeocn/anshan_district.geojson")
    lines = shapely.union_all(
        [
            shapely.boundary(shapely.transform(area, lambda xy: np.column_stack(metres(xy).T)))
            for area in official
        ]
    )

    def share_on(points: np.ndarray) -> float:
        return float(shapely.dwithin(lines, shapely.points(metres(points)), 150.0).mean())

    amap = np.concatenate([shapely.get_coordinates(a) for a in load("amap_gcj02_cnmaps/210300.geojson")])
    own = np.concatenate([shapely.get_coordinates(area) for area in official])

    found = recognise_shift(amap[::10], share_on, reference=Sentence("the official boundary"))
    assert found is not None and found.system == "GCJ-02"
    assert recognise_shift(own[::30], share_on, reference=Sentence("the official boundary")) is None
