"""What pairs of polygons share, as the pieces of their outlines: where these cross plainly no shape has to be built to be measured.

The outline of the common area of A and B is what of A's outline lies in B and what of B's lies in A. Both are walked with
the inside on the left; every crossing leads in or out. Where a vertex comes closer to the other outline than `CLOSE_M` that is not
plain: such a pair is left to GEOS. Compiled by Numba, as the areas of an audit are (decision 0027).
"""

from dataclasses import dataclass

import numba
import numpy as np
import shapely
from pyproj import Transformer

CLOSE_M = 1e-6
"""Closer than this, coordinates (metres from the site) do not tell on which side a vertex lies."""

SHORTEST_M = 0.01
"""The sides of a shorter edge are not certain; its pair is left to GEOS."""

STRAIGHT_M = 50.0
"""Longer edges get more vertices before they are projected, as in `blueprint.ellipsoid_m2`."""


@dataclass(frozen=True)
class Walked:
    """By pair: areas in the plane and by the measure in m², perimeter in m; False in `is_plain` where GEOS is to cut."""

    is_plain: np.ndarray
    plane_m2: np.ndarray
    measured_m2: np.ndarray
    perimeter_m: np.ndarray


@dataclass(frozen=True)
class _Outlines:
    """Rings of polygons: `starts[i]` to `starts[i + 1]` are the rings of polygon i, `rings` say so of the points."""

    points: np.ndarray
    rings: np.ndarray
    starts: np.ndarray


def walk(sites: np.ndarray, parts: np.ndarray, rows: np.ndarray, to_equal_area: Transformer | None) -> Walked:
    """What the polygon `parts[i]` shares with the site `sites[rows[i]]`."""
    count = len(rows)
    if not count:
        return Walked(np.zeros(0, dtype=bool), *np.zeros((3, 0)))
    mine, other = _outlines(sites), _outlines(parts)
    centres = shapely.bounds(sites).reshape(-1, 2, 2).mean(axis=1)
    points, chained, owners, is_plain = _walk(
        mine.points, mine.rings, mine.starts, other.points, other.rings, other.starts, rows, centres
    )
    if not len(points):
        return Walked(np.zeros(count, dtype=bool), *np.zeros((3, count)))
    plane_m2 = _areas(points, chained, owners, count)
    lengths = np.hypot(*np.diff(points, axis=0).T) * chained[1:]
    perimeter_m = np.bincount(owners[1:], lengths, count)
    measured_m2 = plane_m2
    if to_equal_area is not None:
        x, y = to_equal_area.transform(*(points + centres[rows[owners]]).T)
        near = np.array(to_equal_area.transform(*centres.T)).T
        measured_m2 = _areas(np.column_stack([x, y]) - near[rows[owners]], chained, owners, count)
    return Walked(is_plain & (plane_m2 > 0), plane_m2, measured_m2, perimeter_m)


def _outlines(polygons: np.ndarray) -> _Outlines:
    _, points, offsets = shapely.to_ragged_array(shapely.orient_polygons(polygons), include_z=False)
    rings = offsets[0].astype(np.int64)
    starts = (offsets[1][offsets[2]] if len(offsets) == 3 else offsets[1]).astype(np.int64)
    return _Outlines(np.ascontiguousarray(points), rings, starts)


def _areas(points: np.ndarray, chained: np.ndarray, owners: np.ndarray, count: int) -> np.ndarray:
    """Twice the area left of an edge, from the origin, is the cross product of its ends."""
    x, y = points[:, 0], points[:, 1]
    crossed = (x[:-1] * y[1:] - x[1:] * y[:-1]) * chained[1:]
    return np.asarray(np.bincount(owners[1:], crossed, count) / 2)


@numba.njit(nogil=True, cache=True)
def _inside(x: float, y: float, points: np.ndarray, rings: np.ndarray, begin: int, end: int) -> bool:
    """Whether a point that is not on the outline lies in a polygon: a ray to the east crosses it an odd number of times."""
    found = False
    for ring in range(begin, end):
        for i in range(rings[ring], rings[ring + 1] - 1):
            y0, y1 = points[i, 1], points[i + 1, 1]
            if (y0 > y) != (y1 > y):
                at = points[i, 0] + (y - y0) * (points[i + 1, 0] - points[i, 0]) / (y1 - y0)
                if at > x:
                    found = not found
    return found


