"""The clock of a request: stopped and started again with reasons, counted anew, ended past the limit (Art. 11), explained."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import and_, or_, select, true
from sqlalchemy.orm import Session, selectinload

from blueprint.audit.log import record
from blueprint.errors import ConflictError
from blueprint.permissions import Act, Actor, require
from blueprint.sentences import Sentence, spoken
from blueprint.working_days import DueDate, WorkingCalendar
from coordination.limits import (
    ClockDay,
    OpinionStatus,
    Stop,
    as_of,
    due_date,
    explain,
    settled_due_date,
    withdrawal_day,
)
from coordination.models import ClockStop, DueChange, Opinion, OpinionKind, OpinionRequest, Source
from coordination.notice_models import NoticeKind, Office
from coordination.notices import tell
from coordination.opinion_requests import locked, request_status, seen
from coordination.projects import trimmed_reason
from coordination.rounds import is_running

SYSTEM = "系统 (system)"
"""Who records a department's silence, and counts a due day again."""

CALENDAR_CHANGED = "工作日历已更新 the working-day calendar changed"


def stops_of(request: OpinionRequest) -> tuple[Stop, ...]:
    """The stops of a request as the rules take them."""
    return tuple(Stop(stop.stopped_on, stop.restarted_on) for stop in request.stops)


def explain_clock(request: OpinionRequest, *, calendar: WorkingCalendar, today: date) -> tuple[ClockDay, ...]:
    """Every day of the limit by today's calendar; a clock that stands still as if it were started again today.

    That of a request that was answered or taken back ends on the due day that was kept, and so does one that the
    calendar would end sooner.
    """
    stops = as_of(stops_of(request), today)
    days = explain(request.sent_on, working_days=request.working_days, stops=stops, calendar=calendar)
    if is_running(request) and days[-1].calendar.day >= request.due_on:
        return days
    return explain(
        request.sent_on,
        working_days=request.working_days,
        stops=stops,
        calendar=calendar,
        ends_on=request.due_on,
    )


def settle(request: OpinionRequest, *, calendar: WorkingCalendar, now: datetime) -> None:
    """Count the due day of a request that is open again, and keep the trace where it moved; the row is locked."""
    if request.stopped_on is None:
        _move_due(request, CALENDAR_CHANGED, SYSTEM, calendar=calendar, now=now)


def _move_due(
    request: OpinionRequest, why: str, by: str, *, calendar: WorkingCalendar, now: datetime
) -> None:
    old = DueDate(request.due_on, request.provisional)
    counted = due_date(
        request.sent_on,
        working_days=request.working_days,
        stops=as_of(stops_of(request), now.date()),
        calendar=calendar,
    )
    new = settled_due_date(old, counted)
    if new == old:
        return
    request.due_on, request.provisional = new.on, new.provisional
    request.due_changes.append(
        DueChange(
            at=now,
            by=by,
            from_on=old.on,
            from_provisional=old.provisional,
            to_on=new.on,
            to_provisional=new.provisional,
            why=why,
        )
    )


def stop_clock(
    session: Session,
    request_id: int,
    *,
    reason: str,
    actor: Actor,
    calendar: WorkingCalendar,
    now: datetime,
) -> OpinionRequest:
    """Let a request's clock stand still: material has to be supplemented (补充材料). The day itself counts unless it is the last."""
    request = _own(session, request_id, actor)
    text = trimmed_reason(reason, Sentence("the stop: which material is missing"))
    settle(request, calendar=calendar, now=now)
    status = request_status(request, now.date())
    if status is not OpinionStatus.AWAITED:
        raise ConflictError(
            "the clock of a request that is {status} cannot be stopped", status=spoken(status)
        )
    request.stopped_on = now.date()
    request.stops.append(ClockStop(stopped_on=now.date(), stop_reason=text, stopped_by=actor.name))
    session.flush()
    _record(session, actor, "stop_clock", request, text, now=now, kind=NoticeKind.CLOCK_STOPPED)
    return request


def restart_clock(
    session: Session,
    request_id: int,
    *,
    reason: str,
    actor: Actor,
    calendar: WorkingCalendar,
    now: datetime,
) -> OpinionRequest:
    """Start a clock again; the working days of the stop are added, at least one is left, and the due day moves with its trace."""
    request = _own(session, request_id, actor)
    text = trimmed_reason(reason, Sentence("the restart: what was supplemented"))
    if request.stopped_on is None or request_status(request, now.date()) is not OpinionStatus.STOPPED:
        raise ConflictError("this clock does not stand still")
    end_stop(request, reason=text, by=actor.name, calendar=calendar, now=now)
    session.flush()
    _record(session, actor, "restart_clock", request, text, now=now, kind=NoticeKind.CLOCK_RESTARTED)
    return request


