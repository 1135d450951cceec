"""Coordination meetings (协调会, Art. 15): asked for, called with an agenda of conflicts, held with decisions that bind.

A decision settles a department's disagreement when that department confirms it, or sets a task; the project is not
cleared while a task is open.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError, NotPermittedError
from blueprint.permissions import Act, Actor, Thing, may, require
from blueprint.sentences import Sentence, spoken
from coordination.composition import about_finding, restricted_layers
from coordination.consultation import requests_of
from coordination.contradictions import find_contradictions
from coordination.history import note
from coordination.meeting_models import Meeting, MeetingDecision, MeetingState
from coordination.models import OpinionRequest, Project
from coordination.notice_models import NoticeKind, Office
from coordination.notices import tell
from coordination.opinion_requests import locked
from coordination.projects import lock_project, refuse_cleared, refuse_not_in_work, trimmed_reason
from coordination.rounds import is_opposed, standing_requests


@dataclass(frozen=True)
class Decided:
    """What a meeting decided for a department; `request_id` where it is to settle the disagreement of that request."""

    department: str
    text: str
    request_id: int | None = None


def ask_for_meeting(
    session: Session,
    project_id: int,
    question: str,
    departments: Sequence[str],
    *,
    city: City,
    actor: Actor,
    now: datetime,
) -> Meeting:
    """Ask for a meeting about a problem of two or more departments (Art. 15): the coordinator, or a department that was asked."""
    project = lock_project(session, project_id)
    refuse_not_in_work(session, project)
    asked = {request.department for request in requests_of(session, project)}
    if not may(actor, Act.CONSULT_DEPARTMENTS) and actor.department not in asked:
        raise NotPermittedError(
            "a meeting is asked for by the coordinator, or by a department that was asked about the project"
        )
    meeting = Meeting(
        project=project,
        state=MeetingState.ASKED,
        question=trimmed_reason(question, Sentence("the meeting: what it is about")),
        departments=_participants(actor, departments, city),
        agenda=[],
        asked_by=actor.name,
        asked_department=actor.department,
        asked_at=now,
    )
    session.add(meeting)
    session.flush()
    _note(session, meeting, "ask_for_meeting", actor=actor, now=now)
    tell(
        session,
        NoticeKind.MEETING,
        "部门申请召开协调会，请决定 a meeting is asked for, please decide",
        to=Office.COORDINATOR,
        project=project,
        now=now,
    )
    return meeting


def _participants(actor: Actor, departments: Sequence[str], city: City) -> list[str]:
    involved = list(dict.fromkeys([*([actor.department] if actor.department else []), *departments]))
    for code in involved:
        city.department(code)
    if len(involved) < 2:
        raise InvalidInputError(
            "a meeting is about a problem of two or more departments (Art. 15): name the others",
            place="departments",
        )
    return involved


def call_meeting(
    session: Session, meeting_id: int, *, meets_at: datetime, place: str, actor: Actor, now: datetime
) -> Meeting:
    """Call a meeting for a time and place, or move it; what stands against what goes on its agenda, and its departments take part."""
    require(actor, Act.CONSULT_DEPARTMENTS)
    meeting = _held(session, meeting_id, MeetingState.ASKED, MeetingState.CALLED)
    refuse_cleared(session, meeting.project)
    if meets_at <= now:
        raise InvalidInputError("a meeting is called for a time that is still to come", place="meets_at")
    where = place.strip()
    if not where:
        raise InvalidInputError("say where the meeting is", place="place")
    meeting.state, meeting.called_by = MeetingState.CALLED, actor.name
    meeting.meets_at, meeting.place = meets_at, where
    meeting.agenda = agenda_of(session, meeting.project)
    on_agenda = [side["department"] for item in meeting.agenda for side in item["sides"]]
    meeting.departments = list(dict.fromkeys([*meeting.departments, *on_agenda]))
    session.flush()
    _note(session, meeting, "call_meeting", actor=actor, now=now)
    for department in meeting.departments:
        tell(
            session,
            NoticeKind.MEETING,
            f"协调会定于 {meets_at:%Y-%m-%d %H:%M} 召开，地点 {where} a meeting is called",
            to=department,
            project=meeting.project,
            now=now,
        )
    return meeting


def agenda_of(session: Session, project: Project) -> list[dict[str, Any]]:
    """What stands against what in the opinions that count, and every disagreement that nobody stands against."""
    standing = list(standing_requests(requests_of(session, project)).values())
    of_id, restricted = {request.id: request for request in standing}, restricted_layers(session)
    agenda: list[dict[str, Any]] = [
        {
            "kind": str(found.kind),
            "sides": [
                {
                    "department": side.department,
                    "request_id": side.request_id,
                    "words": side.words,
                    "about": about_finding(of_id[side.request_id], side.finding, restricted),
                }
                for side in (found.one, found.other)
            ],
        }
        for found in find_contradictions(standing)
    ]
    named = {side["request_id"] for item in agenda for side in item["sides"]}
    for request in standing:
        if is_opposed(request) and request.id not in named and request.opinion is not None:
            words = request.opinion.reason or ""
            side = {"department": request.department, "request_id": request.id, "words": words}
            agenda.append({"kind": "disagreement", "sides": [side]})
    return agenda


def decline_meeting(
    session: Session, meeting_id: int, *, reason: str, actor: Actor, now: datetime
) -> Meeting:
    """Say that a meeting is not held, and why."""
    require(actor, Act.CONSULT_DEPARTMENTS)
    meeting = _held(session, meeting_id, MeetingState.ASKED, MeetingState.CALLED)
    meeting.minutes = trimmed_reason(reason, Sentence("holding no meeting"))
    meeting.state = MeetingState.DECLINED
    meeting.closed_by, meeting.closed_on = actor.name, now.date()
    session.flush()
    _note(session, meeting, "decline_meeting", actor=actor, now=now)
    for department in meeting.departments:
        tell(
            session,
            NoticeKind.MEETING,
            f"协调会不召开 no meeting is held: {meeting.minutes}",
            to=department,
            project=meeting.project,
            now=now,
        )
    return meeting


def record_minutes(
    session: Session,
    meeting_id: int,
    minutes: str,
    decisions: Sequence[Decided],
    *,
    actor: Actor,
    now: datetime,
) -> Meeting:
    """Keep what a meeting came to: its minutes (纪要) and its decisions, each for one of its departments; never changed."""
    require(actor, Act.CONSULT_DEPARTMENTS)
    meeting = _held(session, meeting_id, MeetingState.CALLED)
    refuse_cleared(session, meeting.project)
    meeting.minutes = trimmed_reason(minutes, Sentence("the minutes"))
    meeting.state = MeetingState.HELD
    meeting.closed_by, meeting.closed_on = actor.name, now.date()
    opposed = {
        request.id: request.department
        for request in standing_requests(requests_of(session, meeting.project)).values()
        if is_opposed(request)
    }
    for number, decided in enumerate(decisions, start=1):
        if decided.department not in meeting.departments:
            raise InvalidInputError(
                "{department} takes no part in the meeting; it decides for its participants",
                department=decided.department,
                place="decisions",
            )
        if decided.request_id is not None and opposed.get(decided.request_id) != decided.department:
            raise InvalidInputError(
                "request {request_id} is no disagreement of {department} that stands",
                request_id=decided.request_id,
                department=decided.department,
                place="decisions",
            )
        meeting.decisions.append(
            MeetingDecision(
                number=number,
                department=decided.department,
                text=trimmed_reason(decided.text, Sentence("a decision")),
                request_id=decided.request_id,
            )
        )
    session.flush()
    _note(session, meeting, "record_minutes", actor=actor, now=now)
    for department in dict.fromkeys(decision.department for decision in meeting.decisions):
        tell(
            session,
            NoticeKind.MEETING,
            "协调会已作出决定，请确认或落实 the meeting decided; please confirm, or see to it",
            to=department,
            project=meeting.project,
            now=now,
        )
    return meeting


def close_decision(
    session: Session, meeting_id: int, number: int, *, how: str, actor: Actor, now: datetime
) -> Meeting:
    """The department's own act: confirm what settles its disagreement, or say how a task was done; each once."""
    meeting = find_meeting(session, meeting_id, actor=actor)
    lock_project(session, meeting.project_id)
    session.refresh(meeting, ["decisions"])
    decision = next((each for each in meeting.decisions if each.number == number), None)
    if decision is None:
        raise NotFoundError(
            "meeting {meeting_id} has no decision {number}", meeting_id=meeting_id, number=number
        )
    settles = decision.request_id is not None
    require(actor, Act.DECIDE_CONTEST if settles else Act.GIVE_OPINION, Thing(department=decision.department))
    if decision.closed_at is not None:
        raise ConflictError(
            "decision {number} was closed by {closed_by} already", number=number, closed_by=decision.closed_by
        )
    refuse_cleared(session, meeting.project)
    decision.how = trimmed_reason(how, Sentence("closing a decision: how it was met"))
    decision.closed_by, decision.closed_at = actor.name, now
    if decision.request_id is not None:
        _settle(session, decision, actor=actor, now=now)
    session.flush()
    _note(session, meeting, "close_decision", actor=actor, now=now, number=number)
    return meeting


