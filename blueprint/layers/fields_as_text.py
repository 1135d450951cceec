"""Fields of attributes as texts, of many features at once: their JSON is read by Arrow, not object by object."""

import io
from collections.abc import Set
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.json import ParseOptions, ReadOptions, read_json

_LINES_BYTES = 64 << 20


def fields_as_text(column: pa.StringArray, names: Set[str]) -> dict[str, pa.StringArray]:
    """Fields of JSON objects as `->>` gives them; row by row only where one of them is no text."""
    lines = pc.binary_join_element_wise(
        column.cast(pa.large_string()), *(pa.scalar(mark, pa.large_string()) for mark in ("\n", ""))
    )
    try:
        table = read_json(
            io.BytesIO(lines.buffers()[2]),
            read_options=ReadOptions(use_threads=False, block_size=_LINES_BYTES),
            parse_options=ParseOptions(
                explicit_schema=pa.schema([(name, pa.string()) for name in names]),
                unexpected_field_behavior="ignore",
            ),
        )
    except pa.ArrowInvalid:
        rows = [orjson.loads(text) for text in column.to_pylist()]
        return {name: pa.array([_text(row.get(name)) for row in rows], pa.string()) for name in names}
    return {name: table.column(name).combine_chunks() for name in names}


def _text(value: Any) -> str | None:
    """A value of an attribute as `->>` gives it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return str(value) if isinstance(value, int) else orjson.dumps(value).decode()
