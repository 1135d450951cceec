"""The extent in which a layer claims to know (覆盖范围): inside it silence means clear, outside it means not known."""

import json
from pathlib import Path

import shapely

from blueprint.city import City, polygonal
from blueprint.errors import InvalidInputError
from blueprint.footprint import footprint_from_geojson
from blueprint.jurisdiction import district_outlines


def read_coverage(
    polygon: str | None, districts: str | None, *, city: City, scratch: Path
) -> shapely.MultiPolygon | None:
    """A coverage from GeoJSON text (longitude first), from district codes with commas between, or from both.

    None when nothing is said: the layer then knows all of the city. Working CRS, metres.
    """
    shapes = []
    if polygon is not None:
        try:
            document = json.loads(polygon)
        except (ValueError, RecursionError) as error:
            raise InvalidInputError(
                "the coverage is no GeoJSON: {error}; send a Polygon as text", error=error, place="coverage"
            ) from error
        if not isinstance(document, dict):
            raise InvalidInputError("the coverage is no GeoJSON; send a Polygon as text", place="coverage")
        shapes.append(footprint_from_geojson(document, city=city, scratch=scratch).geometry)
    if districts is not None:
        shapes.append(coverage_of_districts(districts, city=city))
    return polygonal(shapely.union_all(shapes)) if shapes else None


def coverage_of_districts(districts: str, *, city: City) -> shapely.MultiPolygon:
    """The outlines of the districts with these codes; InvalidInputError for one whose outline is not known."""
    outlines = district_outlines(city)
    codes = [code.strip() for code in districts.split(",") if code.strip()]
    unknown = [code for code in codes if code not in outlines]
    if unknown or not codes:
        raise InvalidInputError(
            "no outline of district {unknown!r} in the city's boundary file (XZQDM; it has {known}); give"
            " the coverage as a polygon",
            unknown=unknown[0][:40] if unknown else "",
            known=sorted(outlines),
            place="districts",
        )
    return polygonal(shapely.union_all([outlines[code] for code in codes]))
