"""Inside the cell: read one geodata file, settle CRS, dimension, type and validity, and stream features out.

Standard output carries an Arrow stream of features in the working CRS; the descriptor named in the request carries
one JSON report when the stream has ended. Batches are small, so memory does not grow with the file.
"""

import json
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from blueprint.crs import Operation, best_operation, label, parse_crs
from blueprint.errors import InvalidInputError
from blueprint.layers.confinement import drop_rights
from blueprint.layers.mending import Mending, mend
from blueprint.layers.overlapping import MAX_VERTICES, may_overlap_each_other

BATCH_FEATURES = 1000
MAX_FEATURE_VERTICES = 500_000
MAX_LAYER_VERTICES = 100_000_000
MAX_ISSUES = 200
MAX_MENDED = 10_000
MAX_MENDED_VERTICES = 500_000
BUFFER_QUADRANT_SEGMENTS = 16
"""A buffer's quarter circle in 16 chords: at 50 m the zone is at most 6 cm short of the true circle."""

SCHEMA = pa.schema(
    [
        ("feature_id", pa.int64()),
        ("source_id", pa.string()),
        ("attributes", pa.string()),
        ("geom", pa.binary()),
        ("zone", pa.binary()),
    ]
)

_TYPES = {"polygon": (3, 6), "line": (1, 2, 5), "point": (0, 4)}
_NAMES = {
    0: "point",
    1: "line",
    2: "line",
    3: "polygon",
    4: "point",
    5: "line",
    6: "polygon",
    7: "collection",
}
_WARM_UP = (
    '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},'
    '"geometry":{"type":"Point","coordinates":[0,0]}}]}'
)


@dataclass
class Report:
    """What the reading found; `issues` name feature and place, errors stop the upload, warnings are shown."""

    source_crs: str = ""
    operation: str = ""
    operation_accuracy_m: float | None = None
    sublayer: str = ""
    feature_count: int = 0
    vertex_count: int = 0
    inside_count: int = 0
    mended_count: int = 0
    mended_m2: float = 0.0
    error_count: int = 0
    swap_would_fit: bool = False
    has_overlaps: bool = True
    extent: list[float] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    mendings: list[dict[str, Any]] = field(default_factory=list)
    mended_vertices: int = 0
    refusal: str | None = None

    def add(
        self,
        severity: str,
        rule: str,
        number: int | None,
        message: str,
        place: str | None = None,
        *,
        shapes: Iterable[shapely.Geometry] = (),
    ) -> None:
        """Note an issue, `shapes` (working CRS) drawn with it; the list is bounded, the counts are not."""
        self.error_count += severity == "error"
        if len(self.issues) < MAX_ISSUES:
            self.issues.append(
                {
                    "severity": severity,
                    "rule": rule,
                    "feature": number,
                    "message": message,
                    "place": place,
                    "shapes": [shapely.to_wkb(shape, hex=True) for shape in shapes if self._has_room(shape)],
                }
            )

    def keep_receipt(self, number: int, original: shapely.Geometry, mending: Mending) -> None:
        """Note what mending did to a feature, with the shape as it was."""
        self.mended_count += 1
        self.mended_m2 += mending.changed_m2
        if self.mended_count > MAX_MENDED or not self._has_room(original):
            raise InvalidInputError(
                f"more than {MAX_MENDED:,} features, or {MAX_MENDED_VERTICES:,} vertices, need mending; mend the layer first"
            )
        self.mendings.append(
            {
                "feature": number,
                "reason": mending.reason,
                "before_m2": mending.before_m2,
                "after_m2": mending.after_m2,
                "moved_m": mending.moved_m,
                "original": shapely.to_wkb(original, hex=True),
            }
        )

    def _has_room(self, shape: shapely.Geometry) -> bool:
        """Shapes in the report are bounded together, as the report is read whole."""
        self.mended_vertices += int(shapely.get_num_coordinates(shape))
        return self.mended_vertices <= MAX_MENDED_VERTICES


