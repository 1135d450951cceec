"""The made plan layers of Anshan in the national standard's layer codes and fields; nothing here is a real plan.

Shapes are made in metres (EPSG:4550) around the centre and kept in degrees (EPSG:4490) once they are done.
"""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import geopandas
import numpy as np
import shapely

from anshan_outline import District
from anshan_shapes import Parcel, area_m2, at, blob, meander, place, smooth, straight, strip, to_degrees, to_metres, town

HERE = Path(__file__).resolve().parent
MADE = "合成示例，非真实规划"

HAICHENG, TAIAN, XIUYAN, TENGAO = (
    place(122.69, 40.88), place(122.43, 41.41), place(123.28, 40.29), place(122.83, 41.06),
)  # fmt: skip
"""The towns away from the centre, in kilometres from it."""

GRID_M = 0.01
"""What is cut from something else lies on whole centimetres, so that both sides keep the same corners."""

Rows = list[dict[str, object]]


class World:
    """Everything that the layers share: the seed, the districts, the boundary and the river they all keep to."""

    def __init__(self, seed: int, outline: shapely.Polygon, districts: list[District]) -> None:
        self.seed = seed
        self.outline = outline
        self.outline_m = to_metres(outline)
        self.districts = districts
        self.centre_blob = shapely.set_precision(blob(self.rng("centre"), (-0.2, -0.4), (6.6, 7.4), roughness=0.16, vertices=260), GRID_M)
        self.hill = shapely.set_precision(blob(self.rng("hill"), (7.4, -3.9), (1.5, 1.2), roughness=0.2, vertices=220), GRID_M)
        self.inner_field = shapely.set_precision(blob(self.rng("field"), (-3.1, -4.0), (0.75, 0.6), roughness=0.2, vertices=120), GRID_M)
        self.river = meander(
            self.rng("river"),
            [(18.0, 0.8), (12.0, 2.7), (7.0, 3.4), (2.0, 4.9), (-3.0, 5.2), (-7.0, 6.9), (-12.0, 9.0), (-17.5, 10.2)],
            share=0.10,
        )
        self.water = strip(self.rng("water"), self.river, (35, 110))
        self.town = self._town()

    def rng(self, name: str) -> np.random.Generator:
        """Chance of its own for each thing, so that a new layer changes no other."""
        return np.random.default_rng([self.seed, crc32(name.encode())])

    def _town(self) -> list[Parcel]:
        """The grid's parcels that lie within the centre."""
        inner = shapely.buffer(self.centre_blob, -250)
        shapely.prepare(inner)
        parcels = [
            parcel
            for parcel in town(self.rng("town"), half_m=7000)
            if shapely.covers(inner, parcel.geometry) and not shapely.intersects(self.hill, parcel.geometry)
        ]
        whole = shapely.buffer(shapely.union_all([parcel.geometry for parcel in parcels]), -1)
        largest = max(shapely.get_parts(whole), key=lambda part: part.area)
        return [parcel for parcel in parcels if shapely.intersects(largest, parcel.geometry)]

    def district_of(self, shape: shapely.Geometry) -> District:
        """The district in which a shape in degrees lies, by a point on it; the nearest when none."""
        point = shapely.point_on_surface(shape)
        return min(self.districts, key=lambda district: shapely.distance(district.geometry, point))


def frame(world: World, layer_number: int, rows: Rows, ysdm: str | None = None) -> geopandas.GeoDataFrame:
    """Rows with shapes in metres to a table in degrees, with BSM (18 digits), YSDM and the district first."""
    clipped = [(row, within(world, row.pop("geometry"))) for row in rows]
    rows = [row for row, shape in clipped if not shape.is_empty]
    shapes = [to_degrees(shape) for _, shape in clipped if not shape.is_empty]
    tables = []
    for number, (row, shape) in enumerate(zip(rows, shapes, strict=True), start=1):
        district = world.district_of(shape)
        first = {"BSM": f"{district.code}{layer_number:04d}{number:08d}", "YSDM": ysdm}
        named = {key: value(shape) if callable(value) else value for key, value in row.items()}
        tables.append(first | {"XZQDM": district.code, "XZQMC": district.name} | named | {"BZ": MADE})
    return geopandas.GeoDataFrame(tables, geometry=shapes, crs="EPSG:4490")


