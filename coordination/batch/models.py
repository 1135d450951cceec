"""The table of batches: what a run said, for who asked for it alone."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, LargeBinary, String, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from blueprint.database import Base


class BatchCheck(Base):
    """A batch (批量检查) with its answers, as compressed JSON, and the shapes they are of; kept for a time.

    `layers` are the codes of those that were asked: what was found clear of them tells of them, too.
    """

    __tablename__ = "batch_check"
    __table_args__ = {"schema": "coordination"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    account: Mapped[str] = mapped_column(String(200))
    department: Mapped[str | None] = mapped_column(String(40))
    file_name: Mapped[str] = mapped_column(String(255))
    on_day: Mapped[date]
    rule_set: Mapped[str] = mapped_column(String(200))
    layers: Mapped[list[str]] = mapped_column(ARRAY(Text))
    summary: Mapped[dict[str, Any]] = mapped_column(JSONB)
    notes: Mapped[list[str]] = mapped_column(JSONB)
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    made_at: Mapped[datetime]
