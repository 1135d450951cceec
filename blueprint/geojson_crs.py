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

_MEMBER = re.compile(r'"crs"\s*:')
_BLANKS = re.compile(r"\s*")
_MOST_TRIED = 8
_DECODER = json.JSONDecoder()


def named_crs(document: Mapping[str, Any]) -> str | None:
    """What the member "crs" of a GeoJSON names; None where there is none. InvalidInputError where nobody knows it.

    A reader that passes over a name it does not know takes coordinates for longitude and latitude, in silence.
    """
    return _name_in(document["crs"]) if document.get("crs") is not None else None


def crs_named_in(path: Path) -> str | None:
    """The same of a file of any size: of the document's own member, not of what features carry."""
    with path.open("rb") as opened:
        head = opened.read(_READ_BYTES)
        tail = head
        if opened.seek(0, 2) > _READ_BYTES:
            opened.seek(-_READ_BYTES, 2)
            tail = opened.read()
    text = head.decode("utf-8-sig", "replace")
    start = _past_blanks(text, 0)
    members, _ = _members(text, start + 1) if text[start : start + 1] == "{" else ({}, False)
    if "crs" not in members:
        members = _last_members(tail.decode("utf-8", "replace"))
    return named_crs(members)


def _last_members(text: str) -> dict[str, Any]:
    """The document's members from "crs" on, where it comes after the features: from there on they lead to its end."""
    for found in list(_MEMBER.finditer(text))[-_MOST_TRIED:]:
        members, is_end = _members(text, found.start())
        if is_end:
            return members
    return {}


def _members(text: str, at: int) -> tuple[dict[str, Any], bool]:
    """Members of an object as far as they can be read, up to the features; and whether they end with the text."""
    members: dict[str, Any] = {}
    try:
        while True:
            key, at = _DECODER.raw_decode(text, _past_blanks(text, at))
            at = _past_blanks(text, at)
            if key == "features" or text[at : at + 1] != ":":
                return members, False
            members[key], at = _DECODER.raw_decode(text, _past_blanks(text, at + 1))
            at = _past_blanks(text, at)
            if text[at : at + 1] != ",":
                return members, text[at : at + 1] == "}" and _past_blanks(text, at + 1) == len(text)
            at += 1
    except (ValueError, TypeError, RecursionError):
        return members, False


def _past_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found is not None else at


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
            "the GeoJSON names the coordinate system {name!r}, which nobody knows; name it like EPSG:4550",
            name=name[:60],
        ) from error
    return name
