"""Inside the cell: read one band of a GeoTIFF by windows, settle grid, CRS and missing values, and write a COG.

The file is judged by what its header claims before a pixel is read; nothing is ever held whole in memory.
"""

import json
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import Field, asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import rasterio
import rasterio.shutil
import rasterio.warp
from pyproj import CRS, Transformer
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.windows import Window

from blueprint.crs import Operation, label, parse_crs
from blueprint.errors import InvalidInputError
from blueprint.layers.confinement import REPORT_FD, drop_rights
from blueprint.layers.marks import refuse_marked
from blueprint.rasters.grid import Grid, grid_of, grid_over
from blueprint.rasters.scan import Scan, scan
from blueprint.rasters.whereabouts import whereabouts
from blueprint.sentences import Sentence
from blueprint.transformations import RegisteredTransformation, find_operation

MAX_BYTES = 2 << 30
"""Width × height × bands × bytes a value: what the file would be without compression, whatever it weighs."""

WINDOW_PIXELS = 4 << 20
BLOCK = 512
POSITION_PIXELS = 0.01
"""How far, in pixels, a resampled place may lie from where the exact transformation puts it."""

_NUMBERS, _MOVED = "+proj=tmerc +lon_0=0 +ellps=GRS80", "+proj=merc +ellps=GRS80"
"""Two systems with x before y, which stand for "as they are" and "moved" where a pipeline says all about the way: GDAL
turns the axes of those that it knows."""

_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_RESAMPLING = {"continuous": "bilinear", "classes": "nearest"}
_OVERVIEWS = {"continuous": "average", "classes": "mode"}


@dataclass
class Report:
    """What became of the file; `resampling` is `none` where every pixel is as it came.

    `sample` are places of its values in its own coordinates, `edge` places on the line where they end, in metres of the
    working CRS; `is_misplaced` says that only a CRS may be wrong.
    """

    source_crs: str = ""
    operation: str = ""
    operation_accuracy_m: float | None = None
    source_band: int = 1
    resampling: str = "none"
    width: int = 0
    height: int = 0
    pixel_width_m: float = 0.0
    pixel_height_m: float = 0.0
    data_type: str = ""
    nodata: str | None = None
    extent: list[float] = field(default_factory=list)
    declared_crs: str | None = None
    declared_text: str | None = None
    sample: list[list[float]] = field(default_factory=list)
    edge: list[list[float]] = field(default_factory=list)
    is_misplaced: bool = False
    statistics: dict[str, Any] = field(default_factory=dict)
    notes: list[dict[str, Any]] = field(default_factory=list)
    refusal: dict[str, Any] | None = None


class _Refusing(Protocol):
    """A report, as a dataclass, that says why a file was refused."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    refusal: dict[str, Any] | None


_R = TypeVar("_R", bound=_Refusing)


class _ElsewhereError(InvalidInputError):
    """A raster of which only the CRS may be wrong, or is not said."""


def main(request: dict[str, Any]) -> None:
    """Read the file of the request; a refusal is said in the report, never by a traceback."""
    tell(request, Report(), _take_in)


def tell(request: dict[str, Any], report: _R, work: Callable[[dict[str, Any], _R], None]) -> None:
    """Do the work on the file without rights, and write the report of it, with its `refusal` where the file is none to work on."""
    try:
        open_databases(request)
        drop_rights(request["uid"], request["gid"])
        work(request, report)
    except InvalidInputError as error:
        report.refusal = error.sentence.as_json()
    except (RasterioError, CPLE_BaseError, SystemError, ValueError) as error:
        report.refusal = Sentence(
            "the file cannot be read as a GeoTIFF: {error}", error=first_line(error)
        ).as_json()
    except MemoryError:
        report.refusal = Sentence(
            "the file needs more memory than an upload may use; store it in tiles and try again"
        ).as_json()
    with os.fdopen(REPORT_FD, "w") as stream:
        json.dump(asdict(report), stream)


def open_databases(request: dict[str, Any]) -> None:
    """Make GDAL and PROJ open what they need while this process may still read the program's folders."""
    for registered in registered_in(request):
        find_operation(registered.source, request["working_crs"], (registered,))
    find_operation(request["crs"] or "EPSG:4326", request["working_crs"], registered_in(request))
    rasterio.warp.transform("EPSG:4326", request["working_crs"], [120.0], [40.0])


def registered_in(request: dict[str, Any]) -> tuple[RegisteredTransformation, ...]:
    """The operator's transformations, as the request has them."""
    return tuple(RegisteredTransformation(**each) for each in request["registered"])


def _take_in(request: dict[str, Any], report: Report) -> None:
    try:
        _read(request, report)
    except _ElsewhereError:
        report.is_misplaced = True
        raise


