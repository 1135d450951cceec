"""What pairs of polygons share, as the pieces of their outlines: where these cross plainly no shape has to be built to be measured.

The outline of the common area of A and B is what of A's outline lies in B and what of B's lies in A. Both are walked with
the inside on the left; every crossing leads in or out. Where a vertex comes closer to the other outline than `CLOSE_M` that is not
plain: such a pair is left to GEOS. Compiled by Numba, as the areas of an audit are (decision 0027).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyproj import Transformer

from blueprint.areal_scale import TERMS, areal_scale
from blueprint.compiling import compiled_once

CLOSE_M = 1e-6
"""Closer than this, coordinates (metres from the site) do not tell on which side a vertex lies."""

SHORTEST_M = 0.01
"""The sides of a shorter edge are not certain; its pair is left to GEOS."""

_POLYGON, _MULTIPOLYGON = 3, 6
"""The kinds in WKB."""

OPEN, APART, INSIDE, AROUND, CROSSED = range(5)
"""How a part lies to a site: GEOS is to say, nothing is shared, the part lies in the site, around it, or their outlines cross."""


@dataclass(frozen=True)
class Walked:
    """By pair how the two lie to each other; where they cross, areas in the plane and by the measure in m², perimeter in m."""

    relations: np.ndarray
    plane_m2: np.ndarray
    measured_m2: np.ndarray
    perimeter_m: np.ndarray


@dataclass(frozen=True)
class OutlinedSites:
    """Sites as they are walked: `centres` of their boxes in the working CRS, how areas scale near them, and their own areas by the measure in m²."""

    points: np.ndarray
    rings: np.ndarray
    starts: np.ndarray
    centres: np.ndarray
    scales: np.ndarray
    measured_m2: np.ndarray


def outlined(wkbs: Sequence[bytes], to_equal_area: Transformer | None) -> OutlinedSites:
    """Sites from their WKB (working CRS, polygons and multipolygons), to be walked; areas are the plane's without `to_equal_area`."""
    points, rings, starts = _outlines(wkbs)
    centres, halves = _boxes(points, rings, starts)
    scales = np.zeros((len(wkbs), TERMS))
    scales[:, 0] = 1.0
    if to_equal_area is not None:
        scales = areal_scale(to_equal_area, centres, halves)
    measured_m2 = _measured_sites(points, rings, starts, centres, scales)
    return OutlinedSites(points, rings, starts, centres, scales, measured_m2)


def walk(sites: OutlinedSites, parts: Sequence[bytes], rows: np.ndarray) -> Walked:
    """What the polygon `parts[i]` (WKB of the database) shares with the site of the row `rows[i]`."""
    if not len(rows):
        return Walked(np.zeros(0, dtype=np.int64), *np.zeros((3, 0)))
    relations, points, chained, owners = _walk(
        sites.points, sites.rings, sites.starts, *_outlines(parts), rows, sites.centres
    )
    plane_m2, measured_m2, perimeter_m = _measured(points, chained, owners, rows, sites.scales)
    relations[(relations == CROSSED) & (plane_m2 <= 0)] = OPEN
    return Walked(relations, plane_m2, measured_m2, perimeter_m)


