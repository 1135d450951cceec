"""A projection over the ground of one layer as a polynomial fitted to PROJ: the same to a fraction of a micrometre, a tenth of the time.

Between two projections of a city's ground the way is so smooth that powers above the seventh say nothing: over 150 km what is
left is PROJ's own last digit. Where no polynomial comes near enough (a layer across a continent), PROJ is asked itself.
"""

from collections.abc import Sequence

import numpy as np
from pyproj import Transformer

from blueprint.ring_areas import followed_areas

_DEGREES = (6, 8, 10, 12)
FOLLOWED_M = 50.0
"""A straight edge before the transformation is followed in steps of at most this."""

_MOST_FITS = 30
"""After so many the ground is too wide, or its points come in no order at all."""

_FITS_OF_A_QUARTER, _WIDE = 8, 2.0
"""Where the ground grows on and on, as in a file that is sorted from south to north, more is fitted around than a quarter."""

_POINTS_AT_ONCE = 4096
"""So few that what is computed between stays in the processor's cache."""


class Fitted:
    """A transformation in metres to `tolerance_m` of PROJ, over the ground of the points that it was asked for."""

    def __init__(self, transformer: Transformer, *, tolerance_m: float) -> None:
        self._transformer = transformer
        self._tolerance_m = tolerance_m
        self._middle = self._half = np.zeros(2)
        self._terms: np.ndarray | None = None
        self._fits = 0

    @property
    def is_polynomial(self) -> bool:
        """Whether a polynomial comes near enough."""
        return self._terms is not None

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Points, a row each, moved."""
        if len(points) and not self._holds(points):
            self._grow(points)
        if self._terms is None or not self._holds(points):
            return np.column_stack(self._transformer.transform(points[:, 0], points[:, 1]))
        moved = np.empty_like(points)
        for first in range(0, len(points), _POINTS_AT_ONCE):
            some = slice(first, first + _POINTS_AT_ONCE)
            moved[some] = self._evaluate(self._terms, points[some])
        return moved

    def areas(self, shapes: np.ndarray, _contents: Sequence[bytes] | None = None, /) -> np.ndarray:
        """The areas of shapes after the transformation, where the straight edges before it are followed every 50 m.

        The contents are the shapes as EWKB, where they are at hand: a compiled kind measures by them.
        """
        return followed_areas(np.asarray(shapes, dtype=object), self.apply, step=FOLLOWED_M)

    def _holds(self, points: np.ndarray) -> bool:
        if self._terms is None:
            return False
        low, high = self._middle - self._half, self._middle + self._half
        # Axis by axis: of many points numpy finds the least of two columns much slower than twice of one.
        return all(
            low[axis] <= points[:, axis].min(initial=np.inf)
            and points[:, axis].max(initial=-np.inf) <= high[axis]
            for axis in (0, 1)
        )

    def _grow(self, points: np.ndarray) -> None:
        """Fit anew over what was known and these points, and some way around; where that cannot be, all stays as it is."""
        if self._fits >= _MOST_FITS:
            return
        self._fits += 1
        known = (self._middle, self._half, self._terms)
        low, high = points.min(axis=0), points.max(axis=0)
        # An axis along which nothing is new keeps its ground: it would grow as often as the other one does.
        is_new = np.ones(2, dtype=bool)
        if self._terms is not None:
            known_low, known_high = self._middle - self._half, self._middle + self._half
            is_new = (low < known_low) | (high > known_high)
            low, high = np.minimum(low, known_low), np.maximum(high, known_high)
        for reach in (1.25,) if self._fits <= _FITS_OF_A_QUARTER else (_WIDE, 1.25):
            half = (high - low) / 2
            self._middle = (low + high) / 2
            self._half = np.where(is_new, np.maximum(half * reach, 100.0), half)
            self._terms = self._fitted()
            if self._terms is not None:
                return
        self._middle, self._half, self._terms = known

    def _fitted(self) -> np.ndarray | None:
        """The coefficients of the lowest degree that comes near enough, between the nodes and on the rim as well."""
        grid = np.linspace(-1, 1, 23)
        across, along = (side.ravel() for side in np.meshgrid(grid, grid))
        points = self._middle + np.column_stack([across, along]) * self._half
        known = self._known(across, along)
        for degree in _DEGREES:
            terms = self._fit(degree)
            if terms is not None and np.abs(self._evaluate(terms, points) - known).max() <= self._tolerance_m:
                return terms
        return None

    def _fit(self, degree: int) -> np.ndarray | None:
        """Two rows of coefficients, of x and of y, by the powers of both; None where PROJ knows no answer.

        The nodes are those of Chebyshev, at which a polynomial does not swing between them.
        """
        nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
        across, along = (grid.ravel() for grid in np.meshgrid(nodes, nodes))
        known = self._known(across, along)
        if not np.isfinite(known).all():
            return None
        # The mean apart: so many digits more are left for the rest.
        mean = known.mean(axis=0)
        terms, *_ = np.linalg.lstsq(_powers(across, along, degree).T, known - mean, rcond=None)
        terms[0] += mean
        return np.ascontiguousarray(terms.T)

    def _known(self, across: np.ndarray, along: np.ndarray) -> np.ndarray:
        x, y = self._middle[0] + across * self._half[0], self._middle[1] + along * self._half[1]
        return np.column_stack(self._transformer.transform(x, y))

    def _degree(self, terms: np.ndarray) -> int:
        return next(degree for degree in _DEGREES if (degree + 1) * (degree + 2) // 2 == terms.shape[1])

    def _evaluate(self, terms: np.ndarray, points: np.ndarray) -> np.ndarray:
        degree = self._degree(terms)
        across, along = np.ascontiguousarray(((points - self._middle) / self._half).T)
        # Term by term and not as one product of matrices, whose last digit depends on a point's place among the others:
        # the first and the last point of a ring must stay one.
        moved = np.zeros((2, len(points)))
        for pair, power in zip(terms.T, _powers(across, along, degree), strict=True):
            moved += pair[:, np.newaxis] * power
        return np.ascontiguousarray(moved.T)


def _powers(across: np.ndarray, along: np.ndarray, degree: int) -> np.ndarray:
    """A row for each product of powers whose degrees together are at most `degree`."""
    rows = np.empty(((degree + 1) * (degree + 2) // 2, len(across)))
    rows[0] = 1.0
    first = 0
    for total in range(1, degree + 1):
        before, first = first, first + total
        np.multiply(rows[before:first], across, out=rows[first : first + total])
        np.multiply(rows[first - 1], along, out=rows[first + total])
    return rows
