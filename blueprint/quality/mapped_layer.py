"""The features of an Arrow file that is mapped, not read, by row, as the topology asks for them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import shapely

from blueprint.layers.mapped_features import MappedFeatures
from blueprint.quality.edges import EdgeSum


@dataclass(frozen=True)
class MappedLayer:
    """The features of a file; no page of its shapes stays in memory longer than it is looked at."""

    features: MappedFeatures

    @property
    def souths(self) -> np.ndarray:
        """The south of every feature's box."""
        return self.features.numbers("south")

    def boxes(self) -> Iterator[np.ndarray]:
        """West, south, east, north of the features, a row each, some at a time."""
        return self.features.boxes()

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The shapes of these rows."""
        order, taken = self._taken(rows)
        shapes = np.empty(len(rows), dtype=object)
        shapes[order] = shapely.from_wkb(taken.to_numpy(zero_copy_only=False))
        return shapes

    def contents(self, rows: np.ndarray) -> pa.LargeBinaryArray:
        """The shapes of these rows as EWKB, in whatever order."""
        return self._taken(rows)[1]

    def edges(self, rows: np.ndarray) -> EdgeSum:
        """The edges of these rows, summed."""
        return EdgeSum.of(self.take(rows))

    def _taken(self, rows: np.ndarray) -> tuple[np.ndarray, pa.LargeBinaryArray]:
        """EWKB batch by batch, and which of the rows each is of: taken of the whole column, it would be copied first."""
        of_batch = np.searchsorted(self.features.first_rows, rows, side="right") - 1
        order, taken = [np.empty(0, np.int64)], [pa.array([], pa.large_binary())]
        for number in np.unique(of_batch):
            here = np.nonzero(of_batch == number)[0]
            order.append(here)
            column = self.features.batches[number].column("geom")
            taken.append(column.take(pa.array(rows[here] - self.features.first_rows[number])))
        copied = pa.concat_arrays(taken)
        self.features.forget()
        return np.concatenate(order), copied

    def number(self, row: int) -> int:
        """The feature's number in the file."""
        batch = int(np.searchsorted(self.features.first_rows, row, side="right")) - 1
        column = self.features.batches[batch].column("feature_id")
        return int(column[row - self.features.first_rows[batch]].as_py())
