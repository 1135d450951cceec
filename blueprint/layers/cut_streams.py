"""What the child that cuts features sends: streams of these two kinds, a row of each for a row of its table."""

import pyarrow as pa

PARTS = pa.schema(
    [
        ("feature_id", pa.int64()),
        ("is_zone", pa.bool_()),
        ("plane_m2", pa.float64()),
        ("ellipsoid_m2", pa.float64()),
        ("geom", pa.large_binary()),
    ]
)
"""Rows of `blueprint.part`; areas in m², shapes as EWKB."""

SHEETS = pa.schema(
    [
        ("level", pa.int16()),
        ("extent", pa.large_binary()),
        ("feature_ids", pa.large_binary()),
        ("are_pieces", pa.large_binary()),
        ("labels", pa.large_binary()),
        ("source_ids", pa.large_binary()),
        ("class_codes", pa.large_binary()),
        ("shapes", pa.large_binary()),
    ]
)
"""Rows of `blueprint.tile_sheet`: the extent as WKB, arrays in the binary form that PostgreSQL sends and takes."""
