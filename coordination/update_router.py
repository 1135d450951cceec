"""Routes of rechecks: what updates of the blueprint meant for open projects."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.edge import ActorDep, NowDep, SessionDep
from blueprint.idempotency import IdempotentRoute
from blueprint.jobs.schemas import JobOut, job_out
from blueprint.layers.models import Layer
from blueprint.layers.succession import Succession
from blueprint.permissions import Act, Actor, require
from blueprint.sharing.purposes import record_reading
from coordination import recheck_job
from coordination.addresses import Cursor, Limit
from coordination.check_difference import Change
from coordination.difference_schemas import FindingChangeOut
from coordination.recheck_telling import counts_of
from coordination.rules import Severity
from coordination.update_models import Recheck
from coordination.updates import list_rechecks

router = APIRouter(tags=["coordination"], route_class=IdempotentRoute)


class RecheckedFinding(FindingChangeOut):
    """A feature that the check sees otherwise since the update."""

    title: str


class RecheckOut(BaseModel):
    """What an update of the blueprint meant for an open project; `asked` and `released` are departments.

    `act` is how the layer came to say something else: a version came into force, was rolled back or withdrawn, or is past its
    term. `failed` says why the project could not be checked again by itself; then there is no check.
    """

    id: int
    project_id: int
    planning_number: str
    project_name: str
    layer: str
    starts_on: date
    act: Succession
    check_before_id: int
    check_id: int | None
    verdict_before: Severity
    verdict_after: Severity | None
    counts: dict[Change, int]
    findings: list[RecheckedFinding]
    asked: list[str]
    released: list[str]
    failed: str | None
    made_at: datetime


class RecheckPage(BaseModel):
    """A page of rechecks; `next` is the cursor of the following one."""

    items: list[RecheckOut]
    next: str | None


@router.get("/api/rechecks")
def list_all_rechecks(
    session: SessionDep,
    actor: ActorDep,
    project_id: Annotated[int | None, Query(ge=1, le=2_000_000_000, description="of one project")] = None,
    cursor: Cursor = 0,
    limit: Limit = 50,
) -> RecheckPage:
    """Open projects that were checked again since a layer was updated (复检): what is new, gone, grown; who is asked, who released."""
    require(actor, Act.CONSULT_DEPARTMENTS)
    rows = list_rechecks(session, project_id=project_id, after=cursor, limit=limit)
    return RecheckPage(
        items=rechecks_out(session, actor, rows), next=str(rows[-1].id) if len(rows) == limit else None
    )


@router.post("/api/rechecks", status_code=202)
def ask_for_recheck(session: SessionDep, actor: ActorDep, now: NowDep) -> JobOut:
    """Put in the job that follows updates up; the service does so by itself, unless one was cancelled or failed."""
    require(actor, Act.CONSULT_DEPARTMENTS)
    return job_out(recheck_job.ask_for_recheck(session, actor=actor, now=now))


def rechecks_out(session: Session, actor: Actor, rows: list[Recheck]) -> list[RecheckOut]:
    """Rechecks as they are shown; that findings of layers that are not public were read is recorded (Art. 17)."""
    codes = {finding["layer"] for row in rows for finding in row.findings}
    if codes:
        layers = session.scalars(select(Layer).where(Layer.code.in_(codes)))
        things = [layer.thing for layer in layers]
        numbers = ", ".join(str(row.id) for row in rows if row.findings)
        record_reading(session, actor, things, kind="recheck", id=numbers)
    names = RecheckOut.model_fields.keys() - {"planning_number", "project_name", "counts", "act"}
    return [
        RecheckOut(
            **{name: getattr(row, name) for name in names},
            planning_number=row.project.planning_number,
            project_name=row.project.name,
            act=Succession(row.event.act),
            counts={Change(name): count for name, count in counts_of(row.findings).items()},
        )
        for row in rows
    ]
