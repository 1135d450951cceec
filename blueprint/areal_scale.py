"""How much larger an area is on the ellipsoid than in the plane of the working CRS, near a site, as a polynomial.

Within a few kilometres the scale of areas changes so evenly that its powers above the second say nothing: less than 10⁻¹¹ of an
area. So what lies within straight edges is measured by its moments (its area, and where that lies), and no vertex is projected.
"""

import numpy as np
from pyproj import Transformer

TERMS = 6
"""Of 1, x, y, x², xy, y²."""

_DEGREE = 4
"""Of the projection itself, from which the scale is derived."""


def areal_scale(to_equal_area: Transformer, centres: np.ndarray, halves: np.ndarray) -> np.ndarray:
    """By place the terms in metres from its centre; the places reach `halves` metres to each side (a row each, x and y)."""
    x = centres[:, :1] + halves[:, :1] * _ACROSS
    y = centres[:, 1:] + halves[:, 1:] * _ALONG
    east, north = to_equal_area.transform(x, y)
    # From the middle, so that no digit is lost to the distance from the projection's own.
    east, north = east - east[:, :1], north - north[:, :1]
    scale = (east @ _BY_ACROSS) * (north @ _BY_ALONG) - (east @ _BY_ALONG) * (north @ _BY_ACROSS)
    wide, high = halves[:, 0], halves[:, 1]
    ones = np.ones(len(centres))
    units = np.column_stack([ones, wide, high, wide * wide, wide * high, high * high])
    return np.asarray(scale @ _TO_TERMS / (units * (wide * high)[:, np.newaxis]))


def _exponents(degree: int) -> list[tuple[int, int]]:
    return [(total - along, along) for total in range(degree + 1) for along in range(total + 1)]


def _powers(across: np.ndarray, along: np.ndarray, degree: int) -> np.ndarray:
    return np.column_stack([across**i * along**j for i, j in _exponents(degree)])


_NODES = np.cos(np.pi * (np.arange(7) + 0.5) / 7)
_ACROSS, _ALONG = (side.ravel() for side in np.meshgrid(_NODES, _NODES))
_TO_POWERS = np.linalg.pinv(_powers(_ACROSS, _ALONG, _DEGREE))
_BY_ACROSS = (
    np.column_stack([i * _ACROSS ** max(i - 1, 0) * _ALONG**j for i, j in _exponents(_DEGREE)]) @ _TO_POWERS
).T
_BY_ALONG = (
    np.column_stack([j * _ACROSS**i * _ALONG ** max(j - 1, 0) for i, j in _exponents(_DEGREE)]) @ _TO_POWERS
).T
"""From values at the nodes to the slopes there, for a square from -1 to 1."""

_TO_TERMS = np.linalg.pinv(_powers(_ACROSS, _ALONG, 2)).T
