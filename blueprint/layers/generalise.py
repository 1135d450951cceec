"""The shapes that tiles are cut from: every feature in the grid of tiles (EPSG:3857), as it is and generalised for the zooms below 15.

A pixel is one of a tile of 512 by 512. On a level an outline is simplified by half a pixel. An area smaller than
the level's threshold stays with the probability area / threshold, by a hash of its feature id, as a square of the
threshold's size: the share of ground that a layer covers is kept, and so is a bound on the features of a tile.
Short lines stay; of points that lie in one cell of six pixels one stays.
"""

import numpy as np

FULL_LEVEL = 24
"""The level whose shapes are the features as they are."""

GENERALISED_LEVELS = (8, 9, 10, 11, 12, 14)
"""A zoom is drawn from the first level that is not below it."""

_WORLD_M = 40_075_016.685_578_5
_TILE_PIXELS = 512
_TILE_UNITS = 4096
_POINT_CELL_PIXELS = 6
MAX_SHAPE_VERTICES = 256
"""A shape of more vertices is stored in pieces; a tile puts them together again, so that no cut is ever drawn."""


def level_of_zoom(zoom: int) -> int:
    """The level that a tile of `zoom` is cut from: the smallest level not below it."""
    return next((level for level in GENERALISED_LEVELS if level >= zoom), FULL_LEVEL)


def pixel_m(level: int) -> float:
    """The side of a pixel on a level, in metres of EPSG:3857."""
    return _WORLD_M / (1 << level) / _TILE_PIXELS


def unit_m(level: int) -> float:
    """The side of the unit in which a level's shapes are stored, 4096 to a tile, in metres of EPSG:3857."""
    return _WORLD_M / (1 << level) / _TILE_UNITS


def smallest_area_m2(level: int) -> float:
    """The area, in square metres of EPSG:3857, below which a feature is drawn by chance, as a square of this size."""
    pixels = 4 if level >= 13 else 9 if level == 12 else 16
    return pixels * pixel_m(level) ** 2


def cell_m(level: int) -> float:
    """The side of the cell in which one point is drawn on a level, in metres of EPSG:3857."""
    return _POINT_CELL_PIXELS * pixel_m(level)


def chances(feature_ids: np.ndarray) -> np.ndarray:
    """A number from 0 to 1 for each feature, always the same: the finaliser of SplitMix64 (Steele and others 2014)."""
    mixed = feature_ids.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray((mixed ^ (mixed >> np.uint64(31))) / 2.0**64)
