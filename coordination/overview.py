"""How projects, requests and clearances look to a reader on a day, and how far each of them got."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import shapely
from geoalchemy2.shape import to_shape
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from blueprint.city import City, polygonal
from blueprint.city_router import to_lonlat
from blueprint.edge import Edge
from blueprint.layers.models import Layer
from blueprint.permissions import Actor
from blueprint.sharing.purposes import record_reading
from blueprint.working_days import WorkingCalendar
from coordination.clock import explain_clock
from coordination.consultation import Proposal, consultation_of
from coordination.handover_models import Clearance
from coordination.kept_checks import CheckInShort, may_see
from coordination.limits import OpinionStatus, withdrawal_day
from coordination.marks import shown
from coordination.models import (
    Check,
    Consultation,
    FootprintRevision,
    Opinion,
    OpinionRequest,
    Project,
)
from coordination.notices import notices_of
from coordination.opinion_requests import list_requests, request_status
from coordination.opinion_schemas import (
    ClockDayOut,
    ClockOut,
    ClockStopOut,
    ConditionOut,
    ContestOut,
    DueChangeOut,
    OpinionOut,
    OpinionRequestOut,
    ToldOut,
)
from coordination.project_states import TRANSITIONS, ProjectStatus, shown_status
from coordination.projects import current_revision, standing_clearance
from coordination.responsibility import proposed_opinion
from coordination.rounds import standing_requests, told
from coordination.schemas import (
    CheckList,
    CheckOfRevision,
    CheckOut,
    ClearanceOut,
    ConsultationOut,
    FootprintOut,
    HandoverOut,
    ProjectBrief,
    ProjectOut,
    ProposalOut,
    ProposedOut,
)
from coordination.views import delivered_projects

_ALL = 10_000
"""More requests than a project can have: a city has fewer departments, and a project fewer rounds."""

_SHOWN_APART = {"next_steps", "footprint", "check", "consultation", "clearance"}


def project_briefs(session: Session, projects: Sequence[Project]) -> list[ProjectBrief]:
    """Projects as a list shows them; which of them approval has is read in one question for all."""
    ids = [project.id for project in projects]
    handed = set(session.scalars(delivered_projects().where(Clearance.project_id.in_(ids))))
    names = [name for name in ProjectBrief.model_fields if name != "status"]
    return [
        ProjectBrief(
            **{name: getattr(project, name) for name in names},
            status=shown_status(ProjectStatus(project.status), is_delivered=project.id in handed),
        )
        for project in projects
    ]


def project_out(session: Session, project: Project, *, actor: Actor, edge: Edge) -> ProjectOut:
    """A project with its current footprint, and the requests about it that the reader may see."""
    brief = project_briefs(session, [project])[0]
    revision = current_revision(session, project)
    check, consultation = _latest_check(session, revision, actor), consultation_of(session, revision)
    clearance = standing_clearance(session, project)
    as_kept = ProjectOut.model_fields.keys() - ProjectBrief.model_fields.keys() - _SHOWN_APART
    return ProjectOut(
        **brief.model_dump(),
        **{name: getattr(project, name) for name in as_kept},
        next_steps=list(TRANSITIONS[ProjectStatus(project.status)]),
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


def checks_out(checks: Sequence[CheckInShort], *, limit: int) -> CheckList:
    """A page of the kept checks of a project, each as far as its reader may know it: a verdict and a digest tell of every layer."""
    items = [
        CheckOfRevision(
            id=each.id,
            digest=each.digest if each.is_seen else None,
            on=each.on,
            verdict=each.verdict if each.is_seen else None,
            made_at=each.made_at,
            footprint_revision=each.footprint_revision,
        )
        for each in checks
    ]
    return CheckList(items=items, next=str(checks[-1].id) if len(checks) == limit else None)


def _check_seen(session: Session, check: Check, actor: Actor) -> CheckOut:
    """A kept check in short, as far as the reader may know: a verdict and a digest tell of every layer."""
    brief = check_out(check)
    if may_see(session, check, actor):
        return brief
    return brief.model_copy(update={"verdict": None, "digest": None})


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
    """A round with the requests that the reader may see, and those of earlier rounds that still count."""
    return consultations_out(session, [consultation], actor=actor, edge=edge)[0]


def consultations_out(
    session: Session, consultations: Sequence[Consultation], *, actor: Actor, edge: Edge
) -> list[ConsultationOut]:
    """Rounds of one project, in the order given."""
    if not consultations:
        return []
    today, project_id = edge.now().date(), consultations[0].project_id
    visible = list_requests(session, actor=actor, today=today, project_id=project_id, limit=_ALL)
    return [_consultation_out(each, visible, edge=edge, today=today) for each in consultations]


def _consultation_out(
    consultation: Consultation, visible: Sequence[OpinionRequest], *, edge: Edge, today: date
) -> ConsultationOut:
    own = [request for request in visible if request.consultation_id == consultation.id]
    asked = {request.department for request in own}
    earlier = [r for r in visible if r.consultation_id < consultation.id and r.department not in asked]

    def told_of(requests: Iterable[OpinionRequest]) -> list[OpinionRequestOut]:
        in_order = sorted(requests, key=lambda request: request.department)
        return [request_out(r, city=edge.city, calendar=edge.calendar, today=today) for r in in_order]

    apart = {"footprint_revision", "requests", "standing"}
    return ConsultationOut(
        **{name: getattr(consultation, name) for name in ConsultationOut.model_fields.keys() - apart},
        footprint_revision=consultation.revision.number,
        requests=told_of(own),
        standing=told_of(standing_requests(earlier).values()),
    )


def proposal_out(proposal: Proposal, *, edge: Edge) -> ProposalOut:
    """Whom a round would ask, with the day on which each would be due if it were opened today."""
    today = edge.now().date()
    departments = []
    for each in proposal.departments:
        due = edge.calendar.due_date(today, working_days=each.working_days)
        departments.append(
            ProposedOut(
                department=each.department,
                department_name=edge.city.name_of(each.department),
                why=each.why,
                findings=told(each.concerns),
                working_days=each.working_days,
                due_on=due.on,
                provisional=due.provisional,
                stands=each.standing is not None,
                may_be_dropped=each.may_be_dropped,
            )
        )
    return ProposalOut(
        round=proposal.round,
        footprint_revision=proposal.revision.number,
        check_id=proposal.check.id,
        departments=departments,
    )


def request_out(
    request: OpinionRequest, *, city: City, calendar: WorkingCalendar, today: date
) -> OpinionRequestOut:
    """A request with its state as of today, also where its end was not recorded yet."""
    project = request.consultation.project
    state = request_status(request, today)
    is_deemed = state is OpinionStatus.DEEMED_NO_OBJECTION
    proposed = proposed_opinion([finding["severity"] for finding in request.findings])
    return OpinionRequestOut(
        id=request.id,
        project_id=project.id,
        planning_number=project.planning_number,
        project_name=project.name,
        footprint_revision=request.consultation.revision.number,
        department=request.department,
        department_name=city.name_of(request.department),
        state=state,
        sent_on=request.sent_on,
        due_on=request.due_on,
        provisional=request.provisional,
        working_days=request.working_days,
        working_days_left=calendar.working_days_left(today, request.due_on),
        round=request.consultation.round,
        why=request.why,
        withdrawn_why=request.withdrawn_why,
        withdrawn_on=withdrawal_day(request.due_on) if is_deemed else request.withdrawn_on,
        draft=request.draft,
        proposed_kind=proposed.kind,
        proposed_words=proposed.words,
        findings=request.findings,
        stopped_on=request.stopped_on,
        contests=[ContestOut.model_validate(c, from_attributes=True) for c in request.contests],
        opinion=opinion_out(request.opinion, city) if request.opinion else None,
    )


def opinion_out(opinion: Opinion, city: City) -> OpinionOut:
    """An opinion as it stands, with what was said before it was amended."""
    apart = {"markup", "condition_list", "earlier"}
    return OpinionOut(
        **{name: getattr(opinion, name) for name in OpinionOut.model_fields.keys() - apart},
        markup=shown(opinion.markup, city),
        condition_list=[
            ConditionOut(number=c.number, text=c.text, finding=c.finding, place=shown(c.place, city))
            for c in opinion.condition_list
        ],
        earlier=[{"number": each.number, **each.content} for each in opinion.earlier],
    )


def clock_out(session: Session, request: OpinionRequest, *, edge: Edge) -> ClockOut:
    """The limit of a request day by day, and when what happened."""
    today = edge.now().date()
    zone = ZoneInfo(edge.city.time_zone)
    opinion = request.opinion
    status = request_status(request, today)
    return ClockOut(
        request_id=request.id,
        department=request.department,
        state=status,
        working_days=request.working_days,
        sent_at=request.consultation.opened_at,
        first_seen_at=request.first_seen_at,
        first_seen_by=request.first_seen_by,
        due_on=request.due_on,
        provisional=request.provisional,
        ends_at=datetime.combine(withdrawal_day(request.due_on), time(), zone),
        withdrawn_on=withdrawal_day(request.due_on)
        if status is OpinionStatus.DEEMED_NO_OBJECTION
        else request.withdrawn_on,
        answered_at=opinion.given_at if opinion is not None and status is OpinionStatus.GIVEN else None,
        days=[
            ClockDayOut(
                day=day.calendar.day,
                kind=day.calendar.kind,
                name=day.calendar.name,
                published=day.calendar.published,
                stopped=day.is_stopped,
                counts=day.counts,
                number=day.number,
            )
            for day in explain_clock(request, calendar=edge.calendar, today=today)
        ],
        stops=[ClockStopOut.model_validate(stop, from_attributes=True) for stop in request.stops],
        due_changes=[DueChangeOut.model_validate(c, from_attributes=True) for c in request.due_changes],
        told=[ToldOut.model_validate(n, from_attributes=True) for n in notices_of(session, request)],
    )


def clearance_out(clearance: Clearance, revision: FootprintRevision) -> ClearanceOut:
    """A clearance and how the delivery of its messages stands."""
    return ClearanceOut(
        id=clearance.id,
        planning_number=revision.project.planning_number,
        footprint_revision=revision.number,
        check_id=clearance.check_id,
        cleared_on=clearance.cleared_on,
        cleared_by=clearance.cleared_by,
        withdrawn_at=clearance.withdrawn_at,
        withdrawn_by=clearance.withdrawn_by,
        withdrawn_why=clearance.withdrawn_why,
        handover=HandoverOut.model_validate(clearance.handover, from_attributes=True),
        changes=[HandoverOut.model_validate(m, from_attributes=True) for m in clearance.messages[1:]],
    )
