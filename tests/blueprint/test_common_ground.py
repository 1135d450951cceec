"""What only touches shares no ground, also where GEOS says that it shares the whole of one."""

import numpy as np
import pytest
import shapely

from blueprint.common_ground import NOISE_M, common_ground
from blueprint.overlay_known import common
from coordination.plan_audit.overlaps import WindowTask, overlaps_of
from tests.made import ORIGIN

NEAR_AN_AXIS = (0.0, 0.0)


def polygons(points: np.ndarray) -> np.ndarray:
    """A polygon of each row of points."""
    rings = np.concatenate([points, points[:, :1]], axis=1)
    rows = np.repeat(np.arange(len(rings)), rings.shape[1])
    return np.asarray(shapely.polygons(shapely.linearrings(rings.reshape(-1, 2), indices=rows)))


def touching(seed: int, origin: tuple[float, float], pairs: int = 10_000) -> tuple[np.ndarray, np.ndarray]:
    """Two areas on both sides of a line, the second with vertices beside the first's edge by the last digits or 1 nm to 10 μm."""
    rng = np.random.default_rng(seed)

    def some(low: float, high: float, columns: int = 1) -> np.ndarray:
        return rng.uniform(low, high, (pairs, columns))

    def beside(place: np.ndarray) -> np.ndarray:
        way = rng.integers(0, 3, (pairs, 1))
        by_digits = np.spacing(np.abs(place)) * rng.integers(-2, 3, (pairs, 2))
        return place + np.choose(way, [0 * place, by_digits, some(-1, 1, 2) * 10.0 ** some(-9, -5)])

    wide, turn, start = 10.0 ** some(0, 3.7), some(0, 2 * np.pi), np.array(origin) + some(-2000, 2000, 2)
    along = wide * np.hstack([np.cos(turn), np.sin(turn)])
    aside = np.hstack([-along[:, 1:], along[:, :1]])
    one = [start, start + along, start + along + aside * some(0.1, 1), start + aside * some(0.1, 1)]
    from_, to = some(0, 0.5), some(0.5, 1)
    from_[rng.random(pairs) < 0.3], to[rng.random(pairs) < 0.3] = 0, 1
    first, last = start + along * from_, start + along * to
    first = np.where(from_ == 0, start, beside(first))
    last = np.where(to == 1, start + along, beside(last))
    other = [
        last, first,
        first - aside * some(0.05, 1) - along * some(-0.45, 0.5),
        last - aside * some(0.05, 1) + along * some(-0.45, 0.5),
    ]  # fmt: skip
    shapes = polygons(np.stack(one, axis=1)), polygons(np.stack(other, axis=1))
    valid = shapely.is_valid(shapes[0]) & shapely.is_valid(shapes[1])
    return shapes[0][valid], shapes[1][valid]


def _by_common_ground(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray(shapely.area(common_ground(one, other)))


def _by_a_batch(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray(shapely.area(common(one, other, np.full(len(one), 2))))


def _by_an_audit(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    wkb = list(shapely.to_wkb(one)), list(shapely.to_wkb(other))
    found = [
        overlaps_of(WindowTask("", (-1e9, -1e9, 1e9, 1e9), [row], [wkb[0][row]], [row], [wkb[1][row]], 0.0, 0.0))
        for row in np.flatnonzero(shapely.area(shapely.intersection(one, other)) > 1)
    ]  # fmt: skip
    return np.concatenate([np.zeros(1), *(each.areas_m2 for each in found)])


@pytest.mark.parametrize("way", [_by_common_ground, _by_a_batch, _by_an_audit])
def test_what_touches_beside_a_vertex_does_not_share_the_whole_of_one(way):
    one, other = touching(13, NEAR_AN_AXIS)
    most_m2 = 3e-5 * shapely.length(one).max()
    assert (shapely.area(shapely.intersection(one, other)) > most_m2).any(), "GEOS tells them apart by now"

    assert way(one, other).max() < most_m2
    assert way(other, one).max() < most_m2


def test_where_cities_have_their_coordinates_it_is_what_geos_says():
    one, other = touching(2, ORIGIN)

    assert (shapely.equals_exact(common_ground(one, other), shapely.intersection(one, other))).all()


def test_a_hair_of_common_ground_is_kept():
    one = shapely.box(*ORIGIN, ORIGIN[0] + 100, ORIGIN[1] + 100)
    other = shapely.box(ORIGIN[0] + 100 - 1e-3, ORIGIN[1], ORIGIN[0] + 300, ORIGIN[1] + 100)

    [found] = common_ground(np.array([one]), np.array([other]))

    assert found.area == pytest.approx(0.1, abs=100 * NOISE_M)
