"""The plan layers of the sample city: what defines each, and the rows of its files with the fields of the national base."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from anshan import world
from anshan.world import USES, WORKING_CRS, area_m2, blob, moved, placed
from shapely.geometry import LineString, MultiLineString, MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

Row = dict[str, Any]
Item = tuple[str, BaseGeometry, Row]
"""A feature before it is placed: name, shape in metres from the centre, further fields."""

NOTE = "合成示例"
GEOGRAPHIC, ZONE_41 = "EPSG:4490", "EPSG:4529"


@dataclass(frozen=True)
class LayerFile:
    """One version of a layer: file, sublayer, CRS, features, and what `layers.toml` says of it."""

    items: list[Item]
    crs: str = WORKING_CRS
    file: str = "anshan.gpkg"
    sublayer: str | None = None
    in_force_from: str = "2024-01-01"
    valid_until: str | None = None
    coverage: str | None = None
    encoding: str = "UTF-8"
    pixels: np.ndarray | None = None
    """A raster's values instead of features, on the grid of `world.slope_degrees`."""


@dataclass(frozen=True)
class PlanLayer:
    """A layer as `layers.toml` defines it, and its files, oldest first; `ysdm` is empty where the standard is not at hand."""

    code: str
    title: str
    title_en: str
    department: str
    geometry: str
    control: str
    basis: str
    color: str
    files: tuple[LayerFile, ...]
    ysdm: str = ""
    more: Row = field(default_factory=dict)


def rows(layer: PlanLayer, number: int, file: LayerFile, districts: dict[str, Polygon]) -> list[Row]:
    """The file's rows: BSM of county, layer and sequence number (18 digits), areas on the ellipsoid in m² (half up)."""
    made = []
    for sequence, (name, local, fields) in enumerate(file.items, 1):
        shape = placed(local)
        point = moved(
            shapely.get_point(shape, 0) if shape.geom_type == "LineString" else shape.representative_point(),
            WORKING_CRS,
            GEOGRAPHIC,
        )
        county = next((code for code, district in districts.items() if district.covers(point)), "210300")
        row: Row = {
            "BSM": f"{county}{layer.ysdm[-4:] or f'{9000 + number:04d}'}{sequence:08d}",
            "YSDM": layer.ysdm,
            "XZQDM": county,
            "MC": name,
            **fields,
        }
        written = moved(shape, WORKING_CRS, file.crs)
        if layer.geometry == "polygon":
            row["MJ"] = area_m2(written, file.crs)
        elif layer.geometry == "line":
            row["CD"] = round(shape.length, 2)
        made.append({**row, "BZ": NOTE, "geometry": _uniform(written, file.items)})
    return made


def _uniform(shape: BaseGeometry, items: list[Item]) -> BaseGeometry:
    """A single part among multi-part features becomes multi-part too: a table has one kind of geometry."""
    many = any(local.geom_type.startswith("Multi") for _, local, _ in items)
    if not many or shape.geom_type.startswith("Multi"):
        return shape
    return {"Polygon": MultiPolygon, "LineString": MultiLineString}[shape.geom_type]([shape])


def _items(shapes: Iterable[tuple[str, BaseGeometry]], **fields: Any) -> list[Item]:
    return [(name, shape, dict(fields)) for name, shape in shapes]


def _boundary(*, is_extended: bool) -> list[Item]:
    year = "20260301" if is_extended else "20240101"
    return [
        (name, shape, {"CZMC": name, "FQLX": "10", "SLSJ": year})
        for name, shape in world.development_boundary(is_extended=is_extended)
    ]


def _farmland() -> list[Item]:
    names = {"0101": "水田", "0103": "旱地"}
    return [
        (name, shape, {"TBBH": f"{i:08d}", "DLBM": use, "DLMC": names[use]})
        for i, (name, use, shape) in enumerate(world.farmland(), 1)
    ]


def _land_use() -> list[Item]:
    return [
        (USES[use][0], parcel, {"YDYHFLDM": use, "YDYHFLMC": USES[use][0], "YS": USES[use][1]})
        for use, parcel in world.land_use_parcels()
    ]


