"""A second factor (TOTP) with recovery codes, identities at an OpenID Connect provider, and how a session was opened.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE blueprint.second_factor (
    person_id integer CONSTRAINT pk_second_factor PRIMARY KEY
        CONSTRAINT fk_second_factor_person_id REFERENCES blueprint.person (id),
    sealed_secret bytea NOT NULL,
    made_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    last_step bigint NOT NULL
);

CREATE TABLE blueprint.recovery_code (
    person_id integer NOT NULL CONSTRAINT fk_recovery_code_person_id REFERENCES blueprint.person (id),
    sha256 varchar(64) NOT NULL,
    used_at timestamptz,
    CONSTRAINT pk_recovery_code PRIMARY KEY (person_id, sha256)
);

CREATE TABLE blueprint.linked_identity (
    id serial CONSTRAINT pk_linked_identity PRIMARY KEY,
    person_id integer NOT NULL CONSTRAINT fk_linked_identity_person_id REFERENCES blueprint.person (id),
    issuer varchar(500) NOT NULL,
    subject varchar(255) NOT NULL,
    linked_by varchar(200) NOT NULL,
    linked_at timestamptz NOT NULL,
    ended_by varchar(200),
    ended_at timestamptz
);
CREATE INDEX ix_linked_identity_person_id ON blueprint.linked_identity (person_id);
CREATE UNIQUE INDEX uq_linked_identity_subject ON blueprint.linked_identity (issuer, subject) WHERE ended_at IS NULL;

-- Who could sign in as whom stays on record.
CREATE TRIGGER keep_linked_identities BEFORE DELETE OR TRUNCATE ON blueprint.linked_identity
FOR EACH STATEMENT EXECUTE FUNCTION blueprint.refuse_removal();

ALTER TABLE blueprint.session
    ADD COLUMN way varchar(20) NOT NULL DEFAULT 'password'
        CONSTRAINT ck_session_way CHECK (way IN ('password', 'openid_connect')),
    ADD COLUMN awaits_code boolean NOT NULL DEFAULT false;
ALTER TABLE blueprint.session ALTER COLUMN way DROP DEFAULT, ALTER COLUMN awaits_code DROP DEFAULT;
"""


def upgrade() -> None:
    """Nobody has a second factor or an identity elsewhere yet; open sessions were opened by password."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Forget second factors and identities; sessions stay, but for those that still wait for a code."""
    op.execute("DELETE FROM blueprint.session WHERE awaits_code")
    op.execute("ALTER TABLE blueprint.session DROP COLUMN way, DROP COLUMN awaits_code")
    for table in ("linked_identity", "recovery_code", "second_factor"):
        op.execute(f"DROP TABLE blueprint.{table}")
