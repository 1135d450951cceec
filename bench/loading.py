"""Loading the made city by publication's own statements; only the file and its confined reader are left out."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from geoalchemy2.shape import from_shape
from psycopg2 import sql
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from bench.made_city import Ground, MadeLayer, polygons
from blueprint.ahead import ahead
from blueprint.city import City
from blueprint.copying import copy_in, rows_of
from blueprint.equal_area import equal_area_proj4
from blueprint.layers.catalogue import LayerDefinition, define_layer
from blueprint.layers.compiled_ground import CompiledGround
from blueprint.layers.cutting import cut_features
from blueprint.layers.features_file import features_folder, kept
from blueprint.layers.mapped_features import FEATURES, MappedFeatures
from blueprint.layers.measuring import equal_area, measured
from blueprint.layers.models import Layer, LayerVersion
from blueprint.layers.overlapping import may_overlap_each_other
from blueprint.layers.parts import PartCutter, along_curve
from blueprint.layers.publication import bring_into_force
from blueprint.layers.storing import copy_features
from blueprint.permissions import at_console
from blueprint.quality.check import NOTHING_FOUND
from blueprint.quality.topology import InMemory, faces_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
IN_FORCE_FROM = date(2024, 1, 1)
DEPARTMENT = "BENCH"

LEAST_FREE_BYTES = 15 << 30
"""A load that would leave less of the disk is broken off, and what it had of its layer is rolled back."""

PLAIN_TABLE = """
CREATE SCHEMA IF NOT EXISTS bench;
CREATE TABLE {table} (id integer PRIMARY KEY, source_id text, mc text, ysdm text, geom geometry(Polygon, {srid}));
ALTER TABLE {table} ALTER COLUMN geom SET STORAGE EXTERNAL;
INSERT INTO {table}
SELECT feature_id, source_id, attributes ->> 'MC', attributes ->> 'YSDM', geom
FROM blueprint.feature WHERE version_id = {version_id} ORDER BY feature_id;
CREATE INDEX ON {table} USING gist (geom);
GRANT USAGE ON SCHEMA bench TO PUBLIC;
GRANT SELECT ON {table} TO PUBLIC;
"""
"""What one would have without parts and tile shapes: a table of whole features a layer, stored alike, with an index."""


def load_city_into(
    engine: Engine,
    city: City,
    layers: tuple[MadeLayer, ...],
    ground: Ground,
    *,
    is_bare: bool,
    say: Callable[[str], None],
) -> None:
    """Fill an empty, migrated database; a layer is one transaction, as for a file that is uploaded.

    A layer that is there already, of a load that was broken off, is left as it is. A bare city has what the check reads: features and parts. It has neither sheets of tiles nor plain tables, and no layer
    of it is held whole.
    """
    began = time.monotonic()
    for number, made in enumerate(layers, start=1):
        started = time.monotonic()
        with Session(engine) as session, session.begin():
            if session.scalar(select(Layer.id).where(Layer.code == made.code)) is not None:
                continue
            version = _declare(session, city, made, ground)
            fill = _fill_bare if is_bare else _fill
            fill(session, city, made, version, ground)
            bring_into_force(session, version, starts_on=IN_FORCE_FROM, actor=at_console("bench"), now=NOW)
            if not is_bare:
                _make_plain_table(session, made, version, city)
        seconds = time.monotonic() - started
        say(f"  {number:2} of {len(layers)}  {made.code:9} {made.count:9,} polygons  {seconds:6.1f} s")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    say(f"  loaded in {time.monotonic() - began:.0f} s")


def _declare(session: Session, city: City, made: MadeLayer, ground: Ground) -> LayerVersion:
    """The layer, and its version that has no features yet."""
    layer, _ = define_layer(
        session,
        LayerDefinition(
            code=made.code,
            title=made.code,
            department=DEPARTMENT,
            geometry="polygon",
            control=made.control,
            source_id_field="BSM",
            label_field="MC",
        ),
        city=city,
        actor=at_console("bench"),
    )
    version = LayerVersion(
        layer_id=layer.id,
        number=1,
        source_name="made",
        source_sha256="0" * 64,
        source_crs=city.working_crs,
        operation="none",
        buffer_m=0.0,
        feature_count=made.count,
        vertex_count=0,
        quality={"mended_count": 0, "mended_m2": 0.0, "issues": []},
        checked_at=NOW,
        issue_counts=NOTHING_FOUND,
        uploaded_by="bench",
        uploaded_at=NOW,
        extent=from_shape(_outline(ground), srid=city.working_srid),
    )
    session.add(version)
    session.flush()
    return version


def _fill(session: Session, city: City, made: MadeLayer, version: LayerVersion, ground: Ground) -> None:
    shapes = list(polygons(made, ground))
    with features_folder(Path(tempfile.gettempdir())) as folder:
        copy_features(session, version, kept(_batches(made, shapes, city, ground), folder))
        cut_features(session, version, folder, city=city)
    version.has_overlaps = _may_overlap(shapes)


def _may_overlap(shapes: list[np.ndarray]) -> bool:
    whole = InMemory(np.concatenate(shapes))
    return may_overlap_each_other(whole, faces_of(whole))


def _fill_bare(session: Session, city: City, made: MadeLayer, version: LayerVersion, ground: Ground) -> None:
    """Features and parts by the same steps in this process: nothing is drawn, and the confined child's half hour is no bound."""
    with features_folder(Path(tempfile.gettempdir())) as folder:
        batches = _batches(made, polygons(made, ground), city, ground)
        copy_features(session, version, kept(batches, folder), lambda _step, _done: _refuse_full(folder))
        _copy_parts(session, version, folder, city, ground)
    # Cells of a tessellation share edges and no area, by how they are made: only what is huge is looked at.
    version.has_overlaps = bool(made.huge_vertices) and _may_overlap(list(polygons(made, ground)))


