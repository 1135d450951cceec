"""Settling where a version's data lie: the CRS that a person accepted, and the shifts of map services."""

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.layers.catalogue import find_readable
from blueprint.layers.location import compare_place, compare_with_others, decision_of, may_be_shifted, name_of
from blueprint.layers.models import LayerVersion
from blueprint.layers.reading_report import noted
from blueprint.layers.succession import version_on
from blueprint.permissions import Actor
from blueprint.sentences import Sentence
from blueprint.sharing.purposes import record_reading


def settle_place(
    session: Session,
    version: LayerVersion,
    report: dict[str, Any],
    *,
    actor: Actor,
    accepted: str | None,
    named: str | None,
    reference: LayerVersion | None,
    city: City,
) -> None:
    """Keep the CRS that a person accepted; refuse data that carry a map service's shift, unless he says otherwise.

    Compared with the version given as reference, the layer that is named, and the boundaries of the city; where none of them
    tells, with other layers in force. On which the data lie is kept; where none tells and the data are such as map
    services give away, that is a warning.
    """
    references = [
        each for each in (_named_reference(session, version, named, actor), reference) if each is not None
    ]
    place = compare_place(session, report["placed_sample"], city, references)
    if reference is not None and not _is_stood_by(reference):
        # The same file again says nothing more: a draft that nothing confirmed confirms none.
        lies_on = tuple(name for name in place.lies_on if name != name_of(reference).english)
        place = replace(place, lies_on=lies_on)
    if place.shift is None and not place.lies_on:
        day = version.uploaded_at.date()
        placed = report["placed_sample"]
        place = compare_with_others(session, version.layer, placed, city, actor=actor, day=day)
    shift = place.shift
    version.quality = version.quality | {"placed_on": place.lies_on}
    if accepted is None:
        if shift is not None:
            raise InvalidInputError(
                "{shift}, or accept the coordinate system that they say (--accept-crs at the console)",
                shift=shift.sentence(),
            )
        if not place.lies_on and may_be_shifted(report, city):
            untested = noted(
                "place-untested",
                Sentence(
                    "no earlier version, reference layer, boundary or other layer in force tells whether the data carry"
                    " a map service's shift of some 500 m (GCJ-02, BD-09)"
                ),
            )
            version.quality = version.quality | {"issues": [*version.quality["issues"], untested]}
        return
    decision = decision_of(accepted, report, city) | {"accepted_by": actor.name}
    if shift is not None:
        decision["against"] = shift.sentence().english
    version.quality = version.quality | {"crs_decision": decision}


def _is_stood_by(version: LayerVersion) -> bool:
    """Say whether a version lies where it should by more than its own word: it was in force, or compared, or accepted."""
    kept = version.quality
    return bool(version.periods or kept.get("placed_on") or kept.get("crs_decision"))


def _named_reference(
    session: Session, version: LayerVersion, named: str | None, actor: Actor
) -> LayerVersion | None:
    """The version of the layer that the uploader names, in force today."""
    if named is None:
        return None
    layer = find_readable(session, named, actor)
    found = version_on(session, layer.id, version.uploaded_at.date())
    if found is None:
        raise ConflictError(
            "no version of {layer_code} is in force; name another layer to compare with",
            layer_code=layer.code,
        )
    record_reading(session, actor, [layer.thing], kind="reference", id=version.name)
    return found
