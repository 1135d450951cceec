"""Geometry of features one by one: slivers, spikes, multipart features, duplicates, what lies outside the city."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from blueprint.quality.issues import Issues
from blueprint.standards.entries import LayerStandard, Limit

OUTSIDE_M2 = 1.0


@dataclass
class ShapeCheck:
    """What shapes are held to; areas in m², angles in degrees, all in the working CRS."""

    standard: LayerStandard | None
    limits: Mapping[str, Limit]
    outline: BaseGeometry | None
    suspects: np.ndarray
    """Numbers of features whose box is another's, too (`of_one_box`)."""

    seen: dict[bytes, int] = field(default_factory=dict)

    def check(self, numbers: np.ndarray, shapes: np.ndarray, issues: Issues) -> None:
        """Check a batch of valid shapes; `numbers` are the features' numbers."""
        self._duplicates(numbers, shapes, issues)
        if self.standard is not None and self.standard.single_part:
            parts = shapely.get_num_geometries(shapes)
            for row in np.nonzero(parts > 1)[0]:
                issues.add("multipart", int(numbers[row]), place=_on(shapes[row]), parts=int(parts[row]))
        if shapely.get_dimensions(shapes[:1])[0] == 2:
            self._slivers(numbers, shapes, issues)
            self._spikes(numbers, shapes, issues)
        if self.outline is not None:
            self._outside(numbers, shapes, self.outline, issues)

    def _duplicates(self, numbers: np.ndarray, shapes: np.ndarray, issues: Issues) -> None:
        # Equal shapes have the same box: most share theirs with none, and need not be put in a normal form.
        rows = np.nonzero(np.isin(numbers, self.suspects))[0]
        normal = shapely.to_wkb(shapely.normalize(shapes[rows]))
        for number, content, shape in zip(numbers[rows], normal, shapes[rows], strict=True):
            digest = hashlib.blake2b(content, digest_size=16).digest()
            first = self.seen.setdefault(digest, int(number))
            if first != number:
                issues.add("duplicate-geometry", int(number), other=first, place=shape)

    def _slivers(self, numbers: np.ndarray, shapes: np.ndarray, issues: Issues) -> None:
        area, length = shapely.area(shapes), shapely.length(shapes)
        thinness = 4 * np.pi * area / np.square(length)
        for row in np.nonzero(area < self.limits["sliver_m2"].value)[0]:
            issues.add(
                "sliver-area", int(numbers[row]), place=shapes[row], area_m2=round(float(area[row]), 4)
            )
        thin = (thinness < self.limits["sliver_thinness"].value) & (area >= self.limits["sliver_m2"].value)
        for row in np.nonzero(thin)[0]:
            issues.add(
                "sliver",
                int(numbers[row]),
                place=shapes[row],
                area_m2=round(float(area[row]), 2),
                thinness=round(float(thinness[row]), 4),
            )

    def _spikes(self, numbers: np.ndarray, shapes: np.ndarray, issues: Issues) -> None:
        limit = self.limits["spike_degrees"].value
        parts, of_shape = shapely.get_parts(shapes, return_index=True)
        rings, of_part = shapely.get_rings(parts, return_index=True)
        points, ring = shapely.get_coordinates(rings, return_index=True)
        # A ring's last point is its first: what comes before the first is the last but one.
        is_first = np.concatenate([[True], ring[1:] != ring[:-1]])
        is_last = np.concatenate([is_first[1:], [True]])
        ends = np.nonzero(is_last)[0]
        before = np.arange(len(points)) - 1
        before[is_first] = ends - 1
        corner = np.nonzero(~is_last)[0]
        back = points[before[corner]] - points[corner]
        ahead = points[corner + 1] - points[corner]
        cross = np.abs(back[:, 0] * ahead[:, 1] - back[:, 1] * ahead[:, 0])
        along = back[:, 0] * ahead[:, 0] + back[:, 1] * ahead[:, 1]
        # The angle itself is worked out only where its tangent says that it is small.
        for row in np.nonzero((along > 0) & (cross < np.tan(np.radians(limit)) * along))[0]:
            at, angle = corner[row], np.arctan2(cross[row], along[row])
            issues.add(
                "spike",
                int(numbers[of_shape[of_part[ring[at]]]]),
                place=shapely.Point(points[at]),
                degrees=round(float(np.degrees(angle)), 2),
            )

    def _outside(
        self, numbers: np.ndarray, shapes: np.ndarray, outline: BaseGeometry, issues: Issues
    ) -> None:
        shapely.prepare(outline)
        for row in np.nonzero(~shapely.covers(outline, shapes))[0]:
            beyond = shapely.difference(shapes[row], outline)
            if self.standard is None or beyond.area <= OUTSIDE_M2:
                issues.add("crosses-city", int(numbers[row]), place=beyond)
            else:
                issues.add(
                    "outside-city", int(numbers[row]), place=beyond, area_m2=round(float(beyond.area), 2)
                )


def of_one_box(numbers: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """The numbers of the features whose box (a row of `bounds`) another one has as well."""
    order = np.lexsort(bounds.T)
    is_next = (bounds[order[1:]] == bounds[order[:-1]]).all(axis=1)
    is_shared = np.zeros(len(order), dtype=bool)
    is_shared[1:] |= is_next
    is_shared[:-1] |= is_next
    return np.asarray(numbers[order[is_shared]])


def _on(shape: BaseGeometry) -> BaseGeometry:
    return shape.representative_point()
