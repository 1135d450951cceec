"""Routes of jobs: how far they are, and cancelling them."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as PathParameter

from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.given import Text
from blueprint.idempotency import IdempotentRoute
from blueprint.jobs import queue
from blueprint.jobs.schemas import JobOut, JobPage, job_out
from blueprint.permissions import Act, require

router = APIRouter(prefix="/api/jobs", tags=["jobs"], route_class=IdempotentRoute)

_HIGHEST = 9_000_000_000_000_000
JobId = Annotated[int, PathParameter(ge=1, le=_HIGHEST, description="任务号 job number")]


@router.get("")
def list_jobs(
    session: SessionDep,
    actor: ActorDep,
    before: Annotated[int | None, Query(ge=1, le=_HIGHEST, description="only older ones than this")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    layer: Annotated[Text | None, Query(max_length=60, description="图层代码 only those of a layer")] = None,
    unfinished: Annotated[bool, Query(description="未完成的 only those that wait or run")] = False,
) -> JobPage:
    """The jobs that the caller asked for or has the right to do, and whose layers the caller may read, newest first.

    `layer` leaves those of one layer, `unfinished` those that wait or run; where there are none, or no such layer, the
    list is empty.
    """
    require(actor, Act.READ_JOBS)
    found = queue.list_jobs(
        session, actor=actor, before=before, limit=limit + 1, layer=layer, unfinished=unfinished
    )
    items = [job_out(job) for job in found[:limit]]
    return JobPage(items=items, next=items[-1].id if len(found) > limit else None)


@router.get("/{job_id}")
def show_job(job_id: JobId, session: SessionDep, actor: ActorDep) -> JobOut:
    """How far a job is, and what came of it."""
    require(actor, Act.READ_JOBS)
    return job_out(queue.find_job(session, job_id, actor=actor))


@router.post("/{job_id}/cancel")
def cancel_job(job_id: JobId, session: SessionDep, actor: ActorDep, now: NowDep, edge: EdgeDep) -> JobOut:
    """Cancel a job: one that waits at once, one that runs within seconds and without a trace of it in the data."""
    require(actor, Act.READ_JOBS)
    job = queue.find_job(session, job_id, actor=actor)
    return job_out(queue.cancel(session, job, actor=actor, now=now, scratch=edge.scratch))
