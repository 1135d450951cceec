"""Jobs as rows: put in, taken up by one worker, told of, ended, cancelled.

Taking up: `FOR UPDATE SKIP LOCKED`, so that no two workers take the same. A lease runs out when a worker dies, and the
job is taken up again with the next number; every write of a worker names its number. The lease is by the clock of the
database, the one clock that all workers share.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from structlog.contextvars import get_contextvars

from blueprint.audit.log import record
from blueprint.errors import ConflictError, NotFoundError
from blueprint.jobs.kinds import JobKind
from blueprint.jobs.models import UNFINISHED, Job, JobState
from blueprint.permissions import Act, Actor, Thing, may, require

LEASE_SECONDS = 30.0
"""How long a worker may be silent before its job is another's."""

MAX_FAILURES = 3
"""A job that failed to come to an end so often is not tried again: it may be what kills the workers."""

RETRY_SECONDS = 10.0
_GRACE = timedelta(seconds=LEASE_SECONDS)
_PAUSE = timedelta(seconds=RETRY_SECONDS)


def put_in(
    session: Session,
    kind: JobKind,
    thing: Thing,
    arguments: Mapping[str, Any],
    *,
    actor: Actor,
    now: datetime,
    key: str | None = None,
    bytes_total: int | None = None,
) -> Job:
    """Ask for a job, in the caller's transaction: rolled back, it was never asked for.

    `key` names what must not be under way twice; ConflictError says which job has it.
    """
    require(actor, kind.act, thing)
    job = Job(
        kind=kind.name,
        act=kind.act,
        key=key,
        department=thing.department,
        sensitivity=thing.sensitivity,
        layer=thing.layer,
        arguments=dict(arguments),
        state=JobState.WAITING,
        bytes_done=0,
        bytes_total=bytes_total,
        features_done=0,
        asked_by=actor.name,
        asked_department=actor.department,
        asked_roles=sorted(actor.roles),
        asked_person=actor.person_id,
        asked_at=now,
        request_id=get_contextvars().get("request_id"),
        attempts=0,
        failures=0,
    )
    try:
        with session.begin_nested():
            session.add(job)
    except IntegrityError as error:
        other = session.scalar(select(Job.id).where(Job.key == key, Job.state.in_(UNFINISHED)))
        raise ConflictError(f"job {other} does the same already; wait for it, or cancel it") from error
    record(
        session, actor, "put_in_job", kind="job", id=job.id, after={"kind": kind.name, "layer": thing.layer}
    )
    return job