def within(world: World, shape: shapely.Geometry) -> shapely.Geometry:
    """What of a shape lies in the city; scraps below 100 m² are no features."""
    if shapely.covers(world.outline_m, shape):
        inside = shape
    else:
        inside = shapely.intersection(shape, world.outline_m)
    if shapely.get_dimensions(shape) < 2:
        return inside
    parts = [part for part in shapely.get_parts(inside) if part.geom_type == "Polygon" and part.area > 100]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def square_kilometres(shape: shapely.Geometry) -> float:
    """QYMJ of the red line: the one area that the standard wants in km²."""
    return round(area_m2(shape) / 1e6, 4)


def urban_development_boundary(world: World) -> geopandas.GeoDataFrame:
    """城镇开发边界: the centre without its inner field and the hill, four towns; three kinds of zone."""
    rng = world.rng("CZKFBJ")
    field_and_hill = shapely.union_all([world.inner_field, world.hill])
    centre = shapely.difference(world.centre_blob, field_and_hill, grid_size=GRID_M)
    centre = max(shapely.get_parts(centre), key=lambda part: part.area)
    south = shapely.intersection(centre, shapely.box(*at(-9, -9), *at(9, -6.55)), grid_size=GRID_M)
    belt = shapely.intersection(centre, shapely.buffer(world.water, 120), grid_size=GRID_M)
    belt = shapely.difference(belt, south, grid_size=GRID_M)
    rest = shapely.difference(centre, shapely.union_all([south, belt]), grid_size=GRID_M)
    zones = [("鞍山市中心城区", "集中建设区", rest), ("鞍山市中心城区", "弹性发展区", south), ("鞍山市中心城区", "特别用途区", belt)]
    for name, where, radii in (
        ("海城市城区", HAICHENG, (3.6, 3.1)), ("台安县城区", TAIAN, (2.3, 2.0)),
        ("岫岩县城区", XIUYAN, (2.0, 2.6)), ("腾鳌镇", TENGAO, (1.9, 1.6)),
    ):  # fmt: skip
        zones.append((name, "集中建设区", blob(rng, where, radii, roughness=0.18, vertices=180)))
    return frame(
        world, 5001,
        [
            {"CZMC": name, "XJXZQHDM": None, "CZKFMJ": area_m2, "SLSJ": "20240101", "FQLX": kind, "geometry": shape}
            for name, kind, shape in zones
        ],
    )  # fmt: skip


def permanent_basic_farmland(world: World, *, year: int) -> geopandas.GeoDataFrame:
    """永久基本农田: a block west of the centre with a village as a hole, the inner field, the plains; enlarged in 2026."""
    rng = world.rng("YJJBNT")
    west = blob(rng, (-9.8, 2.6), (1.9, 1.3), roughness=0.2, vertices=200)
    village = blob(rng, (-10.0, 2.7), (0.4, 0.3), roughness=0.2, vertices=60)
    added = blob(rng, (-9.6, -3.6), (1.0, 0.8), roughness=0.2, vertices=110)
    blocks = [shapely.difference(west, village), world.inner_field]
    for where, radii, count in ((TAIAN, (12, 12), 26), (HAICHENG, (13, 12), 24), (TENGAO, (5, 5), 5)):
        while count:
            offset = rng.uniform(-1, 1, 2) * radii
            centre = (where[0] + float(offset[0]), where[1] + float(offset[1]))
            patch = blob(rng, centre, (float(rng.uniform(0.6, 1.7)), float(rng.uniform(0.5, 1.3))), vertices=70)
            town_near = np.hypot(*offset) < 5.2
            if not town_near and not any(shapely.intersects(patch, block) for block in [*blocks, added, world.water]):
                blocks.append(patch)
                count -= 1
    if year >= 2026:
        blocks.append(added)
    rows: Rows = []
    for number, block in enumerate(blocks, start=1):
        kind = ("0101", "水田") if number % 3 == 0 else ("0103", "旱地")
        rows.append(
            {
                "YJJBNTTBBH": f"210300{number:012d}", "TBBH": f"{number:08d}", "DLBM": kind[0], "DLMC": kind[1],
                "QSXZ": "30", "YJJBNTTBMJ": area_m2, "KCXS": 0.05,
                "YJJBNTMJ": lambda shape: float(np.floor(area_m2(shape) * 95 + 0.5) / 100),
                "GDPDJB": "1", "SJNF": year, "geometry": block,
            }
        )  # fmt: skip
    return frame(world, 5002, rows)


