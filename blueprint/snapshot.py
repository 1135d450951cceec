"""The blueprint on a day: which version of every layer is in force."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from blueprint.errors import InvalidInputError
from blueprint.layers.models import InForcePeriod, Layer, LayerVersion
from blueprint.permissions import Sensitivity, Thing


@dataclass(frozen=True)
class LayerOnDay:
    """A layer with its rule and the version in force on the day; `version_id` is None where there is none."""

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
    version_id: int | None
    version: int | None
    source_sha256: str | None
    in_force_from: date | None
    valid_until: date | None

    @property
    def thing(self) -> Thing:
        """The layer as the permission check sees it."""
        return Thing(department=self.department, sensitivity=Sensitivity(self.sensitivity))


@dataclass(frozen=True)
class Snapshot:
    """One Blueprint (一张蓝图) on a day: every layer of the catalogue, by code."""

    day: date
    layers: tuple[LayerOnDay, ...]


def take_snapshot(session: Session, day: date) -> Snapshot:
    """The layers as they are in force on `day`; refuses a day before the first version of all."""
    rows = session.execute(
        select(
            Layer.code,
            Layer.title,
            Layer.title_en,
            Layer.department,
            Layer.geometry,
            Layer.control,
            Layer.conflict_when,
            Layer.tolerance_m2,
            Layer.sliver_width_m,
            Layer.sensitivity,
            Layer.basis,
            func.coalesce(LayerVersion.buffer_m, Layer.buffer_m).label("buffer_m"),
            LayerVersion.id.label("version_id"),
            LayerVersion.number.label("version"),
            LayerVersion.source_sha256,
            InForcePeriod.starts_on.label("in_force_from"),
            LayerVersion.valid_until,
        )
        .select_from(Layer)
        .outerjoin(
            InForcePeriod,
            and_(
                InForcePeriod.layer_id == Layer.id,
                InForcePeriod.starts_on <= day,
                or_(InForcePeriod.ends_on.is_(None), InForcePeriod.ends_on > day),
            ),
        )
        .outerjoin(LayerVersion, LayerVersion.id == InForcePeriod.version_id)
        .order_by(Layer.code)
    ).all()
    layers = tuple(LayerOnDay(**row._mapping) for row in rows)
    if not any(layer.version_id is not None for layer in layers):
        raise _nothing_in_force(session, day)
    return Snapshot(day=day, layers=layers)


def _nothing_in_force(session: Session, day: date) -> InvalidInputError:
    first = session.scalar(select(func.min(InForcePeriod.starts_on)))
    if first is None:
        return InvalidInputError(
            "no layer is in force yet; upload one with `blueprint layer upload … --in-force`"
        )
    return InvalidInputError(f"no layer was in force on {day}; the blueprint begins on {first}")
