"""Tables of what departments do with each other over a case: letters, joint consultations, matters, obligations."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from approval.clock import Card
from approval.item_models import Item
from approval.models import Case, CaseStage
from blueprint.database import Base, check_in
from blueprint.permissions import Thing


class LateKind(StrEnum):
    """What is late: an item with whoever holds it, a stage, a whole case, a promise, a check of a commitment, an upload, an answer."""

    ITEM = "item"
    STAGE = "stage"
    CASE = "case"
    PROMISE = "promise"
    COMMITMENT = "commitment"
    UPLOAD = "upload"
    CONSULTATION = "consultation"


class Letter(Base):
    """A letter of supervision (督办单) to the department that is late with something of an item or stage, and its answer."""

    __tablename__ = "letter"
    __table_args__ = (
        CheckConstraint(check_in("card", Card), name="card"),
        CheckConstraint(check_in("kind", LateKind), name="kind"),
        CheckConstraint("(item_id IS NULL) = (kind IN ('stage', 'case'))", name="about"),
        CheckConstraint("(item_id IS NULL) <> (stage_id IS NULL)", name="one"),
        CheckConstraint("(answered_on IS NULL) = (answer IS NULL)", name="answer"),
        Index("ix_letter_item_id", "item_id"),
        Index("ix_letter_stage_id", "stage_id", postgresql_where=text("stage_id IS NOT NULL")),
        Index("ix_letter_untold", "id", postgresql_where=text("told_at IS NULL")),
        Index("ix_letter_open", "department", "id", postgresql_where=text("answered_on IS NULL")),
        {"schema": "approval"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    item_id: Mapped[int | None] = mapped_column(ForeignKey("approval.item.id"))
    stage_id: Mapped[int | None] = mapped_column(ForeignKey("approval.case_stage.id"))
    department: Mapped[str] = mapped_column(String(40))
    card: Mapped[str] = mapped_column(String(12))
    due_on: Mapped[date]
    content: Mapped[str] = mapped_column(Text)
    sent_by: Mapped[str] = mapped_column(String(200))
    sent_on: Mapped[date]
    answer: Mapped[str | None] = mapped_column(Text)
    answered_by: Mapped[str | None] = mapped_column(String(200))
    answered_on: Mapped[date | None]
    told_at: Mapped[datetime | None]
    """When the department was told of it; None: not yet."""

    item: Mapped[Item | None] = relationship()
    stage: Mapped[CaseStage | None] = relationship()

    @property
    def case(self) -> Case:
        """The case that it is about."""
        about = self.item or self.stage
        assert about is not None  # the database holds it
        return about.case

    @property
    def thing(self) -> Thing:
        """The letter as rights see it: the department's that it is to."""
        return Thing(department=self.department)


class AnswerKind(StrEnum):
    """What a department answers to a joint consultation; silence is none of it (Art. 11 speaks of coordination alone)."""

    AGREE = "agree"
    AGREE_WITH_CONDITIONS = "agree_with_conditions"
    DISAGREE = "disagree"
    NO_OBJECTION = "no_objection"


