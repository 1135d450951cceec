"""What happens often, summed so that the log stays useful and cannot be flooded.

The first of a sum is told at once; what follows is counted and told when the sum is closed.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

SUMMED_FOR = timedelta(minutes=10)

Key = TypeVar("Key", bound=Hashable)
Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Told(Generic[Key, Subject]):
    """So many of the same from `began` on; `subject` is what the first was about."""

    key: Key
    subject: Subject
    began: datetime
    count: int


@dataclass
class _Sum(Generic[Subject]):
    subject: Subject
    began: datetime
    untold: int = 0


class Sums(Generic[Key, Subject]):
    """Sums by key; `tell` writes them down and raises when it cannot, and nothing of it is then forgotten."""

    def __init__(self, tell: Callable[[Sequence[Told[Key, Subject]]], None]) -> None:
        self._tell = tell
        self._sums: dict[Key, _Sum[Subject]] = {}
        self._lock = threading.Lock()

    def note(self, key: Key, subject: Subject, now: datetime) -> None:
        """Note one; the first of its key is told before this returns."""
        with self._lock:
            over = self._close(now)
            known = self._sums.get(key)
            if known is None:
                self._sums[key] = _Sum(subject, now)
            else:
                known.untold += 1
        first = [Told(key, subject, now, 1)] if known is None else []
        if over or first:
            try:
                self._tell([*over, *first])
            except BaseException:
                with self._lock:
                    self._sums.pop(key, None)
                    self._keep(over)
                raise

    def open_keys(self, now: datetime) -> frozenset[Key]:
        """The keys that are being summed now."""
        with self._lock:
            return frozenset(key for key, s in self._sums.items() if now - s.began < SUMMED_FOR)

    def close(self) -> None:
        """Tell what is summed and not told yet; at the end of the service."""
        with self._lock:
            over = self._close(None)
        if over:
            self._tell(over)

    def _keep(self, over: Sequence[Told[Key, Subject]]) -> None:
        """Put back what could not be told, to be told with the next."""
        for told in over:
            self._sums.setdefault(told.key, _Sum(told.subject, told.began)).untold += told.count

    def _close(self, now: datetime | None) -> list[Told[Key, Subject]]:
        closed = [key for key, s in self._sums.items() if now is None or now - s.began >= SUMMED_FOR]
        over = []
        for key in closed:
            s = self._sums.pop(key)
            if s.untold:
                over.append(Told(key, s.subject, s.began, s.untold))
        return over
