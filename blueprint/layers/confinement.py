"""What a process does to itself before it opens a hostile file: no network, no rights, bounded CPU, memory and output.

GDAL follows what a file tells it (VRT, remote links), so a file is never opened where there is a network, a secret or a
long life to lose. `cell` starts such a process, `cell_parent` is where it comes from.
"""

import contextlib
import ctypes
import os
import resource
from collections.abc import Iterable
from dataclasses import dataclass

REPORT_FD = 3
"""The descriptor on which a process in its cell writes its report; standard output is for what it streams."""

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38


@dataclass(frozen=True)
class Bounds:
    """What the child may use: CPU seconds, bytes of memory and of any file it writes."""

    cpu_seconds: int = 600
    memory_bytes: int = 4 << 30
    file_bytes: int = 4 << 30


GDAL_ENVIRONMENT = {
    "GDAL_HTTP_PROXY": "127.0.0.1:1",
    "GML_DOWNLOAD_SCHEMA": "NO",
    "GML_SKIP_RESOLVE_ELEMS": "ALL",
    "LIBKML_RESOLVE_STYLE": "NO",
    "OGR_SQLITE_LOAD_EXTENSIONS": "",
    "GDAL_NUM_THREADS": "1",
    "GDAL_CACHEMAX": "128",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_VRT_ENABLE_RAWRASTERBAND": "NO",
    "OGR_GEOJSON_MAX_OBJ_SIZE": "200",
}


def skip_drivers(registered: Iterable[str], allowed: Iterable[str]) -> str:
    """The value of GDAL_SKIP that leaves only the allowed drivers, comma separated as names may hold spaces."""
    return ",".join(sorted(set(registered) - set(allowed)))


def shut_off() -> None:
    """Let this process gain no rights, and no other of its user look into it or take it over."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def lock_in(bounds: Bounds) -> None:
    """Cut the network and bound the resources of this process; both must hold before a file is opened."""
    shut_off()
    _end_with_parent()
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET
    # A kernel that forbids namespaces leaves the driver list and the dead proxy as the fence.
    ctypes.CDLL(None, use_errno=True).unshare(flags)
    for limit, value in (
        (resource.RLIMIT_CPU, bounds.cpu_seconds),
        (resource.RLIMIT_AS, bounds.memory_bytes),
        (resource.RLIMIT_FSIZE, bounds.file_bytes),
        (resource.RLIMIT_NOFILE, 256),
    ):
        with contextlib.suppress(ValueError):  # a lower hard limit is in force already
            resource.setrlimit(limit, (value, value))


def drop_rights(uid: int, gid: int) -> None:
    """Become a user who owns nothing, once every library and CRS database has been opened."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        _end_with_parent()  # which the kernel forgets when the user changes


def _end_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
