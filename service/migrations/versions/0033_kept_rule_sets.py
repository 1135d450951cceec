"""Rule sets that checks were made with, kept word for word.

Revision ID: 0033
Revises: 0040
"""

from alembic import op

revision = "0033"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was used before is not known here; it is kept from the next check on."""
    op.execute(
        "CREATE TABLE coordination.rule_set (sha256 varchar(64) CONSTRAINT pk_rule_set PRIMARY KEY, name varchar(200) NOT NULL,"
        " content bytea NOT NULL, first_used_at timestamptz NOT NULL DEFAULT now())"
    )


def downgrade() -> None:
    """Files under version control are what is left."""
    op.execute("DROP TABLE coordination.rule_set")
