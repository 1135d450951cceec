"""Files that are wrong on purpose, made on the spot; and small good ones to compare with."""

import io
import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely

LON, LAT = 122.9946, 41.1106
"""A place in Anshan, degrees CGCS2000."""


def lonlat_square(west: float = LON, south: float = LAT, side: float = 0.001) -> list[list[float]]:
    """The ring of a square in degrees."""
    east, north = west + side, south + side
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def geojson(*geometries: Mapping[str, Any], properties: Sequence[Mapping[str, Any]] | None = None) -> bytes:
    """A FeatureCollection."""
    rows = properties or [{"BSM": f"B{n}", "MC": f"图斑{n}"} for n in range(1, len(geometries) + 1)]
    features = [
        {"type": "Feature", "properties": row, "geometry": geometry}
        for geometry, row in zip(geometries, rows, strict=True)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


def polygon(*rings: list[list[float]]) -> dict[str, Any]:
    """A GeoJSON polygon."""
    return {"type": "Polygon", "coordinates": list(rings)}


def good() -> bytes:
    """One sound polygon in Anshan."""
    return geojson(polygon(lonlat_square()))


def write_dataset(
    path: Path,
    shapes: Sequence[shapely.Geometry],
    *,
    crs: str | None = "EPSG:4490",
    layer: str = "data",
    **options: Any,
) -> Path:
    """A GeoPackage or Shapefile of these shapes with a BSM and a MC field."""
    numbers = range(1, len(shapes) + 1)
    columns = {"BSM": [f"B{n}" for n in numbers], "MC": [f"图斑{n}" for n in numbers]}
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(list(shapes)),
        field_data=[np.array(values, dtype=object) for values in columns.values()],
        fields=list(columns),
        geometry_type=shapes[0].geom_type,
        crs=crs,
        layer=layer,
        **options,
    )
    return path


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip archive of these names and contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def zipped_shapefile(folder: Path, shapes: Sequence[shapely.Geometry], **options: Any) -> dict[str, bytes]:
    """The parts of a Shapefile by name, to be packed or spoilt."""
    folder.mkdir(parents=True, exist_ok=True)
    write_dataset(folder / "plan.shp", shapes, layer="plan", **options)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def truncated(shp: bytes) -> bytes:
    """A .shp cut in the middle."""
    return shp[: len(shp) // 2]


def overstated(shp: bytes) -> bytes:
    """A .shp whose header says it is longer than it is."""
    return shp[:24] + struct.pack(">i", len(shp)) + shp[28:]
