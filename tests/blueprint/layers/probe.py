"""A module for the cell that looks around instead of reading a file, and does harm when it is told to."""

import ctypes
import errno
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from blueprint.layers.confinement import REPORT_FD, drop_rights

left_behind: list[str] = []


def main(request: dict[str, Any]) -> None:
    """Say what this process has, as the request asks; or come to a bad end."""
    drop_rights(request["uid"], request["gid"])
    if request["do"] == "crash":
        ctypes.string_at(0)
    if request["do"] == "hang":
        os.write(REPORT_FD, str(os.getpid()).encode())
        os.close(REPORT_FD)
        time.sleep(600)
    seen = {
        "left_behind": list(left_behind),
        "environment": dict(os.environ),
        "open_files": [
            entry.readlink().name
            for entry in Path("/proc/self/fd").iterdir()
            if int(entry.name) > REPORT_FD and entry.exists()
        ],
        "threads_of_parent": len(list(Path(f"/proc/{os.getppid()}/task").iterdir())),
        "parent": os.getppid(),
        "reaches_anything": _reaches_anything(),
    }
    left_behind.append("a trace")
    with os.fdopen(REPORT_FD, "w") as stream:
        json.dump(seen, stream)


def _reaches_anything() -> bool:
    try:
        with socket.socket() as tried:
            return tried.connect_ex((b"127.0.0.1", 9)) != errno.ENETUNREACH
    except OSError as error:
        return error.errno != errno.ENETUNREACH
