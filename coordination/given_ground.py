"""Ground given back to a site (补地): evenly around what is kept of it, or to one side; pure geometry, in metres of a plane."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from blueprint.city import polygonal

SHORT_M2 = 1.0
"""An area that is short by less is the same area."""

_THREAD_M = 1.0
"""What is given back is nowhere narrower: nothing is built on a thread of ground."""

_NEAR_M = 0.001
"""How far ground is given is found to a millimetre, and as near as a large site asks for its area."""

_NEAREST_M = 1e-6

_JUMPS = 8
"""So many times at most a rim goes on from where it came round something."""

_MANY_CORNERS = 500
"""An outline of more corners is not moved side by side: that takes seconds."""


@dataclass(frozen=True)
class Regrown:
    """What is kept with the ground that was given: how far it reaches, and to which side (degrees from north; None: evenly around)."""

    outline: shapely.MultiPolygon
    reach_m: float
    toward_deg: float | None = None

    @property
    def fullness(self) -> float:
        """Its share of the narrowest rectangle around it: 1 for a rectangle."""
        around = shapely.minimum_rotated_rectangle(self.outline)
        return round(float(self.outline.area / around.area), 3) if around.area else 0.0


def regrown(
    site: shapely.MultiPolygon, kept: shapely.MultiPolygon, free: shapely.Geometry, within_m: float
) -> Regrown:
    """What is kept with free ground that makes up the area of the site: of the ways that do, the one that is most of a rectangle.

    Where none does it is the even rim, as wide as it may be: the most there is.
    """
    ways = [evenly(kept, free, site.area, within_m)]
    if shapely.get_num_coordinates(kept) <= _MANY_CORNERS:
        ways += [_to_side(kept, free, site.area, within_m, degrees) for degrees in _sides(site)]
    enough = [way for way in ways if abs(way.outline.area - site.area) <= SHORT_M2]
    return max(enough, key=lambda way: way.fullness, default=ways[0])


def evenly(kept: shapely.MultiPolygon, free: shapely.Geometry, area_m2: float, within_m: float) -> Regrown:
    """What is kept, with the rim over free ground that makes up an area; the most there is within the distance.

    Ground behind something hard is joined all at once when the rim comes round it: there the rim goes on from what was joined before.
    """
    grown, reach_m = kept, 0.0
    reachable = shapely.intersection(free, _buffered(kept, within_m))
    for _ in range(_JUMPS):
        around = partial(_buffered, grown)
        way = _reaching(grown, reachable, area_m2, within_m, around, None)
        reach_m += way.reach_m
        if way.outline.area <= area_m2 + SHORT_M2:
            break
        before = _joined(grown, reachable, around(way.reach_m - 2 * _NEAR_M))
        if way.reach_m <= 2 * _NEAR_M or before.area >= area_m2:
            break
        grown = before
    return Regrown(way.outline, min(reach_m, within_m))


def _to_side(
    kept: shapely.MultiPolygon, free: shapely.Geometry, area_m2: float, within_m: float, degrees: float
) -> Regrown:
    """What is kept, swept to one side over free ground."""
    step = np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
    return _reaching(kept, free, area_m2, within_m, lambda metres: _swept(kept, step * metres), degrees)


def _sides(site: shapely.MultiPolygon) -> Iterator[float]:
    """The four directions of the narrowest rectangle around a site, in degrees from north."""
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(site))
    for east, north in np.diff(corners, axis=0)[:4]:
        yield float(np.degrees(np.arctan2(east, north)) % 360)


def _reaching(
    kept: shapely.MultiPolygon,
    free: shapely.Geometry,
    area_m2: float,
    within_m: float,
    around: Callable[[float], shapely.Geometry],
    toward_deg: float | None,
) -> Regrown:
    """As far as makes up the area, found by halves."""
    if kept.area >= area_m2 - SHORT_M2:
        return Regrown(kept, 0.0)
    shapely.prepare(free)
    near, far = 0.0, within_m
    most = _joined(kept, free, around(far))
    if most.area <= area_m2:
        return Regrown(most, far, toward_deg)
    while far - near > _NEAR_M or (most.area - area_m2 > SHORT_M2 / 2 and far - near > _NEAREST_M):
        middle = (near + far) / 2
        made = _joined(kept, free, around(middle))
        if made.area < area_m2:
            near = middle
        else:
            far, most = middle, made
    return Regrown(most, far, toward_deg)


def _joined(
    kept: shapely.MultiPolygon, free: shapely.Geometry, around: shapely.Geometry
) -> shapely.MultiPolygon:
    """What is kept and the free ground around it that is joined to it, without threads."""
    given = shapely.intersection(around, free)
    opened = _buffered(_buffered(given, -_THREAD_M / 2), _THREAD_M / 2)
    whole = polygonal(shapely.union(kept, shapely.intersection(opened, given)))
    return shapely.MultiPolygon([part for part in whole.geoms if shapely.intersection(part, kept).area > 0])


def _buffered(shape: shapely.Geometry, metres: float) -> shapely.Geometry:
    """Corners stay corners: the boundary of a site is made of straight lines."""
    return shapely.buffer(shape, metres, join_style="mitre", mitre_limit=2.0)


def _swept(shape: shapely.MultiPolygon, step: np.ndarray) -> shapely.Geometry:
    """All ground that a shape passes over when it is moved by a step: itself, and what each of its edges passes over."""
    sweeps: list[BaseGeometry] = [shape, shapely.transform(shape, lambda xy: xy + step)]
    for ring in shapely.get_rings(shapely.get_parts(shape)):
        ends = shapely.get_coordinates(ring)
        corners = np.stack([ends[:-1], ends[1:], ends[1:] + step, ends[:-1] + step], axis=1)
        sweeps += [quad for quad in map(shapely.Polygon, corners) if quad.area > 0]
    return shapely.union_all(sweeps)
