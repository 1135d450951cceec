"""The features of a large layer as the check asks for them, by compiled loops: measures, sharp corners, edges summed.

What the loops are not sure of is left to GEOS: a ring so thin that rounding might decide which way it runs.
"""

from functools import cached_property
from typing import Any

import numpy as np

from blueprint.layers.compiled_measures import measured_in_plane
from blueprint.layers.outlines import Outlines, compiled, outlines_in
from blueprint.quality.edges import EdgeSum
from blueprint.quality.mapped_layer import MappedLayer
from blueprint.quality.shape_batch import Corners, ShapeBatch

_ROUNDING = 4 * 2.0**-52


class CompiledBatch(ShapeBatch):
    """Areas, flat; as shapes of GEOS only where one is asked for."""

    @cached_property
    def _outlines(self) -> Outlines:
        return outlines_in(self.column)

    @property
    def part_counts(self) -> np.ndarray:
        """How many polygons each feature has."""
        return np.diff(self._outlines.features)

    @cached_property
    def areas_and_lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """In m², and of all rings in metres."""
        measures = measured_in_plane(self._outlines)
        return measures.areas_m2, measures.lengths_m

    def sharp_corners(self, degrees: float) -> Corners:
        """Corners of all rings whose angle is smaller, in the order of their points."""
        outlines = self._outlines
        found, angles = np.empty(len(outlines.points), np.int64), np.empty((len(outlines.points), 2))
        count = _sharp(outlines.points, outlines.rings, np.tan(np.radians(degrees)), found, angles)
        points, (cross, along) = found[:count], angles[:count].T
        first_points = outlines.rings[outlines.parts[outlines.features]]
        return Corners(
            np.searchsorted(first_points, points, side="right") - 1,
            outlines.points[points],
            np.degrees(np.arctan2(cross, along)),
        )


class CompiledLayer(MappedLayer):
    """Areas whose edges are summed in a table of hashes instead of being sorted."""

    def edges(self, rows: np.ndarray) -> EdgeSum:
        """The edges of these rows, summed."""
        outlines = outlines_in(self.contents(rows))
        room = 1 << int(2 * len(outlines.points)).bit_length()
        keys, nets = np.zeros(room, np.uint64), np.zeros(room, np.int32)
        starts, ends = np.empty(room, np.int32), np.empty(room, np.int32)
        points = outlines.points
        if not _sum(points, points.view(np.uint64), outlines.rings, outlines.parts, keys, nets, starts, ends):
            return super().edges(rows)
        left = np.nonzero(nets)[0]
        # One zero, not two.
        return EdgeSum(
            keys[left], points[starts[left]] + 0.0, points[ends[left]] + 0.0, nets[left].astype(np.int64)
        )


@compiled("boolean(float64[:, ::1], int64, int64)")
def _are_one(points: np.ndarray, one: int, other: int) -> bool:
    return bool(points[one, 0] == points[other, 0] and points[one, 1] == points[other, 1])


@compiled("int64(float64[:, ::1], int64[::1], float64, int64[::1], float64[:, ::1])")
def _sharp(
    points: np.ndarray, rings: np.ndarray, tangent: float, found: np.ndarray, angles: np.ndarray
) -> int:
    count = 0
    for ring in range(len(rings) - 1):
        begin, last = rings[ring], rings[ring + 1] - 1
        # A point that is there twice is one corner; the last is the first again, however often.
        while last > begin and _are_one(points, last - 1, begin):
            last -= 1
        for point in range(begin, last):
            if point > begin and _are_one(points, point - 1, point):
                continue
            before, after = point - 1 if point > begin else last - 1, point + 1
            while after < last and _are_one(points, after, point):
                after += 1
            back_x, back_y = points[before, 0] - points[point, 0], points[before, 1] - points[point, 1]
            x, y = points[after, 0] - points[point, 0], points[after, 1] - points[point, 1]
            cross, along = abs(back_x * y - back_y * x), back_x * x + back_y * y
            if along > 0 and cross < tangent * along:
                found[count], angles[count, 0], angles[count, 1] = point, cross, along
                count += 1
    return count


@compiled("uint64(uint64)")
def _mixed(bits: Any) -> Any:
    """As `edges` mixes them."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@compiled("uint64(float64[:, ::1], uint64[:, ::1], int64)")
def _hash(points: np.ndarray, bits: np.ndarray, point: int) -> Any:
    """As `edges` hashes a point."""
    x = bits[point, 0] if points[point, 0] != 0 else np.uint64(0)
    y = bits[point, 1] if points[point, 1] != 0 else np.uint64(0)
    return _mixed(_mixed(x) + y * np.uint64(0x9E3779B97F4A7C15))


@compiled("int64(float64[:, ::1], int64, int64)")
def _way(points: np.ndarray, begin: int, stop: int) -> int:
    """Which way a ring runs: 1 anticlockwise, -1 clockwise, 0 where rounding might decide."""
    x, y = points[begin, 0], points[begin, 1]
    twice, size = 0.0, 0.0
    for point in range(begin + 1, stop):
        left = (points[point - 1, 0] - x) * (points[point, 1] - y)
        right = (points[point, 0] - x) * (points[point - 1, 1] - y)
        twice += left - right
        size += abs(left) + abs(right)
    bound = (stop - begin) * _ROUNDING * size
    return 1 if twice > bound else -1 if twice < -bound else 0


@compiled(
    "boolean(float64[:, ::1], uint64[:, ::1], int64[::1], int64[::1], uint64[::1], int32[::1], int32[::1], int32[::1])"
)
def _sum(
    points: np.ndarray, bits: np.ndarray, rings: np.ndarray, parts: np.ndarray,
    keys: np.ndarray, nets: np.ndarray, starts: np.ndarray, ends: np.ndarray,
) -> bool:  # fmt: skip
    """Fill the table, whose length is a power of two: an edge's key, its sum, its ends. False where a way is not known."""
    last, nothing = np.uint64(len(keys) - 1), np.uint64(0)
    key: Any
    slot: Any
    for part in range(len(parts) - 1):
        for ring in range(parts[part], parts[part + 1]):
            begin, stop = rings[ring], rings[ring + 1]
            way = _way(points, begin, stop)
            if way == 0:
                return False
            is_forward = (way > 0) == (ring == parts[part])
            before = _hash(points, bits, begin)
            for point in range(begin + 1, stop):
                here = _hash(points, bits, point)
                start, end = point - 1, point
                key = here - before
                if not is_forward:
                    key, start, end = nothing - key, end, start
                before = here
                if key == nothing:  # a point that is there twice
                    continue
                change = 1
                if key > nothing - key:
                    key, start, end, change = nothing - key, end, start, -1
                slot = key & last
                while keys[slot] != nothing and keys[slot] != key:
                    slot = (slot + np.uint64(1)) & last
                if keys[slot] == nothing:
                    keys[slot], starts[slot], ends[slot] = key, start, end
                nets[slot] += change
    return True
