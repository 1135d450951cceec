"""Shapes of tiles are TWKB: a third of the bytes, so that a large layer comes into force sooner.

Revision ID: 0096
Revises: 0095
"""

from alembic import op

revision = "0096"
down_revision = "0095"
branch_labels = None
depends_on = None

# Whole shapes to whole units, pieces to five decimals of one, as `blueprint.layers.tile_shapes` writes them.
_UPGRADE = """
CREATE FUNCTION blueprint.written_anew(shapes geometry[], are_pieces boolean[]) RETURNS bytea[]
LANGUAGE sql IMMUTABLE
AS $$
    SELECT array_agg(ST_AsTWKB(shape.geom, CASE WHEN shape.is_piece THEN 5 ELSE 0 END) ORDER BY shape.place)
    FROM unnest(shapes, are_pieces) WITH ORDINALITY AS shape (geom, is_piece, place)
$$;

ALTER TABLE blueprint.tile_sheet RENAME COLUMN geoms TO shapes;
ALTER TABLE blueprint.tile_sheet
    ALTER COLUMN shapes TYPE bytea[] USING blueprint.written_anew(shapes, are_pieces),
    ALTER COLUMN shapes SET STORAGE EXTERNAL;
DROP FUNCTION blueprint.written_anew;
"""

_DOWNGRADE = """
CREATE FUNCTION blueprint.written_anew(shapes bytea[]) RETURNS geometry[]
LANGUAGE sql IMMUTABLE
AS $$
    SELECT array_agg(ST_GeomFromTWKB(shape.content) ORDER BY shape.place)
    FROM unnest(shapes) WITH ORDINALITY AS shape (content, place)
$$;

ALTER TABLE blueprint.tile_sheet
    ALTER COLUMN shapes TYPE geometry[] USING blueprint.written_anew(shapes),
    ALTER COLUMN shapes SET STORAGE EXTERNAL;
ALTER TABLE blueprint.tile_sheet RENAME COLUMN shapes TO geoms;
DROP FUNCTION blueprint.written_anew;
"""


def upgrade() -> None:
    """Write every sheet anew, in one pass over the table."""
    op.execute(_UPGRADE)


def downgrade() -> None:
    """The same shapes as geometries; what was rounded stays so."""
    op.execute(_DOWNGRADE)
