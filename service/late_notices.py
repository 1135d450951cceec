"""Tells departments once a working day what of approval is late with them, or about to be (督办预警), by the ways of all notices.

Approval knows whose lateness it is, coordination keeps the notices; they meet here alone. A notice names cases and items,
no applicant and nothing of what is in them.
"""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from approval.clock import Card
from approval.item_overview import Desk
from approval.lateness import Late, Wanted, who_is_late
from blueprint.city import City
from coordination.notice_models import Notice, NoticeKind, Office

_NAMED = 5
"""So many of them are named, the longest late first; `/approval` lists the others."""

_LOCK = 8449


def tell_late(session: Session, *, city: City, now: datetime) -> int:
    """Tell every department that has something late or about to be, and the supervisors what is escalated; once a working day.

    Says how many were told.
    """
    desk = Desk(city, city.calendar, now.date())
    if not desk.calendar.is_working_day(desk.today):
        return 0
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    told = select(Notice.id).where(Notice.kind == NoticeKind.LATE_ITEMS, Notice.about_on == desk.today)
    if session.scalar(told.limit(1)) is not None:
        return 0
    notices = []
    for department in sorted(each.code for each in city.departments):
        own = who_is_late(session, desk, Wanted(department=department))
        if own.items:
            text = _text(own.items, more=own.more)
            notices.append(Notice(kind=NoticeKind.LATE_ITEMS, department=department, text=text))
    late = who_is_late(session, desk)  # the longest late come first, so what is escalated is among them
    escalated = [each for each in late.items if each.card is Card.ESCALATED]
    if escalated:
        text = _text(escalated, more=late.more)
        notices.append(Notice(kind=NoticeKind.LATE_ITEMS, office=Office.SUPERVISOR, text=text))
    for notice in notices:
        notice.about_on, notice.made_at = desk.today, now
    session.add_all(notices)
    session.flush()
    return len(notices)


def _text(late: list[Late], *, more: bool) -> str:
    yellow = sum(each.card is Card.YELLOW for each in late)
    named = "；".join(f"{each.case} {each.title}（{each.due_on} 到期）" for each in late[:_NAMED])
    rest = f" 等 {len(late)} 件{'以上 or more' if more else ''}" if len(late) > _NAMED else ""
    return (
        f"审批督办：逾期 {len(late) - yellow} 件、预警 {yellow} 件 late {len(late) - yellow}, about to be {yellow}"
        f"：{named}{rest}"
    )
