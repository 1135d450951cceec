from itertools import pairwise

import numpy as np
import pytest
import shapely

from blueprint.layers.outlines import DRAWN, LEFT, Drawing, Outlines, drawn, outlines_of, turned
from tests.twkb import from_twkb

RANDOM = np.random.default_rng(7)


def blob(x: float, y: float, radius: float, vertices: int) -> shapely.Polygon:
    turn = np.sort(RANDOM.uniform(0, 2 * np.pi, vertices))
    reach = radius * RANDOM.uniform(0.8, 1.0, vertices)
    return shapely.Polygon(np.column_stack([x + reach * np.cos(turn), y + reach * np.sin(turn)]))


def with_hole(x: float, y: float) -> shapely.Polygon:
    outside, inside = blob(x, y, 100, 60), blob(x, y, 30, 20)
    return shapely.Polygon(outside.exterior, [inside.exterior.coords[::-1] if x % 2 else inside.exterior])


SHAPES = np.array(
    [
        *(blob(200 * n, 0, 90, 40) for n in range(20)),
        *(with_hole(201 * n, 300) for n in range(20)),
        *(
            shapely.MultiPolygon([blob(0, 600 + 300 * n, 90, 30), with_hole(301, 600 + 300 * n)])
            for n in range(20)
        ),
        shapely.reverse(blob(0, -500, 90, 40)),
    ],
    dtype=object,
)


def flat(shapes: np.ndarray) -> Outlines:
    contents = shapely.to_wkb(shapely.set_srid(shapes, 4550), include_srid=True)
    return outlines_of(
        np.frombuffer(bytearray(b"".join(contents)), np.uint8), np.cumsum([0, *map(len, contents)])
    )


def written(drawing: Drawing) -> np.ndarray:
    ends = [0, *drawing.ends[drawing.fates == DRAWN].tolist()]
    content = drawing.content.tobytes()
    return np.array([from_twkb(content[a + 4 : b]) for a, b in pairwise(ends)])


def test_outlines_are_the_shapes_that_came_in_turned_as_tiles_want_them_with_their_areas_and_centroids():
    outlines = flat(SHAPES)
    outlines, areas, centroids = turned(outlines, outlines.points.copy())

    whole = written(
        drawn(
            outlines,
            areas,
            np.arange(len(SHAPES)),
            tolerance=-1,
            units=1_000,
            most_vertices=256,
        )
    )

    in_metres = shapely.transform(whole, lambda units: units / 1_000)
    assert shapely.hausdorff_distance(in_metres, SHAPES).max() <= 0.0005 * 2**0.5
    assert (shapely.get_num_coordinates(whole) == shapely.get_num_coordinates(SHAPES)).all()
    assert not shapely.is_ccw(shapely.get_exterior_ring(shapely.get_parts(whole))).any()
    assert areas == pytest.approx(shapely.area(SHAPES), rel=1e-12)
    assert centroids == pytest.approx(shapely.get_coordinates(shapely.centroid(SHAPES)), abs=1e-6)
    assert [outlines.shape(row).equals(shape) for row, shape in enumerate(SHAPES)] == [True] * len(SHAPES)


def test_a_simplified_outline_keeps_within_the_tolerance_and_lies_on_the_grid_each_point_once():
    outlines = flat(SHAPES)
    outlines, areas, _ = turned(outlines, outlines.points.copy())
    rows = np.arange(len(SHAPES))

    made = drawn(outlines, areas, rows, tolerance=4.0, units=2.0, most_vertices=256)
    simple = written(made)

    assert (made.fates == DRAWN).all()
    in_metres = shapely.transform(simple, lambda units: units / 2.0)
    rings, coarse = shapely.boundary(SHAPES), shapely.boundary(in_metres)
    # Half a unit of the grid, across its diagonal, on top of the tolerance.
    assert max(shapely.hausdorff_distance(rings, coarse)) <= 4.0 + 0.36
    points = shapely.get_coordinates(simple)
    assert (points == np.rint(points)).all()
    assert shapely.get_num_coordinates(simple).sum() < 0.7 * shapely.get_num_coordinates(SHAPES).sum()
    assert (made.bounds == shapely.bounds(simple)).all()


def test_what_is_too_large_or_narrow_or_vanishes_is_left_to_the_caller():
    large, lane, dot = blob(0, 0, 100, 300), shapely.box(0, 0, 1000, 1), shapely.box(0, 0, 0.2, 0.2)
    outlines = flat(np.array([large, lane, dot, blob(0, 0, 100, 30)]))
    outlines, areas, _ = turned(outlines, outlines.points.copy())

    full = drawn(outlines, areas, np.arange(4), tolerance=-1, units=10, most_vertices=256)
    coarse = drawn(outlines, areas, np.arange(4), tolerance=2, units=0.1, most_vertices=256)

    assert full.fates.tolist() == [LEFT, DRAWN, DRAWN, DRAWN]
    assert coarse.fates.tolist() == [DRAWN, LEFT, LEFT, DRAWN]
    assert len(written(full)) == 3


@pytest.mark.parametrize(
    "content",
    [
        shapely.to_wkb(shapely.Point(1, 2)),
        shapely.to_wkb(shapely.box(0, 0, 1, 1))[:-1],
        shapely.to_wkb(shapely.box(0, 0, 1, 1)) + b"\x00",
        shapely.to_wkb(shapely.box(0, 0, 1, 1), byte_order=0),
        b"\x01\x03\x00\x00\x00\x01\x00\x00\x00\xff\xff\xff\xff",
        b"\x01\x06\x00\x00\x00\xff\xff\xff\xff",
        b"\x01\x03\x00\x00\x00\xff\xff\xff\xff",
        b"\x01",
        shapely.to_wkb(shapely.Polygon()),
        shapely.to_wkb(shapely.MultiPolygon()),
    ],
)  # fmt: skip
def test_what_is_no_wkb_of_polygons_is_refused_wherever_it_ends(content):
    with pytest.raises(ValueError, match="no WKB of polygons"):
        outlines_of(np.frombuffer(bytearray(content), np.uint8), np.array([0, len(content)]))
