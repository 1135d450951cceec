"""Inside the cell: read one geodata file, settle CRS, dimension, type and validity, and stream features out.

Standard output carries an Arrow stream of features in the working CRS; the descriptor named in the request carries
one JSON report when the stream has ended. Batches are small, so memory does not grow with the file.
"""

import codecs
import contextlib
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

from blueprint.crs import NoPathError, Operation, best_operation, label, parse_crs
from blueprint.errors import InvalidInputError
from blueprint.fitted import Fitted
from blueprint.layers.buffers import grown, read_buffer_rule
from blueprint.layers.confinement import REPORT_FD, drop_rights
from blueprint.layers.curves import STEP_DEGREES
from blueprint.layers.kinds import KIND_NAMES, TYPES, closed_lines_as_areas, gathered, kind_word, shapes_of
from blueprint.layers.marks import refuse_marked_rows
from blueprint.layers.measuring import SCHEMA, equal_area, measured, without_shape
from blueprint.layers.mending import mend, place_of, reason_said
from blueprint.layers.plain import Plain, Plainly
from blueprint.layers.reading_report import Report
from blueprint.layers.row_texts import row_texts
from blueprint.layers.sources import Source, open_source
from blueprint.layers.texts import clean_name, readable
from blueprint.sentences import Sentence
from blueprint.transformations import RegisteredTransformation, find_operation

MAX_FEATURES = 5_000_000
MAX_OUTPUT_BYTES = 8 << 30
MAX_FEATURE_VERTICES = 500_000
MAX_LAYER_VERTICES = 100_000_000
_THREADS = 2

_WARM_UP = (
    '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},'
    '"geometry":{"type":"Point","coordinates":[0,0]}}]}'
)


def main(request: dict[str, Any]) -> None:
    """Read the file of the request; a refusal is said in the report, never by a traceback."""
    read(request, Fitted)


def read(request: dict[str, Any], fitted: type[Fitted], plainly: Plainly | None = None) -> None:
    """The same, with areas on the ellipsoid measured by `fitted`, and batches of plain areas found by `plainly`."""
    report = Report()
    try:
        open_databases(request)
        drop_rights(request["uid"], request["gid"])
        _read(request, report, fitted, plainly)
    except InvalidInputError as error:
        report.refusal = error.sentence.as_json()
    except (
        DataSourceError,
        DataLayerError,
        FeatureError,
        pa.ArrowException,
        sqlite3.Error,
        OSError,
        UnicodeError,
    ) as error:
        report.refusal = Sentence(
            "the file cannot be read: {error}", error=first_line(error, request["path"])
        ).as_json()
    except MemoryError:
        report.refusal = Sentence(
            "the file needs more memory than an upload may use; split it into smaller files"
        ).as_json()
    sys.stdout.buffer.flush()
    sys.stdout.buffer.close()
    with os.fdopen(REPORT_FD, "w") as stream:
        json.dump(report.__dict__ | {"sample": report.sample.points()}, stream)


def open_databases(request: dict[str, Any]) -> None:
    """Make GDAL, PROJ and Python open what they need while this process may still read the program's folders."""
    for encoding in (
        "utf-8-sig",
        "gb18030",
        "gb2312",
        "big5",
        "cp1252",
        "iso-8859-1",
        request["encoding"] or "utf-8",
    ):
        with contextlib.suppress(LookupError, ValueError):
            codecs.lookup(encoding)
    pyogrio.raw.read(_WARM_UP.encode())
    pa.scalar(0, pa.timestamp("ms", "UTC")).as_py()  # instants of a Parquet file ask for their time zone
    for source in ("EPSG:4490", "EPSG:4326"):  # the datum of one is another than that of a city abroad
        with contextlib.suppress(NoPathError):
            best_operation(source, request["working_crs"])


