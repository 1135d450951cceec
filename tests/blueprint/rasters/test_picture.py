"""The picture of a raster for the map of its layer: where which values are, clear where there are none."""

from pathlib import Path

import numpy as np
import rasterio
from rasterio.io import MemoryFile
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.layers.models import LayerVersion
from blueprint.layers.shown import version_out
from blueprint.rasters.picture import CLASSES, RAMP, draw_picture
from tests.rasters import NOW, slope, store_raster, write_tif


def _drawn(session: Session, version: LayerVersion, city: City) -> np.ndarray:
    west, south, east, north = version_out(version.layer, version, city, NOW.date()).extent
    content = draw_picture(session, version, (west, south, east, north))
    with rasterio.Env(), MemoryFile(content) as file, file.open() as opened:
        return np.asarray(opened.read())


def test_the_least_values_are_light_the_most_dark_and_none_is_clear(
    session: Session, city: City, tmp_path: Path
) -> None:
    values = slope()
    values[:20, :10] = -1.0
    version = store_raster(session, city, write_tif(tmp_path / "slope.tif", values, nodata=-1.0), "PD")

    drawn = _drawn(session, version, city)

    rows, columns = drawn.shape[1:]
    assert max(rows, columns) == 1024
    middle = rows * 3 // 4
    assert np.abs(drawn[:3, middle, 15] - RAMP[0]).max() <= 3
    assert np.abs(drawn[:3, middle, columns - 15] - RAMP[-1]).max() <= 3
    assert drawn[3, middle, 15] == 255
    assert drawn[3, rows // 4, columns // 10] == 0


def test_classes_have_colours_in_the_order_of_their_numbers(
    session: Session, city: City, tmp_path: Path
) -> None:
    values = np.where(slope() < 25, 11, 42).astype(np.uint8)
    path = write_tif(tmp_path / "classes.tif", values)
    version = store_raster(session, city, path, "KL", value_kind="classes")

    drawn = _drawn(session, version, city)

    rows, columns = drawn.shape[1:]
    assert tuple(drawn[:3, rows // 2, columns // 4]) == tuple(CLASSES[0])
    assert tuple(drawn[:3, rows // 2, columns * 3 // 4]) == tuple(CLASSES[1])
