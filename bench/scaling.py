"""A plan audit by Dask workers: two beside one, and ten times the ground beside a tenth of it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from bench.made_city import CITY, TENTH, Ground, made_layers, resized
from bench.setting import Setting, city_of, say
from blueprint import cluster
from blueprint.database import make_engine
from blueprint.permissions import at_console
from coordination.plan_audit.audit import OnCluster, compare_layers, open_audit
from coordination.plan_audit.models import PlanAudit
from coordination.plan_audit.overlaps import WindowTask, load_loops, overlaps_of
from coordination.plan_audit.window_rows import WindowKeys, reached_database, read_boxes, read_window
from coordination.plan_audit.windows import windows
from service.commands.context import reached_engine

CODES = ("LANDUSE", "PLANNED")
OPERATOR = at_console("bench")

QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.work-stealing": False,
    "distributed.admin.system-monitor.interval": "60s",
    "distributed.admin.tick.interval": "10s",
    "distributed.worker.memory.monitor-interval": "5s",
}
"""A cluster as docs/audits.md says: without what it watches of itself."""

SAME_M2 = 1.0
"""The differences of two full coverages sum to the ground within this."""


@dataclass(frozen=True)
class _Run:
    """What one run took: seconds of its windows, from the first that was handed out to the last that was kept, and those with the
    boxes of all features read before; those of a core that client and scheduler had; the largest worker's memory; differences.
    """

    seconds: float
    whole_s: float
    handing_s: float
    worker_mb: int
    differences: int


def measure_scaling(*, small: bool) -> dict[str, Any]:
    """Seconds and memory of one and of two workers, on a tenth of the ground and on all of it; ends the run when a sum is wrong."""
    runs: dict[str, _Run] = {}

    def measure(name: str, setting: Setting, workers: int) -> None:
        run = _run(setting, workers)
        say(f"scaling: {setting.polygon_count:,} polygons, {workers} workers: {run.seconds:.1f} s")
        if name not in runs or run.seconds < runs[name].seconds:
            runs[name] = run

    with _two_layers(TENTH, small=small) as tenth:
        for _ in range(2):
            measure("tenth", tenth, 2)
        alone_s, beside_s = _bare_seconds(tenth)
    say(
        f"scaling: the windows of a tenth by one bare process {alone_s:.1f} s, by each of two {beside_s:.1f} s"
    )
    with _two_layers(CITY, small=small) as whole:
        for name, workers in (("two", 2), ("one", 1), ("two", 2), ("one", 1)):
            measure(name, whole, workers)
    return {
        "tenth": [layer.count for layer in tenth.layers],
        "whole": [layer.count for layer in whole.layers],
        "differences": runs["two"].differences,
        "one_worker_s": round(runs["one"].seconds, 2),
        "two_workers_s": round(runs["two"].seconds, 2),
        "tenth_s": round(runs["tenth"].whole_s, 2),
        "with_boxes_s": [round(runs["one"].whole_s, 2), round(runs["two"].whole_s, 2)],
        "with_boxes_one_over_two": round(runs["one"].whole_s / runs["two"].whole_s, 2),
        "handing_s": [round(runs["one"].handing_s, 2), round(runs["two"].handing_s, 2)],
        "one_over_two": round(runs["one"].seconds / runs["two"].seconds, 2),
        "bare_s": [round(alone_s, 2), round(beside_s, 2)],
        "machine_one_over_two": round(2 * alone_s / beside_s, 2),
        "whole_over_tenth": round(runs["two"].whole_s / runs["tenth"].whole_s, 2),
        "worker_mb": [runs["tenth"].worker_mb, runs["two"].worker_mb],
        "memory_over_tenth": round(runs["two"].worker_mb / runs["tenth"].worker_mb, 2),
    }


def _two_layers(ground: Ground, *, small: bool) -> AbstractContextManager[Setting]:
    layers = tuple(layer for layer in made_layers(small=small) if layer.code in CODES)
    name = f"bench-scaling{'-small' if small else ''}{'-tenth' if ground == TENTH else ''}"
    return city_of(name, resized(layers, ground), ground, rebuild=False, is_bare=True)


def _run(setting: Setting, workers: int) -> _Run:
    now = datetime.now(UTC)
    begin = _beginning(setting)
    _forget(setting)
    with begin() as session:
        audit_id = open_audit(session, *CODES, actor=OPERATOR, on=now.date(), now=now).id
    with (
        dask.config.set(QUIET),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=50,
            env={"BLUEPRINT_HOME": str(setting.home)},
        ) as made,
    ):
        with Client(made.scheduler_address) as client:
            client.run(load_loops)  # an existing cluster has the program loaded
            client.run(reached_database, reached_engine)
        started, own = time.perf_counter(), time.process_time()
        told: dict[str, float] = {}
        for _ in compare_layers(
            begin,
            audit_id,
            city=setting.city,
            actor=OPERATOR,
            on_cluster=OnCluster(made.scheduler_address, reached_engine),
            tell=lambda phase, _done: told.setdefault(phase, time.perf_counter() - started),
        ):
            pass
        seconds, handing_s = time.perf_counter() - started, time.process_time() - own
        if "hand_over" in told:
            raise SystemExit("the workers did not reach the database")
        with Client(made.scheduler_address) as client:
            worker_mb = max(client.run(_most_mb).values())
    count = _checked(setting, audit_id)
    return _Run(seconds - told["compare"], seconds, handing_s, worker_mb, count)


def _beginning(setting: Setting) -> Callable[[], AbstractContextManager[Session]]:
    @contextmanager
    def begin() -> Iterator[Session]:
        with Session(setting.engine, expire_on_commit=False) as session, session.begin():
            yield session

    return begin


def _checked(setting: Setting, audit_id: int) -> int:
    """How many differences were kept, whose areas must sum to the ground."""
    with Session(setting.engine) as session, session.begin():
        values = {"id": audit_id}
        count, shared_m2 = session.execute(
            text(
                "SELECT count(*), sum(ST_Area(geom)) FROM coordination.plan_audit_overlap WHERE audit_id = :id"
            ),
            values,
        ).one()
    if abs(shared_m2 - setting.ground.side_m**2) > SAME_M2:
        raise SystemExit(
            f"the differences sum to {shared_m2:.2f} m², the ground is {setting.ground.side_m**2:.2f}"
        )
    return int(count)


def _forget(setting: Setting) -> None:
    """Audits of runs before, also of one that was broken off, go: the next one finds nothing done."""
    owner = make_engine(cluster.owner_url(setting.home))
    with owner.begin() as connection:
        connection.execute(text("TRUNCATE coordination.plan_audit_overlap"))
    owner.dispose()
    with Session(setting.engine) as session, session.begin():
        session.execute(delete(PlanAudit))


def _bare_seconds(setting: Setting) -> tuple[float, float]:
    """What a process takes for the windows alone, and while another does the same beside it: no Dask, no database; the better of three turns each."""
    tasks = _tasks(setting)
    alone, beside = [], []
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for _ in pool.map(_compare_all, [tasks[:1]] * 8):
            pass  # both have started and loaded what they need
        for _ in range(3):
            alone.append(pool.submit(_compare_all, tasks).result())
            both = [pool.submit(_compare_all, tasks) for _ in range(2)]
            beside.append(max(each.result() for each in both))
    return min(alone), min(beside)


def _tasks(setting: Setting) -> list[WindowTask]:
    with Session(setting.engine) as session:
        versions = session.scalars(text("SELECT id FROM blueprint.layer_version ORDER BY id")).all()
        (first_ids, first), (second_ids, second) = (read_boxes(session, version) for version in versions)
        return [
            read_window(
                session,
                WindowKeys(
                    0, each.path, each.box, (versions[0], versions[1]), first_ids[each.first],
                    second_ids[each.second], 0.0, 0.0, setting.city.working_srid,
                ),
            )
            for each in windows(first, second)
        ]  # fmt: skip


def _compare_all(tasks: list[WindowTask]) -> float:
    """The seconds of these windows, after the first two: what was handed over is there then, and the other has begun, too."""
    for task in tasks[:2]:
        overlaps_of(task)
    started = time.perf_counter()
    for task in tasks:
        overlaps_of(task)
    return time.perf_counter() - started


def _most_mb() -> int:
    # Not `ru_maxrss`: that of a new process begins at what the one that started it had, which holds the whole ground here.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024