class JointConsultation(Base):
    """A question of an approving department to several others at once (Art. 13)."""

    __tablename__ = "joint_consultation"
    __table_args__ = (
        Index("ix_joint_consultation_item_id", "item_id"),
        Index("ix_joint_consultation_provisional", "due_on", postgresql_where=text("provisional")),
        {"schema": "approval"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("approval.item.id"))
    question: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(String(200))
    asked_on: Mapped[date]
    due_on: Mapped[date]
    provisional: Mapped[bool] = mapped_column(default=False)

    item: Mapped[Item] = relationship()
    answers: Mapped[list["ConsultationAnswer"]] = relationship(
        back_populates="consultation", order_by="ConsultationAnswer.id"
    )


class ConsultationAnswer(Base):
    """What one department was asked and answered; a late answer is taken, and said to be late."""

    __tablename__ = "consultation_answer"
    __table_args__ = (
        UniqueConstraint("consultation_id", "department"),
        CheckConstraint(check_in("kind", AnswerKind), name="kind"),
        CheckConstraint("(kind IS NULL) = (answered_on IS NULL)", name="answered"),
        CheckConstraint("(kind = 'agree_with_conditions') = (conditions IS NOT NULL)", name="conditions"),
        Index("ix_consultation_answer_untold", "id", postgresql_where=text("told_at IS NULL")),
        Index("ix_consultation_answer_open", "department", "id", postgresql_where=text("kind IS NULL")),
        {"schema": "approval"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    consultation_id: Mapped[int] = mapped_column(ForeignKey("approval.joint_consultation.id"))
    department: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str | None] = mapped_column(String(24))
    conditions: Mapped[str | None] = mapped_column(Text)
    remark: Mapped[str | None] = mapped_column(Text)
    answered_by: Mapped[str | None] = mapped_column(String(200))
    answered_on: Mapped[date | None]
    told_at: Mapped[datetime | None]

    consultation: Mapped[JointConsultation] = relationship(back_populates="answers")

    @property
    def thing(self) -> Thing:
        """The answer as rights see it: the asked department's."""
        return Thing(department=self.department)


class ObligationSource(StrEnum):
    """Where an obligation comes from: an opinion of coordination, an answer of a joint consultation, a decision of a matter."""

    OPINION = "opinion"
    CONSULTATION = "consultation"
    MATTER = "matter"


class Obligation(Base):
    """A condition that a named item must close before it is approved (建设条件落实)."""

    __tablename__ = "obligation"
    __table_args__ = (
        CheckConstraint(check_in("source", ObligationSource), name="source"),
        CheckConstraint("(closed_on IS NULL) = (how IS NULL)", name="closed"),
        Index("ix_obligation_case_id", "case_id"),
        {"schema": "approval"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("approval.case.id"))
    source: Mapped[str] = mapped_column(String(16))
    department: Mapped[str] = mapped_column(String(40))
    content: Mapped[str] = mapped_column(Text)
    item_code: Mapped[str | None] = mapped_column(String(20))
    assigned_by: Mapped[str | None] = mapped_column(String(200))
    how: Mapped[str | None] = mapped_column(Text)
    closed_by: Mapped[str | None] = mapped_column(String(200))
    closed_on: Mapped[date | None]

    case: Mapped[Case] = relationship()


class MatterKind(StrEnum):
    """What is brought up: a coordination meeting (Art. 15), guidance from the city (Art. 16), a dispute (Art. 16)."""

    MEETING = "meeting"
    GUIDANCE = "guidance"
    DISPUTE = "dispute"


class MatterState(StrEnum):
    """Where a matter stands: 已提出, 已召集, 已决定, 不予召集."""

    ASKED = "asked"
    CONVENED = "convened"
    DECIDED = "decided"
    DECLINED = "declined"


class Matter(Base):
    """A meeting, a request for guidance or a dispute over an item, with what was decided."""

    __tablename__ = "matter"
    __table_args__ = (
        CheckConstraint(check_in("kind", MatterKind), name="kind"),
        CheckConstraint(check_in("state", MatterState), name="state"),
        Index("ix_matter_item_id", "item_id"),
        Index("ix_matter_untold", "id", postgresql_where=text("told_at IS NULL")),
        Index("ix_matter_open", "addressed_to", "state", "id"),
        {"schema": "approval"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("approval.item.id"))
    kind: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(12))
    addressed_to: Mapped[str] = mapped_column(String(40))
    departments: Mapped[str] = mapped_column(Text)
    question: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(String(200))
    asked_department: Mapped[str] = mapped_column(String(40))
    asked_on: Mapped[date]
    meets_at: Mapped[datetime | None]
    place: Mapped[str | None] = mapped_column(String(200))
    decision: Mapped[str | None] = mapped_column(Text)
    decided_by: Mapped[str | None] = mapped_column(String(200))
    decided_on: Mapped[date | None]
    told_at: Mapped[datetime | None]

    item: Mapped[Item] = relationship()

    @property
    def thing(self) -> Thing:
        """The matter as rights see it: the department's that it is brought before."""
        return Thing(department=self.addressed_to)
