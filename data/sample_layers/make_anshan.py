"""Make the sample city of Anshan (鞍山, 合成示例) from a seed: outline, districts, plan layers and project footprints.

Everything is drawn here: no line comes from a survey, a plan or a published map. Shapes are laid out in metres east and
north of 122.9946 E 41.1106 N in EPSG:4550 and rounded to the millimetre, so that neighbours share their edges exactly.

    python data/sample_layers/make_anshan.py [FOLDER]
"""

from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

import numpy as np
import shapely
from pyproj import Geod, Transformer
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

SEED = 210300
CENTRE = (499_546.43, 4_552_855.986)
WORKING_CRS = "EPSG:4550"
MADE_ON = "2026-01-01T00:00:00.000Z"
"""The day written into files, so that making them again gives the same."""

NOTE = "合成示例"
ELLIPSOID = Geod(a=6_378_137.0, rf=298.257222101)  # CGCS2000

Row = dict[str, Any]

# ---------------------------------------------------------------- shapes


@cache
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def moved(shape: BaseGeometry, source: str, target: str) -> BaseGeometry:
    """A shape in another CRS, rounded to 0.1 mm or 1e-9 degrees (about 0.1 mm)."""
    if source == target:
        return shape
    transformer = _transformer(source, target)
    digits = 9 if target == "EPSG:4490" else 4

    def move(points: np.ndarray) -> np.ndarray:
        return np.round(np.column_stack(transformer.transform(points[:, 0], points[:, 1])), digits)

    return shapely.transform(shape, move)


def placed(shape: BaseGeometry) -> BaseGeometry:
    """A shape in metres from the centre, in EPSG:4550, rounded to the millimetre."""
    return shapely.transform(shape, lambda points: np.round(points + np.array(CENTRE), 3))


def area_m2(shape: BaseGeometry) -> float:
    """The area on the ellipsoid of a shape in EPSG:4550, m², rounded half up to two decimals."""
    area, _ = ELLIPSOID.geometry_area_perimeter(moved(shape, WORKING_CRS, "EPSG:4490"))
    return float(Decimal(repr(abs(area))).quantize(Decimal("0.01"), ROUND_HALF_UP))


def roughened(
    points: list[tuple[float, float]], levels: int, rough: float, seed: int
) -> list[tuple[float, float]]:
    """The line with midpoints pushed aside, `levels` times over; the points given stay."""
    random = np.random.default_rng(SEED + seed)
    line = np.array(points, dtype=float)
    for _ in range(levels):
        steps = np.diff(line, axis=0)
        normals = np.column_stack([-steps[:, 1], steps[:, 0]])
        middles = (
            line[:-1]
            + steps / 2
            + normals * random.normal(0, rough, (len(steps), 1)).clip(-2 * rough, 2 * rough)
        )
        woven = np.empty((len(line) + len(middles), 2))
        woven[0::2], woven[1::2] = line, middles
        line = woven
    return [tuple(point) for point in line.tolist()]


def blob(
    x: float,
    y: float,
    radius: float,
    seed: int,
    *,
    aspect: float = 1.0,
    rough: float = 0.03,
    points: int = 120,
) -> Polygon:
    """A round natural shape: a circle with a few seeded waves on it."""
    random = np.random.default_rng(SEED + seed)
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    r = np.full(points, radius)
    for wave in range(2, 14):
        r += (
            radius
            * rough
            * random.normal()
            / np.sqrt(wave)
            * np.cos(wave * angle + random.uniform(0, 2 * np.pi))
        )
    return Polygon(np.column_stack([x + r * np.cos(angle) * aspect, y + r * np.sin(angle)]))


def smooth(points: list[tuple[float, float]], rounds: int = 3) -> LineString:
    """The line with its corners cut (Chaikin), ends kept."""
    line = np.array(points, dtype=float)
    for _ in range(rounds):
        before, after = line[:-1], line[1:]
        cut = np.empty((2 * len(before), 2))
        cut[0::2], cut[1::2] = 0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after
        line = np.vstack([line[:1], cut, line[-1:]])
    return LineString(line)


# ---------------------------------------------------------------- outline and districts (degrees)

OUTLINE = [
    (122.17, 41.42), (122.25, 41.50), (122.36, 41.57), (122.47, 41.55), (122.56, 41.48), (122.63, 41.40),
    (122.72, 41.34), (122.80, 41.29), (122.90, 41.26), (123.00, 41.27), (123.09, 41.24), (123.17, 41.19),
    (123.24, 41.12), (123.30, 41.03), (123.33, 40.95), (123.42, 40.90), (123.52, 40.84), (123.61, 40.76),
    (123.69, 40.68), (123.66, 40.59), (123.57, 40.53), (123.45, 40.48), (123.33, 40.45), (123.20, 40.47),
    (123.08, 40.50), (122.98, 40.49), (122.87, 40.53), (122.75, 40.55), (122.64, 40.60), (122.53, 40.66),
    (122.44, 40.74), (122.38, 40.83), (122.35, 40.92), (122.30, 41.01), (122.24, 41.10), (122.20, 41.20),
    (122.18, 41.31), (122.17, 41.42),
]  # fmt: skip
BORDERS = [
    [(122.72, 41.34), (122.66, 41.24), (122.60, 41.14)],
    [(122.60, 41.14), (122.50, 41.06), (122.41, 41.03), (122.30, 41.01)],
    [(122.60, 41.14), (122.70, 41.08), (122.80, 41.01), (122.93, 40.97), (123.06, 40.93)],
    [(123.06, 40.93), (123.18, 40.92), (123.33, 40.95)],
    [(123.06, 40.93), (123.08, 40.83), (123.03, 40.72), (123.00, 40.60), (122.98, 40.49)],
    [(122.92, 41.17), (122.96, 41.20), (123.03, 41.20), (123.09, 41.16)],
    [(123.09, 41.16), (123.08, 41.09), (123.04, 41.04), (122.96, 41.04)],
    [(122.96, 41.04), (122.90, 41.10), (122.92, 41.17)],
    [(122.985, 41.135), (122.92, 41.17)],
    [(122.985, 41.135), (123.09, 41.16)],
    [(122.985, 41.135), (122.978, 41.09), (122.96, 41.04)],
]
DISTRICTS = {
    "210302": ("铁东区", (123.03, 41.10)),
    "210303": ("铁西区", (122.95, 41.11)),
    "210304": ("立山区", (122.99, 41.17)),
    "210311": ("千山区", (123.20, 41.02)),
    "210321": ("台安县", (122.42, 41.38)),
    "210323": ("岫岩满族自治县", (123.28, 40.65)),
    "210381": ("海城市", (122.72, 40.80)),
}  # fmt: skip


def outline_and_districts() -> tuple[Polygon, dict[str, Polygon]]:
    """The made outline and the seven districts that tile it, EPSG:4490 degrees to seven decimals."""
    outline = np.round(roughened(OUTLINE, 1, 0.12, 1), 7)
    borders = [np.round(roughened(border, 2, 0.10, 10 + i), 7) for i, border in enumerate(BORDERS)]
    edges = [
        LineString(pair) for line in [outline, *borders] for pair in zip(line[:-1], line[1:], strict=True)
    ]
    tiles = list(shapely.get_parts(shapely.polygonize(edges)))
    districts = {
        code: next(tile for tile in tiles if tile.contains(Point(inside)))
        for code, (_, inside) in DISTRICTS.items()
    }
    assert len(tiles) == len(districts) == len({id(d) for d in districts.values()})
    return Polygon(outline), districts
