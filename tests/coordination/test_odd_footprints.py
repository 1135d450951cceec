"""Odd footprints, as they come from GeoJSON: the check's areas, lengths, points, outside and ledger against shapely alone."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Proj, Transformer
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City, polygonal
from blueprint.errors import InvalidInputError
from blueprint.footprint import footprint_from_geojson
from blueprint.jurisdiction import jurisdiction
from blueprint.permissions import at_console
from coordination.checks import run_check
from tests.coordination.world import SCRATCH, TODAY
from tests.made import GEOD, ORIGIN, at_origin, publish, square

RING = shapely.box(0, 0, 90, 90) - shapely.box(30, 30, 60, 60)
LAYERS: Mapping[str, tuple[str, list[BaseGeometry], dict[str, Any]]] = {
    "FARM": ("prohibit", [RING, shapely.box(100, 0, 140, 40), shapely.box(140, 0, 180, 40)], {}),
    "RIVER": ("restrict", [shapely.box(-20, 40, 200, 70), shapely.box(10, 20, 40, 120), square(60, 60, 60)], {}),
    "VIEW": ("advise", [shapely.Point(80, 80).buffer(70, quad_segs=4)], {}),
    "EDGE": ("advise", [shapely.box(-500, -500, 500, 100)], {"conflict_when": "outside"}),
    "ROAD": ("restrict", [shapely.LineString([(0, 90), (90, 90), (90, -10)]), shapely.LineString([(-30, 15), (220, 15)])], {}),
    "WELL": ("restrict", [shapely.Point(0, 0), shapely.Point(30, 30), shapely.Point(45, 45), shapely.Point(200, 5)], {}),
}  # fmt: skip

FOOTPRINTS: dict[str, Any] = {
    "a ring that touches itself at a point": {
        "type": "Polygon",
        "coordinates": [[[0, 0], [60, 0], [60, 60], [30, 60], [40, 30], [20, 30], [30, 60], [0, 60], [0, 0]]],
    },
    "two triangles that touch at a point": {
        "type": "Polygon",
        "coordinates": [[[0, 0], [30, 30], [60, 0], [60, 60], [30, 30], [0, 60], [0, 0]]],
    },
    "a hole that touches the outline at a point": {
        "type": "Polygon",
        "coordinates": [[[0, 0], [100, 0], [100, 100], [0, 100], [0, 0]], [[0, 50], [40, 70], [40, 30], [0, 50]]],
    },
    "a hole that equals a feature": mapping(shapely.box(80, -20, 200, 60) - shapely.box(100, 0, 140, 40)),
    "the hole of a feature": mapping(shapely.box(30, 30, 60, 60)),
    "a feature exactly": mapping(RING),
    "two features together": mapping(shapely.box(100, 0, 180, 40)),
    "forty parcels that touch": mapping(
        shapely.MultiPolygon([square(x, y, 10) for x in range(-20, 180, 20) for y in range(-10, 70, 20)])
    ),
    "parcels that share edges": {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {}, "geometry": mapping(square(x, y, 25))}
            for x in range(-25, 150, 25)
            for y in range(0, 100, 25)
        ],
    },
    "parcels that overlap": {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {}, "geometry": mapping(square(x, 20, 40))} for x in (0, 15, 60)
        ],
    },
    "drawn clockwise": {"type": "Polygon", "coordinates": [[[0, 0], [0, 95], [95, 95], [95, 0], [0, 0]]]},
    "a corner given many times": {
        "type": "Polygon",
        "coordinates": [[[5, 5], [5, 5], [95, 5], [95, 5], [95, 105], [5, 105], [5, 105], [5, 5]]],
    },
    "a sliver of a tenth of a millimetre": mapping(shapely.box(90 - 1e-4, 10, 99, 80)),
    "as far beside": mapping(shapely.box(90 + 1e-4, 10, 99, 80)),
    "touching along an edge": mapping(shapely.box(90, 10, 99, 80)),
    "across the layer whose outside is the conflict": mapping(shapely.box(-40, 60, 250, 130)),
    "a needle of a millimetre": mapping(shapely.box(-30, 50, 220, 50.001)),
    "teeth of a comb": mapping(shapely.union_all([shapely.box(-10, -10, 190, 0), *(shapely.box(x, -1, x + 2, 125) for x in range(0, 180, 7))])),
    "turned by an odd angle": mapping(shapely.affinity.rotate(shapely.box(-30, -30, 170, 110), 33.33)),
}  # fmt: skip


def _placed(document: Any) -> Any:
    """A GeoJSON of local metres at its place in the city."""
    if isinstance(document, list | tuple):
        if document and isinstance(document[0], int | float):
            return [document[0] + ORIGIN[0], document[1] + ORIGIN[1]]
        return [_placed(item) for item in document]
    if isinstance(document, dict):
        return {
            key: _placed(value) if key in ("coordinates", "geometry", "features") else value
            for key, value in document.items()
        }
    return document


def test_what_is_measured_of_odd_footprints_is_what_shapely_says(session: Session, city: City):
    """Everything that is not thinner than a micrometre; tolerances are 0, so that slivers are conflicts."""
    city = replace(city, area_measure=AreaMeasure.PLANE, rules_path=None)
    shapes = {}
    for code, (control, features, definition) in LAYERS.items():
        publish(
            session, city, code, features, control=control, tolerance_m2=0, sliver_width_m=0, **definition
        )
        shapes[code] = [at_origin(feature) for feature in features]

    wrong = {name: _wrong(session, city, document, shapes) for name, document in FOOTPRINTS.items()}

    assert {name: told for name, told in wrong.items() if told} == {}


def _wrong(
    session: Session, city: City, document: Any, shapes: Mapping[str, list[BaseGeometry]]
) -> list[str]:
    """What the check of a footprint says otherwise than shapely."""
    footprint = footprint_from_geojson(_placed(document), city=city, scratch=SCRATCH, crs="EPSG:4550")
    report = run_check(session, footprint, city=city, actor=at_console("test"), on=TODAY)
    given = document["features"] if document["type"] == "FeatureCollection" else [{"geometry": document}]
    # Areas are made valid here by their lines, which is not how the program mends.
    site = at_origin(
        shapely.union_all([shapely.make_valid(shapely.geometry.shape(f["geometry"])) for f in given])
    )
    told = {layer.code: layer for layer in report.layers}
    wrong = []

    def compare(what: str, said: float | None, expected: float) -> None:
        if said is None or abs(said - expected) > 1e-6 * max(1.0, expected):
            wrong.append(f"{what}: {said} instead of {expected}")

    compare("area", report.footprint.area_m2, site.area)
    compare("perimeter", report.footprint.perimeter_m, site.length)
    areas = {}
    for code, features in shapes.items():
        _, _, definition = LAYERS[code]
        kind = features[0].geom_type
        if kind == "Point":
            compare(
                f"{code} points", told[code].point_count, sum(site.intersects(point) for point in features)
            )
        elif kind == "LineString":
            cut = [line.intersection(site) for line in features]
            compare(
                f"{code} length", told[code].length_m, shapely.union_all([c for c in cut if c.length]).length
            )
        else:
            union = shapely.union_all(features)
            met = site.difference(union) if definition else site.intersection(union)
            areas[code] = polygonal(met)
            compare(f"{code} area", told[code].overlap_m2, areas[code].area)
            sums = areas[code].area if definition else sum(polygonal(site & f).area for f in features)
            compare(f"{code} sum", told[code].overlap_sum_m2, sums)
            hits = (
                bool(areas[code].area > 0)
                if definition
                else sum(polygonal(site & f).area > 0 for f in features)
            )
            compare(f"{code} features", told[code].feature_count, hits)
    ledger = report.ledger
    prohibited, restricted = areas["FARM"], areas["RIVER"]
    advised = areas["VIEW"] | areas["EDGE"]
    compare("prohibited", ledger.prohibited_m2, prohibited.area)
    compare("restricted", ledger.restricted_m2, (restricted - prohibited).area)
    compare("advised", ledger.advised_m2, (advised - restricted - prohibited).area)
    compare("free", ledger.conflict_free_m2, (site - advised - restricted - prohibited).area)
    if not ledger.closes:
        wrong.append("the ledger does not close")
    return wrong


def test_a_footprint_across_the_city_s_edge_is_checked_whole_and_what_lies_outside_is_said(
    session: Session, city: City
):
    """The outline's westernmost corner, 300 m around: the part outside is measured, and is in the ledger as any other."""
    city = replace(city, area_measure=AreaMeasure.PLANE, rules_path=None)
    outline = jurisdiction(city).outline
    assert outline is not None
    corners = shapely.get_coordinates(outline)
    east, north = corners[np.argmin(corners[:, 0])]
    site = shapely.box(east - 300, north - 300, east + 300, north + 300)
    west = shapely.box(east - 300, north - 300, east, north + 300)
    local = shapely.transform(west, lambda xy: xy - ORIGIN)
    publish(session, city, "WEST", [local], control="prohibit")

    footprint = footprint_from_geojson(mapping(site), city=city, scratch=SCRATCH, crs="EPSG:4550")
    report = run_check(session, footprint, city=city, actor=at_console("test"), on=TODAY)

    outside_m2 = site.difference(outline).area
    assert [note for note in report.notes if "outside" in note] == [
        f"用地有 {outside_m2:.2f} m² 位于市域之外 {outside_m2:.2f} m² of the footprint lie outside the city"
    ]
    assert report.ledger.prohibited_m2 == pytest.approx(180_000)
    assert report.ledger.conflict_free_m2 == pytest.approx(180_000) and report.ledger.closes


