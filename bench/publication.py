"""How long readers wait while the largest layer's version comes into force and is rolled back: checks go on all the while."""

import statistics
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import shapely
from sqlalchemy import delete, text, update
from sqlalchemy.orm import Session

from bench.check import ON
from bench.made_city import footprints
from bench.setting import Setting
from blueprint.layers.catalogue import find_layer
from blueprint.layers.models import InForcePeriod, LayerVersion, PublicationEvent
from blueprint.layers.publication import bring_into_force, roll_back
from blueprint.overlay import find_overlaps
from blueprint.permissions import at_console
from blueprint.snapshot import take_snapshot

LAYER = "LANDUSE"
READERS = 2
TURNS = 15
PAUSE_SECONDS = 0.3
_ME = at_console("bench")


@dataclass(frozen=True)
class PublicationFigures:
    """Milliseconds: the acts themselves, reads at other times, the longest read that met an act, and what it waited."""

    features: int
    turns: int
    in_force_ms: float
    roll_back_ms: float
    read_ms: float
    longest_read_ms: float
    blocked_ms: float


def measure_publication(setting: Setting) -> dict[str, Any]:
    """The figures; the city is as it was afterwards."""
    with Session(setting.engine) as session, session.begin():
        layer = find_layer(session, LAYER)
        version = layer.versions[0]
        first, features, other = version.id, version.feature_count, _small_version(session, version)
    stop, reads = threading.Event(), list[tuple[float, float]]()
    readers = [threading.Thread(target=_read, args=(setting, stop, reads)) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    acts: dict[str, list[tuple[float, float]]] = {"in_force": [], "roll_back": []}
    try:
        time.sleep(2)
        for turn in range(TURNS):
            now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=turn)
            for name in ("in_force", "roll_back"):
                acts[name].append(_act(setting, name, first if name == "roll_back" else other, now))
                time.sleep(PAUSE_SECONDS)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
        _undo(setting, first, other)
    windows = acts["in_force"] + acts["roll_back"]
    met = [end - start for start, end in reads if any(start < b and a < end for a, b in windows)]
    quiet = [end - start for start, end in reads if not any(start < b and a < end for a, b in windows)]
    if not met:
        raise SystemExit("no read met a publication")
    median = statistics.median(quiet) * 1000
    figures = PublicationFigures(
        features=features,
        turns=TURNS,
        in_force_ms=statistics.median(b - a for a, b in acts["in_force"]) * 1000,
        roll_back_ms=statistics.median(b - a for a, b in acts["roll_back"]) * 1000,
        read_ms=median,
        longest_read_ms=max(met) * 1000,
        blocked_ms=max(0.0, max(met) * 1000 - median),
    )
    return asdict(figures)


def _small_version(session: Session, first: LayerVersion) -> int:
    """A second version of the layer to change with: of a thousand features, as publishing looks at none of them."""
    made = LayerVersion(
        layer_id=first.layer_id,
        number=first.number + 1,
        source_name="made",
        source_sha256="1" * 64,
        source_crs=first.source_crs,
        operation="none",
        buffer_m=0.0,
        feature_count=1000,
        vertex_count=0,
        quality=first.quality,
        has_overlaps=False,
        checked_at=first.checked_at,
        issue_counts=first.issue_counts,
        uploaded_by="bench",
        uploaded_at=first.uploaded_at,
        extent=first.extent,
    )
    session.add(made)
    session.flush()
    for table, columns in (
        ("feature", "feature_id, source_id, attributes, plane_m2, ellipsoid_m2, geom"),
        ("part", "feature_id, is_zone, plane_m2, ellipsoid_m2, geom"),
    ):
        session.execute(
            text(
                f"INSERT INTO blueprint.{table} (version_id, {columns}) SELECT :new, {columns}"
                f" FROM blueprint.{table} WHERE version_id = :old AND feature_id <= 1000"
            ),
            {"new": made.id, "old": first.id},
        )
    return made.id


def _read(setting: Setting, stop: threading.Event, reads: list[tuple[float, float]]) -> None:
    """Check sites of one hectare, one after another, each in a transaction of its own."""
    sites = [shapely.MultiPolygon([polygon]) for polygon in footprints(10_000.0, 50)]
    number = 0
    while not stop.is_set():
        started = time.perf_counter()
        with Session(setting.engine) as session:
            layers = take_snapshot(session, ON).layers
            find_overlaps(session, sites[number % len(sites)], layers, city=setting.city)
        reads.append((started, time.perf_counter()))
        number += 1


def _act(setting: Setting, name: str, version_id: int, now: datetime) -> tuple[float, float]:
    started = time.perf_counter()
    with Session(setting.engine) as session, session.begin():
        version = session.get_one(LayerVersion, version_id)
        if name == "in_force":
            bring_into_force(session, version, starts_on=ON, actor=_ME, now=now)
        else:
            roll_back(session, version.layer, version.number, actor=_ME, now=now)
    return started, time.perf_counter()


def _undo(setting: Setting, first: int, other: int) -> None:
    with Session(setting.engine) as session, session.begin():
        session.execute(
            delete(PublicationEvent).where(
                PublicationEvent.starts_on == ON, PublicationEvent.new_version_id.in_((first, other))
            )
        )
        session.execute(
            delete(InForcePeriod).where(
                InForcePeriod.version_id.in_((first, other)), InForcePeriod.starts_on == ON
            )
        )
        session.execute(update(InForcePeriod).where(InForcePeriod.version_id == first).values(ends_on=None))
        session.execute(delete(LayerVersion).where(LayerVersion.id == other))
