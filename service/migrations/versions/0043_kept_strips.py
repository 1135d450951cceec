"""A footprint that came of lines and points keeps its centre line and width, so that crossings are told of it later, too.

Revision ID: 0043
Revises: 0037
"""

from alembic import context, op

revision = "0043"
down_revision = "0037"
branch_labels = None
depends_on = None

_TABLES = ("footprint_revision", "check")


def upgrade() -> None:
    """Of footprints that are there the line is not known: they stay areas."""
    srid = context.config.attributes["city"].working_srid
    for table in _TABLES:
        op.execute(f"""
            ALTER TABLE coordination.{table}
                ADD COLUMN centre_line geometry(MultiLineString, {srid}),
                ADD COLUMN width_m double precision,
                ADD COLUMN strip_points integer,
                ADD CONSTRAINT ck_{table}_strip CHECK (num_nulls(centre_line, width_m, strip_points) IN (0, 3))
        """)


def downgrade() -> None:
    """The areas stay."""
    for table in _TABLES:
        op.execute(f"""
            ALTER TABLE coordination.{table}
                DROP COLUMN centre_line, DROP COLUMN width_m, DROP COLUMN strip_points
        """)
