"""Shapes that look grown or built, from a seed: hills, rivers, roads, and a town's parcels that share their corners.

All in metres of EPSG:4550 (CGCS2000 / 3-degree Gauss-Kruger CM 123E), east before north.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import shapely
import shapely.ops
from pyproj import Geod, Transformer

CENTRE = (499_546.0, 4_552_856.0)
"""122.9946 E, 41.1106 N: the origin of the sample world."""

CGCS2000 = Geod(a=6378137, rf=298.257222101)
_TO_DEGREES = Transformer.from_crs(4550, 4490, always_xy=True)
_TO_METRES = Transformer.from_crs(4490, 4550, always_xy=True)
DECIMALS = 9
"""Of a degree: 0.1 mm, so that a file does not depend on the last digits of a projection."""


def at(east_km: float, north_km: float) -> tuple[float, float]:
    """A place given in kilometres from the centre, in metres of EPSG:4550."""
    return (CENTRE[0] + 1000 * east_km, CENTRE[1] + 1000 * north_km)


def place(longitude: float, latitude: float) -> tuple[float, float]:
    """A place given in degrees, as kilometres from the centre."""
    east, north = _TO_METRES.transform(longitude, latitude)
    return ((east - CENTRE[0]) / 1000, (north - CENTRE[1]) / 1000)


def to_degrees(geometry: shapely.Geometry) -> shapely.Geometry:
    """EPSG:4550 to EPSG:4490, longitude first, vertex by vertex: shared vertices stay shared."""
    return shapely.transform(
        geometry, lambda xy: np.round(np.column_stack(_TO_DEGREES.transform(xy[:, 0], xy[:, 1])), DECIMALS)
    )


def to_metres(geometry: shapely.Geometry) -> shapely.Geometry:
    """EPSG:4490, longitude first, to EPSG:4550."""
    return shapely.transform(geometry, lambda xy: np.column_stack(_TO_METRES.transform(xy[:, 0], xy[:, 1])))


def area_m2(geometry: shapely.Geometry) -> float:
    """The area on the CGCS2000 ellipsoid of a shape in degrees, rounded half up to 0.01 m² (the MJ fields)."""
    area = abs(CGCS2000.geometry_area_perimeter(shapely.orient_polygons(geometry))[0])
    return float(Decimal(repr(area)).quantize(Decimal("0.01"), ROUND_HALF_UP))


def blob(
    rng: np.random.Generator,
    centre: tuple[float, float],
    radii_km: tuple[float, float],
    *,
    roughness: float = 0.22,
    vertices: int = 160,
    turn: float = 0.0,
) -> shapely.Polygon:
    """A patch with a natural edge: an ellipse whose radius wanders, much at long waves and little at short ones."""
    angles = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    waves = np.arange(2, max(vertices // 6, 4))
    heights = roughness * rng.normal(size=len(waves)) / waves**1.35
    phases = rng.uniform(0, 2 * np.pi, len(waves))
    radius = 1 + (heights * np.cos(np.outer(angles, waves) + phases)).sum(axis=1)
    radius = np.maximum(radius, 0.3)
    east, north = radii_km[0] * radius * np.cos(angles), radii_km[1] * radius * np.sin(angles)
    middle = at(*centre)
    cos, sin = np.cos(turn), np.sin(turn)
    return shapely.Polygon(
        np.column_stack(
            [middle[0] + 1000 * (cos * east - sin * north), middle[1] + 1000 * (sin * east + cos * north)]
        )
    )


def straight(points_km: Sequence[tuple[float, float]]) -> shapely.LineString:
    """A line from tower to tower."""
    return shapely.LineString([at(*point) for point in points_km])


def smooth(points_km: Sequence[tuple[float, float]], rounds: int = 4) -> shapely.LineString:
    """A line without corners (Chaikin): a road or a railway."""
    points = np.array([at(*point) for point in points_km])
    for _ in range(rounds):
        first, second = points[:-1], points[1:]
        cut = np.empty((2 * len(first), 2))
        cut[0::2], cut[1::2] = 0.75 * first + 0.25 * second, 0.25 * first + 0.75 * second
        points = np.vstack([points[:1], cut, points[-1:]])
    return shapely.LineString(points)


def meander(
    rng: np.random.Generator, points_km: Sequence[tuple[float, float]], share: float = 0.16
) -> shapely.LineString:
    """A brook's line: every stretch is halved four times and its middle pushed aside, then smoothed."""
    points = np.array(points_km, dtype=float)
    for _ in range(4):
        along = np.diff(points, axis=0)
        aside = np.column_stack([-along[:, 1], along[:, 0]]) * rng.uniform(-share, share, (len(along), 1))
        mixed = np.empty((2 * len(points) - 1, 2))
        mixed[0::2], mixed[1::2] = points, points[:-1] + along / 2 + aside
        points = mixed
    return smooth([(float(east), float(north)) for east, north in points], rounds=1)


