"""What is asked of many outlines in the plane, by compiled loops: areas, lengths, boxes, whether they are valid.

Areas and lengths are summed as GEOS sums them, in its order. What an outline of more than one ring, or of more vertices than
are quickly compared, is not decided here: validity is said to be sure or not to be known.
"""

from dataclasses import dataclass

import numpy as np

from blueprint.layers.outlines import Outlines, compiled

_MOST_COMPARED = 500
"""Vertices of a ring whose edges are compared with each other here."""

_ROUNDING = 3.3306690738754716e-16
"""How far a determinant may be from what it would be without rounding, by the size of its terms (Shewchuk 1997)."""


@dataclass(frozen=True)
class Measures:
    """Of every feature: its area in m², the length of its rings in metres, and west, south, east, north."""

    areas_m2: np.ndarray
    lengths_m: np.ndarray
    bounds: np.ndarray


def measured_in_plane(outlines: Outlines) -> Measures:
    """Measure polygons of the working CRS."""
    count = len(outlines.features) - 1
    measures = Measures(np.empty(count), np.empty(count), np.empty((count, 4)))
    _measure(
        outlines.points, outlines.rings, outlines.parts, outlines.features,
        measures.areas_m2, measures.lengths_m, measures.bounds,
    )  # fmt: skip
    return measures


def surely_valid(outlines: Outlines) -> np.ndarray:
    """Whether each feature is one ring whose edges meet at its vertices alone, beyond any rounding; else nothing is said."""
    sure = np.zeros(len(outlines.features) - 1, dtype=np.bool_)
    _are_valid(outlines.points, outlines.rings, outlines.parts, outlines.features, sure)
    return sure


@compiled(
    "void(float64[:, ::1], int64[::1], int64[::1], int64[::1], float64[::1], float64[::1], float64[:, ::1])"
)
def _measure(
    points: np.ndarray, rings: np.ndarray, parts: np.ndarray, features: np.ndarray,
    areas: np.ndarray, lengths: np.ndarray, bounds: np.ndarray,
) -> None:  # fmt: skip
    for feature in range(len(features) - 1):
        area, length = 0.0, 0.0
        west, south, east, north = np.inf, np.inf, -np.inf, -np.inf
        for part in range(features[feature], features[feature + 1]):
            of_part, around = 0.0, 0.0
            for ring in range(parts[part], parts[part + 1]):
                begin, stop = rings[ring], rings[ring + 1]
                x, twice, along = points[begin, 0], 0.0, 0.0
                for point in range(begin, stop):
                    here_x, here_y = points[point, 0], points[point, 1]
                    west, east = min(west, here_x), max(east, here_x)
                    south, north = min(south, here_y), max(north, here_y)
                    if point > begin:
                        dx, dy = here_x - points[point - 1, 0], here_y - points[point - 1, 1]
                        along += np.sqrt(dx * dx + dy * dy)
                        if point < stop - 1:
                            twice += (here_x - x) * (points[point - 1, 1] - points[point + 1, 1])
                of_part += abs(twice / 2) if ring == parts[part] else -abs(twice / 2)
                around += along
            area += of_part
            length += around
        areas[feature], lengths[feature] = area, length
        bounds[feature, 0], bounds[feature, 1] = west, south
        bounds[feature, 2], bounds[feature, 3] = east, north


@compiled("int64(float64[:, ::1], int64, int64, int64)")
def _side(points: np.ndarray, one: int, other: int, third: int) -> int:
    """On which side of the line through two points a third lies: 1 or -1; 0 where rounding might decide."""
    left = (points[other, 0] - points[one, 0]) * (points[third, 1] - points[one, 1])
    right = (points[other, 1] - points[one, 1]) * (points[third, 0] - points[one, 0])
    turn = left - right
    bound = _ROUNDING * (abs(left) + abs(right))
    return 1 if turn > bound else -1 if turn < -bound else 0


@compiled("boolean(float64[:, ::1], int64, int64, int64)")
def _goes_on(points: np.ndarray, before: int, here: int, after: int) -> bool:
    """Whether two edges share surely no more than the vertex between them: they turn there, or go straight on."""
    if _side(points, before, here, after) != 0:
        return True
    one = (points[before, 0] - points[here, 0]) * (points[after, 0] - points[here, 0])
    other = (points[before, 1] - points[here, 1]) * (points[after, 1] - points[here, 1])
    return bool(one + other < -_ROUNDING * (abs(one) + abs(other)))


@compiled("boolean(float64[:, ::1], int64, int64)")
def _are_apart(points: np.ndarray, one: int, other: int) -> bool:
    """Whether two edges, named by the points they begin at, surely share no point."""
    if max(points[one, 1], points[one + 1, 1]) < min(points[other, 1], points[other + 1, 1]) or max(
        points[other, 1], points[other + 1, 1]
    ) < min(points[one, 1], points[one + 1, 1]):
        return True
    if _side(points, one, one + 1, other) * _side(points, one, one + 1, other + 1) > 0:
        return True
    return _side(points, other, other + 1, one) * _side(points, other, other + 1, one + 1) > 0


@compiled("boolean(float64[:, ::1], int64, int64, float64[::1], int64[::1])")
def _is_simple(points: np.ndarray, begin: int, stop: int, west: np.ndarray, order: np.ndarray) -> bool:
    """Whether a ring surely meets itself nowhere; its edges are compared from west to east."""
    count = stop - begin - 1
    for axis in range(2):
        if points[begin, axis] != points[stop - 1, axis]:
            return False
    for edge in range(count):
        here = begin + edge
        if not (np.isfinite(points[here, 0]) and np.isfinite(points[here, 1])):
            return False
        before = here - 1 if edge > 0 else stop - 2
        if not _goes_on(points, before, here, here + 1):
            return False
        # Sorted as they come: neighbours along a ring are neighbours from west to east more often than not.
        at, least = edge, min(points[here, 0], points[here + 1, 0])
        while at > 0 and west[at - 1] > least:
            west[at], order[at] = west[at - 1], order[at - 1]
            at -= 1
        west[at], order[at] = least, edge
    for place in range(count):
        edge = order[place]
        east = max(points[begin + edge, 0], points[begin + edge + 1, 0])
        for following in range(place + 1, count):
            if west[following] > east:
                break
            other = order[following]
            apart = abs(edge - other)
            if apart == 1 or apart == count - 1:  # neighbours, which share a vertex
                continue
            if not _are_apart(points, begin + edge, begin + other):
                return False
    return True


@compiled("void(float64[:, ::1], int64[::1], int64[::1], int64[::1], boolean[::1])")
def _are_valid(
    points: np.ndarray, rings: np.ndarray, parts: np.ndarray, features: np.ndarray, sure: np.ndarray
) -> None:
    west, order = np.empty(_MOST_COMPARED), np.empty(_MOST_COMPARED, np.int64)
    for feature in range(len(features) - 1):
        part = features[feature]
        if features[feature + 1] - part != 1 or parts[part + 1] - parts[part] != 1:
            continue
        begin, stop = rings[parts[part]], rings[parts[part] + 1]
        if 4 <= stop - begin <= _MOST_COMPARED:
            sure[feature] = _is_simple(points, begin, stop, west, order)
