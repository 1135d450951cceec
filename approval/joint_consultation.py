"""Joint consultation (Art. 13): an approving department asks several at once; the answers serve its item and later ones.

The applicant is not sent round. Silence is no answer here; it is late, and supervised. An item is not approved while
answers about it may still come in time, nor over a disagreement without saying in writing how it was dealt with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from approval import cases
from approval.case_items import item_name
from approval.item_models import Item
from approval.item_states import HOLDERS, Holder, ItemState
from approval.matter_models import (
    AnswerKind,
    ConsultationAnswer,
    JointConsultation,
    ObligationSource,
)
from approval.models import Case
from approval.obligations import oblige, undecided
from approval.preparation import table_of
from approval.trades import trade_of
from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.permissions import Act, Actor
from blueprint.working_days import WorkingCalendar


def ask(
    session: Session,
    case: Case,
    item: Item,
    question: str,
    departments: Sequence[str],
    *,
    city: City,
    calendar: WorkingCalendar,
    actor: Actor,
    today: date,
) -> JointConsultation:
    """Ask several departments at once about an item under review; all have the same days to answer."""
    if HOLDERS.get(ItemState(item.state)) not in (Holder.DEPARTMENT, Holder.STOP):
        raise ConflictError(
            "{item_title} is not under review: nobody is asked about it now", item_title=item.title
        )
    for code in departments:
        city.department(code)
    if not departments:
        raise InvalidInputError("name the departments that are asked", place="departments")
    if item.department in departments or len(set(departments)) < len(departments):
        raise InvalidInputError("ask each department once, and none about its own item", place="departments")
    due = calendar.due_date(today, working_days=table_of(session, case).clock.consultation_days)
    asked = JointConsultation(
        item=item,
        question=question,
        asked_by=actor.name,
        asked_on=today,
        due_on=due.on,
        provisional=due.provisional,
        answers=[ConsultationAnswer(department=code) for code in departments],
    )
    session.add(asked)
    session.flush()
    record(
        session,
        actor,
        Act.DECIDE_ITEM,
        kind="joint_consultation",
        id=asked.id,
        after={"item": item_name(case, item), "departments": list(departments), "due_on": due.on},
    )
    return asked


@dataclass(frozen=True)
class AnswerGiven:
    """A department's answer; conditions with agree_with_conditions alone."""

    kind: AnswerKind
    conditions: str | None = None
    remark: str | None = None


def find_answer(session: Session, answer_id: int) -> ConsultationAnswer:
    """What a department was asked, held with its case until this transaction ends."""
    case_id = session.scalar(
        select(Item.case_id)
        .join(JointConsultation, JointConsultation.item_id == Item.id)
        .join(JointConsultation.answers)
        .where(ConsultationAnswer.id == answer_id)
    )
    if case_id is not None:
        cases.hold(session, case_id)
    session.execute(select(ConsultationAnswer.id).where(ConsultationAnswer.id == answer_id).with_for_update())
    found = session.get(
        ConsultationAnswer,
        answer_id,
        populate_existing=True,
        options=[joinedload(ConsultationAnswer.consultation).joinedload(JointConsultation.item)],
    )
    if found is None:
        raise NotFoundError("no consultation answer {answer_id}", answer_id=answer_id)
    return found


def answer(
    session: Session, asked: ConsultationAnswer, given: AnswerGiven, *, actor: Actor, now: datetime
) -> ConsultationAnswer:
    """Answer once; conditions become obligations of the item that is asked about (Art. 13).

    Where that was decided already, of the first item that the answering department's trade has still to decide.
    """
    if asked.kind is not None:
        raise ConflictError("the department answered on {answered_on} already", answered_on=asked.answered_on)
    conditions = (given.conditions or "").strip() or None
    if (given.kind is AnswerKind.AGREE_WITH_CONDITIONS) != (conditions is not None):
        raise InvalidInputError(
            "agree_with_conditions (有条件同意) needs its conditions, and no other answer has any",
            place="conditions",
        )
    item = asked.consultation.item
    asked.kind, asked.conditions, asked.remark = given.kind, conditions, given.remark
    asked.answered_by, asked.answered_on = actor.name, now.date()
    session.flush()
    if conditions is not None:
        is_open = item.code in {each.code for each in undecided(session, item.case)}
        oblige(
            session,
            item.case,
            ObligationSource.CONSULTATION,
            asked.department,
            conditions,
            item_code=item.code if is_open else None,
        )
    record(
        session,
        actor,
        Act.DECIDE_ITEM,
        kind="joint_consultation",
        id=asked.consultation_id,
        after={"department": asked.department, "kind": given.kind},
    )
    return asked


