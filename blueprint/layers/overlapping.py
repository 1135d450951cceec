"""Whether the features of a layer overlap each other: where they do not, their areas add up and need no union."""

from blueprint.quality.topology import Faces, PolygonLayer, TooMuchToCompareError, find_overlaps

MAX_COMPARED_VERTICES = 50_000_000
"""So much is spent on comparing pair by pair; a layer that needs more is taken to overlap."""


def may_overlap_each_other(layer: PolygonLayer, faces: Faces | None) -> bool:
    """Say False when it is certain that no two of the polygons (valid, in metres) share an area.

    `faces` are the layer's (`topology.faces_of`), None where it is no coverage.
    """
    if faces is not None:
        return len(faces.overlaps) > 0
    try:
        return any(True for _ in find_overlaps(layer, None, most_vertices=MAX_COMPARED_VERTICES))
    except TooMuchToCompareError:
        return True
