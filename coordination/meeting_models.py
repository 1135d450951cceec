"""Tables of coordination meetings (协调会, Art. 15): what they are about, who takes part, what they decided."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprint.database import Base, check_in
from coordination.models import OpinionRequest, Project


class MeetingState(StrEnum):
    """Where a meeting stands: 申请, 已召集, 已召开, 不召开."""

    ASKED = "asked"
    CALLED = "called"
    HELD = "held"
    DECLINED = "declined"


class Meeting(Base):
    """A meeting about a project: asked for, called with its agenda of conflicts, held with its minutes, or declined."""

    __tablename__ = "meeting"
    __table_args__ = (
        CheckConstraint(check_in("state", MeetingState), name="state"),
        CheckConstraint("state <> 'called' OR meets_at IS NOT NULL", name="called"),
        CheckConstraint("(state IN ('held', 'declined')) = (minutes IS NOT NULL)", name="minutes"),
        Index("ix_meeting_project_id", "project_id"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("coordination.project.id"))
    state: Mapped[str] = mapped_column(String(10))
    question: Mapped[str] = mapped_column(Text)
    departments: Mapped[list[str]] = mapped_column(ARRAY(Text))
    agenda: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    asked_by: Mapped[str] = mapped_column(String(200))
    asked_department: Mapped[str | None] = mapped_column(String(40))
    asked_at: Mapped[datetime]
    meets_at: Mapped[datetime | None]
    place: Mapped[str | None] = mapped_column(String(200))
    called_by: Mapped[str | None] = mapped_column(String(200))
    minutes: Mapped[str | None] = mapped_column(Text)
    closed_by: Mapped[str | None] = mapped_column(String(200))
    closed_on: Mapped[date | None]

    project: Mapped[Project] = relationship()
    decisions: Mapped[list["MeetingDecision"]] = relationship(
        back_populates="meeting", order_by="MeetingDecision.number"
    )


class MeetingDecision(Base):
    """What a meeting decided for one department: what settles its disagreement (`request_id`), or a task.

    A disagreement is settled when its department confirms the decision, a task is over when its department says how.
    """

    __tablename__ = "meeting_decision"
    __table_args__ = (
        UniqueConstraint("meeting_id", "number"),
        CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name="closed"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[int] = mapped_column(ForeignKey("coordination.meeting.id"))
    number: Mapped[int]
    department: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(Text)
    request_id: Mapped[int | None] = mapped_column(ForeignKey("coordination.opinion_request.id"))
    how: Mapped[str | None] = mapped_column(Text)
    closed_by: Mapped[str | None] = mapped_column(String(200))
    closed_at: Mapped[datetime | None]

    meeting: Mapped[Meeting] = relationship(back_populates="decisions")
    request: Mapped[OpinionRequest | None] = relationship()
