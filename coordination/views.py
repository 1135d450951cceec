"""Views of the work: a department's inbox, the coordinator's board, figures on opinions (统计)."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from statistics import median

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from blueprint.working_days import WorkingCalendar
from coordination.handover_models import Clearance, Handover, MessageKind
from coordination.limits import OpinionStatus
from coordination.long_stops import stopped_working_days
from coordination.models import (
    Consultation,
    Contest,
    Opinion,
    OpinionKind,
    OpinionRequest,
    Project,
)
from coordination.opinion_requests import open_requests_of, request_status
from coordination.project_states import IN_WORK, ProjectStatus
from coordination.rounds import is_opposed


class Urgency(StrEnum):
    """How urgent an open request is: 已逾期, 今日到期, 三个工作日内, 其他, 停表."""

    OVERDUE = "overdue"
    TODAY = "today"
    SOON = "soon"
    LATER = "later"
    STOPPED = "stopped"


def urgency_of(status: OpinionStatus, *, left: int) -> Urgency:
    """The urgency of an open request by its working days left."""
    if status is OpinionStatus.STOPPED:
        return Urgency.STOPPED
    if left < 0:
        return Urgency.OVERDUE
    return Urgency.TODAY if left == 0 else Urgency.SOON if left <= 3 else Urgency.LATER


def inbox(session: Session, department: str, today: date) -> list[OpinionRequest]:
    """What a department has to answer, the earliest due first."""
    statement = open_requests_of(department).options(
        joinedload(OpinionRequest.opinion),
        selectinload(OpinionRequest.stops),
        joinedload(OpinionRequest.consultation).joinedload(Consultation.project),
    )
    rows = session.scalars(statement).all()
    return [row for row in rows if request_status(row, today) is not OpinionStatus.DEEMED_NO_OBJECTION]


LAPSED_SHOWN_FOR = timedelta(days=30)
"""So long a department is shown in its inbox what it let pass in silence."""


def lapsed(session: Session, department: str, today: date) -> list[OpinionRequest]:
    """What a department let pass in silence lately, the latest first, whether or not its end was recorded yet (Art. 11)."""
    statement = (
        select(OpinionRequest)
        .outerjoin(OpinionRequest.opinion)
        .where(
            OpinionRequest.department == department,
            OpinionRequest.due_on >= today - LAPSED_SHOWN_FOR,
            OpinionRequest.due_on < today,
            or_(Opinion.id.is_(None), Opinion.kind == OpinionKind.DEEMED_NO_OBJECTION),
        )
        .options(
            joinedload(OpinionRequest.opinion),
            joinedload(OpinionRequest.consultation).joinedload(Consultation.project),
        )
        .order_by(OpinionRequest.due_on.desc(), OpinionRequest.id)
    )
    rows = session.scalars(statement).all()
    return [row for row in rows if request_status(row, today) is OpinionStatus.DEEMED_NO_OBJECTION]


@dataclass(frozen=True)
class OnBoard:
    """A project on the coordinator's board: how its requests stand, and what waits for a decision."""

    project: Project
    round: int | None
    states: dict[OpinionStatus, int]
    disagreeing: int
    next_due_on: date | None
    undecided_contests: int
    longest_stop: int
    """Working days that the clock of one of its departments has stood still by now."""


ON_BOARD = 500
"""So many projects are on the board; how many are in work is told by `counts_by_status`."""


def board(
    session: Session, today: date, *, calendar: WorkingCalendar, limit: int = ON_BOARD
) -> list[OnBoard]:
    """The projects in work, with where each stands; those whose limits end first come first."""
    next_due = (
        select(func.min(OpinionRequest.due_on))
        .join(OpinionRequest.consultation)
        .outerjoin(OpinionRequest.opinion)
        .where(
            Consultation.project_id == Project.id,
            Consultation.superseded_on.is_(None),
            OpinionRequest.withdrawn_on.is_(None),
            Opinion.id.is_(None),
        )
        .scalar_subquery()
    )
    projects = session.scalars(
        select(Project)
        .where(Project.status.in_(IN_WORK))
        .order_by(next_due.asc().nulls_last(), Project.id.desc())
        .limit(limit)
    ).all()
    statement = (
        select(OpinionRequest)
        .join(OpinionRequest.consultation)
        .where(
            Consultation.project_id.in_([project.id for project in projects]),
            Consultation.superseded_on.is_(None),
        )
        .options(joinedload(OpinionRequest.opinion), joinedload(OpinionRequest.consultation))
    )
    of_project: dict[int, list[OpinionRequest]] = defaultdict(list)
    for request in session.scalars(statement):
        of_project[request.consultation.project_id].append(request)
    contested = dict(
        session.execute(
            select(Consultation.project_id, func.count())
            .join(OpinionRequest, OpinionRequest.consultation_id == Consultation.id)
            .join(Contest, Contest.request_id == OpinionRequest.id)
            .where(Contest.decided_at.is_(None))
            .group_by(Consultation.project_id)
        ).all()
    )
    found = [_on_board(p, of_project[p.id], contested.get(p.id, 0), today, calendar) for p in projects]
    return sorted(found, key=lambda each: (each.next_due_on or date.max, -each.project.id))


