"""The opening test (开运算): whether a shape is a sliver, as nothing is left of it when it is shrunk by half a width."""

import numpy as np
import shapely

_ROUND_QUARTER = 8
"""Segments a quarter circle, as PostGIS buffers."""

_STEPS = 12
"""An outline in so many steps has more corners than GEOS guesses about (9)."""


def are_thin(shapes: np.ndarray, width_m: float) -> np.ndarray:
    """Say of areas whether nothing is left of each when it is shrunk by half the width (working CRS, metres).

    What is left of an outline of few corners GEOS at times takes for an artefact and drops: what seems gone is shrunk
    once more, outline by outline, with corners along its edges. The statements of the check do the same.
    """
    half_m = width_m / 2
    found = np.atleast_1d(shapely.is_empty(shapely.buffer(shapes, -half_m, quad_segs=_ROUND_QUARTER)))
    gone = np.flatnonzero(found)
    parts, of = shapely.get_parts(shapes[gone], return_index=True)
    is_areal = shapely.length(parts) > 0
    parts, of = parts[is_areal], of[is_areal]
    followed = shapely.segmentize(parts, shapely.length(parts) / _STEPS)
    is_left = ~shapely.is_empty(shapely.buffer(followed, -half_m, quad_segs=_ROUND_QUARTER))
    found[gone[of[is_left]]] = False
    return np.asarray(found)


def is_thin(shape: shapely.Geometry, width_m: float) -> bool:
    """The same of one area."""
    return bool(are_thin(np.array([shape], dtype=object), width_m)[0])
