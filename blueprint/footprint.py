"""The footprint (用地红线) of a project: any shape in any known CRS becomes a valid MultiPolygon of the working CRS.

Lines and points are taken with a working width (`blueprint.strip`).
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape

from blueprint.city import City, polygonal
from blueprint.crs import CRS84, Operation
from blueprint.errors import InvalidInputError
from blueprint.geojson_crs import named_crs
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.boundary_points import read_boundary_points
from blueprint.layers.confinement import Bounds
from blueprint.layers.reading import ReadingRequest, StagedFile, reading, staged
from blueprint.layers.storing import judge_reading, upload_stream
from blueprint.sentences import Sentence, sentence_from
from blueprint.strip import Strip, grow
from blueprint.transformations import Register, find_operation

MAX_VERTICES = 20_000
MAX_MENDED_M2 = 1.0
"""Mending a footprint may change this much of its area; more, and it is refused."""

MAX_TEXT_BYTES = 5 << 20
_HUGE = 1e300
_LEAST_M2 = 1e-4
"""What is smaller than a square centimetre has no area to take shares of: three corners nanometres apart."""

_ROUNDING = 1e-9
"""The share of a footprint that is the rounding of its coordinates at the city's border."""

_MENDING = Bounds(cpu_seconds=10, memory_bytes=2 << 30)


@dataclass(frozen=True)
class _Given:
    """What is said of a footprint beside its shapes, and for which city."""

    city: City
    crs: str | None
    width_m: float | None
    register: Register
    sublayer: str | None = None
    """The one that is meant, of a dataset with several."""


@dataclass(frozen=True)
class Footprint:
    """A site in the working CRS (metres): valid, normalised; `notes` say what was done to it, `strip` how lines became it.

    `planned_use` is the class code of what is to be built there, `top_m` the elevation of its highest point (拟建最高点高程,
    1985 datum), for rules that go by them.
    """

    geometry: shapely.MultiPolygon
    source_crs: str
    operation: str
    notes: tuple[str, ...] = ()
    strip: Strip | None = None
    planned_use: str | None = None
    top_m: float | None = None


def footprint_from_geojson(
    document: Mapping[str, Any],
    *,
    city: City,
    scratch: Path,
    crs: str | None = None,
    width_m: float | None = None,
    register: Register = tuple,
) -> Footprint:
    """A footprint from GeoJSON: a geometry, a Feature or a FeatureCollection whose shapes make one site.

    Longitude first, WGS 84 (RFC 7946), unless `crs` or the document's own "crs" says otherwise; lines and points need
    `width_m`, their working width.
    Raises InvalidInputError in one sentence.
    """
    shapes = [_geometry(part) for part in _geometries(document)]
    if not shapes:
        raise InvalidInputError("the GeoJSON holds 0 features with geometry; send the site as a Polygon")
    given = _Given(city, crs or named_crs(document) or CRS84, width_m, register)
    return _footprint(np.array(shapes, dtype=object), given, scratch=scratch)


def read_footprint_file(
    path: Path,
    *,
    city: City,
    scratch: Path,
    crs: str | None = None,
    width_m: float | None = None,
    sublayer: str | None = None,
    register: Register = tuple,
) -> Footprint:
    """The footprint of a file; see `read_footprint`."""
    with upload_stream(path) as stream:
        return read_footprint(
            stream,
            path.name,
            city=city,
            scratch=scratch,
            crs=crs,
            width_m=width_m,
            sublayer=sublayer,
            register=register,
        )


def read_footprint(
    stream: IO[bytes],
    name: str,
    *,
    city: City,
    scratch: Path,
    crs: str | None = None,
    width_m: float | None = None,
    sublayer: str | None = None,
    register: Register = tuple,
) -> Footprint:
    """A footprint from a file of this name: a dataset that a layer could be, or a surveyors' boundary-point TXT (勘测定界).

    `sublayer` is the one that is meant, of a dataset with several.
    """
    given = _Given(city, crs, width_m, register, sublayer)
    if name.lower().endswith(".txt"):
        return _from_boundary_points(stream.read(MAX_TEXT_BYTES + 1), given, scratch=scratch)
    document = _plain_geojson(stream)
    if document is not None:
        return footprint_from_geojson(
            document, city=city, scratch=scratch, crs=crs, width_m=width_m, register=register
        )
    with staged(stream, name, scratch=scratch, sublayer=sublayer) as file:
        return _from_dataset(file, given)


