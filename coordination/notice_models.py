"""Tables of notices: what a department or an office is told, and how its way outside stands."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import Mapped, mapped_column

from blueprint.database import Base, check_in


class NoticeKind(StrEnum):
    """What is told: 征求意见, 收回, 时限提醒, 逾期, 已反馈, 停表, 恢复计时, 异议, 异议处理, 会议, 通过, 撤回通过, 复检, 不再涉及, 审批督办, 科室流转, 内部时限, 业务指导, 停表过久, 审批待答."""

    ASKED = "asked"
    TAKEN_BACK = "taken_back"
    DUE = "due"
    DEEMED = "deemed"
    ANSWERED = "answered"
    CLOCK_STOPPED = "clock_stopped"
    CLOCK_RESTARTED = "clock_restarted"
    CONTESTED = "contested"
    CONTEST_DECIDED = "contest_decided"
    MEETING = "meeting"
    CLEARED = "cleared"
    WITHDRAWN = "withdrawn"
    RECHECK = "recheck"
    RELEASED = "released"
    LATE_ITEMS = "late_items"
    """Items of approval that are late or about to be; no project of coordination's."""
    HANDLING = "handling"
    INTERNAL_DUE = "internal_due"
    """The department's own limit for a step has passed; the limit of Art. 11 has not."""
    GUIDANCE = "guidance"
    LONG_STOP = "long_stop"
    APPROVAL_ASKED = "approval_asked"
    """A letter of supervision, a question or a matter of approval that waits for the department; no project of coordination's."""


class Office(StrEnum):
    """An office that is told besides departments: 协同主管, 督办."""

    COORDINATOR = "coordinator"
    SUPERVISOR = "supervisor"


class Channel(StrEnum):
    """A way outside."""

    WEBHOOK = "webhook"
    EMAIL = "email"


class Notice(Base):
    """A notice (通知) to a department or to an office; what it is about is told once for a day (`about_on`).

    Where `text` has `{department}`, readers are shown the name of the department that it speaks of (`subject`).
    """

    __tablename__ = "notice"
    __table_args__ = (
        CheckConstraint(check_in("kind", NoticeKind), name="kind"),
        CheckConstraint(check_in("office", Office), name="office"),
        CheckConstraint("(department IS NULL) <> (office IS NULL)", name="one_addressee"),
        Index("ix_notice_department", "department", "made_at"),
        Index("ix_notice_made_at", "made_at"),
        Index("ix_notice_request_id", "request_id", "kind"),
        {"schema": "coordination"},
    )

    id: Mapped[UUID] = mapped_column(PG_UUID, primary_key=True, default=uuid4)
    kind: Mapped[str] = mapped_column(String(20))
    department: Mapped[str | None] = mapped_column(String(40))
    office: Mapped[str | None] = mapped_column(String(20))
    project_id: Mapped[int | None] = mapped_column(ForeignKey("coordination.project.id"))
    request_id: Mapped[int | None] = mapped_column(ForeignKey("coordination.opinion_request.id"))
    about_on: Mapped[date | None]
    subject: Mapped[str | None] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    read_by: Mapped[str | None] = mapped_column(String(200))


class NoticeDelivery(Base):
    """How a notice's way outside stands; tried until it is taken."""

    __tablename__ = "notice_delivery"
    __table_args__ = (
        UniqueConstraint("notice_id", "channel"),
        CheckConstraint(check_in("channel", Channel), name="channel"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    notice_id: Mapped[UUID] = mapped_column(ForeignKey("coordination.notice.id"))
    channel: Mapped[str] = mapped_column(String(10))
    address: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int]
    next_try_at: Mapped[datetime]
    last_error: Mapped[str | None] = mapped_column(Text)
    delivered_at: Mapped[datetime | None]
