"""A made city of 15 layers and 890,000 polygons: jittered tessellations whose edges match, and a few huge polygons."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import shapely

SEED = 20190821
WEST, SOUTH, SIDE_M = 455_000.0, 4_505_000.0, 90_000.0
"""The city is a square of 90 km around Anshan, in EPSG:4550."""


@dataclass(frozen=True)
class Ground:
    """The square that a city covers: its south-west corner and its side, in metres."""

    west: float
    south: float
    side_m: float


CITY = Ground(WEST, SOUTH, SIDE_M)
TENTH = Ground(WEST, SOUTH, SIDE_M / 10**0.5)
"""A tenth of the city's ground: as many polygons a hectare, a tenth of them in all."""

TENFOLD = Ground(WEST + SIDE_M / 2 * (1 - 10**0.5), SOUTH + SIDE_M / 2 * (1 - 10**0.5), SIDE_M * 10**0.5)
"""Ten times the city's ground around its middle, so that it stays near the meridian of its CRS."""

SMALL = 20
"""A small city has one polygon where the full one has this many."""

_JITTER = 0.15
_BEND = 0.05
_HARMONICS = 1.25
"""The fall of a huge outline's waves: about as ragged as a coast."""


@dataclass(frozen=True)
class MadeLayer:
    """A layer: a tessellation of columns × rows cells, or as many huge polygons of `huge_vertices` with five holes each.

    Between two corners an edge of a cell has `edge_points` more vertices.
    """

    code: str
    control: str
    columns: int
    rows: int
    edge_points: int = 8
    huge_vertices: int = 0

    @property
    def count(self) -> int:
        """How many polygons it has."""
        return self.columns * self.rows


LAYERS = (
    MadeLayer("LANDUSE", "inform", 800, 625),
    MadeLayer("PLANNED", "advise", 500, 400),
    MadeLayer("PARCEL", "inform", 400, 250, edge_points=3),
    MadeLayer("FOREST", "restrict", 200, 200, edge_points=11),
    MadeLayer("CONTROL", "advise", 160, 125),
    MadeLayer("SOIL", "inform", 100, 100, edge_points=11),
    MadeLayer("NOISE", "advise", 80, 80, edge_points=5),
    MadeLayer("WATER", "restrict", 70, 70, edge_points=11),
    MadeLayer("GEOLOGY", "inform", 60, 60, edge_points=11),
    MadeLayer("HEIGHT", "restrict", 50, 50, edge_points=2),
    MadeLayer("SCHOOL", "inform", 40, 40),
    MadeLayer("DISTRICT", "inform", 38, 26, edge_points=11),
    MadeLayer("REDLINE", "prohibit", 2, 2, huge_vertices=50_000),
    MadeLayer("BOUNDARY", "restrict", 2, 2, huge_vertices=60_000),
    MadeLayer("SOURCE", "prohibit", 2, 2, huge_vertices=40_000),
)


def made_layers(*, small: bool) -> tuple[MadeLayer, ...]:
    """The layers of the full city, or of the small one, whose huge polygons are as many and as large."""
    if not small:
        return LAYERS
    return tuple(
        layer
        if layer.huge_vertices
        else replace(layer, columns=round(layer.columns / SMALL**0.5), rows=round(layer.rows / SMALL**0.5))
        for layer in LAYERS
    )


def resized(layers: tuple[MadeLayer, ...], ground: Ground) -> tuple[MadeLayer, ...]:
    """The layers of the city on another ground, as dense; of the huge polygons as many, as ragged, so large as the ground."""
    side = ground.side_m / CITY.side_m
    return tuple(
        replace(layer, huge_vertices=round(layer.huge_vertices * side))
        if layer.huge_vertices
        else replace(layer, columns=round(layer.columns * side), rows=round(layer.rows * side))
        for layer in layers
    )


def polygons(layer: MadeLayer, ground: Ground = CITY) -> Iterator[np.ndarray]:
    """The layer's polygons in EPSG:4550 (x east, y north, metres), in batches, always the same."""
    rng = np.random.default_rng([SEED, *layer.code.encode()])
    if layer.huge_vertices:
        yield np.array(list(_huge_polygons(layer, rng, ground)), dtype=object)
    else:
        yield from _tessellation(layer, rng, ground)


