"""Tables of plan audits: which versions were compared, what was found, and the ledger of differences that lives on."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprint.database import Base, check_in
from blueprint.layers.models import Layer, LayerVersion


class DifferenceState(StrEnum):
    """Where a difference stands: open, accepted for a reason, or settled by a later version."""

    OPEN = "open"
    ACCEPTED = "accepted"
    SETTLED = "settled"


class Side(StrEnum):
    """Which of the two layers yielded, so that a difference is settled."""

    FIRST = "first"
    SECOND = "second"
    BOTH = "both"


class PlanAudit(Base):
    """An audit of two layers, in the versions of a day; the first is the one whose code comes first.

    `windows_done` are the paths of the windows that were compared: an audit that was stopped goes on after them. The counts
    and areas are those of the ledger of the two layers when it ended, slivers not counted.
    """

    __tablename__ = "plan_audit"
    __table_args__ = (
        Index("ix_plan_audit_layers", "first_layer_id", "second_layer_id"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    first_layer_id: Mapped[int] = mapped_column(ForeignKey("blueprint.layer.id"))
    second_layer_id: Mapped[int] = mapped_column(ForeignKey("blueprint.layer.id"))
    first_version_id: Mapped[int] = mapped_column(ForeignKey("blueprint.layer_version.id"))
    second_version_id: Mapped[int] = mapped_column(ForeignKey("blueprint.layer_version.id"))
    on_day: Mapped[date]
    windows_done: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    found: Mapped[int] = mapped_column(default=0)
    made_by: Mapped[str] = mapped_column(String(200))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    open_count: Mapped[int | None]
    open_m2: Mapped[float | None] = mapped_column(Float(53))
    accepted_count: Mapped[int | None]
    accepted_m2: Mapped[float | None] = mapped_column(Float(53))
    settled_count: Mapped[int | None]

    first_layer: Mapped[Layer] = relationship(foreign_keys=[first_layer_id])
    second_layer: Mapped[Layer] = relationship(foreign_keys=[second_layer_id])
    first_version: Mapped[LayerVersion] = relationship(foreign_keys=[first_version_id])
    second_version: Mapped[LayerVersion] = relationship(foreign_keys=[second_version_id])


plan_audit_overlap = Table(
    "plan_audit_overlap",
    Base.metadata,
    Column("audit_id", Integer, ForeignKey("coordination.plan_audit.id", ondelete="CASCADE"), nullable=False),
    Column("first_feature_id", BigInteger, nullable=False),
    Column("second_feature_id", BigInteger, nullable=False),
    Column("is_sliver", Boolean, nullable=False),
    Column("geom", Geometry("GEOMETRY", srid=-1, spatial_index=False), nullable=False),
    Index("ix_plan_audit_overlap_audit_id", "audit_id"),
    schema="coordination",
)
"""What the windows of an audit found, until it ends and the ledger takes it over."""


class PlanDifference(Base):
    """A difference (差异图斑): two features of two layers that overlap, from audit to audit.

    Features are known by their source ids; one without by its shape, as a key that begins with @.
    """

    __tablename__ = "plan_difference"
    __table_args__ = (
        UniqueConstraint(
            "first_layer_id", "second_layer_id", "first_key", "second_key", name="uq_plan_difference_pair"
        ),
        CheckConstraint(check_in("state", DifferenceState), name="state"),
        CheckConstraint(check_in("yielded", Side), name="yielded"),
        Index("ix_plan_difference_last_audit_id", "last_audit_id"),
        Index("ix_plan_difference_geom", "geom", postgresql_using="gist"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    first_layer_id: Mapped[int] = mapped_column(ForeignKey("blueprint.layer.id"))
    second_layer_id: Mapped[int] = mapped_column(ForeignKey("blueprint.layer.id"))
    first_key: Mapped[str] = mapped_column(Text)
    second_key: Mapped[str] = mapped_column(Text)
    first_class: Mapped[str | None] = mapped_column(Text)
    second_class: Mapped[str | None] = mapped_column(Text)
    overlap_m2: Mapped[float] = mapped_column(Float(53))
    first_share: Mapped[float] = mapped_column(Float(53))
    second_share: Mapped[float] = mapped_column(Float(53))
    is_sliver: Mapped[bool]
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(Text)
    decided_by: Mapped[str | None] = mapped_column(String(200))
    decided_at: Mapped[datetime | None]
    accepted_m2: Mapped[float | None] = mapped_column(Float(53))
    first_audit_id: Mapped[int] = mapped_column(ForeignKey("coordination.plan_audit.id"))
    last_audit_id: Mapped[int] = mapped_column(ForeignKey("coordination.plan_audit.id"))
    settled_audit_id: Mapped[int | None] = mapped_column(ForeignKey("coordination.plan_audit.id"))
    yielded: Mapped[str | None] = mapped_column(String(6))

    first_layer: Mapped[Layer] = relationship(foreign_keys=[first_layer_id])
    second_layer: Mapped[Layer] = relationship(foreign_keys=[second_layer_id])
    settled_audit: Mapped[PlanAudit | None] = relationship(foreign_keys=[settled_audit_id])
    geom: Mapped[Any] = mapped_column(Geometry("GEOMETRY", srid=-1, spatial_index=False))
