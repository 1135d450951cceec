"""Cutting the stored features of a version: parts for overlays, shapes for tiles, made in a confined child.

Shapes come from files that somebody else wrote, and what GEOS does with them is done where it can be ended. The child sends
columns; rows are put together here, so that it cannot write of any version but this one.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyproj import Transformer
from sqlalchemy import text
from sqlalchemy.orm import Session

from blueprint.ahead import ahead
from blueprint.city import City
from blueprint.copying import Rows, copy_in, many_at_once, rows_of
from blueprint.equal_area import equal_area_proj4
from blueprint.errors import InvalidInputError, UnavailableError
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.cell import cell, met_bounds
from blueprint.layers.child_streams import BrokenOffError, sent_batches
from blueprint.layers.children import LARGE_BYTES, Child, Kind
from blueprint.layers.confinement import Bounds
from blueprint.layers.cut_streams import PARTS, SHEETS
from blueprint.layers.mapped_features import FEATURES
from blueprint.layers.models import LayerVersion
from blueprint.machine_code import is_kept
from blueprint.sentences import Sentence

Progress = Callable[[str, int], None]

BOUNDS = Bounds(cpu_seconds=1800, memory_bytes=24 << 30, file_bytes=0)
"""Memory is of addresses: the mapped file of a large layer counts whole."""

_COMPILED = tuple(
    Path(__file__).with_name(name) for name in ("compiled_ground.py", "compiled_measures.py", "outlines.py")
)
"""What cuts a large layer is compiled of these, once a machine."""

_MANY = 1_000
"""Features after which the statistics of the tables are no longer true."""


def cut_features(
    session: Session,
    version: LayerVersion,
    folder: Path,
    *,
    city: City,
    progress: Progress = lambda _step, _done: None,
) -> None:
    """Cut the features of a version, which lie in the folder, into parts, and make the shapes of its tiles."""
    is_large = (folder / FEATURES).stat().st_size > LARGE_BYTES
    progress("cut" if not is_large or is_kept(*_COMPILED) else "compile", 0)
    message = {
        "folder": str(folder),
        "geometry": version.layer.geometry,
        "working_crs": city.working_crs,
        "working_srid": city.working_srid,
        "equal_area": equal_area_proj4(city),
        "to_tiles": _to_tiles(city.working_crs),
        "middle": jurisdiction(city).middle,
        "label_field": version.layer.label_field,
        "class_field": version.layer.class_field,
    }
    with cell(
        "blueprint.layers.large_cutting_child" if is_large else "blueprint.layers.cutting_child",
        message,
        folder=folder,
        skipped_drivers="",
        bounds=BOUNDS,
        kind=Kind.SHAPES if is_large else Kind.VECTOR,
    ) as child:
        broken = None
        try:
            _store(session, version.id, child, progress)
        except BrokenOffError as error:  # the child's end says why
            broken = error
        complaint, status = child.last_words(), child.wait()
    if status == 0 and broken is None:
        if version.feature_count >= _MANY:
            # Fresh statistics, so that the planner keeps to the spatial index; by a function of the owner's.
            progress("analyze", version.feature_count)
            session.execute(text("SELECT blueprint.analyze_shapes()"))
        return
    if met_bounds(status, complaint):
        raise InvalidInputError("cutting the features came to its bounds of time and memory; split the layer")
    raise UnavailableError(
        "cutting the features ended with {status}: {complaint}",
        status=status,
        complaint=complaint or Sentence("no word"),
    ) from broken


@cache
def _to_tiles(working_crs: str) -> str | None:
    """PROJ's way from the working CRS to the tiles, found once: an eighth of a second, which every child would take anew.

    None where it is not one way but several, chosen between by the place: then the child finds them for itself.
    """
    definition: str = Transformer.from_crs(working_crs, "EPSG:3857", always_xy=True).definition
    return definition if definition.startswith("proj=pipeline") else None


def _store(session: Session, version_id: int, child: Child, progress: Progress) -> None:
    """Copy in what the child sends, while what it sent next is made into rows."""
    done = 0
    with closing(ahead(many_at_once(_rows(child, version_id)))) as waiting:
        for table, rows in waiting:
            copy_in(session, table, rows)
            if rows.count:
                done += rows.count
                progress("cut", done)


def _rows(child: Child, version_id: int) -> Iterator[tuple[str, Rows]]:
    """The table and the rows of each batch; features are counted by their parts."""
    for batch in _batches(child):
        is_part = batch.schema.equals(PARTS)
        table = "blueprint.part" if is_part else "blueprint.tile_sheet"
        features = pc.count_distinct(batch.column("feature_id")).as_py() if is_part else 0
        yield table, replace(rows_of(batch, version_id=version_id), count=features)


def _batches(child: Child) -> Iterator[pa.RecordBatch]:
    """The batches of the child's streams, until it says no more; what does not fit a table is no batch of it."""
    while child.output.peek(1):  # type: ignore[attr-defined]
        yield from sent_batches(child.output, (PARTS, SHEETS))