MERIDIAN = 124.5
"""Between the 3-degree zones 41 and 42, 126 km from the central meridian of the city's own zone."""


@pytest.fixture
def city_on_the_edge(city: City, tmp_path: Path) -> City:
    """A city of zone 41 that reaches into zone 42, by a boundary of its own."""
    path = tmp_path / "boundary.geojson"
    outline = mapping(shapely.box(MERIDIAN - 0.3, 40.95, MERIDIAN + 0.3, 41.25))
    feature = {"type": "Feature", "properties": {}, "geometry": outline}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    return replace(city, boundary_path=path, rules_path=None)


def _in(crs: str, shape: BaseGeometry) -> BaseGeometry:
    """A shape of degrees in another system, x before y."""
    move = Transformer.from_crs("EPSG:4490", crs, always_xy=True)
    return shapely.transform(shape, lambda xy: np.column_stack(move.transform(xy[:, 0], xy[:, 1])))


def _geodesic_m2(shape: BaseGeometry) -> float:
    return abs(GEOD.geometry_area_perimeter(shape)[0])


@pytest.mark.parametrize("bounded", [True, False], ids=["with an outline", "where its CRS holds"])
def test_a_footprint_across_two_zones_is_measured_alike_in_the_coordinates_of_either(
    session: Session, city: City, city_on_the_edge: City, bounded: bool
):
    """65 m by 55 m across the meridian where zones meet, in degrees and in metres of both zones, with and without prefix."""
    city = city_on_the_edge if bounded else replace(city_on_the_edge, boundary_path=None)
    site = shapely.box(MERIDIAN - 4e-4, 41.1, MERIDIAN + 4e-4, 41.1005)
    east = shapely.box(MERIDIAN, 41.09, MERIDIAN + 0.01, 41.11)
    band = shapely.transform(_in(city.working_crs, shapely.segmentize(east, 1e-4)), lambda xy: xy - ORIGIN)
    publish(session, city, "EAST", [band], control="prohibit")

    reports = {}
    for crs in ("OGC:CRS84", "EPSG:4490", "EPSG:4550", "EPSG:4529", "EPSG:4551", "EPSG:4530", "EPSG:4510"):
        given = site if crs in ("OGC:CRS84", "EPSG:4490") else _in(crs, site)
        footprint = footprint_from_geojson(mapping(given), city=city, scratch=SCRATCH, crs=crs)
        reports[crs] = run_check(session, footprint, city=city, actor=at_console("test"), on=TODAY)

    half_m2 = _geodesic_m2(shapely.intersection(site, east))
    for crs, report in reports.items():
        assert report.footprint.area_m2 == pytest.approx(_geodesic_m2(site), abs=1e-3), crs
        assert report.ledger.prohibited_m2 == pytest.approx(half_m2, abs=1e-3), crs
        assert report.ledger.closes, crs
        # The plane of the own zone makes areas larger by the square of its scale there: 0.039 %.
        scale = Proj("EPSG:4550").get_factors(MERIDIAN, 41.1).areal_scale
        assert report.footprint.plane_area_m2 == pytest.approx(report.footprint.area_m2 * scale, rel=1e-6)
        assert report.notes == (), crs
        assert [layer.outcome for layer in report.layers] == ["conflict"], crs


