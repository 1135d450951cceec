"""Tables of the quality check: issues of a version, and the receipts of what was mended in it."""

from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from blueprint.database import Base, check_in
from blueprint.quality.kinds import Level


class QualityIssue(Base):
    """One issue of a version: what, how bad, which feature and field, which value, and where in the working CRS."""

    __tablename__ = "quality_issue"
    __table_args__ = (
        CheckConstraint(check_in("level", Level), name="level"),
        Index("ix_quality_issue_version_id", "version_id", "id"),
        {"schema": "blueprint"},
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("blueprint.layer_version.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))
    level: Mapped[str] = mapped_column(String(10))
    feature_id: Mapped[int | None] = mapped_column(BigInteger)
    other_feature_id: Mapped[int | None] = mapped_column(BigInteger)
    field: Mapped[str | None] = mapped_column(String(200))
    value: Mapped[str | None] = mapped_column(Text)
    params: Mapped[dict[str, Any]] = mapped_column(JSONB)
    geom: Mapped[Any | None] = mapped_column(Geometry("GEOMETRY", srid=-1, spatial_index=False))


mending = Table(
    "mending",
    Base.metadata,
    Column(
        "version_id",
        Integer,
        ForeignKey("blueprint.layer_version.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("feature_id", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("before_m2", Float(53), nullable=False),
    Column("after_m2", Float(53), nullable=False),
    Column("moved_m", Float(53), nullable=False),
    Column("original", Geometry("GEOMETRY", srid=-1, spatial_index=False), nullable=False),
    Column("undone_by", String(200)),
    Column("undone_at", DateTime(timezone=True)),
    CheckConstraint("num_nulls(undone_by, undone_at) IN (0, 2)", name="undone"),
    PrimaryKeyConstraint("version_id", "feature_id"),
    schema="blueprint",
)
"""Receipts of mending (修复凭据): areas in m², largest distance moved in metres, and the shape as the file had it, invalid.

One that was undone (`blueprint.quality.undoing`) is of a draft alone: it holds the draft back from coming into force.
"""