def _tessellation(layer: MadeLayer, rng: np.random.Generator, ground: Ground) -> Iterator[np.ndarray]:
    """Cells of a grid whose corners are moved and whose edges are bent; both neighbours get the same edge."""
    columns, rows = layer.columns, layer.rows
    west, south, side_m = ground.west, ground.south, ground.side_m
    width, height = side_m / columns, side_m / rows
    x, y = np.meshgrid(np.arange(columns + 1) * width, np.arange(rows + 1) * height)
    x[:, 1:-1] += rng.uniform(-_JITTER, _JITTER, x[:, 1:-1].shape) * width
    y[1:-1, :] += rng.uniform(-_JITTER, _JITTER, y[1:-1, :].shape) * height
    corners = np.stack([x + west, y + south], axis=-1)
    across = _edges(corners[:, :-1], corners[:, 1:], layer.edge_points, rng, bent=1, bend=height)
    across[0, :, :, 1], across[-1, :, :, 1] = south, south + side_m
    upward = _edges(corners[:-1], corners[1:], layer.edge_points, rng, bent=0, bend=width)
    upward[:, 0, :, 0], upward[:, -1, :, 0] = west, west + side_m
    for row in range(rows):
        below, above = across[row], across[row + 1]
        left, right = upward[row, :-1], upward[row, 1:]
        ring = np.concatenate(
            [below[:, :-1], right[:, :-1], above[:, :0:-1], left[:, :0:-1], below[:, :1]], axis=1
        )
        yield np.asarray(shapely.polygons(ring))


def _edges(
    start: np.ndarray, end: np.ndarray, edge_points: int, rng: np.random.Generator, *, bent: int, bend: float
) -> np.ndarray:
    """Edges from start to end; the vertices between are moved along the coordinate `bent`, by a share of `bend`."""
    along = np.linspace(0, 1, edge_points + 2)
    points = start[:, :, None, :] + (end - start)[:, :, None, :] * along[None, None, :, None]
    points[..., bent] += rng.uniform(-_BEND, _BEND, points.shape[:3]) * bend * np.sin(np.pi * along)
    points[:, :, -1] = end  # the very same corner in all edges that meet in it
    return np.asarray(points)


def _huge_polygons(layer: MadeLayer, rng: np.random.Generator, ground: Ground) -> Iterator[shapely.Polygon]:
    """Ragged shapes of a third of the ground's side, apart from each other, with a large hole and four small ones."""
    corner = np.array([ground.west, ground.south])
    size = np.array([ground.side_m / layer.columns, ground.side_m / layer.rows])
    for number in range(layer.count):
        row, column = divmod(number, layer.columns)
        centre = corner + (np.array([column, row]) + 0.5) * size
        centre += rng.uniform(-0.04, 0.04, 2) * size
        radii = rng.uniform(0.33, 0.38) * size
        holes = [_ring(centre, radii * 0.3, layer.huge_vertices // 8, rng)]
        for quarter in range(4):
            angle = np.pi * (quarter / 2 + 0.25)
            place = centre + radii * 0.6 * np.array([np.cos(angle), np.sin(angle)])
            holes.append(_ring(place, radii * 0.08, layer.huge_vertices // 40, rng))
        yield shapely.Polygon(_ring(centre, radii, layer.huge_vertices, rng), holes)


def _ring(centre: np.ndarray, radii: np.ndarray, vertices: int, rng: np.random.Generator) -> np.ndarray:
    """A closed line seen whole from its centre, a fifth of the radii off an ellipse at most."""
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    waves = np.zeros(vertices // 2 + 1, dtype=complex)
    order = np.arange(2, len(waves))
    waves[2:] = order**-_HARMONICS * np.exp(2j * np.pi * rng.uniform(size=len(order)))
    offset = np.fft.irfft(waves, n=vertices)
    distance = 1 + 0.2 * offset / np.abs(offset).max()
    return np.asarray(centre + radii * distance[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]))


def footprints(area_m2: float, count: int, ground: Ground = CITY) -> list[shapely.Polygon]:
    """Irregular sites of this plane area with 20 to 40 corners, at seeded places inside the city."""
    rng = np.random.default_rng([SEED, round(area_m2)])
    return [_footprint(area_m2, rng, ground) for _ in range(count)]


def _footprint(area_m2: float, rng: np.random.Generator, ground: Ground) -> shapely.Polygon:
    corners = int(rng.integers(20, 41))
    angle = (np.arange(corners) + rng.uniform(-0.4, 0.4, corners)) * 2 * np.pi / corners
    stretch = np.array([rng.uniform(0.7, 1.0), 1.0])
    outline = (
        np.column_stack([np.cos(angle), np.sin(angle)]) * rng.uniform(0.7, 1.3, corners)[:, None] * stretch
    )
    turn = rng.uniform(0, 2 * np.pi)
    outline = outline @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    scale = np.sqrt(area_m2 / shapely.Polygon(outline).area)
    centre = np.array([ground.west, ground.south]) + ground.side_m * rng.uniform(0.03, 0.97, 2)
    return shapely.Polygon(outline * scale + centre)
