"""Tables of updates of the blueprint (一张蓝图更新): which were looked at, and what each meant for open projects."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprint.database import Base
from blueprint.layers.models import PublicationEvent
from coordination.models import Check, Project


class LookedAt(Base):
    """That the open projects which a succession of versions touches were found; `done_at` when each was rechecked."""

    __tablename__ = "looked_at"
    __table_args__ = ({"schema": "coordination"},)

    event_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("blueprint.publication_event.id"), primary_key=True, autoincrement=False
    )
    project_ids: Mapped[list[int]] = mapped_column(JSONB)
    begun_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class Recheck(Base):
    """What an update of the blueprint meant for one open project (复检): findings new, gone, grown; who is asked, who released.

    `check_id` is the check of today's blueprint that was made for it, None where it failed (`failed` says why).
    """

    __tablename__ = "recheck"
    __table_args__ = (
        UniqueConstraint("event_id", "project_id"),
        CheckConstraint("(check_id IS NULL) = (failed IS NOT NULL)", name="failed"),
        Index("ix_recheck_project_id", "project_id", "id"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("blueprint.publication_event.id"))
    project_id: Mapped[int] = mapped_column(ForeignKey("coordination.project.id"))
    layer: Mapped[str] = mapped_column(String(60))
    starts_on: Mapped[date]
    check_before_id: Mapped[int] = mapped_column(ForeignKey("coordination.check.id"))
    check_id: Mapped[int | None] = mapped_column(ForeignKey("coordination.check.id"))
    verdict_before: Mapped[str] = mapped_column(String(10))
    verdict_after: Mapped[str | None] = mapped_column(String(10))
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    asked: Mapped[list[str]] = mapped_column(JSONB)
    released: Mapped[list[str]] = mapped_column(JSONB)
    failed: Mapped[str | None] = mapped_column(Text)
    made_at: Mapped[datetime]

    event: Mapped[PublicationEvent] = relationship()
    project: Mapped[Project] = relationship()
    check: Mapped[Check | None] = relationship(foreign_keys=[check_id])
