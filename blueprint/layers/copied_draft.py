"""A version once more, as the next draft of its layer: what was in force is not changed, its copy may be."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blueprint.database import load_statements
from blueprint.errors import ConflictError
from blueprint.layers.models import Layer, LayerVersion
from blueprint.permissions import Actor

_SQL = load_statements(Path(__file__).with_name("delta.sql"))

MAX_FEATURES = 200_000
"""More are not copied while somebody waits."""

_COPIED = (
    "layer_id", "source_name", "source_sha256", "source_crs", "operation", "operation_accuracy_m", "buffer_m", "buffer_by",
    "feature_count", "vertex_count", "valid_until", "review_by", "quality", "standard", "field_mapping", "checked_at",
    "issue_counts", "has_overlaps", "extent", "coverage",
)  # fmt: skip


def copy_to_draft(
    session: Session, layer: Layer, version: LayerVersion, *, actor: Actor, now: datetime
) -> LayerVersion:
    """Copy a version's features, parts, shapes of tiles and receipts: a delta that changes nothing. The layer is locked.

    Its issues are the caller's to copy. Raises ConflictError where it is too large for somebody to wait.
    """
    if version.feature_count > MAX_FEATURES:
        raise ConflictError(
            "version {number} has {count:,} features, too many to be copied while somebody waits; take the shapes as"
            " they were from the error layer (errors.gpkg), correct them, and upload a delta",
            number=version.number,
            count=version.feature_count,
        )
    last = session.scalar(select(func.max(LayerVersion.number)).where(LayerVersion.layer_id == layer.id))
    made = LayerVersion(
        **{name: getattr(version, name) for name in _COPIED},
        number=(last or 0) + 1,
        base_id=version.id,
        uploaded_by=actor.name,
        uploaded_at=now,
    )
    session.add(made)
    session.flush()
    values = {"base": version.id, "version_id": made.id, "change_field": ""}
    for step in ("forget", "make_rows", "make_changes"):
        session.execute(_SQL[step], values)
    for what in ("features", "parts", "tile_sheets", "receipts"):
        session.execute(_SQL[f"copy_unchanged_{what}"], values)
    return made