def _plain_geojson(stream: IO[bytes]) -> dict[str, Any] | None:
    """A small GeoJSON is read here and now; anything else is for the child process."""
    content = stream.read(MAX_TEXT_BYTES + 1)
    stream.seek(0)
    if len(content) > MAX_TEXT_BYTES or content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] != b"{":
        return None
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and "type" in document else None


def _from_boundary_points(content: bytes, given: _Given, *, scratch: Path) -> Footprint:
    surveyed = read_boundary_points(content)
    source = given.crs or surveyed.crs
    if source is None:
        raise InvalidInputError(
            "the boundary-point file does not say its datum or zone; give the coordinate system, like EPSG:4529 (--crs at the console)"
        )
    shapes = np.array([parcel.geometry for parcel in surveyed.parcels], dtype=object)
    footprint = _footprint(shapes, replace(given, crs=source), scratch=scratch)
    return replace(footprint, notes=(*(warning.both for warning in surveyed.warnings), *footprint.notes))


def _from_dataset(file: StagedFile, given: _Given) -> Footprint:
    """A dataset of areas; with a width one of lines or, where it holds none, of points."""
    if given.width_m is None:
        return _of_kind("polygon", file, given)
    try:
        return _of_kind("line", file, given)
    except InvalidInputError as error:
        if "it is a point" not in error.message:
            raise
        return _of_kind("point", file, given)


def _of_kind(kind: str, file: StagedFile, given: _Given) -> Footprint:
    city = given.city
    request = ReadingRequest(
        geometry=kind,
        working_crs=city.working_crs,
        working_srid=city.working_srid,
        surroundings=jurisdiction(city).surroundings,
        crs=given.crs,
        sublayer=given.sublayer,
        tolerance_m2=MAX_MENDED_M2,
        registered=given.register(),
    )
    with reading(file, request, bounds=_MENDING) as opened:
        shapes = [
            shapely.from_wkb(value) for batch in opened.batches for value in batch.column("geom").to_pylist()
        ]
    report = opened.report
    judge_reading(report, kind="footprint", city=city)
    notes = tuple(
        f"第 {issue['feature']} 个图斑：{sentence_from(issue['said']).chinese} feature {issue['feature']}: {issue['message']}"
        for issue in report["issues"]
        if issue["feature"] is not None
    )
    grown, strip = grow(np.array(shapes, dtype=object), given.width_m)
    return _placed(grown, report["source_crs"], report["operation"], notes, city=city, strip=strip)


def _geometries(document: Mapping[str, Any]) -> list[Any]:
    match document.get("type"):
        case "FeatureCollection":
            features = document.get("features")
            if not isinstance(features, list):
                raise InvalidInputError("the GeoJSON's 'features' must be a list")
            return [f.get("geometry") for f in features if isinstance(f, Mapping) and f.get("geometry")]
        case "Feature":
            return [document["geometry"]] if document.get("geometry") else []
        case _:
            return [document]


def _geometry(document: Any) -> shapely.Geometry:
    if isinstance(document, Mapping) and not _is_finite(document.get("coordinates")):
        raise InvalidInputError(
            "the footprint has a coordinate that is not a finite number (NaN or infinite)"
        )
    try:
        geometry = shape(document)
    except (
        ShapelyError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        IndexError,
        RecursionError,
    ) as error:
        raise InvalidInputError(
            "the footprint is no GeoJSON geometry; send a Polygon or MultiPolygon"
        ) from error
    if geometry.geom_type == "GeometryCollection":
        raise InvalidInputError(
            "the footprint is a GeometryCollection; send a FeatureCollection, a feature for each shape"
        )
    return shapely.force_2d(geometry)


def _is_finite(coordinates: Any) -> bool:
    """Say whether all that nested lists hold are numbers that a double can be; no list at all is for `shape` to refuse."""
    left: list[Any] = [coordinates] if isinstance(coordinates, list | tuple) else []
    while left:
        value = left.pop()
        if isinstance(value, list | tuple):
            left.extend(value)
        elif isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _HUGE:
            return False
    return True


