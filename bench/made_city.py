"""A made city of 15 layers and 890,000 polygons: jittered tessellations whose edges match, and a few huge polygons."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely

SEED = 20190821
WEST, SOUTH, SIDE_M = 455_000.0, 4_505_000.0, 90_000.0
"""The city is a square of 90 km around Anshan, in EPSG:4550."""

EDGE_POINTS = 8
"""Points on every edge of a tessellation's cell: a cell has 37 vertices."""


@dataclass(frozen=True)
class MadeLayer:
    """A layer: a tessellation of `cells` by `cells`, or `huge` polygons of `vertices` with a hole each."""

    code: str
    control: str
    cells: int = 0
    huge: int = 0
    vertices: int = 0

    @property
    def count(self) -> int:
        """How many polygons it has."""
        return self.cells**2 if self.cells else self.huge


LAYERS = (
    MadeLayer("LANDUSE", "inform", cells=707),
    MadeLayer("PLANNED", "advise", cells=447),
    MadeLayer("PARCEL", "inform", cells=316),
    MadeLayer("FOREST", "restrict", cells=200),
    MadeLayer("CONTROL", "advise", cells=141),
    MadeLayer("SOIL", "inform", cells=100),
    MadeLayer("NOISE", "advise", cells=80),
    MadeLayer("WATER", "restrict", cells=70),
    MadeLayer("GEOLOGY", "inform", cells=60),
    MadeLayer("HEIGHT", "restrict", cells=50),
    MadeLayer("SCHOOL", "inform", cells=40),
    MadeLayer("DISTRICT", "inform", cells=30),
    MadeLayer("REDLINE", "prohibit", huge=3, vertices=50_000),
    MadeLayer("BOUNDARY", "restrict", huge=3, vertices=60_000),
    MadeLayer("SOURCE", "prohibit", huge=3, vertices=30_000),
)


def layers(scale: float) -> tuple[MadeLayer, ...]:
    """The layers with `scale` times the cells in each direction; the huge polygons stay as they are."""
    return tuple(
        MadeLayer(m.code, m.control, max(2, round(m.cells * scale)) if m.cells else 0, m.huge, m.vertices)
        for m in LAYERS
    )


def polygons(layer: MadeLayer) -> Iterator[np.ndarray]:
    """The layer's polygons in batches, always the same."""
    rng = np.random.default_rng([SEED, *layer.code.encode()])
    if layer.cells:
        yield from _tessellation(layer.cells, rng)
    else:
        yield np.array([_huge(layer, rng) for _ in range(layer.huge)], dtype=object)


def _tessellation(n: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Cells of a grid whose nodes are moved and whose edges are bent; both neighbours get the same edge."""
    size = SIDE_M / n
    x, y = np.meshgrid(np.arange(n + 1) * size, np.arange(n + 1) * size)
    x[:, 1:-1] += rng.uniform(-0.15, 0.15, x[:, 1:-1].shape) * size
    y[1:-1, :] += rng.uniform(-0.15, 0.15, y[1:-1, :].shape) * size
    nodes = np.stack([x + WEST, y + SOUTH], axis=-1)
    across = _edges(nodes[:, :-1], nodes[:, 1:], size, rng, axis=1)
    across[0, :, :, 1], across[-1, :, :, 1] = SOUTH, SOUTH + SIDE_M
    along = _edges(nodes[:-1], nodes[1:], size, rng, axis=0)
    along[:, 0, :, 0], along[:, -1, :, 0] = WEST, WEST + SIDE_M
    for row in range(n):
        south, north = across[row], across[row + 1]
        west, east = along[row, :-1], along[row, 1:]
        ring = np.concatenate(
            [south[:, :-1], east[:, :-1], north[:, :0:-1], west[:, :0:-1], south[:, :1]], axis=1
        )
        yield shapely.polygons(ring)


def _edges(
    start: np.ndarray, end: np.ndarray, size: float, rng: np.random.Generator, *, axis: int
) -> np.ndarray:
    """Edges from start to end with bent points between; `axis` is the coordinate that is bent."""
    along = np.linspace(0, 1, EDGE_POINTS + 2)
    points = start[:, :, None, :] + (end - start)[:, :, None, :] * along[None, None, :, None]
    bend = rng.uniform(-0.05, 0.05, points.shape[:3]) * size * np.sin(np.pi * along)
    points[..., axis] += bend
    return points


def _huge(layer: MadeLayer, rng: np.random.Generator) -> shapely.Polygon:
    """A ragged blob with a ragged hole, as wide as a city's red line or growth boundary is: a few cover most of it."""
    centre = np.array([WEST, SOUTH]) + SIDE_M * rng.uniform(0.25, 0.75, 2)
    radius = rng.uniform(15_000, 20_000)
    shell = _ring(centre, radius, layer.vertices, rng)
    hole = _ring(centre, radius * 0.3, layer.vertices // 8, rng)
    return shapely.Polygon(shell, [hole])


def _ring(centre: np.ndarray, radius: float, count: int, rng: np.random.Generator) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    waves = sum(
        rng.uniform(0.2, 1) / k * np.sin(k * angle + rng.uniform(0, 2 * np.pi))
        for k in (2, 3, 5, 9, 17, 40, 90, 300, 1000)
    )
    distance = radius * (1 + 0.12 * waves + rng.uniform(-0.3, 0.3, count) / radius)
    return centre + distance[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def footprints(area_m2: float, count: int) -> list[shapely.Polygon]:
    """Irregular sites of 24 corners and this area at seeded places."""
    rng = np.random.default_rng([SEED, int(area_m2)])
    sites = []
    for _ in range(count):
        centre = np.array([WEST, SOUTH]) + SIDE_M * rng.uniform(0.1, 0.9, 2)
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        shape = shapely.Polygon(
            np.column_stack([np.cos(angle), np.sin(angle)]) * rng.uniform(0.7, 1.3, 24)[:, None]
        )
        factor = np.sqrt(area_m2 / shape.area)
        sites.append(shapely.Polygon(np.asarray(shape.exterior.coords) * factor + centre))
    return sites
