"""Make `anshan/`: outline, districts, plan layers and footprints, all from one seed and none of them real.

python data/sample_layers/make_anshan.py [FOLDER]
`city.toml`, `layers.toml`, `projects.toml` and `land_use_codes.csv` are kept by hand beside what this writes.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import geopandas
import pyogrio
import shapely
from anshan_layers import HERE, MADE, World, make_layers
from anshan_outline import outline_and_districts
from anshan_projects import write_footprints
from anshan_shapes import area_m2

SEED = 20260301

FILES = {
    "plan.gpkg": (
        4490,
        [
            "CZKFBJ", "STBHHX", "YYSSYD_1", "YYSSYD_2", "ZRBHD", "FJMSQ", "STLD", "X_HDGL", "ZXCQCSLX", "X_YQGD",
            "WWBHDWM_BHFW", "WWBHDWM_JKDD", "DXWWMCQ", "X_JCJK", "X_YJTX", "X_HTD",
        ],
    ),
    "farmland.gpkg": (4490, ["YJJBNT_2024", "YJJBNT_2026"]),
    "land_use.gpkg": (4490, ["GHYDYH", "X_KGDY"]),
    "networks.gpkg": (4529, ["X_GYXL_66", "X_GYXL_220", "X_GLXL", "X_TLXL"]),
    "hazards.gpkg": (4550, ["X_CKQ", "X_WKK", "X_TRWR", "KCZYKCBHX"]),
    "X_LDBH.zip": (4529, ["X_LDBH"]),
    "XZHQ.zip": (4490, ["XZHQ"]),
    "X_GSMM.geojson": (4326, ["X_GSMM"]),
    "X_JCJ.geojson": (4326, ["X_JCJ"]),
    "BKYDWWD.geojson": (4326, ["BKYDWWD"]),
    "LSJZD.geojson": (4326, ["LSJZD"]),
    "X_DZZH.geojson": (4326, ["X_DZZH"]),
    "X_RFGC.geojson": (4326, ["X_RFGC"]),
    "X_CL.geojson": (4326, ["X_CL"]),
}  # fmt: skip
"""Each file: the EPSG number it is in, and its tables."""

FULL_PLANS = ("GHYDYH", "X_KGDY")
"""Layers that say something only where they have been drawn up."""


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0]) if arguments else HERE / "anshan"
    folder.mkdir(parents=True, exist_ok=True)
    # The same bytes every time: without this the day of making is written into the file.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2026-03-01T00:00:00Z"})
    outline, districts = outline_and_districts(SEED)
    world = World(SEED, outline, districts)
    layers = make_layers(world)
    write_feature_collection(folder / "boundary.geojson", [({"XZQDM": "210300", "XZQMC": "鞍山市"}, outline)])
    write_feature_collection(
        folder / "districts.geojson",
        [({"XZQDM": each.code, "XZQMC": each.name, "MJ": area_m2(each.geometry)}, each.geometry) for each in districts],
    )  # fmt: skip
    for name in FULL_PLANS:
        covered = shapely.union_all(layers[name].geometry.to_numpy())
        if name == "X_KGDY":
            # The streets between its plots are covered by the detailed plan, too.
            covered = shapely.buffer(shapely.buffer(covered, 5e-4), -5e-4)
        write_feature_collection(folder / f"coverage_{name}.geojson", [({"MC": name}, covered)])
    for file, (epsg, tables) in FILES.items():
        write_tables(folder / file, epsg, {name: layers[name] for name in tables})
    write_footprints(world, layers, folder / "footprints")


def write_feature_collection(
    path: Path, features: Sequence[tuple[Mapping[str, object], shapely.Geometry]]
) -> None:
    """Write GeoJSON, longitude first, coordinates as they are."""
    document = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {**values, "BZ": MADE},
                "geometry": shapely.geometry.mapping(shape),
            }
            for values, shape in features
        ],
    }
    path.write_text(json.dumps(document, ensure_ascii=False) + "\n", encoding="utf-8")


def write_tables(path: Path, epsg: int, tables: Mapping[str, geopandas.GeoDataFrame]) -> None:
    """Write a GeoPackage, a zipped Shapefile (UTF-8) or a GeoJSON; CGCS2000 degrees go into GeoJSON as they are."""
    path.unlink(missing_ok=True)
    for name, table in tables.items():
        if path.suffix == ".geojson":
            table.set_crs(epsg, allow_override=True).to_file(path, driver="GeoJSON", COORDINATE_PRECISION=9)
            continue
        moved = table.to_crs(epsg) if epsg != 4490 else table
        if path.suffix == ".zip":
            moved.to_file(path, layer=name, driver="ESRI Shapefile", encoding="UTF-8")
        else:
            moved.to_file(path, layer=name, driver="GPKG", layer_options={"SPATIAL_INDEX": "NO"})


if __name__ == "__main__":
    main(sys.argv[1:])
