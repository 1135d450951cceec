"""Routes of a request's way inside its department (科室流转, Art. 8), and of who is responsible in it."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from blueprint.edge import ActorDep, Edge, EdgeDep, NowDep, SessionDep
from blueprint.given import WHOLE, Given
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, Actor, Thing, require
from coordination import handling
from coordination.addresses import Id
from coordination.drafts import draft_shown
from coordination.handling_models import Handling, HandlingState, HandlingStep, ResponsibleSection
from coordination.handling_rules import post_to
from coordination.handling_views import lying_of
from coordination.models import MAX_TEXT, OpinionRequest
from coordination.opinion_requests import find_request
from coordination.opinion_router import opinion_given
from coordination.opinion_schemas import OpinionIn

router = APIRouter(tags=["coordination"], route_class=IdempotentRoute)

Code = Annotated[str, Path(max_length=40, pattern=r"^[^\x00]*$", description="部门代码 department code")]
SectionNumber = Annotated[int, Field(ge=1, le=2_000_000_000), WHOLE]
Login = Annotated[str, Field(min_length=1, max_length=60)]


class StepIn(Given):
    """A step: 接收, 转科室 (section; without one back to the department's reception), 交办 (officer), 送审, 审核通过, 退回, 签发.

    `officer` is a login; `draft` the opinion as it stands after the step.
    """

    step: HandlingStep = Field(strict=False)
    section: SectionNumber | None = None
    officer: Login | None = None
    draft: OpinionIn | None = None
    reason: str | None = Field(default=None, max_length=MAX_TEXT)


class ResponsibleIn(Given):
    """The section, by number, and the person, by login, to whom requests for opinions go."""

    section: SectionNumber
    officer: Login | None = None


class ResponsibleOut(BaseModel):
    """Who is responsible for opinions in a department; nothing where nobody is named."""

    department: str
    section_id: int | None = None
    section: str | None = None
    officer: str | None = None
    named_by: str | None = None
    named_at: datetime | None = None


class HandlingEventOut(BaseModel):
    """A step that was taken."""

    step: HandlingStep
    state: HandlingState
    at: datetime
    by: str
    stands_for: str | None
    section: str | None
    officer: str | None
    reason: str | None


class HandlingOut(BaseModel):
    """Where a request lies inside its department; `in_steps` is false where the department answers at once."""

    request_id: int
    in_steps: bool
    state: HandlingState | None = None
    section_id: int | None = None
    section: str | None = None
    officer: str | None = None
    internal_due_on: date | None = None
    with_me: bool = False
    may_answer_at_once: bool = True
    next_steps: list[HandlingStep] = []
    draft: dict[str, Any] | None = None
    events: list[HandlingEventOut] = []


def handling_out(session: Session, request: OpinionRequest, *, actor: Actor, edge: Edge) -> HandlingOut:
    """A request's way inside, with what the reader may do next."""
    lying = lying_of(session, [request], city=edge.city, calendar=edge.calendar, actor=actor).get(request.id)
    if lying is None:
        return HandlingOut(request_id=request.id, in_steps=False)
    row, place = session.get(Handling, request.id), lying.place
    return HandlingOut(
        request_id=request.id,
        in_steps=True,
        state=place.state,
        section_id=place.section_id,
        section=lying.section,
        officer=place.officer,
        internal_due_on=lying.due_on,
        with_me=lying.is_with_me,
        may_answer_at_once=lying.may_answer_at_once,
        next_steps=[step for step in HandlingStep if post_to(actor, step, place) is not None],
        draft=draft_shown(row.draft, edge.city) if row is not None and row.draft is not None else None,
        events=[HandlingEventOut.model_validate(e, from_attributes=True) for e in row.events] if row else [],
    )


def responsible_out(department: str, named: ResponsibleSection | None) -> ResponsibleOut:
    """Who is responsible, as it is shown."""
    if named is None:
        return ResponsibleOut(department=department)
    return ResponsibleOut(
        department=department,
        section_id=named.section_id,
        section=named.section.name,
        officer=named.officer,
        named_by=named.named_by,
        named_at=named.named_at,
    )


@router.get("/api/opinion-requests/{request_id}/handling")
def show_handling(request_id: Id, session: SessionDep, actor: ActorDep, edge: EdgeDep) -> HandlingOut:
    """Where a request lies inside the caller's department, its draft, and every step that was taken."""
    require(actor, Act.READ_OPINION_REQUESTS)
    request = find_request(session, request_id, actor=actor)
    require(actor, Act.HANDLE_REQUEST, request.thing)
    return handling_out(session, request, actor=actor, edge=edge)


@router.post("/api/opinion-requests/{request_id}/handling/steps")
def take_step(
    request_id: Id, taken: StepIn, session: SessionDep, actor: ActorDep, edge: EdgeDep, now: NowDep
) -> HandlingOut:
    """Take an internal step; past the limit of Art. 11 none is taken any more (409)."""
    require(actor, Act.READ_OPINION_REQUESTS)
    handling.take_step(
        session,
        request_id,
        HandlingStep(taken.step),
        city=edge.city,
        calendar=edge.calendar,
        actor=actor,
        now=now,
        section_id=taken.section,
        officer=taken.officer,
        draft=opinion_given(taken.draft, edge.city) if taken.draft is not None else None,
        reason=taken.reason,
    )
    request = find_request(session, request_id, actor=actor)
    return handling_out(session, request, actor=actor, edge=edge)


@router.get("/api/departments/{code}/responsible-section")
def show_responsible(code: Code, session: SessionDep, actor: ActorDep, edge: EdgeDep) -> ResponsibleOut:
    """The section and the person that a department named for opinions (责任科室、责任人)."""
    require(actor, Act.READ_DEPARTMENTS)
    edge.city.department(code)
    return responsible_out(code, handling.responsible_for(session, [code]).get(code))


@router.put("/api/departments/{code}/responsible-section")
def name_responsible(
    code: Code, named: ResponsibleIn, session: SessionDep, actor: ActorDep, edge: EdgeDep, now: NowDep
) -> ResponsibleOut:
    """Name them; from then on the department's people answer in steps, unless the profile says otherwise."""
    require(actor, Act.ORGANISE_DEPARTMENT, Thing(department=code))
    made = handling.name_responsible(
        session, code, named.section, named.officer, city=edge.city, actor=actor, now=now
    )
    return responsible_out(code, made)