def _read(request: dict[str, Any], report: Report, fitted: type[Fitted], plainly: Plainly | None) -> None:
    projection = request["equal_area"]
    to_equal_area = equal_area(request["working_crs"], projection, fitted) if projection else None
    registered = tuple(RegisteredTransformation(**values) for values in request["registered"])
    with open_source(request) as source:
        report.sublayer, report.fields = source.sublayer, [clean_name(name) for name in source.fields]
        if source.crs:
            report.declared_crs, report.declared_text = label(parse_crs(source.crs)), source.crs
        for rule, note in source.notes:
            report.add("warning", rule, None, note)
        for cell in source.wrong_cells:
            report.add("error", cell.rule, cell.number, cell.message)
        wanted = request["crs"] or source.crs
        operation = find_operation(wanted, request["working_crs"], registered) if wanted else None
        if operation is not None:
            report.source_crs = operation.source
            report.operation, report.operation_accuracy_m = operation.name, operation.accuracy_m
            if request["crs"] and report.declared_crs not in (None, operation.source):
                message = Sentence(
                    "the file says {declared}; it was read as {source}, as the uploader asked",
                    declared=report.declared_crs,
                    source=operation.source,
                )
                report.add("warning", "crs-declared", None, message)
        with pa.ipc.new_stream(sys.stdout.buffer, SCHEMA) as sink:
            for batch in _features(source, operation, request, report, to_equal_area, plainly):
                sink.write_batch(batch)
                report.output_bytes += batch.nbytes
                if report.output_bytes > MAX_OUTPUT_BYTES:
                    raise InvalidInputError("the layer is larger than 8 GB when unpacked; split it")
        if operation is not None:
            report.place_sample(operation)
        if source.expected is not None and report.row_count != source.expected:
            raise InvalidInputError(
                "the file says that it has {expected:,} rows, only {row_count:,} could be read; it is"
                " damaged, export it again",
                expected=source.expected,
                row_count=report.row_count,
            )
        if source.shapeless is not None and report.null_count and report.null_count > source.shapeless():
            raise InvalidInputError("some shapes of the file cannot be read; it is damaged, export it again")


def _features(
    source: Source,
    operation: Operation | None,
    request: dict[str, Any],
    report: Report,
    to_equal_area: Fitted | None,
    plainly: Plainly | None,
) -> Iterator[pa.RecordBatch]:
    """Batch by batch, the features that are kept; without an operation only a sample is taken."""
    if request["geometry"] != "polygon" or request["buffer_m"] > 0 or operation is None or operation.moves:
        plainly = None
    for batch in source.batches:
        numbers = np.arange(report.row_count + 1, report.row_count + 1 + batch.num_rows)
        report.row_count += batch.num_rows
        if report.row_count > MAX_FEATURES:
            raise InvalidInputError(
                "the layer has more than {max_features:,} features; split it", max_features=MAX_FEATURES
            )
        clean = readable(batch, source.geometry_name, report.add)
        refuse_marked_rows(clean, request["class_fields"])
        plain = (
            plainly(batch.column(source.geometry_name), most_vertices=MAX_FEATURE_VERTICES)
            if plainly
            else None
        )
        if plain is not None:
            _count_plain(plain, batch.num_rows, request, report)
            if not report.error_count or request["leave_out_faulty"]:
                srid = request["working_srid"]
                texts = row_texts(clean, request["source_id_field"])
                yield plain.measured(numbers, *texts, srid=srid, to_equal_area=to_equal_area)
            continue
        values = batch.column(source.geometry_name).to_pylist()
        shapes, curved = shapes_of(values)
        present = np.array([value is not None for value in values])
        report.null_count += int((~present).sum())
        if source.is_drawing and request["geometry"] == "polygon":
            shapes = closed_lines_as_areas(shapes)
        if curved:
            report.add_once(
                "curves", Sentence("arcs became chords, one every {step:g} degrees", step=STEP_DEGREES)
            )
        report.sample.take(shapes)
        if operation is None:
            continue
        shapeless = shapely.is_missing(shapes) & ~present | shapely.is_empty(shapes)
        keep, shapes = _settle(shapes, present, numbers, operation, request, report)
        if report.error_count and not request["leave_out_faulty"]:
            continue  # go on counting errors, write nothing more
        if keep.any():
            yield _batch(clean, numbers, keep, shapes, request, to_equal_area)
        if request["keep_shapeless"] and shapeless.any():
            report.shapeless_count += int(shapeless.sum())
            yield without_shape(
                numbers[shapeless],
                *row_texts(pc.filter(clean, pa.array(shapeless)), request["source_id_field"]),
            )