def main(request: dict[str, Any]) -> None:
    """Read the file of the request; a refusal is said in the report, never by a traceback."""
    report = Report()
    try:
        _open_databases(request)
        drop_rights(request["uid"], request["gid"])
        _read(request, report)
    except InvalidInputError as error:
        report.refusal = error.message
    except (DataSourceError, DataLayerError, pa.ArrowInvalid, UnicodeDecodeError) as error:
        report.refusal = f"the file cannot be read: {_first_line(error)}"
    except MemoryError:
        report.refusal = "the file needs more memory than an upload may use; split it into smaller files"
    sys.stdout.buffer.flush()
    sys.stdout.buffer.close()
    with os.fdopen(request["report_fd"], "w") as stream:
        json.dump(report.__dict__, stream)


def _open_databases(request: dict[str, Any]) -> None:
    """Make GDAL and PROJ open what they need while this process may still read the program's folders."""
    pyogrio.raw.read(_WARM_UP.encode())
    best_operation(request["crs"] or "EPSG:4326", request["working_crs"])


def _read(request: dict[str, Any], report: Report) -> None:
    path = request["path"]
    if path.endswith(".gpkg"):
        _refuse_views(path)
    sublayer = _sublayer(path, request["sublayer"], request["layer_hint"])
    report.sublayer = sublayer
    options = {"encoding": request["encoding"]} if request["encoding"] else {}
    with pyogrio.raw.open_arrow(
        path, layer=sublayer, batch_size=BATCH_FEATURES, use_pyarrow=True, **options
    ) as (
        meta,
        reader,
    ):
        source = request["crs"] or meta["crs"]
        if not source:
            raise InvalidInputError("the file does not say its coordinate system; give it with --crs EPSG:n")
        operation = best_operation(source, request["working_crs"])
        report.source_crs = label(parse_crs(source))
        report.operation, report.operation_accuracy_m = operation.name, operation.accuracy_m
        geometry_name = meta["geometry_name"] or "wkb_geometry"
        report.fields = [name for name in meta["fields"] if name != geometry_name]
        areas: list[np.ndarray] = []
        with pa.ipc.new_stream(sys.stdout.buffer, SCHEMA) as sink:
            for batch, shapes in _features(reader, geometry_name, operation, request, report):
                sink.write_batch(batch)
                if _is_worth_judging(request, report):
                    areas.append(shapes)
                else:
                    areas.clear()
    if areas:
        report.has_overlaps = may_overlap_each_other(np.concatenate(areas))


def _is_worth_judging(request: dict[str, Any], report: Report) -> bool:
    """Areas as they are may be a coverage; zones around features overlap as a rule."""
    return bool(
        request["geometry"] == "polygon"
        and request["buffer_m"] == 0
        and report.vertex_count <= MAX_VERTICES
        and not report.error_count
    )


def _refuse_views(path: str) -> None:
    """A view or trigger in a GeoPackage is a program; only the triggers that the standard itself makes are taken."""
    try:
        with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as connection:
            rows = connection.execute(
                "SELECT type, name FROM sqlite_master WHERE type IN ('view', 'trigger')"
            ).fetchall()
            tables = {row[0] for row in connection.execute("SELECT table_name FROM gpkg_contents")}
    except sqlite3.DatabaseError as error:
        raise InvalidInputError(f"the GeoPackage cannot be read: {error}; export it again") from error
    views = [name for kind, name in rows if kind == "view" and name in tables]
    if views:
        raise InvalidInputError(
            f"the GeoPackage's layer {views[0]!r} is a view; save it as a table and upload again"
        )


def _sublayer(path: str, wanted: str | None, hint: str | None) -> str:
    names = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    if not names:
        raise InvalidInputError("the file holds no layer with geometry; check that it is the right one")
    if wanted is not None:
        if wanted not in names:
            raise InvalidInputError(f"the file has no sublayer {wanted!r}; it has: {', '.join(names[:20])}")
        return wanted
    if len(names) > 1 and hint not in names:
        raise InvalidInputError(
            f"the file holds several layers; name one with --sublayer: {', '.join(names[:20])}"
        )
    return hint if hint in names and hint is not None else names[0]