def _read(request: dict[str, Any], report: Report) -> None:
    with rasterio.open(request["path"], driver="GTiff") as source:
        band = chosen_band(source, request["band"])
        refuse_what_cannot_be(source, band)
        upright = grid_of(source)
        values, edge = whereabouts(source, band)
        report.sample = values.tolist()
        report.declared_crs = label(parse_crs(source.crs.to_wkt())) if source.crs is not None else None
        report.declared_text = declared_crs(source)
        crs = request["crs"] or report.declared_text
        if crs is None:
            raise _ElsewhereError("the file does not say its coordinate system")
        operation = find_operation(crs, request["working_crs"], registered_in(request))
        report.source_crs, report.source_band = operation.source, band
        report.operation, report.operation_accuracy_m = operation.name, operation.accuracy_m
        if len(edge):
            report.edge = np.column_stack(operation.move(edge[:, 0], edge[:, 1])).tolist()
        target = _target(upright, operation, request)
        found = scan(_windows(source, band), kind=request["value_kind"])
        report.notes = [
            Sentence(
                "the value {value:g} looks like what stands for missing pixels, but the file does not say so: it is taken for a"
                " measure; say it as the no-data value of the file and upload it again",
                value=value,
            ).as_json()
            for value in found.perhaps_missing()
        ]
        nodata = found.free_value(source.dtypes[band - 1], is_needed=target is not None)
        plain = Path(request["cog"]).with_name("plain.tif")
        _write(
            source,
            band,
            upright,
            nodata,
            request["working_crs"] if target is None else _written_in(crs, operation),
            plain,
        )
    grid = upright
    if target is not None:
        _refuse_other_place(upright, crs, operation, request)
        plain, grid = _reprojected(plain, target, operation, request), target
        report.resampling = _RESAMPLING[request["value_kind"]]
        with rasterio.open(plain, driver="GTiff") as moved:
            found = scan(_windows(moved, 1), kind=request["value_kind"])
    _settle(report, grid, found, nodata, plain)
    _write_cog(plain, Path(request["cog"]), found, request["value_kind"])


def chosen_band(source: Any, wanted: str | None) -> int:
    """The band that is asked for by its number; the only one where none is."""
    if wanted is None:
        if source.count > 1:
            raise InvalidInputError(
                "the file has {count:,} bands; name the one that holds the values (--sublayer 1 at the console)",
                count=source.count,
            )
        return 1
    if not wanted.isascii() or not wanted.isdigit() or not 1 <= int(wanted[:9]) <= source.count:
        raise InvalidInputError(
            "the file has no band {wanted!r}; it has 1 to {count:,}", wanted=wanted[:20], count=source.count
        )
    return int(wanted)


def refuse_what_cannot_be(source: Any, band: int) -> None:
    """Refuse what is marked as secret, and what the header claims that cannot be taken: nothing of the pixels is read."""
    refuse_marked(*map(str, (*source.tags().values(), *source.tags(band).values(), *source.descriptions)))
    name = source.dtypes[band - 1]
    if name not in _TYPES:
        raise InvalidInputError(
            "values of the type {name} are not taken; store them as {types}", name=name, types=_TYPES
        )
    scale, offset = source.scales[band - 1], source.offsets[band - 1]
    if (scale, offset) != (1.0, 0.0):
        raise InvalidInputError(
            "the raster says that its values count {scale:g} each and begin at {offset:g}; store the true values",
            scale=scale,
            offset=offset,
        )
    claimed = source.width * source.height * source.count * np.dtype(name).itemsize
    if claimed > MAX_BYTES:
        raise InvalidInputError(
            "the raster of {width:,} × {height:,} pixels and {count:,} bands is {raw_gb:,.1f} GB without"
            " compression, at most {max_gb} GB are taken; cut it to the city, or make its pixels larger",
            width=source.width,
            height=source.height,
            count=source.count,
            raw_gb=claimed / 2**30,
            max_gb=MAX_BYTES >> 30,
        )
    if source.transform.is_identity:
        how = Sentence("only ground control points") if source.gcps[0] else Sentence("no georeference")
        raise InvalidInputError("the raster has {how}; rectify it to a map CRS and upload it again", how=how)
    if not all(math.isfinite(value) for value in source.transform) or not source.transform.determinant:
        raise InvalidInputError("the raster's georeference has no meaning; export it again")


def declared_crs(source: Any) -> str | None:
    """The CRS that the file says, as WKT, without heights."""
    if source.crs is None:
        return None
    crs: CRS = parse_crs(source.crs.to_wkt())
    return (crs.sub_crs_list[0] if crs.is_compound else crs).to_wkt()


def _written_in(crs: str, operation: Operation) -> str:
    """The system in which the pixels wait to be moved."""
    return _NUMBERS if operation.pipeline is not None else parse_crs(crs).to_wkt()


def _target(upright: Grid, operation: Operation, request: dict[str, Any]) -> Grid | None:
    """The grid to resample to; None where the pixels already lie along the axes of the working CRS."""
    target = None
    if operation.name != "none" or upright.is_rotated:
        target = grid_over(upright, operation)
        if target.width * target.height * 8 > 4 * MAX_BYTES:
            raise InvalidInputError("the raster lies so askew that its grid in the working CRS is too large")
    west, south, east, north = (target or upright).bounds
    around = request["surroundings"]
    if east < around[0] or west > around[2] or north < around[1] or south > around[3]:
        raise _ElsewhereError("the raster lies outside the city in {source}", source=operation.source)
    return target


