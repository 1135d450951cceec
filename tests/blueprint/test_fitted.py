import numpy as np
import pytest
import shapely
from pyproj import Transformer

from blueprint.city import City
from blueprint.equal_area import equal_area_proj4
from blueprint.fitted import Fitted
from blueprint.hilbert import hilbert_keys
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.compiled_ground import CompiledGround

RANDOM = np.random.default_rng(3)


def places(bounds: tuple[float, float, float, float], count: int = 5_000) -> np.ndarray:
    return RANDOM.uniform(bounds[:2], bounds[2:], (count, 2))


@pytest.mark.parametrize(("target", "tolerance_m"), [("EPSG:3857", 1e-6), ("equal area", 3e-8)])
def test_a_fitted_projection_is_that_of_proj_over_the_whole_city(city: City, target, tolerance_m):
    bounds = jurisdiction(city).bounds
    projection = equal_area_proj4(city) if target == "equal area" else target
    transformer = Transformer.from_crs(city.working_crs, projection, always_xy=True)
    points = places(bounds)

    fitted = Fitted(transformer, tolerance_m=tolerance_m)
    for ten in np.array_split(points, 500):
        fitted.apply(ten)

    known = np.column_stack(transformer.transform(points[:, 0], points[:, 1]))
    assert fitted.is_polynomial
    assert np.abs(fitted.apply(points) - known).max() <= tolerance_m


@pytest.mark.parametrize("count", [*range(1, 40), 4_095, 4_097, 9_001])
def test_a_point_is_moved_to_one_place_wherever_it_stands_among_others(city: City, count: int):
    """Else rings would not close."""
    transformer = Transformer.from_crs(city.working_crs, equal_area_proj4(city), always_xy=True)
    fitted = Fitted(transformer, tolerance_m=3e-8)
    fitted.apply(places(jurisdiction(city).bounds))
    points = places(jurisdiction(city).bounds, count)

    alone = np.vstack([fitted.apply(points[row : row + 1]) for row in range(min(count, 40))])

    assert (fitted.apply(points)[:40] == alone).all()
    assert (fitted.apply(points[::-1])[::-1][:40] == alone).all()


def test_where_no_polynomial_comes_near_proj_itself_is_asked():
    transformer = Transformer.from_crs("EPSG:4550", "EPSG:3857", always_xy=True)
    fitted = Fitted(transformer, tolerance_m=1e-9)
    points = places((400_000, 2_000_000, 600_000, 5_900_000))

    moved = fitted.apply(points)

    assert not fitted.is_polynomial
    assert (moved == np.column_stack(transformer.transform(points[:, 0], points[:, 1]))).all()


class Counted:
    """PROJ, and how many points it was asked for."""

    def __init__(self, transformer: Transformer) -> None:
        self._transformer = transformer
        self.count = 0

    def transform(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.count += len(x)
        return self._transformer.transform(x, y)


def test_a_layer_that_is_sorted_from_south_to_north_is_not_left_to_proj(city: City):
    """Its ground grows with every batch, along one axis alone."""
    transformer = Counted(Transformer.from_crs(city.working_crs, equal_area_proj4(city), always_xy=True))
    fitted = Fitted(transformer, tolerance_m=3e-8)  # type: ignore[arg-type]
    points = places((455_000, 4_505_000, 545_000, 4_595_000), 100_000)

    for batch in np.array_split(points[np.argsort(points[:, 1])], 500):
        fitted.apply(batch)

    assert transformer.count < 20_000


def test_areas_follow_straight_edges_of_the_working_crs(city: City):
    transformer = Transformer.from_crs(city.working_crs, equal_area_proj4(city), always_xy=True)
    shape = shapely.box(500_000, 4_550_000, 520_000, 4_570_000)
    fitted = Fitted(transformer, tolerance_m=3e-8)

    halves = shapely.intersection(
        shape, [shapely.box(0, 0, 507_123.4, 9e6), shapely.box(507_123.4, 0, 9e6, 9e6)]
    )

    assert sum(fitted.areas(halves)) == pytest.approx(fitted.areas(np.array([shape]))[0], abs=1e-4)


def test_neighbours_on_the_hilbert_curve_are_neighbours_in_the_plane():
    cells = np.array([(x, y) for x in range(32) for y in range(32)], dtype=float)

    order = cells[np.argsort(hilbert_keys(cells, (0, 0, 31, 31)))]

    assert (np.abs(np.diff(order, axis=0)).sum(axis=1) == 1).all()


def test_compiled_loops_move_points_and_measure_areas_as_the_fitted_projection_does(city: City):
    transformer = Transformer.from_crs(city.working_crs, equal_area_proj4(city), always_xy=True)
    plain, compiled = (kind(transformer, tolerance_m=3e-8) for kind in (Fitted, CompiledGround))
    points = places(jurisdiction(city).bounds, 1_000)
    lake = shapely.Point(points[0]).buffer(900)
    shapes = np.array(
        [
            *(shapely.Point(point).buffer(float(n)) for n, point in enumerate(points[1:40], 20)),
            shapely.box(*points[0], *(points[0] + 3_000)),
            shapely.Polygon(lake.exterior, [lake.centroid.buffer(400).exterior]),
            shapely.MultiPolygon([lake, shapely.box(*(points[0] + 5_000), *(points[0] + 5_120))]),
        ]
    )

    assert (compiled.apply(points) == plain.apply(points)).all()
    contents = list(shapely.to_wkb(shapely.set_srid(shapes, city.working_srid), include_srid=True))
    assert compiled.areas(shapes) == pytest.approx(plain.areas(shapes), rel=1e-12)
    assert (compiled.areas(shapes, contents) == compiled.areas(shapes)).all()
    assert len(compiled.areas(shapes[:0])) == 0
