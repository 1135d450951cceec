"""Windows of an audit on several machines: an existing cluster of Dask workers does what the processes of one machine do.

The workers have this program of the same version installed and need no database: windows come to them whole, a few at a
time, so that neither they nor the scheduler hold more than these.
"""

from collections.abc import Iterator
from importlib import import_module

from blueprint.errors import InvalidInputError, UnavailableError
from coordination.plan_audit.overlaps import FoundOverlaps, WindowTask, overlaps_of

_CONNECT_S = 10
_RETRIES = 3
"""A window whose worker died is done by another one; so often it may kill its worker."""


def on_cluster(address: str, tasks: Iterator[WindowTask]) -> Iterator[tuple[str, FoundOverlaps]]:
    """The overlaps of every window, as they come back from the cluster at `address` (tcp://host:8786).

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
        waiting = dask.as_completed()
        for task in tasks:
            waiting.add(client.submit(_named, task, pure=False, retries=_RETRIES))
            if waiting.count() >= 2 * workers:
                yield next(waiting).result()
        for future in waiting:
            yield future.result()


def _named(task: WindowTask) -> tuple[str, FoundOverlaps]:
    return task.path, overlaps_of(task)
