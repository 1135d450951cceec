"""The features of an Arrow file that is mapped, not read, by row, as the topology asks for them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import shapely

from blueprint.quality.edges import EdgeSum


@dataclass(frozen=True)
class MappedLayer:
    """The features of a file."""

    table: pa.Table

    @cached_property
    def bounds(self) -> np.ndarray:
        """West, south, east, north of every feature."""
        return bounds_of(self.table)

    @cached_property
    def _batches(self) -> list[pa.RecordBatch]:
        return list(self.table.to_batches())

    @cached_property
    def _first_rows(self) -> np.ndarray:
        """The row at which each batch begins; at the end, how many there are."""
        return np.cumsum([0, *(batch.num_rows for batch in self._batches)])

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
        of_batch = np.searchsorted(self._first_rows, rows, side="right") - 1
        order, taken = [np.empty(0, np.int64)], [pa.array([], pa.large_binary())]
        for number in np.unique(of_batch):
            here = np.nonzero(of_batch == number)[0]
            order.append(here)
            column = self._batches[number].column("geom")
            taken.append(column.take(pa.array(rows[here] - self._first_rows[number])))
        return np.concatenate(order), pa.concat_arrays(taken)

    def number(self, row: int) -> int:
        """The feature's number in the file."""
        return int(self.table.column("feature_id")[row].as_py())


def bounds_of(table: pa.Table | pa.RecordBatch) -> np.ndarray:
    """West, south, east, north of the features of a file, as they were measured."""
    return np.column_stack([table.column(name).to_numpy() for name in ("west", "south", "east", "north")])
