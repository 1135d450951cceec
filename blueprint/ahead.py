"""Two things at once: what comes next is made while what came before is worked on."""

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

_T = TypeVar("_T")
_AHEAD = 3
"""Items that may wait."""


def ahead(items: Iterator[_T]) -> Generator[_T, None, None]:
    """The same items, made by another thread while this one works on those before; close it to let the thread go."""
    waiting: queue.Queue[tuple[_T] | Exception | None] = queue.Queue(_AHEAD)
    is_over = threading.Event()

    def put(item: tuple[_T] | Exception | None) -> None:
        while not is_over.is_set():
            with contextlib.suppress(queue.Full):
                waiting.put(item, timeout=0.5)
                return

    def read() -> None:
        try:
            for item in items:
                put((item,))
                if is_over.is_set():
                    return
        except Exception as error:  # told to who takes the items
            put(error)
        put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item[0]
    finally:
        is_over.set()