@dataclass(frozen=True)
class Basis:
    """An opinion that an item rests on, given in coordination or in a joint consultation: nobody asks for it again."""

    source: ObligationSource
    department: str
    kind: str
    text: str | None
    given_on: date


def awaited(session: Session, item: Item, *, today: date) -> list[str]:
    """Departments whose answer about an item may still come in time; no limit runs out on a provisional date."""
    asked = _asked_about(session, item)
    return [
        f"{row.department} ({row.consultation.due_on} 前)"
        for row in asked
        if row.kind is None and (row.consultation.provisional or today <= row.consultation.due_on)
    ]


def disagreeing(session: Session, item: Item) -> list[str]:
    """Departments that disagreed when they were asked about an item."""
    return [row.department for row in _asked_about(session, item) if row.kind == AnswerKind.DISAGREE]


def _asked_about(session: Session, item: Item) -> Sequence[ConsultationAnswer]:
    return session.scalars(
        select(ConsultationAnswer)
        .join(ConsultationAnswer.consultation)
        .where(JointConsultation.item_id == item.id)
        .options(contains_eager(ConsultationAnswer.consultation))
        .order_by(ConsultationAnswer.id),
        execution_options={"populate_existing": True},
    ).all()


def basis_of(session: Session, case: Case, item: Item) -> list[Basis]:
    """The opinions for an item: its own trade's of coordination, answers about it, and its trade's answers before."""
    trade = trade_of(item.department)
    found = [
        Basis(
            ObligationSource.OPINION,
            opinion["department"],
            opinion["kind"],
            opinion.get("conditions") or opinion.get("remark"),
            date.fromisoformat(opinion["given_on"]),
        )
        for opinion in case.message["opinions"]
        if trade_of(opinion["department"]) == trade
    ]
    for row in _answers(session, case):
        if row.consultation.item_id == item.id or trade_of(row.department) == trade:
            found.append(
                Basis(
                    ObligationSource.CONSULTATION,
                    row.department,
                    str(row.kind),
                    row.conditions or row.remark,
                    row.answered_on or row.consultation.asked_on,
                )
            )
    return found


def _answers(session: Session, case: Case) -> Sequence[ConsultationAnswer]:
    return session.scalars(
        select(ConsultationAnswer)
        .join(ConsultationAnswer.consultation)
        .join(JointConsultation.item)
        .where(Item.case_id == case.id, ConsultationAnswer.kind.is_not(None))
        .options(joinedload(ConsultationAnswer.consultation))
        .order_by(ConsultationAnswer.answered_on, ConsultationAnswer.id)
    ).all()


def list_answers(
    session: Session,
    *,
    case_id: int | None = None,
    department: str | None,
    is_open: bool,
    copied: ColumnElement[bool] | None = None,
    after: int = 0,
    limit: int = 50,
) -> Sequence[ConsultationAnswer]:
    """What departments were asked, of all cases or of one: open ones are the to-do list.

    `copied` are those of consultations that a stage's lead gets a copy of (`leads.copied_to`).
    """
    statement = (
        select(ConsultationAnswer)
        .join(ConsultationAnswer.consultation)
        .join(JointConsultation.item)
        .where(ConsultationAnswer.id > after)
        .options(
            contains_eager(ConsultationAnswer.consultation)
            .contains_eager(JointConsultation.item)
            .joinedload(Item.case)
        )
        .order_by(ConsultationAnswer.id)
        .limit(limit)
    )
    if case_id is not None:
        statement = statement.where(Item.case_id == case_id)
    if department is not None:
        statement = statement.where(ConsultationAnswer.department == department)
    if is_open:
        statement = statement.where(ConsultationAnswer.kind.is_(None))
    if copied is not None:
        statement = statement.join(Item.case).where(copied)
    return session.scalars(statement).all()
