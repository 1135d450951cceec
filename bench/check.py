"""The check: over HTTP, bare, its statement, one ST_Intersection query a layer on whole features, the design's statement and the index alone, in turn."""

import http.client
import json
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

import orjson
import psycopg2
import shapely
from psycopg2 import sql
from psycopg2.extras import RealDictCursor, register_default_json
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from bench.loading import plain_table
from bench.made_city import footprints
from bench.setting import Setting
from blueprint import cluster
from blueprint.city import AreaMeasure
from blueprint.connections import Beside
from blueprint.database import CONNECT_ARGS
from blueprint.footprint import Footprint
from blueprint.overlay import OVERLAPS, Answer, Found, parameters
from blueprint.overlay_together import FEATURES_MET, PARTS_NEAR
from blueprint.snapshot import LayerOnDay, take_snapshot
from coordination import live

SIZES_HA = (1, 10, 100)
ROUNDS = 40
WARM_UP = 5
ON = date(2026, 1, 1)

SAME_SHARE = 1e-6
"""The plane areas of both ways agree in every layer within this share of the layer's area, or within 10⁻⁶ m²."""

WHOLE_FEATURES = """
SELECT id, ST_Area(ST_Intersection(geom, site))
FROM {table}, (SELECT ST_SetSRID(ST_GeomFromWKB(%(site)s), %(srid)s) AS site) AS given
WHERE ST_Intersects(geom, site)
"""
"""What one would write by hand: every feature of a layer that is met, and the area it shares."""

INDEX_ALONE = """
PREPARE index_alone AS SELECT count(*) FROM blueprint.part WHERE geom && ST_SetSRID(ST_GeomFromWKB($1), $2)
"""
"""The floor: no check is quicker than finding in the index what the footprint's box meets."""

AREAS_ALONE = """
PREPARE areas_alone AS
WITH site AS MATERIALIZED (SELECT ST_SetSRID(ST_GeomFromWKB($1), $2) AS geom)
SELECT part.version_id, sum(
    CASE WHEN ST_Covers(site.geom, part.geom) THEN part.plane_m2 ELSE ST_Area(ST_Intersection(site.geom, part.geom)) END
) AS plane_m2
FROM site
JOIN blueprint.part AS part ON part.geom && site.geom AND ST_Intersects(site.geom, part.geom)
GROUP BY part.version_id, part.feature_id
"""
"""The statement of the design's study (DESIGN, part 4), on the parts of today: plane areas and nothing else."""

STUDY_OVER_INDEX = {1: 1.0 / 0.2, 10: 2.1 / 0.4, 100: 6.4 / 0.3}
"""The statement ÷ the index alone in the study of the design, whose statement gave areas alone."""


@dataclass(frozen=True)
class CheckFigures:
    """Milliseconds of the ways for footprints of one size, and how they compare by their medians."""

    footprints: int
    findings: float
    http_ms: float
    http_p95_ms: float
    bare_ms: float
    bare_p95_ms: float
    statement_ms: float
    statement_p95_ms: float
    whole_features_ms: float
    whole_features_p95_ms: float
    index_ms: float
    index_p95_ms: float
    http_over_statement: float
    whole_features_over_http: float
    whole_features_over_statement: float
    bare_over_index_by_study: float
    bare_over_areas: float
    statement_over_index: float
    statement_over_index_by_study: float
    areas_ms: float
    areas_over_index_by_study: float
    statement_over_areas: float


@dataclass
class _Times:
    http: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    statement: list[float] = field(default_factory=list)
    whole_features: list[float] = field(default_factory=list)
    index: list[float] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)
    findings: list[int] = field(default_factory=list)


