"""Layers name their attribute standard and map fields to it; a version has its quality check: issues, receipts of mending, confirmation.

Revision ID: 0009
Revises: 0008
"""

from alembic import op
from sqlalchemy import text

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE blueprint.layer ADD COLUMN standard varchar(40);

CREATE TABLE blueprint.field_mapping (
    layer_id integer NOT NULL CONSTRAINT fk_field_mapping_layer_id REFERENCES blueprint.layer (id),
    standard_field varchar(60) NOT NULL,
    source_field varchar(200) NOT NULL,
    set_by varchar(200) NOT NULL,
    set_at timestamptz NOT NULL,
    CONSTRAINT pk_field_mapping PRIMARY KEY (layer_id, standard_field),
    CONSTRAINT uq_field_mapping_layer_id_source_field UNIQUE (layer_id, source_field)
);

ALTER TABLE blueprint.layer_version
    ADD COLUMN standard varchar(40),
    ADD COLUMN field_mapping jsonb,
    ADD COLUMN checked_at timestamptz,
    ADD COLUMN issue_counts jsonb,
    ADD COLUMN warnings_confirmed_by varchar(200),
    ADD COLUMN warnings_confirmed_at timestamptz,
    ADD COLUMN warnings_reason text;

CREATE TABLE blueprint.quality_issue (
    id bigserial CONSTRAINT pk_quality_issue PRIMARY KEY,
    version_id integer NOT NULL CONSTRAINT fk_quality_issue_version_id
        REFERENCES blueprint.layer_version (id) ON DELETE CASCADE,
    kind varchar(40) NOT NULL,
    level varchar(10) NOT NULL
        CONSTRAINT ck_quality_issue_level CHECK (level IN ('fatal', 'error', 'warning', 'info')),
    feature_id bigint,
    other_feature_id bigint,
    field varchar(200),
    value text,
    params jsonb NOT NULL,
    geom geometry(GEOMETRY, {srid})
);
CREATE INDEX ix_quality_issue_version_id ON blueprint.quality_issue (version_id, id);

CREATE TABLE blueprint.mending (
    version_id integer NOT NULL CONSTRAINT fk_mending_version_id
        REFERENCES blueprint.layer_version (id) ON DELETE CASCADE,
    feature_id bigint NOT NULL,
    reason text NOT NULL,
    before_m2 double precision NOT NULL,
    after_m2 double precision NOT NULL,
    moved_m double precision NOT NULL,
    original geometry(GEOMETRY, {srid}) NOT NULL,
    CONSTRAINT pk_mending PRIMARY KEY (version_id, feature_id)
);
"""


def upgrade() -> None:
    """Versions that are there count as unchecked: one that is in force stays so, another is checked before it can be."""
    srid = op.get_bind().scalar(text("SELECT working_srid FROM blueprint.city"))
    op.execute(_TABLES.format(srid=int(srid)))


def downgrade() -> None:
    """Forget standards, mappings and checks."""
    op.execute("DROP TABLE blueprint.mending")
    op.execute("DROP TABLE blueprint.quality_issue")
    op.execute(
        "ALTER TABLE blueprint.layer_version DROP COLUMN standard, DROP COLUMN field_mapping, DROP COLUMN checked_at,"
        " DROP COLUMN issue_counts, DROP COLUMN warnings_confirmed_by, DROP COLUMN warnings_confirmed_at,"
        " DROP COLUMN warnings_reason"
    )
    op.execute("DROP TABLE blueprint.field_mapping")
    op.execute("ALTER TABLE blueprint.layer DROP COLUMN standard")
