"""Every route, every command and every kind of job comes to `permissions.may`, by the code that it calls; but for short lists."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
import typer
from fastapi.routing import iter_route_contexts
from sqlalchemy.orm import Session

from blueprint import permissions
from blueprint.accounts.models import Person
from blueprint.jobs.kinds import JobKind, JobRun
from blueprint.jobs.models import Job
from blueprint.jobs.queue import put_in
from blueprint.jobs.worker import Worker
from service import cli
from service.app import create_app
from service.job_kinds import KINDS
from service.settings import Settings
from tests.service.conftest import Server

PACKAGES = ("blueprint", "coordination", "approval", "tiles", "service", "tests")

OF_THE_MACHINE = {
    "database start",
    "database stop",
    "database status",
    "database migrate",
    "database backup",
    "database restore",
    "serve",
    "worker",
    "account rights",
    "crs list",
    "project handover-schema",
    "standard list",
    "standard show",
    "report compare",
    "rules validate",
}
"""Commands that touch no data themselves: the cluster and the schema, its whole copy (by the owner's role, on record), the server, the worker (whose jobs ask,
each kind as `test_every_kind_of_job_asks_again_when_it_starts` holds it), and what the program itself says."""

ABOUT_ONESELF = {
    ("POST", "/api/session"),
    ("DELETE", "/api/session"),
    ("GET", "/api/session/openid"),
    ("GET", "/api/session/openid/callback"),
    ("DELETE", "/api/sessions"),
    ("GET", "/api/me/sessions"),
    ("POST", "/api/me/password"),
    ("GET", "/api/me/second-factor"),
    ("POST", "/api/me/second-factor"),
    ("POST", "/api/me/second-factor/confirmation"),
    ("POST", "/api/me/second-factor/recovery-codes"),
    ("POST", "/api/me/second-factor/removal"),
    ("POST", "/api/approval/progress"),
    ("POST", "/api/approval/progress/voucher"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
}
"""Routes that need no right: the applicant's own case by its secret, one's own sign-in, sessions, password and second factor, and whether the service is up."""


def _names(code: CodeType) -> Iterator[str]:
    """All names that a piece of code and what is nested in it speak of."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _called(function: FunctionType) -> Iterator[FunctionType]:
    """Functions of ours that a function may call: by name, or as an attribute of a module or class of ours."""
    names = set(_names(function.__code__))
    for name in names & function.__globals__.keys():
        found = function.__globals__[name]
        owners = [found] if isinstance(found, ModuleType | type) and _is_ours(found) else []
        candidates = [
            found,
            *(getattr(owner, each, None) for owner in owners for each in names | {"__init__"}),
        ]
        for candidate in candidates:
            plain = getattr(candidate, "__wrapped__", candidate)
            if isinstance(plain, FunctionType) and _is_ours(plain):
                yield plain


def _is_ours(thing: Any) -> bool:
    module = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", "")
    return str(module).partition(".")[0] in PACKAGES


def comes_to_may(function: Callable[..., Any]) -> bool:
    """Say whether the code that a function may call holds a call of `permissions.may` or `require`."""
    start = getattr(function, "__wrapped__", function)
    seen, left = set(), [start]
    while left:
        each = left.pop()
        if each in (permissions.may, permissions.require):
            return True
        if each not in seen and isinstance(each, FunctionType):
            seen.add(each)
            left += _called(each)
    return False


def _commands(app: typer.Typer, path: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    for command in app.registered_commands:
        assert command.callback is not None
        yield f"{path}{command.name or command.callback.__name__}", command.callback
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from _commands(group.typer_instance, f"{path}{group.name} ")


COMMANDS = dict(_commands(cli.make_app()))


def _asks_nobody() -> int:
    return len("nobody is asked")


def _asks() -> bool:
    return permissions.may(permissions.ANONYMOUS, permissions.Act.LIST_LAYERS)


def _asks_by_another() -> int:
    return sum(each() for each in (lambda: _asks(),))


def test_the_walk_tells_who_asks_from_who_does_not():
    assert comes_to_may(_asks) and comes_to_may(_asks_by_another)
    assert not comes_to_may(_asks_nobody)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_that_reads_or_writes_data_asks(name: str):
    assert comes_to_may(COMMANDS[name]) or name in OF_THE_MACHINE, (
        f"`blueprint {name}` never comes to permissions.may or require"
    )


def test_the_list_of_commands_that_touch_no_data_is_of_commands():
    assert COMMANDS.keys() >= OF_THE_MACHINE, OF_THE_MACHINE - COMMANDS.keys()


def test_every_route_asks(running: Server):
    app = create_app(running.edge, Settings())
    described = {(m.upper(), path) for path, operations in app.openapi()["paths"].items() for m in operations}
    asks = {
        (method, context.path): comes_to_may(context.endpoint)
        for context in iter_route_contexts(app.routes)
        for method in context.methods or ()
    }

    assert asks.keys() >= described
    silent = {operation for operation in described if not asks[operation]}
    assert silent - ABOUT_ONESELF == set(), "these routes never come to permissions.may or require"


def test_every_kind_of_job_asks_again_when_it_starts(running: Server):
    ran: list[str] = []

    def tracked(kind: JobKind) -> JobKind:
        def run(_: JobRun) -> dict[str, Any]:
            ran.append(kind.name)
            return {}

        return replace(kind, run=run, tidy=None)

    kinds, edge = [tracked(kind) for kind in KINDS], running.edge
    everything = frozenset(permissions.Role) - {permissions.Role.CONSOLE}
    with Session(edge.engine) as session, session.begin():
        # Nobody appointed them, so whatever they were when they asked, they hold no role now.
        person = Person(
            login="left",
            name="离任",
            password_hash="x",
            must_change_password=False,
            is_sample=False,
            made_by="x",
            made_at=edge.now(),
        )
        session.add(person)
        session.flush()
        left = permissions.Actor("离任 left", "ZRZY", everything, person_id=person.id)
        stays = permissions.at_console("test")
        numbers = {
            actor: [
                put_in(session, kind, permissions.Thing("ZRZY"), {}, actor=actor, now=edge.now()).id
                for kind in kinds
            ]
            for actor in (left, stays)
        }

    while Worker(edge, kinds).run_one():
        pass

    with Session(edge.engine) as session:
        for number in numbers[left]:
            job = session.get_one(Job, number)
            assert (job.state, "no role" in str(job.error)) == ("failed", True), (job.kind, job.error)
        assert {session.get_one(Job, number).state for number in numbers[stays]} == {"done"}
    assert sorted(ran) == sorted(kind.name for kind in kinds)
