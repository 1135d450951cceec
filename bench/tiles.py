"""Uncached tiles at z14 over HTTP: ours and tipg's, the same table, the same client, in turn."""

import asyncio
import random
import statistics
import time
from typing import Any

from pyproj import Transformer

from bench.made_city import SEED, SIDE_M, SOUTH, WEST

ZOOM = 14
CONNECTIONS = 8
ROUNDS = 5
TILES_A_ROUND = 340
OURS = "/tiles/LANDUSE/{z}/{x}/{y}.mvt"
THEIRS = "/collections/bench.landuse/tiles/WebMercatorQuad/{z}/{x}/{y}"


def run(ours: str, theirs: str) -> dict[str, Any]:
    """Requests a second of both and their ratio, the median over the rounds; no tile is asked twice of one server."""
    addresses = _tiles()
    needed = (ROUNDS + 1) * TILES_A_ROUND
    if len(addresses) < needed:
        raise SystemExit(f"the city has {len(addresses)} tiles at z{ZOOM}, {needed} are needed")
    rates: dict[str, list[float]] = {"ours": [], "tipg": []}
    sizes: dict[str, int] = {}
    for number in range(ROUNDS + 1):
        part = addresses[number * TILES_A_ROUND : (number + 1) * TILES_A_ROUND]
        for name, host, path in (("ours", ours, OURS), ("tipg", theirs, THEIRS)):
            rate, size = asyncio.run(_round(host, [path.format(z=ZOOM, x=x, y=y) for x, y in part]))
            if number:  # the first round warms both up
                rates[name].append(rate)
                sizes[name] = size
    ratios = [a / b for a, b in zip(rates["ours"], rates["tipg"], strict=True)]
    return {
        "zoom": ZOOM,
        "connections": CONNECTIONS,
        "ours_per_s": round(statistics.median(rates["ours"])),
        "tipg_per_s": round(statistics.median(rates["tipg"])),
        "ours_over_tipg": round(statistics.median(ratios), 2),
        "ours_over_tipg_least": round(min(ratios), 2),
        "ours_over_tipg_most": round(max(ratios), 2),
        "ours_bytes_a_tile": sizes["ours"],
        "tipg_bytes_a_tile": sizes["tipg"],
    }


def _tiles() -> list[tuple[int, int]]:
    """The tiles that lie wholly in the city, in a seeded order."""
    to_mercator = Transformer.from_crs("EPSG:4550", "EPSG:3857", always_xy=True)
    west, south, east, north = to_mercator.transform_bounds(WEST, SOUTH, WEST + SIDE_M, SOUTH + SIDE_M)
    side = 40_075_016.685_578_5 / 2**ZOOM
    half = 40_075_016.685_578_5 / 2
    columns = range(int((west + half) // side) + 2, int((east + half) // side) - 1)
    rows = range(int((half - north) // side) + 2, int((half - south) // side) - 1)
    tiles = [(x, y) for x in columns for y in rows]
    random.Random(SEED).shuffle(tiles)
    return tiles


async def _round(host: str, paths: list[str]) -> tuple[float, int]:
    """Ask every path once over kept connections; requests a second, mean bytes of a body."""
    left = list(paths)
    sizes: list[int] = []
    started = time.perf_counter()
    await asyncio.gather(*(_connection(host, left, sizes) for _ in range(CONNECTIONS)))
    return len(paths) / (time.perf_counter() - started), round(statistics.mean(sizes))


async def _connection(host: str, left: list[str], sizes: list[int]) -> None:
    name, port = host.split(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    while left:
        path = left.pop()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        if status not in (200, 204):
            raise SystemExit(f"{path} answered {status}")
        length = next(
            (int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), 0
        )
        sizes.append(len(await reader.readexactly(length)))
    writer.close()
