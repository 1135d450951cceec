"""Marks on the map that belong to words: what a department objects to, where a condition holds (意见图示)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from geoalchemy2.shape import from_shape, to_shape
from shapely.geometry.base import BaseGeometry

from blueprint.city import City
from blueprint.city_router import to_lonlat
from blueprint.crs import CRS84, best_operation
from blueprint.errors import InvalidInputError
from blueprint.jurisdiction import jurisdiction

_KINDS = {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"}
MAX_VERTICES = 10_000


def read_mark(document: Mapping[str, Any], city: City, *, place: str) -> BaseGeometry:
    """A GeoJSON geometry in longitude and latitude as a shape in the working CRS; InvalidInputError says what is wrong."""
    if str(document.get("type")) not in _KINDS:
        raise InvalidInputError(
            "a mark is a GeoJSON geometry: {kinds}; this is {kind!r}",
            kinds=sorted(_KINDS),
            kind=str(document.get("type"))[:40],
            place=place,
        )
    try:
        shape = shapely.geometry.shape(dict(document))
        coordinates = shapely.get_coordinates(shape)
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        RecursionError,
        shapely.errors.ShapelyError,
    ) as error:
        raise InvalidInputError("the mark's coordinates cannot be read", place=place) from error
    if not 1 <= len(coordinates) <= MAX_VERTICES or not np.isfinite(coordinates).all():
        raise InvalidInputError(
            "a mark has from 1 to {max_vertices:,} vertices, all of them numbers",
            max_vertices=MAX_VERTICES,
            place=place,
        )
    shape = shapely.force_2d(shape)
    if not shape.is_valid:
        raise InvalidInputError(
            "the mark is not valid: {shapely}", shapely=shapely.is_valid_reason(shape), place=place
        )
    moved = best_operation(CRS84, city.working_crs).apply(np.array([shape], dtype=object))[0]
    bounds = shapely.box(*jurisdiction(city).bounds)
    if not np.isfinite(shapely.get_coordinates(moved)).all() or not bounds.intersects(moved):
        raise InvalidInputError(
            "the mark lies outside the city; give longitude before latitude, in degrees",
            place=place,
        )
    marked: BaseGeometry = shapely.set_srid(moved, city.working_srid)
    return marked


def kept(shape: BaseGeometry | None) -> Any:
    """A mark as its column takes it."""
    return None if shape is None else from_shape(shape, srid=int(shapely.get_srid(shape)))


def shown(column: Any, city: City) -> dict[str, Any] | None:
    """A kept mark as GeoJSON in longitude and latitude."""
    return None if column is None else as_geojson(to_shape(column), city)


def as_geojson(shape: BaseGeometry, city: City) -> dict[str, Any]:
    """A shape in the working CRS as GeoJSON in longitude and latitude."""
    document: dict[str, Any] = shapely.geometry.mapping(to_lonlat(shape, city))
    return document
