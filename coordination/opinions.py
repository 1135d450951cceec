"""Opinions (部门意见): given in time, or deemed "no objection" and withdrawn when the limit has passed (Art. 11)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, and_, or_, select, true
from sqlalchemy.orm import Session, joinedload

from blueprint.audit.log import record
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.permissions import Act, Actor, may, require
from blueprint.working_days import DueDate, WorkingCalendar
from coordination.limits import OpinionStatus, settled_due_date, status_on, withdrawal_day
from coordination.models import MAX_TEXT, Consultation, Opinion, OpinionKind, OpinionRequest

SYSTEM = "系统 (system)"
"""Who records a department's silence."""


@dataclass(frozen=True)
class OpinionGiven:
    """A department's answer; conditions or reason where the kind asks for them."""

    kind: OpinionKind
    conditions: str | None = None
    reason: str | None = None
    remark: str | None = None

    def checked(self) -> "OpinionGiven":
        """The answer with its texts trimmed; refuses one without the conditions or reason its kind needs."""
        conditions, reason, remark = (_trimmed(t) for t in (self.conditions, self.reason, self.remark))
        for place, text in (("conditions", conditions), ("reason", reason), ("remark", remark)):
            if text is not None and len(text) > MAX_TEXT:
                raise InvalidInputError(
                    f"the opinion's {place} is longer than {MAX_TEXT} characters; shorten it", place=place
                )
        if self.kind is OpinionKind.DEEMED_NO_OBJECTION:
            raise InvalidInputError(
                "silence is recorded by the system; answer no_objection (无意见) instead", place="kind"
            )
        if (self.kind is OpinionKind.AGREE_WITH_CONDITIONS) != (conditions is not None):
            raise InvalidInputError(
                "agree_with_conditions (有条件同意) needs its conditions, and no other answer has any",
                place="conditions",
            )
        if (self.kind is OpinionKind.DISAGREE) != (reason is not None):
            raise InvalidInputError(
                "disagree (不同意) needs its reason, and no other answer has one", place="reason"
            )
        return OpinionGiven(kind=self.kind, conditions=conditions, reason=reason, remark=remark)


def _trimmed(text: str | None) -> str | None:
    return (text or "").strip() or None


def request_status(request: OpinionRequest, day: date) -> OpinionStatus:
    """Where a request stands on `day`, whether or not its end was recorded yet."""
    opinion = request.opinion
    if opinion is not None:
        deemed = opinion.kind == OpinionKind.DEEMED_NO_OBJECTION
        return OpinionStatus.DEEMED_NO_OBJECTION if deemed else OpinionStatus.GIVEN
    if request.withdrawn_on is not None:
        return OpinionStatus.WITHDRAWN
    return status_on(day, due_on=request.due_on, answered=False, provisional=request.provisional)


def may_see(actor: Actor, request: OpinionRequest) -> bool:
    """Say whether the actor may see a request: the coordinator every one, a department its own."""
    return may(actor, Act.CONSULT_DEPARTMENTS) or may(actor, Act.GIVE_OPINION, request.thing)


def find_request(session: Session, request_id: int, *, actor: Actor) -> OpinionRequest:
    """The request of that id; another department's is as unknown as one that does not exist."""
    statement = (
        select(OpinionRequest)
        .where(OpinionRequest.id == request_id)
        .options(joinedload(OpinionRequest.opinion))
    )
    return _seen(session.scalars(statement).one_or_none(), request_id, actor)


def _seen(request: OpinionRequest | None, request_id: int, actor: Actor) -> OpinionRequest:
    if request is None or not may_see(actor, request):
        raise NotFoundError(f"no opinion request {request_id}")
    return request


def list_requests(
    session: Session,
    *,
    actor: Actor,
    today: date,
    department: str | None = None,
    state: OpinionStatus | None = None,
    project_id: int | None = None,
    after: int = 0,
    limit: int = 50,
) -> Sequence[OpinionRequest]:
    """The requests that the actor may see, in the order they were made, with their state as of today."""
    statement = (
        select(OpinionRequest)
        .join(OpinionRequest.consultation)
        .outerjoin(OpinionRequest.opinion)
        .where(OpinionRequest.id > after, _visible(actor), _in_state(state, today) if state else true())
        .options(
            joinedload(OpinionRequest.opinion),
            joinedload(OpinionRequest.consultation).joinedload(Consultation.project),
            joinedload(OpinionRequest.consultation).joinedload(Consultation.revision),
        )
        .order_by(OpinionRequest.id)
        .limit(limit)
    )
    if department is not None:
        statement = statement.where(OpinionRequest.department == department)
    if project_id is not None:
        statement = statement.where(Consultation.project_id == project_id)
    return session.scalars(statement).all()


def open_requests_of(department: str) -> Select[OpinionRequest]:
    """The requests to a department that were neither answered nor taken back, the earliest due first."""
    return (
        select(OpinionRequest)
        .outerjoin(OpinionRequest.opinion)
        .where(
            OpinionRequest.department == department,
            OpinionRequest.withdrawn_on.is_(None),
            Opinion.id.is_(None),
        )
        .order_by(OpinionRequest.due_on, OpinionRequest.id)
    )


def _visible(actor: Actor) -> ColumnElement[bool]:
    everything = may(actor, Act.CONSULT_DEPARTMENTS)
    return true() if everything else OpinionRequest.department == (actor.department or "")


