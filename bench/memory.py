"""Whether the memory of an intake grows with the file: the same polygons, 100,000, 500,000 and 1,000,000 of them, each to a version in force.

What the process of the service and the largest of its children had at most, in MB; times are not looked at.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench.intake import apart, intake_cluster, store, write
from bench.made_city import LAYERS, SMALL, MadeLayer
from bench.setting import say

SIZES = {"100,000": (400, 250), "500,000": (800, 625), "1,000,000": (1250, 800)}
"""Columns and rows of the tessellation, by what they make."""

_LAYER = "LANDUSE"


@dataclass(frozen=True)
class MemoryFigures:
    """The most that a process had, in MB."""

    polygons: int
    service_mb: int
    children_mb: int


def measure_memory(*, small: bool) -> dict[str, Any]:
    """The figures by size, each in a process of its own, and how many times that of the fewest polygons the most take, of either."""
    made = next(layer for layer in LAYERS if layer.code == _LAYER)
    figures = {}
    with intake_cluster() as home:
        for number, (title, (columns, rows)) in enumerate(SIZES.items()):
            layer = replace(made, columns=columns, rows=rows // SMALL if small else rows)
            say(f"memory: {layer.count:,} polygons to a version in force")
            figures[title] = _measure(layer, home, f"{_LAYER}{number}")
    least, *_, most = figures.values()
    return {title: asdict(each) for title, each in figures.items()} | {
        "most_mb": max(most.service_mb, most.children_mb),
        "most_over_least": round(
            max(most.service_mb / least.service_mb, most.children_mb / least.children_mb), 2
        ),
    }


def _measure(layer: MadeLayer, home: Path, code: str) -> MemoryFigures:
    path = home / f"{code}.gpkg"
    apart(write, layer, path)
    stored = apart(store, home, path, code)
    path.unlink()
    return MemoryFigures(layer.count, stored.service_mb, stored.children_mb)
