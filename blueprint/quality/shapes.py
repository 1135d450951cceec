"""Geometry of features one by one: slivers, spikes, multipart features, duplicates, what lies outside the city."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from blueprint.quality.edges import mixed
from blueprint.quality.issues import Issues
from blueprint.quality.shape_batch import ShapeBatch
from blueprint.standards.entries import LayerStandard, Limit

OUTSIDE_M2 = 1.0


@dataclass
class ShapeCheck:
    """What shapes are held to; areas in m², angles in degrees, all in the working CRS."""

    standard: LayerStandard | None
    limits: Mapping[str, Limit]
    outline: BaseGeometry | None
    shared: np.ndarray
    """The marks of boxes that are those of several features (`shared_marks`)."""

    seen: dict[bytes, int] = field(default_factory=dict)

    def check(self, batch: ShapeBatch, issues: Issues, *, is_areal: bool) -> None:
        """Check a batch of valid shapes."""
        self._duplicates(batch, issues)
        if self.standard is not None and self.standard.single_part:
            counts = batch.part_counts
            for row, shape in _shapes(batch, counts > 1):
                issues.add("multipart", int(batch.numbers[row]), place=_on(shape), parts=int(counts[row]))
        if is_areal:
            self._slivers(batch, issues)
            self._spikes(batch, issues)
        if self.outline is not None:
            self._outside(batch, self.outline, issues)

    def _duplicates(self, batch: ShapeBatch, issues: Issues) -> None:
        # Equal shapes have the same box: most share theirs with none, and need not be put in a normal form.
        for row, shape in _shapes(batch, np.isin(marks_of(batch.bounds), self.shared)):
            number, content = int(batch.numbers[row]), shapely.to_wkb(shapely.normalize(shape))
            first = self.seen.setdefault(hashlib.blake2b(content, digest_size=16).digest(), number)
            if first != number:
                issues.add("duplicate-geometry", number, other=first, place=shape)

    def _slivers(self, batch: ShapeBatch, issues: Issues) -> None:
        area, length = batch.areas_and_lengths
        thinness = 4 * np.pi * area / np.square(length)
        is_small = area < self.limits["sliver_m2"].value
        for row, shape in _shapes(batch, is_small):
            issues.add(
                "sliver-area", int(batch.numbers[row]), place=shape, area_m2=round(float(area[row]), 4)
            )
        for row, shape in _shapes(batch, ~is_small & (thinness < self.limits["sliver_thinness"].value)):
            issues.add(
                "sliver",
                int(batch.numbers[row]),
                place=shape,
                area_m2=round(float(area[row]), 2),
                thinness=round(float(thinness[row]), 4),
            )

    def _spikes(self, batch: ShapeBatch, issues: Issues) -> None:
        corners = batch.sharp_corners(self.limits["spike_degrees"].value)
        for row, point, degrees in zip(corners.rows, corners.points, corners.degrees, strict=True):
            issues.add(
                "spike",
                int(batch.numbers[row]),
                place=shapely.Point(point),
                degrees=round(float(degrees), 2),
            )

    def _outside(self, batch: ShapeBatch, outline: BaseGeometry, issues: Issues) -> None:
        shapely.prepare(outline)
        # What lies in a box within the outline lies within it.
        for row, shape in _shapes(batch, ~shapely.covers(outline, shapely.box(*batch.bounds.T))):
            if outline.covers(shape):
                continue
            number, beyond = int(batch.numbers[row]), shapely.difference(shape, outline)
            if self.standard is not None and not shape.area and outline.disjoint(shape):
                issues.add("outside-city-wholly", number, place=shape)
                continue
            if self.standard is None or beyond.area <= OUTSIDE_M2:
                issues.add("crosses-city", number, place=beyond)
            else:
                issues.add("outside-city", number, place=beyond, area_m2=round(float(beyond.area), 2))


def _shapes(batch: ShapeBatch, wanted: np.ndarray) -> Iterator[tuple[int, BaseGeometry]]:
    """The rows that are wanted, with their shapes."""
    rows = np.nonzero(wanted)[0]
    if len(rows):
        yield from zip(rows.tolist(), batch.take(rows), strict=True)


def marks_of(boxes: np.ndarray) -> np.ndarray:
    """Eight bytes for each box (a row of west, south, east, north), the same for the same box, and hardly ever for another."""
    marks = np.zeros(len(boxes), np.uint64)
    for side in np.ascontiguousarray(boxes + 0.0).view(np.uint64).T:  # one zero, not two
        marks = mixed(marks + side * np.uint64(0x9E3779B97F4A7C15))
    return marks


def shared_marks(marks: np.ndarray) -> np.ndarray:
    """Those that are there more than once; the array given is sorted on the way."""
    marks.sort()
    return np.unique(marks[1:][marks[1:] == marks[:-1]])


def _on(shape: BaseGeometry) -> BaseGeometry:
    return shape.representative_point()
