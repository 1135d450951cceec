"""A request keeps where its findings lie; notices tell of clocks that stand still for long.

Revision ID: 0067
Revises: 0070
"""

from alembic import context, op

revision = "0067"
down_revision = "0070"
branch_labels = None
depends_on = None

_KINDS = """
ALTER TABLE coordination.notice DROP CONSTRAINT ck_notice_kind, ADD CONSTRAINT ck_notice_kind CHECK (kind IN (
    'asked', 'taken_back', 'due', 'deemed', 'answered', 'clock_stopped', 'clock_restarted', 'contested',
    'contest_decided', 'meeting', 'cleared', 'withdrawn', 'recheck', 'released', 'late_items', 'handling',
    'internal_due', 'guidance'{}));
"""


def upgrade() -> None:
    """Requests that were sent before have no places: conditions on their findings are not compared by place."""
    srid = int(context.config.attributes["city"].working_srid)
    op.execute(
        f"ALTER TABLE coordination.opinion_request ADD finding_places geometry(GeometryCollection, {srid})"
    )
    op.execute(_KINDS.format(", 'long_stop'"))


def downgrade() -> None:
    """The places go, and what was told of long stops."""
    op.execute("SET LOCAL blueprint.keeper = 'on'")
    op.execute(
        """
        DELETE FROM coordination.notice_delivery WHERE notice_id IN (
            SELECT id FROM coordination.notice WHERE kind = 'long_stop');
        DELETE FROM coordination.notice WHERE kind = 'long_stop';
        """
    )
    op.execute(_KINDS.format(""))
    op.execute("ALTER TABLE coordination.opinion_request DROP COLUMN finding_places")