def _features(
    reader: Any, geometry_name: str, operation: Operation, request: dict[str, Any], report: Report
) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
    """Batch by batch, the features that are kept, and their shapes."""
    first = 1
    for batch in reader:
        numbers = np.arange(first, first + batch.num_rows)
        first += batch.num_rows
        shapes = shapely.from_wkb(batch.column(geometry_name).to_pylist(), on_invalid="ignore")
        present = np.array([value is not None for value in batch.column(geometry_name).to_pylist()])
        keep, shapes = _settle(np.asarray(shapes), present, numbers, operation, request, report)
        if report.error_count or not keep.any():
            continue  # go on counting errors, write nothing more
        yield _batch(batch, geometry_name, numbers, keep, shapes, request), shapes[keep]


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
            "error", "geometry-readable", int(number), "its geometry cannot be read (open ring or curve)"
        )
    empty = ~unreadable & (shapely.is_missing(shapes) | shapely.is_empty(shapes))
    for number in numbers[empty]:
        report.add("warning", "geometry-present", int(number), "it has no geometry and was left out")
    keep = ~unreadable & ~empty
    keep &= _right_kind(shapes, keep, numbers, request["geometry"], report)
    keep &= _finite(shapes, keep, numbers, report, "a coordinate is not a finite number (NaN or infinite)")
    keep &= _small_enough(shapes, keep, numbers, report)
    shapes = shapes.copy()
    if (
        keep.any()
        and shapely.has_z(shapes[keep]).any()
        and not any(i["rule"] == "dimension" for i in report.issues)
    ):
        report.add("warning", "dimension", None, "heights (Z) are dropped; the blueprint is two-dimensional")
    shapes[keep] = shapely.force_2d(shapes[keep])
    before = shapes[keep][:1]
    shapes[keep] = operation.apply(shapes[keep])
    keep &= _finite(
        shapes, keep, numbers, report, f"it lies where {report.source_crs} cannot be transformed from"
    )
    _locate(shapes[keep], before, operation, request, report)
    keep &= _mend(shapes, keep, numbers, request, report)
    report.feature_count += int(keep.sum())
    report.vertex_count += int(shapely.get_num_coordinates(shapes[keep]).sum())
    if report.vertex_count > MAX_LAYER_VERTICES:
        raise InvalidInputError(f"the layer has more than {MAX_LAYER_VERTICES:,} vertices; split it")
    return keep, shapes


def _right_kind(
    shapes: np.ndarray, keep: np.ndarray, numbers: np.ndarray, geometry: str, report: Report
) -> np.ndarray:
    types = shapely.get_type_id(shapes)
    right = np.isin(types, _TYPES[geometry])
    for number, type_id in zip(numbers[keep & ~right], types[keep & ~right], strict=True):
        kind = _NAMES.get(int(type_id), "other geometry")
        report.add("error", "geometry-kind", int(number), f"it is a {kind}, the layer takes a {geometry}")
    return right


