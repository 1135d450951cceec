"""The city's outline: what lies outside it is refused, never called free of conflict."""

import json
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from pyproj import CRS
from shapely.geometry import shape

from blueprint.city import City, polygonal
from blueprint.crs import CRS84, best_operation
from blueprint.errors import InvalidInputError

SURROUNDINGS_M = 20_000.0
"""Plan data may reach this far over the city's bounds: neighbours' lines, whole rivers, national schemes."""


@dataclass(frozen=True)
class Jurisdiction:
    """The outline in the working CRS (metres), None where the profile names no boundary file, and its bounds.

    `lines` are the boundaries of all areas of that file: of the city, or of its districts too.
    """

    outline: shapely.MultiPolygon | None
    bounds: tuple[float, float, float, float]
    lines: shapely.Geometry | None = None

    @property
    def reach(self) -> shapely.Geometry:
        """Where a footprint may lie: the outline, or the whole area of use of the CRS."""
        return self.outline if self.outline is not None else shapely.box(*self.bounds)

    @property
    def middle(self) -> tuple[float, float]:
        """The middle of the bounds, in metres of the working CRS."""
        west, south, east, north = self.bounds
        return (west + east) / 2, (south + north) / 2

    @property
    def surroundings(self) -> tuple[float, float, float, float]:
        """West, south, east, north of where the city's data may lie, in metres of the working CRS."""
        west, south, east, north = self.bounds
        return (west - SURROUNDINGS_M, south - SURROUNDINGS_M, east + SURROUNDINGS_M, north + SURROUNDINGS_M)


@lru_cache(maxsize=8)
def jurisdiction(city: City) -> Jurisdiction:
    """The city's outline from the profile's boundary file (GeoJSON, longitude first); without one, where its CRS holds."""
    if city.boundary_path is None:
        return Jurisdiction(outline=None, bounds=_area_of_use(city))
    try:
        document = json.loads(city.boundary_path.read_text(encoding="utf-8"))
        shapes = np.array([shape(f["geometry"]) for f in document["features"]], dtype=object)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(
            "the city's boundary file {boundary_path} is no GeoJSON of polygons: {error}",
            boundary_path=city.boundary_path,
            error=error,
        ) from error
    areas = best_operation(CRS84, city.working_crs).apply(shapes)
    outline = polygonal(shapely.union_all(areas))
    if outline.is_empty:
        raise InvalidInputError(
            "the city's boundary file {boundary_path} holds no polygon", boundary_path=city.boundary_path
        )
    shapely.prepare(outline)
    west, south, east, north = outline.bounds
    lines = shapely.union_all(shapely.boundary(areas))
    shapely.prepare(lines)
    return Jurisdiction(outline=outline, bounds=(west, south, east, north), lines=lines)


@lru_cache(maxsize=8)
def district_outlines(city: City) -> dict[str, shapely.MultiPolygon]:
    """Outlines by administrative code, from the boundary file's features that name theirs (`XZQDM` or `code`)."""
    if city.boundary_path is None:
        return {}
    jurisdiction(city)  # refuses a file that cannot be read
    document = json.loads(city.boundary_path.read_text(encoding="utf-8"))
    outlines: dict[str, shapely.MultiPolygon] = {}
    for found in document["features"]:
        properties = found.get("properties") or {}
        code = properties.get("XZQDM") or properties.get("code")
        if code is not None:
            placed = best_operation(CRS84, city.working_crs).apply(
                np.array([shape(found["geometry"])], dtype=object)
            )
            outlines[str(code)] = polygonal(shapely.union_all([outlines.get(str(code)), placed[0]]))
    return outlines


def _area_of_use(city: City) -> tuple[float, float, float, float]:
    area = CRS.from_user_input(city.working_crs).area_of_use
    if area is None:
        raise InvalidInputError(
            "{working_crs} has no area of use; name the city's boundary file in its profile",
            working_crs=city.working_crs,
        )
    frame = shapely.segmentize(shapely.box(area.west, area.south, area.east, area.north), 0.1)
    moved = best_operation(CRS84, city.working_crs).apply(np.array([frame], dtype=object))[0]
    west, south, east, north = moved.bounds
    return (west, south, east, north)