def ecological_red_line(world: World) -> geopandas.GeoDataFrame:
    """生态保护红线: the hill at the edge of the centre, the ridge in the south-east with glades, the mountains of Xiuyan."""
    rng = world.rng("STBHHX")
    ridge = blob(rng, (11.6, -8.6), (3.9, 3.0), roughness=0.26, vertices=420, turn=0.5)
    glades = [blob(rng, (11.0, -8.8), (0.5, 0.3), vertices=50), blob(rng, (12.8, -8.0), (0.3, 0.4), vertices=50)]
    rows = [("城东山体", world.hill), ("千山山脉", shapely.difference(ridge, shapely.union_all(glades)))]
    for number, where in enumerate([(17, -62), (27, -72), (42, -70), (36, -95), (8, -84), (-2, -48)], start=1):
        rows.append((f"岫岩山地{number}", blob(rng, where, (5.5, 3.8), roughness=0.3, vertices=260, turn=0.7 * number)))
    return frame(
        world, 5003,
        [
            {
                "XJXZQHDM": None, "LXDM": "01", "SLDM": f"{number:04d}", "MC": name, "QYMJ": square_kilometres,
                "DLWZ": "鞍山市", "GKCS": "除允许的有限人为活动外禁止开发性、生产性建设活动", "SLSJ": "20240101",
                "geometry": shape,
            }
            for number, (name, shape) in enumerate(rows, start=1)
        ],
    )  # fmt: skip


def water_sources(world: World, *, level: int) -> geopandas.GeoDataFrame:
    """饮用水水源保护区: level 1 around the wells, level 2 around level 1 (a ring)."""
    rng = world.rng("YYSSYD")
    rows: Rows = []
    for name, where in (("南郊水源地", (-5.6, -9.6)), ("海城北水源地", (-24.5, -17.5)), ("台安水源地", (-44.0, 27.5))):
        inner = blob(rng, where, (0.5, 0.42), roughness=0.15, vertices=90)
        outer = blob(rng, where, (1.5, 1.25), roughness=0.15, vertices=140)
        shape = inner if level == 1 else shapely.difference(outer, inner)
        rows.append({"BHQMC": name, "BHQJB": "市级", "SYBHJB": str(level), "MJ": area_m2, "geometry": shape})
    return frame(world, 5010 + level, rows)


def named(
    world: World, number: int, rows: Sequence[tuple[str, shapely.Geometry]], ysdm: str | None = None, **more: object
) -> geopandas.GeoDataFrame:
    """A layer of the standard's default fields MC and, for areas, MJ."""
    has_area = rows[0][1].geom_type in ("Polygon", "MultiPolygon")
    fields: dict[str, object] = {"MJ": area_m2} if has_area else {}
    return frame(world, number, [{"MC": name} | fields | more | {"geometry": shape} for name, shape in rows], ysdm)


