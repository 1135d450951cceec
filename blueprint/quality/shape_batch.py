"""Some features of a layer as the check of their shapes asks for them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import shapely


@dataclass(frozen=True)
class Corners:
    """Corners of outlines: of which feature of the batch each is, where, and its angle in degrees."""

    rows: np.ndarray
    points: np.ndarray
    degrees: np.ndarray


@dataclass(frozen=True)
class ShapeBatch:
    """Features by their numbers in the file: valid shapes as EWKB, with west, south, east, north of each; in metres."""

    numbers: np.ndarray
    column: pa.LargeBinaryArray
    bounds: np.ndarray

    @cached_property
    def shapes(self) -> np.ndarray:
        """All of them."""
        return np.asarray(shapely.from_wkb(self.column.to_numpy(zero_copy_only=False)))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The shapes of some rows."""
        taken = self.column.take(pa.array(rows, pa.int64()))
        return np.asarray(shapely.from_wkb(taken.to_numpy(zero_copy_only=False)))

    @property
    def part_counts(self) -> np.ndarray:
        """How many parts each feature has."""
        return np.asarray(shapely.get_num_geometries(self.shapes))

    @cached_property
    def areas_and_lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """In m², and of all rings in metres."""
        return np.asarray(shapely.area(self.shapes)), np.asarray(shapely.length(self.shapes))

    def sharp_corners(self, degrees: float) -> Corners:
        """Corners of all rings whose angle is smaller, in the order of their points."""
        parts, of_shape = shapely.get_parts(self.shapes, return_index=True)
        rings, of_part = shapely.get_rings(parts, return_index=True)
        points, ring = shapely.get_coordinates(rings, return_index=True)
        # A point that is there twice is one corner.
        is_new = np.concatenate([[True], (ring[1:] != ring[:-1]) | (points[1:] != points[:-1]).any(axis=1)])
        points, ring = points[is_new], ring[is_new]
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
        found = np.nonzero((along > 0) & (cross < np.tan(np.radians(degrees)) * along))[0]
        at = corner[found]
        return Corners(
            of_shape[of_part[ring[at]]], points[at], np.degrees(np.arctan2(cross[found], along[found]))
        )