def end_stop(
    request: OpinionRequest, *, reason: str, by: str, calendar: WorkingCalendar, now: datetime
) -> None:
    """End the stop that is open, from tomorrow the days count again; the row is locked."""
    stop = request.stops[-1]
    stop.restarted_on, stop.restart_reason, stop.restarted_by = now.date(), reason, by
    request.stopped_on = None
    _move_due(request, f"停表 clock stopped: {stop.stop_reason}", by, calendar=calendar, now=now)


def _own(session: Session, request_id: int, actor: Actor) -> OpinionRequest:
    request = seen(locked(session, OpinionRequest.id == request_id).get(request_id), request_id, actor)
    require(actor, Act.STOP_CLOCK, request.thing)
    return request


def _record(
    session: Session,
    actor: Actor,
    act: str,
    request: OpinionRequest,
    reason: str,
    *,
    now: datetime,
    kind: NoticeKind,
) -> None:
    after = {"department": request.department, "reason": reason, "due_on": request.due_on}
    record(session, actor, act, kind="opinion_request", id=request.id, after=after)
    words = "停表 clock stopped" if kind is NoticeKind.CLOCK_STOPPED else "恢复计时 clock restarted"
    for to in (Office.COORDINATOR, request.department):
        tell(
            session,
            kind,
            f"{{department}} {words}: {reason}（期限 due {request.due_on}）",
            to=to,
            subject=request.department,
            project=request.consultation.project,
            request=request,
            now=now,
        )


def close_overdue(
    session: Session,
    today: date,
    *,
    now: datetime,
    calendar: WorkingCalendar,
    consultation_id: int | None = None,
) -> int:
    """Record the silence of every request whose limit has passed; says how many ended. A clock that stands still runs on."""
    candidate = and_(
        OpinionRequest.withdrawn_on.is_(None),
        OpinionRequest.stopped_on.is_(None),
        or_(OpinionRequest.due_on < today, OpinionRequest.provisional),
        OpinionRequest.consultation_id == consultation_id if consultation_id is not None else true(),
        ~select(Opinion.id).where(Opinion.request_id == OpinionRequest.id).exists(),
    )
    closed = 0
    for request in locked(session, candidate).values():
        if request.opinion is not None or request.stopped_on is not None:
            continue
        settle(request, calendar=calendar, now=now)
        if request_status(request, today) is not OpinionStatus.DEEMED_NO_OBJECTION:
            continue
        ended_on = withdrawal_day(request.due_on)
        request.withdrawn_on = ended_on
        request.opinion = Opinion(
            kind=OpinionKind.DEEMED_NO_OBJECTION,
            given_by=SYSTEM,
            given_on=ended_on,
            given_at=now,
            number=1,
            source=Source.SYSTEM,
            answers=[],
        )
        record(
            session,
            Actor(SYSTEM, request.department),
            Act.CLOSE_OVERDUE,
            kind="opinion_request",
            id=request.id,
            after={"kind": OpinionKind.DEEMED_NO_OBJECTION, "withdrawn_on": ended_on},
        )
        _tell_of_silence(session, request, now=now)
        closed += 1
    session.flush()
    return closed


def _tell_of_silence(session: Session, request: OpinionRequest, *, now: datetime) -> None:
    """The department, and who supervises (Art. 11)."""
    project = request.consultation.project
    for to in (request.department, Office.SUPERVISOR):
        tell(
            session,
            NoticeKind.DEEMED,
            f"{{department}} 逾期未反馈（期限 {request.due_on}），视为无意见，已收回"
            " silence past the limit counts as no objection, the request is withdrawn",
            to=to,
            subject=request.department,
            project=project,
            request=request,
            now=now,
        )


def recount_open(session: Session, *, calendar: WorkingCalendar, now: datetime) -> int:
    """Count the due days of all open requests by today's calendar; says how many moved, each with its trace."""
    moved = 0
    for request in _open_requests(session):
        counted = due_date(
            request.sent_on,
            working_days=request.working_days,
            stops=stops_of(request),
            calendar=calendar,
        )
        old = DueDate(request.due_on, request.provisional)
        if settled_due_date(old, counted) != old:
            for held in locked(session, OpinionRequest.id == request.id).values():
                before = len(held.due_changes)
                if held.opinion is None and held.withdrawn_on is None:
                    settle(held, calendar=calendar, now=now)
                moved += len(held.due_changes) - before
    session.flush()
    return moved


def _open_requests(session: Session) -> Sequence[OpinionRequest]:
    statement = (
        select(OpinionRequest)
        .where(
            OpinionRequest.withdrawn_on.is_(None),
            OpinionRequest.stopped_on.is_(None),
            ~select(Opinion.id).where(Opinion.request_id == OpinionRequest.id).exists(),
        )
        .options(selectinload(OpinionRequest.stops))
        .order_by(OpinionRequest.id)
    )
    return session.scalars(statement).all()
