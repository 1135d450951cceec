"""Approval: the exchange knows up to which day cases were looked through, and whose each row is, to say of one that it is void.

Revision ID: 0076
Revises: 0067
"""

from alembic import op

revision = "0076"
down_revision = "0067"
branch_labels = None
depends_on = None

_UP = """
CREATE TABLE approval.exchange_filling (
    id serial CONSTRAINT pk_exchange_filling PRIMARY KEY,
    filled_on date NOT NULL,
    since date,
    is_gapless boolean NOT NULL,
    queued integer NOT NULL,
    errors integer NOT NULL,
    filled_by varchar(200) NOT NULL
);
ALTER TABLE approval.exchange_filling ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON approval.exchange_filling USING ((SELECT blueprint.sees('cases')));
ALTER TABLE approval.exchange_row ADD whose text GENERATED ALWAYS AS (split_part(key, '-', 2)) STORED;
CREATE INDEX ix_exchange_row_whose ON approval.exchange_row (whose);
"""


def upgrade() -> None:
    """Nothing is known of fillings of before: the next one looks through all cases, and queues what differs."""
    op.execute(_UP)


def downgrade() -> None:
    """Whose a row is, and the fillings, are forgotten."""
    op.execute("ALTER TABLE approval.exchange_row DROP COLUMN whose")
    op.execute("DROP TABLE approval.exchange_filling")
