"""Letters, questions and matters of approval are told to the department they wait for.

Revision ID: 0075
Revises: 0074
"""

from alembic import op

revision = "0075"
down_revision = "0074"
branch_labels = None
depends_on = None

_TABLES = ("letter", "consultation_answer", "matter")
_KINDS = """
ALTER TABLE coordination.notice DROP CONSTRAINT ck_notice_kind, ADD CONSTRAINT ck_notice_kind CHECK (kind IN (
    'asked', 'taken_back', 'due', 'deemed', 'answered', 'clock_stopped', 'clock_restarted', 'contested',
    'contest_decided', 'meeting', 'cleared', 'withdrawn', 'recheck', 'released', 'late_items', 'handling',
    'internal_due', 'guidance'{}));
"""


def upgrade() -> None:
    """What is there already was heard of otherwise."""
    for table in _TABLES:
        op.execute(f"ALTER TABLE approval.{table} ADD told_at timestamptz DEFAULT now()")
        op.execute(f"ALTER TABLE approval.{table} ALTER told_at DROP DEFAULT")
        op.execute(f"CREATE INDEX ix_{table}_untold ON approval.{table} (id) WHERE told_at IS NULL")
    op.execute(_KINDS.format(", 'long_stop', 'approval_asked'"))


def downgrade() -> None:
    """Notices of the new kind go with their deliveries."""
    op.execute("SET LOCAL blueprint.keeper = 'on'")
    op.execute(
        """
        DELETE FROM coordination.notice_delivery WHERE notice_id IN (
            SELECT id FROM coordination.notice WHERE kind = 'approval_asked');
        DELETE FROM coordination.notice WHERE kind = 'approval_asked';
        """
    )
    op.execute(_KINDS.format(", 'long_stop'"))
    for table in _TABLES:
        op.execute(f"ALTER TABLE approval.{table} DROP COLUMN told_at")
