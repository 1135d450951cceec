"""Tells a department of what approval asks of it: a letter of supervision, a question, a matter; once each, by the ways of all notices.

Approval knows whom it asks, coordination keeps the notices; they meet here alone. A notice names the case and the item, and
nothing of what is asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from approval.case_items import case_name
from approval.item_models import Item
from approval.leads import copied_to, lead_of
from approval.matter_models import ConsultationAnswer, JointConsultation, Letter, Matter, MatterState
from approval.stages import STAGE_TITLES, Stage
from blueprint.city import City
from coordination.notice_models import Notice, NoticeKind

_AT_ONCE = 500
"""So many of each are told in a round."""


@dataclass(frozen=True)
class _Asked:
    row: Letter | ConsultationAnswer | Matter
    department: str
    text: str
    waits: bool


def tell_asked(session: Session, *, city: City, now: datetime) -> int:
    """Tell every department of the letters, questions and matters that came to it since; says how many notices were made.

    The lead of a stage gets a copy of what is asked over others' items of it (Art. 13).
    """
    told = 0
    for asked in (*_letters(session), *_questions(session, city), *_matters(session)):
        asked.row.told_at = now
        if asked.waits:
            session.add(
                Notice(
                    kind=NoticeKind.APPROVAL_ASKED,
                    department=asked.department,
                    text=asked.text,
                    about_on=now.date(),
                    made_at=now,
                )
            )
            told += 1
    session.flush()
    return told


def _letters(session: Session) -> Iterator[_Asked]:
    statement = select(Letter).where(Letter.told_at.is_(None)).order_by(Letter.id).limit(_AT_ONCE)
    for row in session.scalars(statement.with_for_update(skip_locked=True)):
        about = (
            row.item.title
            if row.item is not None
            else STAGE_TITLES[Stage(str(row.stage and row.stage.stage))]
        )
        text = f"审批督办单：{case_name(row.case)} {about}（{row.due_on} 到期），请复函 a letter of supervision waits for your answer"
        yield _Asked(row, row.department, text, waits=row.answered_on is None)


def _questions(session: Session, city: City) -> Iterator[_Asked]:
    statement = select(ConsultationAnswer).where(ConsultationAnswer.told_at.is_(None))
    statement = statement.order_by(ConsultationAnswer.id).limit(_AT_ONCE)
    for row in session.scalars(statement.with_for_update(skip_locked=True)):
        item, due_on = row.consultation.item, row.consultation.due_on
        lead = _copied_lead(session, row, city)
        if lead is not None:
            text = f"审批征询抄送：{case_name(item.case)} {item.title}，{due_on} 前答复 a copy of what was asked over your stage"
            yield _Asked(row, lead, text, waits=True)
        text = f"审批征询：{case_name(item.case)} {item.title}，{due_on} 前答复 a question waits for your answer until then"
        yield _Asked(row, row.department, text, waits=row.answered_on is None)


def _copied_lead(session: Session, row: ConsultationAnswer, city: City) -> str | None:
    """The lead that gets a copy of a consultation: with the first department's question, so that it comes once."""
    asked = row.consultation
    lead = lead_of(session, asked.item.case, asked.item.stage, city)
    if lead is None or row is not asked.answers[0]:
        return None
    copied = select(JointConsultation.id).join(JointConsultation.item).join(Item.case)
    copied = copied.where(JointConsultation.id == asked.id, copied_to(session, lead, city))
    return lead if session.scalar(copied) is not None else None


def _matters(session: Session) -> Iterator[_Asked]:
    statement = select(Matter).where(Matter.told_at.is_(None)).order_by(Matter.id).limit(_AT_ONCE)
    words = {
        "meeting": "协调会申请 a request for a meeting",
        "guidance": "业务指导 guidance",
        "dispute": "争议 a dispute",
    }
    for row in session.scalars(statement.with_for_update(skip_locked=True)):
        item = row.item
        text = f"审批协调：{case_name(item.case)} {item.title}：{words[row.kind]} came before you"
        yield _Asked(row, row.addressed_to, text, waits=row.state == MatterState.ASKED)
