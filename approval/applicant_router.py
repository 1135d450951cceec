"""Routes of the applicant's view: the window gives a secret out, and whoever has it sees the progress of the case."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from approval import applicant, cases
from approval.applicant import Progress
from approval.router import Number
from blueprint.accounts.own import browser_of
from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.given import Given
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, require

router = APIRouter(prefix="/api/approval", tags=["approval"], route_class=IdempotentRoute)
looking_router = APIRouter(prefix="/api/approval", tags=["approval"])
"""Looking is never answered from what was kept: no `Idempotency-Key` there."""


class SecretOut(BaseModel):
    """The applicant's secret, told this once."""

    project_code: str
    secret: str


class LookIn(Given):
    """Project code and secret, in the body: an address is written into logs."""

    project_code: Annotated[str, Field(min_length=1, max_length=40)]
    secret: Annotated[str, Field(min_length=1, max_length=60)]


@router.post("/cases/{number}/applicant-secret", status_code=201)
def issue_secret(number: Number, session: SessionDep, actor: ActorDep) -> SecretOut:
    """Give the applicant of a case a secret; a new one voids the one before."""
    cases.refuse_unknown(actor, Act.ACCEPT_ITEM)
    case = cases.locked_case(session, number)
    require(actor, Act.ACCEPT_ITEM, case.thing)
    secret = applicant.issue_secret(session, case, actor=actor)
    return SecretOut(project_code=str(case.project_code), secret=secret)


@looking_router.post("/progress")
def look(body: LookIn, request: Request, session: SessionDep, edge: EdgeDep, now: NowDep) -> Progress:
    """Where a case is, what is missing and until when: by its project code and the applicant's secret."""
    case = applicant.look(
        session,
        edge.engine,
        body.project_code,
        body.secret,
        address=browser_of(request).address,
        now=now,
    )
    names = {department.code: department.name for department in edge.city.departments}
    return applicant.progress_of(session, case, names, today=now.date())
