"""Whether the features of a layer overlap each other: where they do not, their areas add up and need no union."""

import numpy as np
import shapely

MAX_VERTICES = 20_000_000
"""A larger layer is not looked at (it would take gigabytes) and taken to overlap, which is slower and never wrong."""

MAX_COMPARED_VERTICES = 50_000_000
"""So much is spent on comparing pair by pair; a layer that needs more is taken to overlap."""

NOISE_M = 1e-6
"""A common area thinner than this is the rounding of coordinates."""

_LOOKED_AT_FIRST = 500
_SUSPECTS_AT_ONCE = 10
_PAIRS_AT_ONCE = 1000


def may_overlap_each_other(shapes: np.ndarray) -> bool:
    """Say False when it is certain that no two of the polygons (valid, in metres) share an area.

    A coverage (neighbours share their edges vertex by vertex) is recognised as a whole; only polygons that lie
    otherwise are compared with what is near. Source: the `CoverageValidator` of GEOS 3.12, which leaves the
    polygons without their SRID: this is for the last use of them.
    """
    if shapely.get_num_coordinates(shapes).sum() > MAX_VERTICES:
        return True
    tree = shapely.STRtree(shapes)
    # A look at some first: where many lie on top of each other, judging the coverage would take a very long time.
    some = np.unique(np.linspace(0, len(shapes) - 1, _LOOKED_AT_FIRST).astype(int))
    if _share_areas(shapes, tree, some):
        return True
    suspects = np.nonzero(~shapely.is_empty(shapely.coverage_invalid_edges(shapes)))[0]
    return _share_areas(shapes, tree, suspects)


def _share_areas(shapes: np.ndarray, tree: shapely.STRtree, suspects: np.ndarray) -> bool:
    """Say whether a suspect shares an area with any other, or whether that would take too long to know."""
    vertices = shapely.get_num_coordinates(shapes)
    left_to_compare = MAX_COMPARED_VERTICES
    for first in range(0, len(suspects), _SUSPECTS_AT_ONCE):
        some = suspects[first : first + _SUSPECTS_AT_ONCE]
        left, right = tree.query(shapes[some], predicate="intersects")
        left = some[left]
        left, right = left[left != right], right[left != right]
        left_to_compare -= int(vertices[left].sum() + vertices[right].sum())
        if left_to_compare < 0:
            return True
        for pair in range(0, len(left), _PAIRS_AT_ONCE):
            at_once = slice(pair, pair + _PAIRS_AT_ONCE)
            shared = shapely.intersection(shapes[left[at_once]], shapes[right[at_once]])
            if (2 * shapely.area(shared) > NOISE_M * shapely.length(shared)).any():
                return True
    return False
