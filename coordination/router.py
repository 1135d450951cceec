"""Routes of coordination: projects, their checks, consultations and clearances, and departments' opinions."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy.orm import Session

from blueprint.edge import ActorDep, Edge, EdgeDep, NowDep, SessionDep, TodayDep
from blueprint.etags import IfMatch, hold_to, tagged
from blueprint.footprint import footprint_from_geojson
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, Actor, Thing, require
from coordination import consultation, opinions, projects
from coordination.clearance import clear_project
from coordination.limits import OpinionStatus
from coordination.masking import list_answers
from coordination.models import OpinionKind
from coordination.open_work import open_work
from coordination.opinions import OpinionGiven
from coordination.overview import (
    check_out,
    clearance_out,
    consultation_out,
    footprint_out,
    project_briefs,
    project_out,
    record_findings,
    request_out,
)
from coordination.projects import ProjectDetails
from coordination.schemas import (
    CheckOut,
    ClearanceOut,
    ConsultationOut,
    FootprintIn,
    FootprintOut,
    OpenWorkList,
    OpenWorkOut,
    OpinionIn,
    OpinionRequestOut,
    OpinionRequestPage,
    ProjectIn,
    ProjectOut,
    ProjectPage,
    RestrictedAnswerOut,
    RestrictedAnswerPage,
)

router = APIRouter(tags=["coordination"], route_class=IdempotentRoute)

Id = Annotated[int, Path(ge=1, le=2_000_000_000)]
Cursor = Annotated[int, Query(ge=0, le=2_000_000_000, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.post("/api/projects", status_code=201)
def register(
    project: ProjectIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    response: Response,
) -> ProjectOut:
    """Register a project with its footprint; it gets its planning number (策划编号)."""
    require(actor, Act.REGISTER_PROJECT)
    footprint = footprint_from_geojson(
        project.footprint, city=edge.city, scratch=edge.scratch, crs=project.crs
    )
    details = ProjectDetails(**project.model_dump(exclude={"footprint", "crs"}))
    registered = projects.register_project(session, details, footprint, city=edge.city, actor=actor, now=now)
    return tagged(project_out(session, registered, actor=actor, edge=edge), response)


@router.get("/api/projects")
def list_projects(session: SessionDep, actor: ActorDep, cursor: Cursor = 0, limit: Limit = 50) -> ProjectPage:
    """Projects in the order of registration."""
    require(actor, Act.READ_PROJECT)
    rows = projects.list_projects(session, after=cursor, limit=limit)
    return ProjectPage(
        items=project_briefs(session, rows), next=str(rows[-1].id) if len(rows) == limit else None
    )


@router.get("/api/projects/{project_id}")
def show_project(
    project_id: Id, session: SessionDep, actor: ActorDep, edge: EdgeDep, response: Response
) -> ProjectOut:
    """A project with its footprint, latest check, consultation and clearance."""
    require(actor, Act.READ_PROJECT)
    project = projects.find_project(session, project_id)
    shown = project_out(session, project, actor=actor, edge=edge)
    if shown.consultation is not None:
        record_findings(session, actor, shown.consultation.requests)
    return tagged(shown, response)


@router.put("/api/projects/{project_id}/footprint")
def revise_footprint(
    project_id: Id,
    revised: FootprintIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    if_match: IfMatch = None,
) -> FootprintOut:
    """Give the project a new footprint, revision r + 1; what was asked about the old one is taken back."""
    require(actor, Act.REGISTER_PROJECT)
    footprint = footprint_from_geojson(
        revised.footprint, city=edge.city, scratch=edge.scratch, crs=revised.crs
    )
    _hold(session, project_id, if_match, actor=actor, edge=edge)
    revision = consultation.revise_footprint(
        session, project_id, footprint, city=edge.city, calendar=edge.calendar, actor=actor, now=now
    )
    return footprint_out(revision, edge.city)


@router.post("/api/projects/{project_id}/checks", status_code=201)
def check_project(
    project_id: Id,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    if_match: IfMatch = None,
) -> CheckOut:
    """Check the current footprint against today's blueprint and keep the report; the whole blueprint is asked."""
    require(actor, Act.KEEP_CHECK)
    require(actor, Act.CONSULT_DEPARTMENTS)
    _hold(session, project_id, if_match, actor=actor, edge=edge)
    return check_out(projects.check_project(session, project_id, city=edge.city, actor=actor, now=now))


