"""Any two versions as a delta (动态维护): layers WHQ… (before), WHC… (changes) and WHH… (after) of one GeoPackage."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.database import load_statements
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.layers.delta import ADDED, CHANGED, KIND_FIELD, REMOVED
from blueprint.layers.difference import DifferencePatch, compare, read_patches
from blueprint.layers.export import write_rows
from blueprint.layers.models import Layer, LayerVersion
from blueprint.layers.stamps import Stamp
from blueprint.layers.table import GEOMETRY, column_of, free_name

_SQL = load_statements(Path(__file__).with_name("delta.sql"))

_KINDS = {
    "added": (ADDED,), "removed": (REMOVED,), "attributes": (CHANGED,), "gained": (CHANGED,), "lost": (CHANGED,), "zone": ()
}  # fmt: skip


_Row = tuple[dict[str, Any], BaseGeometry]


@dataclass(frozen=True)
class DeltaWriter:
    """Writes what leads from `old` to a version, so that it can be put on `old` again."""

    old: LayerVersion

    def __call__(
        self, session: Session, layer: Layer, version: LayerVersion, path: Path, *, city: City, stamp: Stamp
    ) -> int:
        """A GeoPackage in the working CRS; says how many features differ."""
        if path.suffix.lower() != ".gpkg":
            raise InvalidInputError("a delta has three layers in one file; write it to a .gpkg")
        found = compare(session, self.old, version, city=city)
        if found.compared_by != "source_id" or layer.source_id_field is None:
            raise ConflictError(
                "features of {layer_code} cannot be told apart by a source id; there is no delta of these"
                " versions",
                layer_code=layer.code,
            )
        patches = list(read_patches(session, self.old, version))
        day = f"{stamp.exported_at:%Y%m%d}"
        changes: list[_Row] = [
            ({layer.source_id_field: p.source_id, KIND_FIELD: kind, "WHBH": f"{day}{number:06d}"}, p.shape)
            for number, p in enumerate(patches, start=1)
            for kind in _KINDS[p.change]
        ]
        changes += self._silent_changes(patches, session, version, layer, day)
        states: dict[str, list[_Row]] = {
            "WHQ": self._states(session, self.old, is_old=True),
            "WHC": changes,
            "WHH": self._states(session, version, is_old=False),
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            for prefix, rows in states.items():
                _write(path, f"{prefix}{layer.code}", rows, layer, city, stamp)
        except OSError as error:
            raise InvalidInputError(
                "cannot write {path}: {strerror}", path=path, strerror=error.strerror
            ) from error
        return found.changed

    def _silent_changes(
        self,
        patches: Sequence[DifferencePatch],
        session: Session,
        version: LayerVersion,
        layer: Layer,
        day: str,
    ) -> list[_Row]:
        """Features drawn otherwise without a patch (other vertices on the same line) are changes all the same."""
        field = layer.source_id_field or ""
        told = {patch.source_id for patch in patches if _KINDS[patch.change]}
        rows = session.execute(_SQL["states"], {"version_id": version.id, "is_old": False})
        left = [(row.attributes, shapely.from_wkb(bytes(row.geom))) for row in rows]
        left = [(values, shape) for values, shape in left if str(values.get(field)) not in told]
        return [
            ({field: values.get(field), KIND_FIELD: CHANGED, "WHBH": f"{day}{number:06d}"}, shape)
            for number, (values, shape) in enumerate(left, start=len(patches) + 1)
        ]

    def _states(self, session: Session, version: LayerVersion, *, is_old: bool) -> list[_Row]:
        rows = session.execute(_SQL["states"], {"version_id": version.id, "is_old": is_old})
        return [(row.attributes, shapely.from_wkb(bytes(row.geom))) for row in rows]


def _write(
    path: Path,
    name: str,
    rows: Sequence[_Row],
    layer: Layer,
    city: City,
    stamp: Stamp,
) -> None:
    columns = list(dict.fromkeys(key for values, _ in rows for key in values)) or [
        layer.source_id_field or ""
    ]
    taken: set[str] = set()
    names = [free_name(column, taken) for column in columns]
    shape_name = free_name(GEOMETRY, taken)
    # Typed by hand: pandas would make real numbers of whole ones, and texts of truths, where a row has none.
    values = [column_of([values.get(column) for values, _ in rows]) for column in columns]
    # Shapes as they are: a polygon that came back as a multipolygon would be another one.
    shapes = pa.array(shapely.to_wkb([shape for _, shape in rows]), pa.binary())
    table = pa.table([*values, shapes], names=[*names, shape_name])
    write_rows(
        table.to_reader(),
        path,
        layer=name,
        driver="GPKG",
        geometry_name=shape_name,
        geometry_type="Unknown",
        crs=city.working_crs,
        **stamp.options("GPKG") | {"IDENTIFIER": f"{name} v{stamp.version}"},
    )
