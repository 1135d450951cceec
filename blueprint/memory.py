"""Memory that is no longer used, given back: children keep what they once had (`layers.children`), each thread for itself."""

import ctypes

import pyarrow as pa

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""glibc's; another C library gives back by itself, or not at all."""


def give_back() -> None:
    """Give back what is free, of all threads: after a step whose memory the next one cannot use."""
    pa.default_memory_pool().release_unused()
    if _trim is not None:
        _trim(0)
