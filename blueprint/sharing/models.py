"""The table of access grants."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprint.database import Base, check_in
from blueprint.layers.models import Layer


class GrantState(StrEnum):
    """The state of a grant; one whose last day is over stays `granted` and opens nothing."""

    REQUESTED = "requested"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class AccessGrant(Base):
    """A department's access (授权) to a layer of another: asked for with a purpose, granted for a time, withdrawn."""

    __tablename__ = "access_grant"
    __table_args__ = (
        CheckConstraint(check_in("state", GrantState), name="state"),
        CheckConstraint("owner <> department", name="others"),
        CheckConstraint(
            "state NOT IN ('granted', 'withdrawn')"
            " OR (layer_id IS NOT NULL AND starts_on IS NOT NULL AND ends_on IS NOT NULL AND ends_on >= starts_on)",
            name="granted",
        ),
        {"schema": "blueprint"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(40))
    department: Mapped[str] = mapped_column(String(40), index=True)
    layer_id: Mapped[int | None] = mapped_column(ForeignKey("blueprint.layer.id"), index=True)
    purpose: Mapped[str] = mapped_column(Text)
    wanted: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10))
    requested_by: Mapped[str | None] = mapped_column(String(200))
    requested_at: Mapped[datetime | None]
    conditions: Mapped[str | None] = mapped_column(Text)
    may_export: Mapped[bool] = mapped_column(default=False)
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    decided_by: Mapped[str | None] = mapped_column(String(200))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Text)
    withdrawn_by: Mapped[str | None] = mapped_column(String(200))
    withdrawn_at: Mapped[datetime | None]

    layer: Mapped[Layer | None] = relationship()
