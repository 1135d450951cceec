"""Approval: limits that were counted before the year's calendar was published are found again, checks of commitments too.

Revision ID: 0073
Revises: 0066
"""

from alembic import op

revision = "0073"
down_revision = "0066"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Say of a check's day whether it is provisional, and index what waits for a calendar."""
    op.execute("ALTER TABLE approval.item ADD verify_provisional boolean NOT NULL DEFAULT FALSE")
    op.execute("ALTER TABLE approval.item ALTER verify_provisional DROP DEFAULT")
    op.execute("CREATE INDEX ix_item_provisional ON approval.item (due_on) WHERE provisional")
    op.execute(
        "CREATE INDEX ix_item_verify_provisional ON approval.item (verify_due_on) WHERE verify_provisional"
    )
    op.execute("CREATE INDEX ix_case_stage_provisional ON approval.case_stage (due_on) WHERE provisional")
    op.execute(
        "CREATE INDEX ix_joint_consultation_provisional ON approval.joint_consultation (due_on) WHERE provisional"
    )


def downgrade() -> None:
    """The indexes and the column go."""
    op.execute("DROP INDEX approval.ix_joint_consultation_provisional")
    op.execute("DROP INDEX approval.ix_case_stage_provisional")
    op.execute("DROP INDEX approval.ix_item_provisional")
    op.execute("ALTER TABLE approval.item DROP COLUMN verify_provisional")
