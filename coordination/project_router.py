"""Routes of projects: registration, steps, footprints, checks, rounds of consultation."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query, Response

from blueprint.crs_registry import register_for
from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep, TodayDep
from blueprint.etags import IfMatch, tagged
from blueprint.footprint import footprint_from_geojson
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, require
from coordination import consultation, projects, steps
from coordination.addresses import Cursor, Id, Limit
from coordination.history import history_of
from coordination.holding import hold_project
from coordination.kept_checks import checks_of
from coordination.opinion_schemas import ContradictionList
from coordination.overview import (
    check_out,
    checks_out,
    consultation_out,
    consultations_out,
    footprint_out,
    project_briefs,
    project_out,
    proposal_out,
    record_findings,
)
from coordination.particulars import ApprovalLevel, ProjectDetails
from coordination.project_states import ProjectStatus, Step
from coordination.rounds import Choice
from coordination.schemas import (
    CheckList,
    CheckOut,
    ConsultationIn,
    ConsultationList,
    ConsultationOut,
    EventOut,
    FootprintIn,
    FootprintOut,
    History,
    ParticularsIn,
    ProjectIn,
    ProjectOut,
    ProjectPage,
    ProposalOut,
    ScopeIn,
    StepIn,
)
from coordination.side_by_side import contradictions_of
from coordination.views import search_projects

router = APIRouter(tags=["coordination"], route_class=IdempotentRoute)


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
        project.footprint,
        city=edge.city,
        scratch=edge.scratch,
        crs=project.crs,
        width_m=project.width_m,
        register=register_for(session, actor),
    )
    registered = projects.register_project(
        session,
        _details(project),
        footprint,
        city=edge.city,
        actor=actor,
        now=now,
        is_draft=project.draft,
    )
    return tagged(project_out(session, registered, actor=actor, edge=edge), response)


@router.get("/api/projects")
def list_projects(
    session: SessionDep,
    actor: ActorDep,
    q: Annotated[
        str | None,
        Query(max_length=200, pattern=r"^[^\x00]*$", description="words in number, name, applicant, purpose"),
    ] = None,
    status: ProjectStatus | None = None,
    project_type: Annotated[str | None, Query(max_length=40, pattern=r"^[^\x00]*$")] = None,
    district: Annotated[str | None, Query(max_length=20, pattern=r"^[^\x00]*$")] = None,
    cursor: Cursor = 0,
    limit: Limit = 50,
) -> ProjectPage:
    """Projects in the order of registration, all or those that are searched for."""
    require(actor, Act.READ_PROJECT)
    rows = search_projects(
        session,
        words=q,
        status=status,
        project_type=project_type,
        district=district,
        after=cursor,
        limit=limit,
    )
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
        record_findings(session, actor, (*shown.consultation.requests, *shown.consultation.standing))
    return tagged(shown, response)


@router.put("/api/projects/{project_id}/particulars")
def amend_project(
    project_id: Id,
    particulars: ParticularsIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> ProjectOut:
    """Correct what was registered; what is left out is emptied."""
    require(actor, Act.REGISTER_PROJECT)
    hold_project(session, project_id, if_match, actor=actor, edge=edge)
    project = projects.amend_project(
        session, project_id, _details(particulars), city=edge.city, actor=actor, now=now
    )
    return tagged(project_out(session, project, actor=actor, edge=edge), response)


@router.put("/api/projects/{project_id}/scope")
def decide_scope(
    project_id: Id,
    decision: ScopeIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> ProjectOut:
    """Decide whether the regulation is for the project (Art. 5), with the reason."""
    require(actor, Act.REGISTER_PROJECT)
    hold_project(session, project_id, if_match, actor=actor, edge=edge)
    project = projects.decide_scope(
        session, project_id, in_scope=decision.in_scope, reason=decision.reason, actor=actor, now=now
    )
    return tagged(project_out(session, project, actor=actor, edge=edge), response)


@router.post("/api/projects/{project_id}/steps")
def take_step(
    project_id: Id,
    taken: StepIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> ProjectOut:
    """Submit, adjust, return, shelve, resume or end a project; what departments were still asked is taken back."""
    require(actor, Act.REGISTER_PROJECT)
    hold_project(session, project_id, if_match, actor=actor, edge=edge)
    project = steps.take_step(
        session,
        project_id,
        Step(taken.step),
        reason=taken.reason,
        calendar=edge.calendar,
        actor=actor,
        now=now,
    )
    return tagged(project_out(session, project, actor=actor, edge=edge), response)


@router.get("/api/projects/{project_id}/history")
def show_history(
    project_id: Id, session: SessionDep, actor: ActorDep, cursor: Cursor = 0, limit: Limit = 50
) -> History:
    """What happened to a project (项目历程), in the order of time."""
    require(actor, Act.READ_PROJECT)
    project = projects.find_project(session, project_id)
    rows = history_of(session, project, after=cursor, limit=limit)
    return History(
        items=[EventOut.model_validate(row, from_attributes=True) for row in rows],
        next=str(rows[-1].id) if len(rows) == limit else None,
    )


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
        revised.footprint,
        city=edge.city,
        scratch=edge.scratch,
        crs=revised.crs,
        width_m=revised.width_m,
        register=register_for(session, actor),
    )
    hold_project(session, project_id, if_match, actor=actor, edge=edge)
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
    hold_project(session, project_id, if_match, actor=actor, edge=edge)
    return check_out(projects.check_project(session, project_id, city=edge.city, actor=actor, now=now))


@router.get("/api/projects/{project_id}/checks")
def list_checks(
    project_id: Id, session: SessionDep, actor: ActorDep, cursor: Cursor = 0, limit: Limit = 50
) -> CheckList:
    """The kept checks of a project, latest first, with the revision of the footprint that each is of."""
    require(actor, Act.READ_PROJECT)
    project = projects.find_project(session, project_id)
    return checks_out(checks_of(session, project.id, actor=actor, before=cursor, limit=limit), limit=limit)


@router.get("/api/projects/{project_id}/consultation")
def propose_consultation(
    project_id: Id, session: SessionDep, actor: ActorDep, edge: EdgeDep, today: TodayDep
) -> ProposalOut:
    """Whom the next round would ask by the check of the current footprint, and whose earlier opinion stands."""
    require(actor, Act.CONSULT_DEPARTMENTS)
    project = projects.find_project(session, project_id)
    proposal = consultation.propose_consultation(session, project, city=edge.city, actor=actor, today=today)
    return proposal_out(proposal, edge=edge)


@router.post("/api/projects/{project_id}/consultation", status_code=201)
def consult(
    project_id: Id,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    choices: ConsultationIn | None = None,
    if_match: IfMatch = None,
) -> ConsultationOut:
    """Open a round (征求意见): ask whom the current footprint concerns and whose earlier opinion does not stand."""
    require(actor, Act.CONSULT_DEPARTMENTS)
    hold_project(session, project_id, if_match, actor=actor, edge=edge)
    chosen = choices or ConsultationIn()
    opened = consultation.open_consultation(
        session,
        project_id,
        city=edge.city,
        calendar=edge.calendar,
        actor=actor,
        now=now,
        add=[Choice(**choice.model_dump()) for choice in chosen.add],
        drop=[Choice(**choice.model_dump()) for choice in chosen.drop],
    )
    return consultation_out(session, opened, actor=actor, edge=edge)


@router.get("/api/projects/{project_id}/consultations")
def list_consultations(
    project_id: Id, session: SessionDep, actor: ActorDep, edge: EdgeDep
) -> ConsultationList:
    """All rounds of a project, also those that were superseded, with the requests that the caller may see."""
    require(actor, Act.READ_PROJECT)
    project = projects.find_project(session, project_id)
    rounds = consultation.consultations_of(session, project)
    shown = consultations_out(session, rounds, actor=actor, edge=edge)
    record_findings(session, actor, [request for each in shown for request in each.requests])
    return ConsultationList(items=shown)


@router.get("/api/projects/{project_id}/contradictions")
def list_contradictions(
    project_id: Id, session: SessionDep, actor: ActorDep, edge: EdgeDep
) -> ContradictionList:
    """Departments side by side whose opinions cannot be followed together, or have to be compared (意见冲突)."""
    require(actor, Act.CONSULT_DEPARTMENTS)
    project = projects.find_project(session, project_id)
    return contradictions_of(session, project, city=edge.city, actor=actor)


def _details(given: ParticularsIn) -> ProjectDetails:
    """The body as the act takes it."""
    values = given.model_dump(exclude={"footprint", "crs", "width_m", "draft"})
    level, money = values.pop("approval_level"), values.pop("investment_10k_cny")
    return ProjectDetails(
        **values,
        approval_level=ApprovalLevel(level) if level else None,
        investment_10k_cny=round(Decimal(str(money)), 4) if money is not None else None,
    )
