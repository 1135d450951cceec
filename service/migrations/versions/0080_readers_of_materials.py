"""Approval: who read the file of a material is a list beside it.

Revision ID: 0080
Revises: 0075
"""

from alembic import op

revision = "0080"
down_revision = "0075"
branch_labels = None
depends_on = None

_UP = """
CREATE TABLE approval.material_reader (
    id serial CONSTRAINT pk_material_reader PRIMARY KEY,
    material_id integer NOT NULL
        CONSTRAINT fk_material_reader_material_id_material REFERENCES approval.material ON DELETE CASCADE,
    name varchar(200) NOT NULL,
    department varchar(40),
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    times integer NOT NULL,
    CONSTRAINT uq_material_reader_material_id_name UNIQUE (material_id, name)
);
ALTER TABLE approval.material_reader ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON approval.material_reader USING ((SELECT blueprint.sees('cases')));
"""


def upgrade() -> None:
    """Who read before is in the audit log alone."""
    op.execute(_UP)


def downgrade() -> None:
    """The list is forgotten; the audit log keeps who read."""
    op.execute("DROP TABLE approval.material_reader")