def nature(world: World) -> dict[str, geopandas.GeoDataFrame]:
    """自然保护地, 风景名胜区, 林地, 生态廊道."""
    rng = world.rng("nature")
    scenic = blob(rng, (11.9, -8.8), (4.5, 3.7), roughness=0.14, vertices=300, turn=0.5)
    core = shapely.intersection(blob(rng, (12.2, -9.0), (2.0, 1.5), roughness=0.2, vertices=160), scenic)
    reserve = frame(
        world, 5020,
        [{"BHQMC": "千山自然保护地", "BHQJB": "国家级", "PZJG": "示例", "PZSJ": "20200101", "BHQMJ": area_m2, "GNFQ": "1", "geometry": core}],
    )  # fmt: skip
    woods = []
    for number in range(34):
        hills = [(13, -5), (16, -2), (9, -13), (14, 5), (20, -60), (30, -80), (38, -66), (5, -75), (0, -30)]
        centre = hills[number % len(hills)]
        where = (centre[0] + float(rng.normal(0, 2.4)), centre[1] + float(rng.normal(0, 2.4)))
        parts = [
            blob(rng, (where[0] + 2.2 * part, where[1] + float(rng.normal(0, 0.7))), (0.9, 0.6), roughness=0.3, vertices=90)
            for part in range(int(rng.integers(1, 4)))
        ]
        woods.append((f"林地图斑{number + 1}", shapely.difference(shapely.union_all(parts), world.centre_blob)))
    woods = [(name, shape) for name, shape in woods if not shape.is_empty]
    corridor = [
        ("沿河生态廊道", world.river),
        ("城山生态廊道", shapely.MultiLineString([smooth([(5.9, -4.6), (8.5, -6.0), (10.5, -8.0)]), smooth([(6.2, -2.6), (9, -1.0), (13, 0.6)])])),
    ]  # fmt: skip
    return {
        "ZRBHD": reserve,
        "FJMSQ": named(world, 5021, [("千山风景名胜区", scenic)]),
        "X_LDBH": named(world, 5022, woods, LDJB="2"),
        "STLD": named(world, 5023, corridor),
    }


def waters(world: World) -> dict[str, geopandas.GeoDataFrame]:
    """河湖管理范围, 城市蓝线, 蓄滞洪区, 地下水监测井."""
    rng = world.rng("waters")
    big = meander(rng, [(-52, 48), (-58, 38), (-62, 26), (-60, 12), (-52, 2), (-54, -6)], share=0.14)
    south = meander(rng, [(2, -32), (-9, -29), (-19, -30), (-29, -28.5), (-40, -24), (-50, -18)], share=0.14)
    strips = [("城区河", world.water), ("西部大河", strip(rng, big, (160, 260))), ("海城示例河", strip(rng, south, (60, 140)))]
    scope = [(name + "管理范围", shapely.simplify(shapely.buffer(shape, 60, quad_segs=4), 1.0)) for name, shape in strips]
    reach = shapely.intersection(shapely.buffer(world.water, 25, quad_segs=4), shapely.box(*at(-2.2, 0), *at(6, 9)))
    storage = [(f"蓄滞洪区{n}", blob(rng, w, (3.4, 2.1), vertices=150)) for n, w in enumerate([(-55, 31), (-52, 13)], 1)]
    wells = [
        (f"监测井{number:02d}", shapely.Point(at(float(rng.uniform(-14, 6)), float(rng.uniform(-14, 9)))))
        for number in range(1, 41)
    ]
    return {
        "X_HDGL": named(world, 5030, scope),
        "ZXCQCSLX": named(world, 5031, [("城区河蓝线", reach)]),
        "XZHQ": named(world, 5032, storage),
        "X_JCJ": named(world, 5033, wells),
    }


