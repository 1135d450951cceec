"""Windows of an audit on several machines: an existing cluster of Dask workers does what the processes of one machine do.

The workers have this program of the same version installed and need no database: windows come to them whole, a few at a
time, so that neither they nor the scheduler hold more than these. They come over the network, or through a folder that all
machines share: then the scheduler hands on only where they lie.
"""

from collections.abc import Callable, Generator, Iterator
from importlib import import_module

from blueprint.errors import InvalidInputError, UnavailableError
from coordination.plan_audit.overlaps import FoundOverlaps, WindowTask, loops_are_kept, overlaps_of
from coordination.plan_audit.partitions import Partition, SharedFolder, compare_partition

_CONNECT_S = 10
_RETRIES = 3
"""A window whose worker died is done by another one; so often it may kill its worker."""


def on_cluster(
    address: str,
    tasks: Iterator[WindowTask],
    shared: SharedFolder | None = None,
    tell: Callable[[str, int], None] = lambda _phase, _done: None,
) -> Generator[tuple[str, FoundOverlaps], None, None]:
    """The overlaps of every window, as they come back from the cluster at `address` (tcp://host:8786), or through `shared`.

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
        waiting = dask.as_completed()
        for task in tasks:
            given = task if shared is None else shared.put_down(task)
            waiting.add(client.submit(_compared, given, pure=False, retries=_RETRIES))
            if waiting.count() >= 2 * workers:
                yield _taken(next(waiting).result(), shared)
        for future in waiting:
            yield _taken(future.result(), shared)


def _compared(given: WindowTask | Partition) -> tuple[str, FoundOverlaps | Partition]:
    return given.path, compare_partition(given) if isinstance(given, Partition) else overlaps_of(given)


def _taken(
    answer: tuple[str, FoundOverlaps | Partition], shared: SharedFolder | None
) -> tuple[str, FoundOverlaps]:
    path, found = answer
    if isinstance(found, Partition):
        assert shared is not None  # only what was put down there comes back as a partition
        found = shared.take_up(found)
    return path, found
