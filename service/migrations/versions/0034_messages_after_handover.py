"""Corrections and withdrawals after a handover: a project is cleared again, and approval keeps every message.

Revision ID: 0034
Revises: 0042
"""

from alembic import op

revision = "0034"
down_revision = "0042"
branch_labels = None
depends_on = None

_SENDER = """
ALTER TABLE coordination.clearance DROP CONSTRAINT uq_clearance_project_id;
ALTER TABLE coordination.clearance
    ADD withdrawn_at timestamptz,
    ADD withdrawn_by varchar(200),
    ADD withdrawn_why text,
    ADD CONSTRAINT ck_clearance_withdrawn CHECK (
        (withdrawn_at IS NULL) = (withdrawn_by IS NULL) AND (withdrawn_at IS NULL) = (withdrawn_why IS NULL));
CREATE INDEX ix_clearance_project_id ON coordination.clearance (project_id);
CREATE UNIQUE INDEX uq_clearance_standing ON coordination.clearance (project_id) WHERE withdrawn_at IS NULL;
ALTER TABLE coordination.handover DROP CONSTRAINT uq_handover_clearance_id;
ALTER TABLE coordination.handover
    ADD kind varchar(12) NOT NULL DEFAULT 'handover'
        CONSTRAINT ck_handover_kind CHECK (kind IN ('handover', 'correction', 'withdrawal')),
    ADD follows_id integer CONSTRAINT fk_handover_follows_id REFERENCES coordination.handover (id),
    ADD cancelled_at timestamptz;
ALTER TABLE coordination.handover ALTER kind DROP DEFAULT;
CREATE INDEX ix_handover_clearance_id ON coordination.handover (clearance_id);
DROP INDEX coordination.ix_handover_next_try_at;
CREATE INDEX ix_handover_next_try_at ON coordination.handover (next_try_at)
    WHERE delivered_at IS NULL AND cancelled_at IS NULL;
ALTER TABLE coordination.notice DROP CONSTRAINT ck_notice_kind, ADD CONSTRAINT ck_notice_kind CHECK (kind IN (
    'asked', 'taken_back', 'due', 'deemed', 'answered', 'clock_stopped', 'clock_restarted', 'contested',
    'contest_decided', 'meeting', 'cleared', 'withdrawn', 'recheck', 'released'));
"""

_RECEIVER = """
CREATE TABLE approval.case_message (
    id serial CONSTRAINT pk_case_message PRIMARY KEY,
    case_id integer CONSTRAINT fk_case_message_case_id REFERENCES approval.case (id),
    planning_number varchar(40) NOT NULL,
    message_id varchar(36) NOT NULL CONSTRAINT uq_case_message_message_id UNIQUE,
    sha256 varchar(64) NOT NULL,
    kind varchar(12) NOT NULL
        CONSTRAINT ck_case_message_kind CHECK (kind IN ('handover', 'correction', 'withdrawal')),
    message jsonb NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX ix_case_message_planning_number ON approval.case_message (planning_number, id);
CREATE INDEX ix_case_message_case_id ON approval.case_message (case_id);
ALTER TABLE approval.case ADD withdrawn_on date, ADD withdrawn_why text;
ALTER TABLE approval.case_message ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON approval.case_message USING ((SELECT blueprint.sees('cases')));
SELECT set_config('blueprint.keeper', 'on', TRUE);
INSERT INTO approval.case_message (case_id, planning_number, message_id, sha256, kind, message, received_at)
SELECT id, planning_number, message_id, message_sha256, 'handover', message, received_at FROM approval.case ORDER BY id;
SELECT set_config('blueprint.keeper', '', TRUE);
"""


def upgrade() -> None:
    """Messages that came before are kept as the first of their cases."""
    op.execute(_SENDER)
    op.execute(_RECEIVER)


def downgrade() -> None:
    """Only as long as no clearance was taken back: two of one project cannot be kept as before."""
    op.execute(
        """
        DROP TABLE approval.case_message;
        ALTER TABLE approval.case DROP withdrawn_on, DROP withdrawn_why;
        SELECT set_config('blueprint.keeper', 'on', TRUE);
        DELETE FROM coordination.handover WHERE kind <> 'handover';
        DELETE FROM coordination.notice_delivery WHERE notice_id IN (
            SELECT id FROM coordination.notice WHERE kind IN ('withdrawn', 'recheck', 'released'));
        DELETE FROM coordination.notice WHERE kind IN ('withdrawn', 'recheck', 'released');
        ALTER TABLE coordination.notice DROP CONSTRAINT ck_notice_kind, ADD CONSTRAINT ck_notice_kind CHECK (kind IN (
            'asked', 'taken_back', 'due', 'deemed', 'answered', 'clock_stopped', 'clock_restarted', 'contested',
            'contest_decided', 'meeting', 'cleared'));
        SELECT set_config('blueprint.keeper', '', TRUE);
        DROP INDEX coordination.ix_handover_next_try_at, coordination.ix_handover_clearance_id;
        CREATE INDEX ix_handover_next_try_at ON coordination.handover (next_try_at) WHERE delivered_at IS NULL;
        ALTER TABLE coordination.handover DROP kind, DROP follows_id, DROP cancelled_at,
            ADD CONSTRAINT uq_handover_clearance_id UNIQUE (clearance_id);
        DROP INDEX coordination.uq_clearance_standing, coordination.ix_clearance_project_id;
        ALTER TABLE coordination.clearance DROP CONSTRAINT ck_clearance_withdrawn,
            DROP withdrawn_at, DROP withdrawn_by, DROP withdrawn_why,
            ADD CONSTRAINT uq_clearance_project_id UNIQUE (project_id);
        """
    )
