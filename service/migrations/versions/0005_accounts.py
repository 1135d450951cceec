"""Accounts: persons, appointments from a day to a day, sessions, failed sign-ins; tokens with an instant of expiry.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE blueprint.person (
    id serial CONSTRAINT pk_person PRIMARY KEY,
    login varchar(60) NOT NULL CONSTRAINT uq_person_login UNIQUE,
    name varchar(100) NOT NULL,
    email varchar(200),
    password_hash text,
    password_set_at timestamptz,
    must_change_password boolean NOT NULL,
    is_sample boolean NOT NULL,
    made_by varchar(200) NOT NULL,
    made_at timestamptz NOT NULL,
    deactivated_at timestamptz
);

CREATE TABLE blueprint.appointment (
    id serial CONSTRAINT pk_appointment PRIMARY KEY,
    person_id integer NOT NULL CONSTRAINT fk_appointment_person_id REFERENCES blueprint.person (id),
    role varchar(20) NOT NULL,
    department varchar(40),
    section varchar(100),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    granted_by varchar(200) NOT NULL,
    granted_at timestamptz NOT NULL,
    ended_by varchar(200),
    ended_at timestamptz,
    CONSTRAINT ck_appointment_order CHECK (ends_at IS NULL OR ends_at >= starts_at)
);
CREATE INDEX ix_appointment_person_id ON blueprint.appointment (person_id);

CREATE TABLE blueprint.session (
    sha256 varchar(64) CONSTRAINT pk_session PRIMARY KEY,
    person_id integer NOT NULL CONSTRAINT fk_session_person_id REFERENCES blueprint.person (id),
    made_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    address varchar(60),
    user_agent varchar(200)
);
CREATE INDEX ix_session_person_id ON blueprint.session (person_id);

CREATE TABLE blueprint.failed_sign_in (
    key varchar(64) CONSTRAINT pk_failed_sign_in PRIMARY KEY,
    failures integer NOT NULL,
    blocked_until timestamptz NOT NULL,
    last_at timestamptz NOT NULL
);

-- What was granted stays on record: rights are ended, never deleted.
CREATE FUNCTION blueprint.refuse_removal() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION '% rows are ended, never deleted', TG_TABLE_NAME; END $$;
CREATE TRIGGER keep_appointments BEFORE DELETE OR TRUNCATE ON blueprint.appointment
FOR EACH STATEMENT EXECUTE FUNCTION blueprint.refuse_removal();
CREATE TRIGGER keep_persons BEFORE DELETE OR TRUNCATE ON blueprint.person
FOR EACH STATEMENT EXECUTE FUNCTION blueprint.refuse_removal();
"""


def upgrade() -> None:
    """Nobody has an account yet; tokens of departments stay as they are."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Remove accounts; tokens of departments stay."""
    for table in ("failed_sign_in", "session", "appointment", "person"):
        op.execute(f"DROP TABLE blueprint.{table}")
    op.execute("DROP FUNCTION blueprint.refuse_removal()")
