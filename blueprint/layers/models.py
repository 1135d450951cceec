"""Tables of the spatial store: catalogue, versions, periods in force, features, parts, tile shapes."""

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
    Computed,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import DATERANGE, JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprint.database import Base, check_in
from blueprint.permissions import Sensitivity, Thing
from blueprint.rasters.models import Raster
from blueprint.rasters.values import ValueKind


class GeometryKind(StrEnum):
    """What the features of a layer are; a raster has pixels instead."""

    POLYGON = "polygon"
    LINE = "line"
    POINT = "point"
    RASTER = "raster"


class Control(StrEnum):
    """What a layer does to a project that meets it (禁止/限制/建议/提示), worst first."""

    PROHIBIT = "prohibit"
    RESTRICT = "restrict"
    ADVISE = "advise"
    INFORM = "inform"


class ConflictWhen(StrEnum):
    """Whether being inside a layer's features is the conflict, or being outside (城镇开发边界外)."""

    INSIDE = "inside"
    OUTSIDE = "outside"


class Symbology(StrEnum):
    """How a layer is coloured by its classes: as an edition of the land-use standard (用地用海分类指南) does."""

    LAND_USE_2020 = "land_use_2020"
    LAND_USE_2023 = "land_use_2023"


class VersionState(StrEnum):
    """Where a version stands on a day."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    IN_FORCE = "in_force"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class Layer(Base):
    """A layer (图层) of the catalogue: what it is, whose, and the rule it carries."""

    __tablename__ = "layer"
    __table_args__ = (
        CheckConstraint(check_in("geometry", GeometryKind), name="geometry"),
        CheckConstraint(check_in("control", Control), name="control"),
        CheckConstraint(check_in("conflict_when", ConflictWhen), name="conflict_when"),
        CheckConstraint(check_in("sensitivity", Sensitivity), name="sensitivity"),
        CheckConstraint(check_in("value_kind", ValueKind), name="value_kind"),
        CheckConstraint(check_in("symbology", Symbology), name="symbology"),
        CheckConstraint("scale > 0", name="scale"),
        CheckConstraint("num_nulls(retired_on, retired_by, retired_reason) IN (0, 3)", name="retired"),
        CheckConstraint("(geometry = 'raster') = (value_kind IS NOT NULL)", name="raster"),
        CheckConstraint("threshold_share >= 0 AND threshold_share < 1", name="threshold_share"),
        CheckConstraint("buffer_m >= 0 AND tolerance_m2 >= 0 AND sliver_width_m >= 0", name="not_negative"),
        {"schema": "blueprint"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(60), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    title_en: Mapped[str | None] = mapped_column(String(200))
    department: Mapped[str] = mapped_column(String(40))
    geometry: Mapped[str] = mapped_column(String(10))
    control: Mapped[str] = mapped_column(String(10))
    conflict_when: Mapped[str] = mapped_column(String(10), default=ConflictWhen.INSIDE)
    buffer_m: Mapped[float] = mapped_column(default=0.0)
    buffer_by: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    tolerance_m2: Mapped[float] = mapped_column(default=1.0)
    sliver_width_m: Mapped[float] = mapped_column(default=0.1)
    sensitivity: Mapped[str] = mapped_column(String(10), default=Sensitivity.PUBLIC)
    basis: Mapped[str | None] = mapped_column(Text)
    purpose: Mapped[str | None] = mapped_column(Text)
    conditions: Mapped[str | None] = mapped_column(Text)
    source_id_field: Mapped[str | None] = mapped_column(String(60))
    label_field: Mapped[str | None] = mapped_column(String(60))
    color: Mapped[str | None] = mapped_column(String(7))
    is_base_map: Mapped[bool] = mapped_column(default=False)
    standard: Mapped[str | None] = mapped_column(String(40))
    value_kind: Mapped[str | None] = mapped_column(String(10))
    unit: Mapped[str | None] = mapped_column(String(20))
    threshold_above: Mapped[float | None]
    threshold_below: Mapped[float | None]
    threshold_values: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    threshold_share: Mapped[float] = mapped_column(default=0.0)
    group: Mapped[str | None] = mapped_column("layer_group", String(40))
    position: Mapped[int] = mapped_column(default=0)
    symbology: Mapped[str | None] = mapped_column(String(20))
    class_field: Mapped[str | None] = mapped_column(String(60))
    abstract: Mapped[str | None] = mapped_column(Text)
    owner: Mapped[str | None] = mapped_column(String(200))
    scale: Mapped[int | None]
    data_on: Mapped[date | None]
    lineage: Mapped[str | None] = mapped_column(Text)
    retired_on: Mapped[date | None]
    """From this day on it is out of use (`blueprint.layers.retirement`)."""
    retired_by: Mapped[str | None] = mapped_column(String(200))
    retired_reason: Mapped[str | None] = mapped_column(Text)

    versions: Mapped[list["LayerVersion"]] = relationship(
        back_populates="layer", order_by="LayerVersion.number"
    )

    @property
    def thing(self) -> Thing:
        """The layer as the permission check sees it."""
        return Thing(self.department, Sensitivity(self.sensitivity), self.code)


class LayerVersion(Base):
    """A version (版本) of a layer: what one file said; never changed after it was stored.

    `valid_until` is the last day of the plan's own term, `review_by` the last day on which the department stands by
    the data; after either the layer is expired. `base_id` is the version that a delta was put on.
    """

    __tablename__ = "layer_version"
    __table_args__ = (UniqueConstraint("layer_id", "number"), {"schema": "blueprint"})

    id: Mapped[int] = mapped_column(primary_key=True)
    layer_id: Mapped[int] = mapped_column(ForeignKey("blueprint.layer.id"))
    number: Mapped[int]
    source_name: Mapped[str] = mapped_column(String(255))
    source_sha256: Mapped[str] = mapped_column(String(64))
    source_crs: Mapped[str] = mapped_column(Text)
    operation: Mapped[str] = mapped_column(Text)
    operation_accuracy_m: Mapped[float | None]
    buffer_m: Mapped[float]
    buffer_by: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    feature_count: Mapped[int]
    vertex_count: Mapped[int] = mapped_column(BigInteger)
    valid_until: Mapped[date | None]
    review_by: Mapped[date | None]
    base_id: Mapped[int | None] = mapped_column(ForeignKey("blueprint.layer_version.id"))
    quality: Mapped[dict[str, Any]] = mapped_column(JSONB)
    standard: Mapped[str | None] = mapped_column(String(40))
    field_mapping: Mapped[dict[str, str] | None] = mapped_column(JSONB)
    checked_at: Mapped[datetime | None]
    issue_counts: Mapped[dict[str, int] | None] = mapped_column(JSONB)
    warnings_confirmed_by: Mapped[str | None] = mapped_column(String(200))
    warnings_confirmed_at: Mapped[datetime | None]
    warnings_reason: Mapped[str | None] = mapped_column(Text)
    has_overlaps: Mapped[bool] = mapped_column(default=True)
    uploaded_by: Mapped[str] = mapped_column(String(200))
    uploaded_at: Mapped[datetime]
    withdrawn_on: Mapped[date | None]
    withdrawn_by: Mapped[str | None] = mapped_column(String(200))
    extent: Mapped[Any] = mapped_column(Geometry("POLYGON", srid=-1, spatial_index=False))
    coverage: Mapped[Any | None] = mapped_column(Geometry("MULTIPOLYGON", srid=-1, spatial_index=False))

    layer: Mapped[Layer] = relationship(back_populates="versions")
    raster: Mapped[Raster | None] = relationship(lazy="selectin")
    base: Mapped["LayerVersion | None"] = relationship(remote_side="LayerVersion.id")
    periods: Mapped[list["InForcePeriod"]] = relationship(
        back_populates="version", order_by="InForcePeriod.starts_on"
    )

    @property
    def name(self) -> str:
        """How the audit log calls it."""
        return f"{self.layer.code} v{self.number}"


class InForcePeriod(Base):
    """Days on which a version is in force, `starts_on` to the day before `ends_on`; never two of a layer at once."""

    __tablename__ = "in_force_period"
    __table_args__ = (
        ExcludeConstraint(
            ("layer_id", "="), ("days", "&&"), using="gist", name="ex_in_force_period_one_version_a_day"
        ),
        CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="order"),
        {"schema": "blueprint"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    layer_id: Mapped[int] = mapped_column(ForeignKey("blueprint.layer.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("blueprint.layer_version.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    days: Mapped[Any] = mapped_column(DATERANGE, Computed("daterange(starts_on, ends_on)", persisted=True))
    decided_by: Mapped[str] = mapped_column(String(200))
    decided_at: Mapped[datetime]

    version: Mapped[LayerVersion] = relationship(back_populates="periods")


class PublicationEvent(Base):
    """That another version of a layer is in force from a day on: written with the act, for those who look at what follows.

    `new_version_id` is None where the layer was withdrawn and nothing took its place, or the version is past its term.
    """

    __tablename__ = "publication_event"
    __table_args__ = (
        Index(
            "uq_publication_event_expired",
            "old_version_id",
            "starts_on",
            unique=True,
            postgresql_where=text("act = 'expired'"),
        ),
        {"schema": "blueprint"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    layer_id: Mapped[int] = mapped_column(ForeignKey("blueprint.layer.id"))
    old_version_id: Mapped[int | None] = mapped_column(ForeignKey("blueprint.layer_version.id"))
    new_version_id: Mapped[int | None] = mapped_column(ForeignKey("blueprint.layer_version.id"))
    starts_on: Mapped[date]
    act: Mapped[str] = mapped_column(String(20))
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())


def _version_id() -> Column[int]:
    """Held to the versions by triggers, once a statement (migration 0088): a foreign key asks once a row."""
    return Column("version_id", Integer, nullable=False)


feature = Table(
    "feature",
    Base.metadata,
    _version_id(),
    Column("feature_id", BigInteger, nullable=False),
    Column("source_id", Text),
    Column("attributes", JSONB, nullable=False),
    Column("plane_m2", Float(53)),
    Column("ellipsoid_m2", Float(53)),
    Column("length_m", Float(53)),
    Column("point_count", Integer),
    Column("zone_plane_m2", Float(53)),
    Column("zone_ellipsoid_m2", Float(53)),
    Column("geom", Geometry("GEOMETRY", srid=-1, spatial_index=False), nullable=False),
    Column("zone", Geometry("GEOMETRY", srid=-1, spatial_index=False)),
    PrimaryKeyConstraint("version_id", "feature_id"),
    schema="blueprint",
)
"""Whole features (图斑) with their attributes as declared; `zone` is the feature grown by the version's buffer."""

