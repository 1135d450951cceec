"""Approval: the queue of the exchange; departments are told what is late with them.

Revision ID: 0040
Revises: 0032
"""

from alembic import op

revision = "0040"
down_revision = "0032"
branch_labels = None
depends_on = None

_UP = """
CREATE TABLE approval.exchange_row (
    id serial CONSTRAINT pk_exchange_row PRIMARY KEY,
    table_name varchar(40) NOT NULL,
    key varchar(100) NOT NULL,
    content jsonb NOT NULL,
    content_sha256 varchar(64) NOT NULL,
    state varchar(8) NOT NULL CONSTRAINT ck_exchange_row_state CHECK (state IN ('waiting', 'sent', 'taken', 'refused')),
    queued_at timestamptz NOT NULL,
    batch integer,
    sent_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    reason text,
    CONSTRAINT uq_exchange_row_table_name_key UNIQUE (table_name, key),
    CONSTRAINT ck_exchange_row_reason CHECK ((state = 'refused') <= (reason IS NOT NULL))
);
CREATE INDEX ix_exchange_row_waiting ON approval.exchange_row (id) WHERE state = 'waiting';
CREATE INDEX ix_exchange_row_batch ON approval.exchange_row (batch);
ALTER TABLE approval.exchange_row ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON approval.exchange_row USING ((SELECT blueprint.sees('cases')));
ALTER TABLE coordination.notice DROP CONSTRAINT ck_notice_kind, ADD CONSTRAINT ck_notice_kind CHECK (kind IN (
    'asked', 'taken_back', 'due', 'deemed', 'answered', 'clock_stopped', 'clock_restarted', 'contested',
    'contest_decided', 'meeting', 'cleared', 'withdrawn', 'recheck', 'released', 'late_items'));
"""

_DOWN = """
SELECT set_config('blueprint.keeper', 'on', TRUE);
DELETE FROM coordination.notice_delivery WHERE notice_id IN (SELECT id FROM coordination.notice WHERE kind = 'late_items');
DELETE FROM coordination.notice WHERE kind = 'late_items';
ALTER TABLE coordination.notice DROP CONSTRAINT ck_notice_kind, ADD CONSTRAINT ck_notice_kind CHECK (kind IN (
    'asked', 'taken_back', 'due', 'deemed', 'answered', 'clock_stopped', 'clock_restarted', 'contested',
    'contest_decided', 'meeting', 'cleared', 'withdrawn', 'recheck', 'released'));
SELECT set_config('blueprint.keeper', '', TRUE);
DROP TABLE approval.exchange_row;
"""


def upgrade() -> None:
    """Nothing waits yet."""
    op.execute(_UP)


def downgrade() -> None:
    """What was sent and refused is forgotten."""
    op.execute(_DOWN)
