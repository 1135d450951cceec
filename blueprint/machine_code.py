"""Where the machine code of compiled loops (`blueprint.compiling`) is kept, so that a machine compiles each loop once."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

GIVEN = "NUMBA_CACHE_DIR"
"""Numba's own setting: the folder that an operator gives, or a process to its children."""

_NAME = "compiled"


@cache
def kept_in() -> Path | None:
    """The folder of this process: beside the program, else in the user's cache, else in the service's home; None where nothing can be kept.

    A program that root installed, or that lies on a disk mounted read-only, would else be compiled anew by every process.
    """
    if (given := os.environ.get(GIVEN)) and _can_be_written(Path(given)):
        return Path(given).resolve()
    return next((place for place in _places() if _can_be_written(place) and _is_ours_alone(place)), None)


def is_kept(*files: Path) -> bool:
    """Whether something was compiled of each of these files on this machine; if not, their first use takes some seconds.

    What an older file was compiled to counts, too: whether it is stale only Numba tells, and a date does not.
    """
    folder = kept_in()
    return folder is not None and all(any(folder.glob(f"*/{file.stem}.*.nbi")) for file in files)


def _places() -> Iterator[Path]:
    yield Path(__file__).resolve().parent / "__pycache__" / _NAME
    if given := os.environ.get("XDG_CACHE_HOME"):
        yield Path(given).resolve() / "one-blueprint" / _NAME
    with suppress(RuntimeError):  # a user without a home
        yield Path.home() / ".cache" / "one-blueprint" / _NAME
    home = Path(os.environ.get("BLUEPRINT_HOME", ".blueprint")).resolve()
    if home.is_dir():
        yield home / _NAME


def _can_be_written(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _is_ours_alone(folder: Path) -> bool:
    """What lies there is run: nobody else may write it."""
    about = folder.stat()
    return about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
