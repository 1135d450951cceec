"""Approval: the secret by which an applicant sees the progress of the own case, as its hash.

Revision ID: 0028
Revises: 0027
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the hash; nobody has a secret yet."""
    op.execute("ALTER TABLE approval.case ADD applicant_secret_sha256 varchar(64)")


def downgrade() -> None:
    """Remove it: every secret is void."""
    op.execute("ALTER TABLE approval.case DROP applicant_secret_sha256")
