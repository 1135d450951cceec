"""Arcs of zones as tangents around their circles: fewer vertices than the chords within them, and not short of the width.

GEOS draws an arc as chords within its circle. Here it becomes the tangents around the same arc, as few as stay within a
centimetre of it. Straight edges keep their line, so what is met beside them is as wide as it was.
"""

from dataclasses import dataclass

import numpy as np
import shapely

BEYOND_M = 0.01
"""So far at most do the corners between tangents lie outside the circle, up to a width of 5 km."""

_LEAST_TANGENTS, _MOST_TANGENTS = 16, 640
"""Of a quarter of a circle; 8 cm outside at the widest zone of 100 km."""

_AT_ONCE = 1_000
"""Zones whose vertices are held together."""

_LONGEST_CHORD = 1.5
"""GEOS rounds how many chords an arc has: one may span half as much again as was asked."""

_SAME_CENTRE = 1e-6
"""Of the radius: chords whose centres are as near to each other are of one circle."""

_RUNS_ON = 1e-5
"""The sine of the angle up to which the boundary runs straight on."""


def around(zones: np.ndarray, radii_m: np.ndarray, quarter_chords: np.ndarray) -> np.ndarray:
    """Zones (areas in the working CRS, metres) with tangents where GEOS drew arcs of these radii in so many chords a quarter circle.

    A zone that would not be valid so, because two of its edges lie a centimetre apart, is left as it is.
    """
    drawn = zones.copy()
    rows = np.nonzero(~shapely.is_empty(zones))[0]
    for first in range(0, len(rows), _AT_ONCE):
        some = rows[first : first + _AT_ONCE]
        shapes = _around(zones[some], radii_m[some], quarter_chords[some])
        is_valid = shapely.is_valid(shapes)
        drawn[some[is_valid]] = shapes[is_valid]
    return drawn


def _around(zones: np.ndarray, radii_m: np.ndarray, quarter_chords: np.ndarray) -> np.ndarray:
    polygons, of_zone = shapely.get_parts(shapely.orient_polygons(zones), return_index=True)
    rings, of_polygon = shapely.get_rings(polygons, return_index=True)
    edges = _edges(rings, radii_m[of_zone[of_polygon]], quarter_chords[of_zone[of_polygon]])
    points, of_ring = _drawn(edges, _stretches(edges))
    drawn = np.asarray(
        shapely.polygons(np.asarray(shapely.linearrings(points, indices=of_ring)), indices=of_polygon)
    )
    is_one = np.bincount(of_zone) == 1
    together = np.empty(len(zones), dtype=object)
    together[is_one] = drawn[is_one[of_zone]]
    several = ~is_one[of_zone]
    if several.any():
        _, place = np.unique(of_zone[several], return_inverse=True)
        together[~is_one] = shapely.multipolygons(drawn[several], indices=place)
    return together


@dataclass(frozen=True)
class _Edges:
    """The edges of all rings, a ring's one after another with the area on their left, beginning where no arc runs through."""

    starts: np.ndarray
    ends: np.ndarray
    rings: np.ndarray
    radii: np.ndarray
    angles: np.ndarray
    """What an edge spans of a circle of that radius, were it a chord; NaN where it is too long for one."""
    centres: np.ndarray
    joined: np.ndarray
    """Whether an edge and the one before it in its ring are chords of one circle."""


def _edges(rings: np.ndarray, radii_m: np.ndarray, quarter_chords: np.ndarray) -> _Edges:
    points, of_point = shapely.get_coordinates(rings, return_index=True)
    is_start = np.append(of_point[1:] == of_point[:-1], False)  # a ring's last point is its first
    starts, ends, ring = points[is_start], points[1:][is_start[:-1]], of_point[is_start]
    radii, run = radii_m[ring], ends - starts
    lengths = np.hypot(*run.T)
    longest = 2 * radii * np.sin(_LONGEST_CHORD * np.pi / 4 / quarter_chords[ring]) * (1 + 1e-9)
    chords = np.where(lengths <= longest, lengths, np.nan)
    to_left = np.column_stack([-run[:, 1], run[:, 0]]) / lengths[:, None]
    centres = (starts + ends) / 2 + to_left * np.sqrt(radii**2 - chords**2 / 4)[:, None]
    counts = np.bincount(ring)
    firsts, numbers = (np.cumsum(counts) - counts)[ring], np.arange(len(ring))
    before = np.where(numbers == firsts, firsts + counts[ring], numbers) - 1
    joined = np.hypot(*(centres - centres[before]).T) <= _SAME_CENTRE * radii
    # A ring is turned to begin at the first edge that goes on no arc; a whole circle begins anywhere.
    shifts = np.zeros(len(counts), dtype=int)
    breaks = np.nonzero(~joined)[0][::-1]
    shifts[ring[breaks]] = breaks - firsts[breaks]
    turned = firsts + (numbers - firsts + shifts[ring]) % counts[ring]
    joined = joined[turned] & (numbers != firsts)
    angles = 2 * np.arcsin(chords / 2 / radii)
    return _Edges(starts[turned], ends[turned], ring, radii, angles[turned], centres[turned], joined)


