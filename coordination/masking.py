"""What a reader without clearance is told of restricted layers: that one is met, roughly how much, whom to ask (Art. 17, 18)."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import shapely
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from blueprint.city import City, polygonal
from blueprint.errors import UnavailableError
from blueprint.overlay import find_overlaps
from blueprint.permissions import Act, Actor, Role, require
from blueprint.snapshot import LayerOnDay
from coordination.models import RestrictedAnswer
from coordination.particular_rules import ask_by_rules
from coordination.rule_sets import Rule

_PART, _MOST = 0.05, 0.5


class SizeClass(StrEnum):
    """How much of the footprint is met, in three classes: less than 5 %, less than half, half or more."""

    SMALL = "small"
    PART = "part"
    MOST = "most"


@dataclass(frozen=True)
class RestrictedConflict:
    """A conflict with a restricted layer, or several, of one department: neither which, nor where, nor how many."""

    department: str
    size_class: SizeClass


_COUNT = text("""
INSERT INTO coordination.restricted_answer AS counted (day, reader, owner, asked)
SELECT CAST(now() AT TIME ZONE :zone AS date), :reader, owner, 1
FROM unnest(CAST(:owners AS text[])) AS owner
ORDER BY owner
ON CONFLICT (day, reader, owner) DO UPDATE SET asked = counted.asked + 1
RETURNING asked
""")


def count_answers(session: Session, owners: Collection[str], *, actor: Actor, city: City) -> bool:
    """Count a check that asks restricted layers of these departments; False when the reader's day is used up.

    Many small checks would draw the layer's outline. So a department, all its accounts together, is answered a number
    of times a day, met or not; the owners see how often. The rows are locked until the check ends: no two count as one.
    """
    if not owners:
        return True
    reader = actor.department or actor.name
    values = {"zone": city.time_zone, "reader": reader, "owners": sorted(owners)}
    asked = session.scalars(_COUNT, values).all()
    return max(asked, default=0) <= city.limits.restricted_answers_per_day


def list_answers(
    session: Session, *, actor: Actor, before: int | None = None, limit: int = 200
) -> list[RestrictedAnswer]:
    """Who asked restricted layers how often on which day, newest first: an owner its own layers', an overseer all."""
    require(actor, Act.READ_GRANTS)
    row = RestrictedAnswer
    statement = select(row).order_by(row.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(row.id < before)
    if not actor.roles & {Role.AUDITOR, Role.CONSOLE}:
        statement = statement.where(row.owner == (actor.department or ""))
    return list(session.scalars(statement))


def size_class_of(share: float) -> SizeClass:
    """The class of a share of the footprint; a line or a point that is met is small."""
    if share >= _MOST:
        return SizeClass.MOST
    return SizeClass.PART if share >= _PART else SizeClass.SMALL


def find_restricted_conflicts(
    session: Session,
    footprint: shapely.MultiPolygon,
    layers: Sequence[LayerOnDay],
    rules: Mapping[str, Sequence[Rule]],
    *,
    city: City,
) -> tuple[RestrictedConflict, ...]:
    """The conflicts with `layers` that the reader may not read, one a department; the largest decides the class.

    `rules` are the particular rules of the day by layer: what lies within the distance of one is met, too.
    """
    if not layers:
        return ()
    overlay = find_overlaps(session, footprint, layers, city=city)
    if overlay.failed:  # which one is not for this reader, and that none is met is not known
        raise UnavailableError(
            "a layer that the check has to ask cannot be read at present; the log says which"
        )
    site_m2 = overlay.site.area_m2
    found = [
        (overlap.version_id, overlay.layer_m2.get(overlap.version_id, 0.0) / site_m2)
        for overlap in overlay.overlaps
        if not overlap.is_sliver
    ]
    zones = defaultdict(list)
    for asked in ask_by_rules(session, footprint, layers, rules, city=city, site_m2=site_m2):
        if not asked.overlap.is_sliver:
            shape = asked.overlap.shape
            zones[asked.overlap.version_id].append(polygonal(shape) if shape is not None else footprint)
    found += [(layer, shapely.union_all(shapes).area / footprint.area) for layer, shapes in zones.items()]
    department_of = {layer.version_id: layer.department for layer in layers}
    shares: dict[str, float] = defaultdict(float)
    for version_id, share in found:
        department = department_of[version_id]
        shares[department] = max(shares[department], share)
    return tuple(
        RestrictedConflict(department, size_class_of(share)) for department, share in sorted(shares.items())
    )
