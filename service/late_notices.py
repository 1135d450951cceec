"""Tells departments once a working day what of approval is late with them, or about to be (督办预警), by the ways of all notices.

Approval knows whose lateness it is, coordination keeps the notices; they meet here alone. A notice names cases and items,
no applicant and nothing of what is in them.
"""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from approval.clock import Card
from approval.item_overview import Desk
from approval.supervision import Late, who_is_late
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
    late = who_is_late(session, desk)
    by_department: dict[str, list[Late]] = {}
    for each in late:
        if each.department is not None:
            by_department.setdefault(each.department, []).append(each)
    notices = [
        Notice(kind=NoticeKind.LATE_ITEMS, department=department, text=_text(rows))
        for department, rows in sorted(by_department.items())
    ]
    escalated = [each for each in late if each.card is Card.ESCALATED]
    if escalated:
        notices.append(Notice(kind=NoticeKind.LATE_ITEMS, office=Office.SUPERVISOR, text=_text(escalated)))
    for notice in notices:
        notice.about_on, notice.made_at = desk.today, now
    session.add_all(notices)
    session.flush()
    return len(notices)


def _text(late: list[Late]) -> str:
    yellow = sum(each.card is Card.YELLOW for each in late)
    named = "；".join(f"{each.case} {each.title}（{each.due_on} 到期）" for each in late[:_NAMED])
    more = f" 等 {len(late)} 件" if len(late) > _NAMED else ""
    return (
        f"审批督办：逾期 {len(late) - yellow} 件、预警 {yellow} 件 late {len(late) - yellow}, about to be {yellow}"
        f"：{named}{more}"
    )
