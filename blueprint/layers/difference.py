"""What changed between two versions of a layer (图斑差异): counted, measured, and cut into patches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.database import load_statements
from blueprint.errors import InvalidInputError
from blueprint.layers.models import LayerVersion

_SQL = load_statements(Path(__file__).with_suffix(".sql"))
_NONE = 0
"""The number of no version: what is compared with it was added, or removed, as a whole."""


@dataclass(frozen=True)
class Difference:
    """Counts of features and sums of areas (the city's measure) and lengths; by `source_id` where it is unique in both.

    Areas: of features added and removed, and what changed shapes gained and lost; `net_m2` is what all of it comes to.
    """

    compared_by: str
    added: int
    removed: int
    changed_shape: int
    changed_attributes: int
    unchanged: int
    added_m2: float
    removed_m2: float
    gained_m2: float
    lost_m2: float
    net_m2: float
    longer_m: float
    shorter_m: float
    changed_fields: Mapping[str, int]

    @property
    def changed(self) -> int:
        """How many features differ in any way."""
        return self.added + self.removed + self.changed_shape + self.changed_attributes


@dataclass(frozen=True)
class DifferencePatch:
    """A place where two versions differ: added, removed, gained, lost, or of a feature whose attributes alone changed.

    The shape is in the working CRS; `fields` gives of each field that differs the value before and after.
    """

    change: str
    source_id: str | None
    old_feature_id: int | None
    new_feature_id: int | None
    area_m2: float
    length_m: float
    fields: Mapping[str, Any] | None
    shape: BaseGeometry


def compare(
    session: Session, old: LayerVersion | None, new: LayerVersion | None, *, city: City
) -> Difference:
    """Say what `old` and `new` differ in; their patches lie in a table of this transaction afterwards.

    None is no version at all: a layer before its first, or after it was withdrawn.
    """
    if any(version is not None and version.raster is not None for version in (old, new)):
        raise InvalidInputError(
            "versions of a raster have no features to compare; export both and subtract them"
        )
    values = _values(old, new) | {"on_ellipsoid": city.area_measure is AreaMeasure.ELLIPSOID}
    session.execute(_SQL["forget"])
    has_keys = session.execute(_SQL["has_keys"], values).scalar_one()
    session.execute(_SQL["pair_by_source_id" if has_keys else "pair_by_shape"], values)
    session.execute(_SQL["cut_patches"], values)
    session.execute(_SQL["index_patches"])
    counts = session.execute(_SQL["count_rows"], values).one()
    areas = session.execute(_SQL["measure_patches"]).one()
    return Difference(
        compared_by="source_id" if has_keys else "shape",
        **counts._asdict(),
        **areas._asdict(),
        net_m2=areas.added_m2 - areas.removed_m2 + areas.gained_m2 - areas.lost_m2,
        changed_fields={row.field: row.features for row in session.execute(_SQL["count_fields"])},
    )


def read_patches(
    session: Session, old: LayerVersion | None, new: LayerVersion | None
) -> Iterator[DifferencePatch]:
    """The patches of the two versions that were compared last in this transaction."""
    statement = _SQL["read_patches"].execution_options(yield_per=5000)
    for row in session.execute(statement, _values(old, new)):
        values = row._asdict()
        yield DifferencePatch(shape=shapely.from_wkb(bytes(values.pop("geom"))), **values)


def _values(old: LayerVersion | None, new: LayerVersion | None) -> dict[str, int]:
    return {"old": old.id if old is not None else _NONE, "new": new.id if new is not None else _NONE}
