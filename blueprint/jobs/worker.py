"""A worker: takes up one job after another, each in one transaction with its end, and shows that it is alive.

What a job writes and that it is done are committed together, and only while the job is still this attempt's. A worker
that dies leaves nothing but a lease that runs out. A second connection, used once a second, renews the lease, writes
how far the job is, and hears of a cancelling; a statement that is under way then is cancelled in the database, and the
children that read, cut or check a file are ended.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session
from structlog.contextvars import bound_contextvars

from blueprint.accounts.sessions import actor_of_person
from blueprint.audit.log import Origin, coming_from
from blueprint.edge import Edge
from blueprint.errors import BlueprintError, NotSignedInError, StorageFullError, UnavailableError
from blueprint.jobs import queue, spool
from blueprint.jobs.kinds import JobKind, JobRun
from blueprint.jobs.models import Job, JobState
from blueprint.layers.children import kill_children_of
from blueprint.permissions import Actor, Role, at_console, require
from blueprint.tokens import actor_of_kept_token
from blueprint.wall import DOOR, KEEPER, enter, viewer_of

BEAT_SECONDS = 1.0
IDLE_SECONDS = 1.0
SWEEP_SECONDS = 600.0
_log = logging.getLogger("blueprint.jobs")


class StoppedError(Exception):
    """The job is not to go on: it was cancelled, it is another worker's, or this worker is to stop."""


class Worker:
    """Runs jobs of the given kinds until it is told to stop."""

    def __init__(
        self, edge: Edge, kinds: Sequence[JobKind], *, stopping: threading.Event | None = None
    ) -> None:
        self._edge = edge
        self._kinds = {kind.name: kind for kind in kinds}
        self._stopping = stopping or threading.Event()
        self.name = f"{socket.gethostname()} {os.getpid()}"[:200]

    def run(self) -> None:
        """Work until told to stop; a database that is away for a moment is waited for."""
        next_sweep = 0.0
        while not self._stopping.is_set():
            try:
                if time.monotonic() >= next_sweep:
                    self.sweep()
                    next_sweep = time.monotonic() + SWEEP_SECONDS
                is_idle = not self.run_one()
            except SQLAlchemyError as error:
                _log.warning("the worker could not reach the database and tries again: %s", error)
                is_idle = True
            if is_idle:
                self._stopping.wait(IDLE_SECONDS)

    def sweep(self) -> int:
        """Remove files that wait for no job any more; says how many."""
        with self._session() as session:
            return spool.forget_leftovers(queue.names_of_files(session), scratch=self._edge.scratch)

    def run_one(self) -> bool:
        """Do one job if there is one; say whether there was."""
        with self._session() as session:
            job = queue.take_up(session, list(self._kinds), worker=self.name)
        if job is None:
            return False
        kind = self._kinds[job.kind]
        if job.failures >= queue.MAX_FAILURES:
            self._end(job, JobState.FAILED, error=f"given up: it did not come to an end {job.failures} times")
        else:
            with (
                bound_contextvars(job=job.id, request_id=job.request_id),
                coming_from(Origin("job", request_id=job.request_id)),
            ):
                self._attempt(job, kind)
        self._tidy(job, kind)
        return True

    def _attempt(self, job: Job, kind: JobKind) -> None:
        beat = _Beat(self._edge, job, self._stopping)
        try:
            with self._session() as session, beat.beating(session):
                enter(session, DOOR)
                actor = _actor_of(session, job, self._edge)
                enter(session, viewer_of(actor))
                require(actor, kind.act, job.thing)
                told: set[str] = set(job.told_layers)
                beat.asked_by, beat.told_layers = actor, told
                kept = session.scalar(select(Job.kept).where(Job.id == job.id))
                run = JobRun(
                    session, self._edge, actor, job.arguments, beat.tell, told, beat.show, kept, beat.keep
                )
                result = kind.run(run)
                session.flush()
                beat.refuse_to_go_on()
                if not queue.end(
                    session,
                    job.id,
                    job.attempts,
                    JobState.DONE,
                    result=result,
                    told_layers=run.told_layers,
                    progress=beat.progress,
                    now=self._edge.now(),
                ):
                    raise StoppedError
        except Exception as error:  # whatever it is, the job's row must say how the attempt ended
            self._after(job, beat, error)

    def _after(self, job: Job, beat: "_Beat", error: Exception) -> None:
        """Write what became of an attempt that did not reach its end; its own transaction was undone."""
        if beat.is_cancelled:
            self._end(job, JobState.CANCELLED, noted=beat.noted)
        elif beat.is_lost or self._stopping.is_set():
            with self._session() as session:
                queue.give_back(session, job.id, job.attempts)
        elif _is_passing(error):
            _log.warning("job %s could not go on and is tried again: %s", job.id, error)
            with self._session() as session:
                queue.give_back(session, job.id, job.attempts, failed=True)
        elif isinstance(error, BlueprintError):
            self._end(job, JobState.FAILED, error=error.sentence.both)
        else:
            _log.error("job %s failed", job.id, exc_info=error)
            self._end(
                job,
                JobState.FAILED,
                error="the service failed; the fault is in its log under this job's number",
            )

    def _end(
        self, job: Job, state: JobState, *, error: str | None = None, noted: queue.Noted = queue.NOTHING_NOTED
    ) -> None:
        with self._session() as session:
            queue.end(session, job.id, job.attempts, state, error=error, noted=noted, now=self._edge.now())

    def _tidy(self, job: Job, kind: JobKind) -> None:
        if kind.tidy is None:
            return
        with self._session() as session:
            left = session.get(Job, job.id)
            has_ended = left is None or left.finished_at is not None
        if has_ended:
            kind.tidy(self._edge, job.arguments)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with Session(self._edge.engine, expire_on_commit=False) as session, session.begin():
            enter(session, KEEPER)
            yield session


