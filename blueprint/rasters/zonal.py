"""Zonal statistics (分区统计): what a raster says under a footprint, every pixel counted by the share that lies inside.

The shares are those of `exactextract` (Baston): the area of a pixel cut by the outline, not whether its centre is
inside. It keeps them in single precision, so a share of the footprint is right to about 1e-7.
"""

import logging
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio.features
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from rasterio.errors import RasterioError
from rasterio.windows import Window
from rasterio.windows import transform as window_transform
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from blueprint.city import polygonal
from blueprint.errors import UnavailableError
from blueprint.objects import objects_of
from blueprint.rasters.pool import POOL
from blueprint.rasters.values import Threshold, ValueKind
from blueprint.snapshot import LayerOnDay

_GRID_M = 1e-6
_log = logging.getLogger(__name__)

BLOCK = 1024
"""Pixels a side that are looked at together: memory stays the same for any footprint."""

SHARE_NOISE = 1e-7
"""A smaller share of the footprint is the rounding of the shares of pixels."""

MAX_ZONE_VERTICES = 200_000
"""A more ragged zone is not drawn: the whole footprint stands for it."""


@dataclass(frozen=True)
class Zonal:
    """What a raster says under a footprint; shares are of the footprint's plane area, the mean is weighted by them.

    `zone` is where the threshold holds, in the working CRS; None where that was not asked or is too ragged to draw.
    """

    known_share: float
    met_share: float
    minimum: float | None
    maximum: float | None
    mean: float | None
    class_shares: dict[int, float] | None
    zone: shapely.MultiPolygon | None = None

    def is_hit(self, threshold: Threshold) -> bool:
        """Say whether the threshold holds on more than its share of the footprint; merely touching is not holding."""
        return self.met_share > threshold.share + SHARE_NOISE

    def to_json(self, threshold: Threshold, *, unit: str | None) -> dict[str, Any]:
        """What a report says of the raster."""
        return {
            "threshold": f"{threshold} {unit or ''}".strip() or None,
            "threshold_share": threshold.share,
            "unit": unit,
            "met_share": self.met_share,
            "known_share": self.known_share,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "mean": self.mean,
            "classes": None
            if self.class_shares is None
            else {str(code): share for code, share in self.class_shares.items()},
        }


@dataclass
class _Sums:
    known: float = 0.0
    met: float = 0.0
    weighted: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf


class Rasters(NamedTuple):
    """What the rasters among some layers say, by version, and the versions of those whose file cannot be read at present."""

    measured: dict[int, Zonal]
    failed: frozenset[int]


def measure_rasters(
    session: Session, footprint: shapely.MultiPolygon, layers: Sequence[LayerOnDay]
) -> Rasters:
    """What every raster among the layers on a day says under a footprint; one whose file is gone or damaged fails by itself.

    That is said to the operator, too: the object folder is to be restored.
    """
    measured: dict[int, Zonal] = {}
    failed = set()
    for layer in layers:
        if layer.version_id is None or layer.object_sha256 is None:
            continue
        try:
            path = objects_of(session).existing(layer.object_sha256)
            measured[layer.version_id] = measure(
                path, footprint, layer.threshold, value_kind=layer.value_kind or ""
            )
        except (UnavailableError, RasterioError, OSError) as error:
            failed.add(layer.version_id)
            _log.error("the raster of %s v%s cannot be read: %s", layer.code, layer.version, error)
    return Rasters(measured, frozenset(failed))


