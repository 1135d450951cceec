"""Routes of coordination meetings (协调会, Art. 15)."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from blueprint.edge import ActorDep, CityDep, EdgeDep, NowDep, SessionDep
from blueprint.given import WHOLE, Given, Instant
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, require
from coordination import meetings, projects
from coordination.addresses import Id
from coordination.meeting_models import Meeting
from coordination.meetings import Decided
from coordination.models import MAX_NAME, MAX_TEXT

router = APIRouter(tags=["coordination"], route_class=IdempotentRoute)

Words = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
DepartmentCode = Annotated[str, Field(min_length=1, max_length=40)]
DecisionNumber = Annotated[int, Path(ge=1, le=1000)]


class MeetingIn(Given):
    """What a meeting is asked for, and which other departments it concerns."""

    question: Words
    departments: list[DepartmentCode] = Field(max_length=50)


class CallIn(Given):
    """When and where a meeting is; an instant without an offset is the city's time."""

    meets_at: Instant
    place: str = Field(min_length=1, max_length=MAX_NAME)


class DecisionIn(Given):
    """A decision for a department; `request_id` of the request whose disagreement it is to settle, else it is a task."""

    department: DepartmentCode
    text: Words
    request_id: Annotated[int, Field(ge=1, le=2_000_000_000), WHOLE] | None = None


class MinutesIn(Given):
    """What a meeting came to."""

    minutes: Words
    decisions: list[DecisionIn] = Field(default=[], max_length=100)


class DeclineIn(Given):
    """Why no meeting is held."""

    reason: Words


class CloseIn(Given):
    """How a task was done, or that the decision is confirmed."""

    how: Words


class DecisionOut(BaseModel):
    """A decision, and what became of it."""

    number: int
    department: str
    text: str
    request_id: int | None
    how: str | None
    closed_by: str | None
    closed_at: datetime | None


class AgendaSide(BaseModel):
    """A department and what it says; `about` a finding, where it is of one."""

    department: str
    request_id: int
    words: str
    about: str | None = None


class AgendaItem(BaseModel):
    """What stands against what; a `disagreement` nobody stands against has one side."""

    kind: Literal["agree_against_disagree", "conditions_on_one_place", "disagreement"]
    sides: list[AgendaSide]


class MeetingOut(BaseModel):
    """A meeting: what it is about, who takes part, its agenda, minutes and decisions."""

    id: int
    project_id: int
    state: Literal["asked", "called", "held", "declined"]
    question: str
    departments: list[str]
    agenda: list[AgendaItem]
    asked_by: str
    asked_department: str | None
    asked_at: datetime
    meets_at: datetime | None
    place: str | None
    called_by: str | None
    minutes: str | None
    closed_by: str | None
    closed_on: date | None
    decisions: list[DecisionOut]


class MeetingList(BaseModel):
    """The meetings of a project that the caller may see."""

    items: list[MeetingOut]


def meeting_out(meeting: Meeting) -> MeetingOut:
    """A meeting as it is shown."""
    return MeetingOut.model_validate(meeting, from_attributes=True)


@router.get("/api/projects/{project_id}/meetings")
def list_meetings(project_id: Id, session: SessionDep, actor: ActorDep) -> MeetingList:
    """The meetings of a project: the coordinator sees all, a department those that it takes part in."""
    require(actor, Act.READ_OPINION_REQUESTS)
    project = projects.find_project(session, project_id)
    return MeetingList(items=[meeting_out(m) for m in meetings.meetings_of(session, project, actor=actor)])


@router.post("/api/projects/{project_id}/meetings", status_code=201)
def ask_for_meeting(
    project_id: Id, asked: MeetingIn, session: SessionDep, actor: ActorDep, edge: EdgeDep, now: NowDep
) -> MeetingOut:
    """Ask for a meeting about a problem of two or more departments (Art. 15)."""
    require(actor, Act.READ_OPINION_REQUESTS)
    return meeting_out(
        meetings.ask_for_meeting(
            session, project_id, asked.question, asked.departments, city=edge.city, actor=actor, now=now
        )
    )


@router.post("/api/meetings/{meeting_id}/call")
def call_meeting(
    meeting_id: Id, called: CallIn, session: SessionDep, actor: ActorDep, city: CityDep, now: NowDep
) -> MeetingOut:
    """Call a meeting; its agenda is what stands against what at this moment."""
    require(actor, Act.CONSULT_DEPARTMENTS)
    at = city.instant_of(called.meets_at)
    return meeting_out(
        meetings.call_meeting(session, meeting_id, meets_at=at, place=called.place, actor=actor, now=now)
    )


@router.post("/api/meetings/{meeting_id}/decline")
def decline_meeting(
    meeting_id: Id, declined: DeclineIn, session: SessionDep, actor: ActorDep, now: NowDep
) -> MeetingOut:
    """Say that no meeting is held, and why."""
    require(actor, Act.CONSULT_DEPARTMENTS)
    return meeting_out(
        meetings.decline_meeting(session, meeting_id, reason=declined.reason, actor=actor, now=now)
    )


@router.post("/api/meetings/{meeting_id}/minutes")
def record_minutes(
    meeting_id: Id, kept: MinutesIn, session: SessionDep, actor: ActorDep, now: NowDep
) -> MeetingOut:
    """Keep the minutes (纪要) and the decisions, each for one of the participants."""
    require(actor, Act.CONSULT_DEPARTMENTS)
    decisions = [Decided(**decision.model_dump()) for decision in kept.decisions]
    return meeting_out(
        meetings.record_minutes(session, meeting_id, kept.minutes, decisions, actor=actor, now=now)
    )


@router.post("/api/meetings/{meeting_id}/decisions/{number}/closing")
def close_decision(
    meeting_id: Id, number: DecisionNumber, closed: CloseIn, session: SessionDep, actor: ActorDep, now: NowDep
) -> MeetingOut:
    """The department's act: confirm what settles its disagreement, or say how a task was done."""
    require(actor, Act.READ_OPINION_REQUESTS)
    return meeting_out(
        meetings.close_decision(session, meeting_id, number, how=closed.how, actor=actor, now=now)
    )
