"""Tables of what leaves coordination: clearances, and the messages about them to approval (推送)."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprint.database import Base, check_in
from coordination.models import Project


class MessageKind(StrEnum):
    """What approval is told: 推送, 更正, 撤回."""

    HANDOVER = "handover"
    CORRECTION = "correction"
    WITHDRAWAL = "withdrawal"


class Clearance(Base):
    """A project's passing (通过): of one footprint, one consultation, one check; one a project that was not taken back."""

    __tablename__ = "clearance"
    __table_args__ = (
        CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL) AND (withdrawn_at IS NULL) = (withdrawn_why IS NULL)",
            name="withdrawn",
        ),
        Index("ix_clearance_project_id", "project_id"),
        Index(
            "uq_clearance_standing",
            "project_id",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("coordination.project.id"))
    footprint_revision_id: Mapped[int] = mapped_column(ForeignKey("coordination.footprint_revision.id"))
    consultation_id: Mapped[int] = mapped_column(ForeignKey("coordination.consultation.id"), unique=True)
    check_id: Mapped[int] = mapped_column(ForeignKey("coordination.check.id"))
    cleared_on: Mapped[date]
    cleared_by: Mapped[str] = mapped_column(String(200))
    cleared_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None] = mapped_column(String(200))
    withdrawn_why: Mapped[str | None] = mapped_column(Text)

    project: Mapped[Project] = relationship()
    messages: Mapped[list["Handover"]] = relationship(back_populates="clearance", order_by="Handover.id")

    @property
    def handover(self) -> "Handover":
        """The message that the clearance itself wrote; corrections and the withdrawal follow it."""
        return self.messages[0]


class Handover(Base):
    """A message about a cleared project that approval has to get (推送, 更正, 撤回), and how its delivery stands.

    One that `follows` another is sent when approval has that. What was withdrawn before approval had it is not sent
    any more (`cancelled_at`).
    """

    __tablename__ = "handover"
    __table_args__ = (
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint(check_in("kind", MessageKind), name="kind"),
        Index(
            "ix_handover_next_try_at",
            "next_try_at",
            postgresql_where=text("delivered_at IS NULL AND cancelled_at IS NULL"),
        ),
        Index("ix_handover_clearance_id", "clearance_id"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    clearance_id: Mapped[int] = mapped_column(ForeignKey("coordination.clearance.id"))
    message_id: Mapped[str] = mapped_column(String(36), unique=True)
    body: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    attempts: Mapped[int]
    next_try_at: Mapped[datetime]
    last_error: Mapped[str | None] = mapped_column(Text)
    delivered_at: Mapped[datetime | None]
    made_at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(12), default=MessageKind.HANDOVER)
    follows_id: Mapped[int | None] = mapped_column(ForeignKey("coordination.handover.id"))
    cancelled_at: Mapped[datetime | None]

    clearance: Mapped[Clearance] = relationship(back_populates="messages")
    follows: Mapped["Handover | None"] = relationship(remote_side=[id])