def measure_checks(setting: Setting, host: str) -> dict[str, dict[str, float]]:
    """The figures by size of footprint; ends the run when the ways do not say the same."""
    live.load()
    # A connection like the server's own: same driver, same settings, the statement prepared as the server does.
    # The plain tables to compare with are the owner's.
    _, address = setting.engine.dialect.create_connect_args(make_url(cluster.owner_url(setting.home)))
    connection = psycopg2.connect(**{**address, **CONNECT_ARGS})
    connection.autocommit = True
    register_default_json(connection, loads=orjson.loads)
    client = http.client.HTTPConnection(host, timeout=60)
    beside = Beside(setting.engine, {PARTS_NEAR: 1, FEATURES_MET: 1})
    try:
        with connection.cursor(cursor_factory=RealDictCursor) as cursor, Session(setting.engine) as session:
            cursor.execute(OVERLAPS.prepare)
            cursor.execute(INDEX_ALONE)
            cursor.execute(AREAS_ALONE)
            ways = _Ways(setting, session, beside, client, cursor)
            return {f"{size} ha": asdict(_measure(ways, size)) for size in SIZES_HA}
    finally:
        client.close()
        beside.close()
        connection.close()


def _measure(ways: "_Ways", size_ha: int) -> CheckFigures:
    times = _Times()
    for number, polygon in enumerate(footprints(size_ha * 10_000.0, WARM_UP + ROUNDS)):
        site = shapely.MultiPolygon([polygon])
        in_turn = [ways.http, ways.bare, ways.statement, ways.whole_features, ways.index, ways.areas]
        # None is always the one that finds the pages warm, nor the one whose neighbour has just read the same.
        random.Random(number).shuffle(in_turn)
        answers = {act.__name__: _timed(act, site) for act in in_turn}
        report = json.loads(answers["http"][1])
        names = ("bare", "statement", "whole_features", "areas")
        ways.compare(site, report, *(answers[name][1] for name in names))
        if number >= WARM_UP:
            for name, (seconds, _) in answers.items():
                getattr(times, name).append(seconds * 1000)
            times.findings.append(len(report["findings"]))
    return _figures(times, size_ha)


def _timed(act: Callable[[shapely.MultiPolygon], Any], site: shapely.MultiPolygon) -> tuple[float, Any]:
    started = time.perf_counter()
    answer = act(site)
    return time.perf_counter() - started, answer


class _Ways:
    """The ways to ask what a footprint meets."""

    def __init__(
        self,
        setting: Setting,
        session: Session,
        beside: Beside,
        client: http.client.HTTPConnection,
        cursor: Any,
    ) -> None:
        self._setting, self._session, self._beside = setting, session, beside
        self._client, self._cursor = client, cursor
        self._layers = take_snapshot(session, ON).layers
        self._by_hand = {
            made.code: sql.SQL(WHOLE_FEATURES).format(table=plain_table(made)).as_string(cursor)
            for made in setting.layers
        }

    def http(self, site: shapely.MultiPolygon) -> bytes:
        """The report's bytes, by POST over a kept connection."""
        body = json.dumps(shapely.geometry.mapping(site))
        address = f"/api/checks?crs={self._setting.city.working_crs}&on={ON}"
        self._client.request("POST", address, body, {"content-type": "application/json"})
        answer = self._client.getresponse()
        content: bytes = answer.read()
        if answer.status != 200:
            raise SystemExit(f"the check answered {answer.status}: {content[:300]!r}")
        return content

    def bare(self, site: shapely.MultiPolygon) -> Answer:
        """What the check over HTTP asks between reading its footprint and judging what is met."""
        city = self._setting.city
        known = live.known_of(
            self._session,
            Footprint(site, city.working_crs, "none"),
            self._layers,
            city=city,
            beside=self._beside,
        )
        if known is None:
            raise SystemExit("the bare check was not answered by the way that the live check takes")
        return known.answer(self._layers, zones=(), with_shapes=False)

    def statement(self, site: shapely.MultiPolygon, *, in_plane: bool = False) -> Any:
        """The row of the statement that the check runs, with the same values bound."""
        city = self._setting.city
        if in_plane:
            city = replace(city, area_measure=AreaMeasure.PLANE)
        self._cursor.execute(OVERLAPS.execute, parameters(site, self._layers, city=city))
        return self._cursor.fetchone()

    def whole_features(self, site: shapely.MultiPolygon) -> dict[str, list[float]]:
        """The shared plane areas by layer, one query each."""
        values = {"site": shapely.to_wkb(site), "srid": self._setting.city.working_srid}
        shared: dict[str, list[float]] = {}
        for code, query in self._by_hand.items():
            self._cursor.execute(query, values)
            shared[code] = [row["st_area"] for row in self._cursor.fetchall()]
        return shared

    def index(self, site: shapely.MultiPolygon) -> int:
        """How many parts lie in the footprint's box."""
        values = (shapely.to_wkb(site), self._setting.city.working_srid)
        self._cursor.execute("EXECUTE index_alone (%s, %s)", values)
        return int(self._cursor.fetchone()["count"])

    def areas(self, site: shapely.MultiPolygon) -> list[dict[str, Any]]:
        """The plane area of every feature that is met, by the design's statement."""
        values = (shapely.to_wkb(site), self._setting.city.working_srid)
        self._cursor.execute("EXECUTE areas_alone (%s, %s)", values)
        return list(self._cursor.fetchall())

    def compare(
        self,
        site: shapely.MultiPolygon,
        http: Any,
        bare: Answer,
        statement: Any,
        whole_features: dict[str, list[float]],
        areas: list[dict[str, Any]],
    ) -> None:
        """End the run unless the report is the statement's, and its plane areas are those of whole features."""
        in_plane = self.statement(site, in_plane=True)
        for layer in self._layers:
            by_http = sum(f["overlap_m2"] for f in http["findings"] if f["layer"] == layer.code)
            by_statement = _sum(statement["findings"], layer)
            _same(layer.code, by_http, by_statement, "over HTTP", "by the statement")
            _same(layer.code, _sum(bare.findings, layer), by_statement, "bare", "by the statement")
            _same(
                layer.code,
                _sum(in_plane["findings"], layer),
                sum(whole_features[layer.code]),
                "by parts",
                "by whole features",
            )
            alone = sum(row["plane_m2"] for row in areas if row["version_id"] == layer.version_id)
            _same(layer.code, alone, sum(whole_features[layer.code]), "by areas alone", "by whole features")


