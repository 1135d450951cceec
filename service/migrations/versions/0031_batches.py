"""Batches of checks, each for who asked for it alone.

Revision ID: 0031
Revises: 0039
"""

from alembic import op

revision = "0031"
down_revision = "0039"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE coordination.batch_check (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_batch_check PRIMARY KEY,
    account varchar(200) NOT NULL,
    department varchar(40),
    file_name varchar(255) NOT NULL,
    on_day date NOT NULL,
    rule_set varchar(200) NOT NULL,
    summary jsonb NOT NULL,
    notes jsonb NOT NULL,
    content bytea NOT NULL,
    made_at timestamptz NOT NULL
);
"""

# What a batch tells goes by its reader's rights.
_WALL = """
ALTER TABLE coordination.batch_check ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON coordination.batch_check
USING ((SELECT blueprint.sees('batches')) OR account = (SELECT blueprint.viewer_account()));
"""


def upgrade() -> None:
    """Nothing is kept yet."""
    op.execute(_TABLE)
    op.execute(_WALL)


def downgrade() -> None:
    """Batches go; each can be run again."""
    op.execute("DROP TABLE coordination.batch_check")
