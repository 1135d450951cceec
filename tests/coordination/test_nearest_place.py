"""The shortest shift by sums of Minkowski, against sums put together of triangles and against what lies on the taken ground."""

import numpy as np
import pytest
import shapely

from coordination import nearest_place
from coordination.nearest_place import nearest_free
from tests.coordination.test_answers_in_random_worlds import some_polygon


def _by_triangles(site: shapely.MultiPolygon, taken: shapely.Geometry, within_m: float) -> float | None:
    """The length of the shortest shift: the ground and the site are cut into triangles, and every two of them are summed."""
    grounds, pieces = (
        shapely.get_parts(shapely.constrained_delaunay_triangles(shape)) for shape in (taken, site)
    )
    met = [
        shapely.convex_hull(shapely.MultiPoint([g - p for g in ground for p in piece]))
        for ground in (shapely.get_coordinates(each)[:-1] for each in grounds)
        for piece in (shapely.get_coordinates(each)[:-1] for each in pieces)
    ]
    side = shapely.box(-within_m, -within_m, within_m, within_m)
    free = [p for p in shapely.get_parts(shapely.difference(side, shapely.union_all(met))) if p.area > 0.01]
    distance = float(shapely.distance(shapely.Point(0, 0), shapely.MultiPolygon(free)))
    return distance if free and distance <= within_m else None


@pytest.mark.parametrize("seed", range(40))
def test_no_shift_is_shorter_than_the_one_given(seed: int):
    rng = np.random.default_rng(seed)
    parts = [some_polygon(rng, 0, 100) for _ in range(int(rng.integers(1, 3)))]
    site = shapely.MultiPolygon([parts[0], *(p for p in parts[1:] if not shapely.intersects(p, parts[0]))])
    grounds = [some_polygon(rng, -200, 300) for _ in range(int(rng.integers(1, 7)))]
    taken = shapely.union_all([*grounds, shapely.box(20, 20, 60, 60)])
    exact_m = _by_triangles(site, taken, 300)

    found = nearest_free(site, taken, 300)

    assert found.is_exact
    assert (found.shift is None) is (exact_m is None)
    if found.shift is not None:
        by = found.shift
        assert np.hypot(*by) == pytest.approx(exact_m, abs=0.01)
        moved = shapely.transform(site, lambda xy: xy + by)
        assert shapely.intersection(moved, taken).area < 1e-3


def test_a_site_fits_into_a_gap_of_its_own_width():
    site = shapely.MultiPolygon([shapely.box(0, 0, 100, 100)])
    taken = shapely.difference(shapely.box(-300, -300, 400, 400), shapely.box(130, -300, 230, 400))

    found = nearest_free(site, taken, 250)

    assert found.shift is not None and found.shift == pytest.approx([130, 0], abs=0.01)


def test_too_many_edges_are_tried_on_rings_and_said_to_be(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nearest_place, "MAX_SUMS", 10)
    site = shapely.MultiPolygon([shapely.box(0, 0, 100, 100)])
    taken = shapely.union_all([shapely.Point(50, 50).buffer(60), shapely.box(0, 400, 10, 410)])

    found = nearest_free(site, taken, 400)

    assert not found.is_exact and found.shift is not None
    assert np.hypot(*found.shift) == pytest.approx(110, abs=1)
