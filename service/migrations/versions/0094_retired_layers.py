"""Layers that are out of use."""

from alembic import op

revision = "0094"
down_revision = "0091"
branch_labels = None
depends_on = None

UPGRADE = """
ALTER TABLE blueprint.layer
    ADD COLUMN retired_on date,
    ADD COLUMN retired_by varchar(200),
    ADD COLUMN retired_reason text,
    ADD CONSTRAINT ck_layer_retired CHECK (num_nulls(retired_on, retired_by, retired_reason) IN (0, 3))
"""

DOWNGRADE = """
ALTER TABLE blueprint.layer
    DROP COLUMN retired_on,
    DROP COLUMN retired_by,
    DROP COLUMN retired_reason
"""


def upgrade() -> None:
    """What there is is in use."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """All are in use again."""
    op.execute(DOWNGRADE)
