"""What a tile request asks for: the path and the query read into one of six questions, without any database."""

import re
from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qs

from blueprint.errors import BlueprintError, InvalidInputError, NotFoundError
from blueprint.sentences import Sentence

MAX_ZOOM = 22
"""Tiles below this zoom would show millimetres."""

DIFFERENCE_MIN_ZOOM = 12
"""Above this zoom a tile of a difference would have to compare all of a city at once."""

ALL_LAYERS = "blueprint"
"""The name that stands for all layers in an address; no layer may have it as its code."""


class BadAddressError(InvalidInputError):
    """The address cannot be read (HTTP 400)."""


class NoSuchTileError(NotFoundError):
    """The address can be read, but nothing is there (HTTP 404)."""


@dataclass(frozen=True)
class Coordinates:
    """A tile of the WebMercatorQuad scheme: zoom, column from the west, row from the north."""

    z: int
    x: int
    y: int


@dataclass(frozen=True)
class LayerTile:
    """A tile of the layer's version in force on a day (`on` None: today)."""

    code: str
    at: Coordinates
    on: date | None


@dataclass(frozen=True)
class VersionTile:
    """A tile of one version of a layer, which never changes."""

    code: str
    number: int
    at: Coordinates


@dataclass(frozen=True)
class DifferenceTile:
    """A tile of what changed from one version of a layer to another, which never changes itself."""

    code: str
    old: int
    new: int
    at: Coordinates


@dataclass(frozen=True)
class BlueprintTile:
    """A tile of several layers in one; `codes` None: all that the caller may see."""

    codes: tuple[str, ...] | None
    at: Coordinates
    on: date | None


@dataclass(frozen=True)
class LayerDocument:
    """The TileJSON of a layer."""

    code: str
    on: date | None


@dataclass(frozen=True)
class StyleDocument:
    """The map style of all public layers."""

    on: date | None


Address = LayerTile | VersionTile | DifferenceTile | BlueprintTile | LayerDocument | StyleDocument

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_LARGEST_VERSION = 2**31 - 1


def read_address(path: str, query: bytes) -> Address:
    """Read what comes after `/tiles/`; the errors are of this module's two kinds."""
    match path.split("/"):
        case ["style.json"]:
            return StyleDocument(on=_day(query))
        case [name] if name.endswith(".json"):
            return LayerDocument(_code(name.removesuffix(".json")), on=_day(query))
        case [code, "versions", number, z, x, row]:
            return VersionTile(_code(code), _version(number), _coordinates(z, x, row))
        case [code, "differences", old, new, z, x, row]:
            at = _coordinates(z, x, row, least_zoom=DIFFERENCE_MIN_ZOOM)
            return DifferenceTile(_code(code), _version(old), _version(new), at)
        case [code, z, x, row]:
            at = _coordinates(z, x, row)
            if code == ALL_LAYERS:
                return BlueprintTile(_codes(query), at, on=_day(query))
            return LayerTile(_code(code), at, on=_day(query))
    raise NoSuchTileError(
        "nothing is at this address; a tile is /tiles/{layer}/{z}/{x}/{y}.mvt, its description /tiles/{layer}.json"
    )


def no_such_layer(code: str) -> BlueprintError:
    """The error for a layer that does not exist, and for one that the caller may not know of: the same words."""
    return NoSuchTileError("no layer {code!r}; GET /api/layers lists those that exist", code=code)


def _code(text: str) -> str:
    if not text or len(text) > 60 or not text.isprintable():
        raise no_such_layer(text[:60])
    return text


def _codes(query: bytes) -> tuple[str, ...] | None:
    given = _parameter(query, "layers")
    if given is None:
        return None
    return tuple(dict.fromkeys(_code(code.strip()) for code in given.split(",")))


def _version(text: str) -> int:
    number = _number(text, Sentence("the version"))
    if not 1 <= number <= _LARGEST_VERSION:
        raise NoSuchTileError("no version {number}; versions are counted from 1", number=number)
    return number


def _coordinates(z_text: str, x_text: str, row_text: str, *, least_zoom: int = 0) -> Coordinates:
    if not row_text.endswith(".mvt"):
        raise NoSuchTileError("a tile's address ends in .mvt")
    z, x = _number(z_text, "z"), _number(x_text, "x")
    y = _number(row_text.removesuffix(".mvt"), "y")
    if not least_zoom <= z <= MAX_ZOOM:
        raise NoSuchTileError(
            "no zoom {z}; tiles exist for z from {least_zoom} to {max_zoom}",
            z=z,
            least_zoom=least_zoom,
            max_zoom=MAX_ZOOM,
        )
    if not (0 <= x < 2**z and 0 <= y < 2**z):
        raise NoSuchTileError(
            "no tile {z}/{x}/{y}; at z {z} x and y run from 0 to {most}", z=z, x=x, y=y, most=2**z - 1
        )
    return Coordinates(z, x, y)


def _number(text: str, name: str | Sentence) -> int:
    if len(text) > 20 or not _NUMBER.fullmatch(text):
        raise BadAddressError(
            "{name} must be a whole number in plain digits, not {text!r}", name=name, text=text[:40]
        )
    return int(text)


def _day(query: bytes) -> date | None:
    given = _parameter(query, "on")
    if given is None:
        return None
    try:
        if not _DAY.fullmatch(given):
            raise ValueError(given)
        return date.fromisoformat(given)
    except ValueError:
        raise BadAddressError(
            "on must be a day such as 2026-11-23, not {given!r}", given=given[:40]
        ) from None


def _parameter(query: bytes, name: str) -> str | None:
    if not query:
        return None
    try:
        values = parse_qs(
            query.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict"
        ).get(name)
    except ValueError:
        raise BadAddressError(
            "the query of the address cannot be read; it is not percent-encoded UTF-8"
        ) from None
    return values[0] if values else None
