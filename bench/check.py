"""The check: over HTTP, its bare statement, and one ST_Intersection query a layer on whole features, in turn."""

import http.client
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import psycopg2
import shapely
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from bench.made_city import footprints, layers
from blueprint.city import AreaMeasure, City
from blueprint.database import CONNECT_ARGS
from blueprint.overlay import OVERLAPS, find_overlaps, parameters
from blueprint.snapshot import take_snapshot

SIZES_HA = (1, 10, 100)
ROUNDS = 40
WARM_UP = 5


def run(engine: Engine, city: City, host: str, *, scale: float) -> dict[str, Any]:
    """Medians in milliseconds and their ratios for each size of footprint."""
    # The same driver and settings as the engine's own connections.
    _, arguments = engine.dialect.create_connect_args(engine.url)
    connection = psycopg2.connect(**(arguments | CONNECT_ARGS))
    connection.autocommit = True
    client = http.client.HTTPConnection(host, timeout=60)
    with Session(engine) as session:
        snapshot = take_snapshot(session, date(2026, 11, 23))
    names = [made.code.lower() for made in layers(scale)]
    results: dict[str, Any] = {}
    with connection.cursor() as cursor:
        cursor.execute(OVERLAPS.prepare)
        for hectares in SIZES_HA:
            sites = [shapely.MultiPolygon([site]) for site in footprints(hectares * 10_000, ROUNDS + WARM_UP)]
            _compare(engine, city, cursor, names, snapshot.layers, sites[:3])
            times: dict[str, list[float]] = {"http": [], "statement": [], "naive": []}
            for number, site in enumerate(sites):
                body = json.dumps(shapely.geometry.mapping(site))
                bound = parameters(site, snapshot.layers, city=city)
                wkb = shapely.to_wkb(site)
                taken = {
                    "http": _timed(lambda body=body: _post(client, body)),
                    "statement": _timed(
                        lambda bound=bound: (cursor.execute(OVERLAPS.execute, bound), cursor.fetchall())
                    ),
                    "naive": _timed(lambda wkb=wkb: _naive(cursor, names, wkb, city.working_srid)),
                }
                if number >= WARM_UP:
                    for way, seconds in taken.items():
                        times[way].append(seconds * 1000)
            results[f"{hectares} ha"] = _summary(times)
    connection.close()
    return results


def _summary(times: dict[str, list[float]]) -> dict[str, float]:
    medians = {way: statistics.median(values) for way, values in times.items()}
    return {
        "http_ms": round(medians["http"], 2),
        "http_p95_ms": round(statistics.quantiles(times["http"], n=20)[-1], 2),
        "statement_ms": round(medians["statement"], 2),
        "naive_ms": round(medians["naive"], 2),
        "http_over_statement": round(medians["http"] / medians["statement"], 2),
        "naive_over_http": round(medians["naive"] / medians["http"], 2),
        "naive_over_statement": round(medians["naive"] / medians["statement"], 2),
    }


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _post(client: http.client.HTTPConnection, body: str) -> None:
    client.request("POST", "/api/checks?crs=EPSG:4550", body, {"content-type": "application/json"})
    answer = client.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise SystemExit(f"check answered {answer.status}: {content[:300]!r}")


def _naive(cursor: Any, names: list[str], wkb: bytes, srid: int) -> dict[str, float]:
    """What one would write by hand: per layer, every feature that is met and the area it shares."""
    sums = {}
    for name in names:
        cursor.execute(
            f"SELECT id, ST_Area(ST_Intersection(geom, site)) FROM bench.{name},"
            " (SELECT ST_SetSRID(ST_GeomFromWKB(%s), %s) AS site) AS given WHERE ST_Intersects(geom, site)",
            (wkb, srid),
        )
        sums[name] = sum(area for _, area in cursor.fetchall())
    return sums


def _compare(
    engine: Engine, city: City, cursor: Any, names: list[str], layers_on_day: Any, sites: list[Any]
) -> None:
    """Both ways must say the same before either is timed."""
    plane = replace(city, area_measure=AreaMeasure.PLANE)
    with Session(engine) as session:
        for site in sites:
            overlay = find_overlaps(session, site, layers_on_day, city=plane)
            naive = _naive(cursor, names, shapely.to_wkb(site), city.working_srid)
            for layer in layers_on_day:
                ours = sum(o.overlap_m2 for o in overlay.overlaps if o.version_id == layer.version_id)
                theirs = naive[layer.code.lower()]
                if abs(ours - theirs) > 1e-6 * max(theirs, 1.0):
                    raise SystemExit(f"{layer.code}: {ours} m² by parts, {theirs} m² by whole features")
