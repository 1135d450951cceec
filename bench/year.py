"""A made-up year of a whole city through the HTTP API alone: 2,000 projects, 40,000 items, 300 accounts; then every statistic anew.

The year is lived once in a cluster of its own (`.blueprint/bench-year-2000`), by a process a core, and kept; what the service
says of it is held to `year.sql`, which reads spans, steps and promises instead of what conclusions wrote beside them.
"""

import math
import multiprocessing
import os
import resource
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from approval.statistics import By, figures
from approval.statistics_router import period_of
from bench.setting import ROOT, say
from blueprint import cluster
from blueprint.database import load_statements
from blueprint.wall import KEEPER, seeing
from service.commands.context import open_edge
from service.settings import Settings
from service.simulation.year import Lived, Share, is_lived, live_a_year

PROJECTS, PEOPLE, SEED = 2_000, 300, 20260302
SMALL = 50
"""A year of one in so many projects and people."""

_SQL = load_statements(ROOT / "bench" / "year.sql")


def measure_year(*, small: bool) -> dict[str, Any]:
    """What the year cost and has in it, and how many figures of its statistics were computed anew."""
    projects, people = (PROJECTS // SMALL, PEOPLE // SMALL) if small else (PROJECTS, PEOPLE)
    settings = Settings(home=ROOT / ".blueprint" / f"bench-year-{projects}")
    try:
        with open_edge(settings=settings) as edge:
            result: dict[str, Any] = {"projects": projects, "accounts": people, "seed": SEED}
            with Session(edge.engine) as session:
                known = is_lived(session)
            if not known:
                result |= _live(settings, projects, people)
            result["contents"] = contents(edge.engine)
            today = edge.now().date()
            result["figures"] = 0
            for by in By:
                for starts_on in (None, date(today.year, 1, 2)):  # whole months, and a period that is not
                    period = period_of(today, starts_on, None)
                    result["figures"] += recomputed(edge.engine, by, period.starts_on, period.ends_on)
            say(f"statistics: {result['figures']} figures computed anew, all the same")
        return result
    finally:
        cluster.stop(settings.home)


def _live(settings: Settings, projects: int, people: int) -> dict[str, Any]:
    processes = min(os.cpu_count() or 1, projects)
    say(f"living a year of {projects} projects by {processes} processes, once")
    began, at = time.monotonic(), datetime.now(UTC)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        shares = [
            pool.submit(_live_share, settings, projects, people, Share(number, processes), at)
            for number in range(processes)
        ]
        done = [share.result() for share in shares]
    lived = [each for each, _ in done]
    return {
        "requests": sum(each.requests for each in lived),
        "decided": sum(each.decided for each in lived),
        "wall_s": round(time.monotonic() - began),
        "python_cpu_s": round(sum(cpu for _, cpu in done)),
        "postgresql_cpu_s": round(_cpu_of_cluster(settings.home)),
    }


def _live_share(
    settings: Settings, projects: int, people: int, share: Share, at: datetime
) -> tuple[Lived, float]:
    last: list[str] = []

    def told(line: str) -> None:
        if line[:7] not in last:
            last.append(line[:7])
            say(f"  {share.number}: {line}")

    with open_edge(settings=settings) as edge:
        lived = live_a_year(
            edge, settings, projects=projects, people=people, seed=SEED, share=share, ends_at=at, say=told
        )
    used = resource.getrusage(resource.RUSAGE_SELF)
    return lived, used.ru_utime + used.ru_stime


def _cpu_of_cluster(home: Path) -> float:
    """Seconds that the server's processes used, those that ended among them (Linux)."""
    postmaster = int((home / "cluster" / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        except OSError:
            continue  # it ended meanwhile
        if int(stat.parent.name) == postmaster:
            ticks += sum(int(value) for value in fields[11:15])
        elif int(fields[1]) == postmaster:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def contents(engine: Engine) -> dict[str, int]:
    """What the year has in it."""
    with seeing(KEEPER), Session(engine) as session:
        return dict(session.execute(_SQL["contents"]).mappings().one())


def recomputed(engine: Engine, by: By, starts_on: date, ends_on: date) -> int:
    """Hold the figures of a period to those from the spans themselves; how many there are. SystemExit names the first that differs."""
    with seeing(KEEPER), Session(engine) as session:
        told = {row.group: vars(row) for row in figures(session, period_of(ends_on, starts_on, ends_on), by)}
        values = {"by": str(by), "starts_on": starts_on, "ends_on": ends_on}
        anew = {row["group"]: row for row in session.execute(_SQL["items"], values).mappings()}
    if told.keys() != anew.keys():
        raise SystemExit(f"by {by}: groups {sorted(told)} are told, {sorted(anew)} are there")
    return sum(_same(told[group], anew[group], f"by {by}, {group}") for group in anew)


def _same(told: Mapping[str, Any], anew: Mapping[Any, Any], place: str) -> int:
    for name, value in anew.items():
        if name == "group" or told[name] == value is None:
            continue
        if value is None or told[name] is None or not math.isclose(told[name], value, rel_tol=1e-9):
            raise SystemExit(f"{place}: {name} is told as {told[name]}, and is {value}")
    return len(anew) - 1
