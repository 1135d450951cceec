"""Answers kept for repeated writes.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE blueprint.kept_answer (
    id varchar(64) NOT NULL,
    fingerprint varchar(64) NOT NULL,
    status integer NOT NULL,
    headers jsonb NOT NULL,
    body bytea,
    made_at timestamptz NOT NULL,
    CONSTRAINT pk_kept_answer PRIMARY KEY (id),
    CONSTRAINT ck_kept_answer_done CHECK (status BETWEEN 200 AND 299)
);
CREATE INDEX ix_kept_answer_made_at ON blueprint.kept_answer (made_at);
"""


def upgrade() -> None:
    """What a client may ask for again by its key, for a day."""
    op.execute(_TABLE)


def downgrade() -> None:
    """Nothing of it is worth keeping."""
    op.execute("DROP TABLE blueprint.kept_answer")