def measure(path: Path, footprint: shapely.MultiPolygon, threshold: Threshold, *, value_kind: str) -> Zonal:
    """The statistics of a raster of the object folder under a footprint (working CRS, valid)."""
    sums, classes = _Sums(), defaultdict[int, float](float)
    met: list[tuple[np.ndarray, Any]] = []
    with POOL.lend(path) as raster:
        pixel_m2 = abs(raster.transform.a * raster.transform.e)
        for window, part, is_whole in _blocks(raster, footprint):
            values = raster.read(1, window=window, masked=True)
            transform = window_transform(window, raster.transform)
            shares = np.ones(values.shape) if is_whole else _shares(part, transform, values.shape)
            known = ~np.ma.getmaskarray(values) & (shares > 0)
            pixels, weights = values.data[known], shares[known] * pixel_m2
            if not pixels.size:
                continue
            holds, numbers = threshold.holds_for(pixels), pixels.astype(np.float64)
            _add(sums, numbers, weights, holds)
            if value_kind == ValueKind.CLASSES:
                codes, places = np.unique(numbers.astype(np.int64), return_inverse=True)
                for code, area_m2 in zip(codes.tolist(), np.bincount(places, weights), strict=True):
                    classes[code] += float(area_m2)
            if holds.any():
                where = np.zeros(values.shape, dtype=np.uint8)
                where[known] = holds
                met.append((where, transform))
    site_m2 = footprint.area
    result = Zonal(
        known_share=min(1.0, sums.known / site_m2),
        met_share=min(1.0, sums.met / site_m2),
        minimum=sums.minimum if sums.known else None,
        maximum=sums.maximum if sums.known else None,
        mean=sums.weighted / sums.known if sums.known else None,
        class_shares={code: area_m2 / site_m2 for code, area_m2 in sorted(classes.items())}
        if value_kind == ValueKind.CLASSES
        else None,
    )
    if not result.is_hit(threshold):
        return result
    return Zonal(**{**vars(result), "zone": _zone(met, footprint)})


def _add(sums: _Sums, numbers: np.ndarray, weights: np.ndarray, holds: np.ndarray) -> None:
    sums.known += float(weights.sum())
    sums.met += float(weights[holds].sum())
    sums.weighted += float((numbers * weights).sum())
    sums.minimum = min(sums.minimum, float(numbers.min()))
    sums.maximum = max(sums.maximum, float(numbers.max()))


def _blocks(raster: Any, footprint: shapely.MultiPolygon) -> Iterator[tuple[Window, BaseGeometry, bool]]:
    """The windows that the footprint meets, with its part inside each, and whether it covers the window wholly."""
    to_pixels = ~raster.transform
    west, south, east, north = footprint.bounds
    left, top = to_pixels @ (west, north)
    right, bottom = to_pixels @ (east, south)
    first_column, last_column = max(0, math.floor(left)), min(raster.width, math.ceil(right))
    first_row, last_row = max(0, math.floor(top)), min(raster.height, math.ceil(bottom))
    shapely.prepare(footprint)
    for row in range(first_row, last_row, BLOCK):
        for column in range(first_column, last_column, BLOCK):
            window = Window(column, row, min(BLOCK, last_column - column), min(BLOCK, last_row - row))
            corner = window_transform(window, raster.transform)
            box = shapely.box(
                corner.c, corner.f + window.height * corner.e, corner.c + window.width * corner.a, corner.f
            )
            if shapely.covers(footprint, box):
                yield window, box, True
                continue
            part = polygonal(shapely.intersection(footprint, box))
            if not part.is_empty:
                yield window, part, False


def _shares(part: BaseGeometry, transform: Any, shape: tuple[int, int]) -> np.ndarray:
    """The share of every pixel that lies inside a polygon.

    Of an outline with a spike whose sides are one, as cutting along pixels leaves, exactextract 0.3.0 gives whole pixels too much, or
    ends the process; on a grid there are none.
    """
    rows, columns = shape
    part = polygonal(shapely.set_precision(part, _GRID_M))
    grid = NumPyRasterSource(
        np.zeros(shape, dtype=np.uint8),
        xmin=transform.c,
        ymin=transform.f + rows * transform.e,
        xmax=transform.c + columns * transform.a,
        ymax=transform.f,
    )
    if part.is_empty:
        return np.zeros(shape)
    feature = {"type": "Feature", "properties": {}, "geometry": mapping(part)}
    found = exact_extract(grid, [feature], ["cell_id", "coverage"])[0]["properties"]
    shares = np.zeros(rows * columns)
    shares[np.asarray(found["cell_id"], dtype=np.int64)] = found["coverage"]
    return shares.reshape(shape)


def _zone(met: list[tuple[np.ndarray, Any]], footprint: shapely.MultiPolygon) -> shapely.MultiPolygon | None:
    """Where the threshold holds: the pixels as polygons, cut by the footprint."""
    pieces, vertices = [], 0
    for where, transform in met:
        for document, _ in rasterio.features.shapes(where, mask=where.astype(bool), transform=transform):
            piece = shapely.geometry.shape(document)
            vertices += int(shapely.get_num_coordinates(piece))
            if vertices > MAX_ZONE_VERTICES:
                return None
            pieces.append(piece)
    return polygonal(shapely.intersection(footprint, shapely.union_all(pieces)))
