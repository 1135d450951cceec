"""That a version is past its term is noted once.

Revision ID: 0097
Revises: 0096
"""

from alembic import op

revision = "0097"
down_revision = "0096"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Several processes look at what is due."""
    op.execute(
        "CREATE UNIQUE INDEX uq_publication_event_expired ON blueprint.publication_event (old_version_id, starts_on)"
        " WHERE act = 'expired'"
    )


def downgrade() -> None:
    """What was looked at for them stays; who looks again notes them anew."""
    op.execute("DROP INDEX blueprint.uq_publication_event_expired")