def _settle(
    shapes: np.ndarray,
    present: np.ndarray,
    numbers: np.ndarray,
    operation: Operation,
    request: dict[str, Any],
    report: Report,
) -> tuple[np.ndarray, np.ndarray]:
    """Which rows are kept, and their shapes: 2D, of the declared kind, finite, in the working CRS, valid."""
    unreadable = present & shapely.is_missing(shapes)
    for number in numbers[unreadable]:
        report.add(
            "error",
            "geometry-readable",
            int(number),
            Sentence("its geometry cannot be read (open ring, surface in space)"),
        )
    empty = ~unreadable & (shapely.is_missing(shapes) | shapely.is_empty(shapes))
    for number in numbers[empty & ~np.bool_(request["keep_shapeless"])]:
        report.add(
            "warning", "geometry-present", int(number), Sentence("it has no geometry and was left out")
        )
    keep = ~unreadable & ~empty
    shapes, collections = gathered(shapes, request["geometry"])
    if collections:
        report.add_once(
            "collection", Sentence("collections of shapes of one kind became shapes of many parts")
        )
    keep &= _right_kind(shapes, keep, numbers, request, report)
    keep &= _finite(
        shapes, keep, numbers, report, Sentence("a coordinate is not a finite number (NaN or infinite)")
    )
    keep &= _small_enough(shapes, keep, numbers, report)
    shapes = shapes.copy()
    if keep.any() and (shapely.has_z(shapes[keep]).any() or shapely.has_m(shapes[keep]).any()):
        report.add_once(
            "dimension", Sentence("heights and measures (Z, M) are dropped; the blueprint is two-dimensional")
        )
    shapes[keep] = shapely.force_2d(shapes[keep])
    shapes[keep] = operation.apply(shapes[keep])
    keep &= _finite(
        shapes,
        keep,
        numbers,
        report,
        Sentence("it lies where {crs} cannot be transformed from", crs=report.source_crs),
    )
    if keep.any():
        _locate(shapely.bounds(shapes[keep]), lambda rows: shapes[keep][rows], request, report)
    keep &= _mend(shapes, keep, numbers, request, report)
    _count(int(keep.sum()), int(shapely.get_num_coordinates(shapes[keep]).sum()), report)
    return keep, shapes


def _right_kind(
    shapes: np.ndarray, keep: np.ndarray, numbers: np.ndarray, request: dict[str, Any], report: Report
) -> np.ndarray:
    types = shapely.get_type_id(shapes)
    right = np.isin(types, TYPES[request["geometry"]])
    for number, type_id in zip(numbers[keep & ~right], types[keep & ~right], strict=True):
        kind = KIND_NAMES.get(int(type_id), "other geometry")
        if request["split"]:
            report.left_out[kind] = report.left_out.get(kind, 0) + 1
            report.add(
                "warning",
                "geometry-kind",
                int(number),
                Sentence("it is a {kind} and was left out", kind=kind_word(kind)),
            )
            continue
        message = Sentence(
            "it is a {kind}, the layer takes a {wanted}",
            kind=kind_word(kind),
            wanted=kind_word(request["geometry"]),
        )
        report.add("error", "geometry-kind", int(number), message)
    return right


def _finite(
    shapes: np.ndarray, keep: np.ndarray, numbers: np.ndarray, report: Report, message: Sentence
) -> np.ndarray:
    good = np.ones(len(shapes), dtype=bool)
    rows = np.nonzero(keep)[0]
    points, index = shapely.get_coordinates(shapes[rows], return_index=True)
    bad = np.unique(index[~np.isfinite(points).all(axis=1)])
    for row in rows[bad]:
        report.add("error", "coordinates-finite", int(numbers[row]), message)
        good[row] = False
    return good


def _small_enough(shapes: np.ndarray, keep: np.ndarray, numbers: np.ndarray, report: Report) -> np.ndarray:
    counts = np.where(keep, shapely.get_num_coordinates(shapes), 0)
    for row in np.nonzero(counts > MAX_FEATURE_VERTICES)[0]:
        message = Sentence(
            "it has {count:,} vertices, a feature may have {most:,}; split it",
            count=int(counts[row]),
            most=MAX_FEATURE_VERTICES,
        )
        report.add("error", "vertex-count", int(numbers[row]), message)
    return np.asarray(counts <= MAX_FEATURE_VERTICES)


def _count_plain(plain: Plain, count: int, request: dict[str, Any], report: Report) -> None:
    report.sample.take_points(count, plain.points)
    _locate(plain.bounds, plain.shapes, request, report)
    _count(count, plain.vertex_count, report)


def _count(features: int, vertices: int, report: Report) -> None:
    report.feature_count += features
    report.vertex_count += vertices
    if report.vertex_count > MAX_LAYER_VERTICES:
        raise InvalidInputError(
            "the layer has more than {max_layer_vertices:,} vertices; split it",
            max_layer_vertices=MAX_LAYER_VERTICES,
        )


