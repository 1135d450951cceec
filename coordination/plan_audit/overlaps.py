"""The overlaps of two sets of polygons in one window: plain arrays in, plain arrays out, so that any process can do it."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely

from blueprint import outline_walk
from blueprint.common_ground import NOISE_M, common_ground
from blueprint.machine_code import is_kept
from blueprint.outline_walk import OPEN
from blueprint.slivers import are_thin
from coordination.plan_audit import cutting
from coordination.plan_audit.cutting import Outlines, cut, outlines_of
from coordination.plan_audit.windows import Box, owned

_AT_ONCE = 20_000


@dataclass(frozen=True)
class WindowTask:
    """What one window is to compare: polygons as WKB with their feature ids; metres, m²."""

    path: str
    box: Box
    first_ids: Sequence[int] | np.ndarray
    first_shapes: Sequence[bytes]
    second_ids: Sequence[int] | np.ndarray
    second_shapes: Sequence[bytes]
    tolerance_m2: float
    sliver_width_m: float


def loops_are_kept() -> bool:
    """Whether this machine has compiled what windows are compared by."""
    return is_kept(*(Path(inspect.getfile(module)) for module in (cutting, outline_walk)))


def load_loops() -> None:
    """Load what windows are compared by: it is compiled where this machine has not done so before, which takes a while."""
    overlaps_of(WindowTask("", (0.0, 0.0, 1.0, 1.0), [], [], [], [], 0.0, 0.0))


@dataclass(frozen=True)
class FoundOverlaps:
    """The common areas of pairs of features, a column each: between processes a million rows would cost more than what they say.

    `areas_m2` are plane, `shapes` WKB.
    """

    first_ids: np.ndarray
    second_ids: np.ndarray
    areas_m2: np.ndarray
    slivers: np.ndarray
    shapes: pa.LargeBinaryArray

    def __len__(self) -> int:
        return len(self.shapes)


def overlaps_of(task: WindowTask) -> FoundOverlaps:
    """Every overlap that belongs to the window, each pair once whatever windows it reaches into."""
    first = np.asarray(shapely.from_wkb(np.array(task.first_shapes, dtype=object)))
    second = np.asarray(shapely.from_wkb(np.array(task.second_shapes, dtype=object)))
    boxes = shapely.bounds(first), shapely.bounds(second)
    rows = shapely.STRtree(second).query(first)
    mine = owned(boxes[0][rows[0]], boxes[1][rows[1]], task.box)
    left, right = rows[0][mine], rows[1][mine]
    sides = (_Side(first, outlines_of(first)), _Side(second, outlines_of(second)))
    found = [
        _measured(task, left[start : start + _AT_ONCE], right[start : start + _AT_ONCE], *sides)
        for start in range(0, len(left), _AT_ONCE)
    ] or [_measured(task, left, right, *sides)]
    return FoundOverlaps(
        np.concatenate([each.first_ids for each in found]),
        np.concatenate([each.second_ids for each in found]),
        np.concatenate([each.areas_m2 for each in found]),
        np.concatenate([each.slivers for each in found]),
        pa.concat_arrays([each.shapes for each in found]),
    )


@dataclass(frozen=True)
class _Side:
    shapes: np.ndarray
    outlines: Outlines


def _measured(
    task: WindowTask, one: np.ndarray, other: np.ndarray, first: _Side, second: _Side
) -> FoundOverlaps:
    found = cut(first.shapes, second.shapes, (first.outlines, second.outlines), one, other)
    shapes, left = found.shapes, np.flatnonzero(found.relations == OPEN)
    shapes[left] = _by_geos(first.shapes, one[left], second.shapes, other[left])
    areas = np.nan_to_num(shapely.area(shapes))
    perimeters = np.nan_to_num(shapely.length(shapes))
    kept = np.flatnonzero(2 * areas > NOISE_M * perimeters)
    slivers = _slivers(shapes[kept], areas[kept], perimeters[kept], task)
    return FoundOverlaps(
        np.asarray(task.first_ids, dtype=np.int64)[one[kept]],
        np.asarray(task.second_ids, dtype=np.int64)[other[kept]],
        areas[kept],
        slivers,
        pa.array(shapely.to_wkb(shapes[kept]), pa.large_binary()),
    )


def _by_geos(first: np.ndarray, one: np.ndarray, second: np.ndarray, other: np.ndarray) -> np.ndarray:
    """What pairs share where their outlines touch or run along each other, or have holes or parts."""
    shapes = np.empty(len(one), dtype=object)
    inside = _within(second, other, first, one)
    around = ~inside & _within(first, one, second, other)
    crossed = ~inside & ~around
    shapes[inside], shapes[around] = second[other[inside]], first[one[around]]
    shapes[crossed] = _polygons(common_ground(first[one[crossed]], second[other[crossed]]))
    return shapes


def _within(inner: np.ndarray, rows: np.ndarray, outer: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Which shapes lie wholly inside the other: they need not be cut. Only where the boxes do is it looked at."""
    small, large = shapely.bounds(inner[rows]), shapely.bounds(outer[around])
    inside = np.asarray((small[:, :2] > large[:, :2]).all(axis=1) & (small[:, 2:] < large[:, 2:]).all(axis=1))
    shapely.prepare(outer[around[inside]])
    inside[inside] = shapely.contains_properly(outer[around[inside]], inner[rows[inside]])
    return np.asarray(inside)


def _slivers(shapes: np.ndarray, areas: np.ndarray, perimeters: np.ndarray, task: WindowTask) -> np.ndarray:
    """Below the tolerance, or nothing left when shrunk by half the width: the same two tests as a check's."""
    slivers = areas < task.tolerance_m2
    thin = np.flatnonzero(~slivers & (2 * areas <= task.sliver_width_m * perimeters))
    slivers[thin] = are_thin(shapes[thin], task.sliver_width_m)
    return np.asarray(slivers)


def _polygons(shapes: np.ndarray) -> np.ndarray:
    """Of a common area the polygons alone: where two features also touch, lines and points come along."""
    mixed = np.flatnonzero(shapely.get_type_id(shapes) == 7)
    for row in mixed:
        parts = shapely.get_parts(shapes[row])
        shapes[row] = shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon"])
    thin = ~np.isin(shapely.get_type_id(shapes), (3, 6))
    shapes[thin] = shapely.Polygon()
    return np.asarray(shapes)