def networks(world: World) -> dict[str, geopandas.GeoDataFrame]:
    """高压线 by voltage, 公路, 铁路, 油气管道: all centre lines."""
    low = [
        ("66kV 南环线", straight([(-5.9, -7.6), (-4.6, -6.6), (-2.5, -6.9), (0.4, -6.75), (3.2, -6.1), (5.0, -6.3), (7.4, -7.1)])),
        ("66kV 东线", straight([(5.0, -6.3), (6.2, -5.2), (9.0, -5.6), (9.6, -2.2), (8.6, 0.9), (9.4, 3.2)])),
        ("66kV 海城线", straight([(-5.9, -7.6), (-11, -12.5), (-17.5, -19.4), (-21.3, -22.3), (-29.7, -29.6)])),
    ]  # fmt: skip
    high = [
        ("220kV 鞍西线", straight([(-12.5, -14.2), (-8.3, -8.6), (-7.6, -3.1), (-8.0, 1.1), (-7.4, 5.9), (-4.8, 9.7), (-1.6, 12.1)])),
        ("220kV 鞍台线", straight([(-8.0, 1.1), (-15.5, 6.2), (-24.8, 13.9), (-36.1, 22.7), (-43.0, 29.1)])),
    ]  # fmt: skip
    roads = [
        ("S210 示例段", smooth([(-30, -19), (-20, -11), (-10.6, -7.4), (-8.9, -2.1), (-8.6, 2.2), (-7.5, 7.6), (-1.0, 9.2), (3.5, 13.5)])),
        ("S322 示例段", smooth([(-8.9, -2.1), (-14.5, 0.8), (-25, 4.5), (-38, 14.0), (-45.5, 29.5)])),
    ]  # fmt: skip
    railways = [
        ("高速铁路示例段", smooth([(-34, -36), (-21, -22), (-11.4, -9.0), (-9.4, -1.5), (-8.7, 3.2), (-4.9, 10.8), (-2.5, 14)])),
        (
            "普速铁路示例段",
            shapely.MultiLineString(
                [
                    smooth([(-31, -31), (-17, -18), (-6.9, -10.5), (-3.6, -6.0), (-2.4, -1.0), (-1.2, 4.0), (1.0, 9.0), (2.8, 13.5)]),
                    smooth([(-2.4, -1.0), (-3.4, 1.2), (-4.9, 2.4)]),
                ]
            ),
        ),
    ]  # fmt: skip
    pipes = [("天然气长输管道示例段", smooth([(-28, -9), (-16, -6.9), (-7, -5.9), (-1.5, -5.35), (3.2, -5.05), (5.4, -5.7), (8, -8.2), (10, -16)], rounds=3))]  # fmt: skip
    return {
        "X_GYXL_66": named(world, 5040, low, DYDJ="66kV"),
        "X_GYXL_220": named(world, 5041, high, DYDJ="220kV"),
        "X_GLXL": named(world, 5042, roads, GLDJ="省道", BFK=12.0),
        "X_TLXL": named(world, 5043, railways),
        "X_YQGD": named(world, 5044, pipes),
    }


def heritage(world: World) -> dict[str, geopandas.GeoDataFrame]:
    """文物保护范围, 建设控制地带, 不可移动文物点, 历史建筑点, 地下文物埋藏区."""
    rng = world.rng("heritage")
    scopes, belts = [], []
    for name, where, size in (
        ("示例古塔", (1.7, -1.3), 0.10), ("示例旧厂办公楼", (-1.3, 1.6), 0.07), ("示例寺院", (4.0, 0.9), 0.16),
        ("海城示例古庙", (-25.1, -24.9), 0.12),
    ):  # fmt: skip
        scope = blob(rng, where, (size, size * 0.8), roughness=0.08, vertices=28)
        belt = shapely.difference(blob(rng, where, (size * 2.6, size * 2.4), roughness=0.1, vertices=48), scope)
        scopes.append((name + "保护范围", scope))
        belts.append((name + "建设控制地带", belt))
    buried = [(f"地下文物埋藏区{n}", blob(rng, w, (0.5, 0.35), vertices=60)) for n, w in enumerate([(-11.5, -6.4), (3.4, 10.2)], 1)]
    sites = [(f"不可移动文物{n:02d}", shapely.Point(at(float(rng.normal(0, 9)), float(rng.normal(-2, 9))))) for n in range(1, 31)]
    houses = [(f"历史建筑{n:02d}", shapely.Point(at(float(rng.normal(0.3, 1.4)), float(rng.normal(0.2, 1.4))))) for n in range(1, 25)]
    return {
        "WWBHDWM_BHFW": named(world, 5050, scopes, ZONE="保护范围"),
        "WWBHDWM_JKDD": named(world, 5051, belts, ZONE="建设控制地带"),
        "DXWWMCQ": named(world, 5052, buried),
        "BKYDWWD": named(world, 5053, sites),
        "LSJZD": named(world, 5054, houses),
    }