def _refuse_other_place(upright: Grid, crs: str, operation: Operation, request: dict[str, Any]) -> None:
    """Hold the library that moves the pixels to the operation that was judged: it might choose a worse one in silence."""
    xs, ys = upright.outline()
    moved = np.column_stack(operation.move(xs, ys))
    other: Any
    if operation.pipeline is not None:
        other = Transformer.from_pipeline(operation.pipeline).transform(xs, ys)
    else:
        written = parse_crs(crs).to_wkt()
        other = rasterio.warp.transform(written, request["working_crs"], xs.tolist(), ys.tolist())
    apart_m = float(np.abs(moved - np.column_stack(other[:2])).max())
    if not apart_m < 0.05:
        raise InvalidInputError(
            "the way from {source} to the working CRS is not certain ({apart_m:.2f} m apart); have the"
            " raster transformed and upload it again",
            source=operation.source,
            apart_m=apart_m,
        )


def _windows(source: Any, band: int) -> Iterator[tuple[Window, np.ndarray, np.ndarray]]:
    """The band in strips from its first row on: window, values, and which of them are there."""
    rows = max(1, WINDOW_PIXELS // source.width)
    for first in range(0, source.height, rows):
        window = Window(0, first, source.width, min(rows, source.height - first))
        values = source.read(band, window=window)
        known = source.read_masks(band, window=window) != 0
        if values.dtype.kind == "f":
            known &= np.isfinite(values)
        yield window, values, known


def _profile(grid: Grid, crs: str, data_type: str, nodata: float | None) -> dict[str, Any]:
    return {
        "driver": "GTiff", "count": 1, "dtype": data_type, "crs": crs, "nodata": nodata,
        "width": grid.width, "height": grid.height, "transform": grid.transform,
        "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "deflate", "zlevel": 1,
        "bigtiff": "if_safer",
    }  # fmt: skip


def _write(source: Any, band: int, upright: Grid, nodata: float | None, crs: str, path: Path) -> None:
    """The band alone, north up and west first, with one way of saying that a value is missing."""
    with rasterio.open(path, "w", **_profile(upright, crs, source.dtypes[band - 1], nodata)) as target:
        for window, values, known in _windows(source, band):
            if nodata is not None:
                values[~known] = nodata
            first = window.row_off
            if upright.flips_rows:
                values, first = values[::-1], source.height - window.row_off - window.height
            if upright.flips_columns:
                values = values[:, ::-1]
            target.write(values, 1, window=Window(0, first, window.width, window.height))


def _reprojected(plain: Path, target: Grid, operation: Operation, request: dict[str, Any]) -> Path:
    """The band on the target's grid, moved by a pipeline where the operation is one that PROJ would not choose itself."""
    moved = plain.with_name("moved.tif")
    way = {} if operation.pipeline is None else {"COORDINATE_OPERATION": operation.pipeline}
    crs = request["working_crs"] if operation.pipeline is None else _MOVED
    with rasterio.open(plain, driver="GTiff") as source:
        profile = _profile(target, crs, source.dtypes[0], source.nodata)
        with rasterio.open(moved, "w", **profile) as destination:
            rasterio.warp.reproject(
                rasterio.band(source, 1),
                rasterio.band(destination, 1),
                src_crs=source.crs,
                resampling=rasterio.warp.Resampling[_RESAMPLING[request["value_kind"]]],
                warp_mem_limit=64,
                tolerance=POSITION_PIXELS,
                **way,
            )
    if way:
        with rasterio.open(moved, "r+", driver="GTiff") as written:
            written.crs = request["working_crs"]
    plain.unlink()
    return moved


def _settle(report: Report, grid: Grid, found: Scan, nodata: float | None, plain: Path) -> None:
    with rasterio.open(plain, driver="GTiff") as written:
        report.data_type = written.dtypes[0]
    report.nodata = None if nodata is None else f"{nodata:g}"
    report.width, report.height = grid.width, grid.height
    report.pixel_width_m, report.pixel_height_m = abs(grid.transform.a), abs(grid.transform.e)
    report.extent = list(grid.bounds)
    report.statistics = found.to_json()


def _write_cog(plain: Path, cog: Path, found: Scan, kind: str) -> None:
    statistics = found.to_json()
    with rasterio.open(plain, "r+", driver="GTiff") as opened:
        opened.update_tags(
            1,
            STATISTICS_MINIMUM=statistics["minimum"],
            STATISTICS_MAXIMUM=statistics["maximum"],
            STATISTICS_MEAN=statistics["mean"],
            STATISTICS_STDDEV=statistics["deviation"],
            STATISTICS_VALID_PERCENT=round(100 * found.valid_count / (opened.width * opened.height), 2),
        )
    rasterio.shutil.copy(
        plain,
        cog,
        driver="COG",
        compress="deflate",
        predictor="yes",
        blocksize=BLOCK,
        overview_resampling=_OVERVIEWS[kind],
        overviews="ignore_existing",
        bigtiff="if_safer",
    )
    plain.unlink()


def first_line(error: Exception) -> str:
    """What a library complains of, in one line."""
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
