"""A small sample of a layer's vertices in the file's own coordinates, spread over all of it: what the CRS doctor looks at."""

from collections.abc import Callable

import numpy as np
import shapely

MAX_POINTS = 1000
FEW_SHAPES, VERTICES_OF_FEW = 20, 12
"""A delta of two features is compared as well as a layer: by enough vertices."""


class Sample:
    """Takes every n-th shape's first, middle and last vertex, of few shapes more; n doubles when the sample is full."""

    def __init__(self) -> None:
        self._points: list[np.ndarray] = []
        self._step = 1
        self._seen = 0

    def take(self, shapes: np.ndarray) -> None:
        """Look at the next shapes of the layer."""
        self.take_points(len(shapes), lambda row: shapely.get_coordinates(shapes[row]))

    def take_points(self, count: int, points_of: Callable[[int], np.ndarray]) -> None:
        """The same of so many shapes, whose vertices by row are told when they are asked for."""
        first, step = -self._seen % self._step, self._step
        self._seen += count
        few = count <= FEW_SHAPES
        for row in range(first, count, step):
            points = points_of(row)
            if len(points):
                last = len(points) - (1 if len(points) < 3 else 2)  # a ring's last is its first
                taken = np.linspace(0, last, VERTICES_OF_FEW).round() if few else [0, len(points) // 2, last]
                self._points.append(points[np.asarray(taken, dtype=int)])
            if len(self._points) * 3 > 2 * MAX_POINTS:
                self._points, self._step = self._points[::2], self._step * 2

    def points(self) -> list[list[float]]:
        """The sample, x before y as the file has them; only finite numbers."""
        if not self._points:
            return []
        points = np.unique(np.concatenate(self._points), axis=0)
        points = points[np.isfinite(points).all(axis=1)]
        thinned: list[list[float]] = points[:: max(1, -(-len(points) // MAX_POINTS))].tolist()
        return thinned
