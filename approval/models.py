"""Tables of approval: cases taken in from coordination, what it told of them, and their four stages."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from approval.stages import Stage
from blueprint.database import Base, check_in
from blueprint.permissions import Thing


class Case(Base):
    """An approval case (审批): carries the planning number until the project code is bound (Art. 12)."""

    __tablename__ = "case"
    __table_args__ = (
        Index("ix_case_stages_concluded", "stages_concluded", "id"),
        Index(
            "ix_case_fresh",
            "id",
            postgresql_where=text("stages_concluded = 0 AND (project_type IS NULL OR project_code IS NULL)"),
        ),
        Index("ix_case_received_at", "received_at", postgresql_include=["opinion_count", "deemed_count"]),
        Index("ix_case_withdrawn", "id", postgresql_where=text("withdrawn_on IS NOT NULL")),
        {"schema": "approval"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(String(36), unique=True)
    message_sha256: Mapped[str] = mapped_column(String(64))
    planning_number: Mapped[str] = mapped_column(String(40), unique=True)
    project_name: Mapped[str] = mapped_column(String(200))
    applicant: Mapped[str] = mapped_column(String(200))
    purpose: Mapped[str] = mapped_column(Text)
    message: Mapped[dict[str, Any]] = mapped_column(JSONB)
    opinion_count: Mapped[int] = mapped_column(server_default=text("0"))
    deemed_count: Mapped[int] = mapped_column(server_default=text("0"))
    """Opinions that were handed over, and those among them that were silence (Art. 11), for statistics."""
    received_at: Mapped[datetime]
    project_code: Mapped[str | None] = mapped_column(String(40), unique=True)
    project_code_bound_by: Mapped[str | None] = mapped_column(String(200))
    project_code_bound_at: Mapped[datetime | None]
    process_version: Mapped[str | None] = mapped_column(
        String(40), ForeignKey("approval.process_table.version")
    )
    project_type: Mapped[str | None] = mapped_column(String(20))
    hall: Mapped[str | None] = mapped_column(String(40))
    """The department whose hall prepared the case and follows it (Art. 12)."""
    district: Mapped[str | None] = mapped_column(String(20))
    """The district whose departments approve; None: the city's."""
    stages_concluded: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    applicant_secret_sha256: Mapped[str | None] = mapped_column(String(64))
    prepared_by: Mapped[str | None] = mapped_column(String(200))
    prepared_at: Mapped[datetime | None]

    @property
    def thing(self) -> Thing:
        """The case as rights see it: its hall's; one that no hall has taken on is the city's."""
        return Thing(department=self.hall)

    withdrawn_on: Mapped[date | None]
    withdrawn_why: Mapped[str | None] = mapped_column(Text)
    """Since when coordination's clearance does not stand any more, and why; None once it is handed over again."""

    stages: Mapped[list["CaseStage"]] = relationship(back_populates="case", order_by="CaseStage.position")


class CaseMessage(Base):
    """A message that coordination sent about a project: handover, correction, withdrawal; never changed.

    `case_id` is None where a withdrawal came before its handover.
    """

    __tablename__ = "case_message"
    __table_args__ = (
        CheckConstraint("kind IN ('handover', 'correction', 'withdrawal')", name="kind"),
        Index("ix_case_message_planning_number", "planning_number", "id"),
        Index("ix_case_message_case_id", "case_id"),
        {"schema": "approval"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int | None] = mapped_column(ForeignKey("approval.case.id"))
    planning_number: Mapped[str] = mapped_column(String(40))
    message_id: Mapped[str] = mapped_column(String(36), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(12))
    message: Mapped[dict[str, Any]] = mapped_column(JSONB)
    received_at: Mapped[datetime]


class CaseStage(Base):
    """One of a case's four stages (Art. 3): first accepted, then concluded, on days of the server's clock."""

    __tablename__ = "case_stage"
    __table_args__ = (
        UniqueConstraint("case_id", "stage"),
        UniqueConstraint("case_id", "position"),
        CheckConstraint(check_in("stage", Stage), name="stage"),
        CheckConstraint(
            "concluded_on IS NULL OR (accepted_on IS NOT NULL AND concluded_on >= accepted_on)", name="order"
        ),
        Index(
            "ix_case_stage_concluded_on", "concluded_on", postgresql_where=text("concluded_on IS NOT NULL")
        ),
        Index(
            "ix_case_stage_open",
            "due_on",
            postgresql_where=text("due_on IS NOT NULL AND concluded_on IS NULL"),
        ),
        Index(
            "ix_case_stage_case_due_on",
            "case_due_on",
            postgresql_where=text("case_due_on IS NOT NULL AND concluded_on IS NULL"),
        ),
        Index(
            "ix_case_stage_provisional",
            "due_on",
            postgresql_where=text("(provisional OR case_provisional) AND concluded_on IS NULL"),
        ),
        {"schema": "approval"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("approval.case.id"))
    stage: Mapped[str] = mapped_column(String(24))
    position: Mapped[int]
    accepted_on: Mapped[date | None]
    accepted_by: Mapped[str | None] = mapped_column(String(200))
    concluded_on: Mapped[date | None]
    concluded_by: Mapped[str | None] = mapped_column(String(200))
    limit_days: Mapped[int | None]
    """Working days that the project type has for the stage; None while it is not accepted."""
    due_on: Mapped[date | None]
    yellow_on: Mapped[date | None]
    provisional: Mapped[bool] = mapped_column(default=False)
    case_due_on: Mapped[date | None]
    """The day on which the days of all stages together are used up, if this stage goes on; they pass in stages alone."""
    case_yellow_on: Mapped[date | None]
    case_provisional: Mapped[bool] = mapped_column(default=False)

    working_days: Mapped[int | None]
    stop_days: Mapped[int | None]
    """Of a concluded stage: working days from acceptance, and those among them on which all work was stopped."""

    case: Mapped[Case] = relationship(back_populates="stages")
