"""GeoParquet, read by Arrow itself: the wheel's GDAL has no driver for it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from blueprint.crs import CRS84
from blueprint.errors import InvalidInputError
from blueprint.layers.numbers import fields_of_long_numbers, fields_with_room, with_digits
from blueprint.sentences import Sentence

_FIRST_DAY, _LAST_DAY = -719162, 2932896
"""Days from 1970-01-01 to 0001-01-01 and to 9999-12-31."""

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY_UNITS = {"date32[day]": 1, "date64[ms]": 86_400_000}


@dataclass(frozen=True)
class GeoParquet:
    """An open file: its CRS (None where it says that it is unknown), columns and batches."""

    crs: str | None
    geometry_name: str
    fields: tuple[str, ...]
    batches: Iterator[pa.RecordBatch]
    row_count: int
    notes: tuple[Sentence, ...]


def read_geoparquet(path: Path, *, batch_rows: int) -> GeoParquet:
    """Open a GeoParquet file with shapes in well-known binary; InvalidInputError for any other Parquet."""
    try:
        opened = pq.ParquetFile(path, memory_map=False, pre_buffer=False, page_checksum_verification=True)
    except (pa.ArrowInvalid, OSError) as error:
        raise InvalidInputError(
            "the Parquet file is damaged: {error}; export it again", error=error
        ) from error
    schema = opened.schema_arrow
    try:
        geo = json.loads((schema.metadata or {})[b"geo"])
        primary = geo["primary_column"]
        column = geo["columns"][primary]
        encoding = column["encoding"]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise InvalidInputError(
            "the Parquet file has no GeoParquet metadata that can be read; export it as GeoParquet"
        ) from None
    if encoding != "WKB" or primary not in schema.names:
        raise InvalidInputError(
            "the shapes are stored as {encoding}; export the file with the encoding WKB", encoding=encoding
        )
    if len(set(schema.names)) < len(schema.names):
        raise InvalidInputError("the Parquet file has two columns of one name; rename one")
    if not _holds_bytes(schema.field(primary).type):
        raise InvalidInputError(
            "the shapes are stored as {encoding}; export the file with the encoding WKB",
            encoding=str(schema.field(primary).type)[:60],
        )
    others = set(geo["columns"]) - {primary}
    fields = tuple(
        name for name in schema.names if name != primary and name not in others and not _is_box(schema, name)
    )
    notes = [
        Sentence("the second geometry column {name} was left out", name=name)
        for name in sorted(others & set(schema.names))
    ]
    if column.get("edges", "planar") != "planar":
        notes.append(
            Sentence("the file says that its edges are great circles; they are taken as straight lines")
        )

    def rows(columns: list[str]) -> Iterator[pa.RecordBatch]:
        for batch in opened.iter_batches(batch_size=batch_rows, columns=columns, use_threads=False):
            arrays = [_plain(name, batch.column(name)) for name in columns]
            yield pa.RecordBatch.from_arrays(arrays, names=columns)

    long = fields_of_long_numbers(rows(fields_with_room(schema, fields)))
    return GeoParquet(
        crs=_crs(column),
        geometry_name=primary,
        fields=fields,
        batches=with_digits(rows([*fields, primary]), long),
        row_count=opened.metadata.num_rows,
        notes=tuple(notes),
    )


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _is_box(schema: pa.Schema, name: str) -> bool:
    """Say whether a column is the boxes of the shapes that programs write beside them."""
    return name == "bbox" and pa.types.is_struct(schema.field(name).type)


def _plain(name: str, column: pa.Array) -> pa.Array:
    """A column in one of the types that the reader knows, with times to the microsecond and of the years 1 to 9999."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_binary_view(kind):
        return column.cast(pa.binary())
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    if kind == pa.time64("ns"):
        return column.cast(pa.time64("us"), safe=False)
    if pa.types.is_date(kind):
        _refuse_outside(
            name, column, pa.int32() if kind == pa.date32() else pa.int64(), _DAY_UNITS[str(kind)]
        )
    elif pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        _refuse_outside(name, column, pa.int64(), 86400 * _PER_SECOND[kind.unit])
        if pa.types.is_timestamp(kind):
            _refuse_unknown_zone(kind)
            return column.cast(pa.timestamp("us", kind.tz), safe=False) if kind.unit == "ns" else column
        return column.cast(pa.duration("us"), safe=False) if kind.unit == "ns" else column
    return column


def _refuse_outside(name: str, column: pa.Array, whole: pa.DataType, per_day: int) -> None:
    extremes = pc.min_max(column.view(whole)).as_py()
    for number in (extremes["min"], extremes["max"]):
        if number is not None and not _FIRST_DAY * per_day <= number < (_LAST_DAY + 1) * per_day:
            raise InvalidInputError("the field {name} has a time outside the years 1 to 9999", name=name[:80])


def _refuse_unknown_zone(kind: pa.TimestampType) -> None:
    try:
        pa.scalar(0, kind).as_py()
    except (pa.ArrowException, ValueError, LookupError):
        raise InvalidInputError(
            "the Parquet file names the time zone {zone!r}, which nobody knows; export it again",
            zone=str(kind.tz)[:40],
        ) from None


def _crs(column: dict[str, object]) -> str | None:
    if "crs" not in column:
        return CRS84  # what the standard says where a file says nothing
    crs = column["crs"]
    return None if crs is None else json.dumps(crs)
