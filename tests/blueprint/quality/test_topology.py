"""Overlaps and gaps inside a layer: as found by comparing every two features, whatever way they lie."""

import numpy as np
import pytest
import shapely
from shapely.affinity import translate
from shapely.ops import split

from blueprint.quality import topology
from blueprint.quality.topology import InMemory, TooMuchToCompareError, faces_of, find_overlaps, loose_edges
from tests.made import square


def _by_comparing_all(shapes: np.ndarray) -> dict[tuple[int, int], float]:
    found = {}
    for left in range(len(shapes)):
        for right in range(left + 1, len(shapes)):
            common = shapes[left].intersection(shapes[right])
            if 2 * common.area > 1e-6 * common.length:
                found[left, right] = common.area
    return found


def _boxes(rng: np.random.Generator) -> list[shapely.Polygon]:
    return [shapely.box(x, y, x + w, y + h) for x, y, w, h in rng.integers(1, 12, (25, 4))]


def _circles(rng: np.random.Generator) -> list[shapely.Polygon]:
    return list(shapely.buffer(shapely.points(rng.uniform(0, 100, (20, 2))), rng.uniform(1, 20, 20)))


def _faulty_grid(rng: np.random.Generator) -> list[shapely.Polygon]:
    grid = [square(10 * x, 10 * y, 10) for x in range(6) for y in range(6)]
    for x, y in rng.integers(0, 5, (3, 2)) * 10:
        grid.append(square(x, y, 20) if rng.random() < 0.5 else shapely.box(x + 1.5, y + 2, x + 17, y + 11))
    del grid[int(rng.integers(0, 36))]
    return grid


@pytest.mark.parametrize("is_coverage", [True, False], ids=["by faces", "box by box"])
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("make", [_boxes, _circles, _faulty_grid])
def test_overlaps_are_those_of_comparing_every_two(
    make, seed: int, is_coverage: bool, monkeypatch: pytest.MonkeyPatch
):
    shapes = np.array(make(np.random.default_rng(seed)), dtype=object)
    monkeypatch.setattr(topology, "BATCH", 7)
    layer = InMemory(shapes)

    faces = faces_of(layer) if is_coverage else None
    found = {(pair.left, pair.right): pair.area_m2 for pair in find_overlaps(layer, faces)}

    assert found == pytest.approx(_by_comparing_all(shapes))


@pytest.mark.parametrize("seed", range(8))
def test_gaps_are_the_holes_of_the_union(seed: int):
    shapes = np.array(_faulty_grid(np.random.default_rng(seed)), dtype=object)
    union = shapely.union_all(shapes)

    faces = faces_of(InMemory(shapes))

    holes = sum(shapely.Polygon(ring).area for part in shapely.get_parts(union) for ring in part.interiors)
    assert shapely.area(faces.gaps).sum() == pytest.approx(holes)
    assert shapely.union_all(faces.covered).equals(union)


def test_a_sound_coverage_has_its_outline_for_loose_edges_and_nothing_else():
    grid = np.array([square(10 * x, 10 * y, 10) for x in range(20) for y in range(20)], dtype=object)

    assert len(loose_edges(InMemory(grid)).net) == 80


def test_a_cell_inside_a_large_feature_is_found_though_all_its_edges_match():
    cells = [square(10 * x, 10 * y, 10) for x in range(1, 4) for y in range(1, 4)]
    layer = InMemory(np.array([square(0, 0, 50), *cells], dtype=object))

    assert {(pair.left, pair.right) for pair in find_overlaps(layer, faces_of(layer))} == {
        (0, n) for n in range(1, 10)
    }


def test_what_crosses_everywhere_is_no_coverage_and_is_compared_box_by_box_as_far_as_wanted():
    rng = np.random.default_rng(0)
    stacked = InMemory(
        np.asarray(shapely.buffer(shapely.points(rng.uniform(0, 1, (2000, 2))), rng.uniform(5, 9, 2000)))
    )

    assert faces_of(stacked) is None
    assert next(find_overlaps(stacked, None)).area_m2 > 0
    with pytest.raises(TooMuchToCompareError):
        next(find_overlaps(stacked, None, most_vertices=1000))


def _split_anyhow(seed: int) -> np.ndarray:
    """Pieces of a square of 3 km, two of them moved by a nanometre to a decimetre, one taken out, one laid upon another."""
    rng = np.random.default_rng(seed)
    shapes: list[shapely.Polygon] = [shapely.Polygon([(0, 0), (3000, 90), (2910, 3120), (-60, 2970)])]
    while len(shapes) < 16:
        shape = shapes.pop(int(rng.integers(len(shapes))))
        way = rng.uniform(0, np.pi)
        far = np.array([np.cos(way), np.sin(way)]) * 9000
        shapes += split(shape, shapely.LineString(shape.centroid.coords[0] + np.outer((-1, 1), far))).geoms
    for _ in range(2):
        moved, by_m = int(rng.integers(len(shapes))), 10.0 ** rng.integers(-9, 0)
        shapes[moved] = translate(shapes[moved], by_m, -by_m)
    shapes.append(shapes[0].buffer(-30))
    del shapes[int(rng.integers(1, 16))]
    return np.array(shapes, dtype=object)


@pytest.mark.parametrize("seed", [22, 54, 71, 198, 713])
def test_edges_that_all_but_coincide_hide_no_gap_and_no_overlap(seed: int):
    shapes = _split_anyhow(seed)
    layer = InMemory(shapes)
    filled = shapely.union_all(shapely.buffer(shapes, 1e-6, join_style="mitre"))
    holes = [shapely.Polygon(ring).area for part in shapely.get_parts(filled) for ring in part.interiors]

    faces = faces_of(layer)
    found = {(pair.left, pair.right): pair.area_m2 for pair in find_overlaps(layer, faces)}

    left, right = np.triu_indices(len(shapes), 1)
    shared = shapely.area(shapely.intersection(shapes[left], shapes[right], grid_size=1e-7))
    everything = {(int(a), int(b)): area for a, b, area in zip(left, right, shared, strict=True)}
    assert shapely.area(faces.gaps).sum() == pytest.approx(sum(holes), abs=0.1)
    assert {pair: area for pair, area in found.items() if area > 0.02} == pytest.approx(
        {pair: area for pair, area in everything.items() if area > 0.02}, abs=0.01
    )


@pytest.mark.parametrize("seed", [5, 16, 84, 100])
def test_features_that_touch_along_all_but_coinciding_edges_do_not_share_the_whole_of_one(seed: int):
    beside_each_other = _split_anyhow(seed)[:-1]

    found = [
        pair.area_m2
        for shapes in (beside_each_other, beside_each_other[::-1])
        for pair in find_overlaps(InMemory(shapes), None)
    ]

    assert all(area < 500 for area in found)  # a decimetre along some kilometres
