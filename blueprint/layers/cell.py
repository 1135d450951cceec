"""Starting the cell of `confinement` and saying what became of it: for every file that somebody else wrote."""

import json
import os
import pwd
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from blueprint.errors import InvalidInputError, UnavailableError
from blueprint.layers.confinement import GDAL_ENVIRONMENT, Bounds

WALL_SECONDS = 1800


@contextmanager
def cell(
    module: str,
    message: Mapping[str, Any],
    *,
    folder: Path,
    skipped_drivers: str,
    bounds: Bounds,
    pass_fds: tuple[int, ...] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `module.main(message)` in the cell, with `folder` its own; the child is killed when the caller leaves."""
    uid, gid = _nobody() if os.geteuid() == 0 else (os.getuid(), os.getgid())
    _hand_over(folder, uid, gid)
    request = dict(message) | {"uid": uid, "gid": gid, "bounds": asdict(bounds)}
    child = subprocess.Popen(
        [sys.executable, "-m", "blueprint.layers.confinement", module, json.dumps(request)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=pass_fds,
        env=_environment(folder, skipped_drivers),
        start_new_session=True,
    )
    killer = threading.Timer(WALL_SECONDS, child.kill)
    killer.start()
    try:
        yield child
    finally:
        killer.cancel()
        child.kill()
        child.wait()
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()


def cause_of_death(child: subprocess.Popen[bytes]) -> InvalidInputError | UnavailableError:
    """Why a child ended without a report, as far as its status and its last words tell."""
    assert child.stderr is not None
    complaint = child.stderr.read(1 << 16).decode(errors="replace").strip().splitlines()
    status = child.wait()
    if status in (-24, -9):  # SIGXCPU, SIGKILL: the bounds of the cell
        return InvalidInputError("the file takes longer to read than an upload may; simplify or split it")
    if (complaint and "MemoryError" in complaint[-1]) or status == -6:
        return InvalidInputError(
            "the file needs more memory than an upload may use; split it into smaller files"
        )
    if status == -11:
        return InvalidInputError(
            "the file brings its reader down; it is damaged or made to harm, export it again"
        )
    return UnavailableError(
        f"the reading process ended with {status}: {complaint[-1] if complaint else 'no word'}"
    )


def refuse_unreachable(folder: Path) -> None:
    """As root the child runs as another user, who must be able to come to its folder."""
    for parent in folder.parents:
        if os.geteuid() == 0 and not parent.stat().st_mode & 0o001:
            raise UnavailableError(
                f"the scratch folder lies in {parent}, which the confined reader cannot enter;"
                " set BLUEPRINT_SCRATCH to a folder like /var/tmp/blueprint"
            )


def _environment(folder: Path, skipped_drivers: str) -> dict[str, str]:
    return GDAL_ENVIRONMENT | {
        "GDAL_SKIP": skipped_drivers,
        "OGR_SKIP": skipped_drivers,
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _nobody() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _hand_over(folder: Path, uid: int, gid: int) -> None:
    """The child's user owns the scratch copy: GDAL may write side files beside it, and it sees nothing else."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, uid, gid)
