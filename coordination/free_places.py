"""Compact places of a size in free ground: pure geometry, in metres of a plane."""

import heapq
import itertools
from dataclasses import dataclass

import numpy as np
import shapely

MIN_COMPACT = 0.4
"""A site that fills less of the circle around it is a strip or a star: nothing is built on it."""

_TRIED = 3
"""So many times the places that are wanted are tried, since some are no site."""

_GRID_M = 1e-3
"""What is cut off is cut on a grid of a millimetre, so that no thread of rounding is left of it."""


@dataclass(frozen=True)
class Place:
    """A place of the size: its compactness (its share of the circle that holds it), and how large the free ground is that it lies in."""

    site: shapely.Polygon
    compactness: float
    free_m2: float


@dataclass(frozen=True)
class Places:
    """The places that were found; `has_more`: ground of the size was left that was not looked at, as the bound was reached."""

    found: tuple[Place, ...]
    has_more: bool


def widest_m(area_m2: float) -> float:
    """How wide a place of the size is at most: the diameter of the circle that a least compact one has around it."""
    return float(2 * np.sqrt(area_m2 / np.pi / MIN_COMPACT))


def places_in(free: shapely.Geometry, area_m2: float, *, at_most: int) -> Places:
    """Places in free ground that do not overlap, the roomiest ground first: each around the innermost point of what is left."""
    order = itertools.count()
    waiting: list[tuple[float, int, shapely.Polygon, float]] = []

    def wait(ground: shapely.Geometry, of_m2: float | None) -> None:
        for piece in shapely.get_parts(ground):
            if piece.geom_type == "Polygon" and piece.area >= area_m2:
                room = float(shapely.length(_inner_line(piece)))
                heapq.heappush(waiting, (-room, next(order), piece, of_m2 or piece.area))

    wait(free, None)
    found: list[Place] = []
    tried = 0
    while waiting and len(found) < at_most and tried < _TRIED * at_most:
        _, _, piece, free_m2 = heapq.heappop(waiting)
        tried += 1
        made = _compact(piece, area_m2)
        if made is None:
            continue
        found.append(Place(*made, free_m2))
        wait(shapely.set_precision(shapely.difference(piece, made[0]), _GRID_M), free_m2)
    return Places(tuple(found), bool(waiting))


def _inner_line(shape: shapely.Polygon) -> shapely.LineString:
    """From the centre of the largest inscribed circle to its rim, within a metre."""
    return shapely.maximum_inscribed_circle(shape, tolerance=1.0)


def _compact(piece: shapely.Polygon, area_m2: float) -> tuple[shapely.Polygon, float] | None:
    """What of the piece lies around its innermost point and has the area; and its share of the circle that holds it."""
    centre = shapely.Point(_inner_line(piece).coords[0])
    near, far = np.sqrt(area_m2 / np.pi), np.sqrt(area_m2 / np.pi / MIN_COMPACT)
    if _around(piece, centre, far).area < area_m2:
        return None
    while far - near > 0.01:
        middle = (near + far) / 2
        if _around(piece, centre, middle).area < area_m2:
            near = middle
        else:
            far = middle
    site = _around(piece, centre, far)
    return site, float(site.area / (np.pi * far**2))


def _around(piece: shapely.Polygon, centre: shapely.Point, radius_m: float) -> shapely.Polygon:
    """The part of a disc within the piece that holds the centre."""
    parts = shapely.get_parts(shapely.intersection(piece, shapely.buffer(centre, radius_m, quad_segs=16)))
    areas = [part for part in parts if part.geom_type == "Polygon"]
    return min(areas, key=lambda part: part.distance(centre), default=shapely.Polygon())
