"""Consultation (征求意见) in rounds: one opinion request per department that is responsible, due in working days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from blueprint.city import City
from blueprint.errors import ConflictError
from blueprint.footprint import Footprint
from blueprint.permissions import Act, Actor
from blueprint.working_days import WorkingCalendar
from coordination.clock import close_overdue
from coordination.finding_places import draw_findings, places_of
from coordination.history import note
from coordination.models import Check, Consultation, FootprintRevision, OpinionRequest, Project
from coordination.notice_models import NoticeKind
from coordination.notices import tell
from coordination.opinion_drafts import draft_opinion
from coordination.opinion_requests import withdraw_requests
from coordination.project_states import ProjectStatus, Step, status_after
from coordination.projects import (
    add_revision,
    amended_at,
    current_revision,
    latest_check,
    lock_project,
    move,
    refuse_not_in_work,
    refuse_outdated,
)
from coordination.responsibility import concerns_by_department, layers_not_seen
from coordination.rounds import Choice, Proposed, decide, propose

FOOTPRINT_CHANGED = "用地红线已变更 the footprint was changed"


@dataclass(frozen=True)
class Proposal:
    """Whom the next round would ask, and who was asked of the same before and stands."""

    round: int
    revision: FootprintRevision
    check: Check
    departments: tuple[Proposed, ...]


def propose_consultation(
    session: Session, project: Project, *, city: City, actor: Actor, today: date
) -> Proposal:
    """Say whom a round about the current footprint would ask by its check of today's blueprint; nothing is kept."""
    revision = current_revision(session, project)
    check = _check_to_consult_on(session, project, revision, city=city, actor=actor, today=today)
    return proposal_by(session, project, revision, check, city=city)


def proposal_by(
    session: Session, project: Project, revision: FootprintRevision, check: Check, *, city: City
) -> Proposal:
    """Whom a round would ask by a check, whatever day it is of."""
    departments = propose(
        concerns_by_department(check.report),
        requests_of(session, project),
        city=city,
        project_type=project.project_type,
        amended_at=amended_at(session, project),
    )
    return Proposal(_next_round(session, project), revision, check, departments)


def open_consultation(
    session: Session,
    project_id: int,
    *,
    city: City,
    calendar: WorkingCalendar,
    actor: Actor,
    now: datetime,
    add: Sequence[Choice] = (),
    drop: Sequence[Choice] = (),
) -> Consultation:
    """Ask every department whom the current footprint concerns and whose earlier opinion does not stand; each once.

    The coordinator may `add` departments and `drop` those that nothing prohibits or restricts for, with the reason;
    nobody who disagrees, set conditions, has still to answer, or has a contest to decide.
    """
    project = lock_project(session, project_id)
    refuse_not_in_work(session, project)
    _refuse_out_of_scope(project)
    proposal = propose_consultation(session, project, city=city, actor=actor, today=now.date())
    status_after(ProjectStatus(project.status), Step.CONSULT)
    concerns = concerns_by_department(proposal.check.report)
    asked = decide(
        proposal.departments, concerns, add=add, drop=drop, city=city, project_type=project.project_type
    )
    if not asked and consultation_of(session, proposal.revision) is not None:
        raise ConflictError(
            "departments were asked about footprint revision {revision_number} already and nothing changed"
            " for any of them; give the footprint again, or name whom to add and why",
            revision_number=proposal.revision.number,
        )
    return open_round(
        session,
        project,
        proposal,
        asked,
        city=city,
        calendar=calendar,
        actor=actor,
        now=now,
        add=add,
        drop=drop,
    )


def open_round(
    session: Session,
    project: Project,
    proposal: Proposal,
    asked: Sequence[Proposed],
    *,
    city: City,
    calendar: WorkingCalendar,
    actor: Actor,
    now: datetime,
    add: Sequence[Choice] = (),
    drop: Sequence[Choice] = (),
) -> Consultation:
    """Open a round that asks these departments by the proposal's check, and tell them; the project row is locked."""
    _take_back_changed(session, project, asked, now=now)
    consultation = Consultation(
        project_id=project.id,
        footprint_revision_id=proposal.revision.id,
        check_id=proposal.check.id,
        working_days=city.limits.opinion_working_days,
        opened_on=now.date(),
        opened_by=actor.name,
        opened_at=now,
        round=proposal.round,
        added=[vars(choice) for choice in add],
        dropped=[vars(choice) for choice in drop],
    )
    session.add(consultation)
    session.flush()
    rules = proposal.check.report.get("rules", [])
    layers = {concern.layer for each in asked for concern in each.concerns}
    drawn = draw_findings(session, proposal.check, proposal.revision, layers, city=city, actor=actor)
    for each in asked:
        request = _request(consultation, project, each, rules=rules, calendar=calendar)
        request.finding_places = places_of(request.findings, drawn, department=request.department, city=city)
        session.add(request)
    move(project, Step.CONSULT)
    session.flush()
    session.expire(consultation, ["requests"])
    for request in consultation.requests:
        tell(
            session,
            NoticeKind.ASKED,
            f"请于 {request.due_on} 前反馈意见，逾期视为无意见 your opinion is asked for by {request.due_on}",
            to=request.department,
            project=project,
            request=request,
            now=now,
        )
    note(
        session,
        project,
        Act.CONSULT_DEPARTMENTS,
        actor=actor,
        now=now,
        details={
            "round": consultation.round,
            "footprint_revision": proposal.revision.number,
            "check": proposal.check.id,
            "departments": [each.department for each in asked],
            "added": consultation.added,
            "dropped": consultation.dropped,
        },
    )
    return consultation


