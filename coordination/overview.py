"""How projects, requests and clearances look to a reader on a day, and how far each of them got."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import shapely
from geoalchemy2.shape import to_shape
from sqlalchemy import select, text
from sqlalchemy.orm import Session, joinedload

from blueprint.city import City, polygonal
from blueprint.city_router import to_lonlat
from blueprint.edge import Edge
from blueprint.layers.models import Layer
from blueprint.permissions import Actor
from blueprint.sharing.purposes import record_reading
from blueprint.working_days import WorkingCalendar
from coordination.checks import may_see
from coordination.consultation import consultation_of
from coordination.limits import OpinionStatus, withdrawal_day
from coordination.models import (
    Check,
    Clearance,
    Consultation,
    FootprintRevision,
    Handover,
    Opinion,
    OpinionRequest,
    Project,
)
from coordination.opinions import list_requests, request_status
from coordination.projects import current_revision
from coordination.schemas import (
    CheckOut,
    ClearanceOut,
    ConsultationOut,
    FootprintOut,
    HandoverOut,
    OpinionOut,
    OpinionRequestOut,
    ProjectBrief,
    ProjectOut,
    ProjectStatus,
)

_ALL = 1000
"""More requests than a consultation can have: a city has fewer departments."""


def status_of(*, is_consulted: bool, is_cleared: bool, is_delivered: bool) -> ProjectStatus:
    """Where a project stands, by the furthest step that was taken."""
    if is_delivered:
        return ProjectStatus.HANDED_OVER
    if is_cleared:
        return ProjectStatus.CLEARED
    return ProjectStatus.CONSULTING if is_consulted else ProjectStatus.PREPARING


def project_briefs(session: Session, projects: Sequence[Project]) -> list[ProjectBrief]:
    """Projects as a list shows them, their status read in one question for all."""
    ids = [project.id for project in projects]
    consulted = set(session.scalars(select(Consultation.project_id).where(Consultation.project_id.in_(ids))))
    handed = (
        select(Clearance.project_id, Handover.delivered_at)
        .join(Clearance.handover)
        .where(Clearance.project_id.in_(ids))
    )
    delivered_at = {row.project_id: row.delivered_at for row in session.execute(handed)}
    return [
        ProjectBrief(
            **_common(project),
            status=status_of(
                is_consulted=project.id in consulted,
                is_cleared=project.id in delivered_at,
                is_delivered=delivered_at.get(project.id) is not None,
            ),
        )
        for project in projects
    ]


def _common(project: Project) -> dict[str, Any]:
    names = ("id", "planning_number", "name", "applicant", "in_scope", "registered_at")
    return {name: getattr(project, name) for name in names}


def project_out(session: Session, project: Project, *, actor: Actor, edge: Edge) -> ProjectOut:
    """A project with its current footprint, and the requests about it that the reader may see."""
    brief = project_briefs(session, [project])[0]
    revision = current_revision(session, project)
    check, consultation = _latest_check(session, revision, actor), consultation_of(session, revision)
    clearance = _clearance_of(session, project)
    return ProjectOut(
        **brief.model_dump(),
        purpose=project.purpose,
        scope_reason=project.scope_reason,
        scope_decided_by=project.scope_decided_by,
        registered_by=project.registered_by,
        footprint=footprint_out(revision, edge.city),
        check=check,
        consultation=consultation_out(session, consultation, actor=actor, edge=edge)
        if consultation
        else None,
        clearance=clearance_out(clearance, revision) if clearance else None,
    )


def _latest_check(session: Session, revision: FootprintRevision, actor: Actor) -> CheckOut | None:
    """The latest check as far as the reader may know it; one that is behind the second wall is told by its number and day."""
    row = session.execute(
        text("SELECT * FROM coordination.latest_check_in_short(:revision)"), {"revision": revision.id}
    ).one_or_none()
    if row is None:
        return None
    check = session.get(Check, row.id)
    if check is not None:
        return _check_seen(session, check, actor)
    return CheckOut(id=row.id, digest=None, on=row.on_day, verdict=None, made_at=row.made_at)


def _clearance_of(session: Session, project: Project) -> Clearance | None:
    statement = (
        select(Clearance).where(Clearance.project_id == project.id).options(joinedload(Clearance.handover))
    )
    return session.scalars(statement).one_or_none()


def footprint_out(revision: FootprintRevision, city: City) -> FootprintOut:
    """A footprint revision in longitude and latitude."""
    return FootprintOut(
        revision=revision.number,
        geometry=shapely.geometry.mapping(polygonal(to_lonlat(to_shape(revision.footprint), city))),
        source_crs=revision.source_crs,
        operation=revision.operation,
        notes=revision.notes,
        made_by=revision.made_by,
        made_at=revision.made_at,
    )


def check_out(check: Check) -> CheckOut:
    """A kept check in short."""
    return CheckOut(
        id=check.id, digest=check.digest, on=check.on_day, verdict=check.verdict, made_at=check.made_at
    )


def _check_seen(session: Session, check: Check, actor: Actor) -> CheckOut:
    """A kept check as far as the reader may know: a verdict and a digest tell of every layer that was asked."""
    shown = check_out(check)
    if may_see(session, check, actor):
        return shown
    return shown.model_copy(update={"verdict": None, "digest": None})


def record_findings(session: Session, actor: Actor, requests: Sequence[OpinionRequestOut]) -> None:
    """Record that findings of layers that are not public were shown in opinion requests (Art. 17)."""
    codes = {finding["layer"] for request in requests for finding in request.findings}
    if codes:
        layers = session.scalars(select(Layer).where(Layer.code.in_(codes)))
        numbers = ", ".join(str(request.id) for request in requests if request.findings)
        record_reading(session, actor, [layer.thing for layer in layers], kind="opinion_request", id=numbers)


def consultation_out(
    session: Session, consultation: Consultation, *, actor: Actor, edge: Edge
) -> ConsultationOut:
    """A consultation with the requests that the reader may see."""
    today = edge.now().date()
    visible = list_requests(session, actor=actor, today=today, project_id=consultation.project_id, limit=_ALL)
    own = sorted((r for r in visible if r.consultation_id == consultation.id), key=lambda r: r.department)
    return ConsultationOut(
        id=consultation.id,
        footprint_revision=consultation.revision.number,
        check_id=consultation.check_id,
        working_days=consultation.working_days,
        opened_on=consultation.opened_on,
        opened_by=consultation.opened_by,
        requests=[request_out(r, city=edge.city, calendar=edge.calendar, today=today) for r in own],
    )


def request_out(
    request: OpinionRequest, *, city: City, calendar: WorkingCalendar, today: date
) -> OpinionRequestOut:
    """A request with its state as of today, also where its end was not recorded yet."""
    project = request.consultation.project
    state = request_status(request, today)
    is_deemed = state is OpinionStatus.DEEMED_NO_OBJECTION
    return OpinionRequestOut(
        id=request.id,
        project_id=project.id,
        planning_number=project.planning_number,
        project_name=project.name,
        footprint_revision=request.consultation.revision.number,
        department=request.department,
        department_name=_name(request.department, city),
        state=state,
        sent_on=request.sent_on,
        due_on=request.due_on,
        provisional=request.provisional,
        working_days_left=calendar.working_days_left(today, request.due_on),
        withdrawn_on=withdrawal_day(request.due_on) if is_deemed else request.withdrawn_on,
        draft=request.draft,
        findings=request.findings,
        opinion=opinion_out(request.opinion) if request.opinion else None,
    )


def _name(code: str, city: City) -> str:
    return next((department.name for department in city.departments if department.code == code), code)


def opinion_out(opinion: Opinion) -> OpinionOut:
    """An opinion as it was recorded."""
    return OpinionOut(**{name: getattr(opinion, name) for name in OpinionOut.model_fields})


def clearance_out(clearance: Clearance, revision: FootprintRevision) -> ClearanceOut:
    """A clearance and how the delivery of its handover stands."""
    handover = clearance.handover
    return ClearanceOut(
        id=clearance.id,
        planning_number=revision.project.planning_number,
        footprint_revision=revision.number,
        check_id=clearance.check_id,
        cleared_on=clearance.cleared_on,
        cleared_by=clearance.cleared_by,
        handover=HandoverOut(**{name: getattr(handover, name) for name in HandoverOut.model_fields}),
    )
