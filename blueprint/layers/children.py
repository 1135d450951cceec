"""Children that are forked from a parent which has loaded their libraries (`cell_parent`): starting, hearing, ending them.

A process of the service has such a parent for each kind of child, started with the first of them and gone with the service's
process. Kinds do not share one: pyogrio and rasterio each bring a GDAL, and the two in one process bring each other down.
"""

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from enum import StrEnum
from typing import IO, Any

from blueprint.layers.cell_parent import STATUS
from blueprint.layers.confinement import GDAL_ENVIRONMENT, Bounds
from blueprint.machine_code import GIVEN, kept_in

WALL_SECONDS = 1800
LARGE_BYTES = 1 << 20
"""A larger file is worth the second that it takes to load the compiled loops, once a process of the service."""

PLAIN_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
_PARENTS_ENVIRONMENT = (
    PLAIN_ENVIRONMENT
    | GDAL_ENVIRONMENT
    | {
        "JE_ARROW_MALLOC_CONF": "background_thread:false",  # a process of several threads is not safely forked
        # What a batch took is kept for the next: given back and asked for anew, a tenth of the time went to empty pages.
        "MALLOC_MMAP_THRESHOLD_": str(128 << 20),
        "MALLOC_TRIM_THRESHOLD_": str(512 << 20),
    }
)
_BROUGHT_DOWN = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE}
_LAST_WORDS_BYTES = 1 << 16


class Child:
    """A forked process: what it streams, its report, and in the end its status."""

    def __init__(self, control: socket.socket, output: int, complaints: int, report: int) -> None:
        self.output: IO[bytes] = os.fdopen(output, "rb")
        self.report: IO[str] = os.fdopen(report, encoding="utf-8")
        self.peak_bytes = 0
        self._control = control
        self._status: int | None = None
        self._said = b""
        # Read all the time: a child that waits to be heard would never end.
        self._listener = threading.Thread(target=self._listen, args=(complaints,), daemon=True)
        self._listener.start()

    def _listen(self, complaints: int) -> None:
        with os.fdopen(complaints, "rb", buffering=0) as stream:
            while block := stream.read(_LAST_WORDS_BYTES):
                self._said = (self._said + block)[-_LAST_WORDS_BYTES:]

    def wait(self) -> int:
        """Its exit code, or less than 0 the signal that ended it; waits for the end."""
        if self._status is None:
            told = self._control.recv(STATUS.size, socket.MSG_WAITALL)
            # Nothing is told where the parent is gone, which takes its children with it.
            self._status, self.peak_bytes = (
                STATUS.unpack(told) if len(told) == STATUS.size else (-signal.SIGKILL, 0)
            )
        return self._status

    def kill(self) -> None:
        """End it now, if it has not ended."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)

    def last_words(self) -> str:
        """The last line that it wrote to standard error; waits until it can write no more."""
        self._listener.join()
        return next(reversed(self._said.decode(errors="replace").strip().splitlines()), "")

    def close(self) -> None:
        """Kill it, wait for its end and let go of what is left of it."""
        self.kill()
        self.wait()
        self._listener.join()
        self._control.close()
        self.output.close()
        self.report.close()


class Kind(StrEnum):
    """Children that need the same libraries."""

    VECTOR = "vector"
    RASTER = "raster"
    DOCUMENT = "document"
    SHAPES = "shapes"


class _Parent:
    """The parent of this process's children of a kind, and the channel to it."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "blueprint.layers.cell_parent", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=_PARENTS_ENVIRONMENT | _machine_code(),
                start_new_session=True,
            )

    def fork(self, module: str) -> tuple[Child, int]:
        """A child that will run the module's `main`, and the descriptor on which it waits for its request."""
        control, their_control = socket.socketpair()
        (their_input, our_input), (our_output, their_output) = os.pipe(), os.pipe()
        (our_complaints, their_complaints), (our_report, their_report) = os.pipe(), os.pipe()
        given = [their_input, their_output, their_complaints, their_report]
        child = Child(control, our_output, our_complaints, our_report)
        try:
            socket.send_fds(self._channel, [module.encode()], [their_control.fileno(), *given])
        except OSError:
            os.close(our_input)
            raise
        finally:
            their_control.close()
            for descriptor in given:
                os.close(descriptor)
        return child, our_input

    def load(self, module: str) -> None:
        """Have it load what a child of this module needs."""
        self._channel.send(module.encode())

    def hang_up(self) -> None:
        """Let it end with the last of its children."""
        self._channel.close()


