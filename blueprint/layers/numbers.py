"""Whole numbers too long for a real number, as the 18 digits of a BSM: their field is kept as digits, in every row of a file."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

EXACT = 2**53
"""Up to here a real number, as JSON is read by most, holds every whole one."""


def fields_with_room(schema: pa.Schema, fields: Sequence[str]) -> list[str]:
    """Those fields of a file that may hold such numbers, by their type."""
    types = (pa.int64(), pa.uint64())
    return [name for name in fields if name in schema.names and schema.field(name).type in types]


def fields_of_long_numbers(batches: Iterable[pa.RecordBatch]) -> frozenset[str]:
    """Those fields of whole numbers that hold one which is too long, anywhere in the file."""
    found: set[str] = set()
    for batch in batches:
        for name in set(batch.schema.names) - found:
            extremes = pc.min_max(batch.column(name)).as_py()
            if max(abs(extremes["min"] or 0), abs(extremes["max"] or 0)) > EXACT:
                found.add(name)
    return frozenset(found)


def with_digits(batches: Iterable[pa.RecordBatch], names: frozenset[str]) -> Iterator[pa.RecordBatch]:
    """The batches with the numbers of these fields as digits."""
    for batch in batches:
        for place, name in enumerate(batch.schema.names):
            if name in names:
                batch = batch.set_column(place, name, batch.column(name).cast(pa.string()))
        yield batch