def hazards(world: World) -> dict[str, geopandas.GeoDataFrame]:
    """采空区, 尾矿库, 地质灾害隐患点, 污染地块, 矿产资源控制线."""
    rng = world.rng("hazards")
    mined = shapely.union_all([blob(rng, (8.9 + 1.1 * n, 5.0 + 0.5 * n), (0.5, 0.35), roughness=0.3, vertices=80) for n in range(3)])
    pond = blob(rng, (11.2, 1.2), (0.9, 0.7), roughness=0.2, vertices=140)
    soils = [("污染地块甲", blob(rng, (-4.6, 2.9), (0.22, 0.16), vertices=40)), ("污染地块乙", blob(rng, (-4.1, 3.4), (0.15, 0.2), vertices=40))]
    slips = [
        (f"隐患点{n:02d}", shapely.Point(at(float(rng.uniform(8, 17)), float(rng.uniform(-13, 4))))) for n in range(1, 13)
    ] + [(f"隐患点{n:02d}", shapely.Point(at(float(rng.uniform(8, 40)), float(rng.uniform(-95, -60))))) for n in range(13, 31)]
    ores = [("铁矿控制区", blob(rng, (10.5, 4.6), (3.2, 2.4), vertices=160)), ("菱镁矿控制区", blob(rng, (-18, -40), (4.0, 2.6), vertices=160))]
    return {
        "X_CKQ": named(world, 5060, [("采空区甲", mined), ("采空区乙", blob(rng, (10.3, -5.4), (0.4, 0.3), vertices=60))]),
        "X_WKK": named(world, 5061, [("示例尾矿库", pond)]),
        "X_DZZH": named(world, 5062, slips, GM="小型"),
        "X_TRWR": named(world, 5063, soils),
        "KCZYKCBHX": named(world, 5064, ores),
    }


def others(world: World) -> dict[str, geopandas.GeoDataFrame]:
    """机场净空, 气象探测环境, 黑土地, 人防工程, 古树名木, 测量标志."""
    rng = world.rng("others")
    circle = shapely.buffer(shapely.Point(at(-13.4, -2.6)), 4_000, quad_segs=24)
    approach = shapely.Polygon([at(-13.9, -2.6), at(-15.6, 12.0), at(-10.4, 12.6), at(-12.9, -2.6)])
    black = [(f"黑土地{n}", blob(rng, (TAIAN[0] + float(rng.uniform(-9, 9)), TAIAN[1] + float(rng.uniform(-9, 9))), (2.2, 1.6), vertices=90)) for n in range(1, 9)]
    shelters = [(f"人防工程{n:02d}", shapely.Point(at(float(rng.uniform(-3.5, 4)), float(rng.uniform(-4, 4))))) for n in range(1, 16)]
    trees = [(f"古树{n:02d}", shapely.Point(at(float(rng.normal(2, 4)), float(rng.normal(-2, 4))))) for n in range(1, 51)]
    marks = [(f"三角点{n:02d}", shapely.Point(at(float(rng.uniform(-20, 20)), float(rng.uniform(-20, 10))))) for n in range(1, 26)]
    return {
        "X_JCJK": named(world, 5070, [("腾鳌机场净空保护区", shapely.union_all([circle, approach]))], XG=152.0),
        "X_YJTX": named(world, 5071, [("示例气象站探测环境", blob(rng, (-5.2, -1.9), (0.4, 0.4), roughness=0.02, vertices=60))]),
        "X_HTD": named(world, 5072, black),
        "X_RFGC": named(world, 5073, shelters),
        "X_GSMM": named(world, 5074, trees),
        "X_CL": named(world, 5075, marks),
    }  # fmt: skip


