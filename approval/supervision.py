"""Supervision (督办, Art. 2, 6, 7): who is late now, letters to them and their answers. Silence approves nothing here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import Session, contains_eager, joinedload

from approval.case_items import item_name
from approval.clock import Card
from approval.item_models import Item, ItemResult, Promise
from approval.item_overview import Desk
from approval.item_states import HOLDERS, PASSED, Holder, ItemState
from approval.matter_models import ConsultationAnswer, JointConsultation, Letter
from approval.models import Case, CaseStage
from approval.preparation import approvals_bureau, table_kept, table_of
from approval.stages import STAGE_TITLES, Stage
from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ConflictError, NotFoundError
from blueprint.permissions import Act, Actor

MOST = 500
"""So many of each kind are listed at most, the earliest due first."""


class LateKind(StrEnum):
    """What is late: an item with whoever holds it, a stage, a promise, a check of a commitment, an upload, an answer."""

    ITEM = "item"
    STAGE = "stage"
    PROMISE = "promise"
    COMMITMENT = "commitment"
    UPLOAD = "upload"
    CONSULTATION = "consultation"


@dataclass(frozen=True)
class Late:
    """Something that is due soon (yellow) or late (red), and who has to act: a department's code, or the applicant (None)."""

    kind: LateKind
    case: str
    item: str | None
    title: str
    holder: Holder
    department: str | None
    due_on: date
    card: Card


def who_is_late(
    session: Session,
    desk: Desk,
    *,
    department: str | None = None,
    kind: LateKind | None = None,
    with_yellow: bool = True,
) -> list[Late]:
    """Who is late now, the longest first; with those that are about to be."""
    found = [
        late
        for each, rows in _SOURCES.items()
        if kind in (None, each)
        for late in rows(session, desk, department)
        if (department is None or late.department == department)
        and (with_yellow or late.card is not Card.YELLOW)
    ]
    return sorted(found, key=lambda late: (late.due_on, late.case, late.item or ""))


def _number(case: Case) -> str:
    return case.project_code or case.planning_number


def holder_department(item: Item, city: City) -> str | None:
    """The department that has an item now: the hall's while it is at the window; None when the applicant has it."""
    return _with(item.state, item.department, item.case.hall, city)


def _with(state: str, department: str, hall: str | None, city: City) -> str | None:
    holder = HOLDERS.get(ItemState(state))
    if holder is Holder.WINDOW:
        return hall or approvals_bureau(city)
    return department if holder in (Holder.DEPARTMENT, Holder.STOP) else None


_DUE = (
    Item.code, Item.title, Item.state, Item.department, Item.due_on, Item.yellow_on, Item.provisional,
    Case.project_code, Case.planning_number, Case.hall, Case.process_version,
)  # fmt: skip


def _items(session: Session, desk: Desk, department: str | None) -> Iterator[Late]:
    rows = session.execute(
        select(*_DUE)
        .join(Item.case)
        .where(
            Item.due_on.is_not(None),
            Item.yellow_on <= desk.today,
            ~Item.provisional,
            _may_be_with(department),
        )
        .order_by(Item.due_on)
        .limit(MOST)
    )
    for row in rows:
        card = desk.card(row, table_kept(session, str(row.process_version)).clock.escalation_days)
        if card is not None and card is not Card.GREEN:
            yield Late(
                LateKind.ITEM,
                row.project_code or row.planning_number,
                row.code,
                row.title,
                HOLDERS[ItemState(row.state)],
                _with(row.state, row.department, row.hall, desk.city),
                row.due_on,
                card,
            )


def _may_be_with(department: str | None) -> ColumnElement[bool]:
    """Items that a department can have: its own, and at the window those of all."""
    if department is None:
        return true()
    return or_(Item.department == department, Item.state == ItemState.SUBMITTED)


def _stages(session: Session, desk: Desk, _: str | None) -> Iterator[Late]:
    rows = session.scalars(
        select(CaseStage)
        .where(CaseStage.due_on < desk.today, CaseStage.concluded_on.is_(None), ~CaseStage.provisional)
        .options(joinedload(CaseStage.case))
        .order_by(CaseStage.due_on)
        .limit(MOST)
    )
    for row in rows:
        table = table_of(session, row.case)
        lead = table.leads[Stage(row.stage)]
        if row.due_on is not None:
            yield Late(
                LateKind.STAGE,
                _number(row.case),
                None,
                STAGE_TITLES[Stage(row.stage)],
                Holder.DEPARTMENT,
                lead,
                row.due_on,
                Card.RED,
            )


def _promises(session: Session, desk: Desk, _: str | None) -> Iterator[Late]:
    rows = session.scalars(
        select(Promise)
        .join(Promise.item)
        .where(Promise.due_on < desk.today, Promise.kept_on.is_(None))
        .options(joinedload(Promise.item).joinedload(Item.case))
        .order_by(Promise.due_on)
        .limit(MOST)
    )
    for row in rows:
        yield _of(row.item, LateKind.PROMISE, Holder.APPLICANT, None, row.due_on)


