"""A small sample of a layer's vertices in the file's own coordinates, spread over all of it: what the CRS doctor looks at."""

import numpy as np
import shapely

MAX_POINTS = 1000


class Sample:
    """Takes every n-th shape's first, middle and last vertex; n doubles whenever the sample is full."""

    def __init__(self) -> None:
        self._points: list[np.ndarray] = []
        self._step = 1
        self._seen = 0

    def take(self, shapes: np.ndarray) -> None:
        """Look at the next shapes of the layer."""
        first = -self._seen % self._step
        self._seen += len(shapes)
        for shape in shapes[first :: self._step]:
            points = shapely.get_coordinates(shape)
            if len(points):
                self._points.append(points[[0, len(points) // 2, -1 if len(points) < 3 else -2]])
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
