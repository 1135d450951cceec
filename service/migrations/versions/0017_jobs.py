"""Jobs: long work with progress, cancelling and leases.

Revision ID: 0017
Revises: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE blueprint.job (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_job PRIMARY KEY,
    kind varchar(40) NOT NULL,
    act varchar(40) NOT NULL,
    key text,
    department varchar(40),
    sensitivity varchar(10) NOT NULL,
    layer varchar(60),
    arguments jsonb NOT NULL,
    state varchar(10) NOT NULL,
    phase varchar(40),
    bytes_done bigint NOT NULL,
    bytes_total bigint,
    features_done bigint NOT NULL,
    asked_by varchar(200) NOT NULL,
    asked_department varchar(40),
    asked_roles text[] NOT NULL,
    asked_person integer,
    asked_at timestamptz NOT NULL,
    request_id text,
    attempts integer NOT NULL,
    failures integer NOT NULL,
    worker varchar(200),
    not_before timestamptz,
    lease_until timestamptz,
    cancel_asked_by varchar(200),
    started_at timestamptz,
    finished_at timestamptz,
    result jsonb,
    error text,
    CONSTRAINT ck_job_state CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    CONSTRAINT ck_job_sensitivity CHECK (sensitivity IN ('public', 'internal', 'restricted')),
    CONSTRAINT ck_job_not_negative
        CHECK (attempts >= 0 AND failures >= 0 AND bytes_done >= 0 AND features_done >= 0)
);
CREATE INDEX ix_job_unfinished ON blueprint.job (id) WHERE state IN ('waiting', 'running');
CREATE UNIQUE INDEX uq_job_key ON blueprint.job (key) WHERE state IN ('waiting', 'running');
"""


def upgrade() -> None:
    """The table from which workers take their work."""
    op.execute(_TABLE)


def downgrade() -> None:
    """What was still to be done is given up with it."""
    op.execute("DROP TABLE blueprint.job")
