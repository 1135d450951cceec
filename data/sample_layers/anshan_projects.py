"""The made footprints of Anshan's sample projects: each shows one thing that a check must tell."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import geopandas
import numpy as np
import shapely
import shapely.affinity
import shapely.ops
from pyproj import Transformer

from anshan_layers import HAICHENG, TENGAO, World
from anshan_shapes import at, to_degrees, to_metres

SLIVER_M = 0.03
SLIVER_LENGTH_M = 200.0


def block(
    east_km: float, north_km: float, width_m: float, height_m: float, *, turn: float = 11.0
) -> shapely.Polygon:
    """A site with straight sides around a place given in kilometres from the centre."""
    middle = at(east_km, north_km)
    site = shapely.box(
        middle[0] - width_m / 2, middle[1] - height_m / 2, middle[0] + width_m / 2, middle[1] + height_m / 2
    )
    return shapely.set_precision(shapely.affinity.rotate(site, turn, origin=middle), 0.01)


def housing_in_town(layers: Mapping[str, geopandas.GeoDataFrame]) -> shapely.Polygon:
    """A parcel of the detailed plan for housing, drawn two metres within its bounds."""
    plots = layers["X_KGDY"]
    chosen = plots[(plots.YDYHFLDM == "070102") & (plots.MJ > 30_000)].iloc[5]
    return shapely.set_precision(shapely.buffer(to_metres(chosen.geometry), -2, join_style="mitre"), 0.01)


def school_by_pipeline(layers: Mapping[str, geopandas.GeoDataFrame]) -> shapely.Polygon:
    """A school whose fence comes within 14 m of the gas pipeline: beyond 5 m, within 50 m."""
    pipe = to_metres(layers["X_YQGD"].geometry.iloc[0])
    start = shapely.line_locate_point(pipe, shapely.Point(at(0.9, -5.2)))
    near = shapely.ops.substring(pipe, start, start + 180)
    north = shapely.buffer(near, 130, single_sided=True, cap_style="flat")
    fence = shapely.buffer(near, 14, single_sided=True, cap_style="flat")
    site = max(shapely.get_parts(shapely.difference(north, fence)), key=lambda part: part.area)
    return shapely.set_precision(site, 0.01)


def road_over_river(world: World) -> shapely.MultiPolygon:
    """A road with a green island that crosses the river outside the blue line, and its pumping station beside."""
    crossing = shapely.intersection(
        world.river, shapely.LineString([at(-4.1, 4.0), at(-4.1, 7.5)])
    )
    middle = shapely.get_parts(crossing)[0]
    along = shapely.line_interpolate_point(world.river, shapely.line_locate_point(world.river, middle) + 30)
    flow = np.array([along.x - middle.x, along.y - middle.y])
    across = np.array([-flow[1], flow[0]]) / np.hypot(*flow)
    centre = np.array([middle.x, middle.y])
    axis = shapely.LineString([centre - 420 * across, centre + 420 * across])
    island = shapely.buffer(shapely.ops.substring(axis, 90, 170), 4, quad_segs=4)
    strip = shapely.difference(shapely.buffer(axis, 17, cap_style="flat"), island)
    station = shapely.affinity.translate(
        shapely.buffer(shapely.Point(centre - 330 * across), 24, cap_style="square"), *(60 * flow / np.hypot(*flow))
    )
    return shapely.set_precision(shapely.MultiPolygon([strip, station]), 0.01)


def visitor_centre_with_sliver(world: World, layers: Mapping[str, geopandas.GeoDataFrame]) -> shapely.Polygon:
    """A site drawn along the red line of the hill that oversteps it by 3 cm over 200 m, as a re-typed line does."""
    hill = to_metres(layers["STBHHX"].geometry.iloc[0])
    west = shapely.line_locate_point(hill.exterior, shapely.Point(at(6.2, -3.6)))
    edge = shapely.ops.substring(hill.exterior, west, west + SLIVER_LENGTH_M)
    start, end = np.array(edge.coords[0]), np.array(edge.coords[-1])
    along = (end - start) / np.hypot(*(end - start))
    aside = np.array([along[1], -along[0]])
    if shapely.contains(hill, shapely.Point(start + 60 * aside)):
        aside = -aside
    around = shapely.Polygon([start - 40 * aside, end - 40 * aside, end + 150 * aside, start + 150 * aside])
    grown = shapely.difference(around, shapely.buffer(hill, -SLIVER_M, join_style="mitre"))
    return max(shapely.get_parts(grown), key=lambda part: part.area)


def works_in_tengao() -> list[shapely.Polygon]:
    """Two parcels of a works, the first around a transformer station that is not part of it."""
    first = block(TENGAO[0] - 0.35, TENGAO[1] + 0.55, 260, 190, turn=4)
    second = block(TENGAO[0] + 0.05, TENGAO[1] + 0.52, 150, 120, turn=4)
    station = block(TENGAO[0] - 0.38, TENGAO[1] + 0.57, 40, 30, turn=4)
    return [shapely.difference(first, station), second]


def boundary_point_text(
    parcels: Sequence[tuple[str, str, shapely.Polygon]], *, system: str, zone: int | None
) -> str:
    """A surveyors' boundary-point file (勘测定界): X is the northing, Y the easting with the zone before it."""
    head = [
        "[属性描述]", "格式版本号=1.01版本", "数据产生单位=合成示例", "数据产生日期=2026-03-01", f"坐标系={system}",
        "几度分带=3", "投影类型=高斯克吕格", "计量单位=米", f"带号={zone or ''}", "精度=0.001", "转换参数=,,,,,,",
        "[地块坐标]",
    ]  # fmt: skip
    lines = []
    for number, (name, purpose, polygon) in enumerate(parcels, start=1):
        rings = [polygon.exterior, *polygon.interiors]
        count = sum(len(ring.coords) for ring in rings)
        lines.append(f"{count},{polygon.area / 10_000:.4f},{number},{name},面,,{purpose},,@")
        point = 1
        for ring_number, ring in enumerate(rings, start=1):
            first = point
            for index, (east, north) in enumerate(ring.coords):
                is_last = index == len(ring.coords) - 1
                label = first if is_last else point
                easting = east + 1_000_000 * (zone or 0)
                lines.append(f"J{label},{ring_number},{north:.3f},{easting:.3f}")
                point += 0 if is_last else 1
    return "\r\n".join(head + lines) + "\r\n"


