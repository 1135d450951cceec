"""The texts of a feature's row: its own identifier, and its attributes as JSON."""

from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from blueprint.layers.numbers import EXACT
from blueprint.layers.texts import digits


def row_texts(batch: pa.RecordBatch, id_field: str | None) -> tuple[list[str | None], list[str]]:
    """The source ids and the attributes of rows."""
    names = batch.schema.names
    source_ids: list[str | None] = [None] * batch.num_rows
    if id_field in names:
        source_ids = [_source_id(value) for value in batch.column(id_field).to_pylist()]
    return source_ids, [_json(row) for row in row_values(batch)]


def row_values(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows; a real number without a fraction is a whole one: so codes and ids that a file keeps as such are digits."""
    rows: list[dict[str, Any]] = batch.to_pylist()
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_floating(column.type):
            is_whole = pc.and_(pc.less(pc.abs(column), float(EXACT)), pc.equal(pc.floor(column), column))
            for place in np.nonzero(is_whole.fill_null(False).to_numpy(zero_copy_only=False))[0].tolist():
                rows[place][name] = int(rows[place][name])
    return rows


def _source_id(value: Any) -> str | None:
    text = value if value is None or isinstance(value, str) else str(digits(value))
    return None if text is None else text.replace("\x00", "")[:200]


def _json(row: dict[str, Any]) -> str:
    """A row's attributes as JSON: days and instants in ISO 8601, what JSON cannot hold as null or text."""
    content = orjson.dumps(row, default=_told)
    if b"\\u0000" in content:  # which PostgreSQL's jsonb cannot hold
        content = orjson.dumps(_without_nul(row), default=_told)
    return content.decode()


def _told(value: Any) -> str | None:
    """What JSON has no form for: bytes are left out, anything else is written as text."""
    if isinstance(value, bytes):
        return None
    return str(value.isoformat() if hasattr(value, "isoformat") else value)


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(item) for name, item in value.items()}
    return value
