"""What changed between two versions of a layer, counted (图斑差异)."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from blueprint.database import load_statements
from blueprint.errors import InvalidInputError
from blueprint.layers.models import LayerVersion

_SQL = load_statements(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True)
class Difference:
    """Counts of features; by `source_id` where it is unique in both versions, else by equal shape."""

    compared_by: str
    added: int
    removed: int
    changed_shape: int
    changed_attributes: int
    unchanged: int


def count_difference(session: Session, old: LayerVersion, new: LayerVersion) -> Difference:
    """Count features added, removed and changed from `old` to `new`."""
    if old.raster is not None or new.raster is not None:
        raise InvalidInputError(
            "versions of a raster have no features to count; export both and subtract them"
        )
    versions = {"old": old.id, "new": new.id}
    has_keys = session.execute(_SQL["has_keys"], versions).scalar_one()
    row = session.execute(_SQL["by_source_id" if has_keys else "by_shape"], versions).one()
    return Difference("source_id" if has_keys else "shape", *row)
