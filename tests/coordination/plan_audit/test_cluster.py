"""An audit on a Dask cluster: the same as on one machine, also when a worker is killed meanwhile; without one it says so."""

import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest
import shapely
from distributed import Client, LocalCluster

from blueprint.errors import UnavailableError
from coordination.plan_audit import cluster as cluster_module
from coordination.plan_audit.cluster import on_cluster
from coordination.plan_audit.overlaps import FoundOverlaps, WindowTask, overlaps_of
from coordination.plan_audit.windows import windows


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as made:
        yield made


def _tasks() -> list[WindowTask]:
    """Two coverages of boxes, in many windows."""
    first = [shapely.box(x, y, x + 50, y + 50) for x in range(0, 1000, 50) for y in range(0, 1000, 50)]
    second = [shapely.box(x, y, x + 70, y + 70) for x in range(0, 980, 70) for y in range(0, 980, 70)]
    sides = [np.array(side, dtype=object) for side in (first, second)]
    tasks = []
    for window in windows(shapely.bounds(sides[0]), shapely.bounds(sides[1]), most=60):
        shapes = [
            [bytes(wkb) for wkb in shapely.to_wkb(side[rows])]
            for side, rows in zip(sides, (window.first, window.second), strict=True)
        ]
        ids = (window.first.tolist(), window.second.tolist())
        tasks.append(WindowTask(window.path, window.box, ids[0], shapes[0], ids[1], shapes[1], 0.0, 0.0))
    return tasks


def _sorted(found: Iterator[tuple[str, FoundOverlaps]]) -> dict[str, list[tuple[int, int, float, bytes]]]:
    return {
        path: sorted(
            zip(o.first_ids.tolist(), o.second_ids.tolist(), o.areas_m2.tolist(), o.shapes, strict=True)
        )
        for path, o in found
    }


def test_a_cluster_finds_what_one_machine_finds_though_a_worker_is_killed(cluster: LocalCluster):
    tasks = _tasks()
    alone = _sorted((task.path, overlaps_of(task)) for task in tasks)

    with Client(cluster.scheduler_address) as client:
        [pid, *_] = client.run(os.getpid).values()

    def killing() -> Iterator[WindowTask]:
        for number, task in enumerate(tasks):
            if number == len(tasks) // 2:
                os.kill(pid, signal.SIGKILL)
            yield task

    assert len(tasks) > 10
    assert _sorted(on_cluster(cluster.scheduler_address, killing())) == alone


def test_without_a_scheduler_it_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster_module, "_CONNECT_S", 1)
    with pytest.raises(UnavailableError, match="no Dask scheduler answers"):
        next(on_cluster("tcp://127.0.0.1:1", iter(())))
