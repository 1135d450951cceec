"""Uncached tiles at z14 over HTTP: ours and tipg's, the same features, the same client, in turn."""

import asyncio
import gzip
import random
import statistics
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import mapbox_vector_tile
import shapely
import uvloop
from pyproj import Transformer
from shapely.geometry import shape
from sqlalchemy import text

from bench.made_city import SEED, SIDE_M, SOUTH, WEST
from bench.setting import Setting, our_server, say, tipg_server

LAYER = "LANDUSE"
ZOOM = 14
CONNECTIONS = 8
PASSES = 2
"""The servers are started anew for each pass: nothing that they remember serves the next one."""

ROUNDS = 6
WARM_UP_TILES = 100
TILES_A_ROUND = 300
OURS = f"/tiles/{LAYER}/{{z}}/{{x}}/{{y}}.mvt"
THEIRS = f"/collections/bench.{LAYER.lower()}/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}"

_WORLD_M = 40_075_016.685_578_5
_COMPARED = 5


@dataclass(frozen=True)
class TileFigures:
    """Requests a second of both; the ratio is the median over the rounds, with the least and the most."""

    zoom: int
    connections: int
    rounds: int
    tiles_a_round: int
    ours_per_s: float
    tipg_per_s: float
    ours_over_tipg: float
    ours_over_tipg_least: float
    ours_over_tipg_most: float
    ours_bytes_a_tile: int
    tipg_bytes_a_tile: int


@dataclass
class _Side:
    """One of the two servers and what was measured of it."""

    path: str
    host: str = ""
    rates: list[float] = field(default_factory=list)
    bodies: list[int] = field(default_factory=list)


def measure_tiles(setting: Setting) -> dict[str, Any]:
    """The figures; no tile is asked twice of a running server, and both draw the same features."""
    _warm(setting)
    ours, theirs = _Side(OURS), _Side(THEIRS)
    addresses = _addresses()
    if len(addresses) < WARM_UP_TILES + ROUNDS * TILES_A_ROUND:
        raise SystemExit(f"the city has {len(addresses)} tiles at z{ZOOM} only, fewer than a pass asks for")
    for number in range(PASSES):
        say(f"  pass {number + 1} of {PASSES}")
        random.Random(SEED + number).shuffle(addresses)
        with our_server(setting) as ours.host, tipg_server(setting) as theirs.host:
            _run_pass(ours, theirs, addresses)
    return asdict(_figures(ours, theirs))


def _warm(setting: Setting) -> None:
    """Read both tables once, so that neither is measured against a cold disk."""
    with setting.engine.connect() as connection:
        connection.execute(text(f"SELECT sum(ST_NPoints(geom)) FROM bench.{LAYER.lower()}"))
        connection.execute(
            text(
                "SELECT sum(cardinality(sheet.shapes)) FROM blueprint.tile_sheet AS sheet"
                " JOIN blueprint.layer_version AS version ON version.id = sheet.version_id"
                " JOIN blueprint.layer ON layer.id = version.layer_id WHERE layer.code = :code"
            ),
            {"code": LAYER},
        )


def _run_pass(ours: _Side, theirs: _Side, addresses: list[tuple[int, int]]) -> None:
    for side in (ours, theirs):
        _ask(side, addresses[:WARM_UP_TILES])
    _compare(ours, theirs, addresses[:_COMPARED])
    for number in range(ROUNDS):
        start = WARM_UP_TILES + number * TILES_A_ROUND
        asked = addresses[start : start + TILES_A_ROUND]
        for side in (ours, theirs) if number % 2 else (theirs, ours):
            rate, bodies = _ask(side, asked)
            side.rates.append(rate)
            side.bodies += bodies


