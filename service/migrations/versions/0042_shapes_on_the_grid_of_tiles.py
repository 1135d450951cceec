"""Shapes of tiles lie in the units of their level's tiles, those of the generalised levels on its grid: a tile of that zoom only moves them.

Revision ID: 0042
Revises: 0038
"""

from alembic import op

revision = "0042"
down_revision = "0038"
branch_labels = None
depends_on = None


_TO_GRID = """
ALTER TABLE blueprint.tile_sheet
    ALTER COLUMN extent TYPE geometry USING ST_SetSRID(extent, 0),
    ALTER COLUMN geoms TYPE geometry[] USING CAST(geoms AS geometry[]);

UPDATE blueprint.tile_sheet SET (extent, geoms) = (
    SELECT CAST(ST_Extent(laid.geom) AS geometry), array_agg(laid.geom ORDER BY laid.place)
    FROM (
        SELECT shape.place,
            CASE
                WHEN shape.is_piece OR level = 24 THEN shape.geom
                WHEN NOT ST_IsEmpty(ST_SnapToGrid(shape.geom, 1)) THEN ST_SnapToGrid(shape.geom, 1)
                WHEN ST_Dimension(shape.geom) = 2 THEN ST_SnapToGrid(ST_Buffer(shape.geom, 1, 'join=mitre'), 1)
                ELSE ST_SnapToGrid(
                    ST_MakeLine(ST_Centroid(shape.geom), ST_Translate(ST_Centroid(shape.geom), 1, 0)), 1
                )
            END AS geom
        FROM (
            SELECT stored.place, stored.is_piece,
                ST_Affine(ST_SetSRID(stored.geom, 0), grid.units_a_metre, 0, 0, grid.units_a_metre, 0, 0) AS geom
            FROM unnest(geoms, are_pieces) WITH ORDINALITY AS stored (geom, is_piece, place)
            CROSS JOIN (SELECT power(2, level) * 4096 / 40075016.6855785 AS units_a_metre) AS grid
        ) AS shape
    ) AS laid
);
"""

_TO_METRES = """
ALTER TABLE blueprint.tile_sheet
    ALTER COLUMN extent TYPE geometry USING extent,
    ALTER COLUMN geoms TYPE geometry[] USING geoms;

UPDATE blueprint.tile_sheet SET (extent, geoms) = (
    SELECT ST_SetSRID(CAST(ST_Extent(laid.geom) AS geometry), 3857), array_agg(laid.geom ORDER BY laid.place)
    FROM (
        SELECT stored.place,
            ST_SetSRID(ST_Affine(stored.geom, grid.metres, 0, 0, grid.metres, 0, 0), 3857) AS geom
        FROM unnest(geoms) WITH ORDINALITY AS stored (geom, place)
        CROSS JOIN (SELECT 40075016.6855785 / 4096 / power(2, level) AS metres) AS grid
    ) AS laid
);

ALTER TABLE blueprint.tile_sheet
    ALTER COLUMN extent TYPE geometry(Geometry, 3857) USING extent,
    ALTER COLUMN geoms TYPE geometry(Geometry, 3857)[] USING geoms;
"""


def upgrade() -> None:
    """Scale the shapes, and lay those of the generalised levels on the grid."""
    op.execute(_TO_GRID)


def downgrade() -> None:
    """Scale them back to metres."""
    op.execute(_TO_METRES)
