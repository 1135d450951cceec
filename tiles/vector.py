"""Vector tiles: which versions a request means, whether its actor may read them, and the tile cut from them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from isal import isal_zlib

from blueprint.connections import Connections
from blueprint.database import Prepared, load_statements, prepared
from blueprint.layers.generalise import level_of_zoom
from blueprint.permissions import Act, Actor, Sensitivity, Thing, may
from tiles.addresses import (
    BlueprintTile,
    Coordinates,
    DifferenceTile,
    LayerTile,
    NoSuchTileError,
    VersionTile,
    no_such_layer,
)


def _statements() -> list[Prepared]:
    """Those of the file, and one that asks two of them at once: a round trip is an eighth of a tile's time."""
    read = load_statements(Path(__file__).with_suffix(".sql"))
    both = f"SELECT drawn.tile, found.* FROM ({read['tile']}) AS drawn LEFT JOIN ({read['layer_on_day']}) AS found ON TRUE"  # noqa: S608 - both are of our file
    texts = {name: clause.text for name, clause in read.items()} | {"tile_and_layer_on_day": both}
    return [prepared(name, text) for name, text in texts.items()]


STATEMENTS = _statements()

TileAddress = LayerTile | VersionTile | DifferenceTile | BlueprintTile

_GENERATOR = 3
"""Part of every tag: to be raised when tiles of the same version come to look different."""

_MOST_NAMED = 4_096
_MOST_FEATURES = 16_384
"""Bounds for one tile, shared by its layers: features that carry names, features at all."""
_LEAST_SHARE = 1_024

_GZIP = 31
_GZIP_LEVEL = 2
"""ISA-L's levels go to 3; zlib's level 4 saves 3 % more bytes in five times the time."""


@dataclass(frozen=True)
class DrawnVersion:
    """A version of a layer that a tile shows."""

    code: str
    thing: Thing
    version_id: int
    number: int
    uploaded_at: datetime

    @property
    def is_public(self) -> bool:
        """Say whether anybody may read it."""
        return self.thing.sensitivity is Sensitivity.PUBLIC


def find_versions(
    connections: Connections, address: TileAddress, actor: Actor, today: date
) -> list[DrawnVersion]:
    """The versions that a tile at `address` shows `actor`; a layer they may not read does not exist for them."""
    match address:
        case DifferenceTile(code=code, old=old, new=new, at=at):
            pair = (VersionTile(code, number, at) for number in (old, new))
            return [version for each in pair for version in find_versions(connections, each, actor, today)]
        case VersionTile(code=code, number=number):
            return [
                drawn_version(
                    connections.rows("layer_version", {"code": code, "number": number}), address, actor, today
                )
            ]
        case LayerTile():
            rows = connections.rows("layer_on_day", _day_of(address, today))
            return [drawn_version(rows, address, actor, today)]
        case BlueprintTile(codes=codes, on=on):
            rows = connections.rows("layers_on_day", {"day": on or today})
            return _several(rows, codes, actor, on or today)


def _day_of(address: LayerTile, today: date) -> dict[str, Any]:
    return {"code": address.code, "day": address.on or today}


def find_and_cut(
    connections: Connections, address: LayerTile, expected: DrawnVersion, today: date
) -> tuple[bytes, list[tuple[Any, ...]]]:
    """The tile of the version that is expected in force, which is right of it whatever is found; and the row of the one
    that is, for `drawn_version`.
    """
    rows = connections.rows(
        "tile_and_layer_on_day", _day_of(address, today) | _place_of([expected], address.at)
    )
    return bytes(rows[0][0] or b""), [row[1:] for row in rows if row[1] is not None]


def drawn_version(
    rows: list[tuple[Any, ...]], address: LayerTile | VersionTile, actor: Actor, today: date
) -> DrawnVersion:
    """The version that a row of a layer's address tells of, if `actor` may read it."""
    if not rows or not _may_read(rows[0], actor):
        raise no_such_layer(address.code)
    version = _version(rows[0])
    if version is None:
        if isinstance(address, VersionTile):
            raise NoSuchTileError(
                "layer {address_code} has no version {address_number}",
                address_code=address.code,
                address_number=address.number,
            )
        raise _not_in_force(address.code, address.on or today)
    return version


