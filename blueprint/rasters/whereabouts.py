"""Inside the cell: where a raster's values lie, in the file's own coordinates: what the CRS doctor looks at."""

from typing import Any

import numpy as np

LARGEST_SIDE = 1024
"""Pixels are looked at in a grid of at most so many a side: of a city 100 km wide one every 100 m."""

MAX_POINTS = 500


def whereabouts(source: Any, band: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of values, spread over all of them, and places on the line between values and none: x before y.

    The line is that of a raster cut to a boundary; the frame of the file is none. Without any value: the corners, and no line.
    """
    scale = max(1.0, max(source.width, source.height) / LARGEST_SIDE)
    width, height = max(1, round(source.width / scale)), max(1, round(source.height / scale))
    known = source.read_masks(band, out_shape=(height, width)) != 0
    if np.issubdtype(np.dtype(source.dtypes[band - 1]), np.floating):  # NaN is no value, tagged so or not
        known &= np.isfinite(source.read(band, out_shape=(height, width)))
    if not known.any():
        corners = np.array([[0, 0], [0, width], [height, 0], [height, width]], dtype=float)
        return _placed(source, corners, (height, width)), np.empty((0, 2))
    return (
        _placed(source, _thinned(np.argwhere(known)) + 0.5, (height, width)),
        _placed(source, _thinned(_edges(known)), (height, width)),
    )


def _edges(known: np.ndarray) -> np.ndarray:
    """The middles of the sides that part a pixel with a value from one without, as row and column."""
    below = np.argwhere(known[1:] != known[:-1]) + np.array([1.0, 0.5])
    beside = np.argwhere(known[:, 1:] != known[:, :-1]) + np.array([0.5, 1.0])
    return np.concatenate([below, beside])


def _thinned(places: np.ndarray) -> np.ndarray:
    return places[:: max(1, -(-len(places) // MAX_POINTS))].astype(float)


def _placed(source: Any, places: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Rows and columns of the coarser grid as coordinates of the file."""
    rows = places[:, 0] * source.height / shape[0]
    columns = places[:, 1] * source.width / shape[1]
    t = source.transform
    return np.column_stack([t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f])
