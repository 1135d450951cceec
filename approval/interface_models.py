"""Tables of the interfaces: handovers that were refused, rows of the ministry's exchange and what became of them."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Computed, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from blueprint.database import Base, check_in


class RefusedHandover(Base):
    """A handover that was not taken in, byte for byte, with why; sent again unchanged it is counted, not kept twice."""

    __tablename__ = "refused_handover"
    __table_args__ = (
        CheckConstraint("family IN ('unreadable', 'conflict')", name="family"),
        Index("ix_refused_handover_last_at", "last_at"),
        {"schema": "approval"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    body_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    size_bytes: Mapped[int]
    family: Mapped[str] = mapped_column(String(12))
    detail: Mapped[str] = mapped_column(Text)
    """The sentence of the problem document that it was answered with."""
    place: Mapped[str | None] = mapped_column(Text)
    planning_number: Mapped[str | None] = mapped_column(String(40))
    """Whose handover it says to be, where that can be read."""
    sent_by: Mapped[str] = mapped_column(String(200))
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    times: Mapped[int]


class RowState(StrEnum):
    """Where a row of the exchange stands: 待传, 已传, 已接收, 被退回."""

    WAITING = "waiting"
    SENT = "sent"
    TAKEN = "taken"
    REFUSED = "refused"


class ExchangeRow(Base):
    """The newest content of a row of the exchange tables, and what became of it; `id` is its serial number (LSH)."""

    __tablename__ = "exchange_row"
    __table_args__ = (
        UniqueConstraint("table_name", "key"),
        CheckConstraint(check_in("state", RowState), name="state"),
        CheckConstraint("(state = 'refused') <= (reason IS NOT NULL)", name="reason"),
        Index("ix_exchange_row_waiting", "id", postgresql_where=text("state = 'waiting'")),
        Index("ix_exchange_row_batch", "batch"),
        Index("ix_exchange_row_whose", "whose"),
        {"schema": "approval"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    table_name: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(100))
    whose: Mapped[str] = mapped_column(Text, Computed("split_part(key, '-', 2)", persisted=True))
    """The second part of the key: a case (`C7`), an item (`I9`), a process (`P`), the control lines (`L`)."""
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    content_sha256: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(8))
    queued_at: Mapped[datetime]
    batch: Mapped[int | None]
    sent_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    reason: Mapped[str | None] = mapped_column(Text)
    """Why the receiving side refused it (SBYY)."""


class ExchangeFilling(Base):
    """A filling of the queue: from which day on cases were looked through, on which day, and what came of it."""

    __tablename__ = "exchange_filling"
    __table_args__ = ({"schema": "approval"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    filled_on: Mapped[date]
    since: Mapped[date | None]
    is_gapless: Mapped[bool]
    """Whether it began no later than the one before ended, so that no change between the two was left out."""
    queued: Mapped[int]
    errors: Mapped[int]
    filled_by: Mapped[str] = mapped_column(String(200))
