from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tiles.cache import Tile, TileCache


def test_a_tile_is_made_by_one_and_given_to_all():
    cache, barrier = TileCache(10_000), Barrier(8)

    def ask(_: int) -> tuple[bool, bytes]:
        barrier.wait()
        claim = cache.claim("key")
        if claim.is_maker:
            cache.keep("key", Tile(b"made once", is_gzipped=False))
        return claim.is_maker, claim.tile.result(timeout=5).body

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))

    assert sum(is_maker for is_maker, _ in answers) == 1
    assert {body for _, body in answers} == {b"made once"}


def test_the_longest_unused_tile_leaves_first_and_the_bytes_stay_bounded():
    cache = TileCache(4_500)
    for key in "abc":
        cache.claim(key)
        cache.keep(key, Tile(b"x" * 1_000, is_gzipped=False))
    assert not cache.claim("a").is_maker

    cache.claim("d")
    cache.keep("d", Tile(b"x" * 1_000, is_gzipped=False))

    assert cache.used_bytes <= 4_500
    assert cache.claim("b").is_maker
    assert not cache.claim("a").is_maker


def test_a_tile_larger_than_the_cache_is_given_but_not_kept():
    cache = TileCache(100)
    claim = cache.claim("key")
    cache.keep("key", Tile(b"x" * 1_000, is_gzipped=False))

    assert len(claim.tile.result().body) == 1_000
    assert cache.used_bytes == 0
    assert cache.claim("key").is_maker


def test_a_failure_reaches_those_who_wait_and_the_next_asks_again():
    cache = TileCache(10_000)
    cache.claim("key")
    waiting = cache.claim("key")
    cache.give_up("key", OSError("broken"))

    with pytest.raises(OSError, match="broken"):
        waiting.tile.result()
    assert cache.claim("key").is_maker
