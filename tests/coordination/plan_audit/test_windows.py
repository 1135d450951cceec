"""Windows: every pair of boxes belongs to exactly one, whatever the quartering; the same boxes give the same windows."""

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from coordination.plan_audit.overlaps import WindowTask, overlaps_of
from coordination.plan_audit.windows import windows


def _overlaps(window, shapes):
    """The pairs that a window finds, with their common areas."""
    found = overlaps_of(
        WindowTask(
            window.path,
            window.box,
            window.first.tolist(),
            list(shapely.to_wkb(shapes[0][window.first])),
            window.second.tolist(),
            list(shapely.to_wkb(shapes[1][window.second])),
            tolerance_m2=0.5,
            sliver_width_m=0.1,
        )
    )
    return list(
        zip(found.first_ids.tolist(), found.second_ids.tolist(), found.areas_m2.tolist(), strict=True)
    )


def _boxes(values: list[tuple[int, int, int, int]]) -> np.ndarray:
    return np.array([(x, y, x + w, y + h) for x, y, w, h in values], dtype=float).reshape(-1, 4)


BOX = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 12), st.integers(1, 12))
BOXES = st.lists(BOX, max_size=30)


@settings(deadline=None)  # the first one compiles
@given(BOXES, BOXES, st.integers(2, 40))
def test_every_overlap_is_found_once_whatever_the_windows(ones, others, most):
    first, second = _boxes(ones), _boxes(others)
    shapes = [
        shapely.box(*first.T) if len(first) else np.array([]),
        shapely.box(*second.T) if len(second) else np.array([]),
    ]
    expected = {
        (i, j): shapely.intersection(a, b).area
        for i, a in enumerate(shapes[0])
        for j, b in enumerate(shapes[1])
        if shapely.intersection(a, b).area > 0
    }

    found = [pair for window in windows(first, second, most=most) for pair in _overlaps(window, shapes)]

    assert len(found) == len(expected)
    assert {(i, j): area_m2 for i, j, area_m2 in found} == expected


@given(BOXES, BOXES)
def test_the_same_boxes_give_the_same_windows(ones, others):
    first, second = _boxes(ones), _boxes(others)

    once, again = (
        [(w.path, w.box, w.first.tolist(), w.second.tolist()) for w in windows(first, second, most=8)]
        for _ in range(2)
    )

    assert once == again
    assert len({path for path, *_ in once}) == len(once)


@settings(deadline=None)
@given(BOXES, BOXES, st.integers(2, 20), st.integers(2, 20), st.integers(0, 20))
def test_an_audit_stopped_among_windows_of_another_size_finds_every_overlap_once(
    ones, others, before, after, stopped
):
    first, second = _boxes(ones), _boxes(others)
    shapes = [shapely.box(*side.T) if len(side) else np.array([]) for side in (first, second)]
    whole = [pair for window in windows(first, second, most=before) for pair in _overlaps(window, shapes)]

    kept = list(windows(first, second, most=before))[:stopped]
    left = list(windows(first, second, most=after, done=[window.path for window in kept]))

    assert sorted(pair for window in (*kept, *left) for pair in _overlaps(window, shapes)) == sorted(whole)


def test_a_patch_has_the_same_coordinates_and_area_in_any_window():
    """Cut near the origin of its window it had other last digits in each."""
    rng = np.random.default_rng(1)
    corners = np.array([(0, 0), (600.1, 100.3), (500.7, 700.9), (-100.3, 500.7)])
    shapes = [
        np.asarray(shapely.polygons(corners + rng.uniform(0, 5000, (200, 1, 2)) + (500_000, 4_550_000)))
        for _ in range(2)
    ]
    first, second = (shapely.bounds(side) for side in shapes)

    whole, small = (
        sorted(pair for window in windows(first, second, most=most) for pair in _overlaps(window, shapes))
        for most in (100_000, 40)
    )

    assert len(whole) > 2000
    assert small == whole


def test_features_that_touch_along_a_line_and_at_a_point_share_nothing():
    """What GEOS gives of them is a collection without a polygon, which ended the audit in a fault."""
    one = shapely.box(0, 0, 100, 100)
    other = shapely.Polygon([(100, 0), (150, 0), (150, 100), (100, 80), (120, 60), (100, 40)])
    assert shapely.intersection(one, other).geom_type == "GeometryCollection"
    shapes = np.array([one], dtype=object), np.array([other], dtype=object)

    [window] = windows(shapely.bounds(shapes[0]), shapely.bounds(shapes[1]))

    assert _overlaps(window, shapes) == []
