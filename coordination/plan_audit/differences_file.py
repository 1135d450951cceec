"""The differences of two layers as a file that leaves: by right, stamped, in the register of exports for both layers (Art. 17, 18)."""

import json
from datetime import datetime
from pathlib import Path

import geopandas
import pandas
import pyarrow.parquet as pq
import shapely
from geoalchemy2.shape import to_shape
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.city_router import to_lonlat
from blueprint.errors import InvalidInputError
from blueprint.layers.stamps import Stamp, new_number
from blueprint.permissions import Act, Actor, Role, Sensitivity, require
from blueprint.sharing.exports import register, stamp_of, terms_of
from blueprint.sharing.purposes import ground_of
from coordination.plan_audit.ledger import list_differences
from coordination.plan_audit.models import DifferenceState, PlanAudit
from coordination.plan_audit.schemas import settled_versions

_DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf", ".parquet": "Parquet"}

COLUMNS = (
    "id",
    "first_key",
    "second_key",
    "first_class",
    "second_class",
    "overlap_m2",
    "first_share",
    "second_share",
    "is_sliver",
    "state",
    "reason",
    "first_audit_id",
    "last_audit_id",
    "settled_audit_id",
    "yielded",
)
"""What a file says of a difference."""


def write_differences(
    session: Session,
    audit: PlanAudit,
    path: Path,
    *,
    city: City,
    actor: Actor,
    now: datetime,
    state: DifferenceState | None = None,
    purpose: str | None = None,
) -> int:
    """The differences as a GeoPackage, GeoParquet, FlatGeobuf or GeoJSON; says how many.

    Asks the right to export both layers, and holds to what grants and the day let be taken of each, as an export does. The file is an
    entry of the register for each of them and has both numbers in it.
    """
    driver = _DRIVERS.get(path.suffix.lower())
    if driver is None:
        raise InvalidInputError(
            "differences are written to {drivers}, not to {suffix}",
            drivers=_DRIVERS,
            suffix=path.suffix or path,
        )
    for layer in (audit.first_layer, audit.second_layer):
        require(actor, Act.EXPORT_LAYER, layer.thing)
    rows = list_differences(session, audit, actor=actor, state=state, limit=None)
    first, second = _stamps(session, audit, len(rows), purpose=purpose, city=city, actor=actor, now=now)
    shapes = [to_shape(row.geom) for row in rows]
    frame = geopandas.GeoDataFrame(
        {name: [getattr(row, name) for row in rows] for name in COLUMNS}
        | {
            # A number of which some are missing, which would else be one with fractions.
            "settled_audit_id": pandas.array([row.settled_audit_id for row in rows], dtype="Int64"),
            "settled_versions": [" × ".join(map(str, settled_versions(row) or ())) or None for row in rows],
            "first_owner": [audit.first_layer.department] * len(rows),
            "second_owner": [audit.second_layer.department] * len(rows),
        },
        geometry=shapely.set_srid(shapes, 0) if shapes else [],
        crs=city.working_crs,
    )
    if driver == "GeoJSON":
        frame = frame.set_geometry(
            to_lonlat(frame.geometry.to_numpy(), city), crs=f"EPSG:{city.geographic_srid}"
        )
    name = f"{audit.first_layer.code}_{audit.second_layer.code}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if driver == "Parquet":
            frame.to_parquet(path)
            _stamp_parquet(path, first)
        else:
            frame.to_file(path, layer=name, driver=driver, engine="pyogrio", **first.options(driver))
    except OSError as error:
        raise InvalidInputError(
            "cannot write {path}: {strerror}", path=path, strerror=error.strerror
        ) from error
    for stamp, version in ((first, audit.first_version), (second, audit.second_version)):
        register(session, version, path, stamp, features=len(frame), actor=actor)
    return len(frame)


def _stamps(
    session: Session,
    audit: PlanAudit,
    features: int,
    *,
    purpose: str | None,
    city: City,
    actor: Actor,
    now: datetime,
) -> tuple[Stamp, Stamp]:
    """One stamp a layer; each names the other's number, so that the file is traced to both."""
    numbers = (new_number(), new_number())
    made = []
    for own, layer, version in (
        (0, audit.first_layer, audit.first_version),
        (1, audit.second_layer, audit.second_version),
    ):
        own_purpose = purpose
        if own_purpose is None and Role.CONSOLE in actor.roles:
            own_purpose = ground_of(actor, layer.thing, to_export=True).purpose
        terms = terms_of(session, layer, features, purpose=own_purpose, actor=actor, city=city, now=now)
        made.append(
            stamp_of(
                layer,
                version,
                numbers[own],
                purpose=terms.purpose if layer.sensitivity != Sensitivity.PUBLIC else None,
                conditions=terms.conditions,
                grant=terms.grant,
                city=city,
                actor=actor,
                now=now,
                other_numbers=(numbers[1 - own],),
            )
        )
    return made[0], made[1]


def _stamp_parquet(path: Path, stamp: Stamp) -> None:
    """Put the stamp among the metadata of a file that is written already: geopandas takes none."""
    table = pq.read_table(path)
    told = json.dumps(stamp.to_json(), ensure_ascii=False)
    metadata = (table.schema.metadata or {}) | {b"blueprint_export": told.encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path, compression="zstd")
