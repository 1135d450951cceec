"""Projects in preparation: registration with a planning number, footprint revisions, checks of them."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import array, insert
from sqlalchemy.orm import Session, selectinload

from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.footprint import Footprint
from blueprint.permissions import Act, Actor
from blueprint.sentences import Sentence, spoken
from coordination.checks import run_check
from coordination.handover_models import Clearance
from coordination.history import note
from coordination.kept_checks import keep_check
from coordination.kept_footprints import columns_of, kept_footprint
from coordination.models import (
    MAX_TEXT,
    Check,
    FootprintRevision,
    PlanningNumberSeries,
    Project,
    ProjectEvent,
)
from coordination.particulars import GROUNDS, PARTICULARS, ProjectDetails, checked, scope_doubts
from coordination.project_states import IN_WORK, ProjectStatus, Step, status_after
from coordination.use_matrix import use_code

_AMEND = "amend_project"


def register_project(
    session: Session,
    details: ProjectDetails,
    footprint: Footprint,
    *,
    city: City,
    actor: Actor,
    now: datetime,
    is_draft: bool = False,
) -> Project:
    """Register a project with its first footprint and give it a planning number (策划编号).

    Where there are doubts whether the regulation is for it (Art. 5), the decision is open until a person takes it.
    """
    given = checked(details, city)
    doubts = scope_doubts(given)
    is_decided = given.in_scope is not None or not doubts
    project = Project(
        planning_number=_next_planning_number(session, city.administrative_code, now.year),
        **{name: getattr(given, name) for name in PARTICULARS},
        in_scope=given.in_scope is not False,
        scope_reason=given.scope_reason,
        scope_decided_by=actor.name if is_decided else None,
        scope_doubts=list(doubts),
        registered_by=actor.name,
        registered_at=now,
        status=ProjectStatus.DRAFT if is_draft else ProjectStatus.PREPARING,
    )
    session.add(project)
    session.flush()
    note(
        session,
        project,
        Act.REGISTER_PROJECT,
        actor=actor,
        now=now,
        details={
            "name": project.name,
            "status": project.status,
            "in_scope": project.in_scope if is_decided else None,
            "scope_reason": project.scope_reason,
            "scope_doubts": project.scope_doubts,
        },
    )
    add_revision(session, project, footprint, city=city, actor=actor, now=now)
    return project


def amend_project(
    session: Session, project_id: int, details: ProjectDetails, *, city: City, actor: Actor, now: datetime
) -> Project:
    """Correct what was registered of a project that is in work; doubts about its scope are looked for again.

    What opinions rest on (`GROUNDS`) stays while departments are being asked.
    """
    project = lock_project(session, project_id)
    refuse_not_in_work(session, project)
    given = checked(details, city)
    before = {name: plain(getattr(project, name)) for name in PARTICULARS}
    after = {name: plain(getattr(given, name)) for name in PARTICULARS}
    changed = [name for name in PARTICULARS if before[name] != after[name]]
    _refuse_other_grounds(project, changed)
    for name in PARTICULARS:
        setattr(project, name, getattr(given, name))
    doubts = list(scope_doubts(given))
    if set(doubts) - set(project.scope_doubts):
        project.scope_decided_by = None
    project.scope_doubts = doubts
    if not doubts and project.scope_decided_by is None:
        project.scope_decided_by = actor.name
    session.flush()
    note(
        session,
        project,
        _AMEND,
        actor=actor,
        now=now,
        before={name: before[name] for name in changed},
        details={name: after[name] for name in changed},
    )
    return project


def _refuse_other_grounds(project: Project, changed: Sequence[str]) -> None:
    grounds = [name for name in GROUNDS if name in changed]
    if grounds and project.status == ProjectStatus.CONSULTING:
        raise ConflictError(
            "departments are being asked about {planning_number} and judge it by its {grounds}: end the"
            " round first (step adjust), amend it then, and ask them again",
            planning_number=project.planning_number,
            grounds=grounds,
        )


def amended_at(session: Session, project: Project) -> datetime | None:
    """When what opinions rest on was amended last; whoever was asked before that was asked of something else."""
    statement = select(func.max(ProjectEvent.at)).where(
        ProjectEvent.project_id == project.id,
        ProjectEvent.act == _AMEND,
        ProjectEvent.details.has_any(array(GROUNDS)),
    )
    return session.scalar(statement)


def plain(value: Any) -> Any:
    """A particular as JSON has it; two ways of writing one sum are the same."""
    return (
        float(value)
        if isinstance(value, Decimal)
        else value.isoformat()
        if isinstance(value, date)
        else value
    )


def decide_scope(
    session: Session, project_id: int, *, in_scope: bool, reason: str, actor: Actor, now: datetime
) -> Project:
    """Decide whether the regulation is for a project (Art. 5), with the reason; a person's act, and changed by another."""
    project = lock_project(session, project_id)
    refuse_not_in_work(session, project)
    if project.status == ProjectStatus.CONSULTING and not in_scope:
        raise ConflictError(
            "departments are being asked about {planning_number}; return or end it before it leaves the"
            " scope",
            planning_number=project.planning_number,
        )
    text = trimmed_reason(reason, Sentence("the decision on the scope (Art. 5)"))
    before = {"in_scope": project.in_scope, "scope_reason": project.scope_reason}
    project.in_scope, project.scope_reason, project.scope_decided_by = in_scope, text, actor.name
    session.flush()
    note(
        session,
        project,
        "decide_scope",
        actor=actor,
        now=now,
        before=before,
        details={"in_scope": in_scope, "scope_reason": text},
    )
    return project