def _plots() -> list[Item]:
    random = np.random.default_rng(world.SEED + 66)
    made: list[Item] = []
    for name, use, shape in world.control_plots():
        ratio, height = round(float(random.uniform(0.8, 3.5)), 1), int(random.choice([24, 36, 54, 80]))
        made.append((name, shape, {"YDYHFLDM": use, "RJLGX": ratio, "JZGDGX": height, "LDLDX": 30}))
    return made


def _heritage_belts() -> list[Item]:
    return [
        (name, scope.buffer(80, quad_segs=4).difference(scope), {"JB": grade})
        for name, grade, scope in world.heritage_sites()
    ]


GROUPS = {
    "control_zones": ("CZKFBJ", "YJJBNT", "STBHHX"),
    "territorial_plan": ("GHYDYH", "JQGH", "CSLX"),
    "detailed_plan": ("KGDK",),
    "current_state": ("LD", "CKQ", "WKK", "DZZH", "LSJZ", "PD"),
}
"""The layer group of every layer that is not of a sector plan."""


def group_of(code: str) -> str:
    """The layer group of a layer."""
    return next((group for group, codes in GROUPS.items() if code in codes), "sector_plan")


def plan_layers() -> list[PlanLayer]:
    """All layers of the sample city."""
    line_66 = _items([("66千伏示例线", LineString(world.LINE_66KV))], DYDJ="66kV")
    line_220 = _items([("220千伏示例线", LineString(world.LINE_220KV))], DYDJ="220kV")
    pipeline = _items([("示例天然气长输管道", world.PIPELINE)], JZ="天然气")
    return [
        PlanLayer("CZKFBJ", "城镇开发边界", "Urban development boundary", "ZRZY", "polygon", "restrict",
                  "《城镇开发边界管理办法（试行）》；自然资发〔2023〕193号 第二条", "#d81b60",
                  (LayerFile(_boundary(is_extended=False), sublayer="CZKFBJ_2024"),
                   LayerFile(_boundary(is_extended=True), sublayer="CZKFBJ_2026", in_force_from="2026-03-01")),
                  more={"conflict_when": "outside"}),
        PlanLayer("YJJBNT", "永久基本农田", "Permanent basic farmland", "ZRZY", "polygon", "prohibit",
                  "《中华人民共和国土地管理法》第三十五条；《基本农田保护条例》第十五、十七条", "#f9a825",
                  (LayerFile(_farmland(), crs=GEOGRAPHIC),)),
        PlanLayer("STBHHX", "生态保护红线", "Ecological protection red line", "ZRZY", "polygon", "prohibit",
                  "《关于加强生态保护红线管理的通知（试行）》（自然资发〔2022〕142号）第一条", "#b71c1c",
                  (LayerFile(_items([("东南山地生态保护红线", world.red_line())], LXDM="11"),),)),
        PlanLayer("SYBHQ_1", "饮用水水源一级保护区", "Drinking water source zone, first grade", "STHJ", "polygon", "prohibit",
                  "《中华人民共和国水污染防治法》第六十五条", "#01579b",
                  (LayerFile(_items([("南沟水源地一级保护区", blob(3800, -12600, 620, 70, points=60))], SYBHJB="1"),
                             crs=ZONE_41),)),
        PlanLayer("SYBHQ_2", "饮用水水源二级保护区", "Drinking water source zone, second grade", "STHJ", "polygon", "restrict",
                  "《中华人民共和国水污染防治法》第六十六条", "#0288d1",
                  (LayerFile(_items([("南沟水源地二级保护区", blob(3900, -12700, 2300, 71))], SYBHJB="2"), crs=ZONE_41),)),
        PlanLayer("HLGLFW", "河道管理范围", "River management strip", "SLJ", "polygon", "restrict",
                  "《中华人民共和国防洪法》第二十二、二十七条；《河道管理条例》第十一、二十四、二十五条", "#1e88e5",
                  (LayerFile(_items(world.river_strips(70)), crs=GEOGRAPHIC),)),
        PlanLayer("CSLX", "城市蓝线", "City blue line", "ZRZY", "polygon", "restrict",
                  "《城市蓝线管理办法》第十、十一条", "#64b5f6", (LayerFile(_items(world.river_strips(110)[:1])),)),
        PlanLayer("GDX_66", "66千伏电力线路保护区", "66 kV power line protection zone", "GDGS", "line", "restrict",
                  "《电力设施保护条例》第十、十五条；《电力设施保护条例实施细则》第五条", "#8e24aa",
                  (LayerFile(line_66, crs=ZONE_41),), more={"buffer_m": 10.0}),
        PlanLayer("GDX_220", "220千伏电力线路保护区", "220 kV power line protection zone", "GDGS", "line", "restrict",
                  "《电力设施保护条例》第十、十五条；《电力设施保护条例实施细则》第五条", "#5e35b1",
                  (LayerFile(line_220, crs=ZONE_41),), more={"buffer_m": 15.0}),
        PlanLayer("TL", "铁路线路安全保护区", "Railway safety zone", "TLJ", "line", "prohibit",
                  "《铁路安全管理条例》第二十七、三十条", "#37474f",
                  (LayerFile(_items([("示例高速铁路", world.RAILWAY)], LX="高速铁路")),),
                  more={"buffer_m": 20.0, "buffer_by": {"field": "LX", "widths": {"高速铁路": 20, "普速铁路": 15},
                                                        "edge_width_field": "KD", "edge_width_m": 13.6}}),
        PlanLayer("GL", "公路建筑控制区", "Highway building control zone", "JTJ", "line", "prohibit",
                  "《公路安全保护条例》第十一、十三条", "#795548",
                  (LayerFile(_items([("示例省道", MultiLineString(world.ROAD))], DJ="省道"), crs=GEOGRAPHIC),),
                  more={"buffer_m": 30.0, "buffer_by": {
                      "field": "DJ", "widths": {"高速公路": 30, "国道": 20, "省道": 15, "县道": 10, "乡道": 5},
                      "edge_width_field": "KD", "edge_width_m": 12}}),
        PlanLayer("YQGD_5", "油气管道两侧5米保护范围", "Oil and gas pipeline, 5 m protection", "FGW", "line", "prohibit",
                  "《中华人民共和国石油天然气管道保护法》第三十条", "#e65100", (LayerFile(pipeline),), more={"buffer_m": 5.0}),
        PlanLayer("YQGD_50", "油气管道两侧50米控制范围", "Oil and gas pipeline, 50 m control", "FGW", "line", "restrict",
                  "《中华人民共和国石油天然气管道保护法》第三十五条", "#fb8c00", (LayerFile(pipeline),), more={"buffer_m": 50.0}),
        PlanLayer("WWBH", "文物保护单位保护范围", "Heritage protection scope", "WLJ", "polygon", "prohibit",
                  "《中华人民共和国文物保护法》（2017年修正）第十七条", "#6d1b1b",
                  (LayerFile([(n, s, {"JB": g}) for n, g, s in world.heritage_sites()], file="wwbh.zip", encoding="GBK"),)),
        PlanLayer("WWJK", "文物保护单位建设控制地带", "Heritage construction control belt", "WLJ", "polygon", "restrict",
                  "《中华人民共和国文物保护法》（2017年修正）第十八、二十条", "#c0766c", (LayerFile(_heritage_belts()),)),
        PlanLayer("CKQ", "矿区采空区", "Mined-out area", "YJJ", "polygon", "restrict",
                  "《地质灾害防治条例》第二十一条；《煤矿采空区岩土工程勘察规范》GB 51044", "#5d4037",
                  (LayerFile(_items([("东北采空区", blob(10700, 7600, 1250, 72, rough=0.06)),
                                     ("东南采空区", blob(9700, -4600, 420, 73, points=60))]),
                             file="ckq.zip", crs=ZONE_41),)),
        PlanLayer("WKK", "尾矿库", "Tailings pond", "YJJ", "polygon", "prohibit",
                  "《防范化解尾矿库安全风险工作方案》（应急〔2020〕15号）", "#263238",
                  (LayerFile(_items([("东山尾矿库", blob(11600, 3500, 900, 74, aspect=1.3, rough=0.05))], DB="三等")),)),
        PlanLayer("JCJK", "机场净空保护区", "Airport clearance zone", "MHJ", "polygon", "advise",
                  "《中华人民共和国民用航空法》第五十八、五十九条；《民用机场管理条例》第四十六至五十条", "#90a4ae",
                  (LayerFile(_items([("腾鳌示例机场净空保护区", Point(-14000, -6500).buffer(9500, quad_segs=48))], XG=75.0),
                             file="jcjk.geojson", crs=GEOGRAPHIC),)),
        PlanLayer("FJMSQ", "风景名胜区", "Scenic area", "LCJ", "polygon", "restrict",
                  "《风景名胜区条例》第二十六至三十条", "#00695c",
                  (LayerFile(_items([("东南山地风景名胜区", blob(15600, -9000, 4500, 75, rough=0.04, points=200))]),),)),
        PlanLayer("LD", "林地", "Forest land", "LCJ", "polygon", "restrict", "《中华人民共和国森林法》第三十七条", "#2e7d32",
                  (LayerFile(_items(world.forest(), BHDJ="Ⅱ"), crs=GEOGRAPHIC),)),
        PlanLayer("GHYDYH", "规划用地用海", "Planned land use", "ZRZY", "polygon", "inform",
                  "《中华人民共和国城乡规划法》第三十八条；《中华人民共和国土地管理法》第四、二十一条", "#fdd835",
                  (LayerFile(_land_use()),), ysdm="2090020620",
                  more={"class_field": "YDYHFLDM", "symbology": "land_use_2023", "position": -1, "scale": 5000,
                        "abstract": "中心城区规划用地用海布局，按《用地用海分类指南》（2023）着色",
                        "lineage": "按固定种子绘制的合成示例 drawn from a fixed seed"}),
        PlanLayer("KGDK", "控制性详细规划地块", "Regulatory plan plots", "ZRZY", "polygon", "advise",
                  "《中华人民共和国城乡规划法》第三十八、四十二、四十三条", "#ff7043",
                  (LayerFile(_plots(), coverage="kgdk_coverage.geojson"),),
                  more={"class_field": "YDYHFLDM", "symbology": "land_use_2023", "scale": 2000}),
        PlanLayer("DZZH", "地质灾害隐患点", "Geological hazard points", "ZRZY", "point", "restrict",
                  "《地质灾害防治条例》第十九、二十一条", "#bf360c",
                  (LayerFile(_items(world.hazard_points(), LX="滑坡"), file="dzzh.geojson", crs=GEOGRAPHIC),),
                  more={"buffer_m": 30.0}),
        PlanLayer("LSJZ", "历史建筑", "Historic buildings", "ZJJ", "point", "advise",
                  "《历史文化名城名镇名村保护条例》第三十四、三十五条", "#ad1457", (LayerFile(_items(world.historic_buildings())),)),
        PlanLayer("RQGD", "城镇燃气管线保护范围", "City gas main, 5 m protection", "ZJJ", "line", "restrict",
                  "《城镇燃气管理条例》第三十三、三十四条", "#c0ca33",
                  (LayerFile(_items([("示例高压燃气管线", LineString(
                      [(-3900, -3350), (-1500, -3250), (1200, -3700), (3700, -3300), (4900, -3100)]))], YLJB="高压")),),
                  more={"buffer_m": 5.0, "sensitivity": "internal"}),
        PlanLayer("WWMC", "地下文物埋藏区（未公布）", "Buried heritage, unpublished", "WLJ", "polygon", "restrict",
                  "《中华人民共和国文物保护法》（2017年修正）第二十九条", "#880e4f",
                  (LayerFile(_items([("示例埋藏区甲", blob(1900, 300, 130, 76, points=40)),
                                     ("示例埋藏区乙", blob(6600, -2600, 180, 77, points=40))])),),
                  more={"sensitivity": "restricted"}),
        PlanLayer("JQGH", "近期建设规划重点区", "Short-term construction plan, key area", "FGW", "polygon", "advise",
                  "《中华人民共和国城乡规划法》第三十四条", "#7cb342",
                  (LayerFile(_items([("城南近期重点区", blob(0, -5900, 800, 78, points=60))]), valid_until="2025-12-31"),)),
        PlanLayer("PD", "地面坡度", "Slope of the ground", "ZRZY", "raster", "restrict",
                  "《资源环境承载能力和国土空间开发适宜性评价指南（试行）》（自然资办函〔2020〕127号）：坡度大于25°不适宜城镇建设", "#6d4c41",
                  (LayerFile([], file="slope.tif", pixels=world.slope_degrees()),),
                  more={"value_kind": "continuous", "unit": "°", "threshold_above": 25.0, "threshold_share": 0.1}),
    ]  # fmt: skip
