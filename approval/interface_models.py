"""Tables of the interfaces: handovers that were refused."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from blueprint.database import Base


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
