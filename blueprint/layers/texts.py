"""Texts of attributes as they can be stored and shown: whole UTF-8, no control characters, names in one form (NFC)."""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from blueprint.layers.shapefile import share_of_bad
from blueprint.sentences import Sentence

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and marks that turn the direction of writing around and so hide what a text says."""

_PATTERN = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F]"
MAX_NAME = 120
Add = Callable[[str, str, int | None, Sentence], None]


def clean_name(name: str) -> str:
    """The name of a field without what cannot be seen, composed (NFC)."""
    return unicodedata.normalize("NFC", _CONTROL.sub("", name)).strip()[:MAX_NAME]


def clean_text(text: str) -> str:
    """A text without control characters."""
    return _CONTROL.sub("", text)


def digits(value: Any) -> Any:
    """A whole number as its digits, for a code that a file keeps as a number (1501.0 is 1501); all else as it is."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def readable(batch: pa.RecordBatch, geometry_name: str, add: Add) -> pa.RecordBatch:
    """The attributes of a batch with names and texts that can be kept; `add` is told of bytes that are no UTF-8."""
    columns: list[pa.Array] = []
    names: list[str] = []
    for name in batch.schema.names:
        if name == geometry_name:
            continue
        column = batch.column(name)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = _whole(column, name, add)
        elif pa.types.is_nested(column.type):
            column = _nested_whole(column, name, add)
        columns.append(column)
        names.append(_unique(clean_name(name), names))
    return pa.RecordBatch.from_arrays(columns, names=names) if columns else batch.select([])


def _nested_whole(column: pa.Array, name: str, add: Add) -> pa.Array:
    """A column of lists or objects without control characters in their texts."""
    values = column.to_pylist()
    clean = [_clean(value) for value in values]
    if clean == values:
        return column
    add("warning", "text-control", None, _taken_out(name))
    return pa.array(clean, column.type)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {key: _clean(one) for key, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list) else value


def _taken_out(name: str) -> Sentence:
    return Sentence("control characters were taken out of the field {name}", name=name)


def _are_gb18030(values: list[bytes | None]) -> bool:
    """Whether texts are of GB18030 (as MapInfo's charset "Neutral" leaves them): none of those beyond ASCII is UTF-8, all are this."""
    foreign = [value for value in values if value is not None and not value.isascii()]
    return share_of_bad(foreign, "utf-8") == 1 and share_of_bad(foreign, "gb18030") == 0


def _unique(name: str, taken: list[str]) -> str:
    base, number = name or "F", 1
    while name in taken or not name:
        number += 1
        name = f"{base}_{number}"
    return name


def _whole(column: pa.Array, name: str, add: Add) -> pa.Array:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        values = column.cast(pa.large_binary()).to_pylist()
        encoding = "gb18030" if _are_gb18030(values) else "utf-8"
        said = (
            Sentence("texts of the field {name} are no UTF-8 and were read as GB18030", name=name)
            if encoding == "gb18030"
            else Sentence("texts of the field {name} are cut within a character or no UTF-8", name=name)
        )
        add("warning", "text-encoding", None, said)
        column = pa.array([v.decode(encoding, errors="replace") if v is not None else None for v in values])
    if pc.any(pc.match_substring_regex(column, _PATTERN)).as_py():
        add("warning", "text-control", None, _taken_out(name))
        column = pa.array([clean_text(v) if v is not None else None for v in column.to_pylist()])
    return column
