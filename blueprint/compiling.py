"""Loops that Numba compiles, once a machine: what a loop was compiled to is kept (`blueprint.machine_code`) until it is stale.

Numba itself takes machine code as good as long as the file of its loop is the same, though loops and numbers of other files are compiled
into it. Here these are in the stamp, too. Processes may compile the same loop at once: files are put in their place whole.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numba
from numba.core import config
from numba.core.caching import UserProvidedCacheLocator
from numba.core.dispatcher import Dispatcher

from blueprint.machine_code import kept_in

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled_once(
    signature: str | None = None, *, error_model: Literal["python", "numpy"] = "python"
) -> Callable[[_F], _F]:
    """Compile a loop: with a `signature` when its module is loaded, else when it is first called. It lets other threads go on."""
    folder = kept_in()
    if folder is not None:  # settings that Numba makes while it is loaded: no checker of types knows them
        config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
        config.CACHE_LOCATOR_CLASSES = f"{__name__}.{Kept.__name__}"  # type: ignore[attr-defined]
    made = numba.njit(signature, cache=folder is not None, nogil=True, error_model=error_model)
    return cast(Callable[[_F], _F], made)


class Kept(UserProvidedCacheLocator):
    """Tells Numba where a loop's machine code lies, and by which stamp it is as good as compiled anew."""

    def __init__(self, loop: Callable[..., Any], file: str) -> None:
        super().__init__(loop, file)  # type: ignore[no-untyped-call]  # Numba has no types
        self._stamp = stamp_of(loop)

    def get_source_stamp(self) -> bytes:
        """Another one makes what is kept stale."""
        return self._stamp


def stamp_of(loop: Callable[..., Any]) -> bytes:
    """A digest of all that is compiled into a loop: its file, and the loops and numbers that this has from others."""
    content = hashlib.sha256(Path(loop.__code__.co_filename).read_bytes())
    for name, value in sorted(loop.__globals__.items()):
        if isinstance(value, Dispatcher) and value.py_func.__globals__ is not loop.__globals__:
            content.update(name.encode() + stamp_of(value.py_func))
        elif isinstance(value, int | float):
            content.update(f"{name}={value!r}".encode())
    return content.digest()
