"""Windows of an audit on several machines: an existing cluster of Dask workers does what the processes of one machine do.

The workers have this program of the same version installed. Those that reach the database read their windows there and keep
what they find: only the ids of features go to them. To others windows come whole, a few at a time, so that neither they nor
the scheduler hold more than these: over the network, or through a folder that all machines share, and then the scheduler
hands on only where they lie.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

from blueprint.errors import InvalidInputError, UnavailableError
from coordination.plan_audit.overlaps import FoundOverlaps, WindowTask, loops_are_kept, overlaps_of
from coordination.plan_audit.partitions import SharedFolder, compare_partition
from coordination.plan_audit.window_rows import Reach, WindowKeys, compare_in_database, reached_database

_CONNECT_S = 10
_RETRIES = 3
"""A window whose worker died is done by another one; so often it may kill its worker."""

Given = TypeVar("Given")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Cluster:
    """The workers behind a scheduler, as many as there were when they were asked for."""

    client: Any
    workers: int

    def work(self, act: Callable[[Given], Answer], given: Iterable[Given]) -> Generator[Answer, None, None]:
        """What the workers make of each, as it comes back; no more than two a worker are on their way."""
        waiting = import_module("distributed").as_completed()
        for each in given:
            waiting.add(self.client.submit(act, each, pure=False, retries=_RETRIES))
            if waiting.count() >= 2 * self.workers:
                yield next(waiting).result()
        for future in waiting:
            yield future.result()

    def reaches(self, database: str, reach: Reach) -> bool:
        """Whether every worker reaches this very database by its own settings."""
        reached = self.client.run(reached_database, reach)
        return all(each == database for each in reached.values())


@contextmanager
def cluster_at(
    address: str, tell: Callable[[str, int], None] = lambda _phase, _done: None
) -> Iterator[Cluster]:
    """The cluster whose scheduler is at `address` (tcp://host:8786); what was not done at the end is not done any more.

    `tell` hears of the phase `compile` where a worker's machine has not compiled its loops yet.

    Raises UnavailableError where there is no scheduler, or no worker; InvalidInputError where Dask is not installed.
    """
    try:
        dask = import_module("distributed")  # an optional extra, and slow to import
    except ImportError:
        raise InvalidInputError(
            "audits on a cluster need the package `distributed`: pip install 'one-blueprint[cluster]'"
        ) from None
    try:
        client = dask.Client(address, timeout=_CONNECT_S)
    except (OSError, ValueError) as error:
        raise UnavailableError("no Dask scheduler answers at {address}", address=address) from error
    with client:
        workers = len(client.scheduler_info(n_workers=-1)["workers"])
        if not workers:
            raise UnavailableError(
                "the Dask scheduler at {address} has no worker; start some", address=address
            )
        if not all(client.run(loops_are_kept).values()):
            tell("compile", 0)
        yield Cluster(client, workers)


def in_database(cluster: Cluster, windows: Iterator[WindowKeys], reach: Reach) -> Generator[int, None, None]:
    """How many overlaps each window had, whose worker has read and kept them in the database by itself."""
    yield from cluster.work(partial(compare_in_database, reach), windows)


def handed_over(
    cluster: Cluster, tasks: Iterator[WindowTask], shared: SharedFolder | None = None
) -> Generator[tuple[str, FoundOverlaps], None, None]:
    """The overlaps of every window, as they come back from workers that it was handed to, over the network or through `shared`."""
    if shared is None:
        yield from cluster.work(_compared, tasks)
        return
    for partition in cluster.work(compare_partition, map(shared.put_down, tasks)):
        yield partition.path, shared.take_up(partition)


def _compared(task: WindowTask) -> tuple[str, FoundOverlaps]:
    return task.path, overlaps_of(task)
