"""The features of a batch with how large, how long, how many they are: measured once and for all, as they are stored."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import shapely
from pyproj import Transformer

from blueprint.fitted import Fitted

AREA_TOLERANCE_M = 3e-8
"""How far a fitted equal-area projection may be from PROJ, whose own last digit at the rim of a city is about that."""

BOUNDS = ("west", "south", "east", "north")
"""Columns that are not stored, as every shape has them."""

SCHEMA = pa.schema(
    [
        ("feature_id", pa.int64()),
        ("source_id", pa.string()),
        ("attributes", pa.string()),
        ("plane_m2", pa.float64()),
        ("ellipsoid_m2", pa.float64()),
        ("length_m", pa.float64()),
        ("point_count", pa.int32()),
        ("zone_plane_m2", pa.float64()),
        ("zone_ellipsoid_m2", pa.float64()),
        ("west", pa.float64()),
        ("south", pa.float64()),
        ("east", pa.float64()),
        ("north", pa.float64()),
        ("geom", pa.large_binary()),
        ("zone", pa.large_binary()),
    ]
)
"""Areas in m², lengths and bounds in metres of the working CRS, shapes as EWKB; what a shape has not is null."""


def equal_area(working_crs: str, projection: str, fitted: type[Fitted] = Fitted) -> Fitted:
    """The projection in which a plane area is the area on the ellipsoid, over whatever ground the features have."""
    return fitted(Transformer.from_crs(working_crs, projection, always_xy=True), tolerance_m=AREA_TOLERANCE_M)


def without_shape(
    feature_ids: Sequence[int] | np.ndarray, source_ids: Sequence[str | None], attributes: Sequence[str]
) -> pa.RecordBatch:
    """Rows that have no shape, and so nothing that could be measured."""
    count = len(attributes)
    known = {
        "feature_id": pa.array(feature_ids, pa.int64()),
        "source_id": pa.array(source_ids, pa.string()),
        "attributes": pa.array(attributes, pa.string()),
    }
    columns = [known.get(field.name, pa.nulls(count, field.type)) for field in SCHEMA]
    return pa.record_batch(columns, schema=SCHEMA)


def measured(
    feature_ids: Sequence[int] | np.ndarray,
    source_ids: Sequence[str | None],
    attributes: Sequence[str],
    shapes: np.ndarray,
    zones: np.ndarray | None,
    *,
    to_equal_area: Fitted | None,
) -> pa.RecordBatch:
    """Shapes of one dimension, and their zones where they have any, both with their SRID.

    Without a projection nothing is measured on the ellipsoid.
    """
    count = len(shapes)
    dimension = int(shapely.get_dimensions(shapes[:1])[0]) if count else 2
    nothing = pa.nulls(count, pa.float64())
    west, south, east, north = shapely.bounds(shapes).T
    contents = list(shapely.to_wkb(shapes, include_srid=True))
    columns = {
        "feature_id": pa.array(feature_ids, pa.int64()),
        "source_id": pa.array(source_ids, pa.string()),
        "attributes": pa.array(attributes, pa.string()),
        "plane_m2": pa.array(shapely.area(shapes)) if dimension == 2 else nothing,
        "ellipsoid_m2": pa.array(to_equal_area.areas(shapes, contents))
        if dimension == 2 and to_equal_area is not None
        else nothing,
        "length_m": pa.array(shapely.length(shapes)) if dimension == 1 else nothing,
        "point_count": pa.array(shapely.get_num_geometries(shapes), pa.int32())
        if dimension == 0
        else pa.nulls(count, pa.int32()),
        "zone_plane_m2": nothing if zones is None else pa.array(shapely.area(zones)),
        "zone_ellipsoid_m2": nothing
        if zones is None or to_equal_area is None
        else pa.array(to_equal_area.areas(zones)),
        "west": pa.array(west),
        "south": pa.array(south),
        "east": pa.array(east),
        "north": pa.array(north),
        "geom": pa.array(contents, pa.large_binary()),
        "zone": pa.nulls(count, pa.large_binary())
        if zones is None
        else pa.array(list(shapely.to_wkb(zones, include_srid=True)), pa.large_binary()),
    }
    return pa.record_batch([columns[name] for name in SCHEMA.names], schema=SCHEMA)