_lock = threading.Lock()
_parents: dict[tuple[int, Kind], _Parent] = {}
"""By the id of this process, as one that was forked from it has no part in its channels, and by kind."""

_leaving: list[_Parent] = []

_running: dict[int, list[Child]] = {}
"""By the thread that waits for them."""


def kill_children_of(thread: int) -> None:
    """End what a thread, by its identifier, is waiting for, so that it need not wait for the end of a long reading."""
    with _lock:
        for child in _running.get(thread, ()):
            child.kill()


@contextmanager
def _kept_as_running(child: Child) -> Iterator[None]:
    thread = threading.get_ident()
    with _lock:
        _running.setdefault(thread, []).append(child)
    try:
        yield
    finally:
        with _lock:
            _running[thread].remove(child)
            if not _running[thread]:
                del _running[thread]


def _machine_code() -> dict[str, str]:
    """Where the parent finds and keeps what loops are compiled to: it has neither home nor settings by which to tell."""
    folder = kept_in()
    return {GIVEN: str(folder)} if folder is not None else {}


def _fork(module: str, kind: Kind) -> tuple[_Parent, Child, int]:
    with _lock:
        parent = _parents.get((os.getpid(), kind))
        if parent is not None:
            with contextlib.suppress(
                BrokenPipeError, ConnectionResetError
            ):  # it is gone: a new one takes its place
                return parent, *parent.fork(module)
            _leaving.append(parent)
        _leaving[:] = [one for one in _leaving if one.process.poll() is None]
        parent = _parents[os.getpid(), kind] = _Parent()
        return parent, *parent.fork(module)


def prepare(module: str, kind: Kind) -> None:
    """Have the parent of such children load their libraries now, while the caller does something else."""
    with _lock:
        parent = _parents.get((os.getpid(), kind)) or _Parent()
        _parents[os.getpid(), kind] = parent
        with contextlib.suppress(OSError):  # it is gone: whoever needs a child will find that out
            parent.load(module)


def _retire(parent: _Parent) -> None:
    """Let a parent end; the next child has a new one, whose memory lies elsewhere."""
    with _lock:
        for key in [key for key, one in _parents.items() if one is parent]:
            del _parents[key]
            parent.hang_up()
            _leaving.append(parent)


def end_parents() -> None:
    """Let this process's parents of children go, and wait for their end."""
    for parent in [one for (pid, _), one in list(_parents.items()) if pid == os.getpid()]:
        _retire(parent)
        parent.process.wait()


atexit.register(end_parents)


@contextmanager
def child_of(
    module: str,
    message: Mapping[str, Any],
    *,
    kind: Kind,
    bounds: Bounds,
    environment: Mapping[str, str],
    wall_seconds: float = WALL_SECONDS,
) -> Iterator[Child]:
    """Run `module.main(message)` in a child of its own, killed when the caller leaves or after `wall_seconds`.

    A parent one of whose children was brought down is left: what a file did to one tells nothing of the next.
    """
    request = dict(message) | {"bounds": asdict(bounds), "environment": dict(environment)}
    with ExitStack() as stack:
        parent, child, waits_on = _fork(module, kind)
        stack.callback(lambda: _retire(parent) if child.wait() in _BROUGHT_DOWN else None)
        stack.callback(child.close)
        stack.enter_context(_kept_as_running(child))
        killer = threading.Timer(wall_seconds, child.kill)
        stack.callback(killer.cancel)
        killer.start()
        # A child that is dead already says so when it is asked for its report.
        with contextlib.suppress(BrokenPipeError), os.fdopen(waits_on, "w") as stream:
            json.dump(request, stream)
        yield child
