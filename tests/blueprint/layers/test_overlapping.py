"""Whether features overlap each other: coverages, slivers, islands, and what is too much to compare."""

import numpy as np
import pytest
import shapely

from blueprint.layers import overlapping
from blueprint.layers.overlapping import may_overlap_each_other
from blueprint.quality import topology
from tests.made import square


def _may(*shapes: shapely.Geometry) -> bool:
    layer = topology.InMemory(np.array(shapes, dtype=object))
    return may_overlap_each_other(layer, topology.faces_of(layer))


def test_neighbours_that_share_edges_do_not_overlap():
    assert not _may(square(0, 0, 10), square(10, 0, 10), square(0, 10, 10), square(10, 10, 10))


def test_neighbours_whose_vertices_do_not_match_do_not_overlap():
    assert not _may(square(0, 0, 10), square(10, 2, 4), square(10, 6, 4))


def test_a_hole_filled_by_another_feature_is_no_overlap():
    ring = square(0, 0, 10).difference(square(3, 3, 4))
    assert not _may(ring, square(3, 3, 4))


@pytest.mark.parametrize(
    "other",
    [square(9.99, 0, 10), square(2, 2, 4), square(0, 0, 10), square(-5, -5, 50)],
    ids=["a centimetre", "inside", "the same twice", "around"],
)
def test_features_that_share_an_area_overlap(other: shapely.Polygon):
    assert _may(square(0, 0, 10), other)


def test_an_overlap_among_many_that_only_touch_is_found():
    tiles = [square(10 * x, 10 * y, 10) for x in range(30) for y in range(30)]
    assert not _may(*tiles)
    assert _may(*tiles, square(144, 144, 2))


def test_what_would_take_too_long_is_taken_to_overlap(monkeypatch: pytest.MonkeyPatch):
    shifted = [square(0, 0, 10), square(10, 2, 4)]
    monkeypatch.setattr(topology, "MAX_LOOSE", 0)
    assert not _may(*shifted)
    monkeypatch.setattr(overlapping, "MAX_COMPARED_VERTICES", 5)
    assert _may(*shifted)


@pytest.mark.timeout(60)  # judged as a coverage it would take an hour
def test_thousands_on_top_of_each_other_are_known_at_once():
    stacked = [square(0, 0, 10)] * 20_000
    assert _may(*stacked)
