"""The live check while outlines are dragged: eight clients at once, each asking again as soon as it is answered."""

import http.client
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import shapely
from shapely.affinity import translate

from bench.check import ON
from bench.made_city import footprints
from bench.setting import Setting

CLIENTS = 8
DRAGS = 30
SIZE_HA = 10
STEP_M = 5.0


@dataclass(frozen=True)
class LiveFigures:
    """Milliseconds from question to answer over all clients; how much longer the slowest twentieth waits."""

    clients: int
    checks: int
    median_ms: float
    p95_ms: float
    p95_over_median: float
    checks_per_s: float


def measure_live(setting: Setting, host: str) -> dict[str, Any]:
    """The figures; every client drags an outline of its own, a few metres a step, over a connection of its own."""
    outlines = [shapely.MultiPolygon([polygon]) for polygon in footprints(SIZE_HA * 10_000.0, CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        started = time.perf_counter()
        waits = [
            wait for each in clients.map(lambda site: _drag(setting, host, site), outlines) for wait in each
        ]
        seconds = time.perf_counter() - started
    median, p95 = statistics.median(waits), statistics.quantiles(waits, n=20, method="inclusive")[-1]
    return asdict(
        LiveFigures(
            clients=CLIENTS,
            checks=len(waits),
            median_ms=round(median, 1),
            p95_ms=round(p95, 1),
            p95_over_median=round(p95 / median, 2),
            checks_per_s=round(len(waits) / seconds, 1),
        )
    )


def _drag(setting: Setting, host: str, site: shapely.MultiPolygon) -> list[float]:
    client, waits = http.client.HTTPConnection(host, timeout=60), []
    address = f"/api/checks?crs={setting.city.working_crs}&on={ON}"
    for step in range(DRAGS):
        outline = translate(site, step * STEP_M, step * STEP_M / 2)
        body = json.dumps(shapely.geometry.mapping(outline))
        started = time.perf_counter()
        client.request("POST", address, body, {"content-type": "application/json"})
        answer = client.getresponse()
        content = answer.read()
        waits.append((time.perf_counter() - started) * 1000)
        if answer.status != 200:
            raise SystemExit(f"the check answered {answer.status}: {content[:300]!r}")
    client.close()
    return waits
