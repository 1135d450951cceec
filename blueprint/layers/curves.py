"""Curves made straight: arcs in well-known binary become chords, as nothing downstream knows circular strings."""

import math
import struct

import numpy as np
import shapely

STEP_DEGREES = 0.5
"""An arc is followed every half degree, by GDAL too: the chords stay within a hundred-thousandth of its radius, 1 cm at 1 km."""

_MAX_DEPTH = 32
_CURVED = (8, 9, 10, 11, 12, 13, 14)
_SHAPELY_LINE, _SHAPELY_POLYGON = 1, 3
_POINT, _LINE, _POLYGON, _CIRCULAR, _COMPOUND, _CURVE_POLYGON = 1, 2, 3, 8, 9, 10


_NONE = b"\x01\x00\x00\x00\x00"


def kinds_of(values: list[bytes | None]) -> np.ndarray:
    """The type number of each shape in WKB without its dimension; 0 where there is none."""
    heads = b"".join([value[:5] if value is not None and len(value) >= 5 else _NONE for value in values])
    table = np.frombuffer(heads, dtype=np.uint8).reshape(-1, 5)
    little = np.ascontiguousarray(table[:, 1:]).view("<u4").reshape(-1)
    codes = np.where(table[:, 0] == 1, little, little.byteswap()).astype(np.int64)
    return np.asarray((codes & 0x0FFFFFFF) % 1000)


def _base(code: int) -> int:
    return (code & 0x0FFFFFFF) % 1000


def is_curved(kinds: np.ndarray) -> np.ndarray:
    """Which types are curves, or may hold curves."""
    return np.isin(kinds, _CURVED)


def straightened(value: bytes) -> shapely.Geometry | None:
    """The shape of a WKB with curves, every arc as chords, in two dimensions; None when the bytes are no shape."""
    try:
        return _Reader(value).shape(0)
    except (struct.error, ValueError, IndexError, shapely.errors.ShapelyError):
        return None


class _Reader:
    """Reads one well-known binary from its front."""

    def __init__(self, value: bytes) -> None:
        self._value = value
        self._at = 0

    def _number(self, order: str, form: str) -> int:
        (number,) = struct.unpack_from(order + form, self._value, self._at)
        self._at += struct.calcsize(form)
        return int(number)

    def _head(self) -> tuple[str, int, int]:
        """Byte order, type without its dimension, and numbers a point."""
        order = "<" if self._number("<", "B") else ">"
        code = self._number(order, "I")
        size = 2 + bool(code & 0x80000000) + bool(code & 0x40000000)
        size = {0: size, 1: 3, 2: 3, 3: 4}.get((code & 0x0FFFFFFF) // 1000 % 4, size)
        if code & 0x20000000:
            self._number(order, "I")  # an SRID of EWKB, which the file's CRS overrules
        return order, _base(code), size

    def _points(self, order: str, size: int) -> np.ndarray:
        count = self._number(order, "I")
        end = self._at + count * size * 8
        if end > len(self._value):
            raise ValueError("more points announced than there are")
        points = np.frombuffer(self._value, dtype=order + "f8", count=count * size, offset=self._at)
        self._at = end
        return points.reshape(count, size)[:, :2].astype(np.float64)

    def _curve(self, depth: int) -> np.ndarray:
        """The points of a line, an arc or a chain of both."""
        order, kind, size = self._head()
        if kind == _COMPOUND:
            pieces = [self._curve(depth + 1) for _ in range(self._count(order, depth))]
            return (
                np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])
                if pieces
                else np.empty((0, 2))
            )
        points = self._points(order, size)
        return _chords(points) if kind == _CIRCULAR else points

    def _count(self, order: str, depth: int) -> int:
        count = self._number(order, "I")
        if depth > _MAX_DEPTH or count > len(self._value):
            raise ValueError("nested too deep")
        return count

    def shape(self, depth: int) -> shapely.Geometry:
        start = self._at
        order, kind, size = self._head()
        if kind == _POINT:
            point = struct.unpack_from(order + "d" * size, self._value, self._at)
            self._at += 8 * size
            return shapely.Point(point[:2])
        if kind in (_LINE, _CIRCULAR, _COMPOUND):
            self._at = start
            return shapely.LineString(self._curve(depth))
        if kind == _POLYGON:
            rings = [self._points(order, size) for _ in range(self._count(order, depth))]
            return shapely.Polygon(rings[0], rings[1:]) if rings else shapely.Polygon()
        if kind == _CURVE_POLYGON:
            rings = [self._curve(depth) for _ in range(self._count(order, depth))]
            return shapely.Polygon(rings[0], rings[1:]) if rings else shapely.Polygon()
        parts = [self.shape(depth + 1) for _ in range(self._count(order, depth))]
        kinds = set(shapely.get_type_id(parts).tolist())
        if kinds == {_SHAPELY_POLYGON}:
            return shapely.MultiPolygon(parts)  # type: ignore[arg-type]
        if kinds == {_SHAPELY_LINE}:
            return shapely.MultiLineString(parts)  # type: ignore[arg-type]
        return shapely.geometrycollections(parts)


def _chords(points: np.ndarray) -> np.ndarray:
    """The points along the arcs of a circular string, whose every second point lies in the middle of an arc."""
    if len(points) < 3:
        return points
    pieces = [points[:1]]
    for first in range(0, len(points) - 2, 2):
        pieces.append(_arc(points[first], points[first + 1], points[first + 2]))
    return np.concatenate(pieces)


def _arc(start: np.ndarray, middle: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The points after `start` on the arc through three points; a whole circle where it ends where it began."""
    if np.array_equal(start, end):
        centre, sweep = (start + middle) / 2, 2 * math.pi
    else:
        (ax, ay), (bx, by) = middle - start, end - start
        double = 2 * (ax * by - ay * bx)
        if abs(double) <= 1e-12 * max(ax * ax + ay * ay, bx * bx + by * by):
            return np.array([middle, end])
        a2, b2 = ax * ax + ay * ay, bx * bx + by * by
        centre = start + np.array([(by * a2 - ay * b2) / double, (ax * b2 - bx * a2) / double])
        first, second, last = (math.atan2(*(p - centre)[::-1]) for p in (start, middle, end))
        sweep = (last - first) % (2 * math.pi)
        if (second - first) % (2 * math.pi) > sweep:
            sweep -= 2 * math.pi
    radius = float(np.hypot(*(start - centre)))
    first = math.atan2(*(start - centre)[::-1])
    count = max(2, math.ceil(abs(sweep) / math.radians(STEP_DEGREES)))
    angles = first + sweep * np.arange(1, count + 1) / count
    points = np.asarray(centre + radius * np.column_stack([np.cos(angles), np.sin(angles)]))
    points[-1] = end
    return points
