"""Make the sample city of Anshan (鞍山, 合成示例): outline, districts, plan layers, catalogue and project footprints.

The shapes are in `anshan/world.py`, the layers in `anshan/layers.py`, the projects in `anshan/projects.py`; this writes
their files. The same seed gives the same files; `city.toml` and the texts beside it are written by hand.

    python data/sample_layers/make_anshan.py [FOLDER]
"""

import json
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import rasterio
import shapely
from affine import Affine
from anshan.layers import GEOGRAPHIC, NOTE, PlanLayer, Row, group_of, plan_layers, rows
from anshan.projects import (
    GEOJSON_SWAPPED,
    GPKG,
    GPKG_XIAN80,
    SHAPEFILE,
    TXT,
    SampleProject,
    sample_projects,
    survey_text,
)
from anshan.world import (
    CENTRE,
    CONTROL_PLAN_COVERAGE,
    DISTRICTS,
    SLOPE_NORTH,
    SLOPE_PIXEL_M,
    SLOPE_WEST,
    WORKING_CRS,
    area_m2,
    moved,
    outline_and_districts,
    placed,
)
from shapely.geometry import mapping

FOLDER = Path(__file__).parent / "anshan"
MADE_ON = "2026-01-01T00:00:00.000Z"
"""The day written into files, so that making them again gives the same."""


def write_geojson(path: Path, name: str, features: list[Row], crs: str | None = GEOGRAPHIC) -> None:
    """Rows with a `geometry` as GeoJSON, one feature a line; without a CRS it is WGS 84, as RFC 7946 has it."""
    head = f'{{"type":"FeatureCollection","name":{json.dumps(name)},'
    if crs is not None:
        urn = f"urn:ogc:def:crs:EPSG::{crs.removeprefix('EPSG:')}"
        head += f'"crs":{{"type":"name","properties":{{"name":"{urn}"}}}},'
    lines = []
    for row in features:
        attributes = {key: value for key, value in row.items() if key != "geometry"}
        feature = {"type": "Feature", "properties": attributes, "geometry": mapping(row["geometry"])}
        lines.append(json.dumps(feature, ensure_ascii=False, separators=(",", ":")))
    path.write_text(head + '"features":[\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8")


def write_gpkg(path: Path, layer: str, features: list[Row], crs: str) -> None:
    """Rows as a layer of a GeoPackage, beside what it holds; no spatial index, since files are read from end to end."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": MADE_ON})
    frame = gpd.GeoDataFrame(features, crs=crs)
    pyogrio.write_dataframe(frame, path, layer=layer, driver="GPKG", SPATIAL_INDEX="NO", GEOMETRY_NAME="geom")


def write_zipped_shapefile(path: Path, layer: str, features: list[Row], crs: str, encoding: str) -> None:
    """Rows as a zipped Shapefile with its .cpg in that encoding."""
    with TemporaryDirectory() as folder:
        frame = gpd.GeoDataFrame(features, crs=crs)
        shp = Path(folder) / f"{layer}.shp"
        pyogrio.write_dataframe(frame, shp, encoding=encoding, DBF_DATE_LAST_UPDATE=MADE_ON[:10])
        with zipfile.ZipFile(path, "w") as archive:
            for part in sorted(Path(folder).iterdir()):
                entry = zipfile.ZipInfo(part.name, date_time=(2026, 1, 1, 0, 0, 0))
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, part.read_bytes())


def write_geotiff(path: Path, pixels: np.ndarray) -> None:
    """Values on the grid of the sample's slope as a GeoTIFF in the working CRS."""
    west, north = CENTRE[0] + SLOPE_WEST, CENTRE[1] + SLOPE_NORTH
    rows, columns = pixels.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=rows, width=columns, dtype=pixels.dtype, crs=WORKING_CRS,
        transform=Affine(SLOPE_PIXEL_M, 0, west, 0, -SLOPE_PIXEL_M, north), nodata=-9999, compress="deflate",
        predictor=3, zlevel=9, tiled=True,
    ) as target:  # fmt: skip
        target.write(pixels, 1)
        target.update_tags(TIFFTAG_IMAGEDESCRIPTION=NOTE)


