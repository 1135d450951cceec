"""Shapes of tiles lie in sheets of about a page: a version of many features is stored several times as quickly.

Revision ID: 0026
Revises: 0025
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_ANALYZE = """
CREATE OR REPLACE FUNCTION blueprint.analyze_shapes() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_statistics_target = 10
AS $$ BEGIN ANALYZE blueprint.feature, blueprint.part, blueprint.{table}; END $$;
"""

_SHEETS = """
CREATE TABLE blueprint.tile_sheet (
    sheet_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_tile_sheet PRIMARY KEY,
    version_id integer NOT NULL
        CONSTRAINT fk_tile_sheet_version_id REFERENCES blueprint.layer_version (id) ON DELETE CASCADE,
    level smallint NOT NULL,
    extent geometry(Geometry, 3857) NOT NULL,
    feature_ids bigint[] NOT NULL,
    are_pieces boolean[] NOT NULL,
    labels text[] NOT NULL,
    source_ids text[] NOT NULL,
    class_codes text[] NOT NULL,
    geoms geometry(Geometry, 3857)[] NOT NULL
) WITH (toast_tuple_target = 8160);
ALTER TABLE blueprint.tile_sheet ALTER COLUMN geoms SET STORAGE EXTERNAL;

INSERT INTO blueprint.tile_sheet (
    version_id, level, extent, feature_ids, are_pieces, labels, source_ids, class_codes, geoms
)
SELECT version_id, level, ST_SetSRID(CAST(ST_Extent(geom) AS geometry), 3857), array_agg(feature_id),
    array_agg(is_piece), array_agg(label), array_agg(source_id), array_agg(class_code), array_agg(geom)
FROM (
    SELECT version_id, level, feature_id, is_piece, label, source_id, class_code, geom,
        CAST(sum(ST_MemSize(geom) + 60) OVER (
            PARTITION BY version_id, level ORDER BY geom, shape_id ROWS UNBOUNDED PRECEDING
        ) AS bigint) / 6000 AS number
    FROM blueprint.tile_shape
) AS shape
GROUP BY version_id, level, number
ORDER BY version_id, level, number;

CREATE INDEX ix_tile_sheet_version_id_level_extent ON blueprint.tile_sheet
USING gist (version_id, level, extent);
DROP TABLE blueprint.tile_shape;
"""

_SHAPES = """
CREATE TABLE blueprint.tile_shape (
    shape_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_tile_shape PRIMARY KEY,
    version_id integer NOT NULL
        CONSTRAINT fk_tile_shape_version_id REFERENCES blueprint.layer_version (id) ON DELETE CASCADE,
    level smallint NOT NULL,
    feature_id bigint NOT NULL,
    label text,
    source_id text,
    class_code text,
    geom geometry(Geometry, 3857) NOT NULL,
    is_piece boolean NOT NULL
);
ALTER TABLE blueprint.tile_shape ALTER COLUMN geom SET STORAGE EXTERNAL;

INSERT INTO blueprint.tile_shape (version_id, level, feature_id, is_piece, label, source_id, class_code, geom)
SELECT sheet.version_id, sheet.level, shape.feature_id, shape.is_piece, shape.label, shape.source_id,
    shape.class_code, shape.geom
FROM blueprint.tile_sheet AS sheet
CROSS JOIN LATERAL unnest(
    sheet.feature_ids, sheet.are_pieces, sheet.labels, sheet.source_ids, sheet.class_codes, sheet.geoms
) AS shape (feature_id, is_piece, label, source_id, class_code, geom)
ORDER BY sheet.sheet_id;

CREATE INDEX ix_tile_shape_version_id_level_geom ON blueprint.tile_shape USING gist (version_id, level, geom);
DROP TABLE blueprint.tile_sheet;
"""


def upgrade() -> None:
    """Gather the shapes in sheets."""
    op.execute(_SHEETS)
    op.execute(_ANALYZE.format(table="tile_sheet"))


def downgrade() -> None:
    """Lay the shapes out again, one a row."""
    op.execute(_SHAPES)
    op.execute(_ANALYZE.format(table="tile_shape"))
