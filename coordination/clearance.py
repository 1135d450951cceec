"""Clearance (通过): nothing open, nothing blocking, the check still of today's blueprint; the handover goes with it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import ConflictError
from blueprint.permissions import Act, Actor
from blueprint.sentences import Sentence
from blueprint.working_days import WorkingCalendar
from coordination.clock import close_overdue
from coordination.composition import compose_message, department_names
from coordination.consultation import consultation_of, consultations_of
from coordination.contests import set_aside, undecided
from coordination.handover import canonical, sha256_of
from coordination.handover_changes import last_withdrawal
from coordination.handover_models import Clearance, Handover, MessageKind
from coordination.history import note
from coordination.limits import OpinionStatus
from coordination.meetings import open_tasks
from coordination.models import (
    Check,
    Consultation,
    FootprintRevision,
    OpinionRequest,
    Project,
)
from coordination.notice_models import NoticeKind
from coordination.notices import tell
from coordination.opinion_requests import lock_requests, request_status
from coordination.project_states import ProjectStatus, Step, status_after
from coordination.projects import (
    amended_at,
    current_revision,
    latest_check,
    lock_project,
    move,
    refuse_not_in_work,
    refuse_outdated,
)
from coordination.responsibility import (
    Concern,
    Why,
    concerns_by_department,
    layers_not_seen,
    must_be_asked,
    prohibitions_expired,
    responsible_departments,
)
from coordination.rounds import (
    binds,
    is_opposed,
    is_still_opposed,
    is_told_the_same,
    judged,
    standing_requests,
)
from coordination.rules import Severity

_OPEN = (OpinionStatus.AWAITED, OpinionStatus.STOPPED)


@dataclass(frozen=True)
class Standing:
    """How a project stands before its clearance, in plain values; departments by name."""

    in_scope: bool
    is_scope_decided: bool = True
    is_prohibited: bool = False
    layers_not_seen: tuple[str, ...] = ()
    prohibitions_expired: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    disagreeing: tuple[str, ...] = ()
    not_asked: tuple[str, ...] = ()
    with_tasks: tuple[str, ...] = ()
    asked_of_other_findings: tuple[str, ...] = ()


def obstacles(standing: Standing) -> tuple[Sentence, ...]:
    """Say everything that stands in the way of a clearance, each in one clause; empty when nothing does."""
    found = []
    if not standing.is_scope_decided:
        found.append(Sentence("it is not decided whether it is in the regulation's scope (Art. 5)"))
    elif not standing.in_scope:
        found.append(Sentence("it is outside the regulation's scope (Art. 5)"))
    if standing.is_prohibited:
        found.append(Sentence("the check found a prohibition; change the footprint, or contest the finding"))
    if standing.layers_not_seen:
        found.append(
            Sentence(
                "the check did not see {layers}; let the coordinator check", layers=standing.layers_not_seen
            )
        )
    if standing.prohibitions_expired:
        found.append(
            Sentence(
                "what prohibits has expired: {layers}; let its department bring a version into force, and check again",
                layers=standing.prohibitions_expired,
            )
        )
    if standing.awaited:
        found.append(Sentence("opinions are awaited of {departments}", departments=standing.awaited))
    if standing.undecided:
        found.append(
            Sentence("contested findings are to be decided by {departments}", departments=standing.undecided)
        )
    if standing.disagreeing:
        found.append(
            Sentence(
                "{departments} disagree; change the footprint and consult again, or settle it in a meeting",
                departments=standing.disagreeing,
            )
        )
    if standing.with_tasks:
        found.append(
            Sentence("a meeting's tasks are open with {departments}", departments=standing.with_tasks)
        )
    if standing.not_asked:
        found.append(
            Sentence("{departments} were not asked; open another round", departments=standing.not_asked)
        )
    if standing.asked_of_other_findings:
        found.append(
            Sentence(
                "the findings of {departments} changed since they were asked, or what is registered of the project did;"
                " open another round",
                departments=standing.asked_of_other_findings,
            )
        )
    return tuple(found)


def clear_project(
    session: Session, project_id: int, *, city: City, calendar: WorkingCalendar, actor: Actor, now: datetime
) -> Clearance:
    """Let a project pass and write its handover in the same transaction; refused with every obstacle in one sentence."""
    project = lock_project(session, project_id)
    refuse_not_in_work(session, project)
    revision = current_revision(session, project)
    check, consultation = _grounds(session, project, revision)
    status_after(ProjectStatus(project.status), Step.CLEAR)
    rounds = consultations_of(session, project)
    for each in rounds:
        close_overdue(session, now.date(), now=now, calendar=calendar, consultation_id=each.id)
    here = [
        each for each in rounds if each.footprint_revision_id == revision.id and each.superseded_on is None
    ]
    asked = standing_requests(lock_requests(session, project.id))
    required = _required(project, check, here, asked, city)
    tasks = open_tasks(session, project)
    amended = amended_at(session, project)
    found = obstacles(_standing(project, check, required, asked, tasks, amended, now=now, city=city))
    if found:
        raise ConflictError(
            "{planning_number} cannot be cleared: {found}",
            planning_number=project.planning_number,
            found=found,
        )
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
    requests = [asked[department] for department in sorted(required)]
    withdrawal = last_withdrawal(session, project)
    message = compose_message(
        session, clearance, project, revision, check, requests, city=city, follows=withdrawal
    )
    clearance.messages.append(
        Handover(
            message_id=str(message.message_id),
            body=canonical(message),
            sha256=sha256_of(message),
            kind=MessageKind.HANDOVER,
            follows=withdrawal,
            attempts=0,
            next_try_at=now,
            made_at=now,
        )
    )
    session.add(clearance)
    move(project, Step.CLEAR)
    session.flush()
    note(
        session,
        project,
        Act.CLEAR_PROJECT,
        actor=actor,
        now=now,
        details={
            "check": check.id,
            "footprint_revision": revision.number,
            "handover": clearance.handover.message_id,
        },
    )
    for request in requests:
        tell(
            session,
            NoticeKind.CLEARED,
            "项目已通过并推送联合审批 the project is cleared and goes to approval",
            to=request.department,
            project=project,
            request=request,
            now=now,
        )
    return clearance


def _grounds(session: Session, project: Project, revision: FootprintRevision) -> tuple[Check, Consultation]:
    check, consultation = latest_check(session, revision), consultation_of(session, revision)
    if check is None:
        raise ConflictError(
            "footprint revision {revision_number} of {planning_number} was not"
            " checked; check it and consult first",
            revision_number=revision.number,
            planning_number=project.planning_number,
        )
    if consultation is None:
        raise ConflictError(
            "departments were not asked about footprint revision {revision_number}"
            " of {planning_number}; open a consultation first",
            revision_number=revision.number,
            planning_number=project.planning_number,
        )
    return check, consultation


def _required(
    project: Project,
    check: Check,
    here: Sequence[Consultation],
    asked: Mapping[str, OpinionRequest],
    city: City,
) -> frozenset[str]:
    """Whose opinion the clearance needs: the responsible, less those left out of a round about this footprint, and the added.

    Left out stays nobody whose layers bind, who was asked since, or whose last request binds.
    """
    concerns = concerns_by_department(check.report)

    def stays_out(department: str, consultation: Consultation) -> bool:
        request = asked.get(department)
        is_asked_since = request is not None and request.consultation.round >= consultation.round
        return not (must_be_asked(concerns.get(department, ())) or is_asked_since or binds(request))

    dropped = {
        choice["department"]
        for consultation in here
        for choice in consultation.dropped
        if stays_out(choice["department"], consultation)
    }
    rounds = {consultation.id for consultation in here}
    added = {
        department
        for department, request in asked.items()
        if (request.why == Why.ADDED and request.consultation_id in rounds) or is_still_opposed(request)
    }
    return frozenset((responsible_departments(concerns, city, project.project_type).keys() - dropped) | added)


def _standing(
    project: Project,
    check: Check,
    required: Collection[str],
    asked: Mapping[str, OpinionRequest],
    tasks: Sequence[str],
    amended: datetime | None,
    *,
    city: City,
    now: datetime,
) -> Standing:
    concerns = concerns_by_department(check.report)
    requests = [asked[department] for department in sorted(required) if department in asked]
    open_ = sorted(d for d, request in asked.items() if request_status(request, now.date()) in _OPEN)
    changed = [
        r.department for r in requests if not is_told_the_same(r, concerns.get(r.department, ()), amended)
    ]
    return Standing(
        in_scope=project.in_scope,
        is_scope_decided=project.scope_decided_by is not None,
        is_prohibited=_is_prohibited(concerns, asked),
        undecided=department_names(undecided(requests), city),
        layers_not_seen=layers_not_seen(check.report),
        prohibitions_expired=prohibitions_expired(check.report),
        awaited=department_names(open_, city),
        disagreeing=department_names((r.department for r in requests if is_opposed(r)), city),
        with_tasks=department_names(tasks, city),
        not_asked=department_names(sorted(set(required) - asked.keys()), city),
        asked_of_other_findings=department_names(changed, city),
    )


def _is_prohibited(concerns: Mapping[str, Sequence[Concern]], asked: Mapping[str, OpinionRequest]) -> bool:
    """Say whether something prohibits that its owner did not set aside."""
    for department, found in concerns.items():
        request = asked.get(department)
        gone = [judged(finding) for finding, _ in set_aside(request)] if request is not None else []
        if any(c.severity == Severity.PROHIBIT and judged(c.to_json()) not in gone for c in found):
            return True
    return False
