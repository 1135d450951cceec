"""The recheck after an update as long work: put in when a succession begins, done by a worker, told of, cancelled, resumed.

A job that died is taken up again where it stood: every project's recheck is committed by itself.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Integer, func, select
from sqlalchemy.orm import Session

from blueprint.errors import ConflictError
from blueprint.jobs.kinds import JobKind, JobRun
from blueprint.jobs.models import UNFINISHED, Job, JobState
from blueprint.jobs.queue import put_in
from blueprint.layers.terms import note_ended_terms
from blueprint.permissions import Act, Actor, Sensitivity, Thing, require
from blueprint.wall import KEEPER, seeing
from coordination.clock import SYSTEM
from coordination.updates import newest_due_event, recheck_due

_KEY = "recheck"


def ask_for_recheck(session: Session, *, actor: Actor, now: datetime) -> Job:
    """Ask for it by hand, also after one was cancelled or failed; ConflictError where nothing waits or one is under way."""
    require(actor, Act.CONSULT_DEPARTMENTS)
    job = put_in_recheck(session, actor=actor, now=now, by_hand=True)
    if job is None:
        raise ConflictError("every update was followed up, or a recheck is under way (GET /api/jobs)")
    return job


def put_in_recheck(session: Session, *, actor: Actor, now: datetime, by_hand: bool = False) -> Job | None:
    """Ask for the job where an update is not followed up yet; None where there is nothing to do, or one is under way.

    One that was cancelled, or that failed for good, is not asked for again by itself: a person may (`by_hand`), or the
    next update does.
    """
    note_ended_terms(session, today=now.date(), by=SYSTEM)
    newest = newest_due_event(session, now=now)
    if newest is None:
        return None
    if session.scalar(select(Job.id).where(Job.key == _KEY, Job.state.in_(UNFINISHED))) is not None:
        return None
    given_up = select(func.max(Job.arguments["newest"].astext.cast(Integer))).where(
        Job.kind == RECHECK.name, Job.state.in_((JobState.CANCELLED, JobState.FAILED))
    )
    if not by_hand and (session.scalar(given_up) or 0) >= newest:
        return None
    # It asks every layer, also those that are not everybody's.
    thing = Thing(sensitivity=Sensitivity.RESTRICTED)
    return put_in(session, RECHECK, thing, {"newest": newest}, actor=actor, now=now, key=_KEY)


def _run(run: JobRun) -> dict[str, Any]:
    edge = run.edge
    # Whoever asked for it, what follows is the system's: every project, every department.
    with seeing(KEEPER):
        rechecked = recheck_due(
            edge.engine, city=edge.city, calendar=edge.calendar, now=edge.now(), tell=run.tell
        )
    return {"projects": rechecked}


RECHECK = JobKind("recheck", Act.CONSULT_DEPARTMENTS, _run)
