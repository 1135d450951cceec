"""The benchmark's database and servers: a private cluster of its own, filled once, and processes that stop with the run."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely
from geoalchemy2.shape import from_shape
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from bench.made_city import SIDE_M, SOUTH, WEST, MadeLayer, layers, polygons
from blueprint import cluster
from blueprint.city import City, load_city
from blueprint.database import make_engine
from blueprint.layers.catalogue import LayerDefinition, define_layer
from blueprint.layers.models import Layer, LayerVersion
from blueprint.layers.publication import bring_into_force, copy_features, cut_features
from blueprint.layers.reading_child import SCHEMA
from service.setup import initialise

ROOT = Path(__file__).resolve().parent.parent
PROFILE = Path(__file__).parent / "city.toml"
BIN = Path(sys.executable).parent
TIPG = ROOT / ".blueprint" / "bench-venv" / "bin" / "uvicorn"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def say(message: str) -> None:
    """Progress goes to standard error."""
    print(message, file=sys.stderr, flush=True)


@contextmanager
def made_city(*, scale: float) -> Iterator[tuple[Engine, City, Path]]:
    """The made city in a private, durable cluster of its own under `.blueprint/`, kept for the next run."""
    home = ROOT / ".blueprint" / ("bench" if scale == 1 else f"bench-{scale:g}")
    url = cluster.ensure_running(home, say=say)
    city = load_city(PROFILE)
    initialise(url, city)
    engine = make_engine(url)
    try:
        for made in layers(scale):
            with Session(engine) as session, session.begin():
                if session.scalar(select(Layer.id).where(Layer.code == made.code)) is None:
                    _load(session, city, made)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        yield engine, city, home
    finally:
        engine.dispose()
        cluster.stop(home)


def _load(session: Session, city: City, made: MadeLayer) -> None:
    started = time.monotonic()
    definition = LayerDefinition(
        code=made.code,
        title=made.code,
        department="BENCH",
        geometry="polygon",
        control=made.control,
        label_field="MC",
    )
    layer, _ = define_layer(session, definition, city=city)
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
        uploaded_by="bench",
        uploaded_at=NOW,
        extent=from_shape(shapely.box(WEST, SOUTH, WEST + SIDE_M, SOUTH + SIDE_M), srid=city.working_srid),
    )
    session.add(version)
    session.flush()
    copy_features(session, version, _batches(made, city.working_srid))
    cut_features(session, version, city=city)
    bring_into_force(session, version, starts_on=date(2024, 1, 1), decided_by="bench", now=NOW)
    # What a peer has: one plain table a layer, whole features, a spatial index.
    session.execute(text("CREATE SCHEMA IF NOT EXISTS bench"))
    table = f"bench.{made.code.lower()}"
    session.execute(
        text(
            f"CREATE TABLE {table} AS SELECT CAST(feature_id AS integer) AS id, source_id, attributes ->> 'MC' AS mc,"
            f" CAST(geom AS geometry(Geometry, {city.working_srid})) AS geom"
            f" FROM blueprint.feature WHERE version_id = {version.id} ORDER BY feature_id"
        )
    )
    session.execute(text(f"ALTER TABLE {table} ADD PRIMARY KEY (id)"))
    session.execute(text(f"CREATE INDEX ON {table} USING gist (geom)"))
    say(f"{made.code}: {made.count:,} polygons in {time.monotonic() - started:.0f} s")


def _batches(made: MadeLayer, srid: int) -> Iterator[pa.RecordBatch]:
    first = 1
    for shapes in polygons(made):
        numbers = np.arange(first, first + len(shapes))
        first += len(shapes)
        yield pa.record_batch(
            [
                pa.array(numbers, pa.int64()),
                pa.array([f"{made.code}{n}" for n in numbers], pa.string()),
                pa.array(
                    [json.dumps({"MC": f"{made.code} {n}", "DLBM": "0701"}) for n in numbers], pa.string()
                ),
                pa.array(
                    list(shapely.to_wkb(shapely.set_srid(shapes, srid), include_srid=True)), pa.binary()
                ),
                pa.array([None] * len(shapes), pa.binary()),
            ],
            schema=SCHEMA,
        )


@contextmanager
def our_server(home: Path, port: int) -> Iterator[str]:
    """`blueprint serve` with one worker."""
    environment = os.environ | {"BLUEPRINT_HOME": str(home), "BLUEPRINT_CITY": str(PROFILE)}
    environment.pop("DATABASE_URL", None)
    command = [str(BIN / "blueprint"), "serve", "--port", str(port)]
    with _running(command, environment, f"http://127.0.0.1:{port}/health/ready"):
        yield f"127.0.0.1:{port}"


@contextmanager
def tipg_server(engine: Engine, port: int) -> Iterator[str]:
    """Tipg from PyPI with one worker on the schema `bench`."""
    url = engine.url
    socket = str(url.query["host"]).replace("/", "%2F")
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{url.username}:{url.password}@{socket}:{url.query.get('port', 5432)}/{url.database}",
        "TIPG_DB_SCHEMAS": '["bench"]',
        "DB_MIN_CONN_SIZE": "4",
        "DB_MAX_CONN_SIZE": "8",
    }
    command = [str(TIPG), "tipg.main:app", "--port", str(port), "--log-level", "warning", "--workers", "1"]
    with _running(command, environment, f"http://127.0.0.1:{port}/healthz"):
        yield f"127.0.0.1:{port}"


@contextmanager
def _running(command: list[str], environment: dict[str, str], ready: str) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        for _ in range(120):
            if process.poll() is not None:
                complaint = process.stderr.read().decode()[-500:] if process.stderr else ""
                raise SystemExit(f"{command[0]} ended: {complaint}")
            try:
                urllib.request.urlopen(ready, timeout=1).close()
                break
            except OSError:
                time.sleep(0.5)
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)
