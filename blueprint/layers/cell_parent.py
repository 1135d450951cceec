"""The process that cells are forked from: it has loaded their libraries, which takes as long as many a file, and nothing else.

`python -m blueprint.layers.cell_parent DESCRIPTOR` answers to one process of the service by the socket of that number. It
is started with an environment of its own, opens no file of anybody's and no connection, and has one thread. A message
names a module and brings five descriptors; a child is forked that locks itself in and runs the module's `main`. It ends
with its control socket, and all of them with the service's process. A message without descriptors has the module loaded.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import tempfile
import traceback
import warnings
from importlib.abc import MetaPathFinder
from typing import Any, NoReturn

from blueprint.layers.confinement import REPORT_FD, Bounds, lock_in, shut_off

STATUS = struct.Struct("=iq")
"""What is told of a child when it has ended: its exit code, or less than 0 the signal; and its largest memory in bytes."""

DESCRIPTORS = 5
"""The control socket; then what becomes standard input, standard output, standard error and REPORT_FD."""

MAX_NAME_BYTES = 200
_STANDARD_ERROR = 2
_UNUSED = ("pandas", "geopandas")


class _Absent(MetaPathFinder):
    """Makes unused packages look as if they were not installed."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """No module of them is found; others are left to the finders that follow."""
        if name.partition(".")[0] in _UNUSED:
            raise ModuleNotFoundError(f"{name} is not for the cell", name=name)


class _Parent:
    """The children that live, by the control socket of each."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel: socket.socket | None = channel
        self._children: dict[socket.socket, int] = {}
        self._killed: set[socket.socket] = set()
        self._wakened, wakes = socket.socketpair()
        self._wakened.setblocking(False)
        wakes.setblocking(False)
        self._wakes = wakes
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)

    def run(self) -> None:
        """Fork, kill and bury children until the service hangs up and the last of them is gone."""
        while self._channel is not None or self._children:
            waited = [self._wakened, *(self._children.keys() - self._killed)]
            ready, _, _ = select.select([*waited, *([self._channel] if self._channel else [])], [], [])
            if self._channel in ready:
                self._answer(self._channel)
            for control in ready:
                if control in self._children:  # the caller has left: nothing is ever written on it
                    _kill(self._children[control])
                    self._killed.add(control)
            with contextlib.suppress(BlockingIOError):
                self._wakened.recv(1 << 12)
            self._bury()

    def _answer(self, channel: socket.socket) -> None:
        name, descriptors, _, _ = socket.recv_fds(channel, MAX_NAME_BYTES, DESCRIPTORS)
        if not name:
            channel.close()
            self._channel = None
            return
        if not descriptors:
            with contextlib.suppress(Exception):  # told to the child that will need it
                _loaded(name.decode())
            return
        control = socket.socket(fileno=descriptors[0])
        try:
            module = _loaded(name.decode())
        except Exception:
            os.write(descriptors[3], traceback.format_exc().encode())
            control.send(STATUS.pack(1, 0))
            control.close()
        else:
            pid = os.fork()
            if pid == 0:
                self._become_child(module, control, descriptors[1:])
            self._children[control] = pid
        for descriptor in descriptors[1:]:
            os.close(descriptor)

    def _become_child(self, module: Any, control: socket.socket, descriptors: list[int]) -> NoReturn:
        """In the child: let go of all that is the parent's, lock in, do the work, end."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            for inherited in (self._channel, self._wakened, self._wakes, control, *self._children):
                if inherited is not None:
                    inherited.close()
            for number, descriptor in enumerate(descriptors):
                os.dup2(descriptor, number)
            # What libraries opened stays theirs: PROJ closes its own after a fork, whatever has the number by then.
            for descriptor in descriptors:
                if descriptor > REPORT_FD:
                    os.close(descriptor)
            _work(module)
            sys.stdout.flush()
            status = 0
        except BaseException:
            tell_of_end()
        finally:
            os._exit(status)

    def _bury(self) -> None:
        of_pid = {pid: control for control, pid in self._children.items()}
        while self._children:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            control = of_pid[pid]
            del self._children[control]
            self._killed.discard(control)
            with contextlib.suppress(OSError):  # the caller has left
                control.send(STATUS.pack(os.waitstatus_to_exitcode(status), usage.ru_maxrss << 10))
            control.close()


def _loaded(name: str) -> Any:
    """The module, and what it needs for every request, as it is copied to children."""
    if name in sys.modules:
        return sys.modules[name]
    gc.disable()  # next to nothing of a library is garbage, and looking for it takes a quarter of the time to load it
    try:
        module = importlib.import_module(name)
    finally:
        gc.enable()
    gc.collect()
    gc.freeze()  # what is there now stays, and is never walked by a child, which would copy it
    return module


def _work(module: Any) -> None:
    with open(0, "rb", closefd=False) as stream:
        request = json.loads(stream.read())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.environ.clear()
    os.environ.update(request.pop("environment"))
    tempfile.tempdir = None
    lock_in(Bounds(**request.pop("bounds")))
    _leave_drivers(os.environ.get("GDAL_SKIP", ""))
    module.main(request)


def _leave_drivers(skipped: str) -> None:
    """Have GDAL forget the drivers that a file may not choose; rasterio's own GDAL loads none before it is first used."""
    pyogrio = sys.modules.get("pyogrio")
    if pyogrio is None or not skipped:
        return
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # both its lists name the same drivers, and once each is gone
        pyogrio.core._register_drivers()
    left = set(skipped.split(",")) & set(pyogrio.list_drivers())
    if left:
        raise RuntimeError(f"the drivers {', '.join(sorted(left))} could not be taken away")


def tell_of_end() -> None:
    """Print the exception that is handled, or at least its name where there is no memory left to print it."""
    try:
        traceback.print_exc()
    except MemoryError:
        os.write(_STANDARD_ERROR, b"MemoryError\n")


def _kill(pid: int) -> None:
    """A child with whatever it started; it leads a group of its own but for its first moments."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Shut this process off and answer the service's."""
    shut_off()
    # pyogrio loads both where it finds them; a reader of Arrow batches has no use for them, and they take a second.
    sys.meta_path.insert(0, _Absent())
    with tempfile.TemporaryDirectory(prefix="blueprint-cells-") as home:
        os.environ |= {"HOME": home, "MPLCONFIGDIR": home, "XDG_CACHE_HOME": home}
        _Parent(socket.socket(fileno=int(sys.argv[1]))).run()


if __name__ == "__main__":
    main()