def _finite(
    shapes: np.ndarray, keep: np.ndarray, numbers: np.ndarray, report: Report, message: str
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
        message = f"it has {counts[row]:,} vertices, a feature may have {MAX_FEATURE_VERTICES:,}; split it"
        report.add("error", "vertex-count", int(numbers[row]), message)
    return np.asarray(counts <= MAX_FEATURE_VERTICES)


def _locate(
    shapes: np.ndarray, before: np.ndarray, operation: Operation, request: dict[str, Any], report: Report
) -> None:
    """Count the features that lie in the city's surroundings; when none does, try whether swapped axes would."""
    around = shapely.box(*request["surroundings"])
    if len(shapes):
        bounds = shapely.total_bounds(shapes)
        old = report.extent or list(bounds)
        report.extent = [*np.minimum(bounds[:2], old[:2]).tolist(), *np.maximum(bounds[2:], old[2:]).tolist()]
        report.inside_count += int(shapely.intersects(shapes, around).sum())
    if len(before) and not report.inside_count and not report.swap_would_fit:
        swapped = operation.apply(shapely.transform(before, lambda points: points[:, ::-1]))
        report.swap_would_fit = bool(shapely.intersects(swapped, around)[0])


def _mend(
    shapes: np.ndarray, keep: np.ndarray, numbers: np.ndarray, request: dict[str, Any], report: Report
) -> np.ndarray:
    """Mend invalid shapes in place; one that changes by more than the tolerance, or can be read in two ways, is refused."""
    good = np.ones(len(shapes), dtype=bool)
    for row in np.nonzero(keep & ~shapely.is_valid(shapes))[0]:
        number, original = int(numbers[row]), shapes[row]
        mending = mend(original, tolerance_m2=request["tolerance_m2"])
        place = _place(mending.reason)
        right_kind = shapely.get_type_id(mending.shape) in _TYPES[request["geometry"]]
        if mending.readings and request["geometry"] == "polygon":
            areas = " or ".join(f"{reading.area:.2f} m²" for reading in mending.readings)
            message = f"its outline crosses itself and can be read in {len(mending.readings)} ways ({areas}); draw it as it is meant"
            report.add("error", "geometry-ambiguous", number, message, place, shapes=mending.readings)
            good[row] = False
        elif not right_kind or mending.shape.is_empty or mending.changed_m2 > request["tolerance_m2"]:
            message = f"it is invalid and mending would change {mending.changed_m2:.2f} m²; correct it: {mending.reason}"
            report.add("error", "geometry-valid", number, message, place, shapes=[original])
            good[row] = False
        else:
            message = f"mended ({mending.changed_m2:.4f} m² changed, moved by up to {mending.moved_m:.3f} m): {mending.reason}"
            report.add("warning", "geometry-mended", number, message, place)
            report.keep_receipt(number, original, mending)
            shapes[row] = mending.shape
    return good


def _place(reason: str) -> str | None:
    return reason[reason.index("[") + 1 : -1] if "[" in reason else None


def _batch(
    batch: pa.RecordBatch,
    geometry_name: str,
    numbers: np.ndarray,
    keep: np.ndarray,
    shapes: np.ndarray,
    request: dict[str, Any],
) -> pa.RecordBatch:
    rows = pc.filter(batch.drop_columns([geometry_name]), pa.array(keep)).to_pylist()
    kept = shapely.set_srid(shapes[keep], request["working_srid"])
    zones: list[bytes | None] = [None] * len(rows)
    if request["buffer_m"] > 0:
        grown = shapely.buffer(kept, request["buffer_m"], quad_segs=BUFFER_QUADRANT_SEGMENTS)
        zones = list(shapely.to_wkb(shapely.set_srid(grown, request["working_srid"]), include_srid=True))
    id_field = request["source_id_field"]
    return pa.record_batch(
        [
            pa.array(numbers[keep], pa.int64()),
            pa.array([_source_id(row.get(id_field)) for row in rows], pa.string()),
            pa.array([_json(row) for row in rows], pa.string()),
            pa.array(list(shapely.to_wkb(kept, include_srid=True)), pa.binary()),
            pa.array(zones, pa.binary()),
        ],
        schema=SCHEMA,
    )


def _source_id(value: Any) -> str | None:
    return None if value is None else str(value).replace("\x00", "")[:200]


def _json(row: dict[str, Any]) -> str:
    """A row's attributes as JSON: days and instants in ISO 8601, what JSON cannot hold as null or text."""
    clean = {name: _plain(value) for name, value in row.items() if name != "OGC_FID"}
    return json.dumps(clean, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, bytes):
        return None
    if isinstance(value, list | dict):
        return json.loads(json.dumps(value, default=str))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
