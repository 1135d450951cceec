"""HTTP shapes of layers and versions."""

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field

from blueprint.etags import Tagged
from blueprint.given import WHOLE, Day, Given


class BufferByIn(Given):
    """Widths of zones by the values of a field; how wide the thing itself is, where its centre line is drawn (metres)."""

    field: str | None = Field(default=None, min_length=1, max_length=60)
    widths: dict[str, Annotated[float, Field(gt=0, le=100_000)]] = Field(default={}, max_length=200)
    edge_width_field: str | None = Field(default=None, min_length=1, max_length=60)
    edge_width_m: float = Field(default=0.0, ge=0, le=100_000)


class LayerIn(Given):
    """What defines a layer; lengths in metres, areas in m²."""

    code: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,59}$")
    title: str = Field(min_length=1, max_length=200)
    title_en: str | None = Field(default=None, max_length=200)
    department: str = Field(max_length=40)
    geometry: Literal["polygon", "line", "point", "raster"]
    control: Literal["prohibit", "restrict", "advise", "inform"]
    conflict_when: Literal["inside", "outside"] = "inside"
    buffer_m: float = Field(default=0.0, ge=0, le=100_000)
    buffer_by: BufferByIn | None = None
    tolerance_m2: float = Field(default=1.0, ge=0, le=100_000)
    sliver_width_m: float = Field(default=0.1, ge=0, le=100)
    sensitivity: Literal["public", "internal", "restricted"] = "public"
    basis: str | None = Field(default=None, max_length=2000)
    purpose: str | None = Field(default=None, max_length=2000, description="共享用途 what it may be used for")
    conditions: str | None = Field(
        default=None, max_length=2000, description="共享条件 under which conditions"
    )
    source_id_field: str | None = Field(default=None, max_length=60)
    label_field: str | None = Field(default=None, max_length=60)
    color: str | None = Field(default=None, pattern="^#[0-9a-fA-F]{6}$")
    is_base_map: bool = False
    standard: str | None = Field(default=None, max_length=40, description="属性标准 attribute standard")
    value_kind: Literal["continuous", "classes"] | None = Field(
        default=None, description="栅格值：连续量或类别 of a raster layer: measures or codes of classes"
    )
    unit: str | None = Field(default=None, max_length=20)
    threshold_above: float | None = Field(
        default=None, description="大于此值为触及 met where a pixel is above"
    )
    threshold_below: float | None = Field(
        default=None, description="小于此值为触及 met where a pixel is below"
    )
    threshold_values: list[Annotated[int, Field(ge=-(2**31), lt=2**31)]] | None = Field(
        default=None, min_length=1, max_length=1000, description="触及的类别 met where a pixel is of a class"
    )
    threshold_share: float = Field(
        default=0.0, ge=0, lt=1, description="超过用地的这一比例为冲突 a conflict on more than this share"
    )
    group: str | None = Field(default=None, max_length=40, description="图层组 a layer group of the city")
    position: int = Field(default=0, ge=-1000, le=1000, description="组内次序，小者在前 place in its group")
    symbology: Literal["land_use_2020", "land_use_2023"] | None = None
    class_field: str | None = Field(default=None, max_length=60, description="类别字段 field with the class")
    abstract: str | None = Field(default=None, max_length=4000, description="摘要")
    owner: str | None = Field(
        default=None, max_length=200, description="权属单位 who is responsible for the data"
    )
    scale: int | None = Field(default=None, ge=1, le=100_000_000, description="比例尺分母 2000 for 1:2000")
    data_on: Day | None = Field(default=None, description="数据时点 the day of which the data speak")
    lineage: str | None = Field(default=None, max_length=4000, description="数据来源与沿革")


class LayerOut(Tagged):
    """A layer with the version in force today; `extent` west, south, east, north in degrees."""

    changes_by_itself: ClassVar = dict.fromkeys(
        (
            "department_name",
            "group_name",
            "version",
            "in_force_from",
            "valid_until",
            "next_version",
            "next_from",
            "feature_count",
            "extent",
        ),
        True,
    )

    code: str
    title: str
    title_en: str | None
    department: str
    department_name: str
    geometry: str
    control: str
    conflict_when: str
    buffer_m: float
    buffer_by: dict[str, Any] | None
    tolerance_m2: float
    sliver_width_m: float
    sensitivity: str
    basis: str | None
    purpose: str | None
    conditions: str | None
    source_id_field: str | None
    label_field: str | None
    color: str | None
    is_base_map: bool
    standard: str | None
    value_kind: str | None
    unit: str | None
    threshold_above: float | None
    threshold_below: float | None
    threshold_values: list[int] | None
    threshold_share: float
    group: str | None
    group_name: str | None
    position: int
    symbology: str | None
    class_field: str | None
    abstract: str | None
    owner: str | None
    scale: int | None
    data_on: date | None
    lineage: str | None
    version: int | None
    in_force_from: date | None
    valid_until: date | None = Field(
        description="the last day on which that version is stood by: its own end, or the day of its review"
    )
    next_version: int | None = Field(
        description="the version that is scheduled to follow, from `next_from` on"
    )
    next_from: date | None
    feature_count: int | None
    extent: Annotated[list[float], Field(min_length=4, max_length=4)] | None
    retired_on: date | None = Field(description="停用之日 from this day on it is out of use")
    retired_reason: str | None


