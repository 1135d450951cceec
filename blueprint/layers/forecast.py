"""The dry run of a publication (试发布): what would change in the blueprint if a version came into force; nothing is kept."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.database import load_statements
from blueprint.errors import ConflictError
from blueprint.layers.difference import Difference, compare
from blueprint.layers.models import LayerVersion
from blueprint.layers.succession import find_place
from blueprint.permissions import Act, Actor, may
from blueprint.snapshot import LayerOnDay, layers_on, with_version

_SQL = load_statements(Path(__file__).with_suffix(".sql"))

MAX_CHANGED = 20_000
"""Of more changed features the meetings with other layers are counted by a job only."""

_NOISE_M2 = 1.0
"""A smaller overlap of two features is no place where layers meet."""


@dataclass(frozen=True)
class Meeting:
    """Another layer in force, and on how many places (pairs of features) the changed features meet it; m² in all."""

    layer: str
    title: str
    places_before: int
    places_after: int
    change_m2: float


@dataclass(frozen=True)
class Forecast:
    """What would change on `starts_on`; `before` and `after` are all layers of that day without and with the version."""

    starts_on: date
    old: LayerVersion | None
    new: LayerVersion
    difference: Difference
    meetings: tuple[Meeting, ...]
    before: tuple[LayerOnDay, ...]
    after: tuple[LayerOnDay, ...]


def forecast(
    session: Session,
    version: LayerVersion,
    *,
    starts_on: date,
    city: City,
    actor: Actor,
    now: datetime,
    at_most: int | None = MAX_CHANGED,
) -> Forecast:
    """Say what changes when a version comes into force on a day, as far as the actor may read the other layers.

    Refused as the publication itself would be, and for more changed features than `at_most`.
    """
    place = find_place(session, version, starts_on=starts_on, now=now)
    old = place.before.version if place.before is not None else None
    difference = compare(session, old, version, city=city)
    # Of a raster what is counted are pixels, and what they meet is not looked for.
    if at_most is not None and difference.raster is None and difference.changed > at_most:
        raise ConflictError(
            "{changed:,} features change, more than can be looked at while you wait ({at_most:,}); ask for"
            " the dry run as a job (POST)",
            changed=difference.changed,
            at_most=at_most,
        )
    before = layers_on(session, starts_on)
    others = [
        layer
        for layer in before
        if layer.code != version.layer.code
        and layer.version_id is not None
        and may(actor, Act.READ_LAYER, layer.thing)
    ]
    return Forecast(
        starts_on=starts_on,
        old=old,
        new=version,
        difference=difference,
        meetings=_meetings(session, old, version, others, city=city),
        before=before,
        after=with_version(before, version, starts_on=starts_on),
    )


def _meetings(
    session: Session,
    old: LayerVersion | None,
    new: LayerVersion,
    others: list[LayerOnDay],
    *,
    city: City,
) -> tuple[Meeting, ...]:
    values = {
        "version_ids": [layer.version_id for layer in others],
        "is_zones": [layer.buffer_m > 0 for layer in others],
        "new": new.id,
        "new_is_zone": new.buffer_m > 0,
        "old": old.id if old is not None else 0,
        "old_is_zone": old is not None and old.buffer_m > 0,
        "on_ellipsoid": city.area_measure is AreaMeasure.ELLIPSOID,
        "noise_m2": _NOISE_M2,
    }
    rows = {row.version_id: row for row in session.execute(_SQL["meetings"], values)}
    met = [(layer, rows[layer.version_id]) for layer in others if layer.version_id in rows]
    return tuple(
        Meeting(layer.code, layer.title, row.places_before, row.places_after, row.change_m2)
        for layer, row in met
    )
