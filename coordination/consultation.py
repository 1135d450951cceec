"""Consultation (征求意见): one opinion request per responsible department, due in working days."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ConflictError
from blueprint.footprint import Footprint
from blueprint.permissions import Act, Actor
from blueprint.working_days import WorkingCalendar
from coordination.models import Check, Consultation, FootprintRevision, OpinionRequest, Project
from coordination.opinions import close_overdue, withdraw_requests
from coordination.projects import (
    add_revision,
    current_revision,
    latest_check,
    lock_project,
    refuse_after_clearance,
    refuse_outdated,
)
from coordination.responsibility import (
    concerns_by_department,
    draft_opinion,
    layers_not_seen,
    responsible_departments,
)


def open_consultation(
    session: Session, project_id: int, *, city: City, calendar: WorkingCalendar, actor: Actor, now: datetime
) -> Consultation:
    """Ask every responsible department about the current footprint, once; the check of it tells who that is."""
    project = lock_project(session, project_id)
    refuse_after_clearance(session, project)
    if not project.in_scope:
        raise ConflictError(
            f"{project.planning_number} is outside the regulation's scope (Art. 5): {project.scope_reason};"
            " it may be checked, not consulted"
        )
    revision = current_revision(session, project)
    check = _check_to_consult_on(session, project, revision, city=city, actor=actor, today=now.date())
    if consultation_of(session, revision) is not None:
        raise ConflictError(
            f"departments were asked about footprint revision {revision.number} already; give the footprint again"
            " to open another round"
        )
    consultation = Consultation(
        project_id=project.id,
        footprint_revision_id=revision.id,
        check_id=check.id,
        working_days=city.limits.opinion_working_days,
        opened_on=now.date(),
        opened_by=actor.name,
        opened_at=now,
    )
    session.add(consultation)
    session.flush()
    session.add_all(_requests(consultation, project, check, city=city, calendar=calendar))
    session.flush()
    session.expire(consultation, ["requests"])
    record(
        session,
        actor,
        Act.CONSULT_DEPARTMENTS,
        kind="project",
        id=project.planning_number,
        after={"check": check.id, "departments": [request.department for request in consultation.requests]},
    )
    return consultation


def _check_to_consult_on(
    session: Session, project: Project, revision: FootprintRevision, *, city: City, actor: Actor, today: date
) -> Check:
    check = latest_check(session, revision)
    if check is None:
        raise ConflictError(
            f"footprint revision {revision.number} of {project.planning_number} was not checked; check it first"
        )
    hidden = layers_not_seen(check.report)
    if hidden:
        raise ConflictError(
            f"whoever made the check may not read {'、'.join(hidden)}; let the coordinator check before asking departments"
        )
    refuse_outdated(session, check, revision, city=city, actor=actor, today=today)
    return check


def _requests(
    consultation: Consultation, project: Project, check: Check, *, city: City, calendar: WorkingCalendar
) -> Sequence[OpinionRequest]:
    concerns = concerns_by_department(check.report)
    due = calendar.due_date(consultation.opened_on, working_days=consultation.working_days)
    return [
        OpinionRequest(
            consultation_id=consultation.id,
            department=department,
            sent_on=consultation.opened_on,
            due_on=due.on,
            provisional=due.provisional,
            findings=[concern.to_json() for concern in concerns.get(department, ())],
            draft=draft_opinion(project.name, concerns.get(department, ())),
        )
        for department in responsible_departments(concerns, city)
    ]


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
    """Give the project a new footprint: its checks and opinions no longer count, what is still open is taken back."""
    project = lock_project(session, project_id)
    refuse_after_clearance(session, project)
    consultation = consultation_of(session, current_revision(session, project))
    if consultation is not None:
        close_overdue(session, now.date(), now=now, calendar=calendar, consultation_id=consultation.id)
        withdraw_requests(session, consultation, on=now.date())
    return add_revision(session, project, footprint, city=city, actor=actor, now=now)


def consultation_of(session: Session, revision: FootprintRevision) -> Consultation | None:
    """The consultation about a footprint revision, when there was one."""
    statement = select(Consultation).where(Consultation.footprint_revision_id == revision.id)
    return session.scalars(statement).one_or_none()
