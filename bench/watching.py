"""The most memory that a process and those below it had, looked up while they live.

`getrusage` does not tell: what a process had before it became another program counts with it.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_INTERVAL_S = 0.05


@dataclass
class Memory:
    """The most of this process and of one of those below it, in MB; what is mapped counts."""

    own_mb: int = 0
    children_mb: int = 0


@contextmanager
def watched() -> Iterator[Memory]:
    """Watch until the end of the block."""
    memory, is_over = Memory(), threading.Event()

    def look() -> None:
        memory.own_mb = max(memory.own_mb, _most_mb(os.getpid()))
        memory.children_mb = max([memory.children_mb, *map(_most_mb, _below(os.getpid()))])

    def watch() -> None:
        while not is_over.wait(_INTERVAL_S):
            look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield memory
    finally:
        is_over.set()
        watcher.join()
        look()


def _below(pid: int) -> Iterator[int]:
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield int(child)
                yield from _below(int(child))
    except OSError:  # it has ended
        return


def _most_mb(pid: int) -> int:
    """What the kernel noted as the most a process had (VmHWM); nothing where it has ended."""
    try:
        _, _, rest = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")
    except OSError:
        return 0
    return int(rest.split()[0]) >> 10 if rest else 0
