"""GeoParquet, read by Arrow itself: the wheel's GDAL has no driver for it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from blueprint.crs import CRS84
from blueprint.errors import InvalidInputError
from blueprint.layers.numbers import fields_of_long_numbers, fields_with_room, with_digits
from blueprint.sentences import Sentence


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
        opened = pq.ParquetFile(path, memory_map=False, pre_buffer=False)
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
    others = set(geo["columns"]) - {primary}
    fields = tuple(name for name in schema.names if name != primary and name not in others and name != "bbox")
    notes = [
        Sentence("the second geometry column {name} was left out", name=name)
        for name in sorted(others & set(schema.names))
    ]
    if column.get("edges", "planar") != "planar":
        notes.append(
            Sentence("the file says that its edges are great circles; they are taken as straight lines")
        )

    def rows(columns: list[str]) -> Iterator[pa.RecordBatch]:
        yield from opened.iter_batches(batch_size=batch_rows, columns=columns, use_threads=False)

    long = fields_of_long_numbers(rows(fields_with_room(schema, fields)))
    return GeoParquet(
        crs=_crs(column),
        geometry_name=primary,
        fields=fields,
        batches=with_digits(rows([*fields, primary]), long),
        row_count=opened.metadata.num_rows,
        notes=tuple(notes),
    )


def _crs(column: dict[str, object]) -> str | None:
    if "crs" not in column:
        return CRS84  # what the standard says where a file says nothing
    crs = column["crs"]
    return None if crs is None else json.dumps(crs)