def _several(
    rows: list[tuple[Any, ...]], codes: tuple[str, ...] | None, actor: Actor, day: date
) -> list[DrawnVersion]:
    readable = {row[0]: _version(row) for row in rows if _may_read(row, actor)}
    if codes is None:
        versions = [version for version in readable.values() if version is not None]
        if not versions:
            raise NoSuchTileError("no layer is in force on {day}", day=day)
        return versions
    asked = []
    for code in codes:
        if code not in readable:
            raise no_such_layer(code)
        version = readable[code]
        if version is None:
            raise _not_in_force(code, day)
        asked.append(version)
    return asked


def _not_in_force(code: str, day: date) -> NoSuchTileError:
    return NoSuchTileError("no version of layer {code} is in force on {day}", code=code, day=day)


def _thing(row: Sequence[Any]) -> Thing:
    return Thing(row[1], Sensitivity(row[2]), row[0])


def _may_read(row: Sequence[Any], actor: Actor) -> bool:
    """A draft is read by those who could bring it into force, as long as nobody did."""
    thing = _thing(row)
    is_draft = row[3] is not None and not row[6]
    return may(actor, Act.READ_LAYER, thing) and (not is_draft or may(actor, Act.BRING_INTO_FORCE, thing))


def _version(row: Sequence[Any]) -> DrawnVersion | None:
    code, _, _, version_id, number, uploaded_at, _ = row
    if version_id is None:
        return None
    return DrawnVersion(code, _thing(row), version_id, number, uploaded_at)


def tag_of(versions: Sequence[DrawnVersion], at: Coordinates) -> str:
    """What names the content of a tile: it changes with the versions shown and the generator.

    The instant of the upload is in it because version ids begin anew in a database made anew.
    """
    content = [(v.version_id, v.uploaded_at.isoformat(), v.code) for v in versions]
    digest = hashlib.blake2b(repr((_GENERATOR, content)).encode(), digest_size=9).hexdigest()
    return f"{digest}-{at.z}-{at.x}-{at.y}"


def cut_tile(connections: Connections, versions: Sequence[DrawnVersion], at: Coordinates) -> bytes:
    """The Mapbox Vector Tile (version 2.1, extent 4096) of these versions, one layer each; empty where nothing is."""
    rows = connections.rows("tile", _place_of(versions, at))
    return bytes(rows[0][0] or b"")


def _place_of(versions: Sequence[DrawnVersion], at: Coordinates) -> dict[str, Any]:
    share = len(versions)
    return {
        "version_ids": [version.version_id for version in versions],
        "codes": [version.code for version in versions],
        "z": at.z,
        "x": at.x,
        "y": at.y,
        "level": level_of_zoom(at.z),
        "most_named": max(_MOST_NAMED // share, _LEAST_SHARE // 4),
        "most_features": max(_MOST_FEATURES // share, _LEAST_SHARE),
    }


def cut_difference(
    connections: Connections, old: DrawnVersion, new: DrawnVersion, at: Coordinates, *, working_srid: int
) -> bytes:
    """The Mapbox Vector Tile of what changed from `old` to `new` in a place: gained, lost, or of attributes alone."""
    rows = connections.rows(
        "difference_tile",
        {
            "old": old.version_id,
            "new": new.version_id,
            "code": new.code,
            "z": at.z,
            "x": at.x,
            "y": at.y,
            "working_srid": working_srid,
            "most_features": _MOST_FEATURES,
        },
    )
    return bytes(rows[0][0] or b"")


def compress(tile: bytes) -> bytes:
    """The tile in gzip, the same bytes every time."""
    return isal_zlib.compress(tile, _GZIP_LEVEL, wbits=_GZIP)
