"""Groups, order, symbology and metadata of layers.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_COLUMNS = """
ALTER TABLE blueprint.layer
    ADD COLUMN layer_group varchar(40),
    ADD COLUMN position integer NOT NULL DEFAULT 0,
    ADD COLUMN symbology varchar(20)
        CONSTRAINT ck_layer_symbology CHECK (symbology IN ('land_use_2020', 'land_use_2023')),
    ADD COLUMN class_field varchar(60),
    ADD COLUMN abstract text,
    ADD COLUMN owner varchar(200),
    ADD COLUMN scale integer CONSTRAINT ck_layer_scale CHECK (scale > 0),
    ADD COLUMN data_on date,
    ADD COLUMN lineage text;
ALTER TABLE blueprint.layer ALTER COLUMN position DROP DEFAULT;
"""

_DROP = """
ALTER TABLE blueprint.layer
    DROP COLUMN layer_group,
    DROP COLUMN position,
    DROP COLUMN symbology,
    DROP COLUMN class_field,
    DROP COLUMN abstract,
    DROP COLUMN owner,
    DROP COLUMN scale,
    DROP COLUMN data_on,
    DROP COLUMN lineage;
"""


def upgrade() -> None:
    op.execute(_COLUMNS)


def downgrade() -> None:
    op.execute(_DROP)
