"""How requests lie inside their departments, as their people see it; and who is told when an internal limit has passed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from blueprint.city import City
from blueprint.permissions import Act, Actor, may
from blueprint.working_days import WorkingCalendar
from coordination.clock import stops_of
from coordination.handling import place_of, responsible_for
from coordination.handling_models import Handling, HandlingState
from coordination.handling_rules import (
    Place,
    internal_due_on,
    is_with,
    is_with_section_of,
    post_for,
    works_in_steps,
)
from coordination.models import Consultation, Opinion, OpinionRequest
from coordination.notice_models import Notice, NoticeKind
from coordination.notices import tell


@dataclass(frozen=True)
class Lying:
    """Where a request lies, until when its step is due inside, and whether it waits for the one who looks."""

    place: Place
    section: str | None
    due_on: date | None
    is_with_me: bool
    is_with_my_section: bool
    may_answer_at_once: bool


def lying_of(
    session: Session,
    requests: Sequence[OpinionRequest],
    *,
    city: City,
    calendar: WorkingCalendar,
    actor: Actor,
) -> dict[int, Lying]:
    """Where the requests of departments that answer in steps lie, by request; of others' departments nothing."""
    own = [request for request in requests if may(actor, Act.HANDLE_REQUEST, request.thing)]
    named = responsible_for(session, {request.department for request in own})
    stepping = [
        request
        for request in own
        if works_in_steps(
            city.department(request.department), has_responsible_section=request.department in named
        )
    ]
    statement = (
        select(Handling)
        .where(Handling.request_id.in_([request.id for request in stepping]))
        .options(joinedload(Handling.section))
    )
    rows = {row.request_id: row for row in session.scalars(statement)}
    found = {}
    for request in stepping:
        row, responsible = rows.get(request.id), named.get(request.department)
        place = place_of(row, request, responsible, city)
        section = row.section if row is not None else responsible.section if responsible is not None else None
        found[request.id] = Lying(
            place=place,
            section=section.name if section is not None else None,
            due_on=internal_due_on(
                place.state,
                sent_on=request.sent_on,
                due_on=request.due_on,
                limits=city.internal_limits_of(request.department),
                stops=stops_of(request),
                calendar=calendar,
            ),
            is_with_me=is_with(actor, place),
            is_with_my_section=is_with_section_of(actor, place),
            may_answer_at_once=post_for(actor, Act.ISSUE_OPINION, place) is not None,
        )
    return found


def remind_inside(
    session: Session, *, city: City, calendar: WorkingCalendar, actor: Actor, now: datetime
) -> int:
    """Tell departments on a working day whose internal limit of a step has passed, once for each; says how many were told."""
    today = now.date()
    if not calendar.is_working_day(today):
        return 0
    codes = {department.code for department in city.departments}
    statement = (
        select(OpinionRequest)
        .where(
            OpinionRequest.withdrawn_on.is_(None),
            OpinionRequest.stopped_on.is_(None),
            OpinionRequest.due_on >= today,
            OpinionRequest.department.in_(codes),
            ~select(Opinion.id).where(Opinion.request_id == OpinionRequest.id).exists(),
        )
        .options(
            selectinload(OpinionRequest.stops),
            joinedload(OpinionRequest.consultation).joinedload(Consultation.project),
        )
        .order_by(OpinionRequest.id)
        .with_for_update(of=OpinionRequest, skip_locked=True)
    )
    requests = session.scalars(statement).all()
    told = 0
    for number, lying in lying_of(session, requests, city=city, calendar=calendar, actor=actor).items():
        request = next(each for each in requests if each.id == number)
        if lying.due_on is None or lying.due_on >= today or _was_told(session, number, lying.due_on):
            continue
        words = _STATES[lying.place.state]
        tell(
            session,
            NoticeKind.INTERNAL_DUE,
            f"内部时限已过（{lying.due_on}），{words}{f'，{lying.section}' if lying.section else ''}；"
            f"法定期限 {request.due_on} an internal limit has passed; the legal one is {request.due_on}",
            to=request.department,
            project=request.consultation.project,
            request=request,
            about_on=lying.due_on,
            now=now,
        )
        told += 1
    session.flush()
    return told


_STATES = {
    HandlingState.TO_RECEIVE: "待接收 to be received",
    HandlingState.IN_STUDY: "研究中 being studied",
    HandlingState.IN_REVIEW: "待审核 to be reviewed",
    HandlingState.TO_ISSUE: "待签发 to be signed",
    HandlingState.ISSUED: "已签发 issued",
}


def _was_told(session: Session, request_id: int, about_on: date) -> bool:
    told = select(Notice.id).where(
        Notice.request_id == request_id,
        Notice.kind == NoticeKind.INTERNAL_DUE,
        Notice.about_on == about_on,
    )
    return session.scalar(told.limit(1)) is not None
