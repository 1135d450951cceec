"""A batch of footprints in one run, and as many single calls over HTTP, side by side: same digests, how much sooner."""

import http.client
import json
import os
import random
import time
from dataclasses import replace
from typing import Any

import shapely

from bench.check import ON
from bench.made_city import footprints
from bench.setting import Setting, say
from blueprint.permissions import at_console
from coordination.batch.run import check_sites
from coordination.batch.sites import BatchFile, BatchSite

COUNT = 10_000
SMALL_COUNT = 2_000
SITE_M2 = 100_000.0
SINGLES = 600
"""So many of the footprints are sent singly, taken at random; a single call does not know how many more there are."""


def measure_batch(setting: Setting, host: str, *, small: bool) -> dict[str, Any]:
    """Seconds for a batch, and for as many single calls by one client; ends the run when the digests differ."""
    count = SMALL_COUNT if small else COUNT
    shapes = [shapely.normalize(shapely.MultiPolygon([shape])) for shape in footprints(SITE_M2, count)]
    sites = tuple(
        BatchSite(number, str(number), shapely.to_wkb(shape), None)
        for number, shape in enumerate(shapes, start=1)
    )
    file = BatchFile(sites, setting.city.working_crs, "none", ())
    chosen = random.Random(7).sample(range(count), min(SINGLES, count))
    halves = (chosen[: len(chosen) // 2], chosen[len(chosen) // 2 :])
    # Half of the single calls before the batch and half after it: neither is the one that finds the pages warm.
    single_s, digests = _singles(setting, host, shapes, halves[0])
    # What Numba compiles is compiled once an installation, in the first batch of all: not in this one.
    check_sites(
        setting.engine, replace(file, sites=sites[:1]), city=setting.city, actor=at_console("bench"), on=ON
    )
    say(f"batch: {count:,} footprints in one run")
    started = time.perf_counter()
    answers = check_sites(setting.engine, file, city=setting.city, actor=at_console("bench"), on=ON)
    batch_s = time.perf_counter() - started
    more_s, more = _singles(setting, host, shapes, halves[1])
    for place, digest in (digests | more).items():
        if answers[place].digest != digest:
            raise SystemExit(f"footprint {place}: the batch and the single call have different digests")
    singly_s = (single_s + more_s) / len(chosen) * count
    return {
        "footprints": count,
        "processes": os.cpu_count(),
        "batch_s": round(batch_s, 2),
        "single_calls_made": len(chosen),
        "single_calls_s": round(singly_s, 2),
        "single_over_batch": round(singly_s / batch_s, 2),
    }


def _singles(
    setting: Setting, host: str, shapes: list[shapely.MultiPolygon], places: list[int]
) -> tuple[float, dict[int, str]]:
    client = http.client.HTTPConnection(host, timeout=60)
    bodies = {place: json.dumps(shapely.geometry.mapping(shapes[place])).encode() for place in places}
    path = f"/api/checks?on={ON}&crs={setting.city.working_crs}"
    found: dict[int, str] = {}
    started = time.perf_counter()
    for place in places:
        client.request("POST", path, bodies[place], {"Content-Type": "application/json"})
        answer = client.getresponse()
        report = json.loads(answer.read())
        if answer.status != 200:
            raise SystemExit(f"a single call was answered {answer.status}: {report}")
        found[place] = report["digest"]
    seconds = time.perf_counter() - started
    client.close()
    return seconds, found