@numba.njit(nogil=True, cache=True)
def _moved(points: np.ndarray, rings: np.ndarray, begin: int, end: int, x: float, y: float) -> np.ndarray:
    first = rings[begin]
    moved = np.empty((rings[end] - first, 2))
    for i in range(len(moved)):
        moved[i, 0], moved[i, 1] = points[first + i, 0] - x, points[first + i, 1] - y
    return moved


@numba.njit(nogil=True, cache=True)
def _crossings(
    a: np.ndarray, a_rings: np.ndarray, b: np.ndarray, b_rings: np.ndarray
) -> tuple[np.ndarray, bool]:
    """Where edges of a and b cross: the edge and how far along it, of both, and the place; False where that is not plain."""
    found = np.empty((64, 6))
    count = 0
    for ring in range(len(a_rings) - 1):
        for i in range(a_rings[ring], a_rings[ring + 1] - 1):
            ax0, ay0, ax1, ay1 = a[i, 0], a[i, 1], a[i + 1, 0], a[i + 1, 1]
            west, east = min(ax0, ax1) - CLOSE_M, max(ax0, ax1) + CLOSE_M
            south, north = min(ay0, ay1) - CLOSE_M, max(ay0, ay1) + CLOSE_M
            adx, ady = ax1 - ax0, ay1 - ay0
            a_length = np.sqrt(adx * adx + ady * ady)
            for other in range(len(b_rings) - 1):
                for j in range(b_rings[other], b_rings[other + 1] - 1):
                    bx0, bx1 = b[j, 0], b[j + 1, 0]
                    if (bx0 < west and bx1 < west) or (bx0 > east and bx1 > east):
                        continue
                    by0, by1 = b[j, 1], b[j + 1, 1]
                    if (by0 < south and by1 < south) or (by0 > north and by1 > north):
                        continue
                    bdx, bdy = bx1 - bx0, by1 - by0
                    b_length = np.sqrt(bdx * bdx + bdy * bdy)
                    if a_length < SHORTEST_M or b_length < SHORTEST_M:
                        return found[:0], False
                    # Sides, as distances in metres: of a's ends from the line of b, of b's ends from that of a.
                    a0 = (bdx * (ay0 - by0) - bdy * (ax0 - bx0)) / b_length
                    a1 = (bdx * (ay1 - by0) - bdy * (ax1 - bx0)) / b_length
                    b0 = (adx * (by0 - ay0) - ady * (bx0 - ax0)) / a_length
                    b1 = (adx * (by1 - ay0) - ady * (bx1 - ax0)) / a_length
                    if min(min(abs(a0), abs(a1)), min(abs(b0), abs(b1))) < CLOSE_M:
                        return found[:0], False
                    if (a0 > 0) == (a1 > 0) or (b0 > 0) == (b1 > 0):
                        continue
                    if count == len(found):
                        wider = np.empty((2 * count, 6))
                        wider[:count] = found
                        found = wider
                    along = a0 / (a0 - a1)
                    found[count, 0], found[count, 1] = i, along
                    found[count, 2], found[count, 3] = j, b0 / (b0 - b1)
                    found[count, 4], found[count, 5] = ax0 + along * adx, ay0 + along * ady
                    count += 1
    return found[:count], True


@numba.njit(nogil=True, cache=True)
def _put(out: np.ndarray, chained: np.ndarray, place: int, x: float, y: float, is_chained: bool) -> int:
    """Write a point; after a long edge with as many between as keep it straight when projected."""
    if is_chained:
        x0, y0 = out[place - 1, 0], out[place - 1, 1]
        pieces = int(np.ceil(np.sqrt((x - x0) ** 2 + (y - y0) ** 2) / STRAIGHT_M))
        for k in range(1, pieces):
            out[place, 0], out[place, 1] = x0 + (x - x0) * k / pieces, y0 + (y - y0) * k / pieces
            chained[place] = 1.0
            place += 1
    out[place, 0], out[place, 1] = x, y
    chained[place] = 1.0 if is_chained else 0.0
    return place + 1


