"""What polygons have in common by GEOS, without what it now and then gives too much."""

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

NOISE_M = 1e-6
"""A common area thinner than this is the rounding of coordinates: that is touching, and touching is no overlap."""

_MOST = 0.5
"""So much of the smaller one is in what GEOS gives too much; of parts of it, any share."""

_THIN_M = 1e-3
"""What is thinner is the whole of no feature, and may lie beside both by the micrometres that GEOS moves what it cuts."""


def common_ground(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """What each of the left shares with that of the right; metres.

    Of two that touch at a vertex beside an edge GEOS (3.11 to 3.14) gives now and then the whole of one, or of a part: one pair
    of 1,000 within a few kilometres of an axis, where the digits of coordinates change along an edge; none of 3 million such
    pairs where the grids of cities lie. What is found not to lie in both is cut anew.
    """
    common = np.asarray(shapely.intersection(left, right))
    has_parts = (shapely.get_num_geometries(left) > 1) | (shapely.get_num_geometries(right) > 1)
    smaller_m2 = np.minimum(shapely.area(left), shapely.area(right))
    asked = np.flatnonzero(shapely.area(common) > np.where(has_parts, 0, _MOST * smaller_m2))
    parts, whose = shapely.get_parts(common[asked], return_index=True)
    wide = 2 * shapely.area(parts) > _THIN_M * shapely.length(parts)
    parts, whose = parts[wide], asked[whose[wide]]
    points = shapely.point_on_surface(parts)
    is_common = shapely.intersects(left[whose], points) & shapely.intersects(right[whose], points)
    for pair in np.unique(whose[~is_common]):
        common[pair] = _on_grid(left[pair], right[pair])
    return common


def _on_grid(left: BaseGeometry, right: BaseGeometry) -> BaseGeometry:
    try:
        return shapely.intersection(left, right, grid_size=NOISE_M)
    except shapely.errors.GEOSException:  # at the end of its numbers: a coarser grid leaves it more of them
        return shapely.intersection(left, right, grid_size=10 * NOISE_M)