def _sum(findings: Any, layer: LayerOnDay) -> float:
    found = (Found(*values) for values in findings)
    return float(sum(f.overlap_m2 for f in found if f.version_id == layer.version_id))


def _same(code: str, ours: float, theirs: float, us: str, them: str) -> None:
    if abs(ours - theirs) > max(SAME_SHARE * theirs, SAME_SHARE):
        raise SystemExit(f"{code}: {ours} m² {us}, but {theirs} m² {them}; one of them is wrong")


def _figures(times: _Times, size_ha: int) -> CheckFigures:
    http, bare, statement, whole, index, areas = (
        statistics.median(values)
        for values in (
            times.http, times.bare, times.statement, times.whole_features, times.index, times.areas
        )
    )  # fmt: skip
    return CheckFigures(
        footprints=len(times.http),
        findings=round(statistics.mean(times.findings), 1),
        http_ms=round(http, 2),
        http_p95_ms=_p95(times.http),
        bare_ms=round(bare, 2),
        bare_p95_ms=_p95(times.bare),
        statement_ms=round(statement, 2),
        statement_p95_ms=_p95(times.statement),
        whole_features_ms=round(whole, 2),
        whole_features_p95_ms=_p95(times.whole_features),
        index_ms=round(index, 2),
        index_p95_ms=_p95(times.index),
        http_over_statement=round(http / statement, 2),
        whole_features_over_http=round(whole / http, 2),
        whole_features_over_statement=round(whole / statement, 2),
        bare_over_index_by_study=round(bare / index / STUDY_OVER_INDEX[size_ha], 2),
        bare_over_areas=round(bare / areas, 2),
        statement_over_index=round(statement / index, 2),
        statement_over_index_by_study=round(statement / index / STUDY_OVER_INDEX[size_ha], 2),
        areas_ms=round(areas, 2),
        areas_over_index_by_study=round(areas / index / STUDY_OVER_INDEX[size_ha], 2),
        statement_over_areas=round(statement / areas, 2),
    )


def _p95(values: list[float]) -> float:
    return round(statistics.quantiles(values, n=20, method="inclusive")[-1], 2)
