"""The features of a version in an Arrow file, as the children that cut and check them read it."""

import mmap
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from blueprint.layers.measuring import BOUNDS

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


_BATCHES_AT_ONCE = 32
"""Batches whose pages are let go of together; of each the kernel maps ever so much around what is looked at."""


class MappedFeatures:
    """The features of a file by row, mapped and not read: what was looked at is let go of when `forget` says so.

    `first_rows` are the rows at which its batches begin; at the end, how many there are.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as opened:
            self._mapped = mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)
        self._reader = pa.ipc.open_file(pa.py_buffer(self._mapped))
        numbers = range(self._reader.num_record_batches)
        self.batches = list(self._passed(self._reader.get_batch(number) for number in numbers))
        self.first_rows = np.cumsum([0, *(batch.num_rows for batch in self.batches)])

    def __len__(self) -> int:
        return int(self.first_rows[-1])

    def forget(self) -> None:
        """Count no page of the file as this process's memory; the next look maps it again."""
        self._mapped.madvise(mmap.MADV_DONTNEED)

    def numbers(self, name: str) -> np.ndarray:
        """A column of numbers, whole."""
        kind = SCHEMA.field(name).type.to_pandas_dtype()
        return self._filled(kind, (_values(batch, name) for batch in self._passed(self.batches)))

    def sizes(self, name: str) -> np.ndarray:
        """How many bytes each value of a column of shapes has."""
        lengths = (pc.binary_length(batch.column(name)) for batch in self._passed(self.batches))
        return self._filled(np.uint32, (each.to_numpy(zero_copy_only=False) for each in lengths))

    def boxes(self) -> Iterator[np.ndarray]:
        """West, south, east and north of the features in metres, a row each, batch by batch: those of all at once would be a large array."""
        for batch in self._passed(self.batches):
            yield np.column_stack([_values(batch, name) for name in BOUNDS])

    def texts(self, name: str) -> Iterator[pa.StringArray]:
        """A column of texts, batch by batch."""
        for batch in self._passed(self.batches):
            yield batch.column(name)

    def _passed(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches, and their pages let go of behind them."""
        for number, batch in enumerate(batches, start=1):
            yield batch
            if number % _BATCHES_AT_ONCE == 0:
                self.forget()
        self.forget()

    def _filled(self, kind: type[np.generic], pieces: Iterable[np.ndarray]) -> np.ndarray:
        """One array of pieces that are as long as the batches: put together at the end, they would be there twice."""
        whole = np.empty(len(self), kind)
        for first, piece in zip(self.first_rows[:-1], pieces, strict=True):
            whole[first : first + len(piece)] = piece
        return whole

    def take(self, rows: np.ndarray) -> pa.RecordBatch:
        """The features of these rows, in that order; batch by batch, as of the whole file a copy would be made first."""
        of_batch = np.searchsorted(self.first_rows, rows, side="right") - 1
        taken, places = [], []
        for number in np.unique(of_batch):
            here = np.nonzero(of_batch == number)[0]
            taken.append(self.batches[number].take(pa.array(rows[here] - self.first_rows[number])))
            places.append(here)
        table = pa.Table.from_batches(taken).combine_chunks()
        self.forget()
        (batch,) = table.take(pa.array(np.argsort(np.concatenate(places)))).to_batches()
        return batch


def _values(batch: pa.RecordBatch, name: str) -> np.ndarray:
    values: np.ndarray = batch.column(name).to_numpy(zero_copy_only=False)
    return values
