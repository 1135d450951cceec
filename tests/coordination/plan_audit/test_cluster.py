"""An audit on a Dask cluster: the same as on one machine, also when a worker is killed meanwhile; without one it says so."""

import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from distributed import Client, LocalCluster
from pyproj import CRS

from blueprint.errors import UnavailableError
from coordination.plan_audit import cluster as cluster_module
from coordination.plan_audit.cluster import cluster_at, handed_over
from coordination.plan_audit.overlaps import FoundOverlaps, WindowTask, overlaps_of
from coordination.plan_audit.partitions import Partition, SharedFolder, compare_partition, shared_folder
from coordination.plan_audit.windows import windows


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
            zip(
                o.first_ids.tolist(),
                o.second_ids.tolist(),
                o.areas_m2.tolist(),
                o.shapes.to_pylist(),
                strict=True,
            )
        )
        for path, o in found
    }


@pytest.mark.parametrize("is_through_files", [False, True], ids=["over the network", "through files"])
def test_a_cluster_finds_what_one_machine_finds_though_a_worker_is_killed(
    cluster: LocalCluster, tmp_path: Path, is_through_files: bool
):
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
    with (
        shared_folder(tmp_path, "EPSG:4550") if is_through_files else nullcontext() as shared,
        cluster_at(cluster.scheduler_address) as workers,
    ):
        assert _sorted(handed_over(workers, killing(), shared)) == alone
    assert list(tmp_path.iterdir()) == []


def test_a_partition_is_geoparquet_that_others_read(tmp_path: Path):
    task = _tasks()[0]

    with shared_folder(tmp_path, "EPSG:4550") as shared:
        partition = compare_partition(shared.put_down(task))
        first, found = (geopandas.read_parquet(partition.file(side)) for side in ("first", "found"))

    assert first.crs == found.crs == CRS("EPSG:4550")
    assert list(first.feature_id) == list(task.first_ids)
    assert list(first.geometry.to_wkb()) == list(task.first_shapes)
    assert found.plane_m2.tolist() == pytest.approx(found.area.tolist())


def test_the_folder_goes_when_the_audit_is_ended_and_the_next_one_removes_what_a_killed_one_left(
    tmp_path: Path,
):
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), shared_folder(tmp_path, "EPSG:4550") as shared:
        shared.put_down(_tasks()[0])
        os.kill(os.getpid(), signal.SIGTERM)
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) == handler

    (tmp_path / "plan-audit-killed" / "first").mkdir(parents=True)
    (tmp_path / "plan-audit-killed" / "held").touch()
    (tmp_path / "plan-audit-of-someone").mkdir()
    with shared_folder(tmp_path, "EPSG:4550") as one, shared_folder(tmp_path, "EPSG:4550") as other:
        assert set(tmp_path.iterdir()) == {one.folder, other.folder, tmp_path / "plan-audit-of-someone"}


def test_that_the_workers_compile_first_is_told(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch):
    told: list[str] = []

    def tell(phase: str, _done: int) -> None:
        told.append(phase)

    with cluster_at(cluster.scheduler_address) as workers:
        list(handed_over(workers, iter(_tasks()[:1])))
    with cluster_at(cluster.scheduler_address, tell):
        assert told == [], "the workers of this machine have their loops"
    monkeypatch.setattr(cluster_module, "loops_are_kept", lambda: False)
    with cluster_at(cluster.scheduler_address, tell):
        assert told == ["compile"]


def test_a_worker_that_does_not_see_the_folder_is_said(cluster: LocalCluster, tmp_path: Path):
    class Elsewhere(SharedFolder):
        """A folder that the workers do not have."""

        def put_down(self, task: WindowTask) -> Partition:
            return replace(super().put_down(task), folder=str(tmp_path / "elsewhere"))

    with (
        shared_folder(tmp_path, "EPSG:4550") as shared,
        cluster_at(cluster.scheduler_address) as workers,
        pytest.raises(UnavailableError, match="same path"),
    ):
        list(handed_over(workers, iter(_tasks()[:1]), Elsewhere(shared.folder, shared.crs)))


def test_without_a_scheduler_it_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster_module, "_CONNECT_S", 1)
    with pytest.raises(UnavailableError, match="no Dask scheduler answers"), cluster_at("tcp://127.0.0.1:1"):
        pass
