"""The made city of the benchmarks is what its results say of it."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import shapely

from bench.made_city import (
    CITY as CITY_GROUND,
)
from bench.made_city import (
    LAYERS,
    SIDE_M,
    SOUTH,
    TENFOLD,
    WEST,
    MadeLayer,
    footprints,
    made_layers,
    polygons,
    resized,
)

CITY = shapely.box(WEST, SOUTH, WEST + SIDE_M, SOUTH + SIDE_M)
TESSELLATIONS = [layer for layer in made_layers(small=True) if not layer.huge_vertices]
HUGE = [replace(layer, huge_vertices=2_000) for layer in LAYERS if layer.huge_vertices]


def all_of(layer: MadeLayer) -> np.ndarray:
    return np.concatenate(list(polygons(layer)))


def test_the_full_city_has_15_layers_and_890_000_polygons():
    assert len({layer.code for layer in LAYERS}) == 15
    assert sum(layer.count for layer in LAYERS) == 890_000


def test_ten_times_the_city_has_ten_times_the_polygons_around_the_same_middle_as_dense():
    layers = resized(LAYERS, TENFOLD)
    ground = shapely.box(
        TENFOLD.west, TENFOLD.south, TENFOLD.west + TENFOLD.side_m, TENFOLD.south + TENFOLD.side_m
    )

    assert sum(layer.count for layer in layers) == pytest.approx(8_900_000, rel=1e-3)
    assert ground.area == pytest.approx(10 * CITY.area)
    assert ground.centroid.distance(CITY.centroid) < 0.001
    assert resized(LAYERS, CITY_GROUND) == LAYERS


@pytest.mark.parametrize("layer", TESSELLATIONS, ids=lambda layer: layer.code)
def test_a_tessellation_is_valid_and_covers_the_city_once(layer):
    cells = all_of(layer)

    assert len(cells) == layer.count
    assert shapely.is_valid(cells).all()
    assert np.unique(shapely.get_num_coordinates(cells)) == [4 * (layer.edge_points + 1) + 1]
    assert shapely.area(cells).sum() == pytest.approx(CITY.area, rel=1e-12)


def test_neighbours_of_a_tessellation_share_their_edges_vertex_by_vertex():
    cells = all_of(TESSELLATIONS[-1])

    edges = np.concatenate([_edges(cell) for cell in cells])

    _, seen = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    rings = shapely.get_num_coordinates(cells) - 1
    assert seen.max() == 2
    assert 2 * (seen == 2).sum() + (seen == 1).sum() == rings.sum()
    on_rim = _on_rim(edges)
    assert (seen == 1).sum() == on_rim.sum() > 0


@pytest.mark.parametrize("layer", HUGE, ids=lambda layer: layer.code)
def test_huge_polygons_are_valid_apart_in_the_city_and_have_holes(layer):
    shapes = all_of(layer)

    assert len(shapes) == layer.count
    assert shapely.is_valid(shapes).all()
    assert (shapely.get_num_interior_rings(shapes) == 5).all()
    assert shapely.get_num_coordinates(shapes).min() > layer.huge_vertices
    assert shapely.covers(CITY, shapes).all()
    assert shapely.union_all(shapes).area == pytest.approx(shapely.area(shapes).sum(), rel=1e-9)


def test_the_huge_polygons_have_30_000_vertices_and_more():
    assert all(layer.huge_vertices >= 30_000 for layer in LAYERS if layer.huge_vertices)


@pytest.mark.parametrize("layer", [TESSELLATIONS[-1], HUGE[0]], ids=lambda layer: layer.code)
def test_the_same_seed_makes_the_same_bytes(layer):
    first, second = (hashlib.sha256(b"".join(shapely.to_wkb(all_of(layer)))).digest() for _ in range(2))

    assert first == second


@pytest.mark.parametrize("area_m2", [10_000.0, 100_000.0, 1_000_000.0])
def test_footprints_are_irregular_valid_and_of_the_area_asked(area_m2):
    sites = np.array(footprints(area_m2, 50))

    assert shapely.is_valid(sites).all()
    assert shapely.covers(CITY, sites).all()
    assert shapely.area(sites) == pytest.approx(area_m2, rel=1e-9)
    corners = shapely.get_num_coordinates(sites) - 1
    assert corners.min() >= 20
    assert corners.max() <= 40
    assert (sites != np.array(footprints(area_m2 * 2, 50))).all()


def _edges(cell: shapely.Polygon) -> np.ndarray:
    """A ring's edges, each end as a number of its own, so that they compare bit by bit."""
    ends = shapely.get_coordinates(cell).copy().view(np.complex128).ravel()
    return np.stack([ends[:-1], ends[1:]], axis=1)


def _on_rim(edges: np.ndarray) -> np.ndarray:
    west, east = (edges.real == WEST).all(axis=1), (edges.real == WEST + SIDE_M).all(axis=1)
    south, north = (edges.imag == SOUTH).all(axis=1), (edges.imag == SOUTH + SIDE_M).all(axis=1)
    return west | east | south | north
