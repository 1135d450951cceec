"""The shortest shift that frees a site of what it may not meet, exactly: pure geometry, in metres of a plane.

A site moved by a shift meets a piece of ground just where the shift lies within the sum of Minkowski of the ground and the site turned by
180°; so the nearest free place is the point nearest to the origin beside that sum. Of a convex piece of the site and an edge of the
ground the sum is a convex hull, and with the ground moved along one corner of the piece their union is the whole of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
import shapely.affinity
from shapely.geometry.base import BaseGeometry

from blueprint.city import polygonal

MAX_SUMS = 20_000
"""So many hulls are put together at most: that takes some seconds."""

RINGS, DIRECTIONS = 40, 48
TRIED = RINGS * DIRECTIONS + 1
"""So many places are tried where there are more: where the site is, then ring by ring in all directions."""

HAIR_M = 1e-3
"""So far from what is kept off a place is free for sure; where only a shift that touches is free, or is much shorter, that is taken."""

_TOUCHING_M = 1e-6
_MUCH_M = 0.01
_REFINED_M = 0.1
_MAX_PIECE = 256
"""A convex piece of more corners is cut into triangles, as a hull is made of all its corners."""

_POCKET_M2 = 1e-7
"""A smaller free pocket among the sums is rounding."""


@dataclass(frozen=True)
class Nearest:
    """The shortest shift (east, north) to a free place, None where there is none; if not exact, of the places tried."""

    shift: np.ndarray | None
    is_exact: bool


def nearest_free(site: shapely.MultiPolygon, taken: BaseGeometry, within_m: float) -> Nearest:
    """The shortest shift of a site off taken ground, by the sums where they are not too many, else by trying places."""
    try:
        apart = shortest_shift(_grown(site, HAIR_M), taken, within_m)
        reach_m = within_m if apart is None else float(np.hypot(*apart)) - _MUCH_M
        touching = shortest_shift(_grown(site, -_TOUCHING_M), taken, reach_m) if reach_m > 0 else None
    except TooManyEdgesError:
        return Nearest(_nearest_tried(site, taken, within_m), is_exact=False)
    return Nearest(apart if touching is None else touching, is_exact=True)


def shortest_shift(site: BaseGeometry, taken: BaseGeometry, within_m: float) -> np.ndarray | None:
    """The shortest shift (east, north) of at most `within_m` by which no area of a site lies on taken ground; None where there is none.

    Raises TooManyEdgesError where the shapes have too many edges for it.
    """
    west, south, east, north = site.bounds
    near = polygonal(
        shapely.clip_by_rect(taken, west - within_m, south - within_m, east + within_m, north + within_m)
    )
    around = shapely.box(-within_m, -within_m, within_m, within_m)
    pieces = shapely.get_parts(shapely.difference(around, _met(site, near, around)))
    free = [piece for piece in pieces if piece.geom_type == "Polygon" and piece.area > _POCKET_M2]
    if not free:
        return None
    nearest = shapely.shortest_line(shapely.Point(0, 0), shapely.MultiPolygon(free))
    shift = shapely.get_coordinates(nearest)[-1]
    return shift if np.hypot(*shift) <= within_m else None


def least_met(
    site: shapely.MultiPolygon, taken: BaseGeometry, beyond: BaseGeometry, within_m: float
) -> np.ndarray:
    """Of the places tried the one that meets least, none that reaches beyond the city; where it is, when no other is better."""
    places = _places(within_m)
    moved = _moved(site, places)
    met = np.asarray(shapely.area(shapely.intersection(moved, taken)))
    outside = np.asarray(shapely.area(shapely.intersection(moved, beyond))) > 0
    outside[0] = False
    return np.asarray(places[int(np.argmin(np.where(outside, np.inf, met)))])


class TooManyEdgesError(Exception):
    """A site and the ground around it have more edges than are put together."""


def _met(site: BaseGeometry, taken: BaseGeometry, around: shapely.Polygon) -> BaseGeometry:
    """All shifts within a box by which the site meets what is taken."""
    pieces = list(_convex_pieces(site))
    edges = _edges(taken)
    if len(pieces) * len(edges) > MAX_SUMS:
        raise TooManyEdgesError
    sums: list[BaseGeometry] = []
    for piece in pieces:
        corners = -shapely.get_coordinates(piece)[:-1]
        sums.append(shapely.affinity.translate(taken, *corners[0]))
        ends = (edges[:, :, np.newaxis, :] + corners).reshape(len(edges), 2 * len(corners), 2)
        hulls = np.asarray(shapely.convex_hull(shapely.linestrings(ends)))
        sums.extend(hulls[shapely.intersects(hulls, around)])
    return shapely.union_all(sums)


def _edges(taken: BaseGeometry) -> np.ndarray:
    """The edges of what is taken: from and to, east and north."""
    rings = shapely.get_rings(shapely.get_parts(taken))
    points, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    return np.stack([points[:-1][same], points[1:][same]], axis=1)


def _convex_pieces(site: BaseGeometry) -> Iterator[shapely.Polygon]:
    for part in polygonal(site).geoms:
        hull = shapely.convex_hull(part)
        assert isinstance(hull, shapely.Polygon)
        if hull.area - part.area <= _POCKET_M2 and shapely.get_num_coordinates(hull) <= _MAX_PIECE:
            yield hull
        else:
            yield from polygonal(shapely.constrained_delaunay_triangles(part)).geoms


def _grown(site: shapely.MultiPolygon, metres: float) -> BaseGeometry:
    """The site a hair larger all around, or smaller; as it is where nothing would be left of it."""
    grown = shapely.buffer(site, metres, quad_segs=2)
    return site if grown.is_empty else grown


def _places(within_m: float) -> np.ndarray:
    """Shifts in metres, the nearest first: where it is, then ring by ring in all directions."""
    distances = np.arange(1, RINGS + 1) * within_m / RINGS
    turns = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    rings = [np.column_stack([np.cos(turns) * d, np.sin(turns) * d]) for d in distances]
    return np.concatenate([np.zeros((1, 2)), *rings])


def _moved(site: shapely.Geometry, shifts: np.ndarray) -> np.ndarray:
    """The site at each of the shifts."""
    count = shapely.get_num_coordinates(site)
    sites = np.full(len(shifts), site, dtype=object)
    return np.asarray(shapely.transform(sites, lambda xy: xy + np.repeat(shifts, count, axis=0)))


def _nearest_tried(site: shapely.MultiPolygon, taken: BaseGeometry, within_m: float) -> np.ndarray | None:
    """The nearest of the places tried that is free, brought as near as it stays free."""
    grown = _grown(site, HAIR_M)
    shapely.prepare(taken)
    places = _places(within_m)
    free = places[~np.asarray(shapely.intersects(taken, _moved(grown, places)))]
    if not len(free):
        return None
    distances = np.hypot(free[:, 0], free[:, 1])
    on_first_ring = free[distances <= distances[0] + HAIR_M]
    nearest = [_brought_near(grown, taken, place) for place in on_first_ring]
    return min(nearest, key=lambda place: float(np.hypot(*place)))


def _brought_near(grown: shapely.Geometry, taken: BaseGeometry, place: np.ndarray) -> np.ndarray:
    """The shift shortened to where it is only just free: by halves, down to a tenth of a metre."""
    near, far = 0.0, 1.0
    while (far - near) * float(np.hypot(*place)) > _REFINED_M:
        middle = (near + far) / 2
        if shapely.intersects(taken, _moved(grown, place[np.newaxis] * middle)[0]):
            near = middle
        else:
            far = middle
    return place * far