class RetirementIn(Given):
    """Why a layer is no longer used."""

    reason: str = Field(min_length=1, max_length=2000, pattern=r"\S")


class LayerPage(BaseModel):
    """A page of layers; `next` is the cursor of the following one."""

    items: list[LayerOut]
    next: str | None


class PeriodOut(BaseModel):
    """Days in force: from `starts_on` to the day before `ends_on`."""

    starts_on: date
    ends_on: date | None
    decided_by: str


class RasterOut(BaseModel):
    """The raster of a version, stored as a Cloud-Optimised GeoTIFF in the working CRS; pixels in metres."""

    object_sha256: str
    size_bytes: int
    value_kind: str
    source_band: int
    resampling: Literal["none", "bilinear", "nearest"]
    width: int
    height: int
    pixel_width_m: float
    pixel_height_m: float
    data_type: str
    nodata: str | None
    valid_count: int
    minimum: float
    maximum: float
    mean: float
    deviation: float
    classes: dict[str, int] | None


class VersionOut(Tagged):
    """A version of a layer and where it came from."""

    changes_by_itself: ClassVar = {"state": True}

    layer: str
    number: int
    state: str
    source_name: str
    source_sha256: str
    source_crs: str
    operation: str
    operation_accuracy_m: float | None
    buffer_m: float
    feature_count: int
    vertex_count: int
    mended_count: int
    is_flattened: bool = Field(description="whether heights or measures (Z, M) of the file were dropped")
    standard: str | None
    checked_at: datetime | None
    error_count: int
    warning_count: int
    warnings_confirmed_by: str | None
    warnings_confirmed_at: datetime | None
    warnings_reason: str | None
    valid_until: date | None
    review_by: date | None
    base: int | None
    extent: list[float] = Field(description="四至 west, south, east, north of its features, in degrees")
    has_coverage: bool = Field(description="whether it speaks of a part of the city only")
    is_place_confirmed: bool | None = Field(
        description="whether it lies on an earlier version, a named layer or the city's boundaries; where it does not,"
        " the shift of a map service (GCJ-02, BD-09) cannot be ruled out; null where it was not looked at"
    )
    uploaded_by: str
    uploaded_at: datetime
    withdrawn_on: date | None
    periods: list[PeriodOut]
    raster: RasterOut | None


class VersionPage(BaseModel):
    """All versions of a layer, oldest first."""

    items: list[VersionOut]
    next: str | None = None


class InForceIn(Given):
    """The first day in force, today when not given, and the reason for which warnings of the quality check may stand."""

    starts_on: Day | None = None
    confirm_warnings: str | None = Field(default=None, min_length=1, max_length=2000)


class RollBackIn(Given):
    """The version to return to; the one that was in force before today's when not given."""

    to: Annotated[int, Field(ge=1, le=2_000_000_000), WHOLE] | None = None


class ClassChangeOut(BaseModel):
    """Pixels of one class that became another's."""

    old: int
    new: int
    pixels: int
    area_m2: float


class RasterChangeOut(BaseModel):
    """How the values of two rasters differ: areas in m² that changed, rose and fell; by how much, in the layer's unit; which class became which.

    `drawn_pixels` is 1 where patches are the changed pixels exactly, else the side of the squares of pixels they are drawn in.
    """

    changed_m2: float
    rose_m2: float
    fell_m2: float
    mean_change: float | None
    largest_rise: float
    largest_fall: float
    classes: list[ClassChangeOut]
    drawn_pixels: int


class DifferenceOut(BaseModel):
    """How two versions differ, in features: compared by source id where both have unique ones, else by shape.

    Areas in m² of features added and removed, of what changed shapes gained and lost, and what all of it comes to;
    lengths of lines in metres; in how many features each field differs; `changed_zone` are features of which only the
    buffer changed. Of a raster, in pixels (`pixel`): newly known, no longer known, of another value (`changed_attributes`); gained and lost is what the layer's threshold newly and no longer meets.
    """

    layer: str
    from_version: int
    to_version: int
    compared_by: Literal["source_id", "shape", "pixel"]
    added: int
    removed: int
    changed_shape: int
    changed_attributes: int
    changed_zone: int
    unchanged: int
    added_m2: float
    removed_m2: float
    gained_m2: float
    lost_m2: float
    net_m2: float
    longer_m: float
    shorter_m: float
    changed_fields: dict[str, int]
    raster: RasterChangeOut | None
