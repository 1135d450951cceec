"""Jobs as rows: put in, taken up by one worker, told of, ended, cancelled.

Taking up: `FOR UPDATE SKIP LOCKED`, so that no two workers take the same. A lease runs out when a worker dies, and the
job is taken up again with the next number; every write of a worker names its number. The lease is by the clock of the
database, the one clock that all workers share.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import case, event, func, null, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from structlog.contextvars import get_contextvars

from blueprint.audit.log import record
from blueprint.errors import ConflictError, NotFoundError
from blueprint.jobs.kinds import JobKind
from blueprint.jobs.models import UNFINISHED, Job, JobState
from blueprint.jobs.spool import forget
from blueprint.layers.models import Layer
from blueprint.permissions import Act, Actor, Role, Thing, may, require
from blueprint.sentences import spoken
from blueprint.sharing.purposes import record_reading

LEASE_SECONDS = 30.0
"""How long a worker may be silent before its job is another's."""

MAX_FAILURES = 3
"""A job that failed to come to an end so often is not tried again: it may be what kills the workers."""

RETRY_SECONDS = 10.0
_GRACE = timedelta(seconds=LEASE_SECONDS)
_PAUSE = timedelta(seconds=RETRY_SECONDS)


@dataclass(frozen=True)
class Progress:
    """How far an attempt is: what it is doing, bytes read, features done."""

    phase: str | None = None
    bytes_done: int = 0
    features_done: int = 0


@dataclass(frozen=True)
class Noted:
    """What an attempt has found so far, of which layers that tells, and what another attempt can go on from; None where it is as before."""

    so_far: Mapping[str, Any] | None = None
    told_layers: Collection[str] = ()
    kept: Mapping[str, Any] | None = None

    @property
    def values(self) -> dict[str, Any]:
        """As columns."""
        found = (
            {}
            if self.so_far is None
            else {"so_far": dict(self.so_far), "told_layers": sorted(self.told_layers)}
        )
        return found if self.kept is None else found | {"kept": dict(self.kept)}


