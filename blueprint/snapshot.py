"""The blueprint on a day: which version of every layer is in force."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blueprint.connections import Asked, Beside
from blueprint.database import execute_prepared, load_statements, prepared
from blueprint.errors import InvalidInputError
from blueprint.layers.buffers import Zone, read_buffer_rule
from blueprint.layers.models import InForcePeriod, Layer, LayerVersion
from blueprint.permissions import Act, Actor, Sensitivity, Thing, may
from blueprint.rasters.values import Threshold

SNAPSHOT = prepared("snapshot", load_statements(Path(__file__).with_suffix(".sql"))["snapshot"].text)


class LayerOnDay(NamedTuple):
    """A layer with its rule and the version in force on the day; `version_id` is None where there is none.

    `valid_until` is the last day on which the version is relied on: the plan's own end, or the day of its review.
    Its fields are the columns of `snapshot.sql`.
    """

    code: str
    title: str
    title_en: str | None
    department: str
    geometry: str
    control: str
    conflict_when: str
    tolerance_m2: float
    sliver_width_m: float
    sensitivity: str
    basis: str | None
    buffer_m: float
    buffer_by: dict[str, Any] | None
    value_kind: str | None
    unit: str | None
    threshold_above: float | None
    threshold_below: float | None
    threshold_values: list[int] | None
    threshold_share: float
    object_sha256: str | None
    pixel_width_m: float | None
    pixel_height_m: float | None
    version_id: int | None
    version: int | None
    source_sha256: str | None
    in_force_from: date | None
    valid_until: date | None
    has_overlaps: bool | None
    has_coverage: bool
    class_field: str | None
    symbology: str | None

    @property
    def thing(self) -> Thing:
        """The layer as the permission check sees it."""
        return Thing(self.department, Sensitivity(self.sensitivity), self.code)

    def zone_of(self, attributes: Mapping[str, Any]) -> Zone:
        """The zone that a feature of a buffered layer has."""
        return read_buffer_rule(self.buffer_by, self.buffer_m, self.code).zone(self.buffer_m, attributes)

    @property
    def threshold(self) -> Threshold:
        """What a raster layer's rule asks of its pixels."""
        return Threshold(
            above=self.threshold_above,
            below=self.threshold_below,
            values=tuple(self.threshold_values or ()),
            share=self.threshold_share,
        )


@dataclass(frozen=True)
class Snapshot:
    """One Blueprint (一张蓝图) on a day: every layer of the catalogue, by code."""

    day: date
    layers: tuple[LayerOnDay, ...]


def ask_ahead(beside: Beside, day: date) -> Asked | None:
    """Ask for the layers of a day while something else is done, where the session has changed none."""
    return beside.start(SNAPSHOT.name, {"day": day, "also_retired": False})


def take_snapshot(session: Session, day: date, *, asked: Asked | None = None) -> Snapshot:
    """The layers as they are in force on `day`; `asked` is what `ask_ahead` gave for the same day. Refuses an empty catalogue."""
    layers = layers_on(session, day, asked=asked)
    if not layers:
        raise _nothing_in_force()
    return Snapshot(day=day, layers=layers)


def layers_on(
    session: Session, day: date, *, asked: Asked | None = None, also_retired: bool = False
) -> tuple[LayerOnDay, ...]:
    """Every layer of the catalogue as it is on `day`, also where nothing is in force; those retired by then for what told of them before."""
    rows = asked.rows_or_none() if asked is not None else None
    if rows is None:
        rows = execute_prepared(session, SNAPSHOT, {"day": day, "also_retired": also_retired})
    return tuple(map(LayerOnDay._make, rows))


def with_version(
    layers: tuple[LayerOnDay, ...], version: LayerVersion, *, starts_on: date
) -> tuple[LayerOnDay, ...]:
    """The same layers, but with this version in force from a day on in place of its layer's."""
    days = [day for day in (version.valid_until, version.review_by) if day is not None]
    return tuple(
        layer._replace(
            version_id=version.id,
            version=version.number,
            source_sha256=version.source_sha256,
            buffer_m=version.buffer_m,
            buffer_by=version.buffer_by,
            in_force_from=starts_on,
            valid_until=min(days, default=None),
            has_overlaps=version.has_overlaps,
            has_coverage=version.coverage is not None,
        )
        if layer.code == version.layer.code
        else layer
        for layer in layers
    )


def known_to(layers: Iterable[LayerOnDay], actor: Actor) -> list[LayerOnDay]:
    """The layers of which the actor may know that they are there: all but restricted ones that are not for them."""
    return [
        layer
        for layer in layers
        if layer.sensitivity != Sensitivity.RESTRICTED or may(actor, Act.READ_LAYER, layer.thing)
    ]


def refuse_before_the_first(session: Session, known: Sequence[LayerOnDay], day: date) -> None:
    """Refuse a day on which none of the layers known to the actor was in force: others tell no day either."""
    if any(layer.version_id is not None for layer in known):
        return
    codes = [layer.code for layer in known]
    periods = select(func.min(InForcePeriod.starts_on)).join(Layer, Layer.id == InForcePeriod.layer_id)
    first = session.scalar(periods.where(Layer.code.in_(codes)))
    if first is None:
        raise _nothing_in_force()
    raise InvalidInputError(
        "no layer was in force on {day}; the blueprint begins on {first}", day=day, first=first
    )


def _nothing_in_force() -> InvalidInputError:
    return InvalidInputError(
        "no layer is in force yet; upload one and bring it into force (`blueprint layer upload … --in-force` at the console)"
    )
