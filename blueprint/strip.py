"""The strip of a linear work (线性工程用地带): a road, a pipeline or a mast as the area that its working width takes."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from blueprint.errors import InvalidInputError
from blueprint.layers.buffers import quarter_segments

MAX_WIDTH_M = 2_000.0

_LINES = (1, 2, 5)
_POINTS = (0, 4)


@dataclass(frozen=True)
class Strip:
    """How the area of a footprint came of lines and points (working CRS, metres): half the width to either side of `centre`."""

    width_m: float
    centre: shapely.MultiLineString
    points: int

    @property
    def note(self) -> str:
        """What reports say of it, in Chinese and English."""
        told = []
        if not self.centre.is_empty:
            told.append(
                f"线状用地：中心线 {self.centre.length:.2f} m，作业带宽 {self.width_m:g} m（两侧各一半）"
                f" a line of {self.centre.length:.2f} m with a working width of {self.width_m:g} m"
            )
        if self.points:
            told.append(
                f"点状用地 {self.points} 处，直径 {self.width_m:g} m"
                f" {self.points} points, each {self.width_m:g} m across"
            )
        return "；".join(told)


def grow(shapes: np.ndarray, width_m: float | None) -> tuple[np.ndarray, Strip | None]:
    """Areas as they are; lines and points (working CRS) as the area of their width. InvalidInputError without one, or for nothing.

    A line ends where it ends: its ends are flat, its bends and the places where pieces meet are round. A point is a circle.
    """
    kinds = shapely.get_type_id(shapes)
    is_line, is_point = np.isin(kinds, _LINES), np.isin(kinds, _POINTS)
    thin = is_line | is_point
    if not thin.any():
        if width_m is not None:
            raise InvalidInputError(
                "a width is given, but the footprint has no line and no point; leave the width out"
            )
        return shapes, None
    if width_m is None:
        raise InvalidInputError(
            "the footprint is a {geom_type}; say its working width in metres (--width-m, ?width_m=), or"
            " send a Polygon",
            geom_type=shapes[thin][0].geom_type,
        )
    if not 0 < width_m <= MAX_WIDTH_M:
        raise InvalidInputError(
            "a working width is more than 0 and at most {max_width_m:g} m", max_width_m=MAX_WIDTH_M
        )
    centre = _centre_line(shapes[is_line])
    points = shapely.get_parts(shapes[is_point])
    grown = [*shapes[~thin], *_sides(centre, width_m / 2), *_discs(points, width_m / 2)]
    return np.array(grown, dtype=object), Strip(width_m, centre, len(points))


def crossing_m(strip: Strip, shape: BaseGeometry | None) -> float | None:
    """How long the centre line runs within a shape, in metres; None where the shape is not known."""
    if shape is None:
        return None
    return float(shapely.intersection(strip.centre, shape).length)


def _centre_line(lines: np.ndarray) -> shapely.MultiLineString:
    """The lines as one net without doubles, joined where just two of them meet."""
    pieces = [part for part in shapely.get_parts(lines) if part.length > 0]
    if len(lines) and not pieces:
        raise InvalidInputError("the line of the footprint has no length; send at least two different points")
    joined = shapely.line_merge(shapely.union_all(pieces)) if pieces else shapely.MultiLineString()
    return shapely.MultiLineString(list(shapely.get_parts(joined)))


def _sides(centre: shapely.MultiLineString, half_m: float) -> list[shapely.Geometry]:
    if centre.is_empty:
        return []
    pieces = list(centre.geoms)
    ends = Counter(
        point for line in pieces if not line.is_closed for point in (line.coords[0], line.coords[-1])
    )
    meeting = np.array([shapely.Point(point) for point, count in ends.items() if count > 1], dtype=object)
    sides = shapely.buffer(
        pieces, half_m, quad_segs=quarter_segments(half_m), cap_style="flat", join_style="round"
    )
    return [*sides, *_discs(meeting, half_m)]


def _discs(points: np.ndarray, half_m: float) -> list[shapely.Geometry]:
    return list(shapely.buffer(points, half_m, quad_segs=quarter_segments(half_m))) if len(points) else []
