"""Differences as a layer with tiles (差异图斑图层): the ledger of two layers on a map, also where a million of them lie in one view."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.city_router import to_lonlat_bounds
from blueprint.database import load_statements
from blueprint.errors import NotFoundError
from blueprint.permissions import Actor
from blueprint.sharing.purposes import record_reading
from coordination.plan_audit.models import DifferenceState, PlanAudit

MAX_ZOOM = 18
_SQL = load_statements(Path(__file__).with_suffix(".sql"))


def difference_tile(
    session: Session,
    audit: PlanAudit,
    z: int,
    x: int,
    y: int,
    *,
    city: City,
    actor: Actor,
    states: Collection[DifferenceState] = tuple(DifferenceState),
) -> bytes:
    """The differences of an audit's two layers as a vector tile, layer `differences`; empty where there is none.

    The audit was found for the actor, who may read both layers. NotFoundError for what is no tile of its zoom.
    """
    if not (0 <= x < 2**z and 0 <= y < 2**z):
        raise NotFoundError(
            "there is no tile {z}/{x}/{y}: at zoom {z} columns and rows go to {most}",
            z=z,
            x=x,
            y=y,
            most=2**z - 1,
        )
    _record(session, audit, actor, f"difference tile {z}/{x}/{y}")
    values = {"z": z, "x": x, "y": y, "working_srid": city.working_srid, "states": list(states)}
    content = session.execute(_SQL["difference_tile"], values | _layers(audit)).scalar_one()
    return bytes(content or b"")


def difference_tilejson(
    session: Session, audit: PlanAudit, *, city: City, actor: Actor, address: str
) -> dict[str, Any]:
    """The description of that layer (TileJSON 3), with its extent; `address` is that of its tiles."""
    _record(session, audit, actor, "difference tiles")
    row = session.execute(_SQL["difference_extent"], _layers(audit)).one_or_none()
    text = dict.fromkeys(("state", "first_class", "second_class"), "String")
    return {
        "tilejson": "3.0.0",
        "name": f"{audit.first_layer.title} × {audit.second_layer.title}",
        "tiles": [address],
        "minzoom": 0,
        "maxzoom": MAX_ZOOM,
        **({"bounds": list(to_lonlat_bounds(tuple(row), city))} if row is not None else {}),
        "vector_layers": [
            {
                "id": "differences",
                "fields": {**text, "is_sliver": "Boolean", "overlap_m2": "Number", "number": "Number"},
            }
        ],
    }


def _layers(audit: PlanAudit) -> dict[str, int]:
    return {"first_layer_id": audit.first_layer_id, "second_layer_id": audit.second_layer_id}


def _record(session: Session, audit: PlanAudit, actor: Actor, what: str) -> None:
    things = [audit.first_layer.thing, audit.second_layer.thing]
    record_reading(
        session, actor, things, kind="plan_difference", id=f"audit {audit.id}", after={"what": what}
    )
