"""Windows of an audit as partitioned GeoParquet, in a folder that this machine and the workers of a cluster share.

A window's features are two files, what a worker found in it a third; between machines goes only where they lie. Every file is
whole or not there, so a worker that dies over one leaves nothing that another could take for it.
"""

import fcntl
import json
import logging
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from blueprint.errors import InvalidInputError, UnavailableError
from coordination.plan_audit.overlaps import FoundOverlaps, WindowTask, overlaps_of
from coordination.plan_audit.windows import Box

_GEOMETRY = "geometry"
_PREFIX, _HELD = "plan-audit-", "held"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Partition:
    """A window whose features lie in files: what a worker is handed instead of their shapes."""

    path: str
    box: Box
    folder: str
    crs: str
    tolerance_m2: float
    sliver_width_m: float

    def file(self, side: str) -> Path:
        """Where the features of a side, or what was found, lie."""
        return Path(self.folder) / side / f"window-{self.path or 'whole'}.parquet"


@dataclass(frozen=True)
class SharedFolder:
    """The folder of one audit, and the CRS of its shapes as PROJJSON."""

    folder: Path
    crs: str

    def put_down(self, task: WindowTask) -> Partition:
        """Write the features of a window, in their order."""
        partition = Partition(
            task.path, task.box, str(self.folder), self.crs, task.tolerance_m2, task.sliver_width_m
        )
        for side, ids, shapes in (
            ("first", task.first_ids, task.first_shapes),
            ("second", task.second_ids, task.second_shapes),
        ):
            _write(partition.file(side), {"feature_id": pa.array(ids, pa.int64())}, shapes, self.crs)
        return partition

    def take_up(self, partition: Partition) -> FoundOverlaps:
        """Read what was found in a window; its files are no longer needed then."""
        table = _read(partition.file("found"))
        for side in ("first", "second", "found"):
            partition.file(side).unlink(missing_ok=True)
        return FoundOverlaps(
            _numbers(table, "first_id"),
            _numbers(table, "second_id"),
            _numbers(table, "plane_m2"),
            _numbers(table, "is_sliver"),
            pa.concat_arrays(table[_GEOMETRY].chunks),
        )


@contextmanager
def shared_folder(parent: Path, crs: str) -> Iterator[SharedFolder]:
    """A folder of this audit alone, inside one that the workers see at the same path; only the same user may look into it."""
    with _ended_as_by_interrupt(), _folder_in(parent) as folder, _held(folder):
        _remove_left_over(folder.parent)
        for side in ("first", "second", "found"):
            (folder / side).mkdir()
        yield SharedFolder(folder, CRS.from_user_input(crs).to_json())


@contextmanager
def _folder_in(parent: Path) -> Iterator[Path]:
    try:
        made = TemporaryDirectory(prefix=_PREFIX, dir=parent.resolve(), ignore_cleanup_errors=True)
    except OSError as error:
        raise InvalidInputError(
            "no partitions can be written to {parent}: {strerror}", parent=parent, strerror=error.strerror
        ) from error
    folder = Path(made.name)
    try:
        with made:
            yield folder
    finally:
        if folder.exists():
            _log.warning("features of both layers are left in %s; remove it", folder)


@contextmanager
def _ended_as_by_interrupt() -> Iterator[None]:
    """Let the end of a process or of its terminal (SIGTERM, SIGHUP) be what ^C is: the features do not stay on the disk."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is told of signals
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in kept.items():
        if handler == signal.SIG_DFL:  # what is ignored (nohup), or dealt with by others, stays so
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """A lock in the folder for as long as its audit runs; it comes there locked, so that nobody finds it free before."""
    with (folder / ".held").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Path(lock.name).rename(folder / _HELD)
        yield


def _remove_left_over(parent: Path) -> None:
    """Remove what audits of the same user left that were killed: folders whose lock is free."""
    for lock in parent.glob(f"{_PREFIX}*/{_HELD}"):
        with suppress(OSError), lock.open("rb+") as opened:  # held, another user's, or gone meanwhile
            if os.fstat(opened.fileno()).st_uid == os.getuid():
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent)


def compare_partition(partition: Partition) -> Partition:
    """Compare the features of a window on a worker, and write what they have in common beside them."""
    first, second = (_read(partition.file(side)) for side in ("first", "second"))
    found = overlaps_of(
        WindowTask(
            partition.path,
            partition.box,
            _numbers(first, "feature_id").tolist(),
            list(_numbers(first, _GEOMETRY)),
            _numbers(second, "feature_id").tolist(),
            list(_numbers(second, _GEOMETRY)),
            partition.tolerance_m2,
            partition.sliver_width_m,
        )
    )
    columns = {
        "first_id": pa.array(found.first_ids, pa.int64()),
        "second_id": pa.array(found.second_ids, pa.int64()),
        "plane_m2": pa.array(found.areas_m2, pa.float64()),
        "is_sliver": pa.array(found.slivers, pa.bool_()),
    }
    _write(partition.file("found"), columns, found.shapes, partition.crs)
    return partition


def _write(path: Path, columns: dict[str, pa.Array], shapes: Any, crs: str) -> None:
    """A GeoParquet file, written beside its place and then put there; uncompressed, since coordinates hardly compress."""
    described = {"encoding": "WKB", "geometry_types": [], "crs": json.loads(crs)}
    geo = {"version": "1.1.0", "primary_column": _GEOMETRY, "columns": {_GEOMETRY: described}}
    table = pa.table(columns | {_GEOMETRY: pa.array(shapes, pa.large_binary())})
    partial = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        pq.write_table(
            table.replace_schema_metadata({"geo": json.dumps(geo)}),
            partial,
            compression="none",
            use_dictionary=False,
            write_statistics=False,
        )
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UnavailableError(
            "the partition {path} cannot be written: {strerror}", path=path, strerror=error.strerror or error
        ) from error


def _read(path: Path) -> pa.Table:
    try:
        return pq.ParquetFile(path).read(use_threads=False)
    except (OSError, pa.ArrowInvalid) as error:
        raise UnavailableError(
            "the partition {path} cannot be read where it is asked for; the folder must be there at the"
            " same path on every worker",
            path=path,
        ) from error


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].to_numpy())
