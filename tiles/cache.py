"""Ready answers in memory: bounded by bytes, the longest unused leave first, and each is made once at a time."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from concurrent.futures import Future
from dataclasses import dataclass

_OVERHEAD_BYTES = 400


@dataclass(frozen=True)
class Tile:
    """A tile as it goes out; an empty body when there is nothing to draw."""

    body: bytes
    is_gzipped: bool


@dataclass(frozen=True)
class Claim:
    """What a caller got from the cache: `tile` may be done or under way; `is_maker` has to settle it."""

    tile: "Future[Tile]"
    is_maker: bool


class TileCache:
    """Tiles by key; safe to use from several threads."""

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity_bytes = capacity_bytes
        self._used_bytes = 0
        self._ready: OrderedDict[Hashable, Future[Tile]] = OrderedDict()
        self._under_way: dict[Hashable, Future[Tile]] = {}
        self._lock = threading.Lock()

    @property
    def used_bytes(self) -> int:
        """How much of the capacity the tiles take now."""
        return self._used_bytes

    def claim(self, key: Hashable) -> Claim:
        """The tile if it is there or being made by another; else the right, and the duty, to make it."""
        with self._lock:
            found = self._ready.get(key)
            if found is not None:
                self._ready.move_to_end(key)
                return Claim(found, is_maker=False)
            under_way = self._under_way.get(key)
            if under_way is not None:
                return Claim(under_way, is_maker=False)
            promise: Future[Tile] = Future()
            promise.set_running_or_notify_cancel()  # nobody who waits for it can cancel it
            self._under_way[key] = promise
            return Claim(promise, is_maker=True)

    def keep(self, key: Hashable, tile: Tile) -> None:
        """Settle a claim with the tile that was made; it stays until others push it out."""
        size = len(tile.body) + _OVERHEAD_BYTES
        with self._lock:
            promise = self._under_way.pop(key)
            promise.set_result(tile)
            if size > self._capacity_bytes:
                return
            self._ready[key] = promise
            self._used_bytes += size
            while self._used_bytes > self._capacity_bytes:
                _, pushed_out = self._ready.popitem(last=False)
                self._used_bytes -= len(pushed_out.result().body) + _OVERHEAD_BYTES

    def give_up(self, key: Hashable, error: BaseException) -> None:
        """Settle a claim whose tile could not be made; those who wait get the error, the next asks again."""
        with self._lock:
            promise = self._under_way.pop(key)
        promise.set_exception(error)
