"""What a process does to itself before it opens a hostile file: no network, no rights, bounded CPU, memory and output.

GDAL follows what a file tells it (VRT, remote links), so a file is never opened where there is a network, a secret or a
long life to lose. `cell` starts such a process, `cell_parent` is where it comes from.
"""

import contextlib
import ctypes
import errno
import os
import platform
import resource
import socket
from collections.abc import Iterable
from dataclasses import dataclass

REPORT_FD = 3
"""The descriptor on which a process in its cell writes its report; standard output is for what it streams."""

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP, _FILTER = 22, 2
_SOCKET_CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_IO_URING_SETUP = 425


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
    is_alone = ctypes.CDLL(None, use_errno=True).unshare(flags) == 0  # containers often forbid namespaces
    if not (forbid_sockets() or is_alone):
        raise OSError(
            "this kernel grants neither a network namespace nor a filter of system calls; no file is opened"
        )
    for limit, value in (
        (resource.RLIMIT_CPU, bounds.cpu_seconds),
        (resource.RLIMIT_AS, bounds.memory_bytes),
        (resource.RLIMIT_FSIZE, bounds.file_bytes),
        (resource.RLIMIT_NOFILE, 256),
    ):
        with contextlib.suppress(ValueError):  # a lower hard limit is in force already
            resource.setrlimit(limit, (value, value))


class _Instruction(ctypes.Structure):
    """`struct sock_filter`."""

    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction)))


def forbid_sockets() -> bool:
    """Let the kernel refuse this process, for good, every socket but those within the machine's own files (seccomp(2)).

    Says whether it does: it needs no right, but a machine whose calls are known here.
    """
    known = _SOCKET_CALLS.get(platform.machine())
    if known is None:
        return False
    architecture, socket_call = known
    load, if_equal, if_least, answer = 0x20, 0x15, 0x35, 0x06
    allowed, refused, killed = 0x7FFF0000, 0x00050000 | errno.ENETUNREACH, 0x80000000
    steps = (
        (load, 0, 0, 4),  # the architecture of the call
        (if_equal, 1, 0, architecture),
        (answer, 0, 0, killed),
        (load, 0, 0, 0),  # its number
        (if_least, 4, 0, 0x40000000),  # the same calls by another numbering
        (if_equal, 3, 0, _IO_URING_SETUP),  # by which sockets are made, too
        (if_equal, 0, 3, socket_call),
        (load, 0, 0, 16),  # its first argument, the family
        (if_equal, 1, 0, int(socket.AF_UNIX)),
        (answer, 0, 0, refused),
        (answer, 0, 0, allowed),
    )
    program = (_Instruction * len(steps))(*(_Instruction(*step) for step in steps))
    filtered = _Program(len(steps), program)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return bool(libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(filtered), 0, 0) == 0)


def drop_rights(uid: int, gid: int) -> None:
    """Become a user who owns nothing, once every library and CRS database has been opened."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        _end_with_parent()  # which the kernel forgets when the user changes


def _end_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