def _refuse_out_of_scope(project: Project) -> None:
    if project.scope_decided_by is None:
        raise ConflictError(
            "it is not decided whether {planning_number} is in the regulation's scope (Art. 5):"
            " {scope_doubts}; decide it first",
            planning_number=project.planning_number,
            scope_doubts=project.scope_doubts,
        )
    if not project.in_scope:
        raise ConflictError(
            "{planning_number} is outside the regulation's scope (Art. 5): {scope_reason}; it may be"
            " checked, not consulted",
            planning_number=project.planning_number,
            scope_reason=project.scope_reason,
        )


def _check_to_consult_on(
    session: Session, project: Project, revision: FootprintRevision, *, city: City, actor: Actor, today: date
) -> Check:
    check = latest_check(session, revision)
    if check is None:
        raise ConflictError(
            "footprint revision {revision_number} of {planning_number} was not checked; check it first",
            revision_number=revision.number,
            planning_number=project.planning_number,
        )
    hidden = layers_not_seen(check.report)
    if hidden:
        raise ConflictError(
            "the check did not see {hidden}, which whoever made it may not read or whose file cannot be"
            " read; let the coordinator check again before asking departments",
            hidden=hidden,
        )
    refuse_outdated(session, check, revision, city=city, actor=actor, today=today)
    return check


def _next_round(session: Session, project: Project) -> int:
    last = session.scalar(select(func.max(Consultation.round)).where(Consultation.project_id == project.id))
    return (last or 0) + 1


def _take_back_changed(
    session: Session, project: Project, asked: Sequence[Proposed], *, now: datetime
) -> None:
    """Who is asked of other findings than before need not answer the old request any more."""
    departments = {each.department for each in asked}
    for consultation in consultations_of(session, project):
        withdraw_requests(
            session,
            consultation,
            on=now.date(),
            now=now,
            why="涉及内容已变化，另行征求 the findings changed, asked again",
            departments=departments,
        )


def _request(
    consultation: Consultation,
    project: Project,
    proposed: Proposed,
    *,
    rules: Sequence[Mapping[str, Any]],
    calendar: WorkingCalendar,
) -> OpinionRequest:
    due = calendar.due_date(consultation.opened_on, working_days=proposed.working_days)
    return OpinionRequest(
        consultation_id=consultation.id,
        department=proposed.department,
        sent_on=consultation.opened_on,
        due_on=due.on,
        provisional=due.provisional,
        findings=[concern.to_json() for concern in proposed.concerns],
        draft=draft_opinion(project.name, proposed.concerns, rules),
        working_days=proposed.working_days,
        why=proposed.why,
    )


def revise_footprint(
    session: Session,
    project_id: int,
    footprint: Footprint,
    *,
    city: City,
    calendar: WorkingCalendar,
    actor: Actor,
    now: datetime,
) -> FootprintRevision:
    """Give the project a new footprint: its checks no longer count, the round that is open is superseded and its rest taken back.

    What departments said stays with the revision that they were asked about; it stands for those whom the change
    does not concern.
    """
    project = lock_project(session, project_id)
    refuse_not_in_work(session, project)
    supersede_rounds(session, project, why=FOOTPRINT_CHANGED, calendar=calendar, now=now)
    if project.status == ProjectStatus.CONSULTING:
        move(project, Step.ADJUST)
    return add_revision(session, project, footprint, city=city, actor=actor, now=now)


def supersede_rounds(
    session: Session, project: Project, *, why: str, calendar: WorkingCalendar, now: datetime
) -> None:
    """End the rounds of a project that still run: silence past its limit is recorded first, the rest is taken back."""
    for consultation in consultations_of(session, project):
        close_overdue(session, now.date(), now=now, calendar=calendar, consultation_id=consultation.id)
        withdraw_requests(session, consultation, on=now.date(), why=why, now=now)
        if consultation.superseded_on is None:
            consultation.superseded_on, consultation.superseded_why = now.date(), why
    session.flush()


def consultation_of(session: Session, revision: FootprintRevision) -> Consultation | None:
    """The last round about a footprint revision that was not superseded, when there was one."""
    statement = (
        select(Consultation)
        .where(Consultation.footprint_revision_id == revision.id, Consultation.superseded_on.is_(None))
        .order_by(Consultation.round.desc())
        .limit(1)
    )
    return session.scalars(statement).one_or_none()


def consultations_of(session: Session, project: Project) -> Sequence[Consultation]:
    """All rounds of a project, in their order."""
    statement = select(Consultation).where(Consultation.project_id == project.id).order_by(Consultation.round)
    return session.scalars(statement).all()


def requests_of(session: Session, project: Project) -> Sequence[OpinionRequest]:
    """All requests of a project that the transaction's viewer may see, of every round, in their order."""
    statement = (
        select(OpinionRequest)
        .join(OpinionRequest.consultation)
        .where(Consultation.project_id == project.id)
        .options(joinedload(OpinionRequest.opinion), joinedload(OpinionRequest.consultation))
        .order_by(OpinionRequest.id)
    )
    return session.scalars(statement).all()