def strip(
    rng: np.random.Generator, line: shapely.LineString, width_m: tuple[float, float]
) -> shapely.Polygon:
    """The water of a river along its line, from one width at the source to another at the mouth."""
    steps = max(int(line.length // 400), 2)
    pieces = []
    for step in range(steps):
        share = (step + rng.uniform(0, 1)) / steps
        width = width_m[0] + (width_m[1] - width_m[0]) * share
        stretch = shapely.ops.substring(line, step / steps, min((step + 1.05) / steps, 1), normalized=True)
        pieces.append(shapely.buffer(stretch, width / 2, quad_segs=3))
    return shapely.simplify(shapely.union_all(pieces), 1.5)


@dataclass(frozen=True)
class Parcel:
    """A rectangle of the town's grid, its corners as whole numbers before warping, and its shape in metres."""

    is_street: bool
    geometry: shapely.Polygon


def town(rng: np.random.Generator, *, half_m: int) -> list[Parcel]:
    """Streets, blocks and parcels that cover a square without gap or overlap; neighbours share every vertex."""
    spans_east, spans_north = _spans(rng, half_m), _spans(rng, half_m)
    boxes: list[tuple[bool, tuple[int, int, int, int]]] = []
    for south, north, is_street_row in spans_north:
        if is_street_row:
            cuts = [a for a, _, is_street in spans_east if is_street][::3]
            edges = [-half_m, *cuts, half_m]
            boxes += [(True, (a, south, b, north)) for a, b in zip(edges, edges[1:], strict=False) if b > a]
            continue
        for west, east, is_street in spans_east:
            if is_street:
                boxes.append((True, (west, south, east, north)))
            else:
                boxes += [(False, box) for box in _parcelled(rng, (west, south, east, north))]
    return _warped(boxes)


def _spans(rng: np.random.Generator, half_m: int) -> list[tuple[int, int, bool]]:
    """Blocks and streets in turn along one axis."""
    spans, start, is_street = [], -half_m, False
    while start < half_m:
        width = int(rng.choice([14, 20, 20, 30, 44])) if is_street else int(rng.integers(260, 470))
        end = min(start + width, half_m)
        if half_m - end < 80 and not is_street:
            end = half_m
        spans.append((start, end, is_street))
        start, is_street = end, not is_street
    return spans


def _parcelled(rng: np.random.Generator, box: tuple[int, int, int, int]) -> list[tuple[int, int, int, int]]:
    """Halve a block across its longer side until the parcels are small enough."""
    west, south, east, north = box
    width, height = east - west, north - south
    if max(width, height) < 150 or width * height < rng.uniform(25_000, 150_000):
        return [box]
    if width >= height:
        cut = west + int(width * rng.uniform(0.35, 0.65))
        return [*_parcelled(rng, (west, south, cut, north)), *_parcelled(rng, (cut, south, east, north))]
    cut = south + int(height * rng.uniform(0.35, 0.65))
    return [*_parcelled(rng, (west, south, east, cut)), *_parcelled(rng, (west, cut, east, north))]


def _warped(boxes: list[tuple[bool, tuple[int, int, int, int]]]) -> list[Parcel]:
    """Give every rectangle the corners of its neighbours that lie on its sides, then bend the whole grid."""
    on_north, on_east = defaultdict(set), defaultdict(set)
    for _, (west, south, east, north) in boxes:
        for x in (west, east):
            for y in (south, north):
                on_north[y].add(x)
                on_east[x].add(y)
    rows = {y: sorted(xs) for y, xs in on_north.items()}
    columns = {x: sorted(ys) for x, ys in on_east.items()}
    rings = []
    for _, (west, south, east, north) in boxes:
        ring = [(x, south) for x in _between(rows[south], west, east)]
        ring += [(east, y) for y in _between(columns[east], south, north)][1:]
        ring += [(x, north) for x in reversed(_between(rows[north], west, east))][1:]
        ring += [(west, y) for y in reversed(_between(columns[west], south, north))][1:]
        rings.append(ring)
    corners = sorted({corner for ring in rings for corner in ring})
    # Every corner is bent once, so that two parcels that share it share it to the last bit.
    bent = dict(zip(corners, map(tuple, _bend(np.array(corners, dtype=float))), strict=True))
    return [
        Parcel(is_street, shapely.Polygon([bent[corner] for corner in ring]))
        for (is_street, _), ring in zip(boxes, rings, strict=True)
    ]


def _between(values: list[int], low: int, high: int) -> list[float]:
    """The values from low to high, with a middle wherever two lie more than 110 m apart."""
    chosen = [float(value) for value in values if low <= value <= high]
    dense = [chosen[0]]
    for before, after in zip(chosen, chosen[1:], strict=False):
        if after - before > 110:
            dense.append((before + after) / 2)
        dense.append(after)
    return dense


def _bend(points: np.ndarray) -> np.ndarray:
    """Turn the grid by 11 degrees and let its streets swing."""
    u, v = points[:, 0], points[:, 1]
    east = u + 170 * np.sin(v / 2300 + 0.4) + 60 * np.sin(u / 1500 + v / 2700)
    north = v + 150 * np.sin(u / 2600 - 0.7) + 70 * np.cos(v / 1900 - u / 3100)
    turn = np.radians(11)
    return np.column_stack(
        [
            CENTRE[0] + np.cos(turn) * east - np.sin(turn) * north,
            CENTRE[1] + np.sin(turn) * east + np.cos(turn) * north,
        ]
    )
