"""What is cut in compiled loops is what GEOS cuts, and what is not plain is left to it."""

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from blueprint.outline_walk import APART, AROUND, CROSSED, INSIDE, OPEN
from coordination.plan_audit.cutting import Cut, cut, outlines_of
from tests.made import square

RADII = st.lists(st.integers(1, 100), min_size=3, max_size=24)
SHIFT = st.integers(-150, 150)


def cut_pair(one: shapely.Geometry, other: shapely.Geometry) -> Cut:
    first, second = np.array([one], dtype=object), np.array([other], dtype=object)
    row = np.array([0])
    return cut(first, second, (outlines_of(first), outlines_of(second)), row, row)


def star(radii: list[int], x: float, y: float) -> shapely.Polygon:
    """A ragged shape, far from the origin as a city is."""
    turns = np.arange(len(radii)) / len(radii) * 2 * np.pi
    points = np.array(radii)[:, np.newaxis] * np.column_stack([np.cos(turns), np.sin(turns)])
    return shapely.Polygon(points + np.array([500_000.3 + x, 4_550_000.7 + y]))


@settings(deadline=None)  # the first one compiles
@given(RADII, RADII, SHIFT, SHIFT)
def test_what_is_cut_is_what_geos_cuts(radii, others, x, y):
    one, other = star(radii, 0, 0), star(others, x, y)

    found = cut_pair(one, other)

    expected = shapely.intersection(one, other)
    relation, shape = found.relations[0], found.shapes[0]
    if relation == OPEN:
        return
    if relation == APART:
        assert expected.area == 0
        return
    assert shape.is_valid
    assert len(shapely.get_parts(shape)) == len(shapely.get_parts(expected))
    assert shapely.hausdorff_distance(shape, expected) < 1e-5
    assert abs(shape.area - expected.area) < 1e-6


def test_outlines_that_cross_often_share_several_parts():
    comb = shapely.Polygon(
        [(0, 0), (9, 0), (9, 9), (8, 9), (8, 1), (5, 1), (5, 9), (4, 9), (4, 1), (1, 1), (1, 9), (0, 9)]
    )

    found = cut_pair(comb, shapely.box(-1, 5, 10, 7))

    assert found.relations[0] == CROSSED
    assert (found.shapes[0].geom_type, len(found.shapes[0].geoms), found.shapes[0].area) == (
        "MultiPolygon",
        3,
        6,
    )
    assert not any(part.exterior.is_ccw for part in found.shapes[0].geoms)


def test_what_lies_inside_or_around_is_not_cut():
    large, small = square(0, 0, 100), square(10, 10, 5)

    assert cut_pair(large, small).relations[0] == INSIDE
    assert cut_pair(large, small).shapes[0].equals_exact(small)
    assert cut_pair(small, large).relations[0] == AROUND
    assert cut_pair(small, square(50, 50, 5)).relations[0] == APART


def test_what_touches_or_has_holes_or_parts_is_left_to_geos():
    one = square(0, 0, 100)
    frame = shapely.box(50, 50, 200, 200).difference(shapely.box(60, 60, 70, 70))

    for other in (
        square(100, 0, 100),
        square(0, 0, 100),
        square(50, 0, 100),
        frame,
        shapely.MultiPolygon([square(50, 50, 100), square(300, 300, 10)]),
        shapely.Polygon([(100, 50), (200, 0), (200, 100)]),
    ):
        assert cut_pair(one, other).relations[0] == OPEN
        assert cut_pair(one, other).shapes[0] is None
