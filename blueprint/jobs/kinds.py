"""What kinds of jobs there are is said in `service.job_kinds.KINDS`; here is the shape of one.

Every kind names the act that it is. Nobody puts in or cancels a job without the right to that act on the job's thing, and
the worker asks for it again before it starts: a test walks the list and holds each kind to it. Where the act is every
member's the kind is personal: its jobs are for who asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from blueprint.edge import Edge
from blueprint.permissions import Act, Actor

Note = Callable[[Mapping[str, Any]], None]
Tell = Callable[[str, int], None]
"""Told a phase's name and how much of it is done, as often as one likes: it writes nothing by itself."""


@dataclass(frozen=True)
class JobRun:
    """What a job is run with: its own transaction, who asked for it, and whom to tell how far it is.

    `tell` also raises when the job was cancelled or lost: call it between steps.
    """

    session: Session
    edge: Edge
    actor: Actor
    arguments: Mapping[str, Any]
    tell: Tell
    told_layers: set[str] = field(default_factory=set)
    """Codes of the layers that the result tells of, put in by whoever makes it: it is for who may read them all."""
    show: Note = lambda _found: None
    """Told what was found so far, as plain JSON, which who asked may see: its layers are in `told_layers` before. Like `tell` it writes
    nothing by itself, and within a second it is there."""
    kept: Mapping[str, Any] | None = None
    """What an earlier attempt, which was lost, gave to `keep`."""
    keep: Note = lambda _done: None
    """Told what another attempt can go on from, as plain JSON; written as `show` is."""


@dataclass(frozen=True)
class JobKind:
    """A kind of job: its name, the act it is, and what runs it.

    `run` gives back what came of it, as plain JSON; what it writes by `run.session` is committed together with the
    job's end, or not at all. `tidy` removes what lies outside the database (a file) once the job has ended for good.
    """

    name: str
    act: Act
    run: Callable[[JobRun], dict[str, Any]]
    tidy: Callable[[Edge, Mapping[str, Any]], None] | None = None
    is_personal: bool = False
