"""The common areas of pairs of polygons without building a shape: by pairs of edges, summed in closed form.

Shells run counter-clockwise, holes clockwise. An edge that is not upright covers a range of x; s is -1 where it runs from left
to right (below the polygon), else +1. Then 1[inside A] = sum of s over the edges of A above, and

    area(A and B) = -1/2 * sum over edges a of A, b of B of  s_a * s_b * integral over their common x of |y_a - y_b|

since the terms that are linear in y cancel: on every upright line the s of a polygon add up to 0. Holes, several parts, edges
that lie on each other and touching are no special cases.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import shapely

from blueprint.compiling import compiled_once

_PAIRS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Edges:
    """The edges of polygons, from left to right in each: `starts[i]` to `starts[i + 1]` are those of the polygon i."""

    starts: np.ndarray
    ends: np.ndarray
    """One row an edge: x and y of its left end, x and y of its right end."""
    signs: np.ndarray


def edges_of(polygons: np.ndarray, origin: Sequence[float]) -> Edges:
    """The edges of polygons and multipolygons, from an origin near them (metres): products of large numbers lose digits."""
    _, points, offsets = shapely.to_ragged_array(shapely.orient_polygons(polygons), include_z=False)
    rings = offsets[0].astype(np.int64)
    # The first ring of each polygon: by its parts, where there are any of several.
    first_rings = (offsets[1][offsets[2]] if len(offsets) == 3 else offsets[1]).astype(np.int64)
    starts = np.zeros(len(polygons) + 1, dtype=np.int64)
    ends, signs = np.empty((len(points), 4)), np.empty(len(points))
    _fill(points, rings, first_rings, float(origin[0]), float(origin[1]), starts, ends, signs)
    return Edges(starts, ends[: starts[-1]], signs[: starts[-1]])


def common_areas(
    first: Edges, second: Edges, rows: np.ndarray, other_rows: np.ndarray, *, threads: int | None = None
) -> np.ndarray:
    """The area that the polygon `rows[i]` of the first has in common with `other_rows[i]` of the second, in m²."""
    areas = np.empty(len(rows))
    pieces = range(0, len(rows), _PAIRS_AT_ONCE)

    def measure(start: int) -> None:
        piece = slice(start, start + _PAIRS_AT_ONCE)
        _measure(
            first.starts, first.ends, first.signs, second.starts, second.ends, second.signs,
            rows[piece], other_rows[piece], areas[piece],
        )  # fmt: skip

    if len(pieces) <= 1 or threads == 1:
        for start in pieces:
            measure(start)
        return areas
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:  # the compiled part holds no lock
        list(pool.map(measure, pieces))
    return areas


@compiled_once()
def _fill(
    points: np.ndarray, rings: np.ndarray, first_rings: np.ndarray, x: float, y: float,
    starts: np.ndarray, ends: np.ndarray, signs: np.ndarray,
) -> None:  # fmt: skip
    """Write the edges of each polygon in the order of their left ends; upright ones are left out."""
    place = 0
    for polygon in range(len(starts) - 1):
        begin = place
        for ring in range(first_rings[polygon], first_rings[polygon + 1]):
            for point in range(rings[ring], rings[ring + 1] - 1):
                x0, y0 = points[point, 0] - x, points[point, 1] - y
                x1, y1 = points[point + 1, 0] - x, points[point + 1, 1] - y
                if x0 == x1:
                    continue
                if x0 < x1:
                    ends[place, 0], ends[place, 1], ends[place, 2], ends[place, 3] = x0, y0, x1, y1
                    signs[place] = -1.0
                else:
                    ends[place, 0], ends[place, 1], ends[place, 2], ends[place, 3] = x1, y1, x0, y0
                    signs[place] = 1.0
                place += 1
        order = np.argsort(ends[begin:place, 0])
        ends[begin:place] = ends[begin:place][order]
        signs[begin:place] = signs[begin:place][order]
        starts[polygon + 1] = place


@compiled_once(error_model="numpy")
def _measure(
    starts: np.ndarray, ends: np.ndarray, signs: np.ndarray,
    other_starts: np.ndarray, other_ends: np.ndarray, other_signs: np.ndarray,
    rows: np.ndarray, other_rows: np.ndarray, areas: np.ndarray,
) -> None:  # fmt: skip
    for pair in range(len(rows)):
        row, other = rows[pair], other_rows[pair]
        total = 0.0
        begin, stop = other_starts[other], other_starts[other + 1]
        for a in range(starts[row], starts[row + 1]):
            x0, y0, x1, y1 = ends[a, 0], ends[a, 1], ends[a, 2], ends[a, 3]
            slope = (y1 - y0) / (x1 - x0)
            part = 0.0
            for b in range(begin, stop):
                u0 = other_ends[b, 0]
                if u0 >= x1:
                    break  # edges are in the order of their left ends: none of the rest reaches back
                u1 = other_ends[b, 2]
                if u1 <= x0:
                    continue
                v0 = other_ends[b, 1]
                other_slope = (other_ends[b, 3] - v0) / (u1 - u0)
                left, right = max(x0, u0), min(x1, u1)
                d0 = (y0 + slope * (left - x0)) - (v0 + other_slope * (left - u0))
                d1 = (y0 + slope * (right - x0)) - (v0 + other_slope * (right - u0))
                if d0 * d1 >= 0.0:
                    mean = abs(d0 + d1) * 0.5
                else:
                    mean = (d0 * d0 + d1 * d1) / (2.0 * (abs(d0) + abs(d1)))
                part += other_signs[b] * mean * (right - left)
            total += signs[a] * part
        areas[pair] = -0.5 * total