def test_a_strip_across_two_zones_has_its_width_on_both_sides(session: Session, city_on_the_edge: City):
    """A road of 20 m along the parallel: its centre line by GEOD, its area by length times width at the zone's scale."""
    city = replace(city_on_the_edge, area_measure=AreaMeasure.PLANE)
    line = shapely.segmentize(shapely.LineString([(MERIDIAN - 0.005, 41.1), (MERIDIAN + 0.005, 41.1)]), 1e-4)
    publish(session, city, "FAR", [shapely.box(0, 0, 1, 1)])

    found = []
    for crs in ("EPSG:4550", "EPSG:4530"):
        document = mapping(_in(crs, line))
        footprint = footprint_from_geojson(document, city=city, scratch=SCRATCH, crs=crs, width_m=20)
        found.append(run_check(session, footprint, city=city, actor=at_console("test"), on=TODAY))

    for report in found:
        assert report.strip is not None
        length_m = report.strip.centre.length
        assert length_m == pytest.approx(_in("EPSG:4550", line).length, abs=1e-3)
        assert report.footprint.area_m2 == pytest.approx(length_m * 20, rel=1e-3)


def test_what_touches_the_city_s_border_from_outside_is_outside_and_from_inside_is_whole(
    session: Session, city: City
):
    """A triangle over three corners of the outline shares two edges with it: one side of them lies inside, the other out."""
    city = replace(city, area_measure=AreaMeasure.PLANE, rules_path=None)
    outline = jurisdiction(city).outline
    assert outline is not None
    ring = shapely.get_coordinates(shapely.get_exterior_ring(shapely.get_parts(outline)[0]))
    corners = [shapely.Polygon(ring[place : place + 3]) for place in range(len(ring) - 3)]
    inside = next(shape for shape in corners if outline.covers(shape) and shape.area > 1000)
    outside = next(s for s in corners if not outline.intersection(s).area > 0 and s.area > 1000)
    publish(session, city, "FARM", [square(0, 0, 10)])

    whole = footprint_from_geojson(mapping(inside), city=city, scratch=SCRATCH, crs="EPSG:4550")
    report = run_check(session, whole, city=city, actor=at_console("test"), on=TODAY)

    assert report.footprint.area_m2 == pytest.approx(inside.area) and report.notes == ()
    with pytest.raises(InvalidInputError, match="lies outside the city"):
        footprint_from_geojson(mapping(outside), city=city, scratch=SCRATCH, crs="EPSG:4550")
    east, north = ring[0]
    point = shapely.box(east - 100, north - 100, east + 100, north + 100) - outline
    with pytest.raises(InvalidInputError, match="lies outside the city"):
        footprint_from_geojson(mapping(point), city=city, scratch=SCRATCH, crs="EPSG:4550")