def _footprint(shapes: np.ndarray, given: _Given, *, scratch: Path) -> Footprint:
    """Judge shapes in their own CRS; a sound footprint never needs the child process."""
    city = given.city
    points = shapely.get_coordinates(shapes)
    if not len(points):
        raise InvalidInputError("the footprint is empty; send a polygon with at least three corners")
    if not np.isfinite(points).all():
        raise InvalidInputError(
            "the footprint has a coordinate that is not a finite number (NaN or infinite)"
        )
    if len(points) > MAX_VERTICES:
        raise _too_many(len(points))
    operation = _operation(given)
    moved = operation.apply(shapes)
    swapped = operation.apply(shapely.transform(shapes, lambda xy: xy[:, ::-1]))
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise _outside(city, operation.source, swapped)
    grown, strip = grow(moved, given.width_m)
    if shapely.is_valid(grown).all():
        return _placed(grown, operation.source, operation.name, (), city=city, swapped=swapped, strip=strip)
    if strip is not None:
        raise InvalidInputError(
            "an area of the footprint is invalid; correct it, or send areas and lines apart"
        )
    return _mended(shapes, replace(given, width_m=None), scratch=scratch)


def _operation(given: _Given) -> Operation:
    """The way into the working CRS; the register is asked only for what PROJ does not know."""
    source = given.crs or CRS84
    try:
        return find_operation(source, given.city.working_crs)
    except InvalidInputError:
        registered = given.register()
        if not registered:
            raise
        return find_operation(source, given.city.working_crs, registered)


def _mended(shapes: np.ndarray, given: _Given, *, scratch: Path) -> Footprint:
    """Mend in the child process: mending a hostile shape may take for ever."""
    features = [
        {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(g)} for g in shapes
    ]
    content = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    with staged(io.BytesIO(content), "footprint.geojson", scratch=scratch) as file:
        return _from_dataset(file, given)


def _placed(
    shapes: np.ndarray,
    source_crs: str,
    operation: str,
    notes: tuple[str, ...],
    *,
    city: City,
    swapped: np.ndarray | None = None,
    strip: Strip | None = None,
) -> Footprint:
    """One site out of valid shapes, and where it lies: outside the city is refused, partly outside is said."""
    geometry = shapely.normalize(polygonal(shapely.union_all(shapes) if len(shapes) > 1 else shapes[0]))
    if geometry.is_empty or geometry.area < _LEAST_M2:
        raise InvalidInputError("the footprint has no area; send a polygon with at least three corners")
    if shapely.get_num_coordinates(geometry) > MAX_VERTICES:
        raise _too_many(int(shapely.get_num_coordinates(geometry)))
    place = jurisdiction(city)
    if not shapely.intersects(place.reach, geometry):
        raise _outside(city, source_crs, swapped)
    if place.outline is not None and not shapely.covers(place.outline, geometry):
        outside_m2 = shapely.difference(geometry, place.outline).area
        if geometry.area - outside_m2 <= geometry.area * _ROUNDING:  # it but touches the border
            raise _outside(city, source_crs, swapped)
        notes = (
            *notes,
            f"用地有 {outside_m2:.2f} m² 位于市域之外 {outside_m2:.2f} m² of the footprint lie outside the city",
        )
    if strip is not None:
        notes = (strip.note, *notes)
    return Footprint(geometry, source_crs, operation, notes, strip)


def placed_site(
    shape: shapely.Geometry,
    *,
    city: City,
    strip: Strip | None = None,
    source_crs: str = "",
    operation: str = "",
) -> Footprint:
    """A site in the working CRS that was read before, as a report or a batch has it: held to the bounds of every footprint."""
    if (count := int(shapely.get_num_coordinates(shape))) > MAX_VERTICES:
        raise _too_many(count)
    if not shapely.is_valid(shape):
        raise InvalidInputError("the site is no valid shape; it was changed")
    placed = _placed(np.array([shapely.force_2d(shape)]), source_crs, operation, (), city=city)
    return replace(placed, strip=strip)


def _outside(city: City, source_crs: str, swapped: np.ndarray | None) -> InvalidInputError:
    hint = Sentence("check its coordinates")
    if source_crs:
        hint = Sentence(
            "check that its coordinates really are {crs}, or say what they are, as EPSG:4550, by `crs`",
            crs=source_crs,
        )
    is_known = swapped is not None and bool(np.isfinite(shapely.get_coordinates(swapped)).all())
    if is_known and bool(shapely.intersects(jurisdiction(city).reach, swapped).any()):
        hint = Sentence("latitude and longitude (x and y) seem to be swapped")
    return InvalidInputError("the footprint lies outside the city; {hint}", hint=hint)


def _too_many(count: int) -> InvalidInputError:
    return InvalidInputError(
        "the footprint has {count:,} vertices, at most {max_vertices:,} are taken; simplify it",
        count=count,
        max_vertices=MAX_VERTICES,
    )
