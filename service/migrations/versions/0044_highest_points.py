"""The elevation of a project's highest point is registered: rules of height (净空, 视廊) go by it.

Revision ID: 0044
Revises: 0043
"""

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of projects that are there it is not known."""
    op.execute("""
        ALTER TABLE coordination.project ADD COLUMN top_m double precision
            CONSTRAINT ck_project_top CHECK (top_m BETWEEN -500 AND 9000)
    """)


def downgrade() -> None:
    """What was registered of it is gone."""
    op.execute("ALTER TABLE coordination.project DROP COLUMN top_m")