def land_use(world: World) -> dict[str, geopandas.GeoDataFrame]:
    """规划用地用海: the town's parcels with their codes; 控规地块: those of them that a detailed plan covers."""
    rng = world.rng("GHYDYH")
    with (HERE / "anshan" / "land_use_codes.csv").open(encoding="utf-8", newline="") as stream:
        names = {row["code"]: row["name"] for row in csv.DictReader(stream)}
    detailed = blob(world.rng("X_KGDY"), (2.2, 0.2), (3.1, 2.7), roughness=0.14, vertices=80)
    shapely.prepare(detailed)
    use_of = _land_use_rule(world, rng)
    parcels: Rows = []
    plots: Rows = []
    for number, parcel in enumerate(world.town, start=1):
        code = use_of(parcel)
        shared = {"YDYHFLDM": code.ljust(6, "0"), "YDYHFLMC": names[code]}
        is_new = bool(rng.random() < 0.3)
        parcels.append(
            shared | {"TBMJ": area_m2, "GHZT": "02" if is_new else "01", "JQDLDM": "010300" if is_new else shared["YDYHFLDM"], "geometry": parcel.geometry}
        )  # fmt: skip
        if code[:2] in _LIMITS and shapely.covers(detailed, shapely.point_on_surface(parcel.geometry)):
            ratio, density, green, height = _LIMITS[code[:2]]
            plots.append(
                {"DKBH": f"A-{number:04d}"} | shared | {"MJ": area_m2, "RJL": ratio, "JZMD": density, "LDL": green, "JZGD": height, "geometry": parcel.geometry}
            )  # fmt: skip
    return {"GHYDYH": frame(world, 6020, parcels, "2090020620"), "X_KGDY": frame(world, 6021, plots)}


_LIMITS = {
    "07": (2.0, 25.0, 35.0, 54.0), "08": (1.2, 35.0, 35.0, 36.0), "09": (3.0, 50.0, 20.0, 80.0),
    "10": (1.5, 50.0, 15.0, 24.0), "11": (1.2, 50.0, 15.0, 24.0), "13": (0.8, 35.0, 20.0, 24.0), "14": (0.1, 5.0, 70.0, 12.0),
}  # fmt: skip
"""Floor area ratio, building density %, green ratio %, height in metres, by the first level of land use."""


def _land_use_rule(world: World, rng: np.random.Generator) -> Callable[[Parcel], str]:
    """What stands where: works in the north-west, shops in the middle, homes around, schools and parks between."""
    shapely.prepare(world.water)
    shapely.prepare(world.inner_field)
    middle = shapely.Point(at(0.4, 0.1))

    def use_of(parcel: Parcel) -> str:
        point = shapely.point_on_surface(parcel.geometry)
        if shapely.intersects(world.inner_field, point):
            return "0103"
        if shapely.intersects(world.water, point):
            return "1701"
        if parcel.is_street:
            return "1207"
        east, north = shapely.get_x(point) - at(0, 0)[0], shapely.get_y(point) - at(0, 0)[1]
        chance = rng.random()
        if east < -1500 and north > 700:
            return _pick(chance, [(0.72, "100103"), (0.84, "110102"), (0.92, "1402"), (0.97, "1303"), (1, "100102")])
        if shapely.distance(point, middle) < 1400:
            return _pick(chance, [(0.34, "090101"), (0.5, "0902"), (0.78, "070102"), (0.86, "0801"), (0.92, "080302"), (0.97, "1403"), (1, "080601")])
        if north < -4800:
            return _pick(chance, [(0.45, "100102"), (0.6, "1101"), (0.9, "070102"), (1, "1402")])
        return _pick(
            chance,
            [(0.68, "070102"), (0.73, "070101"), (0.79, "080403"), (0.82, "080404"), (0.88, "1401"), (0.92, "090101"), (0.94, "080602"), (0.97, "120803"), (1, "16")],
        )  # fmt: skip

    return use_of


def _pick(chance: float, steps: Sequence[tuple[float, str]]) -> str:
    return next(code for limit, code in steps if chance <= limit)


def make_layers(world: World) -> dict[str, geopandas.GeoDataFrame]:
    """All layers by table name, in EPSG:4490."""
    pipes = networks(world)
    return {
        "CZKFBJ": urban_development_boundary(world),
        "YJJBNT_2024": permanent_basic_farmland(world, year=2024),
        "YJJBNT_2026": permanent_basic_farmland(world, year=2026),
        "STBHHX": ecological_red_line(world),
        "YYSSYD_1": water_sources(world, level=1),
        "YYSSYD_2": water_sources(world, level=2),
        **nature(world),
        **waters(world),
        **pipes,
        **heritage(world),
        **hazards(world),
        **others(world),
        **land_use(world),
    }
