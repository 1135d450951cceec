"""A GeoPackage to a version in force: ours with all that is checked and made on the way, and `ogr2ogr` into one plain indexed table.

Ours is what `blueprint layer upload FILE --in-force` does: read in the confined child, validate, mend, store, cut into
parts, make the shapes of the tiles, check the quality, bring into force. `ogr2ogr` copies and makes a spatial index.
"""

import itertools
import multiprocessing
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from bench.made_city import MadeLayer, made_layers, polygons
from bench.setting import PROFILE, ROOT, say
from bench.watching import watched
from blueprint import cluster
from blueprint.city import load_city
from blueprint.database import make_engine
from blueprint.edge import Edge
from blueprint.layers.catalogue import LayerDefinition, define_layer
from blueprint.layers.publication import bring_into_force
from blueprint.layers.storing import Upload
from blueprint.layers.taking_in import take_in
from blueprint.permissions import at_console
from blueprint.wall import KEEPER, seeing
from service.setup import initialise

LAYERS = ("PARCEL", "LANDUSE")
"""A fifth of the polygons first: whether memory grows with the file shows by the two."""

_ME = at_console("bench")


@dataclass(frozen=True)
class IntakeFigures:
    """Seconds, their ratio, seconds by step, and the largest memory of the service's process and of one of its children."""

    polygons: int
    vertices: int
    ogr2ogr_s: float
    ours_s: float
    ours_over_ogr2ogr: float
    steps_s: dict[str, float]
    service_mb: int
    children_mb: int


def measure_intake(*, small: bool) -> dict[str, Any]:
    """The figures by layer; `ogr2ogr` runs before and after ours, in a cluster that is there for this alone."""
    program = shutil.which("ogr2ogr")
    if program is None:
        raise SystemExit("ogr2ogr is not there to compare with; `make setup-bench` installs it")
    figures = {}
    with intake_cluster() as home:
        for code in LAYERS:
            made = next(layer for layer in made_layers(small=small) if layer.code == code)
            say(f"intake: {made.count:,} polygons from a GeoPackage")
            path = home / f"{code}.gpkg"
            vertices = apart(write, made, path)
            before = _ogr2ogr(program, home, path)
            stored = apart(store, home, path, code)
            theirs = statistics.mean((before, _ogr2ogr(program, home, path)))
            figures[code] = asdict(
                IntakeFigures(
                    polygons=made.count,
                    vertices=vertices,
                    ogr2ogr_s=round(theirs, 1),
                    ours_s=round(sum(stored.steps_s.values()), 1),
                    ours_over_ogr2ogr=round(sum(stored.steps_s.values()) / theirs, 2),
                    steps_s={step: round(seconds, 1) for step, seconds in stored.steps_s.items()},
                    service_mb=stored.service_mb,
                    children_mb=stored.children_mb,
                )
            )
            path.unlink()
    return figures


def apart(act: Callable[..., Any], *arguments: Any) -> Any:
    """What an act gives, done in a process of its own: its memory is then nobody else's."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(act, *arguments).result()


@contextmanager
def intake_cluster() -> Iterator[Path]:
    """The home of a cluster that is there for this alone."""
    home = ROOT / ".blueprint" / "bench-intake"
    home.parent.mkdir(exist_ok=True)
    cluster.remove(home)
    url = cluster.ensure_running(home, say=say)
    try:
        initialise(cluster.owner_url(home), load_city(PROFILE), service_url=url)
        yield home
    finally:
        cluster.remove(home)


def write(made: MadeLayer, path: Path) -> int:
    """The layer as a GeoPackage; says how many vertices it has."""
    shapes = np.concatenate(list(polygons(made)))
    numbers = range(1, len(shapes) + 1)
    fields = {
        "BSM": [f"{made.code}{n}" for n in numbers],
        "MC": [f"{made.code} {n}" for n in numbers],
        "YSDM": ["2003010100"] * len(shapes),
    }
    pyogrio.raw.write(
        path,
        shapely.to_wkb(shapes),
        [np.array(values, dtype=object) for values in fields.values()],
        list(fields),
        layer=made.code,
        driver="GPKG",
        geometry_type="Polygon",
        crs=load_city(PROFILE).working_crs,
    )
    return int(shapely.get_num_coordinates(shapes).sum())


def _ogr2ogr(program: str, home: Path, path: Path) -> float:
    url = make_url(cluster.owner_url(home))
    target = (
        f"PG:host={url.query['host']} port={url.query['port']} dbname={url.database}"
        f" user={url.username} password={url.password}"
    )
    words = [program, "-q", "-f", "PostgreSQL", target, str(path), "-nln", "public.plain", "-overwrite"]
    words += ["-lco", "SPATIAL_INDEX=GIST", "--config", "PG_USE_COPY", "YES"]
    started = time.perf_counter()
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


@dataclass(frozen=True)
class _Stored:
    steps_s: dict[str, float]
    service_mb: int
    children_mb: int


def store(home: Path, path: Path, code: str) -> _Stored:
    """Store the file, check it, bring it into force; seconds by step, and the memory that it took."""
    city, engine = load_city(PROFILE), make_engine(cluster.ensure_running(home, say=say))
    scratch, now = home / "scratch", datetime.now(UTC)
    scratch.mkdir(mode=0o711, exist_ok=True)
    marks: list[tuple[str, float]] = []

    def tell(step: str, _count: int = 0) -> None:
        if not marks or marks[-1][0] != step:
            marks.append((step, time.perf_counter()))

    tell("stage")
    with watched() as memory, seeing(KEEPER), Session(engine) as session, session.begin():
        definition = LayerDefinition(
            code=code,
            title=code,
            department="BENCH",
            geometry="polygon",
            control="restrict",
            source_id_field="BSM",
            label_field="MC",
        )
        layer, _ = define_layer(session, definition, city=city, actor=_ME)
        with path.open("rb") as stream:
            version = take_in(
                session,
                layer,
                stream,
                path.name,
                Upload(actor=_ME),
                edge=Edge(engine, city, lambda: now, "http://127.0.0.1", scratch),
                now=now,
                progress=tell,
            )
        tell("in_force")
        bring_into_force(session, version, starts_on=date(2024, 1, 1), actor=_ME, now=now)
    tell("end")
    engine.dispose()
    steps: dict[str, float] = {}
    for (step, began), (_, ended) in itertools.pairwise(marks):
        steps[step] = steps.get(step, 0.0) + ended - began
    return _Stored(steps, memory.own_mb, memory.children_mb)