def _commitments(session: Session, desk: Desk, department: str | None) -> Iterator[Late]:
    rows = session.scalars(
        select(Item)
        .where(
            Item.verify_due_on < desk.today,
            ~Item.verify_provisional,
            Item.verified_on.is_(None),
            Item.state.in_(list(PASSED)),
            true() if department is None else Item.department == department,
        )
        .options(joinedload(Item.case))
        .order_by(Item.verify_due_on)
        .limit(MOST)
    )
    for item in rows:
        if item.verify_due_on is not None:
            yield _of(item, LateKind.COMMITMENT, Holder.DEPARTMENT, item.department, item.verify_due_on)


def _uploads(session: Session, desk: Desk, _: str | None) -> Iterator[Late]:
    """A result is uploaded within the days in which it is to be delivered (行政许可法 44)."""
    rows = session.scalars(
        select(ItemResult)
        .where(ItemResult.uploaded_at.is_(None), ItemResult.signed_on < desk.today)
        .options(joinedload(ItemResult.item).joinedload(Item.case))
        .order_by(ItemResult.signed_on)
        .limit(MOST)
    )
    for row in rows:
        days = table_of(session, row.item.case).clock.delivery_days
        due = desk.calendar.due_date(row.signed_on, working_days=days)
        if due.on < desk.today and not due.provisional:
            yield _of(row.item, LateKind.UPLOAD, Holder.DEPARTMENT, row.item.department, due.on)


def _consultations(session: Session, desk: Desk, department: str | None) -> Iterator[Late]:
    rows = session.scalars(
        select(ConsultationAnswer)
        .join(ConsultationAnswer.consultation)
        .where(
            ConsultationAnswer.kind.is_(None),
            JointConsultation.due_on < desk.today,
            ~JointConsultation.provisional,
            true() if department is None else ConsultationAnswer.department == department,
        )
        .options(
            joinedload(ConsultationAnswer.consultation)
            .joinedload(JointConsultation.item)
            .joinedload(Item.case)
        )
        .order_by(JointConsultation.due_on)
        .limit(MOST)
    )
    for row in rows:
        asked = row.consultation
        yield _of(asked.item, LateKind.CONSULTATION, Holder.DEPARTMENT, row.department, asked.due_on)


def _of(item: Item, kind: LateKind, holder: Holder, department: str | None, due_on: date) -> Late:
    return Late(kind, _number(item.case), item.code, item.title, holder, department, due_on, Card.RED)


_SOURCES = {
    LateKind.ITEM: _items,
    LateKind.STAGE: _stages,
    LateKind.PROMISE: _promises,
    LateKind.COMMITMENT: _commitments,
    LateKind.UPLOAD: _uploads,
    LateKind.CONSULTATION: _consultations,
}


def send_letter(
    session: Session, case: Case, item: Item, content: str, *, desk: Desk, actor: Actor
) -> Letter:
    """Send a letter of supervision to whoever has a late item; nobody gets one before the yellow card."""
    card = desk.card(item, table_of(session, case).clock.escalation_days)
    department = holder_department(item, desk.city)
    if card is None or card is Card.GREEN or item.due_on is None:
        raise ConflictError(f"nobody is late with {item.title}: it is due on {item.due_on or 'no day'}")
    if department is None:
        raise ConflictError(f"{item.title} is with the applicant, to whom no letter of supervision goes")
    letter = Letter(
        item=item,
        department=department,
        card=card,
        due_on=item.due_on,
        content=content,
        sent_by=actor.name,
        sent_on=desk.today,
    )
    session.add(letter)
    session.flush()
    record(
        session,
        actor,
        Act.SUPERVISE,
        kind="letter",
        id=letter.id,
        after={"item": item_name(case, item), "department": department, "card": card},
    )
    return letter


def find_letter(session: Session, letter_id: int) -> Letter:
    """A letter, held until this transaction ends."""
    session.execute(select(Letter.id).where(Letter.id == letter_id).with_for_update())
    options = [joinedload(Letter.item).joinedload(Item.case)]
    letter = session.get(Letter, letter_id, populate_existing=True, options=options)
    if letter is None:
        raise NotFoundError(f"no letter {letter_id}")
    return letter


def answer_letter(session: Session, letter: Letter, answer: str, *, actor: Actor, today: date) -> Letter:
    """Answer a letter, once: why it is late and by when it will be done."""
    if letter.answered_on is not None:
        raise ConflictError(f"the letter was answered on {letter.answered_on} already")
    letter.answer, letter.answered_by, letter.answered_on = answer, actor.name, today
    session.flush()
    record(
        session, actor, Act.DECIDE_ITEM, kind="letter", id=letter.id, after={"department": letter.department}
    )
    return letter


def list_letters(
    session: Session,
    *,
    case_id: int | None = None,
    department: str | None,
    is_open: bool,
    after: int = 0,
    limit: int = 50,
) -> Sequence[Letter]:
    """Letters in the order they were sent; those of a case, to a department, that wait for an answer."""
    statement = (
        select(Letter)
        .join(Letter.item)
        .where(Letter.id > after)
        .options(contains_eager(Letter.item).joinedload(Item.case))
        .order_by(Letter.id)
        .limit(limit)
    )
    if case_id is not None:
        statement = statement.where(Item.case_id == case_id)
    if department is not None:
        statement = statement.where(Letter.department == department)
    if is_open:
        statement = statement.where(Letter.answered_on.is_(None))
    return session.scalars(statement).all()