def _settle(session: Session, decision: MeetingDecision, *, actor: Actor, now: datetime) -> None:
    """The disagreement stands no more: the decision is handed over in its place, as a condition."""
    request = locked(session, OpinionRequest.id == decision.request_id)[decision.request_id or 0]
    opinion = request.opinion
    if opinion is None or not is_opposed(request):
        raise ConflictError(
            "{department} disagrees no more; there is nothing to settle", department=decision.department
        )
    opinion.settled_at, opinion.settled_by, opinion.settled_words = now, actor.name, decision.text
    after = {"meeting": decision.meeting_id, "decision": decision.number}
    record(session, actor, "settle_disagreement", kind="opinion_request", id=request.id, after=after)


def open_tasks(session: Session, project: Project) -> list[str]:
    """The departments that a meeting gave a task which is not done."""
    statement = (
        select(MeetingDecision.department)
        .join(MeetingDecision.meeting)
        .where(
            Meeting.project_id == project.id,
            MeetingDecision.request_id.is_(None),
            MeetingDecision.closed_at.is_(None),
        )
        .distinct()
        .order_by(MeetingDecision.department)
    )
    return list(session.scalars(statement))


def find_meeting(session: Session, meeting_id: int, *, actor: Actor) -> Meeting:
    """The meeting of that id, for the coordinator and those who take part; for others there is none."""
    meeting = session.get(Meeting, meeting_id)
    if meeting is None or not _may_see(actor, meeting):
        raise NotFoundError("no meeting {meeting_id}", meeting_id=meeting_id)
    return meeting


