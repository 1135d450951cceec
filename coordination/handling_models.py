"""Tables of a request's way inside its department (科室流转): whose it is, at which step, with which draft; and who is responsible."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprint.accounts.models import Section
from blueprint.database import Base, check_in
from coordination.models import OpinionRequest


class HandlingState(StrEnum):
    """At which step a request is inside its department: 待接收, 研究, 审核, 待签发, 已签发."""

    TO_RECEIVE = "to_receive"
    IN_STUDY = "in_study"
    IN_REVIEW = "in_review"
    TO_ISSUE = "to_issue"
    ISSUED = "issued"


class HandlingStep(StrEnum):
    """What is done with it: 接收, 转科室, 交办, 暂存草稿, 送审, 审核通过, 退回, 签发, 重新办理."""

    RECEIVE = "receive"
    HAND_OVER = "hand_over"
    ASSIGN = "assign"
    SAVE = "save"
    SUBMIT = "submit"
    APPROVE = "approve"
    SEND_BACK = "send_back"
    ISSUE = "issue"
    REOPEN = "reopen"


TRANSITIONS: dict[HandlingState, dict[HandlingStep, HandlingState]] = {
    HandlingState.TO_RECEIVE: {
        HandlingStep.RECEIVE: HandlingState.IN_STUDY,
        HandlingStep.HAND_OVER: HandlingState.TO_RECEIVE,
        HandlingStep.ASSIGN: HandlingState.IN_STUDY,
    },
    HandlingState.IN_STUDY: {
        HandlingStep.SAVE: HandlingState.IN_STUDY,
        HandlingStep.SUBMIT: HandlingState.IN_REVIEW,
        HandlingStep.ASSIGN: HandlingState.IN_STUDY,
        HandlingStep.HAND_OVER: HandlingState.TO_RECEIVE,
    },
    HandlingState.IN_REVIEW: {
        HandlingStep.APPROVE: HandlingState.TO_ISSUE,
        HandlingStep.SEND_BACK: HandlingState.IN_STUDY,
    },
    HandlingState.TO_ISSUE: {
        HandlingStep.ISSUE: HandlingState.ISSUED,
        HandlingStep.SEND_BACK: HandlingState.IN_STUDY,
    },
    HandlingState.ISSUED: {HandlingStep.REOPEN: HandlingState.IN_STUDY},
}
"""Which step may follow which."""


class ResponsibleSection(Base):
    """The section and the person that a department named for opinions (责任科室、责任人, Art. 8)."""

    __tablename__ = "responsible_section"
    __table_args__ = ({"schema": "coordination"},)

    department: Mapped[str] = mapped_column(String(40), primary_key=True)
    section_id: Mapped[int] = mapped_column(ForeignKey("blueprint.section.id"))
    officer: Mapped[str | None] = mapped_column(String(200))
    named_by: Mapped[str] = mapped_column(String(200))
    named_at: Mapped[datetime]

    section: Mapped[Section] = relationship()


class Handling(Base):
    """Where a request stands inside its department; there is a row from the first step on.

    `draft` is the opinion as it will be issued (`drafts`), `amends` the number of the opinion that it takes the place of.
    """

    __tablename__ = "handling"
    __table_args__ = (
        CheckConstraint(check_in("state", HandlingState), name="state"),
        CheckConstraint(
            "state NOT IN ('in_review', 'to_issue') OR draft IS NOT NULL", name="nothing_to_review"
        ),
        {"schema": "coordination"},
    )

    request_id: Mapped[int] = mapped_column(ForeignKey("coordination.opinion_request.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(12))
    section_id: Mapped[int | None] = mapped_column(ForeignKey("blueprint.section.id"))
    officer: Mapped[str | None] = mapped_column(String(200))
    draft: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    amends: Mapped[int | None]

    request: Mapped[OpinionRequest] = relationship()
    section: Mapped[Section | None] = relationship()
    events: Mapped[list["HandlingEvent"]] = relationship(order_by="HandlingEvent.id")


class HandlingEvent(Base):
    """A step that was taken, never changed: by whom, for whom, to which section and person, and why."""

    __tablename__ = "handling_event"
    __table_args__ = (
        CheckConstraint(check_in("step", HandlingStep), name="step"),
        Index("ix_handling_event_request_id", "request_id"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("coordination.handling.request_id"))
    step: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(12))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(200))
    stands_for: Mapped[str | None] = mapped_column(String(200))
    section: Mapped[str | None] = mapped_column(String(100))
    officer: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[str | None] = mapped_column(Text)
