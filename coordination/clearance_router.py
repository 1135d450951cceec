"""Routes of clearances: passing, correcting and taking back what was handed over, the generation opinion."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query, Response

from blueprint.documents.rendering import DocumentForm
from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.etags import IfMatch
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, require
from coordination import handover_changes, projects
from coordination.addresses import Id
from coordination.clearance import clear_project
from coordination.generation_opinion import write_generation_opinion
from coordination.holding import hold_project
from coordination.overview import clearance_out
from coordination.schemas import ClearanceOut, CorrectionIn, WithdrawalIn

router = APIRouter(tags=["coordination"], route_class=IdempotentRoute)


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
    hold_project(session, project_id, if_match, actor=actor, edge=edge)
    clearance = clear_project(
        session, project_id, city=edge.city, calendar=edge.calendar, actor=actor, now=now
    )
    return clearance_out(clearance, projects.current_revision(session, clearance.project))


@router.post("/api/projects/{project_id}/corrections", status_code=201)
def correct(
    project_id: Id,
    correction: CorrectionIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    if_match: IfMatch = None,
) -> ClearanceOut:
    """Correct what was handed over of a cleared project (更正); what departments were asked about is not corrected."""
    require(actor, Act.CLEAR_PROJECT)
    hold_project(session, project_id, if_match, actor=actor, edge=edge)
    changes = correction.model_dump(exclude={"reason"}, exclude_unset=True)
    money = changes.get("investment_10k_cny")
    if money is not None:
        changes["investment_10k_cny"] = round(Decimal(str(money)), 4)
    clearance = handover_changes.correct_handover(
        session, project_id, changes, reason=correction.reason, city=edge.city, actor=actor, now=now
    )
    return clearance_out(clearance, projects.current_revision(session, clearance.project))


@router.post("/api/projects/{project_id}/clearance/withdrawal", status_code=201)
def withdraw(
    project_id: Id,
    withdrawal: WithdrawalIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    if_match: IfMatch = None,
) -> ClearanceOut:
    """Take the clearance back (撤回): the project is adjusted and consulted again, approval holds its case."""
    require(actor, Act.CLEAR_PROJECT)
    hold_project(session, project_id, if_match, actor=actor, edge=edge)
    clearance = handover_changes.withdraw_clearance(
        session, project_id, reason=withdrawal.reason, calendar=edge.calendar, actor=actor, now=now
    )
    return clearance_out(clearance, projects.current_revision(session, clearance.project))


@router.get(
    "/api/projects/{project_id}/generation-opinion",
    response_class=Response,
    responses={
        200: {
            "content": {
                form.media_type: {"schema": {"type": "string", "format": "binary"}} for form in DocumentForm
            }
        }
    },
)
def show_generation_opinion(
    project_id: Id,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    form: Annotated[DocumentForm, Query(alias="f", description="pdf or docx")] = DocumentForm.PDF,
) -> Response:
    """The generation opinion (策划生成意见书) of a cleared project, as PDF or Word file."""
    require(actor, Act.READ_PROJECT)
    project = projects.find_project(session, project_id)
    written = write_generation_opinion(session, project, form, city=edge.city, actor=actor, now=now)
    name = f"{written.planning_number}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(written.content, media_type=form.media_type, headers=headers)
