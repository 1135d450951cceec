"""Opinion requests (意见征询): where they stand, who may see them, lists, locks, taking back."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, and_, or_, select, true
from sqlalchemy.orm import Session, joinedload, selectinload

from blueprint.errors import NotFoundError
from blueprint.permissions import Act, Actor, may
from coordination.limits import OpinionStatus, status_on
from coordination.models import Consultation, Opinion, OpinionKind, OpinionRequest
from coordination.notice_models import NoticeKind
from coordination.notices import tell


def request_status(request: OpinionRequest, day: date) -> OpinionStatus:
    """Where a request stands on `day`, whether or not its end was recorded yet."""
    opinion = request.opinion
    if opinion is not None:
        deemed = opinion.kind == OpinionKind.DEEMED_NO_OBJECTION
        return OpinionStatus.DEEMED_NO_OBJECTION if deemed else OpinionStatus.GIVEN
    if request.withdrawn_on is not None:
        return OpinionStatus.WITHDRAWN
    return status_on(
        day,
        due_on=request.due_on,
        answered=False,
        provisional=request.provisional,
        stopped=request.stopped_on is not None,
    )


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
    return seen(session.scalars(statement).one_or_none(), request_id, actor)


def seen(request: OpinionRequest | None, request_id: int, actor: Actor) -> OpinionRequest:
    """The request, if there is one for this actor; else it is as unknown as one that does not exist."""
    if request is None or not may_see(actor, request):
        raise NotFoundError("no opinion request {request_id}", request_id=request_id)
    return request


def note_seen(request: OpinionRequest, *, actor: Actor, now: datetime) -> None:
    """Keep when the department first looked at its request: evidence that it was delivered."""
    if request.first_seen_at is None and actor.department == request.department:
        request.first_seen_at, request.first_seen_by = now, actor.name


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
            joinedload(OpinionRequest.opinion).selectinload(Opinion.condition_list),
            joinedload(OpinionRequest.opinion).selectinload(Opinion.earlier),
            selectinload(OpinionRequest.contests),
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
    stopped = OpinionRequest.stopped_on.is_not(None)
    overdue = and_(~OpinionRequest.provisional, ~stopped, OpinionRequest.due_on < today)
    match state:
        case OpinionStatus.GIVEN:
            return and_(Opinion.id.is_not(None), ~deemed)
        case OpinionStatus.DEEMED_NO_OBJECTION:
            return or_(deemed, and_(is_open, overdue))
        case OpinionStatus.WITHDRAWN:
            return and_(Opinion.id.is_(None), OpinionRequest.withdrawn_on.is_not(None))
        case OpinionStatus.STOPPED:
            return and_(is_open, stopped)
        case OpinionStatus.AWAITED:
            return and_(is_open, ~overdue, ~stopped)


def withdraw_requests(
    session: Session,
    consultation: Consultation,
    *,
    on: date,
    why: str,
    now: datetime,
    departments: Collection[str] | None = None,
) -> None:
    """Take back what is still open of a consultation, of all departments or of some, and say why."""
    condition = OpinionRequest.consultation_id == consultation.id
    if departments is not None:
        condition = and_(condition, OpinionRequest.department.in_(departments))
    for request in locked(session, condition).values():
        if request_status(request, on) in (OpinionStatus.AWAITED, OpinionStatus.STOPPED):
            request.withdrawn_on, request.withdrawn_why = on, why
            tell(
                session,
                NoticeKind.TAKEN_BACK,
                f"意见征询已收回 the request for an opinion was taken back: {why}",
                to=request.department,
                project=consultation.project,
                request=request,
                now=now,
            )
    session.flush()


def lock_requests(session: Session, project_id: int) -> Sequence[OpinionRequest]:
    """All requests of a project, held against answers until this transaction ends."""
    of_project = select(Consultation.id).where(Consultation.project_id == project_id)
    return list(locked(session, OpinionRequest.consultation_id.in_(of_project)).values())


def locked(session: Session, condition: ColumnElement[bool]) -> dict[int, OpinionRequest]:
    """Lock requests in one order, then read what was committed while waiting: an answer does not touch the row it is to."""
    ids = session.scalars(
        select(OpinionRequest.id).where(condition).order_by(OpinionRequest.id).with_for_update()
    ).all()
    statement = (
        select(OpinionRequest)
        .where(OpinionRequest.id.in_(ids))
        .options(
            joinedload(OpinionRequest.opinion),
            joinedload(OpinionRequest.consultation),
            selectinload(OpinionRequest.stops),
            selectinload(OpinionRequest.contests),
        )
        .order_by(OpinionRequest.id)
        .execution_options(populate_existing=True)
    )
    return {request.id: request for request in session.scalars(statement)}
