"""Mending an invalid shape, with a receipt of what that changed; a shape that can be read in two ways is not guessed."""

from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from blueprint.sentences import Sentence, Word

MAX_CROSSINGS = 8
"""A ring that crosses itself more often is not taken apart; the two readings of its winding are drawn alone."""


@dataclass(frozen=True)
class Mending:
    """What mending does to a shape in the working CRS: areas in m², and how far it moves an outline at most, in metres."""

    shape: BaseGeometry
    reason: str
    before_m2: float
    after_m2: float
    moved_m: float
    readings: tuple[BaseGeometry, ...] = ()
    """More than one where the outline can be meant in several ways (a bow tie), the largest first."""

    @property
    def changed_m2(self) -> float:
        """By how much the area changes."""
        return abs(self.after_m2 - self.before_m2)


_REASONS = {
    "Self-intersection": Word("Self-intersection"),
    "Ring Self-intersection": Word("Ring Self-intersection"),
    "Hole lies outside shell": Word("Hole lies outside shell"),
    "Holes are nested": Word("Holes are nested"),
    "Nested shells": Word("Nested shells"),
    "Interior is disconnected": Word("Interior is disconnected"),
    "Duplicate Rings": Word("Duplicate Rings"),
    "Too few points in geometry component": Word("Too few points in geometry component"),
}


def reason_said(reason: str) -> Sentence:
    """Why GEOS finds a shape invalid, without the place, as a sentence says it."""
    told = reason.partition("[")[0]
    return _REASONS.get(told) or Sentence(told)


def place_of(reason: str) -> str | None:
    """The place that GEOS names with it, `x y` in the working CRS."""
    return reason[reason.index("[") + 1 : -1] if "[" in reason else None


def mend(shape: BaseGeometry, *, tolerance_m2: float) -> Mending:
    """Mend a shape by its structure; readings of a polygon that differ by more than the tolerance are all given.

    `before_m2` is what the outline encloses by its winding, as any program computes it: the lobes of a bow tie
    count against each other. GEOS's default method takes minutes on a star of 200 vertices, so it is not asked first.
    """
    mended = shapely.make_valid(shape, method="structure", keep_collapsed=False)
    readings = _readings(shape, mended, tolerance_m2) if shapely.get_dimensions(mended) == 2 else ()
    return Mending(
        shape=mended,
        reason=shapely.is_valid_reason(shape),
        before_m2=float(shape.area),
        after_m2=float(mended.area),
        moved_m=moved_m(shape, mended),
        readings=readings,
    )


def moved_m(before: BaseGeometry, after: BaseGeometry) -> float:
    """The Hausdorff distance of two outlines, measured at their vertices; those they share have none."""
    old, new = shapely.get_coordinates(before), shapely.get_coordinates(after)
    if not len(old) or not len(new):
        return 0.0
    return max(
        _farthest(_only_in(old, new), _outline(after)), _farthest(_only_in(new, old), _outline(before))
    )


def _outline(shape: BaseGeometry) -> BaseGeometry:
    return shapely.boundary(shape) if shapely.get_dimensions(shape) == 2 else shape


def _only_in(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    known = {point.tobytes() for point in others}
    return points[[point.tobytes() not in known for point in points]]


def _farthest(points: np.ndarray, outline: BaseGeometry) -> float:
    if not len(points):
        return 0.0
    shapely.prepare(outline)
    return float(np.max(shapely.distance(shapely.points(points), outline)))


def _readings(shape: BaseGeometry, mended: BaseGeometry, tolerance_m2: float) -> tuple[BaseGeometry, ...]:
    """The ways in which a crossing outline can be meant, those that differ by more than the tolerance."""
    candidates = [mended]
    if shapely.get_num_coordinates(shape) <= 2000:
        candidates.append(shapely.make_valid(shape, method="linework"))
    if isinstance(shape, shapely.Polygon) and (uncrossed := _uncrossed(shape)) is not None:
        candidates.append(uncrossed)
    different: list[BaseGeometry] = []
    for candidate in candidates:
        # What a spike leaves is a collection that holds the areas as one MultiPolygon beside the line.
        parts = shapely.get_parts(shapely.get_parts(candidate))
        polygons = [part for part in parts if part.geom_type == "Polygon"]
        reading = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
        if all(reading.symmetric_difference(other).area > tolerance_m2 for other in different):
            different.append(reading)
    return tuple(different) if len(different) > 1 else ()


def _uncrossed(polygon: shapely.Polygon) -> shapely.Polygon | None:
    """The outline with its vertices in the order in which it does not cross itself; None where none is found soon."""
    ring = shapely.get_coordinates(polygon.exterior)[:-1]
    if not 3 <= len(ring) <= 500:
        return None
    for _ in range(MAX_CROSSINGS):
        crossing = _first_crossing(ring)
        if crossing is None:
            break
        first, second = crossing
        ring = np.concatenate([ring[: first + 1], ring[second:first:-1], ring[second + 1 :]])
    uncrossed = shapely.Polygon(ring, [hole.coords for hole in polygon.interiors])
    return uncrossed if uncrossed.is_valid and uncrossed.area > 0 else None


def _first_crossing(ring: np.ndarray) -> tuple[int, int] | None:
    """The first two edges of a ring that cross each other within both; an edge has the number of its first vertex."""
    edges = np.asarray(shapely.linestrings(np.stack([ring, np.roll(ring, -1, axis=0)], axis=1)))
    left, right = shapely.STRtree(edges).query(edges, predicate="crosses")
    pairs = [(int(a), int(b)) for a, b in zip(left, right, strict=True) if a < b]
    return min(pairs) if pairs else None
