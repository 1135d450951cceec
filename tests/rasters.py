"""GeoTIFFs made for tests: sound ones, and ones that are wrong on purpose."""

import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.layers.catalogue import LayerDefinition, define_layer
from blueprint.layers.features_file import features_folder
from blueprint.layers.models import LayerVersion
from blueprint.layers.publication import bring_into_force
from blueprint.layers.reading import staged
from blueprint.layers.storing import Upload, store_version
from blueprint.permissions import at_console
from blueprint.quality.check import NOTHING_FOUND
from service.settings import Settings
from tests.made import ORIGIN

WORKING = "EPSG:4550"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def store_raster(
    session: Session,
    city: City,
    path: Path,
    code: str,
    *,
    crs: str | None = None,
    accept_crs: str | None = None,
    band: str | None = None,
    **definition: Any,
) -> LayerVersion:
    """Define a raster layer and store a file as its next version in force."""
    values = {
        "title": code, "department": city.departments[0].code, "geometry": "raster", "control": "restrict",
        "value_kind": "continuous",
    }  # fmt: skip
    layer, _ = define_layer(
        session, LayerDefinition(code=code, **(values | definition)), city=city, actor=at_console("test")
    )
    with (
        path.open("rb") as stream,
        staged(stream, path.name, scratch=Settings().scratch) as file,
        features_folder(Settings().scratch) as folder,
    ):
        upload = Upload(actor=at_console("test"), crs=crs, accept_crs=accept_crs, sublayer=band)
        version = store_version(session, layer, file, upload, city=city, now=NOW, folder=folder)
    version.checked_at, version.issue_counts = NOW, NOTHING_FOUND
    bring_into_force(session, version, starts_on=date(2020, 1, 1), actor=at_console("test"), now=NOW)
    session.refresh(version)
    return version


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