def _on_board(
    project: Project,
    requests: Sequence[OpinionRequest],
    contests: int,
    today: date,
    calendar: WorkingCalendar,
) -> OnBoard:
    states = Counter(request_status(request, today) for request in requests)
    stopped = [r for r in requests if request_status(r, today) is OpinionStatus.STOPPED]
    open_ones = [r.due_on for r in requests if request_status(r, today) is OpinionStatus.AWAITED]
    return OnBoard(
        project=project,
        round=max((request.consultation.round for request in requests), default=None),
        states=dict(states),
        disagreeing=sum(is_opposed(request) for request in requests),
        next_due_on=min(open_ones, default=None),
        undecided_contests=contests,
        longest_stop=max((stopped_working_days(r, today, calendar) for r in stopped), default=0),
    )


def counts_by_status(session: Session) -> dict[str, int]:
    """How many projects stand where; those that approval has been told of are no longer among the cleared."""
    rows = session.execute(select(Project.status, func.count()).group_by(Project.status)).all()
    counts = {str(status): dict(rows).get(status, 0) for status in ProjectStatus}
    handed = select(func.count()).where(
        Project.status == ProjectStatus.CLEARED, Project.id.in_(delivered_projects())
    )
    counts[ProjectStatus.HANDED_OVER] = session.scalar(handed) or 0
    counts[ProjectStatus.CLEARED] -= counts[ProjectStatus.HANDED_OVER]
    return counts


def delivered_projects() -> Select[int]:
    """The ids of projects whose standing clearance approval was told of."""
    return (
        select(Clearance.project_id)
        .join(Clearance.messages)
        .where(
            Clearance.withdrawn_at.is_(None),
            Handover.kind == MessageKind.HANDOVER,
            Handover.delivered_at.is_not(None),
        )
    )


def undelivered(session: Session) -> Sequence[Handover]:
    """Handovers that approval does not have yet, those that failed most often first."""
    statement = (
        select(Handover)
        .where(Handover.delivered_at.is_(None), Handover.cancelled_at.is_(None))
        .options(joinedload(Handover.clearance).joinedload(Clearance.project))
        .order_by(Handover.attempts.desc(), Handover.id)
    )
    return session.scalars(statement).all()


@dataclass(frozen=True)
class OpinionFigures:
    """What a department was asked in a period, and how it answered; `median_working_days` of its answers, None without one."""

    department: str
    asked: int
    answered: int
    deemed: int
    withdrawn: int
    open: int
    disagreed: int
    on_time_share: float | None
    median_working_days: float | None


def opinion_figures(
    session: Session, *, first: date, last: date, today: date, calendar: WorkingCalendar
) -> list[OpinionFigures]:
    """The figures of every department that was asked between two days, by the day of asking."""
    statement = (
        select(OpinionRequest)
        .where(OpinionRequest.sent_on >= first, OpinionRequest.sent_on <= last)
        .options(joinedload(OpinionRequest.opinion))
        .order_by(OpinionRequest.department, OpinionRequest.id)
    )
    of_department: dict[str, list[OpinionRequest]] = defaultdict(list)
    for request in session.scalars(statement):
        of_department[request.department].append(request)
    return [_figures(code, rows, today, calendar) for code, rows in sorted(of_department.items())]


def _figures(
    department: str, requests: Sequence[OpinionRequest], today: date, calendar: WorkingCalendar
) -> OpinionFigures:
    states = Counter(request_status(request, today) for request in requests)
    answered, deemed = states[OpinionStatus.GIVEN], states[OpinionStatus.DEEMED_NO_OBJECTION]
    took = [
        calendar.working_days_left(r.sent_on, r.opinion.given_on)
        for r in requests
        if r.opinion is not None and request_status(r, today) is OpinionStatus.GIVEN
    ]
    return OpinionFigures(
        department=department,
        asked=len(requests),
        answered=answered,
        deemed=deemed,
        withdrawn=states[OpinionStatus.WITHDRAWN],
        open=states[OpinionStatus.AWAITED] + states[OpinionStatus.STOPPED],
        disagreed=sum(r.opinion is not None and r.opinion.kind == OpinionKind.DISAGREE for r in requests),
        on_time_share=answered / (answered + deemed) if answered + deemed else None,
        median_working_days=float(median(took)) if took else None,
    )


def search_projects(
    session: Session,
    *,
    words: str | None = None,
    status: ProjectStatus | None = None,
    project_type: str | None = None,
    district: str | None = None,
    after: int = 0,
    limit: int = 50,
) -> Sequence[Project]:
    """Projects that have the words in number, name, applicant or purpose, and stand where it is asked; in order of registration."""
    statement = select(Project).where(Project.id > after).order_by(Project.id).limit(limit)
    for word in (words or "").split():
        columns = (Project.planning_number, Project.name, Project.applicant, Project.purpose)
        statement = statement.where(or_(*(column.icontains(word, autoescape=True) for column in columns)))
    delivered = delivered_projects()
    if status is ProjectStatus.HANDED_OVER:
        statement = statement.where(Project.status == ProjectStatus.CLEARED, Project.id.in_(delivered))
    elif status is ProjectStatus.CLEARED:
        statement = statement.where(Project.status == status, Project.id.not_in(delivered))
    elif status is not None:
        statement = statement.where(Project.status == status)
    if project_type is not None:
        statement = statement.where(Project.project_type == project_type)
    if district is not None:
        statement = statement.where(Project.district == district)
    return session.scalars(statement).all()
