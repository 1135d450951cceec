"""The made world of the sample city: outline, districts and the shapes of its plan layers, drawn from a seed.

No line comes from a survey, a plan or a published map. Shapes are laid out in metres east and north of
122.9946 E 41.1106 N in EPSG:4550; `placed` rounds them to the millimetre, so that neighbours share their edges exactly.
"""

from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from itertools import pairwise

import numpy as np
import shapely
from pyproj import Geod, Transformer
from shapely.geometry import LineString, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

SEED = 210300
CENTRE = (499_546.43, 4_552_855.986)
WORKING_CRS = "EPSG:4550"
ELLIPSOID = Geod(a=6_378_137.0, rf=298.257222101)  # CGCS2000

# ---------------------------------------------------------------- shapes


@cache
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def moved(shape: BaseGeometry, source: str, target: str) -> BaseGeometry:
    """A shape in another CRS, rounded to 0.1 mm or 1e-9 degrees (about 0.1 mm)."""
    digits = 9 if target == "EPSG:4490" else 4
    return shape if source == target else _transformed(shape, source, target, digits)


def _transformed(shape: BaseGeometry, source: str, target: str, digits: int) -> BaseGeometry:
    transformer = _transformer(source, target)

    def move(points: np.ndarray) -> np.ndarray:
        return np.round(np.column_stack(transformer.transform(points[:, 0], points[:, 1])), digits)

    return shapely.transform(shape, move)


def placed(shape: BaseGeometry) -> BaseGeometry:
    """A shape in metres from the centre, in EPSG:4550, rounded to the millimetre."""
    return shapely.transform(shape, lambda points: np.round(points + np.array(CENTRE), 3))


def area_m2(shape: BaseGeometry, crs: str = WORKING_CRS) -> float:
    """The area on the ellipsoid of a shape in that CRS, m², rounded half up to two decimals."""
    degrees = shape if crs == "EPSG:4490" else _transformed(shape, crs, "EPSG:4490", 15)
    area, _ = ELLIPSOID.geometry_area_perimeter(degrees)
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
    r = np.full(points, float(radius))
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
    edges = [LineString(pair) for line in [outline, *borders] for pair in pairwise(line)]
    tiles = list(shapely.get_parts(shapely.polygonize(edges)))
    districts = {
        code: next(tile for tile in tiles if tile.contains(Point(inside)))
        for code, (_, inside) in DISTRICTS.items()
    }
    assert len(tiles) == len(districts) == len({id(d) for d in districts.values()})
    return Polygon(outline), districts


# ---------------------------------------------------------------- the world (metres east and north of the centre)

RIVER = smooth([
    (15500, -2500), (12000, -1400), (9200, 900), (6200, 3900), (2200, 5300), (-2800, 5000), (-7800, 6300),
    (-15000, 9300), (-24000, 14500), (-33000, 19000), (-46000, 22500),
], 4)  # fmt: skip
TRIBUTARY = smooth([(-9500, 15500), (-8600, 12500), (-9600, 9500), (-10100, 7150)], 4)
PIPELINE = smooth([
    (4300, 14500), (5000, 7200), (5300, 2000), (5100, -3000), (5700, -8200), (3200, -16500), (800, -31000),
    (9000, -45000), (20000, -53000),
])  # fmt: skip
LINE_66KV = [(-12200, -5400), (-7600, -5150), (-4000, -4350), (2100, -4500), (6900, -5250), (9100, -3100)]
LINE_220KV = [(9600, 9100), (8350, 4200), (7600, -1000), (8250, -6100), (7700, -14000), (-3000, -24000)]
RAILWAY = smooth([
    (-1200, 16500), (-3300, 9000), (-4000, 3600), (-4150, -2100), (-4800, -7600), (-9200, -16200), (-19000, -30500),
    (-32000, -42000),
])  # fmt: skip
ROAD = [
    smooth(
        [(-44000, 26000), (-30000, 11000), (-20500, -1500), (-15500, -9900), (-9000, -9400), (-5600, -8000)]
    ),
    smooth([(-5000, -7900), (900, -7000), (6200, -7300), (7000, -10500), (6600, -17000), (14000, -38000)]),
]
RED_LINE_FACE_X = 9800.0
"""Where the hill's foot was straightened along the town's edge: the red line and the town share this line."""


def red_line() -> Polygon:
    """The hill in the south-east, some hundred vertices, with a straight western face."""
    hill = blob(13600, -9500, 4300, 30, aspect=1.15, rough=0.06, points=640)
    return hill.intersection(box(RED_LINE_FACE_X, -20000, 30000, 5000))


def farmland() -> list[tuple[str, str, BaseGeometry]]:
    """Blocks of permanent basic farmland: name, class code, shape; the first has a hole, the second is one in the boundary."""
    west = blob(-14500, 3600, 2600, 31, aspect=1.25, rough=0.05)
    village = blob(-15000, 3900, 420, 32, rough=0.08, points=40)
    return [
        ("宁远永久基本农田", "0103", west.difference(village)),
        ("城中永久基本农田", "0103", blob(-5750, 300, 620, 33, points=60)),
        ("台安黑土永久基本农田", "0101", blob(-43000, 26000, 5200, 34, aspect=1.3, rough=0.05)),
        ("海城永久基本农田", "0103", blob(-33000, -22000, 3600, 35, aspect=1.2, rough=0.05)),
    ]