@router.post("/api/projects/{project_id}/consultation", status_code=201)
def consult(
    project_id: Id,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    if_match: IfMatch = None,
) -> ConsultationOut:
    """Ask every responsible department about the current footprint (征求意见)."""
    require(actor, Act.CONSULT_DEPARTMENTS)
    _hold(session, project_id, if_match, actor=actor, edge=edge)
    opened = consultation.open_consultation(
        session, project_id, city=edge.city, calendar=edge.calendar, actor=actor, now=now
    )
    return consultation_out(session, opened, actor=actor, edge=edge)


@router.post("/api/projects/{project_id}/clearance", status_code=201)
def clear(
    project_id: Id,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    if_match: IfMatch = None,
) -> ClearanceOut:
    """Let the project pass (通过); its handover to approval is written with it."""
    require(actor, Act.CLEAR_PROJECT)
    _hold(session, project_id, if_match, actor=actor, edge=edge)
    clearance = clear_project(
        session, project_id, city=edge.city, calendar=edge.calendar, actor=actor, now=now
    )
    return clearance_out(clearance, projects.current_revision(session, clearance.project))


@router.get("/api/departments/{code}/open-work")
def list_open_work(
    code: Annotated[str, Path(max_length=40, pattern=r"^[^\x00]*$", description="部门代码 department code")],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
) -> OpenWorkList:
    """What a department has to answer, what it began and did not finish, and which of it somebody who left began."""
    require(actor, Act.READ_OPEN_WORK, Thing(department=code))
    found = open_work(session, code, city=edge.city, actor=actor, now=now)
    return OpenWorkList(department=code, items=[OpenWorkOut(**vars(work)) for work in found])


@router.get("/api/opinion-requests")
def list_requests(
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    today: TodayDep,
    department: Annotated[str | None, Query(max_length=40, pattern=r"^[^\x00]*$")] = None,
    state: Annotated[OpinionStatus | None, Query(description="the state as of today")] = None,
    cursor: Cursor = 0,
    limit: Limit = 50,
) -> OpinionRequestPage:
    """The opinion requests that the caller may see: a department its own, the coordinator all."""
    require(actor, Act.READ_OPINION_REQUESTS)
    rows = opinions.list_requests(
        session, actor=actor, today=today, department=department, state=state, after=cursor, limit=limit
    )
    items = [request_out(row, city=edge.city, calendar=edge.calendar, today=today) for row in rows]
    record_findings(session, actor, items)
    return OpinionRequestPage(items=items, next=str(rows[-1].id) if len(rows) == limit else None)


@router.get("/api/opinion-requests/{request_id}")
def show_request(
    request_id: Id,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    today: TodayDep,
    response: Response,
) -> OpinionRequestOut:
    """One opinion request with its findings and the draft to start from."""
    require(actor, Act.READ_OPINION_REQUESTS)
    request = opinions.find_request(session, request_id, actor=actor)
    shown = request_out(request, city=edge.city, calendar=edge.calendar, today=today)
    record_findings(session, actor, [shown])
    return tagged(shown, response)


@router.put("/api/opinion-requests/{request_id}/opinion")
def give_opinion(
    request_id: Id,
    opinion: OpinionIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> OpinionRequestOut:
    """Answer a request while its limit runs; a late or second answer is refused (409)."""
    require(actor, Act.READ_OPINION_REQUESTS)
    given = OpinionGiven(OpinionKind(opinion.kind), opinion.conditions, opinion.reason, opinion.remark)
    if if_match is not None:
        known = opinions.find_request(session, request_id, actor=actor)
        shown = partial(request_out, known, city=edge.city, calendar=edge.calendar, today=now.date())
        hold_to(session, if_match, known, shown)
    request = opinions.give_opinion(session, request_id, given, actor=actor, calendar=edge.calendar, now=now)
    shown_now = request_out(request, city=edge.city, calendar=edge.calendar, today=now.date())
    return tagged(shown_now, response)


@router.get("/api/restricted-answers")
def list_restricted_answers(session: SessionDep, actor: ActorDep) -> RestrictedAnswerPage:
    """Who asked the restricted layers of the caller's department by checks, how often on which day; the auditor sees all."""
    found = list_answers(session, actor=actor)
    return RestrictedAnswerPage(
        items=[RestrictedAnswerOut.model_validate(row, from_attributes=True) for row in found]
    )


def _hold(session: Session, project_id: int, if_match: str | None, *, actor: Actor, edge: Edge) -> None:
    """Hold a project to what its changer read of it."""
    if if_match is not None:
        project = projects.find_project(session, project_id)
        hold_to(session, if_match, project, partial(project_out, session, project, actor=actor, edge=edge))
