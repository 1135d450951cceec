"""The sample projects: footprints (metres from the centre), and what a check of each is expected to say."""

from dataclasses import dataclass

import numpy as np
import shapely
from anshan.world import PIPELINE, RED_LINE_FACE_X, area_m2, land_use_parcels, placed
from shapely.affinity import rotate, translate
from shapely.geometry import MultiPolygon, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

GEOJSON, GEOJSON_SWAPPED, GPKG, GPKG_XIAN80, SHAPEFILE, TXT = (
    "geojson", "geojson-swapped", "gpkg", "gpkg-xian80", "shapefile", "txt",
)  # fmt: skip


@dataclass(frozen=True)
class SampleProject:
    """A project, its footprint in metres from the centre, and how its file is written."""

    name: str
    name_en: str
    applicant: str
    file: str
    purpose: str
    expected: str
    note: str
    shape: BaseGeometry
    form: str = GEOJSON
    top_m: float | None = None
    """The elevation of its highest point, where a rule asks for it."""
    planned_use: str | None = None
    """The code of its planned use, where a rule asks for it."""


def _block(x: float, y: float, width: float, depth: float, degrees: float = 0.0) -> Polygon:
    return rotate(box(x - width / 2, y - depth / 2, x + width / 2, y + depth / 2), degrees)


def _homes() -> BaseGeometry:
    """Two neighbouring parcels planned for homes, to their very edges, in the west of the centre."""
    homes = [parcel for use, parcel in land_use_parcels() if use == "070102"]
    first = min(homes, key=lambda parcel: parcel.distance(Point(-1300, 1000)))
    near = [p for p in homes if p is not first and shapely.length(p.intersection(first)) > 50]
    return first.union(near[0])


def _beside_pipeline(y: float, *, gap: float, width: float, depth: float) -> Polygon:
    """A block east of the pipeline whose nearest corner is `gap` metres from it."""
    reach = PIPELINE.intersection(box(-50_000, y - depth / 2, 50_000, y + depth / 2))
    block = _block(reach.bounds[2] + gap + width / 2, y, width, depth)
    return translate(block, gap - block.distance(PIPELINE))


def _road() -> MultiPolygon:
    """A road across the river with a roundabout (its island is a hole) and a separate slip road."""
    x, south, north, turn = -900.0, 4500.0, 5800.0, 4650.0
    island = Point(x, turn).buffer(28, quad_segs=16)
    main = box(x - 18, south, x + 18, north).union(Point(x, turn).buffer(52, quad_segs=16)).difference(island)
    return MultiPolygon([main, _block(x + 90, north - 120, 14, 210, 8)])


