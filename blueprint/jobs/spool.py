"""Files that wait for their job (待处理文件): in the scratch folder, under names of our own, kept until the job has ended."""

import os
import secrets
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO

from blueprint.errors import InvalidInputError, StorageFullError, UnavailableError, is_disk_full

_FOLDER = "waiting"
_LEFTOVER_SECONDS = 3600.0
"""A request keeps its file before its job is committed."""

_KILLED = ("upload-", "features-", "errors-", "export-", "differences-")
"""Folders in which files are unpacked, read and written; their process removes them, unless it is killed."""

_KILLED_SECONDS = 86_400.0
"""No reading and no export takes a day."""


def keep(source: IO[bytes], *, scratch: Path) -> str:
    """Keep a file on the disk before its job is asked for; gives the name by which `waiting_file` finds it."""
    folder = scratch / _FOLDER
    name = secrets.token_hex(16)
    try:
        scratch.mkdir(parents=True, exist_ok=True, mode=0o711)
        folder.mkdir(exist_ok=True, mode=0o700)
        with (folder / name).open("xb") as target:
            source.seek(0)
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
    except OSError as error:
        (folder / name).unlink(missing_ok=True)
        if is_disk_full(error):
            raise StorageFullError(
                "the disk is full; nothing was stored, free some space and upload again"
            ) from error
        raise UnavailableError(
            "the scratch folder cannot be used: {strerror}", strerror=error.strerror
        ) from error
    return name


def waiting_file(name: str, *, scratch: Path) -> Path:
    """The file of that name; InvalidInputError when the machine lost it."""
    path = scratch / _FOLDER / name
    if not path.is_file():
        raise InvalidInputError(
            "the file that waited for this job is gone from the scratch folder; upload it again"
        )
    return path


def forget(name: str, *, scratch: Path) -> None:
    """Remove a file whose job has ended."""
    (scratch / _FOLDER / name).unlink(missing_ok=True)


def forget_leftovers(wanted: Collection[str], *, scratch: Path) -> int:
    """Remove files that no job waits for, an hour after they came, and folders of killed processes after a day; says how many."""
    now = time.time()
    folder = scratch / _FOLDER
    files = [p for p in folder.iterdir() if p.name not in wanted] if folder.is_dir() else []
    files = _untouched(files, since=now - _LEFTOVER_SECONDS)
    for path in files:
        path.unlink(missing_ok=True)
    kept = [p for prefix in _KILLED for p in scratch.glob(f"{prefix}*") if p.is_dir() and not p.is_symlink()]
    folders = _untouched(kept, since=now - _KILLED_SECONDS)
    for path in folders:
        shutil.rmtree(path, ignore_errors=True)
    return len(files) + len(folders)


def _untouched(paths: Collection[Path], *, since: float) -> list[Path]:
    """Those that were last written before; one that went meanwhile is none."""
    found = []
    for path in paths:
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < since:
                found.append(path)
    return found
