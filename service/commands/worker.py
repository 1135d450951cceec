"""`blueprint worker`: does jobs until it is stopped; `blueprint serve` keeps one beside it, in a process of its own."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from blueprint.jobs.worker import Worker
from service.commands.context import open_edge, say
from service.job_kinds import KINDS
from service.logs import set_up_logging
from service.settings import Settings, read_settings

RESTART_SECONDS = 2.0
STOP_SECONDS = 10.0
_log = logging.getLogger("blueprint.jobs")


def worker(
    while_input_is_open: Annotated[bool, typer.Option("--while-input-is-open", hidden=True)] = False,
) -> None:
    """执行长时任务 · do the jobs that wait (large uploads, …) until Ctrl-C; several workers may run, on several machines."""
    settings = read_settings()
    set_up_logging(settings.log_level)
    stopping = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stopping.set())
    if while_input_is_open:
        threading.Thread(target=_stop_at_the_end_of_input, args=(stopping,), daemon=True).start()
    with open_edge(settings=settings, stays=False) as edge:
        if not while_input_is_open:
            say("等待任务，Ctrl-C 停止 waiting for jobs, stop with Ctrl-C")
        Worker(edge, KINDS, stopping=stopping).run()


def _stop_at_the_end_of_input(stopping: threading.Event) -> None:
    """Whoever started this worker holds its input open; when that process ends, however it ends, so does this."""
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    stopping.set()


@contextmanager
def working(settings: Settings) -> Iterator[None]:
    """Keep a worker in a process of its own: one that is killed is started again, and its job taken up again."""
    stopped = threading.Event()
    keeper = threading.Thread(target=_keep, args=(settings, stopped), name="working", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stopped.set()
        keeper.join(timeout=2 * STOP_SECONDS)


def _keep(settings: Settings, stopped: threading.Event) -> None:
    while not stopped.is_set():
        process = _start(settings)
        while process.poll() is None and not stopped.wait(0.2):
            pass
        if stopped.is_set():
            _stop(process)
        else:
            _log.warning("the worker ended with %s and is started again", process.returncode)
            stopped.wait(RESTART_SECONDS)


def _start(settings: Settings) -> subprocess.Popen[bytes]:
    given = {
        "BLUEPRINT_HOME": settings.home.resolve(),
        "BLUEPRINT_CITY": settings.city.resolve(),
        "BLUEPRINT_SCRATCH": settings.scratch.resolve(),
        "BLUEPRINT_LOG_LEVEL": settings.log_level,
        "DATABASE_URL": settings.database_url,
    }
    environment = os.environ | {name: str(value) for name, value in given.items() if value is not None}
    command = [
        sys.executable,
        "-c",
        "from service.cli import main; main()",
        "worker",
        "--while-input-is-open",
    ]
    # A session of its own: Ctrl-C at the terminal is for the service, which then stops its worker.
    return subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, start_new_session=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # its job's lease runs out, and another takes it up
        process.wait()
    if process.stdin is not None:
        process.stdin.close()
