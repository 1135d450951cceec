"""One small layer in every format that is taken, made on the spot: two areas with a BSM and a MC field."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from pyproj import CRS, Transformer

from tests.badfiles import LAT, LON, zipped

SQUARES = [shapely.box(LON + n * 0.002, LAT, LON + n * 0.002 + 0.001, LAT + 0.001) for n in range(2)]
"""In degrees CGCS2000."""


def in_metres(shapes: list[shapely.Geometry], crs: str = "EPSG:4550") -> list[shapely.Geometry]:
    """Shapes in degrees moved to a projected CRS, easting before northing."""
    to_metres = Transformer.from_crs("EPSG:4490", crs, always_xy=True)
    return [
        shapely.transform(shape, lambda xy: np.column_stack(to_metres.transform(xy[:, 0], xy[:, 1])))
        for shape in shapes
    ]


def write(path: Path, driver: str, *, shapes: list[shapely.Geometry] | None = None, **options) -> Path:
    """The layer by one of GDAL's drivers."""
    shapes = SQUARES if shapes is None else shapes
    numbers = range(1, len(shapes) + 1)
    kinds = {shape.geom_type for shape in shapes}
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(shapes),
        field_data=[np.array([f"{c}{n}" for n in numbers], dtype=object) for c in ("B", "图斑")],
        fields=["BSM", "MC"],
        driver=driver,
        **({"crs": "EPSG:4490", "geometry_type": kinds.pop() if len(kinds) == 1 else "Unknown"} | options),
    )
    return path


def packed(folder: Path, *, within: str = "") -> bytes:
    """A folder's files as a zip."""
    return zipped(
        {within + str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    )


def geoparquet(path: Path, *, crs: object = "EPSG:4490", encoding: str = "WKB") -> bytes:
    """The layer as GeoParquet; `crs` None says that it is not known."""
    column: dict[str, object] = {"encoding": encoding, "geometry_types": ["Polygon"]}
    column["crs"] = CRS.from_user_input(crs).to_json_dict() if crs else None
    table = pa.table(
        {
            "BSM": ["B1", "B2"],
            "MC": ["图斑1", "图斑2"],
            "geometry": pa.array(list(shapely.to_wkb(SQUARES)), pa.binary()),
        }
    ).replace_schema_metadata(
        {
            b"geo": json.dumps(
                {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": column}}
            ).encode()
        }
    )
    pq.write_table(table, path)
    return path.read_bytes()


def csv(*, encoding: str = "utf-8", header: str = "BSM,MC,代码,WKT") -> bytes:
    """The layer as a table with WKT."""
    rows = [f'B{n},图斑{n},070{n},"{shape.wkt}"' for n, shape in enumerate(SQUARES, start=1)]
    return "\r\n".join([header, *rows, ""]).encode(encoding)


def boundary_points(*, zone: int = 41) -> bytes:
    """The layer as the surveyors' TXT, in GBK, with the zone before the easting."""
    lines = [
        "[属性描述]",
        "坐标系=2000国家大地坐标系",
        "几度分带=3",
        f"带号={zone}",
        "计量单位=米",
        "[地块坐标]",
    ]
    for number, shape in enumerate(in_metres(SQUARES, f"EPSG:{4488 + zone}"), start=1):
        points = shapely.get_coordinates(shape)
        area_ha = shape.area / 10_000
        lines.append(f"{len(points)},{area_ha:.4f},{number},图斑{number},面,,工业用地,,@")
        lines += [f"J{n},1,{y:.3f},{x:.3f}" for n, (x, y) in enumerate(points, start=1)]
    return "\r\n".join(lines).encode("gbk")


def all_formats(folder: Path) -> dict[str, bytes]:
    """The same two areas in every format, by its name."""
    made = {
        "GeoPackage": write(folder / "a.gpkg", "GPKG").read_bytes(),
        "GeoJSON": write(folder / "a.geojson", "GeoJSON").read_bytes(),
        "newline-delimited GeoJSON": write(folder / "a.geojsonl", "GeoJSONSeq").read_bytes(),
        "FlatGeobuf": write(folder / "a.fgb", "FlatGeobuf").read_bytes(),
        "KML": write(folder / "a.kml", "LIBKML").read_bytes(),
        "GML": write(folder / "a.gml", "GML", dataset_options={"FORMAT": "GML3.2"}).read_bytes(),
        "CSV with WKT": csv(),
        "GeoParquet": geoparquet(folder / "a.parquet"),
        "boundary-point TXT": boundary_points(),
    }
    made["KMZ"] = zipped({"doc.kml": made["KML"], "images/x.png": b"x"})
    for name, driver, suffix in (
        ("Shapefile", "ESRI Shapefile", "shp"),
        ("MapInfo TAB", "MapInfo File", "tab"),
        ("MapInfo MIF", "MapInfo File", "mif"),
    ):
        own = folder / name
        own.mkdir()
        write(own / f"地块.{suffix}", driver, encoding="UTF-8")
        made[name] = packed(own)
    write(folder / "plan.gdb", "OpenFileGDB", layer="DKXX")
    made["FileGDB"] = packed(folder / "plan.gdb", within="data/plan.gdb/")
    return made
