"""The tables of sharing: access grants, exported files."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprint.database import Base, check_in
from blueprint.layers.models import Layer, LayerVersion

MOST_EXPORTS = 10
MOST_FEATURES = 1_000_000
"""What a grant with export lets be taken away in all its time, unless the owner says otherwise."""


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
        CheckConstraint("most_exports >= 1 AND most_features >= 1", name="limits"),
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
    most_exports: Mapped[int] = mapped_column(default=MOST_EXPORTS)
    most_features: Mapped[int] = mapped_column(default=MOST_FEATURES)
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    decided_by: Mapped[str | None] = mapped_column(String(200))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Text)
    withdrawn_by: Mapped[str | None] = mapped_column(String(200))
    withdrawn_at: Mapped[datetime | None]

    layer: Mapped[Layer | None] = relationship()


class Export(Base):
    """A file that a version of a layer was exported to (导出登记): by whom, for what, on which grant; never changed.

    `sensitivity` is the layer's class at that moment, `sha256` (hexadecimal) that of the file.
    """

    __tablename__ = "export"
    __table_args__ = (
        Index("ix_export_account", "account", "exported_at"),
        Index("ix_export_sha256", "sha256"),
        {"schema": "blueprint"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(36), unique=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("blueprint.layer_version.id"), index=True)
    grant_id: Mapped[int | None] = mapped_column(ForeignKey("blueprint.access_grant.id"), index=True)
    account: Mapped[str] = mapped_column(String(200))
    department: Mapped[str | None] = mapped_column(String(40), index=True)
    format: Mapped[str] = mapped_column(String(20))
    sensitivity: Mapped[str] = mapped_column(String(10))
    features: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    purpose: Mapped[str | None] = mapped_column(Text)
    exported_at: Mapped[datetime]

    version: Mapped[LayerVersion] = relationship()
