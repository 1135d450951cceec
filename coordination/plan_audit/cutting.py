"""What pairs of polygons have in common as shapes, cut in compiled loops where their outlines cross plainly; the rest is left to GEOS.

Both outlines run against the clock. Where the first comes into the second the common outline follows the first, where it
leaves it, the second, until it comes back to where it began (K. Weiler, P. Atherton, Hidden surface removal using polygon area
sorting, 1977). Vertices stay as they are; what crosses is computed near the origin, as `blueprint.outline_walk` does.
"""

from dataclasses import dataclass

import numpy as np
import shapely

from blueprint.compiling import compiled_once
from blueprint.outline_walk import (
    AROUND,
    CLOSE_M,
    CROSSED,
    INSIDE,
    OPEN,
    crossings_of,
    in_order,
    relation_of_uncrossed,
)

_MOST_EDGES = 250_000
"""Pairs of edges beyond which each with each takes longer than GEOS, which sorts them."""

_WIDEST_M = 100_000.0
"""Edges of thousands of kilometres cross at places that rounding moves by more than it may."""

_FLATTEST = 1e-4
"""The sine of the flattest angle at which edges cross plainly: where along them they do is then known to `CLOSE_M`."""


@dataclass(frozen=True)
class Cut:
    """By pair how the second lies to the first (`OPEN`: GEOS is to say), and what they share, None where that is not known."""

    relations: np.ndarray
    shapes: np.ndarray


@dataclass(frozen=True)
class Outlines:
    """Polygons by their rings: `ring_of` is the only ring of each, or -1 where it has holes or parts or is too wide; metres."""

    points: np.ndarray
    rings: np.ndarray
    ring_of: np.ndarray


def outlines_of(polygons: np.ndarray) -> Outlines:
    """The outlines of polygons and multipolygons, shells against the clock; of what is wider than `_WIDEST_M` none is followed."""
    if not len(polygons):
        return Outlines(np.empty((0, 2)), np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int64))
    _, points, offsets = shapely.to_ragged_array(shapely.orient_polygons(polygons), include_z=False)
    first_rings = (offsets[1][offsets[2]] if len(offsets) == 3 else offsets[1]).astype(np.int64)
    west, south, east, north = shapely.bounds(polygons).T
    is_plain = (np.diff(first_rings) == 1) & (np.maximum(east - west, north - south) <= _WIDEST_M)
    ring_of = np.where(is_plain, first_rings[:-1], -1)
    return Outlines(np.ascontiguousarray(points), offsets[0].astype(np.int64), ring_of)


def cut(
    first: np.ndarray,
    second: np.ndarray,
    outlines: tuple[Outlines, Outlines],
    rows: np.ndarray,
    other: np.ndarray,
) -> Cut:
    """What the polygon `first[rows[i]]` shares with `second[other[i]]`; `outlines` are those of both sides."""
    one, two = outlines
    relations, points, ends, owners = _cut(
        one.points, one.rings, one.ring_of[rows], two.points, two.rings, two.ring_of[other]
    )
    shapes = np.full(len(rows), None, dtype=object)
    shapes[relations == INSIDE] = second[other[relations == INSIDE]]
    shapes[relations == AROUND] = first[rows[relations == AROUND]]
    if len(ends):
        sizes = np.diff(ends, prepend=0)
        lines = shapely.linearrings(points, indices=np.repeat(np.arange(len(ends)), sizes))
        pieces = np.asarray(shapely.polygons(lines), dtype=object)
        many = np.bincount(owners, minlength=len(rows))[owners] > 1
        shapes[owners[~many]] = pieces[~many]
        several, place = np.unique(owners[many], return_inverse=True)
        shapes[several] = shapely.multipolygons(pieces[many], indices=place)
    return Cut(relations, shapes)


@compiled_once()
def _near(points: np.ndarray, begin: int, end: int, near: np.ndarray) -> np.ndarray:
    moved = np.empty((end - begin, 2))
    for i in range(len(moved)):
        moved[i, 0], moved[i, 1] = points[begin + i, 0] - near[0], points[begin + i, 1] - near[1]
    return moved


@compiled_once()
def _alternate(order: np.ndarray, comes_in: np.ndarray, crossings: np.ndarray) -> bool:
    """Whether of the crossings along an outline every other one leads in, none so close to the last that their order is rounding."""
    for i in range(len(order)):
        one, last = order[i], order[i - 1]
        dx, dy = crossings[one, 4] - crossings[last, 4], crossings[one, 5] - crossings[last, 5]
        if comes_in[one] == comes_in[last] or dx * dx + dy * dy < CLOSE_M * CLOSE_M:
            return False
    return True


@compiled_once()
def _follow(
    points: np.ndarray, begin: int, edges: int, crossings: np.ndarray, column: int,
    order: np.ndarray, places: np.ndarray, at: int, out: np.ndarray, place: int,
) -> tuple[int, int]:  # fmt: skip
    """Write the vertices of an outline from one crossing to the next; gives that one, and where is written on."""
    to = order[(places[at] + 1) % len(order)]
    edge = int(crossings[at, column])
    steps = (int(crossings[to, column]) - edge) % edges
    if steps == 0 and places[to] < places[at]:
        steps = edges  # once around, to the same edge before
    for step in range(steps):
        vertex = begin + (edge + 1 + step) % edges
        out[place, 0], out[place, 1] = points[vertex, 0], points[vertex, 1]
        place += 1
    return to, place