def toml_table(head: str, values: dict[str, Any]) -> str:
    """A TOML table; a key that ends in _from or _until holds a date."""
    lines = [head]
    for key, value in values.items():
        is_date = key.endswith(("_from", "_until"))
        lines.append(f"{key} = {value if is_date else _toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A value as TOML writes it: JSON but for tables, which stand in one line."""
    if isinstance(value, dict):
        return (
            "{ "
            + ", ".join(f"{json.dumps(k, ensure_ascii=False)} = {_toml(v)}" for k, v in value.items())
            + " }"
        )
    return json.dumps(value, ensure_ascii=False)


def make_layers(folder: Path, districts: dict[str, shapely.Polygon]) -> None:
    """Write every layer's files and the catalogue `layers.toml`."""
    tables = ["# 图层目录（合成示例）· catalogue of the sample layers; written by make_anshan.py.\n"]
    for number, layer in enumerate(plan_layers()):
        tables.append(toml_table("[[layer]]", _definition(layer)))
        for file in layer.files:
            sublayer = file.sublayer or layer.code
            path = folder / file.file
            features = rows(layer, number, file, districts)
            if file.pixels is not None:
                write_geotiff(path, file.pixels)
            elif path.suffix == ".gpkg":
                write_gpkg(path, sublayer, features, file.crs)
            elif path.suffix == ".zip":
                write_zipped_shapefile(path, sublayer, features, file.crs, file.encoding)
            else:
                write_geojson(path, sublayer, features, file.crs)
            version = {
                "file": file.file,
                "sublayer": sublayer if path.suffix == ".gpkg" else None,
                "in_force_from": file.in_force_from,
                "valid_until": file.valid_until,
                "coverage": file.coverage,
            }
            tables.append(
                toml_table("[[layer.version]]", {k: v for k, v in version.items() if v is not None})
            )
    (folder / "layers.toml").write_text("\n".join(tables), encoding="utf-8")


def _definition(layer: PlanLayer) -> dict[str, Any]:
    return {
        "code": layer.code,
        "title": f"{layer.title}（{NOTE}）",
        "title_en": f"{layer.title_en} (sample)",
        "department": layer.department,
        "geometry": layer.geometry,
        "control": layer.control,
        **layer.more,
        "basis": layer.basis,
        **({} if layer.geometry == "raster" else {"source_id_field": "BSM", "label_field": "MC"}),
        "color": layer.color,
        "group": group_of(layer.code),
    }


def make_footprints(folder: Path) -> None:
    """Write every project's footprint and the list `projects.toml`."""
    tables = [
        "# 示例项目（合成示例）· sample projects and the verdict expected; written by make_anshan.py.\n"
    ]
    (folder / "footprints").mkdir(exist_ok=True)
    for project in sample_projects():
        _write_footprint(folder / "footprints" / project.file, project)
        keys = ("name", "name_en", "applicant", "purpose", "expected", "note")
        entry = {key: getattr(project, key) for key in keys} | {"file": f"footprints/{project.file}"}
        if project.top_m is not None:
            entry["top_m"] = project.top_m
        if project.planned_use is not None:
            entry["planned_use"] = project.planned_use
        tables.append(toml_table("[[project]]", entry))
    (folder / "projects.toml").write_text("\n".join(tables), encoding="utf-8")


def _write_footprint(path: Path, project: SampleProject) -> None:
    shape = placed(project.shape)
    row: Row = {"XMMC": project.name, "YDMJ": area_m2(shape), "BZ": NOTE}
    degrees = moved(shape, WORKING_CRS, GEOGRAPHIC)
    if project.form == TXT:
        text = survey_text(project.name, (project.purpose, "1101"), project.shape)
        path.write_bytes(text.encode("gbk"))
    elif project.form == GPKG:
        write_gpkg(path, path.stem, [{**row, "geometry": shape}], WORKING_CRS)
    elif project.form == SHAPEFILE:
        write_zipped_shapefile(path, path.stem, [{**row, "geometry": shape}], WORKING_CRS, "GBK")
    elif project.form == GPKG_XIAN80:
        write_gpkg(path, path.stem, [{**row, "geometry": degrees}], "EPSG:4610")
    elif project.form == GEOJSON_SWAPPED:
        swapped = shapely.transform(degrees, lambda points: points[:, ::-1])
        write_geojson(path, path.stem, [{**row, "geometry": swapped}], crs=None)
    else:
        write_geojson(path, path.stem, [{**row, "geometry": degrees}], crs=None)


def make(folder: Path) -> None:
    """Write all made files of the city into a folder, in place of those that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in [
        *folder.glob("*.gpkg"),
        *folder.glob("*.tif"),
        *folder.glob("*.zip"),
        *folder.glob("footprints/*"),
    ]:
        old.unlink()
    outline, districts = outline_and_districts()
    row = {"XZQDM": "210300", "XZQMC": f"鞍山市（{NOTE}）", "BZ": NOTE, "geometry": outline}
    write_geojson(folder / "boundary.geojson", "boundary", [row])
    named: list[Row] = [
        {"XZQDM": code, "XZQMC": f"{DISTRICTS[code][0]}（{NOTE}）", "BZ": NOTE, "geometry": district}
        for code, district in districts.items()
    ]
    write_geojson(folder / "districts.geojson", "districts", named)
    coverage = moved(placed(CONTROL_PLAN_COVERAGE), WORKING_CRS, GEOGRAPHIC)
    write_geojson(folder / "kgdk_coverage.geojson", "kgdk_coverage", [{"BZ": NOTE, "geometry": coverage}])
    make_layers(folder, districts)
    make_footprints(folder)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
