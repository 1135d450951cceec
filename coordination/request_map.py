"""The map of an opinion request: the site, and of the blueprint only what the department is asked about, cut to the site."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.permissions import Actor
from blueprint.snapshot import Snapshot, take_snapshot
from coordination.checks import run_check
from coordination.models import OpinionRequest
from coordination.projects import footprint_of
from coordination.reports import to_geojson
from coordination.responsibility import department_of, feature_name


def request_map(session: Session, request: OpinionRequest, *, city: City, actor: Actor) -> dict[str, Any]:
    """The footprint and the shapes of the request's findings as GeoJSON, longitude first; `number` is the finding's.

    The layers are those of the day on which the round was opened; one that the actor may not read is left out.
    """
    consultation = request.consultation
    day = (
        consultation.opened_on
    )  # the check was held to that day, and may tell of layers this reader has no part in
    codes = {finding["layer"] for finding in request.findings}
    layers = tuple(layer for layer in take_snapshot(session, day).layers if layer.code in codes)
    footprint = footprint_of(consultation.revision)
    report = run_check(
        session,
        footprint,
        city=city,
        actor=actor,
        on=day,
        with_shapes=True,
        snapshot=Snapshot(day=day, layers=layers),
    )
    drawn = to_geojson(report, footprint, city=city)
    departments = {layer.code: {"department": layer.department} for layer in report.layers}
    # Of one feature a department may have several findings; both sides have them from the largest down.
    numbers = defaultdict(list)
    for number, finding in enumerate(request.findings, start=1):
        numbers[finding["layer"], finding["severity"], finding["feature"]].append(number)
    shown = []
    for feature in drawn["features"]:
        properties = feature["properties"]
        if properties["kind"] == "footprint":
            shown.append(
                feature | {"properties": {"kind": "footprint", "revision": consultation.revision.number}}
            )
        elif (
            department_of(properties, departments[properties["layer"]]) == request.department
            and (waiting := numbers[properties["layer"], properties["severity"], _name(properties)])
            and feature["geometry"] is not None
        ):
            number = waiting.pop(0)
            kept = request.findings[number - 1]
            told = {name: kept[name] for name in ("layer", "title", "feature", "severity")}
            shown.append(feature | {"properties": {"kind": "finding", "number": number, **told}})
    return {"type": "FeatureCollection", "features": shown}


def _name(finding: Mapping[str, Any]) -> str:
    return feature_name(finding["source_id"], finding["feature_id"])
