"""The grid of a raster: where its pixels lie, in units of its CRS."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine

from blueprint.crs import Operation
from blueprint.errors import InvalidInputError

_EDGE_POINTS = 41


@dataclass(frozen=True)
class Grid:
    """Pixels from the north-west on; the flips say how the file's own order is turned to get there."""

    transform: Affine
    width: int
    height: int
    flips_rows: bool = False
    flips_columns: bool = False

    @property
    def is_rotated(self) -> bool:
        """Say whether rows and columns lie askew to the axes."""
        return bool(self.transform.b or self.transform.d)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of an unrotated grid."""
        west, north = self.transform.c, self.transform.f
        return (
            west,
            north + self.height * self.transform.e,
            west + self.width * self.transform.a,
            north,
        )

    def outline(self) -> tuple[np.ndarray, np.ndarray]:
        """Points along the four edges and the two middles, as x and y."""
        share = np.linspace(0, 1, _EDGE_POINTS)
        zero, one, half = np.zeros_like(share), np.ones_like(share), np.full_like(share, 0.5)
        columns = np.concatenate([share, share, zero, one, half, share]) * self.width
        rows = np.concatenate([zero, one, share, share, share, half]) * self.height
        t = self.transform
        return t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f


def grid_of(source: Any) -> Grid:
    """The grid of an open raster, turned north up and west first where that needs no resampling."""
    transform, width, height = source.transform, source.width, source.height
    if transform.b or transform.d:
        return Grid(transform, width, height)
    flips_rows, flips_columns = transform.e > 0, transform.a < 0
    if flips_rows:
        transform = transform @ Affine(1, 0, 0, 0, -1, height)
    if flips_columns:
        transform = transform @ Affine(-1, 0, width, 0, 1, 0)
    return Grid(transform, width, height, flips_rows, flips_columns)


def grid_over(grid: Grid, operation: Operation) -> Grid:
    """A grid of square pixels in the working CRS over all of another: its diagonal has as many of them.

    Pixels are rounded to the millimetre and lie on multiples of their size, so that rasters of one source fit.
    """
    xs, ys = operation.move(*grid.outline()) if operation.name != "none" else grid.outline()
    if not (np.isfinite(xs).all() and np.isfinite(ys).all()):
        raise InvalidInputError(
            "the raster lies where {source} cannot be transformed from", source=operation.source
        )
    west, south, east, north = float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())
    # The first and the last of the outline's first edges are the corners of one diagonal.
    diagonal = math.hypot(xs[2 * _EDGE_POINTS - 1] - xs[0], ys[2 * _EDGE_POINTS - 1] - ys[0])
    pixel = diagonal / math.hypot(grid.width, grid.height)
    pixel = round(pixel, 3) if pixel >= 0.5 else pixel
    left, top = math.floor(west / pixel), math.ceil(north / pixel)
    width = max(1, math.ceil(east / pixel) - left)
    height = max(1, top - math.floor(south / pixel))
    return Grid(Affine(pixel, 0, left * pixel, 0, -pixel, top * pixel), width, height)
