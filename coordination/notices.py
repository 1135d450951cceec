"""Notices (通知): written in the transaction of the act that they tell of, so that none is lost and none is of nothing."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, false, func, or_, select
from sqlalchemy.orm import Session, joinedload

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import NotFoundError
from blueprint.permissions import Act, Actor, Role, may
from blueprint.working_days import WorkingCalendar
from coordination.models import Consultation, Opinion, OpinionRequest, Project
from coordination.notice_models import Notice, NoticeKind, Office

REMIND_AT = (3, 1, 0)
"""Working days before the end of a limit at which its department is reminded; 0 is the due day itself."""


def tell(
    session: Session,
    kind: NoticeKind,
    text: str,
    *,
    to: str | Office,
    project: Project,
    now: datetime,
    request: OpinionRequest | None = None,
    about_on: date | None = None,
    subject: str | None = None,
) -> None:
    """Tell a department, or an office, of something; `text` names no finding and no opinion, they are read where they are.

    What it says of another department has `{department}` for its name, and that department's code in `subject`.
    """
    is_office = isinstance(to, Office)
    session.add(
        Notice(
            kind=kind,
            department=None if is_office else to,
            office=to if is_office else None,
            project_id=project.id,
            request_id=request.id if request is not None else None,
            about_on=about_on,
            subject=subject,
            text=f"{project.planning_number} {project.name}：{text}",
            made_at=now,
        )
    )


def tell_department(session: Session, kind: NoticeKind, text: str, *, to: str, now: datetime) -> None:
    """Tell a department of something that is of no one project."""
    session.add(Notice(kind=kind, department=to, text=text, made_at=now))


def said(notice: Notice, city: City) -> str:
    """The text as its reader is shown it: the department that it speaks of by name."""
    if notice.subject is None:
        return notice.text
    return notice.text.replace("{department}", city.name_of(notice.subject))


def reminder_at(left: int) -> int | None:
    """Which reminder is due with so many working days left: that of day 3, 1 or 0; None while it is early, or over."""
    return min((day for day in REMIND_AT if 0 <= left <= day), default=None)


def remind(session: Session, *, calendar: WorkingCalendar, now: datetime) -> int:
    """Remind the departments whose limits end in 3, 1 or 0 working days, once each; says how many were reminded.

    A reminder whose day passed while nothing ran is made up for on the next working day, until the next one is due.
    """
    today, reminded = now.date(), 0
    statement = (
        select(OpinionRequest)
        .where(
            OpinionRequest.withdrawn_on.is_(None),
            OpinionRequest.stopped_on.is_(None),
            OpinionRequest.due_on >= today,
            OpinionRequest.sent_on < today,
            ~select(Opinion.id).where(Opinion.request_id == OpinionRequest.id).exists(),
        )
        .options(joinedload(OpinionRequest.consultation).joinedload(Consultation.project))
        .order_by(OpinionRequest.id)
        .with_for_update(of=OpinionRequest, skip_locked=True)
    )
    for request in session.scalars(statement).all():
        left = calendar.working_days_left(today, request.due_on)
        reminder = reminder_at(left)
        if reminder is None or not calendar.is_working_day(today):
            continue
        told_on = last_told_on(session, request, NoticeKind.DUE)
        if (
            told_on is not None
            and reminder_at(calendar.working_days_left(told_on, request.due_on)) == reminder
        ):
            continue
        tell(
            session,
            NoticeKind.DUE,
            f"意见征询将于 {request.due_on} 到期，剩余 {left} 个工作日，逾期视为无意见"
            f" opinion due on {request.due_on}, {left} working days left",
            to=request.department,
            project=request.consultation.project,
            request=request,
            about_on=today,
            now=now,
        )
        reminded += 1
    session.flush()
    return reminded


def last_told_on(session: Session, request: OpinionRequest, kind: NoticeKind) -> date | None:
    """The last day that a notice of a kind told a request of."""
    told = select(func.max(Notice.about_on)).where(Notice.request_id == request.id, Notice.kind == kind)
    return session.scalar(told)


def addressed_to(actor: Actor) -> ColumnElement[bool]:
    """Which notices are the actor's: the own department's, and those of the offices that the actor holds."""
    mine: list[ColumnElement[bool]] = [false()]
    if actor.department is not None:
        mine.append(Notice.department == actor.department)
    if may(actor, Act.CONSULT_DEPARTMENTS):
        mine.append(Notice.office == Office.COORDINATOR)
    if actor.roles & {Role.SUPERVISOR, Role.CONSOLE}:
        mine.append(Notice.office == Office.SUPERVISOR)
    if Role.CONSOLE in actor.roles:
        mine.append(Notice.department.is_not(None))
    return or_(*mine)


def list_notices(
    session: Session, *, actor: Actor, unread_only: bool = False, limit: int = 100
) -> Sequence[Notice]:
    """The actor's notices, the newest first."""
    statement = select(Notice).where(addressed_to(actor)).order_by(Notice.made_at.desc(), Notice.id)
    if unread_only:
        statement = statement.where(Notice.read_at.is_(None))
    return session.scalars(statement.limit(limit)).all()


def mark_read(session: Session, notice_id: UUID, *, actor: Actor, now: datetime) -> Notice:
    """Keep that a notice was read, by whom and when; the first reader counts."""
    notice = session.scalars(
        select(Notice).where(Notice.id == notice_id, addressed_to(actor)).with_for_update()
    ).one_or_none()
    if notice is None:
        raise NotFoundError("no notice {notice_id}", notice_id=notice_id)
    if notice.read_at is None:
        notice.read_at, notice.read_by = now, actor.name
        session.flush()
        record(session, actor, "read_notice", kind="notice", id=str(notice.id))
    return notice


def notices_of(session: Session, request: OpinionRequest) -> Sequence[Notice]:
    """What a department was told of a request, in the order of time: evidence for a limit that passed.

    What it told itself inside is its own, and no evidence.
    """
    statement = (
        select(Notice)
        .where(
            Notice.request_id == request.id,
            Notice.department == request.department,
            Notice.kind.not_in((NoticeKind.HANDLING, NoticeKind.INTERNAL_DUE)),
        )
        .order_by(Notice.made_at)
    )
    return session.scalars(statement).all()
