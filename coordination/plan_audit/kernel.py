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

import numba
import numpy as np
import shapely

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
    parts, of_polygon = shapely.get_parts(shapely.orient_polygons(polygons), return_index=True)
    rings, of_part = shapely.get_rings(parts, return_index=True)
    points, of_ring = shapely.get_coordinates(rings, return_index=True)
    points = points - np.asarray(origin)
    joined = of_ring[1:] == of_ring[:-1]
    left, right = points[:-1][joined], points[1:][joined]
    owner = of_polygon[of_part[of_ring[:-1][joined]]]
    slanted = left[:, 0] != right[:, 0]
    left, right, owner = left[slanted], right[slanted], owner[slanted]
    forward = left[:, 0] < right[:, 0]
    ends = np.where(forward[:, None], np.hstack([left, right]), np.hstack([right, left]))
    order = np.lexsort((ends[:, 0], owner))
    starts = np.searchsorted(owner[order], np.arange(len(polygons) + 1)).astype(np.int64)
    return Edges(starts, np.ascontiguousarray(ends[order]), np.where(forward, -1.0, 1.0)[order])


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


@numba.njit(nogil=True, cache=True, error_model="numpy")
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