def _outlines(wkbs: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, and of which the rings are, and of these the polygons: polygon i has the rings `starts[i]` to `starts[i + 1]`."""
    starts = np.zeros(len(wkbs) + 1, dtype=np.int64)
    np.cumsum([len(wkb) for wkb in wkbs], out=starts[1:])
    return _taken(np.frombuffer(b"".join(wkbs), dtype=np.uint8), starts)


@compiled_once()
def _word(content: np.ndarray, at: int) -> Any:
    return np.int64(content[at : at + 4].view(np.uint32)[0])


@compiled_once()
def _taken(content: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Polygons and multipolygons from plain little-endian WKB, shells turned against the clock and holes with it."""
    points, point = np.empty((len(content) // 16 + 1, 2)), 0
    rings, ring = np.zeros(len(content) // 68 + 2, dtype=np.int64), 0
    polygons = np.zeros(len(starts), dtype=np.int64)
    for row in range(len(starts) - 1):
        at, many = int(starts[row]), 1
        kind = _word(content, at + 1)
        if kind not in (_POLYGON, _MULTIPOLYGON):
            raise ValueError("only flat polygons are walked")
        if kind == _MULTIPOLYGON:
            many = _word(content, at + 5)
            at += 9
        for _ in range(many):
            count = _word(content, at + 5)
            at += 9
            for place in range(count):
                size = _word(content, at)
                at += 4
                taken = content[at : at + 16 * size].view(np.float64).reshape((size, 2))
                at += 16 * size
                # From its first point, so that no digit is lost to the distance from the origin.
                x, y, twice = taken[0, 0], taken[0, 1], 0.0
                for i in range(size - 1):
                    twice += (taken[i, 0] - x) * (taken[i + 1, 1] - y) - (taken[i + 1, 0] - x) * (
                        taken[i, 1] - y
                    )
                points[point : point + size] = taken if (twice > 0) == (place == 0) else taken[::-1]
                point, ring = point + size, ring + 1
                rings[ring] = point
        polygons[row + 1] = ring
    return points[:point], rings[: ring + 1], polygons


@compiled_once()
def _boxes(points: np.ndarray, rings: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle of each site's box, and how far it reaches to each side."""
    centres, halves = np.empty((len(starts) - 1, 2)), np.empty((len(starts) - 1, 2))
    for row in range(len(centres)):
        begin, end = rings[starts[row]], rings[starts[row + 1]]
        for axis in range(2):
            low, high = points[begin, axis], points[begin, axis]
            for i in range(begin + 1, end):
                low, high = min(low, points[i, axis]), max(high, points[i, axis])
            centres[row, axis], halves[row, axis] = (low + high) / 2, (high - low) / 2
    return centres, halves


@compiled_once()
def _under_edge(x0: float, y0: float, x1: float, y1: float, scale: np.ndarray) -> float:
    """What an edge adds to the area by the measure of what lies on its left, in m from the site's centre.

    The moments of an area along its edges: C. Steger, On the calculation of arbitrary moments of polygons (1996).
    """
    added: float = ((x0 * y1 - x1 * y0) / 2) * (
        scale[0]
        + (scale[1] * (x0 + x1) + scale[2] * (y0 + y1)) / 3
        + (scale[3] * (x0 * x0 + x0 * x1 + x1 * x1) + scale[5] * (y0 * y0 + y0 * y1 + y1 * y1)) / 6
        + scale[4] * (2 * x0 * y0 + x0 * y1 + x1 * y0 + 2 * x1 * y1) / 12
    )
    return added


@compiled_once()
def _measured_sites(
    points: np.ndarray, rings: np.ndarray, starts: np.ndarray, centres: np.ndarray, scales: np.ndarray
) -> np.ndarray:
    measured = np.zeros(len(centres))
    for row in range(len(centres)):
        x, y = centres[row, 0], centres[row, 1]
        for ring in range(starts[row], starts[row + 1]):
            for i in range(rings[ring] + 1, rings[ring + 1]):
                measured[row] += _under_edge(
                    points[i - 1, 0] - x,
                    points[i - 1, 1] - y,
                    points[i, 0] - x,
                    points[i, 1] - y,
                    scales[row],
                )
    return measured


@compiled_once()
def _measured(
    points: np.ndarray, chained: np.ndarray, owners: np.ndarray, rows: np.ndarray, scales: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By pair the area in the plane, by the measure, and the perimeter: sums over edges, the inside on their left."""
    plane, measured, perimeter = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows))
    for i in range(1, len(points)):
        if not chained[i]:
            continue
        x0, y0, x1, y1 = points[i - 1, 0], points[i - 1, 1], points[i, 0], points[i, 1]
        pair = owners[i]
        plane[pair] += (x0 * y1 - x1 * y0) / 2
        measured[pair] += _under_edge(x0, y0, x1, y1, scales[rows[pair]])
        perimeter[pair] += np.sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2)
    return plane, measured, perimeter


@compiled_once()
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


@compiled_once()
def _moved(points: np.ndarray, rings: np.ndarray, begin: int, end: int, x: float, y: float) -> np.ndarray:
    first = rings[begin]
    moved = np.empty((rings[end] - first, 2))
    for i in range(len(moved)):
        moved[i, 0], moved[i, 1] = points[first + i, 0] - x, points[first + i, 1] - y
    return moved


@compiled_once()
def crossings_of(
    a: np.ndarray, a_rings: np.ndarray, b: np.ndarray, b_rings: np.ndarray
) -> tuple[np.ndarray, bool]:
    """Where edges of a and b cross: the edge and how far along it, of both, and the place; False where that is not plain."""
    found = np.empty((64, 6))
    count = 0
    b_west, b_south, b_east, b_north = b[:, 0].min(), b[:, 1].min(), b[:, 0].max(), b[:, 1].max()
    for ring in range(len(a_rings) - 1):
        for i in range(a_rings[ring], a_rings[ring + 1] - 1):
            ax0, ay0, ax1, ay1 = a[i, 0], a[i, 1], a[i + 1, 0], a[i + 1, 1]
            west, east = min(ax0, ax1) - CLOSE_M, max(ax0, ax1) + CLOSE_M
            south, north = min(ay0, ay1) - CLOSE_M, max(ay0, ay1) + CLOSE_M
            if b_east < west or b_west > east or b_north < south or b_south > north:
                continue
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


@compiled_once()
def _put(out: np.ndarray, chained: np.ndarray, place: int, x: float, y: float, is_chained: bool) -> int:
    out[place, 0], out[place, 1] = x, y
    chained[place] = is_chained
    return place + 1


@compiled_once()
def in_order(crossings: np.ndarray, column: int) -> np.ndarray:
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


@compiled_once()
def _along(
    own: np.ndarray, own_rings: np.ndarray, other: np.ndarray, other_rings: np.ndarray,
    crossings: np.ndarray, column: int, out: np.ndarray, chained: np.ndarray, place: int,
) -> tuple[int, bool]:  # fmt: skip
    """Write what of an outline lies inside the other polygon; False where a ring does not come back to where it began."""
    order = in_order(crossings, column)
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


@compiled_once()
def _rings_inside(own: np.ndarray, own_rings: np.ndarray, other: np.ndarray, other_rings: np.ndarray) -> int:
    """How many rings of a polygon begin in the other."""
    count = 0
    for ring in range(len(own_rings) - 1):
        first = own_rings[ring]
        count += _inside(own[first, 0], own[first, 1], other, other_rings, 0, len(other_rings) - 1)
    return count


@compiled_once()
def relation_of_uncrossed(a: np.ndarray, a_rings: np.ndarray, b: np.ndarray, b_rings: np.ndarray) -> int:
    """How a part b lies to a site a where no edges cross: then each ring lies wholly inside the other, or outside."""
    of_a, of_b = _rings_inside(a, a_rings, b, b_rings), _rings_inside(b, b_rings, a, a_rings)
    if of_a == 0 and of_b == 0:
        return APART
    if of_a == 0 and of_b == len(b_rings) - 1:
        return INSIDE
    if of_b == 0 and of_a == len(a_rings) - 1:
        return AROUND
    return CROSSED


@compiled_once()
def _walk(
    sites: np.ndarray, site_rings: np.ndarray, site_starts: np.ndarray,
    parts: np.ndarray, part_rings: np.ndarray, part_starts: np.ndarray,
    rows: np.ndarray, centres: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """How pairs lie, and the points of their common outlines, from the sites' centres: if chained to the last, and whose."""
    out, chained = np.empty((1024, 2)), np.empty(1024, dtype=np.bool_)
    owners = np.empty(1024, dtype=np.int64)
    relations = np.zeros(len(rows), dtype=np.int64)
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
        crossings, is_plain = crossings_of(a, a_rings, b, b_rings)
        if not is_plain:
            continue
        if not len(crossings):
            relations[pair] = relation_of_uncrossed(a, a_rings, b, b_rings)
            if relations[pair] != CROSSED:
                continue
        needed = place + 2 * (len(a) + len(b) + len(crossings)) + 8
        if needed > len(out):
            wider, more, whose = (
                np.empty((2 * needed, 2)),
                np.empty(2 * needed, dtype=np.bool_),
                np.empty(2 * needed, dtype=np.int64),
            )
            wider[:place], more[:place], whose[:place] = out[:place], chained[:place], owners[:place]
            out, chained, owners = wider, more, whose
        start = place
        place, is_plain = _along(a, a_rings, b, b_rings, crossings, 0, out, chained, place)
        if is_plain:
            place, is_plain = _along(b, b_rings, a, a_rings, crossings, 2, out, chained, place)
        if not is_plain:
            relations[pair], place = OPEN, start
            continue
        owners[start:place] = pair
        relations[pair] = CROSSED
    return relations, out[:place], chained[:place], owners[:place]
