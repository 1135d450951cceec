"""Clocks that stand still for long (停表过久): a stop has no end of its own, so that it is told of, and shown on the board."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from blueprint.working_days import WorkingCalendar
from coordination.models import Consultation, Opinion, OpinionRequest
from coordination.notice_models import NoticeKind, Office
from coordination.notices import last_told_on, tell


def stopped_working_days(request: OpinionRequest, today: date, calendar: WorkingCalendar) -> int:
    """How many working days a request's clock has stood still by now; 0 while it runs."""
    return calendar.working_days_left(request.stopped_on, today) if request.stopped_on is not None else 0


def tell_of_long_stops(
    session: Session, *, longest_working_days: int, calendar: WorkingCalendar, now: datetime
) -> int:
    """Tell coordinator, supervisor and department of every clock that has stood still for as long, and again after as long.

    Says of how many clocks. Nothing else follows: the limit (Art. 11) goes on when somebody starts the clock again.
    """
    today, told = now.date(), 0
    statement = (
        select(OpinionRequest)
        .where(
            OpinionRequest.stopped_on.is_not(None),
            OpinionRequest.withdrawn_on.is_(None),
            ~select(Opinion.id).where(Opinion.request_id == OpinionRequest.id).exists(),
        )
        .options(joinedload(OpinionRequest.consultation).joinedload(Consultation.project))
        .order_by(OpinionRequest.id)
        .with_for_update(of=OpinionRequest, skip_locked=True)
    )
    for request in session.scalars(statement).all():
        days = stopped_working_days(request, today, calendar)
        told_on = last_told_on(session, request, NoticeKind.LONG_STOP)
        since = max(day for day in (told_on, request.stopped_on or today) if day is not None)
        if calendar.working_days_left(since, today) < longest_working_days:
            continue
        for to in (Office.COORDINATOR, Office.SUPERVISOR, request.department):
            tell(
                session,
                NoticeKind.LONG_STOP,
                f"{{department}} 自 {request.stopped_on} 停表，已 {days} 个工作日，请督促补充材料或恢复计时"
                f" its clock has stood still for {days} working days",
                to=to,
                subject=request.department,
                project=request.consultation.project,
                request=request,
                about_on=today,
                now=now,
            )
        told += 1
    session.flush()
    return told