@numba.njit(nogil=True, cache=True)
def _in_order(crossings: np.ndarray, column: int) -> np.ndarray:
    """The crossings along an outline; they are few, and nearly in order."""
    order = np.arange(len(crossings))
    for i in range(1, len(order)):
        moved, k = order[i], i
        at = crossings[moved, column] + crossings[moved, column + 1]
        while k > 0 and crossings[order[k - 1], column] + crossings[order[k - 1], column + 1] > at:
            order[k] = order[k - 1]
            k -= 1
        order[k] = moved
    return order


@numba.njit(nogil=True, cache=True)
def _along(
    own: np.ndarray, own_rings: np.ndarray, other: np.ndarray, other_rings: np.ndarray,
    crossings: np.ndarray, column: int, out: np.ndarray, chained: np.ndarray, place: int,
) -> tuple[int, bool]:  # fmt: skip
    """Write what of an outline lies inside the other polygon; False where a ring does not come back to where it began."""
    order = _in_order(crossings, column)
    at = 0
    for ring in range(len(own_rings) - 1):
        first = own_rings[ring]
        began = _inside(own[first, 0], own[first, 1], other, other_rings, 0, len(other_rings) - 1)
        is_in = began
        if is_in:
            place = _put(out, chained, place, own[first, 0], own[first, 1], False)
        for i in range(first, own_rings[ring + 1] - 1):
            while at < len(order) and int(crossings[order[at], column]) == i:
                crossing = crossings[order[at]]
                place = _put(out, chained, place, crossing[4], crossing[5], is_in)
                is_in = not is_in
                at += 1
            if is_in:
                place = _put(out, chained, place, own[i + 1, 0], own[i + 1, 1], True)
        if is_in != began:
            return place, False
    return place, at == len(order)


@numba.njit(nogil=True, cache=True)
def _room(points: np.ndarray) -> int:
    """How many points an outline may come to at most, long edges cut."""
    length = 0.0
    for i in range(len(points) - 1):
        length += np.sqrt((points[i + 1, 0] - points[i, 0]) ** 2 + (points[i + 1, 1] - points[i, 1]) ** 2)
    return 2 * len(points) + int(length / STRAIGHT_M)


@numba.njit(nogil=True, cache=True)
def _walk(
    sites: np.ndarray, site_rings: np.ndarray, site_starts: np.ndarray,
    parts: np.ndarray, part_rings: np.ndarray, part_starts: np.ndarray,
    rows: np.ndarray, centres: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """The points of all common outlines, from the centres of the sites: whether each is chained to the last, whose it is."""
    out, chained = np.empty((4096, 2)), np.empty(4096)
    owners = np.empty(4096, dtype=np.int64)
    is_plain = np.zeros(len(rows), dtype=np.bool_)
    place = 0
    for pair in range(len(rows)):
        row = rows[pair]
        x, y = centres[row, 0], centres[row, 1]
        begin, end = site_starts[row], site_starts[row + 1]
        a, a_rings = (
            _moved(sites, site_rings, begin, end, x, y),
            site_rings[begin : end + 1] - site_rings[begin],
        )
        begin, end = part_starts[pair], part_starts[pair + 1]
        b, b_rings = (
            _moved(parts, part_rings, begin, end, x, y),
            part_rings[begin : end + 1] - part_rings[begin],
        )
        crossings, plain = _crossings(a, a_rings, b, b_rings)
        if not plain:
            continue
        needed = place + _room(a) + _room(b) + 4 * len(crossings) + 8
        if needed > len(out):
            wider, more, whose = (
                np.empty((2 * needed, 2)),
                np.empty(2 * needed),
                np.empty(2 * needed, dtype=np.int64),
            )
            wider[:place], more[:place], whose[:place] = out[:place], chained[:place], owners[:place]
            out, chained, owners = wider, more, whose
        start = place
        place, plain = _along(a, a_rings, b, b_rings, crossings, 0, out, chained, place)
        if plain:
            place, plain = _along(b, b_rings, a, a_rings, crossings, 2, out, chained, place)
        if not plain:
            place = start
            continue
        owners[start:place] = pair
        is_plain[pair] = True
    return out[:place], chained[:place], owners[:place], is_plain
