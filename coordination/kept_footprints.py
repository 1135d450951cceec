"""Footprints in tables (留存的用地红线): an area with, where it came of lines and points, its centre line and width."""

from collections.abc import Sequence
from typing import Any

import shapely
from geoalchemy2.shape import from_shape, to_shape

from blueprint.city import City, polygonal
from blueprint.footprint import Footprint
from blueprint.strip import Strip
from coordination.models import Check, FootprintRevision


def columns_of(footprint: Footprint, city: City) -> dict[str, Any]:
    """The columns of a revision or a kept check that hold a footprint."""
    strip = footprint.strip
    return {
        "footprint": from_shape(footprint.geometry, srid=city.working_srid),
        "centre_line": from_shape(strip.centre, srid=city.working_srid) if strip is not None else None,
        "width_m": strip.width_m if strip is not None else None,
        "strip_points": strip.points if strip is not None else None,
    }


def kept_footprint(
    row: FootprintRevision | Check,
    *,
    source_crs: str,
    operation: str,
    notes: Sequence[str] = (),
    planned_use: str | None = None,
    top_m: float | None = None,
) -> Footprint:
    """The footprint of a revision or a kept check as the check takes it."""
    return Footprint(
        geometry=polygonal(to_shape(row.footprint)),
        source_crs=source_crs,
        operation=operation,
        notes=tuple(notes),
        strip=_strip(row),
        planned_use=planned_use,
        top_m=top_m,
    )


def _strip(row: FootprintRevision | Check) -> Strip | None:
    if row.centre_line is None or row.width_m is None or row.strip_points is None:
        return None
    lines = shapely.get_parts(to_shape(row.centre_line))
    return Strip(row.width_m, shapely.MultiLineString(list(lines)), row.strip_points)
