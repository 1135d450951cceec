"""Approval: handovers that were refused, kept for inspection.

Revision ID: 0038
Revises: 0030
"""

from alembic import op

revision = "0038"
down_revision = "0030"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE approval.refused_handover (
    id serial CONSTRAINT pk_refused_handover PRIMARY KEY,
    body_sha256 varchar(64) NOT NULL CONSTRAINT uq_refused_handover_body_sha256 UNIQUE,
    body bytea NOT NULL,
    size_bytes integer NOT NULL,
    family varchar(12) NOT NULL CONSTRAINT ck_refused_handover_family CHECK (family IN ('unreadable', 'conflict')),
    detail text NOT NULL,
    place text,
    planning_number varchar(40),
    sent_by varchar(200) NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    times integer NOT NULL
);
CREATE INDEX ix_refused_handover_last_at ON approval.refused_handover (last_at);
ALTER TABLE approval.refused_handover ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON approval.refused_handover USING ((SELECT blueprint.sees('cases')));
"""


def upgrade() -> None:
    """Nothing that was refused before is known."""
    op.execute(_TABLE)


def downgrade() -> None:
    """What was refused is forgotten."""
    op.execute("DROP TABLE approval.refused_handover")
