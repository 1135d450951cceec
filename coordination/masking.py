"""What a reader without clearance is told of restricted layers: that one is met, roughly how much, whom to ask (Art. 17, 18)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import shapely
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.overlay import find_overlaps
from blueprint.snapshot import LayerOnDay

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


def size_class_of(share: float) -> SizeClass:
    """The class of a share of the footprint; a line or a point that is met is small."""
    if share >= _MOST:
        return SizeClass.MOST
    return SizeClass.PART if share >= _PART else SizeClass.SMALL


def find_restricted_conflicts(
    session: Session, footprint: shapely.MultiPolygon, layers: Sequence[LayerOnDay], *, city: City
) -> tuple[RestrictedConflict, ...]:
    """The conflicts with `layers` that the reader may not read, one a department; the largest decides the class."""
    if not layers:
        return ()
    overlay = find_overlaps(session, footprint, layers, city=city)
    department_of = {layer.version_id: layer.department for layer in layers}
    shares: dict[str, float] = defaultdict(float)
    for overlap in overlay.overlaps:
        if not overlap.is_sliver:
            share = overlay.layer_m2.get(overlap.version_id, 0.0) / overlay.site.area_m2
            department = department_of[overlap.version_id]
            shares[department] = max(shares[department], share)
    return tuple(
        RestrictedConflict(department, size_class_of(share)) for department, share in sorted(shares.items())
    )
