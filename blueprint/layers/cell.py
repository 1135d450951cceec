"""The cell in which a file that somebody else wrote is opened, and what became of it."""

import errno
import os
import pwd
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blueprint.errors import InvalidInputError, UnavailableError
from blueprint.layers.children import PLAIN_ENVIRONMENT, Child, Kind, child_of
from blueprint.layers.confinement import GDAL_ENVIRONMENT, Bounds
from blueprint.sentences import Sentence


@contextmanager
def cell(
    module: str,
    message: Mapping[str, Any],
    *,
    folder: Path,
    skipped_drivers: str,
    bounds: Bounds,
    kind: Kind = Kind.VECTOR,
) -> Iterator[Child]:
    """Run `module.main(message)` in the cell, with `folder` its own; the child is killed when the caller leaves."""
    uid, gid = _nobody() if os.geteuid() == 0 else (os.getuid(), os.getgid())
    _hand_over(folder, uid, gid)
    with child_of(
        module,
        dict(message) | {"uid": uid, "gid": gid},
        kind=kind,
        bounds=bounds,
        environment=_environment(folder, skipped_drivers),
    ) as child:
        yield child


def cause_of_death(child: Child) -> InvalidInputError | UnavailableError:
    """Why a child ended without a report, as far as its status and its last words tell."""
    complaint = child.last_words()
    status = child.wait()
    if status in (-24, -9):  # SIGXCPU, SIGKILL: the bounds of the cell
        return InvalidInputError("the file takes longer to read than an upload may; simplify or split it")
    if _is_out_of_memory(complaint) or status == -6:
        return InvalidInputError(
            "the file needs more memory than an upload may use; split it into smaller files"
        )
    if status == -11:
        return InvalidInputError(
            "the file brings its reader down; it is damaged or made to harm, export it again"
        )
    return UnavailableError(
        "the reading process ended with {status}: {complaint}",
        status=status,
        complaint=complaint or Sentence("no word"),
    )


def _is_out_of_memory(complaint: str) -> bool:
    """Python says so by its own error, GEOS by what C++ throws."""
    return "MemoryError" in complaint or "std::bad_alloc" in complaint


def met_bounds(status: int, complaint: str) -> bool:
    """Whether a child that works on stored features ended at its bounds of time and memory: by its status and last words.

    What it maps counts as memory: of a file that is too large for it the mapping fails.
    """
    said = _is_out_of_memory(complaint) or os.strerror(errno.ENOMEM) in complaint
    return said or -status in (signal.SIGXCPU, signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV)


def refuse_unreachable(folder: Path) -> None:
    """As root the child runs as another user, who must be able to come to its folder."""
    for parent in folder.parents:
        if os.geteuid() == 0 and not parent.stat().st_mode & 0o001:
            raise UnavailableError(
                "the scratch folder lies in {parent}, which the confined reader cannot enter; set"
                " BLUEPRINT_SCRATCH to a folder like /var/tmp/blueprint",
                parent=parent,
            )


def _environment(folder: Path, skipped_drivers: str) -> dict[str, str]:
    return (
        PLAIN_ENVIRONMENT
        | GDAL_ENVIRONMENT
        | {
            "GDAL_SKIP": skipped_drivers,
            "OGR_SKIP": skipped_drivers,
            "HOME": str(folder),
            "TMPDIR": str(folder),
        }
    )


def _nobody() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _hand_over(folder: Path, uid: int, gid: int) -> None:
    """The child's user owns the scratch copy: GDAL may write side files beside it, and it sees nothing else."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            # An earlier child may have laid a link here to what is not its own.
            os.chown(path, uid, gid, follow_symlinks=False)
