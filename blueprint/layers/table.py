"""The features of a version as a stream of Arrow batches: columns known beforehand, memory flat."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from blueprint.database import load_statements
from blueprint.layers.models import LayerVersion, feature
from blueprint.quality.models import mending

_SQL = load_statements(Path(__file__).with_name("export.sql"))

GEOMETRY = "geometry"
BATCH = 5_000

Move = Callable[[np.ndarray], np.ndarray]
"""Takes points of the working CRS to another one."""


@dataclass(frozen=True)
class Column:
    """An attribute as a column: its name in the features and in the file, its type, its longest text in bytes."""

    key: str
    name: str
    kind: pa.DataType
    longest: int


@dataclass(frozen=True)
class Table:
    """What a file has to know before its first row; `geometry_type` is one kind for all rows, multi-part where some are."""

    columns: tuple[Column, ...]
    geometry_type: str
    bounds: tuple[float, float, float, float]

    @property
    def schema(self) -> pa.Schema:
        """The columns, the geometry last as WKB."""
        return pa.schema([(column.name, column.kind) for column in self.columns] + [(GEOMETRY, pa.binary())])


def table_of(session: Session, version: LayerVersion) -> Table:
    """The columns of a version: in the order of its file, whole numbers, numbers, truths and days as such, all else as text."""
    values = {"version_id": version.id}
    found = {row.name: row for row in session.execute(_SQL["fields"], values)}
    order = {name: place for place, name in enumerate(version.quality.get("fields", []))}
    names = sorted(found, key=lambda name: (order.get(name, len(order)), name))
    shapes = session.execute(_SQL["shapes"], values).one()
    kinds = {kind.removeprefix("MULTI") for kind in shapes.kinds}
    name = {"POLYGON": "Polygon", "LINESTRING": "LineString", "POINT": "Point"}[kinds.pop()]
    is_multi = any(kind.startswith("MULTI") for kind in shapes.kinds)
    taken = {GEOMETRY}
    columns = []
    for key in names:
        row = found[key]
        free = free_name(key, taken)
        columns.append(
            Column(key, free, _kind(row.kinds, is_whole=row.is_whole, is_day=row.is_day), row.longest)
        )
    return Table(
        columns=tuple(columns),
        geometry_type=f"Multi{name}" if is_multi else name,
        bounds=(shapes.west, shapes.south, shapes.east, shapes.north),
    )


def without_days(table: Table) -> Table:
    """The table with days as texts, for a format that has instants alone."""
    columns = tuple(
        replace(column, kind=pa.string()) if pa.types.is_date(column.kind) else column
        for column in table.columns
    )
    return replace(table, columns=columns)


def free_name(key: str, taken: set[str]) -> str:
    """A name that no other column has, whatever its case: the databases in these files do not tell cases apart."""
    # In capitals GDAL takes the column for the numbers of the rows, and not as a field.
    name, number = "ogc_fid" if key == "OGC_FID" else key, 2
    while name.lower() in taken:
        name, number = f"{key}_{number}", number + 1
    taken.add(name.lower())
    return name


def column_of(values: Sequence[Any]) -> pa.Array:
    """Values as a column: whole numbers, numbers, truths and days as such, all else as text; null stays null."""
    present = [value for value in values if value is not None]
    kinds = {_JSON_KINDS.get(type(value), "text") for value in present}
    is_whole = all(type(value) is int and abs(value) < _INT64 for value in present)
    kind = _kind(kinds, is_whole=is_whole, is_day=all(_is_day(value) for value in present))
    return pa.array([_plain(value, kind) for value in values], kind)


def _is_day(value: Any) -> bool:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


_DAY = re.compile(r"(1[5-9]|2\d)\d\d-\d\d-\d\d", re.ASCII)
"""What is written as a day of our calendar, and not as a year's code."""

_JSON_KINDS = {bool: "boolean", int: "number", float: "number"}
_INT64 = 1 << 63


def _kind(kinds: Iterable[str], *, is_whole: bool, is_day: bool) -> pa.DataType:
    known = set(kinds) - {"null"}
    if known == {"number"}:
        return pa.int64() if is_whole else pa.float64()
    if is_day and known in ({"string"}, {"text"}):
        return pa.date32()
    return pa.bool_() if known == {"boolean"} else pa.string()


def batches(
    session: Session, version: LayerVersion, table: Table, *, move: Move | None = None
) -> Iterator[pa.RecordBatch]:
    """The features in the order of their numbers, a few thousand at a time; `move` takes their points to another CRS.

    Where a mending was undone, the shape is that of the file, invalid as it is there.
    """
    undone = and_(
        mending.c.version_id == feature.c.version_id,
        mending.c.feature_id == feature.c.feature_id,
        mending.c.undone_at.is_not(None),
    )
    statement = (
        select(feature.c.attributes, func.coalesce(mending.c.original, feature.c.geom).ST_AsBinary())
        .select_from(feature.outerjoin(mending, undone))
        .where(feature.c.version_id == version.id)
        .order_by(feature.c.feature_id)
        .execution_options(yield_per=BATCH)
    )
    is_multi = table.geometry_type.startswith("Multi")
    for rows in session.execute(statement).partitions():
        shapes = shapely.from_wkb([bytes(row[1]) for row in rows])
        if is_multi:
            shapes = np.array([_multi(shape) for shape in shapes])
        if move is not None:
            shapes = shapely.transform(shapes, move)
        columns = [
            pa.array([_plain(row[0].get(column.key), column.kind) for row in rows], column.kind)
            for column in table.columns
        ]
        wkb = pa.array(list(shapely.to_wkb(shapes)), pa.binary())
        yield pa.record_batch([*columns, wkb], schema=table.schema)


def _multi(shape: shapely.Geometry) -> shapely.Geometry:
    makers: dict[str, Any] = {
        "Polygon": shapely.MultiPolygon,
        "LineString": shapely.MultiLineString,
        "Point": shapely.MultiPoint,
    }
    kind: Any = shape
    make = makers.get(kind.geom_type)
    return shape if make is None else make([shape])


def _plain(value: Any, kind: pa.DataType) -> Any:
    if value is None or not pa.types.is_string(kind):
        return date.fromisoformat(value) if value is not None and pa.types.is_date(kind) else value
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