part = Table(
    "part",
    Base.metadata,
    Column("part_id", BigInteger, Identity(always=True), primary_key=True),
    _version_id(),
    Column("feature_id", BigInteger, nullable=False),
    Column("is_zone", Boolean, nullable=False),
    Column("plane_m2", Float(53), nullable=False),
    Column("ellipsoid_m2", Float(53), nullable=False),
    Column("geom", Geometry("GEOMETRY", srid=-1, spatial_index=False), nullable=False),
    Index("ix_part_geom", "geom", postgresql_using="gist"),
    Index("ix_part_version_id", "version_id"),
    schema="blueprint",
)
"""Every feature in pieces (分块) of at most 128 vertices: what an overlay meets."""

tile_sheet = Table(
    "tile_sheet",
    Base.metadata,
    Column("sheet_id", BigInteger, Identity(always=True), primary_key=True),
    _version_id(),
    Column("level", SmallInteger, nullable=False),
    Column("extent", Geometry("GEOMETRY", srid=-1, spatial_index=False), nullable=False),
    Column("feature_ids", ARRAY(BigInteger), nullable=False),
    Column("are_pieces", ARRAY(Boolean), nullable=False),
    Column("labels", ARRAY(Text), nullable=False),
    Column("source_ids", ARRAY(Text), nullable=False),
    Column("class_codes", ARRAY(Text), nullable=False),
    Column("shapes", ARRAY(LargeBinary), nullable=False),
    Index("ix_tile_sheet_version_id_level_extent", "version_id", "level", "extent", postgresql_using="gist"),
    schema="blueprint",
)
"""Features in the grid of tiles (EPSG:3857, 4096 units to a tile of the level), once as they are and generalised for low zooms, with the names a tile carries: what it is cut from.

A sheet holds tens of shapes that lie near each other, the same place of each array being one shape's; they are TWKB.
"""
