"""How the ledger of differences stood after each audit, and which side of a settled difference yielded.

Revision ID: 0083
Revises: 0088
"""

from alembic import op

revision = "0083"
down_revision = "0088"
branch_labels = None
depends_on = None

_UP = """
ALTER TABLE coordination.plan_audit
    ADD open_count integer,
    ADD open_m2 double precision,
    ADD accepted_count integer,
    ADD accepted_m2 double precision,
    ADD settled_count integer;
ALTER TABLE coordination.plan_difference
    ADD yielded varchar(6) CONSTRAINT ck_plan_difference_yielded CHECK (yielded IN ('first', 'second', 'both'));
"""


def upgrade() -> None:
    """Audits that ended before have no figures of their day; what was settled before names no side."""
    op.execute(_UP)


def downgrade() -> None:
    """The months are forgotten; the ledger itself stays."""
    op.execute("ALTER TABLE coordination.plan_difference DROP COLUMN yielded")
    op.execute(
        "ALTER TABLE coordination.plan_audit DROP COLUMN open_count, DROP COLUMN open_m2, DROP COLUMN accepted_count,"
        " DROP COLUMN accepted_m2, DROP COLUMN settled_count"
    )