def take_up(session: Session, kinds: Sequence[str], *, worker: str) -> Job | None:
    """The oldest job that waits, or whose worker is dead, now this worker's; None when there is nothing to do."""
    waits = (Job.state == JobState.WAITING) & or_(Job.not_before.is_(None), Job.not_before <= func.now())
    is_left = (Job.state == JobState.RUNNING) & (Job.lease_until < func.now())
    oldest = (
        select(Job.id)
        .where(Job.kind.in_(kinds), or_(waits, is_left))
        .order_by(Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    statement = (
        update(Job)
        .where(Job.id == oldest)
        .values(
            state=JobState.RUNNING,
            attempts=Job.attempts + 1,
            failures=Job.failures + case((Job.state == JobState.RUNNING, 1), else_=0),
            worker=worker,
            lease_until=func.now() + _GRACE,
            started_at=func.coalesce(Job.started_at, func.now()),
            phase=None,
            bytes_done=0,
            features_done=0,
        )
        .returning(Job)
        .execution_options(synchronize_session=False)
    )
    return session.scalars(statement).one_or_none()


def _mine(job_id: int, attempt: int) -> Any:
    return (Job.id == job_id) & (Job.attempts == attempt) & (Job.state == JobState.RUNNING)


def keep_hold(
    session: Session, job_id: int, attempt: int, *, phase: str | None, bytes_done: int, features_done: int
) -> bool | None:
    """Renew the lease and say how far it is. True: somebody asked to cancel it; None: it is another's now."""
    statement = (
        update(Job)
        .where(_mine(job_id, attempt))
        .values(
            lease_until=func.now() + _GRACE, phase=phase, bytes_done=bytes_done, features_done=features_done
        )
        .returning(Job.cancel_asked_by)
        .execution_options(synchronize_session=False)
    )
    row = session.execute(statement).one_or_none()
    return None if row is None else row.cancel_asked_by is not None


def end(
    session: Session,
    job_id: int,
    attempt: int,
    state: JobState,
    *,
    result: Mapping[str, Any] | None = None,
    error: str | None = None,
    now: datetime,
) -> bool:
    """Write how a job ended; False when it is not this attempt's any more, and then nothing of the attempt may stay."""
    statement = (
        update(Job)
        .where(_mine(job_id, attempt))
        .values(
            state=state,
            result=None if result is None else dict(result),
            error=error,
            finished_at=now,
            lease_until=None,
        )
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(statement).one_or_none() is not None


def give_back(session: Session, job_id: int, attempt: int, *, failed: bool = False) -> None:
    """Let a job wait again: its worker stops, or something that it needs is away for the moment (`failed`)."""
    statement = (
        update(Job)
        .where(_mine(job_id, attempt))
        .values(
            state=JobState.WAITING,
            lease_until=None,
            phase=None,
            failures=Job.failures + int(failed),
            not_before=func.now() + _PAUSE if failed else None,
        )
    )
    session.execute(statement.execution_options(synchronize_session=False))


def cancel(session: Session, job: Job, *, actor: Actor, now: datetime) -> Job:
    """Cancel a job: one that waits at once, one that runs within seconds; ConflictError for one that has ended."""
    require(actor, Act(job.act), job.thing)
    statement = (
        update(Job)
        .where(Job.id == job.id, Job.state.in_(UNFINISHED))
        .values(
            cancel_asked_by=actor.name,
            state=case((Job.state == JobState.WAITING, JobState.CANCELLED), else_=Job.state),
            finished_at=case((Job.state == JobState.WAITING, now), else_=None),
        )
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    if session.execute(statement).one_or_none() is None:
        session.refresh(job)
        raise ConflictError(f"job {job.id} has ended already: {job.state}")
    record(session, actor, "cancel_job", kind="job", id=job.id, before={"state": job.state})
    session.refresh(job)
    return job


def find_job(session: Session, job_id: int, *, actor: Actor) -> Job:
    """A job of that number for whoever may do what it does, or asked for it; for others there is none."""
    job = session.get(Job, job_id)
    if job is None or not is_readable(job, actor):
        raise NotFoundError(f"no job {job_id}; `blueprint job list` shows what there is")
    return job


def list_jobs(session: Session, *, actor: Actor, before: int | None = None, limit: int = 50) -> list[Job]:
    """The newest jobs that the actor may see, those older than the number `before`."""
    found: list[Job] = []
    while len(found) < limit:
        statement = select(Job).order_by(Job.id.desc()).limit(200)
        rows = session.scalars(statement if before is None else statement.where(Job.id < before)).all()
        if not rows:
            break
        found += [job for job in rows if is_readable(job, actor)]
        before = rows[-1].id
    return found[:limit]


def names_of_files(session: Session) -> set[str]:
    """The names of the files that unfinished jobs wait with."""
    name = Job.arguments["spooled"].astext
    return {found for found in session.scalars(select(name).where(Job.state.in_(UNFINISHED))) if found}


def is_readable(job: Job, actor: Actor) -> bool:
    """Say whether the actor may do the job's act on its thing, or is who asked for it."""
    is_own = actor.signed_in and (actor.name, actor.person_id) == (job.asked_by, job.asked_person)
    return is_own or may(actor, Act(job.act), job.thing)