def _addresses() -> list[tuple[int, int]]:
    """The columns and rows of the tiles that lie wholly inside the city."""
    to_mercator = Transformer.from_crs("EPSG:4550", "EPSG:3857", always_xy=True)
    bounds = to_mercator.transform_bounds(WEST, SOUTH, WEST + SIDE_M, SOUTH + SIDE_M)
    west, south, east, north = bounds
    side, half = _WORLD_M / 2**ZOOM, _WORLD_M / 2
    columns = range(int((west + half) // side) + 2, int((east + half) // side) - 1)
    rows = range(int((half - north) // side) + 2, int((half - south) // side) - 1)
    return [(x, y) for x in columns for y in rows]


def _ask(side: _Side, addresses: list[tuple[int, int]]) -> tuple[float, list[int]]:
    """Ask for every tile once over kept connections; requests a second, and the bodies' sizes in bytes."""
    left = [side.path.format(z=ZOOM, x=x, y=y) for x, y in addresses]
    bodies: list[int] = []

    async def ask() -> float:
        clients = [await asyncio.open_connection(*side.host.split(":")) for _ in range(CONNECTIONS)]
        started = time.perf_counter()
        await asyncio.gather(*(_drain(client, side.host, left, bodies) for client in clients))
        seconds = time.perf_counter() - started
        for _, writer in clients:
            writer.close()
        return seconds

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seconds = runner.run(ask())
    return len(addresses) / seconds, bodies


async def _drain(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter], host: str, left: list[str], bodies: list[int]
) -> None:
    while left:
        bodies.append(len(await _get(client, host, left.pop())))


async def _get(client: tuple[asyncio.StreamReader, asyncio.StreamWriter], host: str, path: str) -> bytes:
    """A body as it came over the wire; only 200 and 204 count."""
    reader, writer = client
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip\r\n\r\n".encode())
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    status = int(first.split(" ", 2)[1])
    if status == 204:
        return b""
    headers = dict(line.split(": ", 1) for line in lines if line)
    if status != 200 or "content-length" not in headers:
        raise SystemExit(f"{path} answered {status} with the headers {headers}")
    return await reader.readexactly(int(headers["content-length"]))


def _compare(ours: _Side, theirs: _Side, addresses: list[tuple[int, int]]) -> None:
    """End the run unless both tiles hold the same features; at the rim their buffers may differ by a rounding."""
    for x, y in addresses:
        path = ours.path.format(z=ZOOM, x=x, y=y)
        mine = _features(_fetch(ours.host, path), "feature_id")
        peer = _features(_fetch(theirs.host, theirs.path.format(z=ZOOM, x=x, y=y)), "id")
        if not mine or mine != peer:
            raise SystemExit(
                f"{path}: {len(mine)} features of ours, {len(peer)} of tipg's; {len(mine ^ peer)} are not in both"
            )


def _fetch(host: str, path: str) -> bytes:
    async def fetch() -> bytes:
        client = await asyncio.open_connection(*host.split(":"))
        body = await _get(client, host, path)
        client[1].close()
        return body

    return gzip.decompress(asyncio.run(fetch()))


def _features(tile: bytes, number: str) -> set[int]:
    """The numbers of the features that are seen in the tile itself."""
    (layer,) = mapbox_vector_tile.decode(tile).values()
    inside = shapely.box(8, 8, 4088, 4088)
    return {
        int(feature["properties"].get(number, feature.get("id")))
        for feature in layer["features"]
        if shape(feature["geometry"]).intersects(inside)
    }


def _figures(ours: _Side, theirs: _Side) -> TileFigures:
    ratios = [mine / peer for mine, peer in zip(ours.rates, theirs.rates, strict=True)]
    return TileFigures(
        zoom=ZOOM,
        connections=CONNECTIONS,
        rounds=len(ratios),
        tiles_a_round=TILES_A_ROUND,
        ours_per_s=round(statistics.median(ours.rates), 1),
        tipg_per_s=round(statistics.median(theirs.rates), 1),
        ours_over_tipg=round(statistics.median(ratios), 2),
        ours_over_tipg_least=round(min(ratios), 2),
        ours_over_tipg_most=round(max(ratios), 2),
        ours_bytes_a_tile=round(statistics.mean(ours.bodies)),
        tipg_bytes_a_tile=round(statistics.mean(theirs.bodies)),
    )
