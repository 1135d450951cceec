"""Mendings that a person undid: the shape of a draft is again as its file has it."""

from alembic import op

revision = "0095"
down_revision = "0094"
branch_labels = None
depends_on = None

UPGRADE = """
ALTER TABLE blueprint.mending
    ADD COLUMN undone_by varchar(200),
    ADD COLUMN undone_at timestamptz,
    ADD CONSTRAINT ck_mending_undone CHECK (num_nulls(undone_by, undone_at) IN (0, 2))
"""

DOWNGRADE = """
ALTER TABLE blueprint.mending
    DROP COLUMN undone_by,
    DROP COLUMN undone_at
"""


def upgrade() -> None:
    """No mending is undone."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """All mendings stand again; the errors that say otherwise stay with their drafts until these are checked anew."""
    op.execute(DOWNGRADE)
