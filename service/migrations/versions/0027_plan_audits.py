"""Audits of plans against each other, and the ledger of their differences.

Revision ID: 0027
Revises: 0026
"""

from alembic import context, op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE coordination.plan_audit (
    id serial CONSTRAINT pk_plan_audit PRIMARY KEY,
    first_layer_id integer NOT NULL CONSTRAINT fk_plan_audit_first_layer_id REFERENCES blueprint.layer (id),
    second_layer_id integer NOT NULL CONSTRAINT fk_plan_audit_second_layer_id REFERENCES blueprint.layer (id),
    first_version_id integer NOT NULL CONSTRAINT fk_plan_audit_first_version_id REFERENCES blueprint.layer_version (id),
    second_version_id integer NOT NULL
        CONSTRAINT fk_plan_audit_second_version_id REFERENCES blueprint.layer_version (id),
    on_day date NOT NULL,
    windows_done text[] NOT NULL,
    found integer NOT NULL,
    made_by varchar(200) NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE INDEX ix_plan_audit_layers ON coordination.plan_audit (first_layer_id, second_layer_id);

CREATE TABLE coordination.plan_audit_overlap (
    audit_id integer NOT NULL
        CONSTRAINT fk_plan_audit_overlap_audit_id REFERENCES coordination.plan_audit (id) ON DELETE CASCADE,
    first_feature_id bigint NOT NULL,
    second_feature_id bigint NOT NULL,
    is_sliver boolean NOT NULL,
    geom geometry(Geometry, WORKING_SRID) NOT NULL
);
CREATE INDEX ix_plan_audit_overlap_audit_id ON coordination.plan_audit_overlap (audit_id);

CREATE TABLE coordination.plan_difference (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_plan_difference PRIMARY KEY,
    first_layer_id integer NOT NULL CONSTRAINT fk_plan_difference_first_layer_id REFERENCES blueprint.layer (id),
    second_layer_id integer NOT NULL CONSTRAINT fk_plan_difference_second_layer_id REFERENCES blueprint.layer (id),
    first_key text NOT NULL,
    second_key text NOT NULL,
    first_class text,
    second_class text,
    overlap_m2 double precision NOT NULL,
    first_share double precision NOT NULL,
    second_share double precision NOT NULL,
    is_sliver boolean NOT NULL,
    state varchar(10) NOT NULL
        CONSTRAINT ck_plan_difference_state CHECK (state IN ('open', 'accepted', 'settled')),
    reason text,
    decided_by varchar(200),
    decided_at timestamptz,
    accepted_m2 double precision,
    first_audit_id integer NOT NULL CONSTRAINT fk_plan_difference_first_audit_id REFERENCES coordination.plan_audit (id),
    last_audit_id integer NOT NULL CONSTRAINT fk_plan_difference_last_audit_id REFERENCES coordination.plan_audit (id),
    settled_audit_id integer CONSTRAINT fk_plan_difference_settled_audit_id REFERENCES coordination.plan_audit (id),
    geom geometry(Geometry, WORKING_SRID) NOT NULL,
    CONSTRAINT uq_plan_difference_pair UNIQUE (first_layer_id, second_layer_id, first_key, second_key)
);
CREATE INDEX ix_plan_difference_last_audit_id ON coordination.plan_difference (last_audit_id);
CREATE INDEX ix_plan_difference_geom ON coordination.plan_difference USING gist (geom);
"""

_AUDIT = """
(SELECT blueprint.sees('checks')) AND ((SELECT blueprint.sees('restricted')) OR NOT EXISTS (
    SELECT FROM blueprint.layer
    WHERE layer.id IN (first_layer_id, second_layer_id) AND layer.sensitivity = 'restricted'
        AND NOT coalesce((SELECT blueprint.viewer() -> 'cleared') ? layer.department, FALSE)
        AND NOT coalesce((SELECT blueprint.viewer() -> 'layers') ? layer.code, FALSE)
))
"""
_WALLS = {
    "coordination.plan_audit": _AUDIT,
    # The policy of the audit stands in the subselect, which is worked out once a statement.
    "coordination.plan_audit_overlap": "audit_id IN (SELECT audit.id FROM coordination.plan_audit AS audit)",
    "coordination.plan_difference": "last_audit_id IN (SELECT audit.id FROM coordination.plan_audit AS audit)",
}


def upgrade() -> None:
    """Tables that are empty at first, behind the wall."""
    srid = context.config.attributes["city"].working_srid
    op.execute(_TABLES.replace("WORKING_SRID", str(srid)))
    for table, condition in _WALLS.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY wall ON {table} USING ({condition})")


def downgrade() -> None:
    """What was accepted, and why, goes with the ledger."""
    for table in reversed(_WALLS):
        op.execute(f"DROP TABLE {table}")
