"""The features of a stored version in an Arrow file, as the children that cut and check them read it."""

import mmap
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy.orm import Session

from blueprint.copying import CopiedRows
from blueprint.layers.cell import refuse_unreachable
from blueprint.layers.models import LayerVersion

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

_ROWS_AT_ONCE = 2_000
_COPY = """COPY (
    SELECT feature_id, convert_to(source_id, 'UTF8'), convert_to(CAST(attributes AS text), 'UTF8'), plane_m2,
        ellipsoid_m2, ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom), ST_AsEWKB(geom, 'NDR'),
        ST_AsEWKB(zone, 'NDR')
    FROM blueprint.feature WHERE version_id = %(version_id)s ORDER BY feature_id
) TO STDOUT (FORMAT binary)"""


@contextmanager
def features_folder(session: Session, version: LayerVersion, scratch: Path) -> Iterator[Path]:
    """A folder for a child, with the features of a version in it; gone afterwards."""
    scratch.mkdir(parents=True, exist_ok=True, mode=0o711)
    with tempfile.TemporaryDirectory(prefix="features-", dir=scratch) as name:
        folder = Path(name)
        refuse_unreachable(folder)
        session.flush()
        _write(session, version, folder / FEATURES)
        yield folder


def _write(session: Session, version: LayerVersion, path: Path) -> None:
    """Stream the version by binary COPY: a cursor's rows come as text and take five times as long."""
    connection: Any = session.connection().connection.dbapi_connection
    with (
        pa.OSFile(str(path), "wb") as opened,
        pa.ipc.new_file(opened, SCHEMA) as sink,
        connection.cursor() as cursor,
    ):
        rows = CopiedRows(
            lambda columns: sink.write_batch(_batch(columns)), width=len(SCHEMA), at_once=_ROWS_AT_ONCE
        )
        cursor.copy_expert(cursor.mogrify(_COPY, {"version_id": version.id}).decode(), rows)
        rows.end()


def _batch(columns: list[list[bytes | None]]) -> pa.RecordBatch:
    return pa.record_batch(
        [_column(field.type, values) for field, values in zip(SCHEMA, columns, strict=True)], schema=SCHEMA
    )


_NOTHING = bytes(8)


def _column(kind: pa.DataType, values: list[bytes | None]) -> pa.Array:
    """The copied values of a column; numbers come in network order."""
    if kind == pa.string():
        return pa.array(values, pa.binary()).cast(pa.string())
    if kind == pa.large_binary():
        return pa.array(values, kind)
    sent, wanted = (">i8", "i8") if kind == pa.int64() else (">f8", "f8")
    numbers = np.frombuffer(b"".join(value or _NOTHING for value in values), sent).astype(wanted)
    return pa.array(numbers, mask=np.array([value is None for value in values]))


class MappedFeatures:
    """The features of a file by row, mapped and not read: what was looked at is let go of when `forget` says so."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as opened:
            self._mapped = mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)
        self._reader = pa.ipc.open_file(pa.py_buffer(self._mapped))
        self._batches = [self._reader.get_batch(number) for number in range(self._reader.num_record_batches)]
        self._first_rows = np.cumsum([0, *(batch.num_rows for batch in self._batches)])

    def __len__(self) -> int:
        return int(self._first_rows[-1])

    def forget(self) -> None:
        """Count no page of the file as this process's memory; the next look maps it again."""
        self._mapped.madvise(mmap.MADV_DONTNEED)

    def numbers(self, *names: str) -> np.ndarray:
        """Columns of numbers, whole."""
        return np.column_stack(
            [
                np.concatenate(
                    [batch.column(name).to_numpy(zero_copy_only=False) for batch in self._batches]
                    or [np.empty(0)]
                )
                for name in names
            ]
        )

    def sizes(self, name: str) -> np.ndarray:
        """How many bytes each value of a column of shapes has."""
        return np.concatenate(
            [pc.binary_length(batch.column(name)).to_numpy(zero_copy_only=False) for batch in self._batches]
            or [np.empty(0)]
        )

    def take(self, rows: np.ndarray) -> pa.RecordBatch:
        """The features of these rows, in that order; batch by batch, as of the whole file a copy would be made first."""
        of_batch = np.searchsorted(self._first_rows, rows, side="right") - 1
        taken, places = [], []
        for number in np.unique(of_batch):
            here = np.nonzero(of_batch == number)[0]
            taken.append(self._batches[number].take(pa.array(rows[here] - self._first_rows[number])))
            places.append(here)
        table = pa.Table.from_batches(taken).combine_chunks()
        (batch,) = table.take(pa.array(np.argsort(np.concatenate(places)))).to_batches()
        return batch
