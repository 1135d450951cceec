"""What the values of a raster are, and what a raster layer's rule asks of them: plain values, no database."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class ValueKind(StrEnum):
    """Whether the values of a raster are measures, between which there are others, or codes of classes."""

    CONTINUOUS = "continuous"
    CLASSES = "classes"


@dataclass(frozen=True)
class Threshold:
    """What a raster layer's rule asks of a pixel, and on more than which share of the footprint it must hold."""

    above: float | None = None
    below: float | None = None
    values: tuple[int, ...] = ()
    share: float = 0.0

    def holds_for(self, pixels: np.ndarray) -> np.ndarray:
        """Say for every pixel whether it is above, below, or of one of the classes.

        In the precision that they are written in: a pixel of 45.3 in single precision is not below 45.3.
        """
        holds = np.zeros(pixels.shape, dtype=bool)
        if self.above is not None:
            holds |= pixels > self.above
        if self.below is not None:
            holds |= pixels < self.below
        if self.values:
            holds |= np.isin(pixels, self.values)
        return holds

    def __str__(self) -> str:
        parts = []
        if self.above is not None:
            parts.append(f"> {self.above:g}")
        if self.below is not None:
            parts.append(f"< {self.below:g}")
        if self.values:
            parts.append("∈ {" + ", ".join(map(str, self.values)) + "}")
        return " | ".join(parts)
