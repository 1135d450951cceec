"""Projects in preparation: registration with a planning number, footprint revisions, checks of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from geoalchemy2.shape import from_shape, to_shape
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City, polygonal
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.footprint import Footprint
from blueprint.permissions import Act, Actor
from coordination.checks import keep_check, run_check
from coordination.models import (
    MAX_NAME,
    MAX_TEXT,
    Check,
    Clearance,
    FootprintRevision,
    PlanningNumberSeries,
    Project,
)


@dataclass(frozen=True)
class ProjectDetails:
    """What the coordinator registers; whether the regulation covers the project (Art. 5) is a person's decision."""

    name: str
    applicant: str
    purpose: str
    in_scope: bool = True
    scope_reason: str | None = None


def register_project(
    session: Session,
    details: ProjectDetails,
    footprint: Footprint,
    *,
    city: City,
    actor: Actor,
    now: datetime,
) -> Project:
    """Register a project with its first footprint and give it a planning number (策划编号)."""
    _refuse_unfit("name", details.name, at_most=MAX_NAME)
    _refuse_unfit("applicant", details.applicant, at_most=MAX_NAME)
    _refuse_unfit("purpose", details.purpose, at_most=MAX_TEXT)
    reason = (details.scope_reason or "").strip() or None
    if reason is not None:
        _refuse_unfit("scope_reason", reason, at_most=MAX_TEXT)
    if not details.in_scope and reason is None:
        raise InvalidInputError(
            "a project outside the regulation's scope needs the reason for it (Art. 5)", place="scope_reason"
        )
    project = Project(
        planning_number=_next_planning_number(session, city.administrative_code, now.year),
        name=details.name.strip(),
        applicant=details.applicant.strip(),
        purpose=details.purpose.strip(),
        in_scope=details.in_scope,
        scope_reason=reason,
        scope_decided_by=actor.name,
        registered_by=actor.name,
        registered_at=now,
    )
    session.add(project)
    session.flush()
    record(
        session,
        actor,
        Act.REGISTER_PROJECT,
        kind="project",
        id=project.planning_number,
        after={"name": project.name, "in_scope": project.in_scope, "scope_reason": reason},
    )
    add_revision(session, project, footprint, city=city, actor=actor, now=now)
    return project


def _refuse_unfit(field: str, value: str, *, at_most: int) -> None:
    if not value.strip():
        raise InvalidInputError(f"the project's {field} is empty; say it", place=field)
    if len(value.strip()) > at_most:
        raise InvalidInputError(
            f"the project's {field} has more than {at_most} characters; shorten it", place=field
        )


def _next_planning_number(session: Session, administrative_code: str, year: int) -> str:
    """Whoever comes second waits on the row until the first has committed: no number twice, no gap."""
    series = PlanningNumberSeries
    statement = (
        insert(series)
        .values(administrative_code=administrative_code, year=year, last_number=1)
        .on_conflict_do_update(
            index_elements=[series.administrative_code, series.year],
            set_={"last_number": series.last_number + 1},
        )
        .returning(series.last_number)
    )
    number = session.execute(statement).scalar_one()
    return f"CH-{administrative_code.upper()}-{year}-{number:06d}"


def find_project(session: Session, project_id: int) -> Project:
    """The project of that id; NotFoundError when there is none."""
    project = session.get(Project, project_id)
    if project is None:
        raise NotFoundError(f"no project {project_id}; `blueprint project list` shows what there is")
    return project


def find_project_by_number(session: Session, number: str) -> Project:
    """The project of a planning number, or of an id written as digits (what a person types)."""
    text = number.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return find_project(session, int(text))
    project = session.scalars(select(Project).where(Project.planning_number == text.upper())).one_or_none()
    if project is None:
        raise NotFoundError(f"no project {text!r}; a planning number reads like CH-210300-2026-000123")
    return project


def lock_project(session: Session, project_id: int) -> Project:
    """The project, held against every other act on it until this transaction ends."""
    statement = select(Project).where(Project.id == project_id).with_for_update()
    project = session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()
    return project if project is not None else find_project(session, project_id)


def list_projects(session: Session, *, after: int = 0, limit: int = 50) -> Sequence[Project]:
    """Projects in the order of registration, those after the id `after`."""
    return session.scalars(select(Project).where(Project.id > after).order_by(Project.id).limit(limit)).all()


def current_revision(session: Session, project: Project) -> FootprintRevision:
    """The footprint as it was given last."""
    newest = FootprintRevision.number.desc()
    statement = (
        select(FootprintRevision).where(FootprintRevision.project_id == project.id).order_by(newest).limit(1)
    )
    return session.scalars(statement).one()


def add_revision(
    session: Session, project: Project, footprint: Footprint, *, city: City, actor: Actor, now: datetime
) -> FootprintRevision:
    """Keep a footprint as the project's revision r + 1 (r is 0 at registration); the project row is locked or new."""
    last = session.scalar(
        select(func.max(FootprintRevision.number)).where(FootprintRevision.project_id == project.id)
    )
    revision = FootprintRevision(
        project_id=project.id,
        number=(last or 0) + 1,
        footprint=from_shape(footprint.geometry, srid=city.working_srid),
        source_crs=footprint.source_crs,
        operation=footprint.operation,
        notes=list(footprint.notes),
        made_by=actor.name,
        made_at=now,
    )
    session.add(revision)
    session.flush()
    record(
        session,
        actor,
        "give_footprint",
        kind="project",
        id=project.planning_number,
        after={"revision": revision.number, "area_m2": round(footprint.geometry.area, 4)},
    )
    return revision


def refuse_after_clearance(session: Session, project: Project) -> None:
    """Refuse an act on a project that has passed: what was handed over no longer changes here."""
    clearance = session.scalars(select(Clearance).where(Clearance.project_id == project.id)).one_or_none()
    if clearance is not None:
        raise ConflictError(
            f"{project.planning_number} was cleared on {clearance.cleared_on} and handed over; it is with approval now"
        )


def footprint_of(revision: FootprintRevision) -> Footprint:
    """The footprint of a revision as the check takes it."""
    return Footprint(
        geometry=polygonal(to_shape(revision.footprint)),
        source_crs=revision.source_crs,
        operation=revision.operation,
        notes=tuple(revision.notes),
    )


def check_project(
    session: Session, project_id: int, *, city: City, actor: Actor, now: datetime, on: date | None = None
) -> Check:
    """Check the project's current footprint against the blueprint of a day (today when not given), and keep the report."""
    project = find_project(session, project_id)
    revision = current_revision(session, project)
    footprint = footprint_of(revision)
    report = run_check(session, footprint, city=city, actor=actor, on=on or now.date())
    return keep_check(
        session,
        report,
        footprint,
        city=city,
        actor=actor,
        now=now,
        project_id=project.id,
        footprint_revision_id=revision.id,
    )


def latest_check(session: Session, revision: FootprintRevision) -> Check | None:
    """The check of a footprint revision that was made last."""
    statement = (
        select(Check).where(Check.footprint_revision_id == revision.id).order_by(Check.id.desc()).limit(1)
    )
    return session.scalars(statement).one_or_none()


def refuse_outdated(
    session: Session, check: Check, revision: FootprintRevision, *, city: City, actor: Actor, today: date
) -> None:
    """Refuse a check that would come out otherwise today: the same footprint is checked again and the digests compared."""
    report = run_check(session, footprint_of(revision), city=city, actor=actor, on=today)
    if report.digest != check.digest:
        raise ConflictError(f"the blueprint changed since the check of {check.on_day}; check again")