def meetings_of(session: Session, project: Project, *, actor: Actor) -> list[Meeting]:
    """The meetings of a project that the actor may see, in the order they were asked for."""
    statement = select(Meeting).where(Meeting.project_id == project.id).order_by(Meeting.id)
    found = session.scalars(statement.options(selectinload(Meeting.decisions)))
    return [meeting for meeting in found if _may_see(actor, meeting)]


def _may_see(actor: Actor, meeting: Meeting) -> bool:
    return may(actor, Act.CONSULT_DEPARTMENTS) or actor.department in meeting.departments


def _held(session: Session, meeting_id: int, *states: MeetingState) -> Meeting:
    """The meeting, its project held; ConflictError when it stands elsewhere than the act needs."""
    meeting = session.get(Meeting, meeting_id)
    if meeting is None:
        raise NotFoundError("no meeting {meeting_id}", meeting_id=meeting_id)
    lock_project(session, meeting.project_id)
    session.refresh(meeting)
    if meeting.state not in states:
        raise ConflictError(
            "the meeting is {meeting_state} already", meeting_state=spoken(MeetingState(meeting.state))
        )
    return meeting


def _note(
    session: Session, meeting: Meeting, act: str, *, actor: Actor, now: datetime, number: int | None = None
) -> None:
    details: dict[str, Any] = {
        "meeting": meeting.id,
        "state": meeting.state,
        "departments": meeting.departments,
    }
    if number is not None:
        details["decision"] = number
    note(session, meeting.project, act, actor=actor, now=now, details=details)
