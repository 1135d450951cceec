"""The features of a version in an Arrow file, as the children that cut and check them read it."""

import mmap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FEATURES = "features.arrow"
SCHEMA = pa.schema(
    [
        ("feature_id", pa.int64()),
        ("source_id", pa.string()),
        ("attributes", pa.string()),
        ("plane_m2", pa.float64()),
        ("ellipsoid_m2", pa.float64()),
        ("west", pa.float64()),
        ("south", pa.float64()),
        ("east", pa.float64()),
        ("north", pa.float64()),
        ("geom", pa.large_binary()),
        ("zone", pa.large_binary()),
    ]
)
"""Areas in m², bounds in metres of the working CRS, shapes as EWKB."""


class MappedFeatures:
    """The features of a file by row, mapped and not read: what was looked at is let go of when `forget` says so.

    `first_rows` are the rows at which its batches begin; at the end, how many there are.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as opened:
            self._mapped = mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)
        self._reader = pa.ipc.open_file(pa.py_buffer(self._mapped))
        self.batches = [self._reader.get_batch(number) for number in range(self._reader.num_record_batches)]
        self.first_rows = np.cumsum([0, *(batch.num_rows for batch in self.batches)])

    def __len__(self) -> int:
        return int(self.first_rows[-1])

    def forget(self) -> None:
        """Count no page of the file as this process's memory; the next look maps it again."""
        self._mapped.madvise(mmap.MADV_DONTNEED)

    def numbers(self, *names: str) -> np.ndarray:
        """Columns of numbers, whole."""
        return np.column_stack(
            [
                np.concatenate(
                    [batch.column(name).to_numpy(zero_copy_only=False) for batch in self.batches]
                    or [np.empty(0)]
                )
                for name in names
            ]
        )

    def sizes(self, name: str) -> np.ndarray:
        """How many bytes each value of a column of shapes has."""
        return np.concatenate(
            [pc.binary_length(batch.column(name)).to_numpy(zero_copy_only=False) for batch in self.batches]
            or [np.empty(0)]
        )

    def take(self, rows: np.ndarray) -> pa.RecordBatch:
        """The features of these rows, in that order; batch by batch, as of the whole file a copy would be made first."""
        of_batch = np.searchsorted(self.first_rows, rows, side="right") - 1
        taken, places = [], []
        for number in np.unique(of_batch):
            here = np.nonzero(of_batch == number)[0]
            taken.append(self.batches[number].take(pa.array(rows[here] - self.first_rows[number])))
            places.append(here)
        table = pa.Table.from_batches(taken).combine_chunks()
        (batch,) = table.take(pa.array(np.argsort(np.concatenate(places)))).to_batches()
        return batch
