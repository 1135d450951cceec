"""Whether the features of a layer overlap each other: where they do not, their areas add up and need no union."""

import numpy as np
import shapely

from blueprint.quality.topology import InMemory, TooMuchToCompareError, faces_of, find_overlaps

MAX_VERTICES = 20_000_000
"""A larger layer is not looked at (it would take gigabytes) and taken to overlap, which is slower and never wrong."""

MAX_COMPARED_VERTICES = 50_000_000
"""So much is spent on comparing pair by pair; a layer that needs more is taken to overlap."""


def may_overlap_each_other(shapes: np.ndarray) -> bool:
    """Say False when it is certain that no two of the polygons (valid, in metres) share an area."""
    if shapely.get_num_coordinates(shapes).sum() > MAX_VERTICES:
        return True
    layer = InMemory(shapes)
    faces = faces_of(layer)
    if faces is not None:
        return len(faces.overlaps) > 0
    try:
        return any(True for _ in find_overlaps(layer, None, most_vertices=MAX_COMPARED_VERTICES))
    except TooMuchToCompareError:
        return True
