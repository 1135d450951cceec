"""Raster layers: what a raster layer's rule asks of pixels, and the raster of every version.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE blueprint.layer
    DROP CONSTRAINT ck_layer_geometry,
    ADD CONSTRAINT ck_layer_geometry CHECK (geometry IN ('polygon', 'line', 'point', 'raster')),
    ADD COLUMN value_kind varchar(10)
        CONSTRAINT ck_layer_value_kind CHECK (value_kind IN ('continuous', 'classes')),
    ADD COLUMN unit varchar(20),
    ADD COLUMN threshold_above double precision,
    ADD COLUMN threshold_below double precision,
    ADD COLUMN threshold_values integer[],
    ADD COLUMN threshold_share double precision NOT NULL DEFAULT 0
        CONSTRAINT ck_layer_threshold_share CHECK (threshold_share >= 0 AND threshold_share < 1),
    ADD CONSTRAINT ck_layer_raster CHECK ((geometry = 'raster') = (value_kind IS NOT NULL));
ALTER TABLE blueprint.layer ALTER COLUMN threshold_share DROP DEFAULT;

CREATE TABLE blueprint.raster (
    version_id integer CONSTRAINT pk_raster PRIMARY KEY
        CONSTRAINT fk_raster_version_id REFERENCES blueprint.layer_version (id) ON DELETE CASCADE,
    object_sha256 varchar(64) NOT NULL,
    size_bytes bigint NOT NULL,
    value_kind varchar(10) NOT NULL
        CONSTRAINT ck_raster_value_kind CHECK (value_kind IN ('continuous', 'classes')),
    source_band integer NOT NULL,
    resampling varchar(20) NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    pixel_width_m double precision NOT NULL,
    pixel_height_m double precision NOT NULL,
    data_type varchar(10) NOT NULL,
    nodata text,
    valid_count bigint NOT NULL,
    minimum double precision NOT NULL,
    maximum double precision NOT NULL,
    mean double precision NOT NULL,
    deviation double precision NOT NULL,
    classes jsonb
);
"""

_DROP = """
-- With raster layers there is no way down: the constraint refuses it, and nothing is lost unasked.
DROP TABLE blueprint.raster;
ALTER TABLE blueprint.layer
    DROP CONSTRAINT ck_layer_geometry,
    ADD CONSTRAINT ck_layer_geometry CHECK (geometry IN ('polygon', 'line', 'point')),
    DROP CONSTRAINT ck_layer_raster,
    DROP COLUMN value_kind,
    DROP COLUMN unit,
    DROP COLUMN threshold_above,
    DROP COLUMN threshold_below,
    DROP COLUMN threshold_values,
    DROP COLUMN threshold_share;
"""


def upgrade() -> None:
    op.execute(_TABLES)


def downgrade() -> None:
    op.execute(_DROP)