def development_boundary(*, is_extended: bool) -> list[tuple[str, BaseGeometry]]:
    """The urban development boundary (城镇开发边界): of 2024, or of 2026 with a park added in the north-east."""
    core = blob(0, 0, 7500, 40, rough=0.035, points=240)
    if is_extended:
        core = core.union(blob(6100, 6100, 2200, 41, rough=0.02, points=80))
    core = core.difference(farmland()[1][2])
    town = box(8900, -10200, RED_LINE_FACE_X, -8800)
    return [
        ("鞍山中心城区", core),
        ("千山脚下小镇", town),
        ("腾鳌镇", blob(-13500, -7500, 1700, 42, rough=0.03, points=60)),
        ("海城市区", blob(-22000, -29000, 4200, 43, rough=0.04)),
        ("台安县城", blob(-50500, 31500, 2600, 44, rough=0.04)),
        ("岫岩县城", blob(24000, -55500, 2300, 45, rough=0.04)),
    ]


# ---------------------------------------------------------------- planned land use and control plots

USES = {
    "070102": ("二类城镇住宅用地", "#FFFF2D"), "0702": ("城镇社区服务设施用地", "#FFD000"),
    "0801": ("机关团体用地", "#FF00FF"), "0802": ("科研用地", "#E6005C"), "0803": ("文化用地", "#FF7F00"),
    "080403": ("中小学用地", "#FF85C9"), "0805": ("体育用地", "#00A57C"), "0806": ("医疗卫生用地", "#FF7F7E"),
    "0901": ("商业用地", "#FF0000"), "0902": ("商务金融用地", "#C80000"), "1001": ("工业用地", "#BB9674"),
    "1101": ("物流仓储用地", "#8761D3"), "1207": ("城镇村道路用地", "#A3A3A3"), "1303": ("供电用地", "#006380"),
    "1401": ("公园绿地", "#00FF00"), "1402": ("防护绿地", "#148D4A"), "1403": ("广场用地", "#ACFFCF"),
}  # fmt: skip
STEPS = [110.0, 130.0, 110.0, 120.0, 30.0] * 12
"""Widths of the columns and rows of the street grid, metres; every fifth is a street."""


def land_use_parcels() -> list[tuple[str, Polygon]]:
    """A tessellation of the centre: land-use class and parcel; neighbours share every vertex of their common edge."""
    random = np.random.default_rng(SEED + 50)
    lines = np.concatenate([[0.0], np.cumsum(STEPS)]) - sum(STEPS) / 2
    count = len(STEPS)
    x, y = np.meshgrid(lines, lines)
    bent_x = x + 60 * np.sin(y / 1300) + 0.12 * y
    bent_y = y + 70 * np.sin(x / 1500 + 1) - 0.12 * x
    nodes = np.dstack([bent_x, bent_y])
    street = np.array([i % 5 == 4 for i in range(count)])
    taken = np.zeros((count, count), dtype=bool)
    parcels = []
    for row in range(count):
        for column in range(count):
            if taken[row, column]:
                continue
            width, height = _extent(row, column, street, taken, random)
            taken[row : row + height, column : column + width] = True
            ring = [
                *(nodes[row, column + i] for i in range(width)),
                *(nodes[row + i, column + width] for i in range(height)),
                *(nodes[row + height, column + width - i] for i in range(width)),
                *(nodes[row + height - i, column] for i in range(height)),
            ]
            parcel = Polygon(ring)
            parcels.append(
                ("1207" if street[row] or street[column] else _use(parcel.centroid, random), parcel)
            )
    return parcels


def _extent(
    row: int, column: int, street: np.ndarray, taken: np.ndarray, random: np.random.Generator
) -> tuple[int, int]:
    """How many columns and rows of the grid a parcel takes: a street runs to the next crossing, some blocks are double."""
    if street[row] != street[column]:
        return (4, 1) if street[row] else (1, 4)
    is_last = column + 1 == len(street) or street[column + 1] or taken[row, column + 1]
    return (1, 1) if street[row] or is_last or random.random() > 0.2 else (2, 1)


def _use(point: Point, random: np.random.Generator) -> str:
    """A plausible class: business in the middle, homes around it, industry in the north-west, services everywhere."""
    distance = np.hypot(point.x, point.y)
    chance = random.random()
    for limit, use in (
        (0.07, "1401"),
        (0.10, "080403"),
        (0.115, "0806"),
        (0.15, "0702"),
        (0.17, "1303"),
        (0.19, "1403"),
    ):
        if chance < limit:
            return use
    if distance < 900:
        return str(random.choice(["0901", "0902", "0801", "0803", "070102"], p=[0.35, 0.2, 0.15, 0.1, 0.2]))
    if point.x < -1700 and point.y > 700:
        return str(random.choice(["1001", "1101", "1402"], p=[0.7, 0.15, 0.15]))
    return str(random.choice(["070102", "0901", "0801", "0802", "0805"], p=[0.78, 0.12, 0.04, 0.03, 0.03]))


