"""Routes of notices, the inbox, the board, figures on opinions, and the list of projects as a workbook."""

import re
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import BeforeValidator

from blueprint.city import City
from blueprint.documents.rendering import XLSX
from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep, TodayDep
from blueprint.errors import InvalidInputError
from blueprint.given import Day
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, Thing, require
from blueprint.sentences import Sentence
from coordination import deliveries, notices, views
from coordination.handling_views import Lying, lying_of
from coordination.handover_models import Handover
from coordination.limits import OpinionStatus
from coordination.notice_delivery import not_delivered
from coordination.notice_models import Notice, NoticeDelivery
from coordination.opinion_requests import request_status
from coordination.overview import project_briefs
from coordination.project_list import MAX_ROWS, project_list
from coordination.project_states import IN_WORK, ProjectStatus
from coordination.view_schemas import (
    Board,
    BoardItem,
    Inbox,
    InboxItem,
    Inside,
    LapsedItem,
    NoticeList,
    NoticeOut,
    OpinionFiguresOut,
    OpinionStatistics,
    UndeliveredNotice,
    UndeliveredOut,
)

router = APIRouter(tags=["coordination"], route_class=IdempotentRoute)


def _written_out(text: object) -> object:
    """A UUID as RFC 9562 writes it; pydantic alone would take it without hyphens or in braces, too."""
    if isinstance(text, str) and not _UUID.fullmatch(text):
        raise ValueError(Sentence("an id reads like 00000000-0000-4000-8000-000000000000"))
    return text


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
Code = Annotated[str, Path(max_length=40, pattern=r"^[^\x00]*$", description="部门代码 department code")]
Uuid = Annotated[UUID, BeforeValidator(_written_out), Path()]


def notice_out(notice: Notice, city: City) -> NoticeOut:
    """A notice as it is shown, departments by name."""
    shown = NoticeOut.model_validate(notice, from_attributes=True)
    return shown.model_copy(update={"text": notices.said(notice, city)})


