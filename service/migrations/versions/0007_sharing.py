"""Terms of sharing a layer, and who was granted access to it for which purpose (Art. 17, 18).

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE blueprint.layer ADD COLUMN purpose text, ADD COLUMN conditions text;

CREATE TABLE blueprint.access_grant (
    id serial CONSTRAINT pk_access_grant PRIMARY KEY,
    owner varchar(40) NOT NULL,
    department varchar(40) NOT NULL,
    layer_id integer CONSTRAINT fk_access_grant_layer_id REFERENCES blueprint.layer (id),
    purpose text NOT NULL,
    wanted text,
    state varchar(10) NOT NULL
        CONSTRAINT ck_access_grant_state CHECK (state IN ('requested', 'granted', 'refused', 'withdrawn')),
    requested_by varchar(200),
    requested_at timestamptz,
    conditions text,
    may_export boolean NOT NULL,
    starts_on date,
    ends_on date,
    decided_by varchar(200),
    decided_at timestamptz,
    reason text,
    withdrawn_by varchar(200),
    withdrawn_at timestamptz,
    CONSTRAINT ck_access_grant_others CHECK (owner <> department),
    CONSTRAINT ck_access_grant_granted CHECK (
        state NOT IN ('granted', 'withdrawn')
        OR (layer_id IS NOT NULL AND starts_on IS NOT NULL AND ends_on IS NOT NULL AND ends_on >= starts_on)
    )
);
CREATE INDEX ix_access_grant_department ON blueprint.access_grant (department);
CREATE INDEX ix_access_grant_layer_id ON blueprint.access_grant (layer_id);

-- What was granted stays on record: a grant is withdrawn, never deleted.
CREATE TRIGGER keep_access_grants BEFORE DELETE OR TRUNCATE ON blueprint.access_grant
FOR EACH STATEMENT EXECUTE FUNCTION blueprint.refuse_removal();
"""


def upgrade() -> None:
    """Layers that are there have no stated purpose; nobody was granted anything."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Forget the grants and the terms."""
    op.execute("DROP TABLE blueprint.access_grant")
    op.execute("ALTER TABLE blueprint.layer DROP COLUMN purpose, DROP COLUMN conditions")
