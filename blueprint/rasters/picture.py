"""A small picture of a version's raster for the map of its layer: drawn from an overview, coloured by value."""

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.transform import from_bounds
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from sqlalchemy.orm import Session

from blueprint.errors import NotFoundError
from blueprint.layers.models import LayerVersion
from blueprint.objects import objects_of
from blueprint.rasters.models import Raster
from blueprint.rasters.pool import POOL
from blueprint.rasters.values import ValueKind

LARGEST_SIDE = 1024
"""Pixels of the picture: a look at where which values are, never the values themselves."""

RAMP = np.array(
    [(255, 255, 204), (161, 218, 180), (65, 182, 196), (44, 127, 184), (37, 52, 148)], dtype=float
)
"""From the least value to the most, as `service/web/layer_raster.js` says it in the legend: ColorBrewer's YlGnBu."""

CLASSES = np.array(
    [
        (141, 211, 199), (255, 237, 111), (190, 186, 218), (251, 128, 114), (128, 177, 211), (253, 180, 98),
        (179, 222, 105), (252, 205, 229), (188, 128, 189), (204, 235, 197), (140, 140, 140), (230, 171, 2),
    ],
    dtype=np.uint8,
)  # fmt: skip
"""Of the classes in the order of their numbers, over and over: ColorBrewer's Set3."""


def draw_picture(session: Session, version: LayerVersion, extent: tuple[float, float, float, float]) -> bytes:
    """A PNG in Web Mercator that fills `extent` (west, south, east, north in degrees); no value is clear."""
    raster = version.raster
    if raster is None:
        raise NotFoundError("version {version_number} has no raster", version_number=version.number)
    west, south, east, north = transform_bounds("EPSG:4326", "EPSG:3857", *extent)
    scale = LARGEST_SIDE / max(east - west, north - south)
    width, height = (max(1, round(length * scale)) for length in (east - west, north - south))
    with POOL.lend(objects_of(session).existing(raster.object_sha256)) as source:
        frame = from_bounds(west, south, east, north, width, height)
        with WarpedVRT(
            source,
            crs="EPSG:3857",
            transform=frame,
            width=width,
            height=height,
            resampling=Resampling.nearest,
        ) as warped:
            values = warped.read(1, masked=True)
    return _png(_coloured(values, raster))


def _coloured(values: np.ma.MaskedArray, raster: Raster) -> np.ndarray:
    """Red, green, blue and what is to be seen, each as a band."""
    known = ~np.ma.getmaskarray(values)
    plain = values.filled(0)
    if np.issubdtype(plain.dtype, np.floating):
        known &= np.isfinite(plain)
    bands = np.zeros((4, *values.shape), dtype=np.uint8)
    if raster.value_kind == ValueKind.CLASSES:
        order = np.array(sorted(int(number) for number in raster.classes or {}))
        bands[:3, known] = CLASSES[np.searchsorted(order, plain[known]) % len(CLASSES)].T
    else:
        span = (raster.maximum - raster.minimum) or 1.0
        steps = np.clip((plain[known].astype(float) - raster.minimum) / span, 0, 1) * (len(RAMP) - 1)
        for band in range(3):
            bands[band, known] = np.interp(steps, range(len(RAMP)), RAMP[:, band]).round()
    bands[3, known] = 255
    return bands


def _png(bands: np.ndarray) -> bytes:
    with rasterio.Env(GDAL_PAM_ENABLED="NO"), MemoryFile(ext=".png") as file:
        shape = {"width": bands.shape[2], "height": bands.shape[1], "count": len(bands)}
        with file.open(driver="PNG", dtype="uint8", **shape) as written:
            written.write(bands)
        return bytes(file.read())
