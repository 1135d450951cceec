"""Zones whose width goes by an attribute of the feature: on the layer, and on the version that was made with them.

Revision ID: 0032
Revises: 0031
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """So far every feature of a layer has the one width."""
    op.execute("ALTER TABLE blueprint.layer ADD COLUMN buffer_by jsonb")
    op.execute("ALTER TABLE blueprint.layer_version ADD COLUMN buffer_by jsonb")


def downgrade() -> None:
    """Zones stay as they were made."""
    op.execute("ALTER TABLE blueprint.layer_version DROP COLUMN buffer_by")
    op.execute("ALTER TABLE blueprint.layer DROP COLUMN buffer_by")
