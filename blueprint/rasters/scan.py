"""One pass over the values of a raster: how many there are, how they are spread, which of them occur."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from blueprint.errors import InvalidInputError
from blueprint.rasters.values import ValueKind

MAX_CLASSES = 1000
_USUAL_GAPS = frozenset({-9999.0, -99999.0, -32768.0, -(2.0**31), 65535.0})
"""What programs write for a pixel that has no value."""
_NO_MEASURE = 1e20


@dataclass
class Scan:
    """The statistics of the values that are there; the mean is built up block by block, exact to the last digits."""

    valid_count: int = 0
    missing_count: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    mean: float = 0.0
    squares: float = 0.0
    """The sum of squared distances from the mean."""
    classes: Counter[int] = field(default_factory=Counter)

    def add(self, values: np.ndarray) -> None:
        """Take in some values (Chan, Golub and LeVeque 1979)."""
        values = values.astype(np.float64)
        count, mean = values.size, float(values.mean())
        squares, total = float(((values - mean) ** 2).sum()), self.valid_count + values.size
        apart = mean - self.mean
        self.squares += squares + apart**2 * self.valid_count * count / total
        self.mean += apart * count / total
        self.valid_count = total
        self.minimum = min(self.minimum, float(values.min()))
        self.maximum = max(self.maximum, float(values.max()))

    def perhaps_missing(self) -> list[float]:
        """The smallest and the largest value, where they are what programs write for missing pixels."""
        return [v for v in (self.minimum, self.maximum) if abs(v) >= _NO_MEASURE or v in _USUAL_GAPS]

    def free_value(self, data_type: str, *, is_needed: bool) -> float | None:
        """A value for missing pixels that no pixel has: NaN, or the type's smallest or largest whole number."""
        if data_type.startswith("float"):
            return math.nan
        limits = np.iinfo(data_type)
        for value, is_free in (
            (limits.min, self.minimum > limits.min),
            (limits.max, self.maximum < limits.max),
        ):
            if is_free:
                return float(value)
        if self.missing_count or is_needed:
            raise InvalidInputError(
                "every value of {data_type} from {min} to {max} occurs, none is left for missing pixels;"
                " store the raster with a larger type",
                data_type=data_type,
                min=limits.min,
                max=limits.max,
            )
        return None

    def to_json(self) -> dict[str, Any]:
        """The statistics as the report has them."""
        return {
            "valid_count": self.valid_count,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "mean": self.mean,
            "deviation": math.sqrt(self.squares / self.valid_count),
            "classes": {str(value): count for value, count in sorted(self.classes.items())} or None,
        }


def scan(blocks: Iterable[tuple[Any, np.ndarray, np.ndarray]], *, kind: str) -> Scan:
    """The statistics of a raster's blocks; values that are no codes are refused where codes are wanted."""
    found = Scan()
    for _, values, known in blocks:
        there = values[known]
        found.missing_count += known.size - there.size
        if not there.size:
            continue
        found.add(there)
        if kind == ValueKind.CLASSES:
            _count_classes(found, there)
    if not found.valid_count:
        raise InvalidInputError("the raster has no value at all; check its no-data value")
    return found


def _count_classes(found: Scan, values: np.ndarray) -> None:
    codes, counts = np.unique(values, return_counts=True)
    if values.dtype.kind == "f" and (codes != np.round(codes)).any():
        raise InvalidInputError(
            "the raster has values that are no whole numbers, so they are no classes; define the layer with"
            " continuous values (--value-kind continuous at the console)"
        )
    found.classes.update(dict(zip(codes.astype(np.int64).tolist(), counts.tolist(), strict=True)))
    if len(found.classes) > MAX_CLASSES:
        raise InvalidInputError(
            "the raster has more than {max_classes:,} different values, so they are no classes; define the"
            " layer with continuous values (--value-kind continuous at the console)",
            max_classes=MAX_CLASSES,
        )
