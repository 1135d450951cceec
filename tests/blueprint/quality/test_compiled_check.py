"""What a large layer is checked by says what GEOS says of the same features."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely

from blueprint.layers.compiled_measures import measured_in_plane, surely_valid
from blueprint.layers.mapped_features import FEATURES, MappedFeatures
from blueprint.layers.outlines import outlines_in
from blueprint.quality.compiled_check import CompiledBatch, CompiledLayer
from blueprint.quality.edges import EdgeSum
from blueprint.quality.mapped_layer import MappedLayer
from blueprint.quality.shape_batch import ShapeBatch
from tests.blueprint.quality.test_topology import square

_SHAPES = pa.schema([("geom", pa.large_binary())])


def _column(shapes: np.ndarray) -> pa.LargeBinaryArray:
    return pa.array(
        list(shapely.to_wkb(shapely.set_srid(shapes, 4550), include_srid=True)), pa.large_binary()
    )


@pytest.fixture
def shapes() -> np.ndarray:
    """Circles of all sizes, rings, two parts, needles; shells and holes run either way."""
    rng = np.random.default_rng(7)
    at = shapely.points(rng.uniform((500_000, 4_500_000), (505_000, 4_505_000), (200, 2)))
    circles = shapely.buffer(at, rng.uniform(1, 60, 200))
    with_holes = shapely.difference(circles[:50], shapely.buffer(at[:50], 0.5))
    two = shapely.union(circles[50:60], shapely.buffer(shapely.transform(at[50:60], lambda xy: xy + 200), 9))
    needles = [shapely.Polygon([(x, 0), (x + 5, 0.2), (x, 0.4), (x + 1, 0.2)]) for x in range(0, 90, 9)]
    made = np.concatenate([circles, with_holes, two, needles, [square(0, 0, 10), square(10, 0, 10)]])
    made[::2] = shapely.reverse(made[::2])
    return made


def _layer(kind: type[MappedLayer], shapes: np.ndarray, folder: Path) -> MappedLayer:
    column = _column(shapes)
    with pa.OSFile(str(folder / FEATURES), "wb") as opened, pa.ipc.new_file(opened, _SHAPES) as sink:
        for first in range(0, len(column), 70):
            sink.write_batch(pa.record_batch([column[first : first + 70]], schema=_SHAPES))
    return kind(MappedFeatures(folder / FEATURES))


def _as_set(edges: EdgeSum) -> set[tuple[object, ...]]:
    return set(
        zip(edges.key.tolist(), map(tuple, edges.start), map(tuple, edges.end), edges.net, strict=True)
    )


def test_compiled_loops_find_the_measures_and_corners_that_geos_finds(shapes: np.ndarray):
    plain, compiled = (
        kind(np.arange(len(shapes)), _column(shapes), shapely.bounds(shapes))
        for kind in (ShapeBatch, CompiledBatch)
    )

    for one, other in zip(plain.areas_and_lengths, compiled.areas_and_lengths, strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(plain.part_counts, compiled.part_counts)
    assert np.array_equal(measured_in_plane(outlines_in(_column(shapes))).bounds, shapely.bounds(shapes))
    one, other = plain.sharp_corners(30.0), compiled.sharp_corners(30.0)
    assert len(one.rows) >= 10
    assert np.array_equal(one.rows, other.rows)
    assert np.array_equal(one.points, other.points)
    assert np.array_equal(one.degrees, other.degrees)


@pytest.mark.parametrize("twice", range(7))
def test_a_spike_is_found_though_its_point_or_another_stands_there_twice(twice: int):
    ring = [(200, 50.5), (100, 51), (100, 100), (0, 100), (0, 0), (100, 0), (100, 50)]
    ring = [*ring[: twice + 1], ring[twice], ring[twice], *ring[twice + 1 :], *ring[: 1 + (twice == 0)]]
    for start in range(len(ring) - 1):
        shape = np.array([shapely.Polygon([*ring[start:-1], *ring[: start + 1]])])

        for kind in (ShapeBatch, CompiledBatch):
            found = kind(np.arange(1), _column(shape), shapely.bounds(shape)).sharp_corners(10.0)
            assert found.points.tolist() == [[200, 50.5]]


def test_edges_summed_in_a_table_are_those_that_are_sorted(shapes: np.ndarray, tmp_path: Path):
    rows = np.random.default_rng(1).permutation(len(shapes))

    plain, compiled = (_layer(kind, shapes, tmp_path).edges(rows) for kind in (MappedLayer, CompiledLayer))

    assert _as_set(plain) == _as_set(compiled)
    assert len(compiled.net) == len(_as_set(compiled))


def test_a_ring_whose_way_rounding_might_decide_is_left_to_geos(tmp_path: Path):
    thin = np.array([shapely.Polygon([(0, 0), (3, 0.1), (6, 0.2), (0, 0)]), square(0, 0, 10)])

    plain, compiled = (
        _layer(kind, thin, tmp_path).edges(np.arange(2)) for kind in (MappedLayer, CompiledLayer)
    )

    assert _as_set(plain) == _as_set(compiled)


def test_no_outline_is_surely_valid_that_geos_finds_invalid():
    """Rings of few vertices on few points touch, cross and run back on themselves in every way."""
    rng = np.random.default_rng(3)
    for vertices, side in ((4, 4), (5, 6), (6, 9), (8, 1000)):
        points = rng.integers(0, side, (3_000, vertices, 2)).astype(float)
        rings = shapely.polygons(np.concatenate([points, points[:, :1]], axis=1))

        sure, valid = surely_valid(outlines_in(_column(rings))), shapely.is_valid(rings)

        assert not (sure & ~valid).any()
        assert sure.sum() > valid.sum() / 3
    for uncertain in (
        shapely.Polygon([(0, 0), (9, 0), (9, 9), (0, 0)], [[(6, 2), (7, 2), (7, 3), (6, 2)]]),
        shapely.MultiPolygon([square(0, 0, 1), square(3, 3, 1)]),
    ):
        assert not surely_valid(outlines_in(_column(np.array([uncertain])))).any()