@dataclass(frozen=True)
class _Stretches:
    """What follows each other in the rings: arcs, and edges that are none."""

    starts: np.ndarray
    rings: np.ndarray
    radii: np.ndarray
    angles: np.ndarray
    centres: np.ndarray
    is_arc: np.ndarray
    begins_at_corner: np.ndarray
    """Where the point between it and the one before is a corner: it is not between an arc and what its end touches."""


def _stretches(edges: _Edges) -> _Stretches:
    firsts = np.nonzero(~edges.joined)[0]
    lasts = np.append(firsts[1:], len(edges.starts)) - 1
    rings, radii, centres = edges.rings[firsts], edges.radii[firsts], edges.centres[(firsts + lasts) // 2]
    starts, ends = edges.starts[firsts], edges.ends[lasts]
    counts = np.bincount(rings)
    of_ring, numbers = (np.cumsum(counts) - counts)[rings], np.arange(len(rings))
    before = np.where(numbers == of_ring, of_ring + counts[rings], numbers) - 1
    after = np.empty_like(before)
    after[before] = numbers
    straight = (ends - starts) / np.maximum(np.hypot(*(ends - starts).T), 1e-300)[:, None]
    to_start, to_end = ((points - centres) / radii[:, None] for points in (starts, ends))
    leaves, comes = (np.array([-1, 1]) * to_centre[:, ::-1] for to_centre in (to_start, to_end))
    is_arc = lasts > firsts
    begins = np.where(is_arc[:, None], leaves, straight)
    stops = np.where(is_arc[:, None], comes, straight)
    # One chord alone is an arc where it lies between what its circle touches at either end.
    is_arc |= _runs_on(stops[before], leaves) & _runs_on(comes, begins[after])
    begins, stops = (
        np.where(is_arc[:, None], its, other) for its, other in ((leaves, begins), (comes, stops))
    )
    is_corner = ~(_runs_on(stops[before], begins) & (is_arc | is_arc[before]))
    angles = np.add.reduceat(edges.angles, firsts)
    return _Stretches(starts, rings, radii, angles, centres, is_arc, is_corner)


def _runs_on(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether directions (of length 1) are the same; NaN is not."""
    turn = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
    return np.asarray((np.abs(turn) <= _RUNS_ON) & ((one * other).sum(axis=1) > 0))


def _drawn(edges: _Edges, stretches: _Stretches) -> tuple[np.ndarray, np.ndarray]:
    """The points of all rings, and of which ring each is: the corners, and of arcs where their tangents meet."""
    step = np.clip(
        2 * np.arccos(stretches.radii / (stretches.radii + BEYOND_M)),
        np.pi / 2 / _MOST_TANGENTS,
        np.pi / 2 / _LEAST_TANGENTS,
    )
    angles = np.where(stretches.is_arc, stretches.angles, 0)
    tangents = np.ceil(angles / step - 1e-6).astype(int)
    corners = stretches.begins_at_corner.astype(int)
    counts = corners + tangents
    of = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(of)) - (np.cumsum(counts) - counts)[of] - corners[of]
    half = angles[of] / np.maximum(tangents[of], 1) / 2
    from_centre = (stretches.starts - stretches.centres)[of]
    turn = np.arctan2(from_centre[:, 1], from_centre[:, 0]) + (2 * place + 1) * half
    far = (stretches.radii[of] / np.cos(half))[:, None]
    met = stretches.centres[of] + far * np.column_stack([np.cos(turn), np.sin(turn)])
    points, rings = np.where((place < 0)[:, None], stretches.starts[of], met), stretches.rings[of]
    # Of a hole hardly larger than its own rounding nothing may be left to draw: it stays.
    gone = np.bincount(rings, minlength=edges.rings[-1] + 1) < 3
    kept, stays = ~gone[rings], gone[edges.rings]
    points, rings = (
        np.concatenate([points[kept], edges.starts[stays]]),
        np.concatenate([rings[kept], edges.rings[stays]]),
    )
    order = np.argsort(rings, kind="stable")
    return points[order], rings[order]