@compiled_once()
def _is_wide(ring: np.ndarray) -> bool:
    """Whether a ring against the clock is more than the rounding of coordinates."""
    twice, around = 0.0, 0.0
    for i in range(len(ring) - 1):
        dx, dy = ring[i + 1, 0] - ring[i, 0], ring[i + 1, 1] - ring[i, 1]
        twice += (ring[i, 0] - ring[0, 0]) * dy - (ring[i, 1] - ring[0, 1]) * dx
        around += np.sqrt(dx * dx + dy * dy)
    return twice > CLOSE_M * around


@compiled_once()
def _cut(
    points: np.ndarray, rings: np.ndarray, ring_of: np.ndarray,
    other_points: np.ndarray, other_rings: np.ndarray, other_ring_of: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """How pairs lie, and the rings of what they share, with the clock: points, where each ring ends, whose it is."""
    relations = np.zeros(len(ring_of), dtype=np.int64)
    out, place = np.empty((64 + 32 * len(ring_of), 2)), 0
    ends, owners, ring = (
        np.empty(16 + len(ring_of), dtype=np.int64),
        np.empty(16 + len(ring_of), dtype=np.int64),
        0,
    )
    for pair in range(len(ring_of)):
        if ring_of[pair] < 0 or other_ring_of[pair] < 0:
            continue
        begin, end = rings[ring_of[pair]], rings[ring_of[pair] + 1]
        other_begin, other_end = other_rings[other_ring_of[pair]], other_rings[other_ring_of[pair] + 1]
        if (end - begin) * (other_end - other_begin) > _MOST_EDGES:
            continue
        # Of the pair itself, so that it is cut alike in any window.
        near = points[begin]
        a, b = _near(points, begin, end, near), _near(other_points, other_begin, other_end, near)
        of_a, of_b = np.array([0, len(a)]), np.array([0, len(b)])
        crossings, is_plain = crossings_of(a, of_a, b, of_b)
        if not is_plain:
            continue
        count = len(crossings)
        if count == 0:
            relation = relation_of_uncrossed(a, of_a, b, of_b)
            relations[pair] = OPEN if relation == CROSSED else relation
            continue
        comes_in = np.empty(count, dtype=np.bool_)
        for k in range(count):
            i, j = int(crossings[k, 0]), int(crossings[k, 2])
            adx, ady, bdx, bdy = (
                a[i + 1, 0] - a[i, 0],
                a[i + 1, 1] - a[i, 1],
                b[j + 1, 0] - b[j, 0],
                b[j + 1, 1] - b[j, 1],
            )
            turned = bdx * ady - bdy * adx
            comes_in[k] = turned > 0
            is_plain = is_plain and abs(turned) > _FLATTEST * np.sqrt(
                (adx * adx + ady * ady) * (bdx * bdx + bdy * bdy)
            )
        if not is_plain:
            continue
        order, other_order = in_order(crossings, 0), in_order(crossings, 2)
        if not _alternate(order, comes_in, crossings) or not _alternate(other_order, comes_in, crossings):
            continue
        places, other_places = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
        for k in range(count):
            places[order[k]], other_places[other_order[k]] = k, k
        needed = place + len(a) + len(b) + 2 * count + 8
        if needed > len(out):
            wider = np.empty((2 * needed, 2))
            wider[:place] = out[:place]
            out = wider
        if ring + count > len(ends):
            more, whose = (
                np.empty(2 * (ring + count), dtype=np.int64),
                np.empty(2 * (ring + count), dtype=np.int64),
            )
            more[:ring], whose[:ring] = ends[:ring], owners[:ring]
            ends, owners = more, whose
        start, first_ring = place, ring
        seen = np.zeros(count, dtype=np.bool_)
        for k in range(count):
            if not comes_in[k] or seen[k]:
                continue
            at, began = k, place
            while not seen[at]:
                seen[at] = True
                out[place, 0], out[place, 1] = near[0] + crossings[at, 4], near[1] + crossings[at, 5]
                at, place = _follow(
                    points, begin, len(a) - 1, crossings, 0, order, places, at, out, place + 1
                )
                out[place, 0], out[place, 1] = near[0] + crossings[at, 4], near[1] + crossings[at, 5]
                at, place = _follow(
                    other_points,
                    other_begin,
                    len(b) - 1,
                    crossings,
                    2,
                    other_order,
                    other_places,
                    at,
                    out,
                    place + 1,
                )
            out[place] = out[began]
            place += 1
            is_plain = is_plain and at == k and _is_wide(out[began:place])
            out[began:place] = out[began:place][::-1].copy()
            ends[ring], owners[ring] = place, pair
            ring += 1
        if is_plain:
            relations[pair] = CROSSED
        else:
            place, ring = start, first_ring
    return relations, out[:place], ends[:ring], owners[:ring]
