"""The coordinate system that a GeoJSON names: not of RFC 7946 any more, but written by many programs (GeoJSON 2008, 3)."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blueprint.crs import parse_crs
from blueprint.errors import InvalidInputError

_READ_BYTES = 1 << 20
"""Programs write it before the features, some after them: so much of both ends of a file is looked at."""

_MEMBER = re.compile(r'"crs"\s*:\s*(?=[{"\[0-9ntf-])')


def named_crs(document: Mapping[str, Any]) -> str | None:
    """What the member "crs" of a GeoJSON names; None where there is none. InvalidInputError where nobody knows it.

    A reader that passes over a name it does not know takes coordinates for longitude and latitude, in silence.
    """
    return _name_in(document["crs"]) if document.get("crs") is not None else None


def check_named_crs(path: Path) -> None:
    """Raise InvalidInputError where a file of GeoJSON names a coordinate system that nobody knows."""
    with path.open("rb") as opened:
        ends = [opened.read(_READ_BYTES)]
        if opened.seek(0, 2) > _READ_BYTES:
            opened.seek(-_READ_BYTES, 2)
            ends.append(opened.read())
    decoder = json.JSONDecoder()
    for text in (end.decode("utf-8", "replace") for end in ends):
        for found in _MEMBER.finditer(text):
            try:
                member, _ = decoder.raw_decode(text, found.end())
            except (ValueError, RecursionError):
                continue
            # A field of a feature may be called so, too; it is no object of this form.
            if isinstance(member, dict) and {"type", "properties"} <= member.keys():
                _name_in(member)


def _name_in(member: Any) -> str:
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str):
        raise InvalidInputError(
            'the GeoJSON has a "crs" without a name; write {"type": "name", "properties": {"name": "EPSG:4550"}}'
        )
    try:
        parse_crs(name)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"the GeoJSON names the coordinate system {name[:60]!r}, which nobody knows; name it like EPSG:4550"
        ) from error
    return name
