"""A fitted projection by compiled loops: points moved, and areas of outlines summed along their followed edges.

It says what `Fitted` says to the last digits that count; where no polynomial comes near enough, it does what `Fitted` does.
"""

from collections.abc import Sequence

import numpy as np
import shapely

from blueprint.fitted import FOLLOWED_M, Fitted
from blueprint.layers.outlines import Outlines, compiled, outlines_of

_AT_ONCE = 256
"""Points whose powers lie in the nearest cache."""


class CompiledGround(Fitted):
    """The same transformation in metres, for many features."""

    def areas(self, shapes: np.ndarray, contents: Sequence[bytes] | None = None, /) -> np.ndarray:
        """Areas of polygons after the transformation, straight edges followed; `contents` are they as EWKB."""
        if not len(shapes):
            return np.empty(0)
        if contents is None:
            contents = list(shapely.to_wkb(shapes))
        flat = np.frombuffer(bytearray(b"".join(contents)), np.uint8)
        return self.areas_of(outlines_of(flat, np.cumsum([0, *map(len, contents)])))

    def areas_of(self, outlines: Outlines) -> np.ndarray:
        """The same of outlines."""
        points, rings = followed(outlines.points, outlines.rings, FOLLOWED_M)
        areas = np.empty(len(outlines.features) - 1)
        _sum(self.apply(points), rings, outlines.parts, outlines.features, areas)
        return areas

    def _evaluate(self, terms: np.ndarray, points: np.ndarray) -> np.ndarray:
        moved = np.empty((len(points), 2))
        _move(np.ascontiguousarray(points), self._middle, self._half, terms, self._degree(terms), moved)
        return moved


def followed(points: np.ndarray, rings: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Rings with points between on every edge that is longer than `step`, evenly."""
    ends = np.zeros(len(rings), np.int64)
    followed_points = np.empty((_count_followed(points, rings, step, ends), 2))
    _follow(points, rings, step, followed_points)
    return followed_points, ends


_MOST_RUNS = 1_000_000_000
"""No edge on earth has as many; one that is longer has more points than memory, and no count of them wraps around."""


@compiled("int64(float64[:, ::1], int64, float64)")
def _runs(points: np.ndarray, point: int, step: float) -> int:
    """In how many runs the edge that ends at a point is followed."""
    dx, dy = points[point, 0] - points[point - 1, 0], points[point, 1] - points[point - 1, 1]
    squared = dx * dx + dy * dy
    if squared <= step * step:
        return 1
    runs = np.ceil(np.sqrt(squared) / step)
    return int(runs) if runs < _MOST_RUNS else _MOST_RUNS


@compiled("int64(float64[:, ::1], int64[::1], float64, int64[::1])")
def _count_followed(points: np.ndarray, rings: np.ndarray, step: float, ends: np.ndarray) -> int:
    """How many points there will be, and where each ring will end."""
    count = 0
    for ring in range(len(rings) - 1):
        count += 1
        for point in range(rings[ring] + 1, rings[ring + 1]):
            count += _runs(points, point, step)
        ends[ring + 1] = count
    return count


@compiled("void(float64[:, ::1], int64[::1], float64, float64[:, ::1])")
def _follow(points: np.ndarray, rings: np.ndarray, step: float, filled: np.ndarray) -> None:
    at = 0
    for ring in range(len(rings) - 1):
        begin = rings[ring]
        filled[at, 0], filled[at, 1] = points[begin, 0], points[begin, 1]
        at += 1
        for point in range(begin + 1, rings[ring + 1]):
            x, y = points[point - 1, 0], points[point - 1, 1]
            dx, dy = points[point, 0] - x, points[point, 1] - y
            runs = _runs(points, point, step)
            for run in range(1, runs):
                filled[at, 0], filled[at, 1] = x + dx * run / runs, y + dy * run / runs
                at += 1
            filled[at, 0], filled[at, 1] = points[point, 0], points[point, 1]
            at += 1


@compiled("void(float64[:, ::1], float64[::1], float64[::1], float64[:, ::1], int64, float64[:, ::1])")
def _move(
    points: np.ndarray,
    middle: np.ndarray,
    half: np.ndarray,
    terms: np.ndarray,
    degree: int,
    moved: np.ndarray,
) -> None:
    """Evaluate the polynomial term by term, in the order of `Fitted`: a point's place among others is of no account."""
    powers = np.empty((terms.shape[1], _AT_ONCE))
    for first in range(0, len(points), _AT_ONCE):
        count = min(_AT_ONCE, len(points) - first)
        across, along = powers[1], powers[2]
        for n in range(count):
            powers[0, n] = 1.0
            across[n] = (points[first + n, 0] - middle[0]) / half[0]
            along[n] = (points[first + n, 1] - middle[1]) / half[1]
        begin, row = 1, 3
        for _ in range(2, degree + 1):
            before, begin = begin, row
            for term in range(before, begin):
                for n in range(count):
                    powers[row, n] = powers[term, n] * across[n]
                row += 1
            for n in range(count):
                powers[row, n] = powers[begin - 1, n] * along[n]
            row += 1
        for axis in range(2):
            total = np.zeros(_AT_ONCE)
            for term in range(terms.shape[1]):
                factor = terms[axis, term]
                for n in range(count):
                    total[n] += factor * powers[term, n]
            for n in range(count):
                moved[first + n, axis] = total[n]


@compiled("void(float64[:, ::1], int64[::1], int64[::1], int64[::1], float64[::1])")
def _sum(
    points: np.ndarray, rings: np.ndarray, parts: np.ndarray, features: np.ndarray, areas: np.ndarray
) -> None:
    """The area of each feature: its shells without their holes, whichever way they run."""
    for feature in range(len(features) - 1):
        area = 0.0
        for part in range(features[feature], features[feature + 1]):
            for ring in range(parts[part], parts[part + 1]):
                begin = rings[ring]
                x, y = points[begin, 0], points[begin, 1]
                twice = 0.0
                for point in range(begin, rings[ring + 1] - 1):
                    twice += (points[point, 0] - x) * (points[point + 1, 1] - y) - (
                        points[point + 1, 0] - x
                    ) * (points[point, 1] - y)
                area += abs(twice) / 2 if ring == parts[part] else -abs(twice) / 2
        areas[feature] = area
