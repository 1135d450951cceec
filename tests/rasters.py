"""GeoTIFFs made for tests: sound ones, and ones that are wrong on purpose."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

from tests.made import ORIGIN

WORKING = "EPSG:4550"


def north_up(pixel_m: float = 10.0, *, height: int, east: float = 0.0, south: float = 0.0) -> Affine:
    """The transform of a raster whose south-west corner lies at local metres (`tests.made.ORIGIN`)."""
    return Affine(pixel_m, 0, ORIGIN[0] + east, 0, -pixel_m, ORIGIN[1] + south + height * pixel_m)


def write_tif(
    path: Path,
    values: np.ndarray,
    *,
    transform: Affine | None = None,
    crs: str | None = WORKING,
    nodata: float | None = None,
    **options: Any,
) -> Path:
    """A GeoTIFF of these values, one band for two dimensions, north up and 10 m a pixel unless told otherwise."""
    bands = values if values.ndim == 3 else values[None]
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(bands),
        height=bands.shape[1],
        width=bands.shape[2],
        dtype=values.dtype,
        crs=crs,
        nodata=nodata,
        transform=transform if transform is not None else north_up(height=bands.shape[1]),
        **options,
    ) as target:
        target.write(bands)
    return path


def slope(rows: int = 40, columns: int = 50) -> np.ndarray:
    """Values from 0 in the west to 49 in the east, the same in every row."""
    return np.broadcast_to(np.arange(columns, dtype=np.float32), (rows, columns)).copy()


def sparse(path: Path, side: int) -> Path:
    """A GeoTIFF that claims `side` × `side` pixels and holds none of them."""
    options = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "sparse_ok": True, "bigtiff": "yes"}
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=1,
        height=side,
        width=side,
        dtype="uint8",
        crs=WORKING,
        transform=north_up(0.1, height=side),
        **options,
    ):
        return path  # fmt: skip


def rotated(angle: float, pixel_m: float, *, east: float, north: float) -> Affine:
    """The transform of a raster turned about its corner by an angle in degrees."""
    turn = math.radians(angle)
    return Affine(
        pixel_m * math.cos(turn), pixel_m * math.sin(turn), ORIGIN[0] + east,
        pixel_m * math.sin(turn), -pixel_m * math.cos(turn), ORIGIN[1] + north,
    )  # fmt: skip
