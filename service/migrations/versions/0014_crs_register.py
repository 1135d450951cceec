"""The register of transformations from old datums and local grids.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE blueprint.crs_transformation (
    id serial CONSTRAINT pk_crs_transformation PRIMARY KEY,
    source varchar(60) NOT NULL,
    kind varchar(10) NOT NULL,
    parameters text NOT NULL,
    target varchar(20) NOT NULL,
    accuracy_m double precision NOT NULL,
    document text NOT NULL,
    control_points double precision[] NOT NULL,
    registered_by varchar(200) NOT NULL,
    registered_at timestamptz NOT NULL,
    withdrawn_by varchar(200),
    withdrawn_at timestamptz
);

-- What versions were moved by stays on record: an entry is withdrawn, never deleted.
CREATE TRIGGER keep_crs_transformations BEFORE DELETE OR TRUNCATE ON blueprint.crs_transformation
FOR EACH STATEMENT EXECUTE FUNCTION blueprint.refuse_removal();
"""


def upgrade() -> None:
    """An empty register."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Forget the register."""
    op.execute("DROP TABLE blueprint.crs_transformation")