def _in_state(state: OpinionStatus, today: date) -> ColumnElement[bool]:
    """`request_status` as a condition, so that a filtered list pages right."""
    deemed = Opinion.kind == OpinionKind.DEEMED_NO_OBJECTION
    is_open = and_(Opinion.id.is_(None), OpinionRequest.withdrawn_on.is_(None))
    overdue = and_(~OpinionRequest.provisional, OpinionRequest.due_on < today)
    match state:
        case OpinionStatus.GIVEN:
            return and_(Opinion.id.is_not(None), ~deemed)
        case OpinionStatus.DEEMED_NO_OBJECTION:
            return or_(deemed, and_(is_open, overdue))
        case OpinionStatus.WITHDRAWN:
            return and_(Opinion.id.is_(None), OpinionRequest.withdrawn_on.is_not(None))
        case OpinionStatus.AWAITED:
            return and_(is_open, ~overdue)


def give_opinion(
    session: Session,
    request_id: int,
    given: OpinionGiven,
    *,
    actor: Actor,
    calendar: WorkingCalendar,
    now: datetime,
) -> OpinionRequest:
    """Record a department's answer while its limit runs; a second or late one is refused in this transaction."""
    request = _seen(_locked(session, OpinionRequest.id == request_id).get(request_id), request_id, actor)
    require(actor, Act.GIVE_OPINION, request.thing)
    answer = given.checked()
    _settle(request, calendar)
    _refuse_late(request, now.date())
    request.opinion = Opinion(
        kind=answer.kind,
        conditions=answer.conditions,
        reason=answer.reason,
        remark=answer.remark,
        given_by=actor.name,
        given_on=now.date(),
        given_at=now,
    )
    session.flush()
    record(
        session,
        actor,
        Act.GIVE_OPINION,
        kind="opinion_request",
        id=request.id,
        after={"department": request.department, "kind": answer.kind},
    )
    return request


def _refuse_late(request: OpinionRequest, today: date) -> None:
    status = request_status(request, today)
    if status is OpinionStatus.GIVEN and request.opinion is not None:
        raise ConflictError(
            f"the department answered on {request.opinion.given_on} already; an opinion is not changed"
        )
    if status is OpinionStatus.DEEMED_NO_OBJECTION:
        raise ConflictError(
            f"the limit ended on {request.due_on}: silence counts as no objection and the request is withdrawn (Art. 11)"
        )
    if status is OpinionStatus.WITHDRAWN:
        raise ConflictError(
            f"the request was withdrawn on {request.withdrawn_on}: {request.withdrawn_why or 'the footprint was changed'}"
        )


def close_overdue(
    session: Session,
    today: date,
    *,
    now: datetime,
    calendar: WorkingCalendar,
    consultation_id: int | None = None,
) -> int:
    """Record the silence of every request whose limit has passed, and count provisional dates again; says how many ended."""
    candidate = and_(
        OpinionRequest.withdrawn_on.is_(None),
        or_(OpinionRequest.due_on < today, OpinionRequest.provisional),
        OpinionRequest.consultation_id == consultation_id if consultation_id is not None else true(),
        ~select(Opinion.id).where(Opinion.request_id == OpinionRequest.id).exists(),
    )
    closed = 0
    for request in _locked(session, candidate).values():
        _settle(request, calendar)
        if (
            request.opinion is not None
            or request_status(request, today) is not OpinionStatus.DEEMED_NO_OBJECTION
        ):
            continue
        ended_on = withdrawal_day(request.due_on)
        request.withdrawn_on = ended_on
        request.opinion = Opinion(
            kind=OpinionKind.DEEMED_NO_OBJECTION, given_by=SYSTEM, given_on=ended_on, given_at=now
        )
        record(
            session,
            Actor(SYSTEM, request.department),
            Act.CLOSE_OVERDUE,
            kind="opinion_request",
            id=request.id,
            after={"kind": OpinionKind.DEEMED_NO_OBJECTION, "withdrawn_on": ended_on},
        )
        closed += 1
    session.flush()
    return closed


def withdraw_requests(
    session: Session,
    consultation: Consultation,
    *,
    on: date,
    why: str,
    departments: Collection[str] | None = None,
) -> None:
    """Take back what is still open of a consultation, of all departments or of some, and say why."""
    condition = OpinionRequest.consultation_id == consultation.id
    if departments is not None:
        condition = and_(condition, OpinionRequest.department.in_(departments))
    for request in _locked(session, condition).values():
        if request_status(request, on) is OpinionStatus.AWAITED:
            request.withdrawn_on, request.withdrawn_why = on, why
    session.flush()


def lock_requests(session: Session, project_id: int) -> Sequence[OpinionRequest]:
    """All requests of a project, held against answers until this transaction ends."""
    of_project = select(Consultation.id).where(Consultation.project_id == project_id)
    return list(_locked(session, OpinionRequest.consultation_id.in_(of_project)).values())


def _locked(session: Session, condition: ColumnElement[bool]) -> dict[int, OpinionRequest]:
    """Lock requests in one order, then read what was committed while waiting: an answer does not touch the row it is to."""
    ids = session.scalars(
        select(OpinionRequest.id).where(condition).order_by(OpinionRequest.id).with_for_update()
    ).all()
    statement = (
        select(OpinionRequest)
        .where(OpinionRequest.id.in_(ids))
        .options(joinedload(OpinionRequest.opinion), joinedload(OpinionRequest.consultation))
        .order_by(OpinionRequest.id)
        .execution_options(populate_existing=True)
    )
    return {request.id: request for request in session.scalars(statement)}


def _settle(request: OpinionRequest, calendar: WorkingCalendar) -> None:
    due = settled_due_date(
        DueDate(on=request.due_on, provisional=request.provisional),
        sent_on=request.sent_on,
        working_days=request.working_days,
        calendar=calendar,
    )
    request.due_on, request.provisional = due.on, due.provisional
