"""A projection of the city's own in which a plane area is the area on the ellipsoid."""

from pyproj import CRS, Transformer

from blueprint.city import City
from blueprint.jurisdiction import jurisdiction

EQUAL_AREA_SRID = 990001
"""Its number in `spatial_ref_sys`, in the range that PostGIS leaves to users (up to 998999)."""


def equal_area_proj4(city: City) -> str:
    """Lambert's azimuthal equal-area projection (Snyder 1987, 182) of the working CRS's ellipsoid, about the city's middle.

    Near its centre a straight line of the working CRS stays straight to within micrometres over 50 m.
    """
    west, south, east, north = jurisdiction(city).bounds
    working = CRS.from_user_input(city.working_crs)
    to_degrees = Transformer.from_crs(working, f"EPSG:{city.geographic_srid}", always_xy=True)
    longitude, latitude = to_degrees.transform((west + east) / 2, (south + north) / 2)
    ellipsoid = working.ellipsoid
    assert ellipsoid is not None  # a CRS with an area of use on the earth has one
    return (
        f"+proj=laea +lat_0={latitude:.6f} +lon_0={longitude:.6f} +a={ellipsoid.semi_major_metre!r}"
        f" +rf={ellipsoid.inverse_flattening!r} +units=m +no_defs"
    )
