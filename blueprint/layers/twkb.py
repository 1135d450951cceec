"""Shapes as TWKB (Tiny Well-known Binary, specification at github.com/TWKB): whole numbers, each the difference from the one before.

A number takes seven bits a byte, so that an outline of short edges takes a third of its WKB. `ST_GeomFromTWKB` reads it.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from blueprint.layers.elements import HEAD_BYTES, Elements, binaries

_KINDS = {
    shapely.GeometryType.POINT: 1,
    shapely.GeometryType.LINESTRING: 2,
    shapely.GeometryType.POLYGON: 3,
    shapely.GeometryType.MULTIPOINT: 4,
    shapely.GeometryType.MULTILINESTRING: 5,
    shapely.GeometryType.MULTIPOLYGON: 6,
}
_KIND_OF = np.array([_KINDS.get(shapely.GeometryType(kind), 0) for kind in range(8)])
_POINT, _POLYGON, _MULTI = 1, 3, 4
_PREFIX = HEAD_BYTES + 2
"""Bytes before what a shape holds: its length, as an array of PostgreSQL has it, then kind with decimals, and what else there is (nothing)."""

_BOX_HEAD = np.dtype([("size", ">u4"), ("kind", "u1"), ("more", "u1"), ("rings", "u1"), ("points", "u1")])


@dataclass(frozen=True)
class _Runs:
    """Points or lines or rings, one after the other: how many points each has, of which part it is; of which shape each part is.

    `shapes` and `parts` rise; every shape has a part, every part a run, every run a point. `points` are whole numbers.
    """

    points: np.ndarray
    sizes: np.ndarray
    parts: np.ndarray
    shapes: np.ndarray


def twkb_of(shapes: np.ndarray, decimals: np.ndarray) -> Elements:
    """Shapes of GEOS, all of one dimension and none empty, each rounded to so many decimals (0 to 7)."""
    kinds = _KIND_OF[shapely.get_type_id(shapes)]
    parts, of_shape = shapely.get_parts(shapes, return_index=True)
    is_there = ~shapely.is_empty(parts)
    parts, of_shape = parts[is_there], of_shape[is_there]
    runs, of_part = parts, np.arange(len(parts))
    if (shapely.get_dimensions(shapes) == 2).any():
        runs, of_part = shapely.get_rings(parts, return_index=True)
    points, of_run = shapely.get_coordinates(runs, return_index=True)
    factors = 10.0 ** decimals[of_shape[of_part]][of_run, np.newaxis]
    laid = np.rint(points * factors).astype(np.int64)
    return _encoded(_Runs(laid, shapely.get_num_coordinates(runs), of_part, of_shape), kinds, decimals)


def _encoded(runs: _Runs, kinds: np.ndarray, decimals: np.ndarray) -> Elements:
    """The TWKB of shapes of these kinds (1 to 6, a point to a multipolygon), whose coordinates have so many decimals."""
    of_shape = runs.shapes[runs.parts]
    kind = kinds[of_shape]
    is_first, begins_part = _is_new(of_shape), _is_new(runs.parts)
    has_rings, has_parts, has_points = kind % 3 == 0, kind >= _MULTI, kind % 3 != _POINT
    before = _PREFIX * is_first + (is_first & has_parts) + (begins_part & has_rings) + has_points
    ends = np.cumsum(before + 2 * runs.sizes)
    places = ends - 2 * runs.sizes  # where the points of each run begin
    values = np.zeros(ends[-1] if len(ends) else 0, np.uint64)
    values[places[has_points] - 1] = runs.sizes[has_points]
    counts_rings = begins_part & has_rings
    values[places[counts_rings] - 2] = np.bincount(runs.parts)[runs.parts[counts_rings]]
    begins = (ends - 2 * runs.sizes - before)[is_first]
    values[begins[kinds >= _MULTI] + _PREFIX] = np.bincount(runs.shapes)[kinds >= _MULTI]
    at = np.repeat(places, 2 * runs.sizes) + _within(2 * runs.sizes)
    values[at] = _differences(runs.points, runs.sizes, is_first).reshape(-1)
    content, byte_ends = _varints(values)
    starts = np.concatenate([[0], byte_ends])[np.append(begins, len(values))]
    heads = (np.diff(starts) - HEAD_BYTES).astype(">u4").view(np.uint8).reshape(-1, HEAD_BYTES)
    content[starts[:-1, np.newaxis] + np.arange(HEAD_BYTES)] = heads
    content[starts[:-1] + HEAD_BYTES] = (
        kinds | 2 * decimals << 4
    )  # an odd number would be decimals before the point
    return Elements(content, starts)


def small_boxes(bounds: np.ndarray) -> Elements:
    """Polygons of boxes whose sides are whole and less than 64, clockwise: then a side takes a byte, and only the corners differ in length."""
    corners, corner_ends = _varints(_unsigned(bounds[:, :2]).reshape(-1))
    ends = np.concatenate([[0], corner_ends[1::2]])
    east, north = (bounds[:, 2:] - bounds[:, :2]).T
    sides = np.zeros((len(bounds), 8), np.uint8)  # steps to the north, to the east, and back with their signs
    sides[:, 1], sides[:, 2], sides[:, 5], sides[:, 6] = 2 * north, 2 * east, 2 * north - 1, 2 * east - 1
    heads = np.empty(len(bounds), _BOX_HEAD)
    heads["kind"], heads["more"], heads["rings"], heads["points"] = _POLYGON, 0, 1, 5
    heads["size"] = _BOX_HEAD.itemsize - HEAD_BYTES + np.diff(ends) + sides.shape[1]
    each = np.arange(len(bounds) + 1)
    joined = pc.binary_join_element_wise(
        binaries(heads.view(np.uint8), each * _BOX_HEAD.itemsize),
        binaries(corners, ends),
        binaries(sides.reshape(-1), each * sides.shape[1]),
        pa.scalar(b"", pa.large_binary()),
    )
    _, offsets, content = joined.buffers()
    return Elements(np.frombuffer(content or b"", np.uint8), np.frombuffer(offsets, np.int64))


def _is_new(numbers: np.ndarray) -> np.ndarray:
    """Whether a number is another than the one before."""
    is_new = np.ones(len(numbers), dtype=bool)
    is_new[1:] = numbers[1:] != numbers[:-1]
    return is_new


def _within(sizes: np.ndarray) -> np.ndarray:
    """0, 1, 2 … anew for each size."""
    return np.asarray(np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes))


def _differences(points: np.ndarray, sizes: np.ndarray, is_first: np.ndarray) -> np.ndarray:
    """From each point to the next of its shape, as numbers without a sign."""
    steps = np.diff(points, axis=0, prepend=np.zeros((1, 2), np.int64))
    firsts = (np.cumsum(sizes) - sizes)[is_first]
    steps[firsts] = points[firsts]
    return _unsigned(steps)


def _unsigned(numbers: np.ndarray) -> np.ndarray:
    """Whole numbers as ones without a sign: 0, -1, 1, -2 … are 0, 1, 2, 3 …."""
    return np.asarray(((numbers << 1) ^ (numbers >> 63)).view(np.uint64))


def _varints(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers in seven bits a byte, the lowest first, each byte but the last with its eighth bit set; where each ends."""
    widths = np.ones(len(values), np.int64)
    left = values >> np.uint64(7)
    while left.any():
        widths += left > 0
        left >>= np.uint64(7)
    ends = np.cumsum(widths)
    starts = ends - widths
    content = np.empty(ends[-1] if len(ends) else 0, np.uint8)
    rows = np.arange(len(values))
    for place in range(int(widths.max(initial=0))):
        rows = rows[widths[rows] > place]
        septet = (values[rows] >> np.uint64(7 * place) & np.uint64(0x7F)).astype(np.uint8)
        content[starts[rows] + place] = septet | (widths[rows] > place + 1).astype(np.uint8) << 7
    return content, ends
