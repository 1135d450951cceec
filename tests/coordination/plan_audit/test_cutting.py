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


def test_a_spike_whose_sides_cross_an_edge_at_one_place_is_left_to_geos():
    x, y = 500_000.3, 4_550_000.7
    one = shapely.Polygon([(x - 100, y), (x - 100, y - 100), (x + 100, y - 100), (x + 100, y)])
    for width in (1e-3, 1e-5, 1e-6):
        for lean in range(-10_000, 10_001, 500):
            spike = shapely.Polygon(
                [
                    (x + 3, y - 1e-5),
                    (x + 3 + lean + width, y + 1000),
                    (x + 3 + lean - width, y + 1000),
                ]
            )
            for pair in ((one, spike), (spike, one)):
                found = cut_pair(*pair)
                if found.relations[0] != OPEN:
                    assert shapely.area(found.shapes[0]) < 1e-6


def test_a_notch_narrower_than_coordinates_leaves_a_valid_shape():
    x, y = 500_000.3, 4_550_000.7
    one = shapely.box(x - 10, y - 10, x + 10, y)
    notched = shapely.Polygon(
        [
            (x - 20, y + 5),
            (x - 20, y - 5),
            (x + 20, y - 5),
            (x + 20, y + 5),
            (x + 1e-5, y + 5),
            (x, y - 2e-6),
            (x - 1e-5, y + 5),
        ]
    )

    assert cut_pair(one, notched).relations[0] == OPEN


def test_outlines_of_very_many_edges_are_left_to_geos():
    turns = np.arange(1000) / 1000 * 2 * np.pi
    ring = 100 * np.column_stack([np.cos(turns), np.sin(turns)])

    assert cut_pair(shapely.Polygon(ring), shapely.Polygon(ring + np.array([50, 0.01]))).relations[0] == OPEN


def test_outlines_wider_than_a_city_are_left_to_geos():
    near, wide = square(0, 0, 1_000), shapely.box(-300_000, 200, 300_000, 800)

    assert cut_pair(near, wide).relations[0] == OPEN
