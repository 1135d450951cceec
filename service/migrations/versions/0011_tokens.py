"""Tokens of machines: for some acts and layers, until an instant, by whom, and when last used.

Revision ID: 0011
Revises: 0010
"""

from alembic import context, op
from sqlalchemy import text

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_UP = """
ALTER TABLE blueprint.token
    ADD COLUMN acts text[],
    ADD COLUMN layers text[],
    ADD COLUMN made_by varchar(200) NOT NULL DEFAULT '—',
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN revoked_by varchar(200);
ALTER TABLE blueprint.token ALTER COLUMN made_by DROP DEFAULT;

-- When each token was last used, to within minutes; apart, so that using a token never waits for its row or holds it.
CREATE TABLE blueprint.token_use (
    token_id integer CONSTRAINT pk_token_use PRIMARY KEY
        CONSTRAINT fk_token_use_token_id REFERENCES blueprint.token (id),
    used_at timestamptz
);
INSERT INTO blueprint.token_use (token_id) SELECT id FROM blueprint.token;
CREATE TRIGGER keep_tokens BEFORE DELETE OR TRUNCATE ON blueprint.token
FOR EACH STATEMENT EXECUTE FUNCTION blueprint.refuse_removal();
"""


def upgrade() -> None:
    """A token that was good to the end of a day is good to that midnight of the city."""
    zone = {"zone": context.config.attributes["city"].time_zone}
    op.execute(_UP)
    op.get_bind().execute(
        text("UPDATE blueprint.token SET expires_at = CAST(expires_on + 1 AS timestamp) AT TIME ZONE :zone"),
        zone,
    )
    op.execute("ALTER TABLE blueprint.token ALTER COLUMN expires_at SET NOT NULL, DROP COLUMN expires_on")


def downgrade() -> None:
    """A token with a scope would be one without: it is revoked. It ends on the last day that it was good all day."""
    zone = {"zone": context.config.attributes["city"].time_zone}
    op.execute("ALTER TABLE blueprint.token ADD COLUMN expires_on date")
    op.get_bind().execute(
        text("UPDATE blueprint.token SET expires_on = CAST(expires_at AT TIME ZONE :zone AS date) - 1"), zone
    )
    op.execute(
        "UPDATE blueprint.token SET revoked_at = coalesce(revoked_at, now())"
        " WHERE acts IS NOT NULL OR layers IS NOT NULL"
    )
    op.execute("DROP TRIGGER keep_tokens ON blueprint.token")
    op.execute("DROP TABLE blueprint.token_use")
    op.execute(
        "ALTER TABLE blueprint.token ALTER COLUMN expires_on SET NOT NULL, DROP COLUMN expires_at, DROP COLUMN acts,"
        " DROP COLUMN layers, DROP COLUMN made_by, DROP COLUMN revoked_by"
    )
