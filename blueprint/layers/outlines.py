"""Polygons as flat arrays, compiled: taken from WKB, projected, measured, and written as the shapes of a tile level.

Half a million features of forty vertices on four levels are eighty million vertices to simplify and to write; as objects of GEOS
each costs a hundred times what it costs here. What needs more than arithmetic along a ring is left to the caller and GEOS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import shapely

from blueprint.compiling import compiled_once

DRAWN, LEFT = 0, 1
"""What became of a feature: it is written; or it has too many vertices, became too narrow, or vanished on the grid."""

_MOST_OF_NUMBER = 10
"""Bytes of a number of 64 bits, seven of them a byte."""

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(signature: str) -> Callable[[_F], _F]:
    """Compile a loop when this module is loaded, once a machine."""
    return compiled_once(signature, error_model="numpy")


@dataclass(frozen=True)
class Outlines:
    """Polygons of any number of parts: the rings of part `p` are `parts[p]` to `parts[p + 1]`, and so on down to points."""

    points: np.ndarray
    rings: np.ndarray
    parts: np.ndarray
    features: np.ndarray

    @property
    def vertex_counts(self) -> np.ndarray:
        """Of each feature, closing points included."""
        return np.diff(self.rings[self.parts[self.features]])

    def shape(self, row: int) -> shapely.Geometry:
        """The feature as GEOS has it."""
        polygons = [
            shapely.Polygon(
                self.points[self.rings[first] : self.rings[first + 1]],
                [
                    self.points[self.rings[hole] : self.rings[hole + 1]]
                    for hole in range(first + 1, self.parts[part + 1])
                ],
            )
            for part in range(self.features[row], self.features[row + 1])
            for first in (self.parts[part],)
        ]
        return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)


@dataclass(frozen=True)
class Drawing:
    """Shapes as TWKB, each after its length in four bytes as in an array of PostgreSQL; `fates` says which are there."""

    content: np.ndarray
    ends: np.ndarray
    bounds: np.ndarray
    fates: np.ndarray


def outlines_of(content: np.ndarray, starts: np.ndarray) -> Outlines:
    """The polygons and multipolygons in (E)WKB, little-endian and flat; raises ValueError where it is anything else."""
    counts = np.zeros(3, np.int64)
    if not _count(content, starts, counts):
        raise ValueError("this is no WKB of polygons")
    points = np.empty((counts[0], 2))
    rings, parts, features = (np.zeros(n + 1, np.int64) for n in (counts[1], counts[2], len(starts) - 1))
    _take(content, starts, points.view(np.uint64), rings, parts, features)
    return Outlines(points, rings, parts, features)


def outlines_in(column: pa.LargeBinaryArray) -> Outlines:
    """The same in a column, of which none is missing."""
    _, offsets, content = column.buffers()
    starts = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    taken = np.frombuffer(content, np.uint8)[starts[0] : starts[-1]].copy()
    return outlines_of(taken, starts - starts[0])


def turned(outlines: Outlines, points: np.ndarray) -> tuple[Outlines, np.ndarray, np.ndarray]:
    """The outlines with other points, shells running clockwise and holes against it; their areas and centroids."""
    areas, centroids = np.empty(len(outlines.features) - 1), np.empty((len(outlines.features) - 1, 2))
    _turn(points, outlines.rings, outlines.parts, outlines.features, areas, centroids)
    return Outlines(points, outlines.rings, outlines.parts, outlines.features), areas, centroids


def drawn(
    outlines: Outlines,
    areas: np.ndarray,
    rows: np.ndarray,
    *,
    tolerance: float,
    units: float,
    most_vertices: int,
) -> Drawing:
    """Simplify (Douglas and Peucker, a shell keeps four points), scale by `units`, lay on whole ones and write the features of `rows`."""
    counts = outlines.vertex_counts[rows]
    rings = np.diff(outlines.parts[outlines.features])[rows]
    room = int(_MOST_OF_NUMBER * (2 * counts + 2 * rings + 2).sum())
    most = int(np.diff(outlines.rings).max(initial=0)) + 1
    content = np.empty(room, np.uint8)
    ends, fates = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    bounds = np.empty((len(rows), 4))
    size = _draw(
        outlines.points, outlines.rings, outlines.parts, outlines.features, areas, rows, tolerance, units,
        most_vertices, content, ends, bounds, fates, np.empty(most, np.int64),
        np.empty((most, 2), np.int64), np.empty((most, 2), np.int64),
    )  # fmt: skip
    return Drawing(content[:size], ends, bounds, fates)


@compiled("uint32(uint8[::1], int64)")
def _word(content: np.ndarray, at: int) -> Any:
    return (
        np.uint32(content[at])
        | np.uint32(content[at + 1]) << np.uint32(8)
        | np.uint32(content[at + 2]) << np.uint32(16)
        | np.uint32(content[at + 3]) << np.uint32(24)
    )


@compiled("int64(uint8[::1], int64, uint64)")
def _put(content: np.ndarray, at: int, number: Any) -> int:
    """A number in seven bits a byte, the lowest first; where it ends."""
    while number > np.uint64(127):
        content[at] = number & np.uint64(127) | np.uint64(128)
        number >>= np.uint64(7)
        at += 1
    content[at] = number
    return at + 1


@compiled("int64(uint8[::1], int64, int64)")
def _put_step(content: np.ndarray, at: int, step: int) -> int:
    """A number with its sign: 0, -1, 1, -2 … are 0, 1, 2, 3 …."""
    return _put(content, at, np.uint64((step << 1) ^ (step >> 63)))


@compiled("void(uint8[::1], int64, int64, int64)")
def _put_wide(content: np.ndarray, at: int, stop: int, number: int) -> None:
    """A number in as many bytes as there are, once it is known."""
    for place in range(at, stop):
        content[place] = number & 127 | (128 if place < stop - 1 else 0)
        number >>= 7


@compiled("UniTuple(int64, 2)(uint8[::1], int64, int64)")
def _header(content: np.ndarray, at: int, stop: int) -> tuple[Any, Any]:
    """The kind of the geometry that begins there, 0 where it is none we know, and where its count stands."""
    if at + 9 > stop or content[at] != 1:
        return 0, at
    kind = _word(content, at + 1)
    after = at + 5
    if kind & np.uint32(0x20000000):  # EWKB, with the SRID before the count
        kind &= np.uint32(0xDFFFFFFF)  # flags of Z and M stay, and make it none we know
        after += 4
    if after + 4 > stop:
        return 0, at
    return np.int64(kind), after


@compiled("boolean(uint8[::1], int64[::1], int64[::1])")
def _count(content: np.ndarray, starts: np.ndarray, counts: np.ndarray) -> bool:
    """How many points, rings and parts there are; False where the bytes do not fit together."""
    for row in range(len(starts) - 1):
        at, stop = starts[row], starts[row + 1]
        kind, place = _header(content, at, stop)
        parts = np.int64(1)
        if kind == 6:
            parts = np.int64(_word(content, place))
            at = place + 4
        elif kind != 3:
            return False
        for _ in range(parts):
            kind, place = _header(content, at, stop)
            if kind != 3:
                return False
            rings = np.int64(_word(content, place))
            at = place + 4
            for _ in range(rings):
                if at + 4 > stop:
                    return False
                points = np.int64(_word(content, at))
                at += 4 + 16 * points
                if points < 4 or at > stop:
                    return False
                counts[0] += points
            if rings == 0:
                return False
            counts[1] += rings
        counts[2] += parts
        if parts == 0 or at != stop:
            return False
    return True


@compiled("void(uint8[::1], int64[::1], uint64[:, ::1], int64[::1], int64[::1], int64[::1])")
def _take(
    content: np.ndarray, starts: np.ndarray, points: np.ndarray,
    rings: np.ndarray, parts: np.ndarray, features: np.ndarray,
) -> None:  # fmt: skip
    """Fill what was counted; `points` are the bits of the numbers."""
    point, ring, part = 0, 0, 0
    for row in range(len(starts) - 1):
        at = starts[row]
        kind, place = _header(content, at, starts[row + 1])
        count = np.int64(1)
        if kind == 6:
            count = np.int64(_word(content, place))
            at = place + 4
        for _ in range(count):
            kind, place = _header(content, at, starts[row + 1])
            of_part = np.int64(_word(content, place))
            at = place + 4
            for _ in range(of_part):
                of_ring = np.int64(_word(content, at))
                at += 4
                for _ in range(of_ring):
                    points[point, 0] = np.uint64(_word(content, at)) | np.uint64(
                        _word(content, at + 4)
                    ) << np.uint64(32)
                    points[point, 1] = np.uint64(_word(content, at + 8)) | np.uint64(
                        _word(content, at + 12)
                    ) << np.uint64(32)
                    at += 16
                    point += 1
                ring += 1
                rings[ring] = point
            part += 1
            parts[part] = ring
        features[row + 1] = part


@compiled("void(float64[:, ::1], int64[::1], int64[::1], int64[::1], float64[::1], float64[:, ::1])")
def _turn(
    points: np.ndarray, rings: np.ndarray, parts: np.ndarray, features: np.ndarray,
    areas: np.ndarray, centroids: np.ndarray,
) -> None:  # fmt: skip
    """Turn rings as tiles ask for them, in place; areas and centroids of the features."""
    for feature in range(len(features) - 1):
        total, east, north = 0.0, 0.0, 0.0
        first = rings[parts[features[feature]]]
        x, y = points[first, 0], points[first, 1]
        for part in range(features[feature], features[feature + 1]):
            for ring in range(parts[part], parts[part + 1]):
                begin, stop = rings[ring], rings[ring + 1]
                twice, moment_x, moment_y = 0.0, 0.0, 0.0
                for point in range(begin, stop - 1):
                    x0, y0 = points[point, 0] - x, points[point, 1] - y
                    x1, y1 = points[point + 1, 0] - x, points[point + 1, 1] - y
                    cross = x0 * y1 - x1 * y0
                    twice += cross
                    moment_x += (x0 + x1) * cross
                    moment_y += (y0 + y1) * cross
                is_hole = ring > parts[part]
                sign = 1.0 if twice > 0 else -1.0
                if (twice > 0) != is_hole:
                    for step in range((stop - begin) // 2):
                        one, other = begin + step, stop - 1 - step
                        for axis in range(2):
                            kept = points[one, axis]
                            points[one, axis] = points[other, axis]
                            points[other, axis] = kept
                if is_hole:
                    sign = -sign
                total += sign * twice
                east += sign * moment_x
                north += sign * moment_y
        areas[feature] = total / 2
        centroids[feature, 0] = x + east / (3 * total) if total > 0 else x
        centroids[feature, 1] = y + north / (3 * total) if total > 0 else y


@compiled("int64(float64[:, ::1], int64, int64, float64, int64, int64[::1], int64[:, ::1])")
def _simplify(
    points: np.ndarray,
    begin: int,
    stop: int,
    tolerance: float,
    least: int,
    kept: np.ndarray,
    stack: np.ndarray,
) -> int:
    """Which points of a ring stay, in order; at least `least` of them, however near to each other they lie.

    Douglas and Peucker from the ring's first point to its last, which is the same: the first split is at the farthest.
    """
    count = 1
    kept[0] = begin
    if tolerance < 0:
        for point in range(begin, stop):
            kept[point - begin] = point
        return stop - begin
    depth = 1
    stack[0, 0], stack[0, 1] = begin, stop - 1
    limit = tolerance * tolerance
    marked = 2
    while depth > 0:
        depth -= 1
        one, other = stack[depth, 0], stack[depth, 1]
        x, y = points[one, 0], points[one, 1]
        along_x, along_y = points[other, 0] - x, points[other, 1] - y
        squared = along_x * along_x + along_y * along_y
        farthest, at = -1.0, one
        for point in range(one + 1, other):
            dx, dy = points[point, 0] - x, points[point, 1] - y
            if squared > 0:
                share = min(1.0, max(0.0, (dx * along_x + dy * along_y) / squared))
                dx -= share * along_x
                dy -= share * along_y
            distance = dx * dx + dy * dy
            if distance > farthest:
                farthest, at = distance, point
        if at > one and (farthest > limit or marked < least):
            marked += 1
            # The nearer half is looked at first, so that points come out in order.
            stack[depth, 0], stack[depth, 1] = at, other
            stack[depth + 1, 0], stack[depth + 1, 1] = one, at
            depth += 2
        else:
            kept[count] = other
            count += 1
    return count


@compiled(
    "int64(float64[:, ::1], int64[::1], int64[::1], int64[::1], float64[::1], int64[::1], float64, float64,"
    " int64, uint8[::1], int64[::1], float64[:, ::1], int64[::1], int64[::1], int64[:, ::1], int64[:, ::1])"
)
def _draw(
    points: np.ndarray, rings: np.ndarray, parts: np.ndarray, features: np.ndarray, areas: np.ndarray,
    rows: np.ndarray, tolerance: float, units: float, most: int, content: np.ndarray,
    ends: np.ndarray, bounds: np.ndarray, fates: np.ndarray, kept: np.ndarray, stack: np.ndarray,
    laid: np.ndarray,
) -> int:  # fmt: skip
    """Write the features one after the other; what is left out takes no room."""
    at = 0
    for number in range(len(rows)):
        row = rows[number]
        began = at
        is_multi = features[row + 1] - features[row] > 1
        content[at + 4] = 6 if is_multi else 3
        content[at + 5] = 0
        at += 6
        if is_multi:
            at = _put(content, at, np.uint64(features[row + 1] - features[row]))
        parts_end = at
        before_x, before_y = np.int64(0), np.int64(0)
        part_count, vertex_count, area = 0, 0, 0.0
        west, south, east, north = np.inf, np.inf, -np.inf, -np.inf
        for part in range(features[row], features[row + 1]):
            head = at
            at = _put(content, at, np.uint64(parts[part + 1] - parts[part]))
            rings_end = at
            ring_count = 0
            for ring in range(parts[part], parts[part + 1]):
                is_hole = ring > parts[part]
                begin = rings[ring]
                count = _simplify(points, begin, rings[ring + 1], tolerance, 0 if is_hole else 4, kept, stack)
                if count < 4:
                    if not is_hole:
                        break
                    continue
                vertex_count += count
                x, y = points[begin, 0], points[begin, 1]
                twice = 0.0
                for n in range(count - 1):
                    one, other = kept[n], kept[n + 1]
                    twice += (points[one, 0] - x) * (points[other, 1] - y) - (points[other, 0] - x) * (
                        points[one, 1] - y
                    )
                area -= twice / 2  # shells run clockwise
                size = 0
                for n in range(count):
                    px = np.int64(np.rint(points[kept[n], 0] * units))
                    py = np.int64(np.rint(points[kept[n], 1] * units))
                    if size > 0 and laid[size - 1, 0] == px and laid[size - 1, 1] == py:
                        continue
                    laid[size, 0], laid[size, 1] = px, py
                    size += 1
                if size < 4:
                    if not is_hole:
                        break
                    continue
                at = _put(content, at, np.uint64(size))
                for n in range(size):
                    px, py = laid[n, 0], laid[n, 1]
                    at = _put_step(content, at, px - before_x)
                    at = _put_step(content, at, py - before_y)
                    before_x, before_y = px, py
                    if not is_hole:
                        west, east = min(west, px), max(east, px)
                        south, north = min(south, py), max(north, py)
                ring_count += 1
            if ring_count == 0:
                at = head
                continue
            _put_wide(content, head, rings_end, ring_count)
            part_count += 1
        fates[number] = DRAWN
        if part_count == 0 or vertex_count > most or area < areas[row] / 2:
            fates[number] = LEFT
            at = began
        else:
            if is_multi:
                _put_wide(content, began + 6, parts_end, part_count)
            length = at - began - 4
            for byte in range(4):
                content[began + byte] = (length >> (8 * (3 - byte))) & 0xFF
            bounds[number, 0], bounds[number, 1], bounds[number, 2], bounds[number, 3] = (
                west,
                south,
                east,
                north,
            )
        ends[number] = at
    return at
