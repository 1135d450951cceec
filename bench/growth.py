"""The same footprints in a city and in one ten times as large, as dense: what ten times the features cost a check that meets as many."""

import statistics
import time
from typing import Any

import psycopg2
import shapely
from sqlalchemy.orm import Session

from bench.check import ON, SIZES_HA
from bench.made_city import footprints
from bench.setting import Setting, say
from blueprint.database import CONNECT_ARGS
from blueprint.overlay import OVERLAPS, parameters
from blueprint.snapshot import take_snapshot

ROUNDS = 60


def measure_growth(smaller: Setting, larger: Setting) -> dict[str, Any]:
    """Milliseconds of the check's statement in both cities, in turn; every footprint was asked once before it is timed."""
    say(f"growth: {smaller.polygon_count:,} and {larger.polygon_count:,} polygons in turn")
    sides = [_Side(setting) for setting in (smaller, larger)]
    try:
        return {
            "polygons": [smaller.polygon_count, larger.polygon_count],
            **{f"{size} ha": _measure(sides, size) for size in SIZES_HA},
        }
    finally:
        for side in sides:
            side.close()


def told(result: dict[str, Any]) -> list[str]:
    """The figures of both cities as a table."""
    smaller, larger = (f"{count:,} polygons" for count in result["polygons"])
    return [
        "",
        f"Milliseconds of the check's statement, medians of {ROUNDS} footprints, and how many findings each gave:",
        "",
        f"| footprint | {smaller} | {larger} | findings |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| {size} | {each['smaller_ms']} | {each['larger_ms']} | {each['findings'][0]} and {each['findings'][1]} |"
            for size, each in result.items()
            if isinstance(each, dict)
        ),
    ]


class _Side:
    """A city on a connection like the server's own."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        with Session(setting.engine) as session:
            self._layers = take_snapshot(session, ON).layers
        _, address = setting.engine.dialect.create_connect_args(setting.engine.url)
        self._connection = psycopg2.connect(**{**address, **CONNECT_ARGS})
        self._connection.autocommit = True
        self._cursor = self._connection.cursor()
        self._cursor.execute(OVERLAPS.prepare)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def sites(self, size_ha: int) -> list[shapely.MultiPolygon]:
        """The footprints of a size, at places in this city."""
        shapes = footprints(size_ha * 10_000.0, ROUNDS, self._setting.ground)
        return [shapely.MultiPolygon([shape]) for shape in shapes]

    def ask(self, site: shapely.MultiPolygon) -> tuple[float, int]:
        """The milliseconds of one check's statement, and how many findings it gave."""
        values = parameters(site, self._layers, city=self._setting.city)
        started = time.perf_counter()
        self._cursor.execute(OVERLAPS.execute, values)
        row: Any = self._cursor.fetchone()
        return (time.perf_counter() - started) * 1000, len(row[7])


def _measure(sides: list[_Side], size_ha: int) -> dict[str, Any]:
    sites = [side.sites(size_ha) for side in sides]
    for side, shapes in zip(sides, sites, strict=True):
        for site in shapes:
            side.ask(site)
    times: tuple[list[float], list[float]] = ([], [])
    found = [0, 0]
    for number in range(ROUNDS):
        for place in (0, 1) if number % 2 else (1, 0):
            milliseconds, findings = sides[place].ask(sites[place][number])
            times[place].append(milliseconds)
            found[place] += findings
    smaller_ms, larger_ms = (statistics.median(each) for each in times)
    return {
        "findings": [round(count / ROUNDS, 1) for count in found],
        "smaller_ms": round(smaller_ms, 2),
        "larger_ms": round(larger_ms, 2),
        "larger_over_smaller": round(larger_ms / smaller_ms, 2),
    }