# ---------------------------------------------------------------- smaller shapes


def river_strips(width: float) -> list[tuple[str, BaseGeometry]]:
    """The river in two reaches with a weir between them (one multipolygon) and its tributary, `width` metres a side."""
    weir = box(-5300, 4000, -5000, 8000)
    main = RIVER.buffer(width, quad_segs=4, cap_style="flat")
    return [
        ("沙柳河", main.difference(weir)),
        ("小柳沟", TRIBUTARY.buffer(width * 0.6, quad_segs=4, cap_style="flat")),
    ]


def heritage_sites() -> list[tuple[str, str, Polygon]]:
    """Protected monuments: name, grade, scope of protection."""
    return [
        (
            "老站房旧址",
            "省级",
            Polygon([(840, -1180), (1010, -1150), (990, -1010), (915, -995), (910, -1030), (815, -1050)]),
        ),
        ("高炉旧址", "国家级", Polygon([(-2350, 1750), (-2150, 1730), (-2120, 1900), (-2330, 1930)])),
        ("山门石塔", "市级", blob(11800, -6300, 70, 60, points=24)),
    ]


def forest() -> list[tuple[str, BaseGeometry]]:
    """Forest land on the hills in the south-east: several stands of several pieces."""
    random = np.random.default_rng(SEED + 61)
    stands: list[tuple[str, BaseGeometry]] = []
    for number in range(1, 9):
        x, y = random.uniform(13_000, 21_000), random.uniform(-17_000, -5_500)
        pieces = [
            blob(
                x + random.normal(0, 900),
                y + random.normal(0, 900),
                random.uniform(350, 900),
                620 + 10 * number + i,
                points=48,
            )
            for i in range(3)
        ]
        stands.append((f"第{number}林班", shapely.union_all(pieces)))
    return stands


def hazard_points() -> list[tuple[str, Point]]:
    """Known places of landslides and rockfall (地质灾害隐患点) along the hills."""
    random = np.random.default_rng(SEED + 63)
    return [
        (f"{number}号隐患点", Point(random.uniform(11_000, 19_000), random.uniform(-15_000, -5_000)))
        for number in range(1, 15)
    ]


def historic_buildings() -> list[tuple[str, Point]]:
    """Historic buildings (历史建筑) in the eastern centre."""
    random = np.random.default_rng(SEED + 64)
    return [
        (f"{number}号历史建筑", Point(random.uniform(200, 2600), random.uniform(-2400, 2000)))
        for number in range(1, 13)
    ]


def control_plots() -> list[tuple[str, str, Polygon]]:
    """Plots of the regulatory plan: number, class, shape; drawn 4 m inside some parcels of the eastern centre."""
    random = np.random.default_rng(SEED + 65)
    east = box(700, -2600, 2900, 1500)
    plots: list[tuple[str, str, Polygon]] = []
    for use, parcel in land_use_parcels():
        if use != "1207" and east.contains(parcel) and random.random() < 0.6:
            plots.append((f"TD-{len(plots) + 1:03d}", use, parcel.buffer(-4, join_style="mitre")))
    return plots


CONTROL_PLAN_COVERAGE = box(600, -3000, 3300, 1900)
"""Where the regulatory plan has been drawn up: it says nothing of the rest of the city."""


# ---------------------------------------------------------------- slope of the ground (raster)

SLOPE_PIXEL_M = 20.0
SLOPE_WEST, SLOPE_SOUTH, SLOPE_EAST, SLOPE_NORTH = -14500.0, -11000.0, 11500.0, 9000.0
HILLS = [(4680.0, -230.0, 85.0, 70.0), (11300.0, -6500.0, 300.0, 480.0), (11100.0, -2500.0, 210.0, 420.0)]
"""Hills of the made ground: place of the top, height and how wide (the sigma of a bell), metres."""


def slope_degrees() -> np.ndarray:
    """The slope of the made ground in half degrees, north row first: flat but for the hills and a gentle roughness."""
    columns = round((SLOPE_EAST - SLOPE_WEST) / SLOPE_PIXEL_M)
    rows = round((SLOPE_NORTH - SLOPE_SOUTH) / SLOPE_PIXEL_M)
    x = SLOPE_WEST + SLOPE_PIXEL_M * (np.arange(columns) + 0.5)
    y = SLOPE_NORTH - SLOPE_PIXEL_M * (np.arange(rows) + 0.5)
    x, y = np.meshgrid(x, y)
    east, north = 0.02 * np.cos(x / 900), 0.02 * np.sin(y / 700)
    for top_x, top_y, height, sigma in HILLS:
        bell = height * np.exp(-((x - top_x) ** 2 + (y - top_y) ** 2) / (2 * sigma**2))
        east, north = east - bell * (x - top_x) / sigma**2, north - bell * (y - top_y) / sigma**2
    return (np.round(2 * np.degrees(np.arctan(np.hypot(east, north)))) / 2).astype(np.float32)
