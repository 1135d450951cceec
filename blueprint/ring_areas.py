"""Areas of polygons under a transformation, ring by ring, their straight edges followed.

Never by way of a polygon with more vertices: GEOS mends what it densified, and of one with a hair between two rings, as where
two parcels that touch are cut out of a site, a whole part was lost.
"""

from collections.abc import Callable

import numpy as np
import shapely

_POLYGON = 3


def followed_areas(
    shapes: np.ndarray, move: Callable[[np.ndarray], np.ndarray], *, step: float
) -> np.ndarray:
    """The area of each shape after `move`, which takes points a row each; edges get a point every `step` before it."""
    parts, owners = shapely.get_parts(shapes, return_index=True)
    areal = shapely.get_type_id(parts) == _POLYGON
    rings, of_part = shapely.get_rings(parts[areal], return_index=True)
    if not len(rings):
        return np.zeros(len(shapes))
    areas = _ring_areas(*_followed(*shapely.get_coordinates(rings, return_index=True), step), move)
    is_hole = np.concatenate([[False], of_part[1:] == of_part[:-1]])
    return np.bincount(owners[areal][of_part], np.where(is_hole, -areas, areas), len(shapes))


def _followed(points: np.ndarray, of_ring: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """The points of rings, with more between on every edge that is longer than `step`, evenly."""
    edges = np.zeros(points.shape)
    np.subtract(points[1:], points[:-1], out=edges[:-1])
    edges[:-1][of_ring[1:] != of_ring[:-1]] = 0.0  # from one ring to the next there is none
    runs = np.maximum(np.ceil(np.hypot(edges[:, 0], edges[:, 1]) / step), 1).astype(np.int64)
    if (runs == 1).all():
        return points, of_ring
    edge = np.repeat(np.arange(len(points)), runs)
    share = (np.arange(len(edge)) - (np.cumsum(runs) - runs)[edge]) / runs[edge]
    return points[edge] + edges[edge] * share[:, np.newaxis], of_ring[edge]


def _ring_areas(
    points: np.ndarray, of_ring: np.ndarray, move: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    starts = np.flatnonzero(np.diff(of_ring, prepend=-1))
    moved = move(points)
    # Each ring from its first point, which is its last, too: from one ring to the next no area is counted.
    x, y = (moved - moved[starts][of_ring]).T
    twice = np.zeros(len(x))
    twice[:-1] = x[:-1] * y[1:] - x[1:] * y[:-1]
    areas: np.ndarray = np.abs(np.add.reduceat(twice, starts)) / 2
    return areas
