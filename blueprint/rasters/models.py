"""The table of rasters: what a version of a raster layer is made of; its values are a file of the object folder."""

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from blueprint.database import Base, check_in
from blueprint.rasters.values import ValueKind


class Raster(Base):
    """The raster (栅格) of a version: its grid in the working CRS, pixels in metres, and its statistics."""

    __tablename__ = "raster"
    __table_args__ = (
        CheckConstraint(check_in("value_kind", ValueKind), name="value_kind"),
        {"schema": "blueprint"},
    )

    version_id: Mapped[int] = mapped_column(
        ForeignKey("blueprint.layer_version.id", ondelete="CASCADE"), primary_key=True
    )
    object_sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    value_kind: Mapped[str] = mapped_column(String(10))
    source_band: Mapped[int]
    resampling: Mapped[str] = mapped_column(String(20))
    width: Mapped[int]
    height: Mapped[int]
    pixel_width_m: Mapped[float]
    pixel_height_m: Mapped[float]
    data_type: Mapped[str] = mapped_column(String(10))
    nodata: Mapped[str | None] = mapped_column(Text)
    valid_count: Mapped[int] = mapped_column(BigInteger)
    minimum: Mapped[float]
    maximum: Mapped[float]
    mean: Mapped[float]
    deviation: Mapped[float]
    classes: Mapped[dict[str, int] | None] = mapped_column(JSONB)
    """Pixels by class, for a raster of classes."""

    def statistics(self) -> dict[str, Any]:
        """What is said of the raster to the outside."""
        names = (
            "object_sha256", "size_bytes", "value_kind", "source_band", "resampling", "width", "height",
            "pixel_width_m", "pixel_height_m", "data_type", "nodata", "valid_count", "minimum", "maximum", "mean",
            "deviation", "classes",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}
