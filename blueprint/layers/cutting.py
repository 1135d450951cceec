"""Cutting the stored features of a version: parts for overlays, shapes for tiles, made in a confined child.

Shapes come from files that somebody else wrote, and what GEOS does with them is done where it can be ended. The child sends
columns; rows are put together here, so that it cannot write of any version but this one.
"""

import contextlib
import io
import queue
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from psycopg2.errors import DiskFull
from sqlalchemy import text
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.equal_area import equal_area_proj4
from blueprint.errors import InvalidInputError, StorageFullError, UnavailableError
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.cell import cell
from blueprint.layers.children import Child, Kind
from blueprint.layers.confinement import Bounds
from blueprint.layers.cut_streams import PARTS, SHEETS
from blueprint.layers.features_file import features_folder
from blueprint.layers.mapped_features import FEATURES
from blueprint.layers.models import LayerVersion

Progress = Callable[[str, int], None]

BOUNDS = Bounds(cpu_seconds=1800, memory_bytes=24 << 30, file_bytes=0)
"""Memory is of addresses: the mapped file of a large layer counts whole."""

_AHEAD = 2
"""Batches that are read while one is stored."""

_LARGE_BYTES = 1 << 20
"""A larger file of features is worth the second that it takes to load the compiled loops, once a process of the service."""

_MANY = 1_000
"""Features after which the statistics of the tables are no longer true."""

COPY_BEGIN = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
COPY_END = struct.pack(">h", -1)
_COPY = "COPY blueprint.{table} (version_id, {columns}) FROM STDIN (FORMAT binary)"
_PART = struct.Struct(">hiiiqi?ididi")
_SHEET = struct.Struct(">hiiih")
_LENGTH = struct.Struct(">i")


def cut_features(
    session: Session,
    version: LayerVersion,
    *,
    city: City,
    scratch: Path,
    progress: Progress = lambda _step, _done: None,
) -> None:
    """Cut the stored features of a version into parts, and make the shapes of its tiles."""
    progress("cut", 0)
    with features_folder(session, version, scratch) as folder:
        message = {
            "folder": str(folder),
            "geometry": version.layer.geometry,
            "working_crs": city.working_crs,
            "working_srid": city.working_srid,
            "equal_area": equal_area_proj4(city),
            "middle": jurisdiction(city).middle,
            "label_field": version.layer.label_field,
            "class_field": version.layer.class_field,
            "geometry_oid": session.scalar(text("SELECT CAST(CAST('geometry' AS regtype) AS oid)")),
        }
        is_large = (folder / FEATURES).stat().st_size > _LARGE_BYTES
        with cell(
            "blueprint.layers.large_cutting_child" if is_large else "blueprint.layers.cutting_child",
            message,
            folder=folder,
            skipped_drivers="",
            bounds=BOUNDS,
            kind=Kind.SHAPES if is_large else Kind.VECTOR,
        ) as child:
            _store(session, version.id, child, progress)
            complaint, status = child.last_words(), child.wait()
    if status == 0:
        if version.feature_count >= _MANY:
            # Fresh statistics, so that the planner keeps to the spatial index; by a function of the owner's.
            progress("analyze", version.feature_count)
            session.execute(text("SELECT blueprint.analyze_shapes()"))
        return
    if status in (-24, -9, -6, -11) or "MemoryError" in complaint:
        raise InvalidInputError("cutting the features came to its bounds of time and memory; split the layer")
    raise UnavailableError(f"cutting the features ended with {status}: {complaint or 'no word'}")


def _store(session: Session, version_id: int, child: Child, progress: Progress) -> None:
    connection: Any = session.connection().connection.dbapi_connection
    done = 0
    with connection.cursor() as cursor:
        for batch in _ahead(_batches(child)):
            table, rows = ("part", _parts) if batch.schema.equals(PARTS) else ("tile_sheet", _sheets)
            if table == "part":
                done += len(batch.column("feature_id").unique())
                progress("cut", done)
            content = io.BytesIO(b"".join([COPY_BEGIN, *rows(version_id, batch), COPY_END]))
            statement = _COPY.format(table=table, columns=", ".join(batch.schema.names))
            try:
                cursor.copy_expert(statement, content, size=1 << 18)
            except DiskFull as error:
                raise StorageFullError(
                    "the database's disk is full; nothing was stored, free some space and try again"
                ) from error


def _batches(child: Child) -> Iterator[pa.RecordBatch]:
    """The batches of the child's streams, until it says no more; what does not fit a table is no batch of it."""
    while child.output.peek(1):  # type: ignore[attr-defined]
        with pa.ipc.open_stream(child.output) as stream:
            if not (stream.schema.equals(PARTS) or stream.schema.equals(SHEETS)):
                raise UnavailableError("cutting the features sent what no table has")
            yield from stream


def _ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same batches, read by another thread while this one stores: the child need not wait for the database."""
    waiting: queue.Queue[pa.RecordBatch | Exception | None] = queue.Queue(_AHEAD)
    is_over = threading.Event()

    def put(item: pa.RecordBatch | Exception | None) -> None:
        while not is_over.is_set():
            with contextlib.suppress(queue.Full):
                waiting.put(item, timeout=0.5)
                return

    def read() -> None:
        try:
            for batch in batches:
                put(batch)
                if is_over.is_set():
                    return
        except Exception as error:  # told to who takes the batches
            put(error)
        put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, pa.ArrowInvalid):
                return  # the stream broke off: the child's end says why
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        is_over.set()


def _parts(version_id: int, batch: pa.RecordBatch) -> Iterator[bytes]:
    columns = [column.to_pylist() for column in batch.columns]
    for feature_id, is_zone, plane_m2, ellipsoid_m2, geom in zip(*columns, strict=True):
        yield _PART.pack(6, 4, version_id, 8, feature_id, 1, is_zone, 8, plane_m2, 8, ellipsoid_m2, len(geom))
        yield geom


def _sheets(version_id: int, batch: pa.RecordBatch) -> Iterator[bytes]:
    columns = [column.to_pylist() for column in batch.columns]
    for level, *values in zip(*columns, strict=True):
        yield _SHEET.pack(len(values) + 2, 4, version_id, 2, level)
        for value in values:
            yield _LENGTH.pack(len(value))
            yield value
