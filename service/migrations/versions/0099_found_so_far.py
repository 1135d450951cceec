"""A job tells what it has found so far, and keeps what another attempt goes on from.

Revision ID: 0099
Revises: 0098
"""

from alembic import op

revision = "0099"
down_revision = "0098"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns, both empty; of a job that is done, too."""
    op.execute("ALTER TABLE blueprint.job ADD COLUMN so_far jsonb, ADD COLUMN kept jsonb")


def downgrade() -> None:
    """What was found so far goes; a job under way begins anew."""
    op.execute("ALTER TABLE blueprint.job DROP COLUMN so_far, DROP COLUMN kept")
