"""The cell in which hostile files are opened: no network, no rights, bounded CPU, memory and output.

`python -m blueprint.layers.confinement MODULE REQUEST` locks this process in and then hands it to MODULE's
`main(request)`. GDAL follows what a file tells it (VRT, remote links), so a file is never opened where there is a
network, a secret or a long life to lose.
"""

import contextlib
import ctypes
import importlib
import json
import os
import resource
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.abc import MetaPathFinder

_UNUSED = ("pandas", "geopandas")
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_PDEATHSIG = 1


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
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def skip_drivers(registered: Iterable[str], allowed: Iterable[str]) -> str:
    """The value of GDAL_SKIP that leaves only the allowed drivers, comma separated as names may hold spaces."""
    return ",".join(sorted(set(registered) - set(allowed)))


def lock_in(bounds: Bounds) -> None:
    """Cut the network and bound the resources of this process; both must hold before a file is opened."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET
    # A kernel that forbids namespaces leaves the driver list and the dead proxy as the fence.
    libc.unshare(flags)
    for limit, value in (
        (resource.RLIMIT_CPU, bounds.cpu_seconds),
        (resource.RLIMIT_AS, bounds.memory_bytes),
        (resource.RLIMIT_FSIZE, bounds.file_bytes),
        (resource.RLIMIT_CORE, 0),
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


class _Absent(MetaPathFinder):
    """Makes unused packages look as if they were not installed."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """No module of them is found; others are left to the finders that follow."""
        if name.partition(".")[0] in _UNUSED:
            raise ModuleNotFoundError(f"{name} is not for the cell", name=name)


def main() -> None:
    """Lock this process in, then run the module named on the command line; the lock comes before its imports."""
    module, request = sys.argv[1], json.loads(sys.argv[2])
    lock_in(Bounds(**request.pop("bounds")))
    # pyogrio loads both where it finds them; a reader of Arrow batches has no use for them, and they take a second.
    sys.meta_path.insert(0, _Absent())
    importlib.import_module(module).main(request)


if __name__ == "__main__":
    main()