class _Beat:
    """The sign of life of an attempt, and what it was told meanwhile."""

    def __init__(self, edge: Edge, job: Job, stopping: threading.Event) -> None:
        self._edge = edge
        self._job = job
        self._stopping = stopping
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._connection: Any = None
        self._thread = threading.get_ident()
        self.progress = queue.Progress()
        self.noted = queue.NOTHING_NOTED
        self.asked_by: Actor | None = None
        self.told_layers: set[str] = set()
        self._is_recorded = False
        self._written = self.noted
        self.is_cancelled = False
        self.is_lost = False

    def tell(self, phase: str, done: int) -> None:
        """Note how far it is, in memory: a phase that reads bytes is called `stage`, all others count features."""
        self.refuse_to_go_on()
        counted = "bytes_done" if phase == "stage" else "features_done"
        self.progress = replace(self.progress, phase=phase, **{counted: done})

    def show(self, found: Mapping[str, Any]) -> None:
        """Note what was found so far."""
        self.noted = replace(self.noted, so_far=found, told_layers=frozenset(self.told_layers))

    def keep(self, done: Mapping[str, Any]) -> None:
        """Note what another attempt can go on from."""
        self.noted = replace(self.noted, kept=done)

    def refuse_to_go_on(self) -> None:
        """Raise when the job is to end here."""
        if self.is_cancelled or self.is_lost or self._stopping.is_set():
            raise StoppedError

    @contextmanager
    def beating(self, session: Session) -> Iterator[None]:
        """Beat while the work of this session is under way."""
        self._connection = session.connection().connection.dbapi_connection
        # A backend whose client died otherwise ends its statement first, and holds its locks so long.
        session.execute(text("SET LOCAL client_connection_check_interval = '2s'"))
        thread = threading.Thread(
            target=copy_context().run, args=(self._beat,), name=f"job {self._job.id}", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            # The thread is not waited for: it may wait for the row of the job, which is ours until the commit.
            self._over.set()
            with self._lock:
                self._connection = None

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with suppress(SQLAlchemyError):  # the next beat is soon; a lease outlives many of them
                self._beat_once()
            if self.is_cancelled or self.is_lost or self._stopping.is_set():
                with self._lock:
                    if self._connection is not None:
                        self._connection.cancel()
                        kill_children_of(self._thread)

    def _beat_once(self) -> None:
        noted, is_first = self.noted, False
        with Session(self._edge.engine) as session, session.begin():
            enter(session, KEEPER)
            new = noted if noted is not self._written else queue.NOTHING_NOTED
            asked = queue.keep_hold(session, self._job.id, self._job.attempts, self.progress, new)
            is_first = new.so_far is not None and asked is not None and not self._is_recorded
            if is_first and self.asked_by is not None:
                queue.record_shown(session, self._job, new.told_layers, self.asked_by)
        self._written = noted
        self._is_recorded |= is_first
        if not self._over.is_set():
            self.is_cancelled = asked is True
            self.is_lost = asked is None


def _is_passing(error: Exception) -> bool:
    """Say whether an error lies in what is away for the moment, so that trying again may help."""
    if isinstance(error, DBAPIError):
        code = getattr(error.orig, "pgcode", None) or ""
        return error.connection_invalidated or code[:2] in ("40", "57", "08")
    return isinstance(error, UnavailableError) and not isinstance(error, StorageFullError)


def _actor_of(session: Session, job: Job, edge: Edge) -> Actor:
    """Who asked for a job, as they are now: a person with the roles, a token with the scope, both with the grants of this moment.

    NotSignedInError when the token is not good any more, or nothing tells who it was.
    """
    if job.asked_person is not None:
        actor = actor_of_person(session, job.asked_person, city=edge.city, now=edge.now())
    elif job.asked_token is not None:
        actor = actor_of_kept_token(session, job.asked_token, city=edge.city, now=edge.now())
    elif Role.CONSOLE in job.asked_roles:
        actor = at_console(job.asked_by)
    else:
        raise NotSignedInError("it is not known any more with which token this was asked; ask for it again")
    return replace(actor, name=job.asked_by)