@router.get("/api/notices")
def list_notices(
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    unread: Annotated[bool, Query(description="only what nobody read yet")] = False,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> NoticeList:
    """The caller's notices (通知): the department's, and those of the offices that the caller holds."""
    require(actor, Act.READ_OPINION_REQUESTS)
    found = notices.list_notices(session, actor=actor, unread_only=unread, limit=limit)
    return NoticeList(items=[notice_out(each, edge.city) for each in found])


@router.post("/api/notices/{notice_id}/read")
def mark_read(notice_id: Uuid, session: SessionDep, actor: ActorDep, edge: EdgeDep, now: NowDep) -> NoticeOut:
    """Keep that a notice was read."""
    require(actor, Act.READ_OPINION_REQUESTS)
    notice = notices.mark_read(session, notice_id, actor=actor, now=now)
    return notice_out(notice, edge.city)


@router.get("/api/departments/{code}/inbox")
def show_inbox(code: Code, session: SessionDep, actor: ActorDep, edge: EdgeDep, today: TodayDep) -> Inbox:
    """What a department has to answer, the earliest due first, each with its urgency."""
    require(actor, Act.READ_OPEN_WORK, Thing(department=code))
    edge.city.department(code)
    unread = notices.list_notices(session, actor=actor, unread_only=True, limit=500)
    items, requests = [], views.inbox(session, code, today)
    lying = lying_of(session, requests, city=edge.city, calendar=edge.calendar, actor=actor)
    for request in requests:
        status = request_status(request, today)
        left = edge.calendar.working_days_left(today, request.due_on)
        project = request.consultation.project
        items.append(
            InboxItem(
                request_id=request.id,
                project_id=project.id,
                planning_number=project.planning_number,
                project_name=project.name,
                round=request.consultation.round,
                findings=len(request.findings),
                state=status,
                sent_on=request.sent_on,
                due_on=request.due_on,
                provisional=request.provisional,
                working_days_left=left,
                urgency=views.urgency_of(status, left=left),
                inside=_inside(lying[request.id], today) if request.id in lying else None,
            )
        )
    mine = [notice for notice in unread if notice.department == code]
    lapsed = [
        LapsedItem(
            request_id=request.id,
            project_id=request.consultation.project_id,
            planning_number=request.consultation.project.planning_number,
            project_name=request.consultation.project.name,
            round=request.consultation.round,
            due_on=request.due_on,
        )
        for request in views.lapsed(session, code, today)
    ]
    return Inbox(department=code, unread_notices=len(mine), items=items, lapsed=lapsed)


def _inside(lying: Lying, today: date) -> Inside:
    return Inside(
        state=lying.place.state,
        section=lying.section,
        officer=lying.place.officer,
        due_on=lying.due_on,
        is_late=lying.due_on is not None and lying.due_on < today,
        is_with_me=lying.is_with_me,
        is_with_my_section=lying.is_with_my_section,
    )


@router.get("/api/board")
def show_board(session: SessionDep, actor: ActorDep, edge: EdgeDep, now: NowDep) -> Board:
    """The coordinator's board: projects in work, how their requests stand, what waits, handovers under way."""
    require(actor, Act.CONSULT_DEPARTMENTS)
    found = views.board(session, now.date(), calendar=edge.calendar)
    longest, counts = edge.city.limits.longest_stop_working_days, views.counts_by_status(session)
    briefs = {brief.id: brief for brief in project_briefs(session, [each.project for each in found])}
    items = [
        BoardItem(
            project=briefs[each.project.id],
            scope_open=each.project.scope_decided_by is None,
            round=each.round,
            awaited=each.states.get(OpinionStatus.AWAITED, 0),
            stopped=each.states.get(OpinionStatus.STOPPED, 0),
            given=each.states.get(OpinionStatus.GIVEN, 0),
            deemed=each.states.get(OpinionStatus.DEEMED_NO_OBJECTION, 0),
            disagreeing=each.disagreeing,
            next_due_on=each.next_due_on,
            undecided_contests=each.undecided_contests,
            longest_stop=each.longest_stop,
            stopped_too_long=each.longest_stop >= longest,
        )
        for each in found
    ]
    notice_count, failed = not_delivered(session, limit=50)
    return Board(
        counts=counts,
        in_work=sum(counts[status] for status in IN_WORK),
        items=items,
        undelivered=[_undelivered(handover) for handover in views.undelivered(session)],
        undelivered_notice_count=notice_count,
        undelivered_notices=[_undelivered_notice(*each, edge.city) for each in failed],
    )


def _undelivered_notice(notice: Notice, delivery: NoticeDelivery, city: City) -> UndeliveredNotice:
    return UndeliveredNotice(
        channel=delivery.channel,
        to=city.name_of(notice.department) if notice.department is not None else notice.office or "",
        address=delivery.address,
        made_at=notice.made_at,
        attempts=delivery.attempts,
        next_try_at=delivery.next_try_at,
        last_error=delivery.last_error,
    )


def _undelivered(handover: Handover) -> UndeliveredOut:
    return UndeliveredOut(
        message_id=handover.message_id,
        kind=handover.kind,
        planning_number=handover.clearance.project.planning_number,
        attempts=handover.attempts,
        next_try_at=handover.next_try_at,
        last_error=handover.last_error,
        dead=handover.attempts >= deliveries.DEAD_AFTER,
    )


@router.post("/api/handovers/{message_id}/resend")
def resend_handover(message_id: Uuid, session: SessionDep, actor: ActorDep, now: NowDep) -> UndeliveredOut:
    """Try a handover that approval does not have yet at once (重新推送)."""
    require(actor, Act.PUSH_HANDOVER)
    return _undelivered(deliveries.resend(session, str(message_id), actor=actor, now=now))


@router.get("/api/statistics/opinions")
def show_statistics(
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    today: TodayDep,
    first: Annotated[Day | None, Query(description="the first day of that year when left out")] = None,
    last: Annotated[Day | None, Query(description="today when left out")] = None,
) -> OpinionStatistics:
    """How departments answered: asked, answered, deemed, on time, median working days."""
    require(actor, Act.READ_STATISTICS)
    last = last or today
    first = first or last.replace(month=1, day=1)
    if first > last:
        raise InvalidInputError("{first} lies after {last}", first=first, last=last, place="first")
    names = {department.code: department.name for department in edge.city.departments}
    found = views.opinion_figures(session, first=first, last=last, today=today, calendar=edge.calendar)
    items = [
        OpinionFiguresOut(**vars(each), department_name=names.get(each.department, each.department))
        for each in found
    ]
    return OpinionStatistics(first=first, last=last, items=items)


@router.get("/api/project-list.xlsx", response_class=Response, responses={200: {"content": {XLSX: {}}}})
def export_projects(
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    q: Annotated[
        str | None,
        Query(max_length=200, pattern=r"^[^\x00]*$", description="words in number, name, applicant, purpose"),
    ] = None,
    status: ProjectStatus | None = None,
    project_type: Annotated[str | None, Query(max_length=40, pattern=r"^[^\x00]*$")] = None,
    district: Annotated[str | None, Query(max_length=20, pattern=r"^[^\x00]*$")] = None,
) -> Response:
    """The list of projects, all or those that are searched for, with what was registered, as a workbook."""
    require(actor, Act.READ_PROJECT)
    found = views.search_projects(
        session, words=q, status=status, project_type=project_type, district=district, limit=MAX_ROWS
    )
    book = project_list(session, found, city=edge.city, zone=edge.now().tzinfo, actor=actor)
    headers = {"Content-Disposition": 'attachment; filename="projects.xlsx"'}
    return Response(book, media_type=XLSX, headers=headers)