def sample_projects() -> list[SampleProject]:
    """All sample projects; every applicant is made up."""
    face = RED_LINE_FACE_X
    return [
        SampleProject(
            "城西住宅小区", "Residential block", "示例置业有限公司", "residential_block.zip", "二类城镇住宅用地",
            "inform", "Shapefile 压缩包，EPSG:4550；正好为两块规划住宅地块，只与规划用地重叠，相邻地块仅相接 "
            "zipped Shapefile; two planned parcels to their edges: only planned land use is met, neighbours are merely touched",
            _homes(),
            SHAPEFILE,
            planned_use="070102",
        ),
        SampleProject(
            "宁远配套工厂", "Parts factory", "示例机械有限公司", "factory.geojson", "工业用地", "prohibit",
            "部分占用永久基本农田，且在城镇开发边界外、机场净空保护区内 "
            "partly on permanent basic farmland, outside the development boundary, in the airport's clearance zone",
            _block(-11800, 2300, 420, 300, 12),
        ),
        SampleProject(
            "东湖小学", "Primary school", "示例教育投资有限公司", "school.geojson", "中小学用地", "restrict",
            "距油气管道 5 米以外、50 米以内 more than 5 m and less than 50 m from the pipeline",
            _beside_pipeline(150, gap=20, width=160, depth=120),
        ),
        SampleProject(
            "跨沙柳河道路", "Road across the river", "示例城建投资有限公司", "river_road.geojson", "城镇村道路用地",
            "restrict", "多部件、带环岛空洞；穿河道管理范围和蓝线 "
            "two parts, one with a hole; crosses the river management strip and the blue line",
            _road(),
        ),
        SampleProject(
            "千山脚下民宿", "Guest house at the hill", "示例文旅有限公司", "red_line_sliver.geojson", "商业用地", "inform",
            "压生态保护红线 3 厘米 × 200 米，判为碎面 laps over the red line by 3 cm × 200 m: a sliver, probably drawn twice",
            box(face - 90, -9600, face + 0.03, -9400),
        ),
        SampleProject(
            "城南仓储中心", "Warehouse (surveyors' TXT)", "示例物流有限公司", "warehouse_survey.txt", "物流仓储用地",
            "restrict", "勘测定界 TXT，带号 41，GBK；66 千伏线路保护区内 "
            "boundary-point file, zone 41, X is northing, GBK; in the protection zone of a 66 kV line",
            MultiPolygon([
                _block(-300, -4390, 220, 140).difference(_block(-300, -4350, 30, 30)),
                _block(-80, -4330, 120, 90),
            ]),
            TXT,
        ),
        SampleProject(
            "腾鳌物流园", "Logistics park at Teng'ao", "示例供应链有限公司", "logistics_park.gpkg", "物流仓储用地", "advise",
            "GeoPackage，EPSG:4550；只在机场净空保护区内，最高点 42 m 低于限高面 75 m；未给出高程或高于限高面为限制 "
            "only in the airport's clearance zone, its highest point of 42 m below the surface at 75 m; not given or above it is `restrict`",
            _block(-13300, -7400, 380, 260, 20),
            GPKG,
            42.0,
        ),
        SampleProject(
            "老站房展览馆", "Exhibition hall by the old station", "示例文化发展有限公司", "exhibition_hall.geojson", "文化用地",
            "prohibit", "压文物保护单位保护范围和建设控制地带 in the scope of protection and the control belt of a monument",
            _block(880, -1200, 110, 80, -7),
        ),
        SampleProject(
            "东北产业园起步区", "Start of the north-east park", "示例产业园管委会", "north_east_park.geojson", "工业用地",
            "clear", "2026-03-01 起在城镇开发边界内；按 2025 年的蓝图为限制 "
            "inside the boundary in force since 2026-03-01; checked on a day of 2025 it is `restrict`",
            _block(6750, 6650, 340, 220, 30),
        ),
        SampleProject(
            "城东科研楼", "Research building", "示例研究院", "research_building.geojson", "科研用地", "clear",
            "城镇开发边界内，不碰任何图层 inside the development boundary, meets nothing at all",
            _block(4150, -600, 180, 140, 15),
        ),
        SampleProject(
            "城东坡地公寓", "Flats on a slope", "示例房地产有限公司", "slope_flats.geojson", "二类城镇住宅用地", "restrict",
            "城镇开发边界内，不碰任何图斑；用地 10% 以上坡度大于 25°（栅格图层） "
            "meets no feature at all, but more than a tenth of it is steeper than 25° (a raster layer)",
            _block(4640, -310, 150, 110, 10),
        ),
        SampleProject(
            "经纬度写反的地块", "Latitude before longitude", "示例测绘有限公司", "swapped_axes.geojson", "商业用地", "refused",
            "GeoJSON 纬度在前 coordinates are latitude, longitude: refused with a hint",
            _block(-1000, -800, 120, 90),
            GEOJSON_SWAPPED,
        ),
        SampleProject(
            "西安80坐标的地块", "Xian 1980 coordinates", "示例勘察有限公司", "xian80.gpkg", "工业用地", "refused",
            "EPSG:4610，没有到 CGCS2000 的公开转换参数 no registered transformation to CGCS2000: refused",
            _block(-1500, -1500, 200, 150),
            GPKG_XIAN80,
        ),
    ]  # fmt: skip


def survey_text(name: str, use: tuple[str, str], shape: BaseGeometry) -> str:
    """A surveyors' boundary-point file (勘测定界) in EPSG:4529: zone 41, X northing before Y easting, rings closed."""
    lines = [
        "[属性描述]", "格式版本号=1.01版本", "数据产生单位=合成示例", "数据产生日期=2026-01-01", "坐标系=2000国家大地坐标系",
        "几度分带=3", "投影类型=高斯克吕格", "计量单位=米", "带号=41", "精度=0.001", "转换参数=,,,,,,", "[地块坐标]",
    ]  # fmt: skip
    for number, parcel in enumerate(shapely.get_parts(placed(shape)), 1):
        rings = [np.asarray(ring.coords) for ring in (parcel.exterior, *parcel.interiors)]
        hectares = area_m2(parcel) / 10_000
        count = sum(len(ring) for ring in rings)
        lines.append(f"{count},{hectares:.4f},{number},{name}{number},面,,{use[0]},{use[1]},@")
        first = 1
        for circle, ring in enumerate(rings, 1):
            last = first + len(ring) - 1
            for i, (east, north) in enumerate(ring):
                point = first if i == len(ring) - 1 else first + i
                lines.append(f"J{point},{circle},{north:.3f},{east + 41_000_000:.3f}")
            first = last
    return "\r\n".join(lines) + "\r\n"
