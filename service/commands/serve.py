"""`blueprint serve`: the HTTP service; stops with Ctrl-C, hands over what is due and closes what is overdue."""

import errno
import gc
import ipaddress
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from approval.due_days import recount_provisional
from blueprint.accounts.persons import sample_logins
from blueprint.audit.log import DUE, coming_from
from blueprint.edge import Edge
from blueprint.errors import BlueprintError, ConflictError, InvalidInputError
from blueprint.idempotency import forget_old_answers
from blueprint.permissions import at_console
from blueprint.sentences import Sentence
from blueprint.wall import KEEPER, seeing
from coordination.clock import SYSTEM, close_overdue, recount_open
from coordination.handling_views import remind_inside
from coordination.long_stops import tell_of_long_stops
from coordination.notices import remind
from coordination.recheck_job import put_in_recheck
from service.app import create_app
from service.approval_notices import tell_asked
from service.commands.context import open_edge, say
from service.commands.worker import working
from service.late_notices import tell_late
from service.logs import set_up_logging
from service.notices import send_due
from service.push import push_due
from service.settings import Settings, read_settings

TICK_SECONDS = 30.0
_log = logging.getLogger("blueprint")


def serve(
    host: Annotated[str, typer.Option(help="监听地址 address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="端口 port; 0 takes a free one")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="进程数 worker processes")] = 1,
) -> None:
    """启动服务 · serve the map, the API and the tiles."""
    settings = read_settings()
    listener = bind(host, port)
    base_url = settings.base_url or f"http://{_host_in_url(host)}:{listener.getsockname()[1]}"
    with open_edge(base_url=base_url, stays=False) as edge:
        if settings.production or not _is_loopback(host):
            refuse_sample_passwords(edge)
        run(edge, settings, listener, workers=workers)


def refuse_sample_passwords(edge: Edge) -> None:
    """Refuse to be open to others while accounts have passwords that the demo printed."""
    with Session(edge.engine) as session:
        logins = sample_logins(session)
    if logins:
        raise ConflictError(
            "sample accounts are in use ({logins}); close each with `blueprint account deactivate LOGIN`,"
            " or give it a password of its own with `blueprint account reset-password LOGIN`",
            logins=logins,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bind(host: str, port: int) -> socket.socket:
    """Take the port before anything else is done, so that one in use is said at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise InvalidInputError(
                "port {port} of {host} is taken; choose another with --port, or 0 for a free one",
                port=port,
                host=host,
            ) from None
        raise InvalidInputError(
            "cannot listen on {host} port {port}: {error}", host=host, port=port, error=error
        ) from error
    listener.set_inheritable(True)
    return listener


def run(edge: Edge, settings: Settings, listener: socket.socket, *, workers: int = 1) -> None:
    """Serve until interrupted; with more workers, each is a process of its own on the same port."""
    set_up_logging(settings.log_level)
    say(
        Sentence(
            "serving {city} at {url}/  (API: {url}/api/docs, stop with Ctrl-C)",
            city=edge.city.name,
            url=edge.base_url,
        )
    )
    children = [_spawn(edge, settings, listener) for _ in range(workers - 1)]
    try:
        with ticking(edge, settings), working(settings):
            _serve(create_app(edge, settings), listener)
    finally:
        for child in children:
            os.kill(child, 15)
        for child in children:
            os.waitpid(child, 0)


def _spawn(edge: Edge, settings: Settings, listener: socket.socket) -> int:
    child = os.fork()
    if child:
        return child
    edge.engine.dispose(close=False)  # the parent's connections are the parent's
    try:
        _serve(create_app(edge, settings), listener)
    finally:
        os._exit(0)


def _serve(app: FastAPI, listener: socket.socket) -> None:
    gc.collect()
    gc.freeze()  # what is there now stays: walking it again and again makes answers wait
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=10,
    )
    uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def ticking(edge: Edge, settings: Settings) -> Iterator[None]:
    """While serving: record silence past its limit (Art. 11), push handovers, put in the recheck of an update, send notices."""
    stopped = threading.Event()

    def tick() -> None:
        with coming_from(DUE), seeing(KEEPER):
            while not stopped.wait(TICK_SECONDS):
                tick_once(edge, settings)

    thread = threading.Thread(target=tick, name="ticking", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(timeout=5)


def tick_once(edge: Edge, settings: Settings) -> None:
    """One round of due work: each part by itself, what it stores in a transaction of its own."""
    now, calendar, city = edge.now(), edge.calendar, edge.city

    def stored(part: Callable[[Session], object]) -> Callable[[], None]:
        def run() -> None:
            with Session(edge.engine, expire_on_commit=False) as session, session.begin():
                part(session)

        return run

    run_parts(
        {
            "due days": stored(lambda session: recount_open(session, calendar=calendar, now=now)),
            "due days in approval": stored(
                lambda session: recount_provisional(session, calendar=calendar, actor=at_console(SYSTEM))
            ),
            "silence past the limit": stored(
                lambda session: close_overdue(session, now.date(), now=now, calendar=calendar)
            ),
            "reminders": stored(lambda session: remind(session, calendar=calendar, now=now)),
            "clocks that stand still": stored(
                lambda session: tell_of_long_stops(
                    session,
                    longest_working_days=city.limits.longest_stop_working_days,
                    calendar=calendar,
                    now=now,
                )
            ),
            "reminders inside departments": stored(
                lambda session: remind_inside(
                    session, city=city, calendar=calendar, actor=at_console(SYSTEM), now=now
                )
            ),
            "what approval asks": stored(lambda session: tell_asked(session, city=city, now=now)),
            "what is late in approval": stored(lambda session: tell_late(session, city=city, now=now)),
            "answers kept for repeated writes": stored(lambda session: forget_old_answers(session, now=now)),
            "recheck after updates": stored(
                lambda session: put_in_recheck(session, actor=at_console(SYSTEM), now=now)
            ),
            "handovers": lambda: push_due(
                edge.engine,
                now=edge.now(),
                approval_url=settings.approval_url,
                secret=settings.handover_secret,
            ),
            "notices": lambda: send_due(edge.engine, city=city, settings=settings, now=edge.now()),
        }
    )


def run_parts(parts: Mapping[str, Callable[[], object]]) -> None:
    """Run every part, whatever becomes of the others: one that fails is logged by name, and tried again in the next round."""
    for name, part in parts.items():
        try:
            part()
        except (BlueprintError, SQLAlchemyError) as error:
            _log.warning("due work failed and is tried again: %s: %s", name, error)
        except (
            Exception
        ):  # a fault of ours in one part must not end the others until the service is started again
            _log.exception("due work failed and is tried again: %s", name)


def _host_in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
