"""Large shapes in pieces: areas cut in halves until each is small, lines cut at their own vertices.

Halves are intersections with boxes, by GEOS; a piece is valid where its shape is. A cut adds vertices on straight edges only,
so that pieces fill their shape to within the rounding of a coordinate.
"""

from collections.abc import Iterator

import numpy as np
import shapely


def cut_area(shape: shapely.Geometry, most_vertices: int) -> list[shapely.Polygon]:
    """The polygons of an area in pieces of at most so many vertices; the shape itself where it is one and small."""
    done: list[shapely.Polygon] = []
    waiting = np.asarray(shapely.get_parts(shape))
    while len(waiting):
        is_small = shapely.get_num_coordinates(waiting) <= most_vertices
        done.extend(waiting[is_small])
        waiting = np.concatenate([_halves(large) for large in waiting[~is_small]] or [waiting[:0]])
    return done


def _halves(polygon: shapely.Polygon) -> np.ndarray:
    """The polygons of both halves, cut across the longer side of its box."""
    west, south, east, north = polygon.bounds
    if east - west >= north - south:
        middle = _near_middle(polygon, 0, west, east)
        boxes = [shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)]
    else:
        middle = _near_middle(polygon, 1, south, north)
        boxes = [shapely.box(west, south, east, middle), shapely.box(west, middle, east, north)]
    parts = shapely.get_parts(shapely.intersection(polygon, boxes))
    parts = shapely.get_parts(parts)  # of collections, where a half also touches the cut along a line
    return np.asarray(parts[shapely.get_dimensions(parts) == 2])


def _near_middle(polygon: shapely.Polygon, axis: int, low: float, high: float) -> float:
    """Where to cut: through the vertex nearest to the middle, unless all lie near the ends."""
    values = shapely.get_coordinates(polygon)[:, axis]
    middle = (low + high) / 2
    nearest = float(values[np.argmin(np.abs(values - middle))])
    return nearest if abs(nearest - middle) < (high - low) / 4 else middle


def cut_line(shape: shapely.Geometry, most_vertices: int) -> list[shapely.LineString]:
    """The lines of a shape in runs of at most so many vertices that begin and end at vertices: no new point is made."""
    return [run for line in shapely.get_parts(shape) for run in _runs(line, most_vertices)]


def _runs(line: shapely.LineString, most_vertices: int) -> Iterator[shapely.LineString]:
    points = shapely.get_coordinates(line)
    if len(points) <= most_vertices:
        yield line
        return
    for first in range(0, len(points) - 1, most_vertices - 1):
        yield shapely.LineString(points[first : first + most_vertices])
