"""An audit's differences by Dask workers: two beside one, and ten times the ground beside a tenth of it."""

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import dask
import numpy as np
import shapely
from distributed import Client, LocalCluster

from bench.made_city import CITY, TENTH, Ground, MadeLayer, made_layers, polygons, resized
from bench.setting import say
from coordination.plan_audit.cluster import on_cluster
from coordination.plan_audit.overlaps import WindowTask, load_loops, overlaps_of
from coordination.plan_audit.partitions import shared_folder
from coordination.plan_audit.windows import windows

CRS = "EPSG:4550"

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
    """What one run took: seconds, those of a core that client and scheduler had, the largest worker's memory, differences and their sum."""

    seconds: float
    handing_s: float
    worker_mb: int
    differences: int
    shared_m2: float


def measure_scaling(*, small: bool) -> dict[str, Any]:
    """Seconds and memory of one and of two workers, on a tenth of the ground and on all of it; ends the run when a sum is wrong."""
    layers = {layer.code: layer for layer in made_layers(small=small)}
    pair = (layers["LANDUSE"], layers["PLANNED"])
    tenth, whole = _sides(resized(pair, TENTH), TENTH), _sides(pair, CITY)
    runs: dict[str, _Run] = {}
    # All of the ground once with two workers and once with one: a second turn of these would take minutes more.
    for name, sides, ground, workers in (
        ("tenth", tenth, TENTH, 2),
        ("two", whole, CITY, 2),
        ("one", whole, CITY, 1),
        ("tenth", tenth, TENTH, 2),
    ):
        run = _run(sides, ground, workers)
        say(
            f"scaling: {len(sides[0]):,} × {len(sides[1]):,} polygons, {workers} workers: {run.seconds:.1f} s"
        )
        if name not in runs or run.seconds < runs[name].seconds:
            runs[name] = run
    alone_s, beside_s = _bare_seconds(tenth)
    say(
        f"scaling: the windows of a tenth by one bare process {alone_s:.1f} s, by each of two {beside_s:.1f} s"
    )
    return {
        "tenth": [len(side) for side in tenth],
        "whole": [len(side) for side in whole],
        "differences": runs["two"].differences,
        "one_worker_s": round(runs["one"].seconds, 2),
        "two_workers_s": round(runs["two"].seconds, 2),
        "tenth_s": round(runs["tenth"].seconds, 2),
        "handing_s": [round(runs["one"].handing_s, 2), round(runs["two"].handing_s, 2)],
        "one_over_two": round(runs["one"].seconds / runs["two"].seconds, 2),
        "bare_s": [round(alone_s, 2), round(beside_s, 2)],
        "machine_one_over_two": round(2 * alone_s / beside_s, 2),
        "whole_over_tenth": round(runs["two"].seconds / runs["tenth"].seconds, 2),
        "worker_mb": [runs["tenth"].worker_mb, runs["two"].worker_mb],
        "memory_over_tenth": round(runs["two"].worker_mb / runs["tenth"].worker_mb, 2),
    }


def _sides(layers: tuple[MadeLayer, ...], ground: Ground) -> list[np.ndarray]:
    return [np.concatenate(list(polygons(layer, ground))) for layer in layers]


def _run(sides: list[np.ndarray], ground: Ground, workers: int) -> _Run:
    with (
        dask.config.set(QUIET),
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
    ):
        with Client(cluster.scheduler_address) as client:
            client.run(load_loops)  # an existing cluster has the program loaded
        started, own = time.perf_counter(), time.process_time()
        count, shared_m2 = 0, 0.0
        with shared_folder(Path(gettempdir()), CRS) as shared:
            for _, found in on_cluster(cluster.scheduler_address, tasks_of(sides), shared):
                count += len(found)
                shared_m2 += float(found.areas_m2.sum())
        seconds, handing_s = time.perf_counter() - started, time.process_time() - own
        with Client(cluster.scheduler_address) as client:
            worker_mb = max(client.run(_most_mb).values())
    if abs(shared_m2 - ground.side_m**2) > SAME_M2:
        raise SystemExit(f"the differences sum to {shared_m2:.2f} m², the ground is {ground.side_m**2:.2f}")
    return _Run(seconds, handing_s, worker_mb, count, shared_m2)


def _bare_seconds(sides: list[np.ndarray]) -> tuple[float, float]:
    """What a process takes for the windows alone, and while another does the same beside it: no Dask, no files; the better of three turns each."""
    tasks = list(tasks_of(sides))
    alone, beside = [], []
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for _ in pool.map(_compare_all, [tasks[:1]] * 8):
            pass  # both have started and loaded what they need
        for _ in range(3):
            alone.append(pool.submit(_compare_all, tasks).result())
            both = [pool.submit(_compare_all, tasks) for _ in range(2)]
            beside.append(max(each.result() for each in both))
    return min(alone), min(beside)


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


def tasks_of(sides: list[np.ndarray]) -> Iterator[WindowTask]:
    """The windows as an audit gives them to its workers; shapes are written when a window's turn comes."""
    for window in windows(*(shapely.bounds(side) for side in sides)):
        rows = (window.first, window.second)
        shapes = [list(shapely.to_wkb(side[each])) for side, each in zip(sides, rows, strict=True)]
        yield WindowTask(
            window.path, window.box, rows[0].tolist(), shapes[0], rows[1].tolist(), shapes[1], 0.0, 0.0
        )
