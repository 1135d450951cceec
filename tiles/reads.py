"""Who read which internal or restricted layer as tiles, summed by session, layer and area, so that the log stays useful.

The first tile of a sum is told at once, before it is sent; what follows is counted and told when the sum is closed.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from blueprint.permissions import Actor, Thing
from tiles.addresses import Coordinates

SUMMED_FOR = timedelta(minutes=10)
AREA_ZOOM = 10
"""An area is the tile of this zoom (some 30 km at the latitude of Anshan) that holds what was read, or a larger one."""


@dataclass(frozen=True)
class Read:
    """Tiles of one version that one session read in one area: how many from `began` on."""

    actor: Actor
    thing: Thing
    version: int
    area: str
    began: datetime
    count: int


@dataclass
class _Sum:
    actor: Actor
    thing: Thing
    began: datetime
    untold: int = 0


Tell = Callable[[Sequence[Read]], None]
_Key = tuple[str, str | None, int, str]


class ReadLog:
    """Sums reads; `tell` writes them down and raises when it cannot, so that nothing leaves unrecorded."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._sums: dict[_Key, _Sum] = {}
        self._lock = threading.Lock()

    def note(
        self, actor: Actor, reader: str, thing: Thing, version: int, at: Coordinates, now: datetime
    ) -> None:
        """Note a tile that is about to be sent to `reader` (a session or a token)."""
        area = area_of(at)
        key = (reader, thing.layer, version, area)
        with self._lock:
            over = self._close(now)
            known = self._sums.get(key)
            if known is None:
                self._sums[key] = _Sum(actor, thing, now)
            else:
                known.untold += 1
        first = [Read(actor, thing, version, area, now, 1)] if known is None else []
        if over or first:
            try:
                self._tell([*over, *first])
            except BaseException:
                with self._lock:
                    self._sums.pop(key, None)
                    self._keep(reader, over)
                raise

    def _keep(self, reader: str, over: Sequence[Read]) -> None:
        """Put back what could not be told, to be told with the next."""
        for read in over:
            key = (reader, read.thing.layer, read.version, read.area)
            self._sums.setdefault(key, _Sum(read.actor, read.thing, read.began)).untold += read.count

    def close(self) -> None:
        """Tell what is summed and not told yet; at the end of the service."""
        with self._lock:
            over = self._close(None)
        if over:
            self._tell(over)

    def _close(self, now: datetime | None) -> list[Read]:
        closed = [key for key, s in self._sums.items() if now is None or now - s.began >= SUMMED_FOR]
        over = []
        for key in closed:
            s = self._sums.pop(key)
            if s.untold:
                _, _, version, area = key
                over.append(Read(s.actor, s.thing, version, area, s.began, s.untold))
        return over


def area_of(at: Coordinates) -> str:
    """The area of a tile, as `z/x/y` of at most AREA_ZOOM."""
    steps = max(0, at.z - AREA_ZOOM)
    return f"{at.z - steps}/{at.x >> steps}/{at.y >> steps}"
