"""Where the findings lie that a department is asked about: kept with its request, so that a condition on one has its place."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import shapely
from geoalchemy2.shape import from_shape, to_shape
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.permissions import Actor
from blueprint.snapshot import Snapshot, take_snapshot
from coordination.check_report import CheckReport
from coordination.checks import run_check
from coordination.models import Check, FootprintRevision, OpinionRequest
from coordination.projects import footprint_of
from coordination.responsibility import feature_name

_NOWHERE = shapely.Point()
"""Of a finding that has no shape, or that the report no longer has."""


def draw_findings(
    session: Session, check: Check, revision: FootprintRevision, layers: set[str], *, city: City, actor: Actor
) -> CheckReport | None:
    """The check once more, of these layers alone, with the shapes that a kept report does not have; None without layers."""
    if not layers:
        return None
    of_day = tuple(each for each in take_snapshot(session, check.on_day).layers if each.code in layers)
    snapshot = Snapshot(day=check.on_day, layers=of_day)
    footprint = footprint_of(revision)
    return run_check(
        session, footprint, city=city, actor=actor, on=check.on_day, with_shapes=True, snapshot=snapshot
    )


def places_of(
    findings: Sequence[Mapping[str, Any]], drawn: CheckReport | None, *, department: str, city: City
) -> Any:
    """The shapes of the findings that a department is asked about (footprint and feature in common), one for each in its order, as the
    column takes them.
    """
    if drawn is None or not findings:
        return None
    found: dict[tuple[str, str, str], list[BaseGeometry | None]] = defaultdict(list)
    owners = {layer.code: layer.department for layer in drawn.layers}
    for finding in drawn.findings:
        if not finding.sliver and (finding.department or owners[finding.layer]) == department:
            name = feature_name(finding.source_id, finding.feature_id)
            found[finding.layer, finding.severity, name].append(finding.shape)
    shapes = []
    for told in findings:
        waiting = found[told["layer"], told["severity"], told["feature"]]
        shapes.append((waiting.pop(0) if waiting else None) or _NOWHERE)
    return from_shape(shapely.GeometryCollection(shapes), srid=city.working_srid)


def place_of(request: OpinionRequest, number: int | None) -> BaseGeometry | None:
    """Where the finding of that number lies, in the working CRS; None where that was not kept."""
    if number is None or request.finding_places is None:
        return None
    shapes = shapely.get_parts(to_shape(request.finding_places))
    shape: BaseGeometry | None = shapes[number - 1] if number <= len(shapes) else None
    return None if shape is None or shape.is_empty else shape
