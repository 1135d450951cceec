"""Whether features of a version overlap each other: where they do not, their areas add up and need no union.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of versions that are there nobody knows, so they are taken to overlap."""
    op.execute("ALTER TABLE blueprint.layer_version ADD COLUMN has_overlaps boolean NOT NULL DEFAULT TRUE")


def downgrade() -> None:
    """Forget it."""
    op.execute("ALTER TABLE blueprint.layer_version DROP COLUMN has_overlaps")