def write_footprints(world: World, layers: Mapping[str, geopandas.GeoDataFrame], folder: Path) -> None:
    """Write every footprint in the form that its project is about."""
    folder.mkdir(parents=True, exist_ok=True)
    _geojson(folder / "haicheng_housing.geojson", block(HAICHENG[0] - 1.4, HAICHENG[1] - 0.6, 310, 240))
    _package(folder / "town_housing_4550.gpkg", housing_in_town(layers))
    _geojson(folder / "school.geojson", school_by_pipeline(layers))
    _geojson(folder / "road_over_river.geojson", road_over_river(world))
    factory = geopandas.GeoDataFrame({"XMMC": ["示例机械厂"]}, geometry=[block(-8.9, 2.4, 420, 300)], crs=4550)
    factory.to_crs(4529).to_file(folder / "factory_4529.zip", driver="ESRI Shapefile", encoding="UTF-8")
    _geojson(folder / "logistics_park.geojson", block(-9.15, -3.9, 380, 280))
    _package(folder / "visitor_centre_sliver.gpkg", visitor_centre_with_sliver(world, layers))
    works = works_in_tengao()
    named = [("腾鳌示例厂区一", "工业用地", works[0]), ("腾鳌示例厂区二", "仓储用地", works[1])]
    text = boundary_point_text(named, system="2000国家大地坐标系", zone=41)
    (folder / "works_zone41.txt").write_bytes(text.encode("gbk"))
    swap = Transformer.from_crs(4550, 4490)  # without always_xy: latitude first, the mistake that is shown
    _geojson(
        folder / "swapped_axes.geojson",
        shapely.transform(block(1.1, -3.2, 180, 140), lambda xy: np.column_stack(swap.transform(xy[:, 0], xy[:, 1])[::1])),
        is_degrees=True,
    )
    old = boundary_point_text(
        [("旧测示例地块", "居住用地", block(1.1, -3.2, 180, 140))], system="1980西安坐标系", zone=41
    )
    (folder / "xian80.txt").write_bytes(old.encode("gbk"))


def _geojson(path: Path, shape: shapely.Geometry, *, is_degrees: bool = False) -> None:
    degrees = shape if is_degrees else to_degrees(shape)
    feature = {"type": "Feature", "properties": {"BZ": "合成示例"}, "geometry": shapely.geometry.mapping(degrees)}
    document = {"type": "FeatureCollection", "features": [feature]}
    path.write_text(json.dumps(document, ensure_ascii=False) + "\n", encoding="utf-8")


def _package(path: Path, shape: shapely.Geometry) -> None:
    path.unlink(missing_ok=True)
    table = geopandas.GeoDataFrame({"BZ": ["合成示例"]}, geometry=[shape], crs=4550)
    table.to_file(path, layer="footprint", driver="GPKG", layer_options={"SPATIAL_INDEX": "NO"})
