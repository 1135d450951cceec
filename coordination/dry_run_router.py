"""Routes of the dry run of a publication."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.given import Day
from blueprint.idempotency import IdempotentRoute
from blueprint.jobs.queue import put_in
from blueprint.jobs.schemas import JobOut, job_out
from blueprint.layers import catalogue, publication
from blueprint.layers.router import Code, Number
from blueprint.permissions import Act, require
from coordination.dry_run import DRY_RUN, dry_run
from coordination.schemas import DryRunOut

router = APIRouter(tags=["layers"], route_class=IdempotentRoute)

StartsOn = Annotated[Day | None, Query(description="生效日 the first day in force; today when not given")]


@router.get("/api/layers/{code}/versions/{number}/dry-run")
def foresee(
    code: Code,
    number: Number,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    starts_on: StartsOn = None,
) -> DryRunOut:
    """What would change if the version came into force: features, meetings with other layers, projects and checks.

    409 where the publication itself would be refused, and where so much changes that it has to be asked as a job (POST).
    """
    layer = catalogue.find_readable(session, code, actor)
    require(actor, Act.BRING_INTO_FORCE, layer.thing)
    version = publication.version_of(session, layer, number)
    return dry_run(session, version, starts_on=starts_on or now.date(), city=edge.city, actor=actor, now=now)


@router.post("/api/layers/{code}/versions/{number}/dry-run", status_code=202)
def foresee_by_job(
    code: Code,
    number: Number,
    session: SessionDep,
    actor: ActorDep,
    now: NowDep,
    response: Response,
    starts_on: StartsOn = None,
) -> JobOut:
    """The same by a job, however much changes; it is the job's `result`."""
    layer = catalogue.find_readable(session, code, actor)
    require(actor, Act.BRING_INTO_FORCE, layer.thing)
    version = publication.version_of(session, layer, number)
    day = (starts_on or now.date()).isoformat()
    arguments = {"layer": layer.code, "version": version.number, "starts_on": day}
    job = put_in(session, DRY_RUN, layer.thing, arguments, actor=actor, now=now)
    response.headers["Location"] = f"/api/jobs/{job.id}"
    return job_out(job)
