"""The engine against shapely, pyproj.Geod and PostGIS on whole features, on shapes that hypothesis makes."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City, polygonal
from blueprint.overlay import NOISE_M, find_overlaps
from blueprint.snapshot import take_snapshot
from tests.made import at_origin, geodesic_m2, publish

TODAY = date(2026, 11, 23)
AWAY_M = (0.0, -65_000.0, 55_000.0)
"""Metres from the central meridian: to the city's western and eastern ends."""

_side = st.integers(min_value=1, max_value=12)
_corner = st.integers(min_value=0, max_value=24)
_lattice_box = st.builds(
    lambda x, y, w, h: shapely.box(10 * x, 10 * y, 10 * (x + w), 10 * (y + h)), _corner, _corner, _side, _side
)
_triangle = st.builds(
    lambda points: shapely.Polygon([(10 * x, 10 * y) for x, y in points]),
    st.lists(st.tuples(_corner, _corner), min_size=3, max_size=3, unique=True),
).filter(lambda triangle: triangle.is_valid and triangle.area > 0)
_blob = st.builds(
    lambda angles, radii, x, y: shapely.Polygon(
        [(x + r * np.cos(a), y + r * np.sin(a)) for a, r in zip(sorted(angles), radii, strict=False)]
    ),
    st.lists(st.floats(0, 6.28), min_size=5, max_size=40, unique=True),
    st.lists(st.floats(20, 150), min_size=40, max_size=40),
    st.floats(0, 240),
    st.floats(0, 240),
).filter(lambda blob: blob.is_valid and blob.area > 1)
_piece = st.one_of(_lattice_box, _triangle, _blob)


@st.composite
def areas(draw: st.DrawFn) -> shapely.MultiPolygon:
    """A valid polygon or several, often with holes, touching edges, collinear parts and shared vertices."""
    kept = shapely.union_all(draw(st.lists(_piece, min_size=1, max_size=4)))
    holes = shapely.union_all(draw(st.lists(_piece, max_size=3)))
    shape = polygonal(shapely.set_precision(shapely.difference(kept, holes), 0.001))
    # As at intake, a shape must be valid where it is stored: far from zero coordinates are coarser.
    is_sound = not shape.is_empty and all(at_origin(_move(shape, away_m)).is_valid for away_m in AWAY_M)
    return shape if is_sound else polygonal(draw(_lattice_box))


@dataclass(frozen=True)
class Case:
    """A footprint, the features of one layer, and how far from the central meridian they lie in metres."""

    site: shapely.MultiPolygon
    features: list[shapely.MultiPolygon]
    away_m: float


cases = st.builds(
    Case, site=areas(), features=st.lists(areas(), min_size=1, max_size=5), away_m=st.sampled_from(AWAY_M)
)
bounded = settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)


def _move(shape: shapely.Geometry, metres: float) -> shapely.Geometry:
    return shapely.transform(shape, lambda xy: xy + np.array([metres, 0.0]))


def _expected(case: Case) -> dict[int, shapely.Geometry]:
    """Feature number to what it shares with the site, where that is more than a touch."""
    site = at_origin(_move(case.site, case.away_m))
    shared = {
        n: polygonal(shapely.intersection(site, at_origin(_move(f, case.away_m))))
        for n, f in enumerate(case.features, 1)
    }
    return {n: shape for n, shape in shared.items() if 2 * shape.area > NOISE_M * shape.length}


@bounded
@given(case=cases)
def test_areas_equal_shapely_geod_and_whole_features(session: Session, city: City, case: Case):
    """In the plane shapely's to a millionth, on the ellipsoid Geod's to a hundredth of a square metre, and by parts what
    PostGIS finds of whole features."""
    site = at_origin(_move(case.site, case.away_m))
    features = [_move(f, case.away_m) for f in case.features]
    with session.begin_nested() as savepoint:
        version = publish(session, city, "A", features, tolerance_m2=0, sliver_width_m=0)
        layers = [layer for layer in take_snapshot(session, TODAY).layers if layer.version_id == version.id]
        plane = find_overlaps(session, site, layers, city=replace(city, area_measure=AreaMeasure.PLANE))
        ellipsoid = find_overlaps(session, site, layers, city=city)
        whole = session.execute(
            text(
                "SELECT feature_id, ST_Area(ST_Intersection(ST_SetSRID(ST_GeomFromWKB(:site), :srid), geom))"
                " FROM blueprint.feature WHERE version_id = :version_id"
            ),
            {"site": shapely.to_wkb(site), "srid": city.working_srid, "version_id": version.id},
        ).all()
        savepoint.rollback()

    expected = _expected(case)
    in_plane = {overlap.feature_id: overlap.overlap_m2 for overlap in plane.overlaps}
    on_ellipsoid = {overlap.feature_id: overlap.overlap_m2 for overlap in ellipsoid.overlaps}
    assert in_plane.keys() == on_ellipsoid.keys() == expected.keys()
    for number, shape in expected.items():
        assert in_plane[number] == pytest.approx(shape.area, rel=1e-6, abs=1e-6)
        assert on_ellipsoid[number] == pytest.approx(geodesic_m2(shape, city), abs=0.01)
    union = shapely.union_all(list(expected.values())) if expected else shapely.Polygon()
    assert sum(plane.layer_m2.values()) == pytest.approx(union.area, rel=1e-6, abs=1e-6)
    assert ellipsoid.site.area_m2 == pytest.approx(geodesic_m2(site, city), abs=0.01)
    assert plane.ledger.closes and ellipsoid.ledger.closes
    for number, area_m2 in whole:
        assert in_plane.get(number, 0.0) == pytest.approx(area_m2, rel=1e-6, abs=1e-4 * NOISE_M + 1e-6 * 1000)


@bounded
@given(
    site=areas(),
    vertices=st.lists(st.tuples(_corner, _corner), min_size=2, max_size=12).filter(
        lambda points: len(set(points)) > 1
    ),
)
def test_lengths_equal_shapely(
    session: Session, city: City, site: shapely.MultiPolygon, vertices: list[tuple[int, int]]
):
    line = shapely.LineString([(10 * x, 10 * y) for x, y in vertices])
    with session.begin_nested() as savepoint:
        version = publish(session, city, "L", [line])
        layers = [layer for layer in take_snapshot(session, TODAY).layers if layer.version_id == version.id]
        overlay = find_overlaps(session, at_origin(site), layers, city=city)
        savepoint.rollback()

    shared_m = shapely.intersection(at_origin(site), at_origin(line)).length
    found_m = sum(overlay.layer_m.values())
    assert found_m == pytest.approx(shared_m, rel=1e-6, abs=1e-6)