def trimmed_reason(reason: str, of_what: Sentence) -> str:
    """A reason without blanks around it; InvalidInputError when there is none, or too much of it."""
    text = reason.strip()
    if not text:
        raise InvalidInputError("say the reason of {of_what}", of_what=of_what, place="reason")
    if len(text) > MAX_TEXT:
        raise InvalidInputError(
            "the reason has more than {max_text} characters; shorten it", max_text=MAX_TEXT, place="reason"
        )
    return text


def move(project: Project, step: Step) -> None:
    """Take a step of the table of states; the project row is locked."""
    project.status = status_after(ProjectStatus(project.status), step)


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
        raise NotFoundError(
            "no project {project_id}; `blueprint project list` shows what there is", project_id=project_id
        )
    return project


def find_project_by_number(session: Session, number: str) -> Project:
    """The project of a planning number, or of an id written as digits (what a person types)."""
    text = number.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return find_project(session, int(text))
    project = session.scalars(select(Project).where(Project.planning_number == text.upper())).one_or_none()
    if project is None:
        raise NotFoundError(
            "no project {text!r}; a planning number reads like CH-210300-2026-000123", text=text
        )
    return project


def lock_project(session: Session, project_id: int) -> Project:
    """The project, held against every other act on it until this transaction ends."""
    statement = select(Project).where(Project.id == project_id).with_for_update()
    project = session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()
    return project if project is not None else find_project(session, project_id)


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
        **columns_of(footprint, city),
        source_crs=footprint.source_crs,
        operation=footprint.operation,
        notes=list(footprint.notes),
        made_by=actor.name,
        made_at=now,
    )
    session.add(revision)
    session.flush()
    note(
        session,
        project,
        "give_footprint",
        actor=actor,
        now=now,
        details={"revision": revision.number, "area_m2": round(footprint.geometry.area, 4)},
    )
    return revision


def standing_clearance(session: Session, project: Project) -> Clearance | None:
    """The clearance of a project that was not taken back, if there is one."""
    statement = select(Clearance).where(Clearance.project_id == project.id, Clearance.withdrawn_at.is_(None))
    return session.scalars(statement.options(selectinload(Clearance.messages))).one_or_none()


def refuse_cleared(session: Session, project: Project) -> None:
    """Refuse an act on a project that has passed: what was handed over no longer changes here."""
    clearance = standing_clearance(session, project)
    if clearance is not None:
        raise ConflictError(
            "{planning_number} was cleared on {cleared_on} and handed over; it is with approval now:"
            " correct what was handed over, or withdraw the clearance first",
            planning_number=project.planning_number,
            cleared_on=clearance.cleared_on,
        )


def refuse_not_in_work(session: Session, project: Project) -> None:
    """Refuse an act on a project that has passed, or was laid aside."""
    refuse_cleared(session, project)
    if project.status not in IN_WORK:
        raise ConflictError(
            "{planning_number} is {status}; resume it first, if it can be",
            planning_number=project.planning_number,
            status=spoken(ProjectStatus(project.status)),
        )


def footprint_of(revision: FootprintRevision) -> Footprint:
    """The footprint of a revision as the check takes it."""
    return kept_footprint(
        revision,
        source_crs=revision.source_crs,
        operation=revision.operation,
        notes=revision.notes,
        planned_use=use_code(revision.project.planned_use),
        top_m=revision.project.top_m,
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
        raise ConflictError(
            "the blueprint changed since the check of {on_day}; check again", on_day=check.on_day
        )
