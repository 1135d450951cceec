"""Windows of an audit on the cores of this machine: a thread each, since compiled loops and GEOS let the others go on while they cut.

Processes would be handed every shape as bytes and hand every patch back: a quarter more work for the same patches.
"""

import itertools
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from coordination.plan_audit.overlaps import FoundOverlaps, WindowTask, overlaps_of


def on_cores(tasks: Iterator[WindowTask], workers: int) -> Generator[tuple[str, FoundOverlaps], None, None]:
    """The overlaps of every window, as the windows come to their ends; one alone is compared here and now."""
    head = list(itertools.islice(tasks, 2))
    if len(head) < 2 or workers == 1:
        for task in itertools.chain(head, tasks):
            yield task.path, overlaps_of(task)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="window") as pool:
        waiting: dict[Future[FoundOverlaps], str] = {}
        for task in itertools.chain(head, tasks):
            waiting[pool.submit(overlaps_of, task)] = task.path
            # Never more in memory than the workers are at and one more each.
            if len(waiting) >= 2 * workers:
                yield from _ended(waiting)
        while waiting:
            yield from _ended(waiting)


def _ended(waiting: dict[Future[FoundOverlaps], str]) -> Iterator[tuple[str, FoundOverlaps]]:
    ended, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in ended:
        yield waiting.pop(future), future.result()
