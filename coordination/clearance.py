"""Clearance (通过): nothing open, nothing blocking, the check still of today's blueprint; the handover goes with it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import shapely
from geoalchemy2.shape import to_shape
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ConflictError
from blueprint.layers.models import Control, Layer
from blueprint.permissions import Act, Actor, Sensitivity
from blueprint.working_days import WorkingCalendar
from coordination.consultation import consultation_of
from coordination.handover import (
    HandedCheck,
    HandedConflict,
    HandedFootprint,
    HandedOpinion,
    HandedProject,
    HandoverMessage,
    canonical,
    sha256_of,
)
from coordination.limits import OpinionStatus
from coordination.models import (
    Check,
    Clearance,
    Consultation,
    FootprintRevision,
    Handover,
    OpinionKind,
    OpinionRequest,
    Project,
)
from coordination.opinions import close_overdue, lock_requests, request_status
from coordination.projects import (
    current_revision,
    latest_check,
    lock_project,
    refuse_after_clearance,
    refuse_outdated,
)
from coordination.responsibility import concerns_by_department, layers_not_seen, responsible_departments
from coordination.rules import Severity, verdict_of


@dataclass(frozen=True)
class Standing:
    """How a project stands before its clearance, in plain values; departments by name."""

    in_scope: bool
    verdict: str
    layers_not_seen: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    disagreeing: tuple[str, ...] = ()
    not_asked: tuple[str, ...] = ()
    asked_of_other_findings: tuple[str, ...] = ()


def obstacles(standing: Standing) -> tuple[str, ...]:
    """Say everything that stands in the way of a clearance, each in one clause; empty when nothing does."""
    found = []
    if not standing.in_scope:
        found.append("it is outside the regulation's scope (Art. 5)")
    if standing.verdict == "prohibit":
        found.append("the check found a prohibition (禁止); change the footprint")
    if standing.layers_not_seen:
        found.append(
            f"the check did not see {'、'.join(standing.layers_not_seen)}; let the coordinator check"
        )
    if standing.awaited:
        found.append(f"opinions are awaited of {'、'.join(standing.awaited)}")
    if standing.disagreeing:
        found.append(
            f"{'、'.join(standing.disagreeing)} disagree (不同意); change the footprint and consult again"
        )
    if standing.not_asked:
        found.append(
            f"{'、'.join(standing.not_asked)} were not asked; give the footprint again and consult again"
        )
    if standing.asked_of_other_findings:
        found.append(
            f"the findings of {'、'.join(standing.asked_of_other_findings)} changed since they were asked;"
            " give the footprint again and consult again"
        )
    return tuple(found)


def clear_project(
    session: Session, project_id: int, *, city: City, calendar: WorkingCalendar, actor: Actor, now: datetime
) -> Clearance:
    """Let a project pass and write its handover in the same transaction; refused with every obstacle in one sentence."""
    project = lock_project(session, project_id)
    refuse_after_clearance(session, project)
    revision = current_revision(session, project)
    check, consultation = _grounds(session, project, revision)
    close_overdue(session, now.date(), now=now, calendar=calendar, consultation_id=consultation.id)
    requests = sorted(lock_requests(session, consultation), key=lambda request: request.department)
    found = obstacles(_standing(project, check, requests, city=city, now=now))
    if found:
        raise ConflictError(f"{project.planning_number} cannot be cleared: {'; '.join(found)}")
    refuse_outdated(session, check, revision, city=city, actor=actor, today=now.date())
    clearance = Clearance(
        project_id=project.id,
        footprint_revision_id=revision.id,
        consultation_id=consultation.id,
        check_id=check.id,
        cleared_on=now.date(),
        cleared_by=actor.name,
        cleared_at=now,
    )
    message = _message(session, clearance, project, revision, check, requests, city=city)
    clearance.handover = Handover(
        message_id=str(message.message_id),
        body=canonical(message),
        sha256=sha256_of(message),
        attempts=0,
        next_try_at=now,
        made_at=now,
    )
    session.add(clearance)
    session.flush()
    record(
        session,
        actor,
        Act.CLEAR_PROJECT,
        kind="project",
        id=project.planning_number,
        after={"check": check.id, "handover": clearance.handover.message_id},
    )
    return clearance


def _grounds(session: Session, project: Project, revision: FootprintRevision) -> tuple[Check, Consultation]:
    check, consultation = latest_check(session, revision), consultation_of(session, revision)
    if check is None:
        raise ConflictError(
            f"footprint revision {revision.number} of {project.planning_number} was not checked; check it and consult first"
        )
    if consultation is None:
        raise ConflictError(
            f"departments were not asked about footprint revision {revision.number} of {project.planning_number};"
            " open a consultation first"
        )
    return check, consultation


def _standing(
    project: Project, check: Check, requests: Sequence[OpinionRequest], *, city: City, now: datetime
) -> Standing:
    concerns = concerns_by_department(check.report)
    asked = {request.department: request for request in requests}
    answered = [(r.department, r.opinion.kind) for r in requests if r.opinion is not None]
    open_ = [r.department for r in requests if request_status(r, now.date()) is OpinionStatus.AWAITED]
    changed = [
        department
        for department, request in asked.items()
        if request.findings != [concern.to_json() for concern in concerns.get(department, ())]
    ]
    return Standing(
        in_scope=project.in_scope,
        verdict=check.verdict,
        layers_not_seen=layers_not_seen(check.report),
        awaited=_names(open_, city),
        disagreeing=_names((d for d, kind in answered if kind == OpinionKind.DISAGREE), city),
        not_asked=_names((d for d in responsible_departments(concerns, city) if d not in asked), city),
        asked_of_other_findings=_names(changed, city),
    )


def _names(departments: Iterable[str], city: City) -> tuple[str, ...]:
    names = {department.code: department.name for department in city.departments}
    return tuple(names.get(code, code) for code in departments)


def _message(
    session: Session,
    clearance: Clearance,
    project: Project,
    revision: FootprintRevision,
    check: Check,
    requests: Sequence[OpinionRequest],
    *,
    city: City,
) -> HandoverMessage:
    return HandoverMessage(
        message_id=uuid4(),
        city_code=city.administrative_code,
        city_name=city.name,
        project=HandedProject(
            planning_number=project.planning_number,
            name=project.name,
            applicant=project.applicant,
            purpose=project.purpose,
        ),
        footprint=HandedFootprint(
            revision=revision.number,
            crs=city.working_crs,
            area_m2=check.report["footprint"]["area_m2"],
            coordinates=shapely.geometry.mapping(to_shape(revision.footprint))["coordinates"],
        ),
        check=_handed_check(session, check),
        opinions=tuple(_handed_opinion(request, city) for request in requests),
        cleared_on=clearance.cleared_on,
        cleared_by=clearance.cleared_by,
    )


def _handed_check(session: Session, check: Check) -> HandedCheck:
    """The check as every reader of the case may know it: of restricted layers, only whose they are (Art. 17, 18)."""
    names = set(HandedConflict.model_fields) - {"layer"}
    met = [layer for layer in check.report["layers"] if layer["outcome"] == "conflict"]
    codes = [layer["code"] for layer in met]
    restricted = set(
        session.scalars(
            select(Layer.code).where(Layer.code.in_(codes), Layer.sensitivity == Sensitivity.RESTRICTED)
        )
    )
    open_conflicts = [
        HandedConflict(layer=layer["code"], **{name: layer[name] for name in names})
        for layer in met
        if layer["code"] not in restricted
    ]
    owners = sorted({layer["department"] for layer in met if layer["code"] in restricted})
    severities = [Severity(f["severity"]) for f in check.report["findings"] if f["layer"] not in restricted]
    return HandedCheck(
        digest=check.digest,
        on=check.on_day,
        verdict=verdict_of([*severities, *[Severity.ADVISE] * bool(owners)]),
        conflicts=(*open_conflicts, *(_restricted_conflict(owner) for owner in owners)),
    )


def _restricted_conflict(department: str) -> HandedConflict:
    return HandedConflict(
        layer="",
        title="受限图层 restricted layer",
        department=department,
        control=Control.ADVISE,
        feature_count=0,
        overlap_m2=0,
        length_m=0,
        point_count=0,
    )


def _handed_opinion(request: OpinionRequest, city: City) -> HandedOpinion:
    opinion = request.opinion
    if opinion is None:
        raise ConflictError(f"the opinion of {request.department} is awaited")
    return HandedOpinion(
        department=request.department,
        department_name=_names([request.department], city)[0],
        kind=opinion.kind,
        conditions=opinion.conditions,
        remark=opinion.remark,
        given_on=opinion.given_on,
    )
