"""Routes of guidance before the handover (业务指导, Art. 16)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.errors import InvalidInputError
from blueprint.given import Given
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, Thing, require
from coordination import guidance, projects
from coordination.addresses import Id
from coordination.guidance import GuidanceRequest
from coordination.models import MAX_TEXT

router = APIRouter(tags=["coordination"], route_class=IdempotentRoute)

Words = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
DepartmentCode = Annotated[str, Field(min_length=1, max_length=40)]


class GuidanceIn(Given):
    """A question to a department of the city; `department` is the district's that asks, the caller's own when left out."""

    asked_of: DepartmentCode
    question: Words
    department: DepartmentCode | None = None


class GuidanceAnswerIn(Given):
    """What is answered."""

    answer: Words


class GuidanceOut(BaseModel):
    """A question and its answer."""

    id: int
    project_id: int
    department: str
    asked_of: str
    question: str
    asked_by: str
    asked_at: datetime
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None


class GuidanceList(BaseModel):
    """The questions of a project that the caller may see."""

    items: list[GuidanceOut]


def guidance_out(made: GuidanceRequest) -> GuidanceOut:
    """A question as it is shown."""
    return GuidanceOut.model_validate(made, from_attributes=True)


@router.get("/api/projects/{project_id}/guidance")
def list_guidance(project_id: Id, session: SessionDep, actor: ActorDep) -> GuidanceList:
    """What districts asked the city about a project, and what it answered: one's own department's, the coordinator's all."""
    require(actor, Act.READ_PROJECT)
    project = projects.find_project(session, project_id)
    found = guidance.guidance_on(session, project, actor=actor)
    return GuidanceList(items=[guidance_out(each) for each in found])


@router.post("/api/projects/{project_id}/guidance", status_code=201)
def ask_for_guidance(
    project_id: Id, asked: GuidanceIn, session: SessionDep, actor: ActorDep, edge: EdgeDep, now: NowDep
) -> GuidanceOut:
    """Ask a department of the city for guidance, for a district's department."""
    department = asked.department or actor.department
    require(actor, Act.ASK_FOR_GUIDANCE, Thing(department=department))
    if department is None:
        raise InvalidInputError("name the district's department that asks", place="department")
    made = guidance.ask_for_guidance(
        session,
        project_id,
        department,
        asked.asked_of,
        asked.question,
        city=edge.city,
        actor=actor,
        now=now,
    )
    return guidance_out(made)


@router.post("/api/guidance/{guidance_id}/answer")
def give_guidance(
    guidance_id: Id, given: GuidanceAnswerIn, session: SessionDep, actor: ActorDep, now: NowDep
) -> GuidanceOut:
    """Answer a question that was put to the own department."""
    require(actor, Act.READ_PROJECT)
    return guidance_out(guidance.give_guidance(session, guidance_id, given.answer, actor=actor, now=now))
