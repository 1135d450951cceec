"""Writing the features of a version into the Arrow file that the children which cut and check them read."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy.orm import Session

from blueprint.copying import CopiedRows
from blueprint.layers.cell import refuse_unreachable
from blueprint.layers.mapped_features import FEATURES, SCHEMA
from blueprint.layers.models import LayerVersion

_ROWS_AT_ONCE = 2_000
_COPY = """COPY (
    SELECT feature_id, convert_to(source_id, 'UTF8'), convert_to(CAST(attributes AS text), 'UTF8'), plane_m2,
        ellipsoid_m2, ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom), ST_AsEWKB(geom, 'NDR'),
        ST_AsEWKB(zone, 'NDR')
    FROM blueprint.feature WHERE version_id = %(version_id)s ORDER BY feature_id
) TO STDOUT (FORMAT binary)"""


@contextmanager
def features_folder(scratch: Path) -> Iterator[Path]:
    """A folder for children, still empty; gone afterwards."""
    scratch.mkdir(parents=True, exist_ok=True, mode=0o711)
    with tempfile.TemporaryDirectory(prefix="features-", dir=scratch) as name:
        refuse_unreachable(Path(name))
        yield Path(name)


def kept(batches: Iterable[pa.RecordBatch], folder: Path) -> Iterator[pa.RecordBatch]:
    """The batches of a reading, written into the folder's file as they pass."""
    with pa.OSFile(str(folder / FEATURES), "wb") as opened, pa.ipc.new_file(opened, SCHEMA) as sink:
        for batch in batches:
            sink.write_batch(batch.select(SCHEMA.names))
            yield batch


def write_features(session: Session, version: LayerVersion, folder: Path) -> None:
    """Write the stored features of a version by binary COPY: a cursor's rows come as text and take five times as long."""
    session.flush()
    connection: Any = session.connection().connection.dbapi_connection
    with (
        pa.OSFile(str(folder / FEATURES), "wb") as opened,
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