def _locate(
    bounds: np.ndarray,
    shapes_of_rows: Callable[[np.ndarray], np.ndarray],
    request: dict[str, Any],
    report: Report,
) -> None:
    """Count the features that lie in the city's surroundings; a shape is asked for where its box does not tell."""
    west, south, east, north = request["surroundings"]
    low, high = bounds[:, :2], bounds[:, 2:]
    extent = [*low.min(axis=0).tolist(), *high.max(axis=0).tolist()]
    old = report.extent or extent
    report.extent = [*np.minimum(extent[:2], old[:2]).tolist(), *np.maximum(extent[2:], old[2:]).tolist()]
    is_within = ((low >= (west, south)) & (high <= (east, north))).all(axis=1)
    is_near = ((low <= (east, north)) & (high >= (west, south))).all(axis=1)
    doubtful = shapes_of_rows(np.nonzero(is_near & ~is_within)[0])
    around = shapely.box(west, south, east, north)
    report.inside_count += int(is_within.sum()) + int(shapely.intersects(doubtful, around).sum())


def _mend(
    shapes: np.ndarray, keep: np.ndarray, numbers: np.ndarray, request: dict[str, Any], report: Report
) -> np.ndarray:
    """Mend invalid shapes in place; one that changes by more than the tolerance, or can be read in two ways, is refused."""
    good = np.ones(len(shapes), dtype=bool)
    for row in np.nonzero(keep & ~_are_valid(shapes))[0]:
        number, original = int(numbers[row]), shapes[row]
        mending = mend(original, tolerance_m2=request["tolerance_m2"])
        place = place_of(mending.reason)
        right_kind = shapely.get_type_id(mending.shape) in TYPES[request["geometry"]]
        if mending.readings and request["geometry"] == "polygon":
            areas = [f"{reading.area:.2f} m²" for reading in mending.readings]
            message = Sentence(
                "its outline crosses itself and can be read in {count} ways ({areas}); draw it as it is meant",
                count=len(areas),
                areas=areas,
            )
            report.add("error", "geometry-ambiguous", number, message, place, shapes=mending.readings)
            good[row] = False
        elif not request["mend"]:
            message = Sentence(
                "it is invalid, and nothing is to be mended; correct it: {reason}",
                reason=reason_said(mending.reason),
            )
            report.add("error", "geometry-valid", number, message, place, shapes=[original])
            good[row] = False
        elif not right_kind or mending.shape.is_empty or mending.changed_m2 > request["tolerance_m2"]:
            message = Sentence(
                "it is invalid and mending would change {changed_m2:.2f} m²; correct it: {reason}",
                changed_m2=float(mending.changed_m2),
                reason=reason_said(mending.reason),
            )
            report.add("error", "geometry-valid", number, message, place, shapes=[original])
            good[row] = False
        else:
            message = Sentence(
                "mended ({changed_m2:.4f} m² changed, moved by up to {moved_m:.3f} m): {reason}",
                changed_m2=float(mending.changed_m2),
                moved_m=float(mending.moved_m),
                reason=reason_said(mending.reason),
            )
            report.add("warning", "geometry-mended", number, message, place)
            report.keep_receipt(number, original, mending)
            shapes[row] = mending.shape
    return good


def _are_valid(shapes: np.ndarray) -> np.ndarray:
    """Whether each is valid: a third of what reading takes, so done by all threads at once."""
    with ThreadPoolExecutor(_THREADS) as threads:
        return np.concatenate(list(threads.map(shapely.is_valid, np.array_split(shapes, _THREADS))))


def _batch(
    batch: pa.RecordBatch,
    numbers: np.ndarray,
    keep: np.ndarray,
    shapes: np.ndarray,
    request: dict[str, Any],
    to_equal_area: Fitted | None,
) -> pa.RecordBatch:
    batch = pc.filter(batch, pa.array(keep))
    kept = shapely.set_srid(shapes[keep], request["working_srid"])
    zones = None
    if request["buffer_m"] > 0:
        rule = read_buffer_rule(request["buffer_by"], request["buffer_m"], "")
        reaches = [rule.zone(request["buffer_m"], row).reach_m for row in batch.to_pylist()]
        zones = shapely.set_srid(grown(kept, reaches), request["working_srid"])
    return measured(
        numbers[keep],
        *row_texts(batch, request["source_id_field"]),
        kept,
        zones,
        to_equal_area=to_equal_area,
    )


def first_line(error: Exception, path: str) -> str:
    """What a library complains of, without the place of our scratch copy."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].partition("; It might help")[0].replace(path, "the file")[:300]
