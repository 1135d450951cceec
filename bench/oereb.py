"""A check of a parcel over HTTP beside pyramid_oereb's extract of it: same PostgreSQL, same polygons in one layer, one request at a time."""

import http.client
import json
import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

import shapely

from bench.check import ON
from bench.made_city import CITY, TENTH, footprints, made_layers, resized
from bench.oereb_peer import fill, oereb_server
from bench.setting import Setting, city_of, our_server, say

THEME = "PLANNED"
CELL_M2 = CITY.side_m**2 / 200_000
PARCELS = {"few": 1.0 * 10_000, "350": 283 * CELL_M2}
"""Plane areas of the parcels: one of 1 ha, and one that meets about 350 of the layer's polygons."""

COUNT = 5
ROUNDS = 8

ROUNDED_M2 = 0.5
SAME_SHARE = 2e-5
"""Its areas are whole m² in the plane; ours, on the ellipsoid, are brought there by the parcel's own ratio."""


@dataclass(frozen=True)
class OerebFigures:
    """Milliseconds and kilobytes of both answers for parcels of one kind, and how they compare by their medians."""

    parcels: int
    requests: int
    hits: float
    ours_ms: float
    ours_p95_ms: float
    theirs_ms: float
    theirs_p95_ms: float
    ours_kb: float
    theirs_kb: float
    theirs_over_ours: float


def measure_oereb(*, small: bool, rebuild: bool) -> dict[str, Any]:
    """The figures by kind of parcel; ends the run when the two do not find the same hits with the same areas."""
    layers = tuple(layer for layer in made_layers(small=False) if layer.code == THEME)
    ground = TENTH if small else CITY
    name = "bench-oereb" + ("-small" if small else "")
    with city_of(name, resized(layers, TENTH) if small else layers, ground, rebuild=rebuild) as setting:
        kinds = {
            kind: {
                f"CH{kind}{number}": shapely.MultiPolygon([shape])
                for number, shape in enumerate(_inside(setting, area_m2))
            }
            for kind, area_m2 in PARCELS.items()
        }
        fill(setting, {egrid: site for parcels in kinds.values() for egrid, site in parcels.items()})
        with our_server(setting) as ours, oereb_server(setting) as theirs:
            pair = _Pair(setting, ours, theirs)
            say(f"oereb: {setting.polygon_count:,} polygons, ours and pyramid_oereb in turn")
            return {
                "polygons": setting.polygon_count,
                **{kind: asdict(_measure(pair, parcels)) for kind, parcels in kinds.items()},
            }


def _inside(setting: Setting, area_m2: float) -> list[shapely.Polygon]:
    """Parcels wholly on the city's ground, or a part of them would have nothing to meet."""
    ground = setting.ground
    whole = shapely.box(ground.west, ground.south, ground.west + ground.side_m, ground.south + ground.side_m)
    return [each for each in footprints(area_m2, 10 * COUNT, ground) if whole.contains(each)][:COUNT]


class _Pair:
    """Both services, each over a kept connection."""

    def __init__(self, setting: Setting, ours: str, theirs: str) -> None:
        self._crs = setting.city.working_crs
        self._ours = http.client.HTTPConnection(ours, timeout=120)
        self._theirs = http.client.HTTPConnection(theirs, timeout=120)

    def ours(self, egrid: str, site: shapely.MultiPolygon) -> bytes:
        """The report of a check of the parcel's boundary."""
        body = json.dumps(shapely.geometry.mapping(site))
        return _answer(self._ours, egrid, "POST", f"/api/checks?crs={self._crs}&on={ON}", body)

    def theirs(self, egrid: str, _site: shapely.MultiPolygon) -> bytes:
        """The extract of the parcel, which it knows by number."""
        return _answer(self._theirs, egrid, "GET", f"/oereb/extract/json?EGRID={egrid}")


def _answer(
    client: http.client.HTTPConnection, egrid: str, method: str, path: str, body: str | None = None
) -> bytes:
    for is_again in (False, True):
        try:
            client.request(method, path, body, {"content-type": "application/json"})
            answer = client.getresponse()
            break
        except ConnectionError:  # the other one took so long that this server closed the idle connection
            if is_again:
                raise
            client.close()
    content = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{egrid} at port {client.port} was answered {answer.status}: {content[:300]!r}")
    return content


def _measure(pair: _Pair, parcels: dict[str, shapely.MultiPolygon]) -> OerebFigures:
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    sizes: dict[str, list[int]] = {"ours": [], "theirs": []}
    hits = [
        _same_hits(egrid, site, json.loads(pair.ours(egrid, site)), json.loads(pair.theirs(egrid, site)))
        for egrid, site in parcels.items()
    ]
    for number in range(ROUNDS):
        for egrid, site in parcels.items():
            for act in (pair.ours, pair.theirs) if number % 2 else (pair.theirs, pair.ours):
                started = time.perf_counter()
                content = act(egrid, site)
                times[act.__name__].append((time.perf_counter() - started) * 1000)
                sizes[act.__name__].append(len(content))
    ours, theirs = (statistics.median(times[name]) for name in ("ours", "theirs"))
    return OerebFigures(
        parcels=len(parcels),
        requests=ROUNDS * len(parcels),
        hits=round(statistics.mean(hits), 1),
        ours_ms=round(ours, 2),
        ours_p95_ms=_p95(times["ours"]),
        theirs_ms=round(theirs, 2),
        theirs_p95_ms=_p95(times["theirs"]),
        ours_kb=round(statistics.mean(sizes["ours"]) / 1000, 1),
        theirs_kb=round(statistics.mean(sizes["theirs"]) / 1000, 1),
        theirs_over_ours=round(theirs / ours, 2),
    )


def _same_hits(egrid: str, site: shapely.MultiPolygon, report: Any, extract: Any) -> int:
    """How many polygons both find; ends the run unless they are as many and, by size, share the same areas."""
    footprint = report["footprint"]
    to_plane = footprint["plane_area_m2"] / footprint["area_m2"]
    ours = sorted(finding["overlap_m2"] * to_plane for finding in report["findings"])
    estate = extract["GetExtractByIdResponse"]["extract"]["RealEstate"]
    of_register = site.area / estate["LandRegistryArea"]  # whole m² there: its shares are scaled to them
    theirs = sorted(each["AreaShare"] * of_register for each in estate["RestrictionOnLandownership"])
    if len(ours) != len(theirs):
        raise SystemExit(f"{egrid}: {len(ours)} hits by us, {len(theirs)} by pyramid_oereb")
    for one, other in zip(ours, theirs, strict=True):
        if abs(one - other) > ROUNDED_M2 + SAME_SHARE * one:
            raise SystemExit(f"{egrid}: {one} m² by us, {other} m² by pyramid_oereb; one of them is wrong")
    return len(ours)


def _p95(values: list[float]) -> float:
    return round(statistics.quantiles(values, n=20, method="inclusive")[-1], 2)
