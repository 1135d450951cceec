"""A version of a raster layer as a file again: its COG, with the stamp of the export in it."""

from pathlib import Path

import rasterio
import rasterio.shutil
from sqlalchemy.orm import Session

from blueprint.errors import InvalidInputError, UnavailableError, is_disk_full
from blueprint.layers.models import LayerVersion
from blueprint.layers.stamps import Stamp
from blueprint.objects import objects_of
from blueprint.rasters.values import ValueKind


def write_raster(session: Session, version: LayerVersion, path: Path, *, stamp: Stamp) -> None:
    """Write the version's raster as a COG whose description and metadata say whose export it is; pixels stay as they are."""
    raster = version.raster
    if raster is None:
        raise InvalidInputError("version {version_number} has no raster", version_number=version.number)
    source = objects_of(session).existing(raster.object_sha256)
    plain, partial = path.with_name(f".{path.stem}.plain.tif"), path.with_name(f".{path.stem}.part.tif")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_CACHEMAX=128):
            # Tags of a COG cannot be changed in place: what is behind the header would no longer be in order.
            rasterio.shutil.copy(
                source, plain, driver="GTiff", tiled=True, blockxsize=512, blockysize=512,
                compress="deflate", zlevel=1, copy_src_overviews=True, bigtiff="if_safer",
            )  # fmt: skip
            with rasterio.open(plain, "r+", driver="GTiff", IGNORE_COG_LAYOUT_BREAK="YES") as opened:
                opened.update_tags(TIFFTAG_IMAGEDESCRIPTION=stamp.text(), **stamp.options("COG"))
            rasterio.shutil.copy(
                plain, partial, driver="COG", compress="deflate", predictor="yes", blocksize=512,
                overview_resampling="mode" if raster.value_kind == ValueKind.CLASSES else "average",
                bigtiff="if_safer",
            )  # fmt: skip
        partial.replace(path)
    except OSError as error:
        if is_disk_full(error):
            raise
        raise UnavailableError(
            "cannot write {path}: {strerror}", path=path, strerror=error.strerror or error
        ) from error
    finally:
        plain.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)