NOTHING_NOTED = Noted()


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
    told_layers: Collection[str] = (),
) -> Job:
    """Ask for a job, in the caller's transaction: rolled back, it was never asked for.

    `key` names what must not be under way twice; ConflictError says which job has it, as far as the actor may see it.
    `told_layers` are those that it tells of besides the thing's own, as far as they are known already.
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
        asked_token=actor.token_id,
        is_personal=kind.is_personal,
        told_layers=sorted(told_layers),
        asked_at=now,
        request_id=get_contextvars().get("request_id"),
        attempts=0,
        failures=0,
    )
    try:
        with session.begin_nested():
            session.add(job)
    except IntegrityError as error:
        other = session.scalar(select(Job).where(Job.key == key, Job.state.in_(UNFINISHED)))
        if other is None or not _readable(session, [other], actor):
            raise ConflictError("somebody asked for the same already; wait until it is done") from error
        raise ConflictError(
            "job {id} does the same already; wait for it, or cancel it", id=other.id
        ) from error
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
    session: Session, job_id: int, attempt: int, progress: Progress, noted: Noted = NOTHING_NOTED
) -> bool | None:
    """Renew the lease and say how far it is. True: somebody asked to cancel it; None: it is another's now."""
    statement = (
        update(Job)
        .where(_mine(job_id, attempt))
        .values(lease_until=func.now() + _GRACE, **asdict(progress), **noted.values)
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
    told_layers: Collection[str] | None = None,
    error: str | None = None,
    progress: Progress | None = None,
    noted: Noted = NOTHING_NOTED,
    now: datetime,
) -> bool:
    """Write how a job ended, and how far it had come; what was found so far stays where there is no result. False when it is not this attempt's any more, and then nothing of the attempt may stay."""
    statement = (
        update(Job)
        .where(_mine(job_id, attempt))
        .values(
            state=state,
            result=None if result is None else dict(result),
            **{
                "told_layers": Job.told_layers if told_layers is None else sorted(told_layers),
                "so_far": Job.so_far if state != JobState.DONE else None,
                **noted.values,
                "kept": None,
            },
            error=error,
            finished_at=now,
            lease_until=None,
            **({} if progress is None else asdict(progress)),
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


def cancel(session: Session, job: Job, *, actor: Actor, now: datetime, scratch: Path) -> Job:
    """Cancel a job: one that waits at once, one that runs within seconds; ConflictError for one that has ended.

    The file that waited with it goes with the commit: no worker will come upon a job that never ran.
    """
    require(actor, Act(job.act), job.thing)
    if not _readable(session, [job], actor):
        raise _no_such(job.id)
    statement = (
        update(Job)
        .where(Job.id == job.id, Job.state.in_(UNFINISHED))
        .values(
            cancel_asked_by=actor.name,
            state=case((Job.state == JobState.WAITING, JobState.CANCELLED), else_=Job.state),
            finished_at=case((Job.state == JobState.WAITING, now), else_=None),
            kept=case((Job.state == JobState.WAITING, null()), else_=Job.kept),
        )
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    if session.execute(statement).one_or_none() is None:
        session.refresh(job)
        raise ConflictError(
            "job {job_id} has ended already: {job_state}",
            job_id=job.id,
            job_state=spoken(JobState(job.state)),
        )
    record(session, actor, "cancel_job", kind="job", id=job.id, before={"state": job.state})
    session.refresh(job)
    name = job.arguments.get("spooled")
    if job.state == JobState.CANCELLED and name is not None:
        event.listen(session, "after_commit", lambda _: forget(name, scratch=scratch), once=True)
    return job


def find_job(session: Session, job_id: int, *, actor: Actor) -> Job:
    """A job of that number for whoever may see it; for others there is none. That its result was shown is recorded."""
    job = session.get(Job, job_id)
    if job is None or not _readable(session, [job], actor):
        raise _no_such(job_id)
    _record_reading(session, [job], actor)
    return job


def list_jobs(
    session: Session,
    *,
    actor: Actor,
    before: int | None = None,
    limit: int = 50,
    layer: str | None = None,
    unfinished: bool = False,
) -> list[Job]:
    """The newest jobs that the actor may see, those older than the number `before`; of a layer, or those that wait or run."""
    found: list[Job] = []
    while len(found) < limit:
        statement = select(Job).order_by(Job.id.desc()).limit(200)
        if layer is not None:
            statement = statement.where(Job.layer == layer)
        if unfinished:
            statement = statement.where(Job.state.in_(UNFINISHED))
        rows = session.scalars(statement if before is None else statement.where(Job.id < before)).all()
        if not rows:
            break
        found += _readable(session, rows, actor)
        before = rows[-1].id
    _record_reading(session, found[:limit], actor)
    return found[:limit]


def names_of_files(session: Session) -> set[str]:
    """The names of the files that unfinished jobs wait with."""
    name = Job.arguments["spooled"].astext
    return {found for found in session.scalars(select(name).where(Job.state.in_(UNFINISHED))) if found}


def _readable(session: Session, jobs: Sequence[Job], actor: Actor) -> list[Job]:
    """Those of some jobs that the actor may see: may read every layer that the result tells of, as the layers are now, and
    asked for the job or may do the same; a personal job is for who asked alone, and for the console.
    """
    things = _things_of(session, jobs)
    return [job for job in jobs if _is_readable(job, things, actor)]


def _is_readable(job: Job, things: Mapping[str, Thing], actor: Actor) -> bool:
    def may_read(codes: Iterable[str | None]) -> bool:
        known = [things[code] for code in codes if code is not None and code in things]
        return all(may(actor, Act.READ_LAYER, thing) for thing in known)

    if not may_read(job.told_layers):
        return False
    is_own = _is_own(job, actor)
    if job.is_personal:
        return (is_own or Role.CONSOLE in actor.roles) and may_read([job.layer])
    # Whoever may change a layer sees what becomes of it; who asked, and may not any more, as far as they may read it.
    return may(actor, Act(job.act), job.thing) or (is_own and may_read([job.layer]))


def _is_own(job: Job, actor: Actor) -> bool:
    return actor.signed_in and (actor.name, actor.person_id) == (job.asked_by, job.asked_person)


def record_shown(session: Session, job: Job, told_layers: Collection[str], actor: Actor) -> None:
    """Record that who asked for a job is shown what it has found so far."""
    layers = session.scalars(select(Layer).where(Layer.code.in_(told_layers)))
    record_reading(session, actor, [layer.thing for layer in layers], kind="job", id=job.id)


def _things_of(session: Session, jobs: Sequence[Job]) -> dict[str, Thing]:
    """The layers that jobs tell of, by code, as they are now."""
    codes = {code for job in jobs for code in (job.layer, *job.told_layers) if code is not None}
    found = session.scalars(select(Layer).where(Layer.code.in_(codes))) if codes else ()
    return {layer.code: layer.thing for layer in found}


def _record_reading(session: Session, jobs: Sequence[Job], actor: Actor) -> None:
    """Record that results were shown; how far a job is tells nothing of a layer, and is asked every second.

    What is found so far is recorded for who asked when it is put there, once.
    """
    shown = [
        job
        for job in jobs
        if job.result is not None
        or (job.so_far is not None and (job.finished_at is not None or not _is_own(job, actor)))
    ]
    things = _things_of(session, shown)
    record_reading(session, actor, things.values(), kind="job", id=" ".join(str(job.id) for job in shown))


def _no_such(job_id: int) -> NotFoundError:
    return NotFoundError("no job {job_id}; `blueprint job list` shows what there is", job_id=job_id)
