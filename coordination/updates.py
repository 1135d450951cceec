"""Updates of the blueprint reach open projects (动态更新, 复检): those that a new version touches are checked again.

Who is touched anew, or otherwise than they were told, is asked in a round of its own; who is touched no more is
released. What departments said stays with the findings that they were told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

from geoalchemy2.shape import to_shape
from sqlalchemy import Engine, Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, joinedload

from blueprint.city import City
from blueprint.database import load_statements
from blueprint.errors import BlueprintError
from blueprint.jobs.kinds import Tell
from blueprint.layers.difference import compare
from blueprint.layers.models import Layer, LayerVersion, PublicationEvent
from blueprint.layers.succession import Succession
from blueprint.layers.terms import note_ended_terms
from blueprint.permissions import Actor, at_console
from blueprint.snapshot import take_snapshot
from blueprint.working_days import WorkingCalendar
from coordination.check_difference import compare_checks
from coordination.check_report import refuse_unread
from coordination.clock import SYSTEM, close_overdue
from coordination.consultation import (
    consultation_of,
    consultations_of,
    open_round,
    proposal_by,
    requests_of,
)
from coordination.models import Check, Project
from coordination.notice_models import NoticeKind
from coordination.notices import tell
from coordination.noticing import noticing, steps
from coordination.opinion_requests import withdraw_requests
from coordination.project_states import IN_WORK, ProjectStatus
from coordination.projects import check_project, current_revision, latest_check, lock_project
from coordination.recheck_telling import tell_of_ended_term, tell_of_recheck
from coordination.responsibility import (
    Concern,
    Why,
    concerns_by_department,
    layers_unread,
    responsible_departments,
)
from coordination.rounds import Proposed, judged, standing_requests, told
from coordination.rules import Outcome
from coordination.update_models import LookedAt, Recheck

_SQL = load_statements(Path(__file__).parent / "recheck.sql")

NO_LONGER_TOUCHED = "图层更新后不再涉及 no longer touched since a layer was updated"


def _untold(_phase: str, _done: int) -> None:
    """Nobody is told how far it is."""


def newest_due_event(session: Session, *, now: datetime) -> int | None:
    """The newest succession of versions that has begun and was not followed up to its end; None when all were."""
    statement = select(func.max(PublicationEvent.id)).where(
        PublicationEvent.starts_on <= now.date(),
        ~select(LookedAt.event_id)
        .where(LookedAt.event_id == PublicationEvent.id, LookedAt.done_at.is_not(None))
        .exists(),
    )
    return session.scalar(statement)


def recheck_due(
    engine: Engine, *, city: City, calendar: WorkingCalendar, now: datetime, tell: Tell = _untold
) -> int:
    """Recheck the open projects that versions in force by today touch, each in its own transaction; says how many.

    What was begun and not finished, by this process or another, is gone on with. `tell` hears of the phases `difference`
    (updates compared) and `recheck` (projects), and may stop it between two of them.
    """
    actor, rechecked = at_console(SYSTEM), 0
    tell("difference", 0)
    with Session(engine) as session, session.begin():
        note_ended_terms(session, today=now.date(), by=SYSTEM)
    with Session(engine) as session:
        waiting = session.scalars(_not_looked_at(now)).all()
    for looked_at, event_id in enumerate(waiting, start=1):
        with Session(engine) as session, session.begin():
            _look_at(session, event_id, city=city, now=now)
        tell("difference", looked_at)
    with Session(engine) as session:
        under_way = session.execute(
            select(LookedAt.event_id, LookedAt.project_ids)
            .where(LookedAt.done_at.is_(None))
            .order_by(LookedAt.event_id)
        ).all()
    for event_id, project_ids in under_way:
        for project_id in project_ids:
            tell("recheck", rechecked)
            with Session(engine) as session, session.begin():
                found = recheck_project(
                    session, project_id, event_id, city=city, calendar=calendar, actor=actor, now=now
                )
                rechecked += found is not None
        with Session(engine) as session, session.begin():
            session.get_one(LookedAt, event_id).done_at = now
    return rechecked


def _not_looked_at(now: datetime) -> Select[int]:
    """The successions of versions that have begun and were not looked at yet."""
    return (
        select(PublicationEvent.id)
        .where(
            PublicationEvent.starts_on <= now.date(),
            ~select(LookedAt.event_id).where(LookedAt.event_id == PublicationEvent.id).exists(),
        )
        .order_by(PublicationEvent.id)
    )


def _look_at(session: Session, event_id: int, *, city: City, now: datetime) -> None:
    """Find which open projects a succession of versions touches."""
    event = session.get_one(PublicationEvent, event_id)
    touched = _touched(session, event, city, on=now.date())
    values = {"event_id": event.id, "project_ids": touched, "begun_at": now}
    statement = insert(LookedAt).values(values).on_conflict_do_nothing().returning(LookedAt.event_id)
    if session.scalar(statement) is not None and event.act == Succession.EXPIRED:
        tell_of_ended_term(session, event, projects=len(touched), now=now)


def _touched(session: Session, event: PublicationEvent, city: City, *, on: date) -> list[int]:
    """The open projects whose footprint meets what changed, as far as the rules go by which they are checked again; all of them where
    two rasters have not the same pixels to compare.
    """
    old, new = (
        session.get(LayerVersion, number) if number is not None else None
        for number in (event.old_version_id, event.new_version_id)
    )
    rasters = [version.raster for version in (old, new) if version is not None and version.raster is not None]
    if rasters and not _have_same_pixels(old, new):
        in_work = select(Project.id).where(Project.status.in_(IN_WORK)).order_by(Project.id)
        return list(session.scalars(in_work))
    found: set[int] = set()
    noticed = list(steps(old, new, on=event.starts_on))
    for before, after in noticed:
        compare(session, before, after, city=city)
        values = noticing(session, before, after, city=city, on=on).values()
        found.update(row.id for row in session.execute(_SQL["touched"], values | {"kind": "project"}))
    if len(noticed) > 1:
        # Whoever was told that the layer is past its term is told what it says now, also where that is nothing.
        code = session.get_one(Layer, event.layer_id).code
        found.update(session.scalars(_SQL["told_expired"], {"code": code}))
    return sorted(found)


def _have_same_pixels(old: LayerVersion | None, new: LayerVersion | None) -> bool:
    grids = {
        (
            raster.width,
            raster.height,
            raster.pixel_width_m,
            raster.pixel_height_m,
            to_shape(version.extent).wkb,
        )
        for version in (old, new)
        if version is not None and (raster := version.raster) is not None
    }
    return old is not None and new is not None and len(grids) == 1


def recheck_project(
    session: Session,
    project_id: int,
    event_id: int,
    *,
    city: City,
    calendar: WorkingCalendar,
    actor: Actor,
    now: datetime,
) -> Recheck | None:
    """Check a project again for an update, and do what follows; None where there is nothing to do, or it was done.

    A project that was never checked has nothing that could change, nor has one whose checks were made with the version in force; one that is with approval is left as it was cleared.
    """
    project = lock_project(session, project_id)
    done = select(Recheck.id).where(Recheck.event_id == event_id, Recheck.project_id == project_id)
    before = latest_check(session, current_revision(session, project))
    if project.status not in IN_WORK or before is None or session.scalar(done) is not None:
        return None
    event = session.get_one(PublicationEvent, event_id)
    layer = session.get_one(Layer, event.layer_id).code
    if _have_seen(session, project, before, layer, on=now.date()):
        return None
    recheck = Recheck(
        event_id=event_id,
        project_id=project_id,
        layer=layer,
        starts_on=event.starts_on,
        check_before_id=before.id,
        verdict_before=before.verdict,
        findings=[],
        asked=[],
        released=[],
        made_at=now,
    )
    try:
        with session.begin_nested():
            after = check_project(session, project_id, city=city, actor=actor, now=now)
            # What a layer's file does not say is not gone: nobody is released by it.
            refuse_unread(layers_unread(after.report))
            recheck.findings = _changes(before, after)
            _follow_up(session, project, before, after, recheck, city=city, calendar=calendar, now=now)
            recheck.check_id, recheck.verdict_after = after.id, after.verdict
    except BlueprintError as error:
        recheck.failed = error.sentence.both
        recheck.findings, recheck.asked, recheck.released = [], [], []
    session.add(recheck)
    session.flush()
    tell_of_recheck(session, project, recheck, actor=actor, now=now)
    return recheck


def _have_seen(session: Session, project: Project, latest: Check, layer: str, *, on: date) -> bool:
    """Whether the latest check, and the one that departments were asked on, were made with what is in force of the layer, and said of it what is said today."""
    in_force = next((each for each in take_snapshot(session, on).layers if each.code == layer), None)
    consultation = consultation_of(session, current_revision(session, project))
    asked_on = [] if consultation is None else [session.get_one(Check, consultation.check_id)]
    if in_force is None or in_force.version is None:
        return False
    is_past = in_force.valid_until is not None and in_force.valid_until < on
    outcomes = {Outcome.EXPIRED} if is_past else _ASKED
    return all(
        any(
            said["code"] == layer and said["version"] == in_force.version and said["outcome"] in outcomes
            for said in check.report["layers"]
        )
        for check in (latest, *asked_on)
    )


_ASKED = frozenset({Outcome.CONFLICT, Outcome.CLEAR, Outcome.OUTSIDE_COVERAGE})


def _changes(before: Check, after: Check) -> list[dict[str, Any]]:
    """What the two checks see otherwise, with the titles of the layers."""
    titles = {
        layer["code"]: layer["title"]
        for report in (before.report, after.report)
        for layer in report["layers"]
    }
    found = compare_checks(before.report, after.report, same_footprint=True).findings
    return [asdict(change) | {"title": titles.get(change.layer, change.layer)} for change in found]


def _follow_up(
    session: Session,
    project: Project,
    before: Check,
    after: Check,
    recheck: Recheck,
    *,
    city: City,
    calendar: WorkingCalendar,
    now: datetime,
) -> None:
    """Of a project that departments are asked about: release whom nothing concerns any more, ask whom something new does."""
    revision = current_revision(session, project)
    consultation = consultation_of(session, revision)
    if project.status != ProjectStatus.CONSULTING or consultation is None:
        return
    for each in consultations_of(session, project):
        close_overdue(session, now.date(), now=now, calendar=calendar, consultation_id=each.id)
    recheck.released = _released(session, project, before, after, city)
    for each in consultations_of(session, project):
        withdraw_requests(
            session, each, on=now.date(), now=now, why=NO_LONGER_TOUCHED, departments=recheck.released
        )
    for department in recheck.released:
        tell(
            session,
            NoticeKind.RELEASED,
            "图层更新后不再涉及贵部门，无需反馈 the update of a layer leaves nothing for you to judge",
            to=department,
            project=project,
            now=now,
        )
    proposal = proposal_by(session, project, revision, after, city=city)
    asked_on = concerns_by_department(session.get_one(Check, consultation.check_id).report)
    asked = _touched_anew(proposal.departments, asked_on)
    if asked:
        open_round(
            session, project, proposal, asked, city=city, calendar=calendar, actor=at_console(SYSTEM), now=now
        )
    recheck.asked = [each.department for each in asked]


def _released(session: Session, project: Project, before: Check, after: Check, city: City) -> list[str]:
    """Who was asked for findings that are gone: of the earlier check, or of a request that is still open.

    What a layer past its term does not say is not gone: whoever was told of findings of one stays asked.
    """
    responsible = responsible_departments(concerns_by_department(after.report), city, project.project_type)
    concerned = concerns_by_department(before.report)
    expired = {layer["code"] for layer in after.report["layers"] if layer["outcome"] == Outcome.EXPIRED}
    counted = standing_requests(requests_of(session, project))
    return sorted(
        department
        for department, request in counted.items()
        if department not in responsible
        and request.why != Why.ADDED
        and (request.opinion is None or department in concerned)
        and not any(finding["layer"] in expired for finding in request.findings)
    )


def _touched_anew(
    proposed: Sequence[Proposed], asked_on: Mapping[str, Sequence[Concern]]
) -> tuple[Proposed, ...]:
    """Whose findings are others than they were told, and who has some for the first time; who was left out of the same stays so."""

    def is_new(each: Proposed) -> bool:
        then = asked_on.get(each.department, ())
        return _judged(each.concerns) != _judged(then)

    return tuple(
        each for each in proposed if each.standing is None and (each.why is Why.CHANGED or is_new(each))
    )


def _judged(concerns: Sequence[Concern]) -> list[dict[str, Any]]:
    return [judged(finding) for finding in told(concerns)]


def list_rechecks(
    session: Session, *, project_id: int | None = None, after: int = 0, limit: int = 50
) -> list[Recheck]:
    """Rechecks in the order they were made, of all projects or of one."""
    statement = select(Recheck).where(Recheck.id > after).order_by(Recheck.id).limit(limit)
    if project_id is not None:
        statement = statement.where(Recheck.project_id == project_id)
    return list(session.scalars(statement.options(joinedload(Recheck.project), joinedload(Recheck.event))))