def _copy_parts(session: Session, version: LayerVersion, folder: Path, city: City, ground: Ground) -> None:
    features = MappedFeatures(folder / FEATURES)
    cutter = PartCutter("polygon", city.working_srid, _to_equal_area(city, ground))

    def made() -> Iterator[pa.RecordBatch]:
        for rows in along_curve(features):
            yield rows_of(cutter.parts(features.take(rows)), version_id=version_id)
            features.forget()

    version_id = version.id
    with closing(ahead(made())) as waiting:
        for rows in waiting:
            copy_in(session, "blueprint.part", rows)
            _refuse_full(folder)
    session.execute(text("SELECT blueprint.analyze_shapes()"))


def _to_equal_area(city: City, ground: Ground) -> CompiledGround:
    """Fitted to the whole ground at once: row by row it would be fitted anew, and given up."""
    projection = equal_area(city.working_crs, equal_area_proj4(city), CompiledGround)
    projection.apply(shapely.get_coordinates(_outline(ground)))
    return projection


def _refuse_full(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise SystemExit(f"only {free >> 30} GB of the disk are free; the load is broken off")


def _outline(ground: Ground) -> shapely.Polygon:
    return shapely.box(ground.west, ground.south, ground.west + ground.side_m, ground.south + ground.side_m)


def _make_plain_table(session: Session, made: MadeLayer, version: LayerVersion, city: City) -> None:
    connection: Any = session.connection().connection.dbapi_connection
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(PLAIN_TABLE).format(
                table=plain_table(made),
                srid=sql.Literal(city.working_srid),
                version_id=sql.Literal(version.id),
            )
        )


def plain_table(made: MadeLayer) -> sql.Identifier:
    """The name of a layer's table of whole features."""
    return sql.Identifier("bench", made.code.lower())


def _batches(
    made: MadeLayer, blocks: Iterable[np.ndarray], city: City, ground: Ground
) -> Iterator[pa.RecordBatch]:
    first = 1
    to_equal_area = _to_equal_area(city, ground)
    for shapes in blocks:
        numbers = range(first, first + len(shapes))
        first += len(shapes)
        named = [
            json.dumps({"BSM": f"{made.code}{n}", "MC": f"{made.code} {n}", "YSDM": "2003010100"})
            for n in numbers
        ]
        yield measured(
            numbers,
            [f"{made.code}{n}" for n in numbers],
            named,
            shapely.set_srid(shapes, city.working_srid),
            None,
            to_equal_area=to_equal_area,
        )
