"""The table of field mappings: which field of its owner's files is which field of a layer's standard."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from blueprint.database import Base


class FieldMapping(Base):
    """A planner's own field for a field of the layer's standard, kept for the next upload (字段映射)."""

    __tablename__ = "field_mapping"
    __table_args__ = (UniqueConstraint("layer_id", "source_field"), {"schema": "blueprint"})

    layer_id: Mapped[int] = mapped_column(ForeignKey("blueprint.layer.id"), primary_key=True)
    standard_field: Mapped[str] = mapped_column(String(60), primary_key=True)
    source_field: Mapped[str] = mapped_column(String(200))
    set_by: Mapped[str] = mapped_column(String(200))
    set_at: Mapped[datetime]
