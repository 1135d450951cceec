"""Particulars and states of projects, their history; rounds of consultation with who was added or left out.

Revision ID: 0020
Revises: 0019
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_PROJECT = """
ALTER TABLE coordination.project
    ALTER COLUMN scope_decided_by DROP NOT NULL,
    ADD COLUMN status varchar(16) NOT NULL DEFAULT 'preparing'
        CONSTRAINT ck_project_status CHECK (status IN ('draft', 'preparing', 'consulting', 'adjusting', 'cleared',
            'handed_over', 'returned', 'shelved', 'ended')),
    ADD COLUMN applicant_code varchar(18),
    ADD COLUMN project_type varchar(40),
    ADD COLUMN industry varchar(200),
    ADD COLUMN investment_10k_cny numeric(14, 4),
    ADD COLUMN planned_use varchar(200),
    ADD COLUMN district varchar(20),
    ADD COLUMN funds_source varchar(200),
    ADD COLUMN planned_start_on date,
    ADD COLUMN approval_level varchar(10),
    ADD COLUMN scope_doubts jsonb NOT NULL DEFAULT '[]';

CREATE TABLE coordination.project_event (
    id serial CONSTRAINT pk_project_event PRIMARY KEY,
    project_id integer NOT NULL CONSTRAINT fk_project_event_project_id REFERENCES coordination.project (id),
    at timestamptz NOT NULL,
    by varchar(200) NOT NULL,
    department varchar(40),
    act varchar(40) NOT NULL,
    details jsonb NOT NULL
);
CREATE INDEX ix_project_event_project_id ON coordination.project_event (project_id);
ALTER TABLE coordination.project_event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON coordination.project_event USING ((SELECT blueprint.sees('projects')));
"""

_ROUNDS = """
ALTER TABLE coordination.consultation
    DROP CONSTRAINT uq_consultation_project_id_footprint_revision_id,
    ADD COLUMN round integer NOT NULL DEFAULT 1,
    ADD COLUMN added jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN dropped jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN superseded_on date,
    ADD COLUMN superseded_why text;
CREATE INDEX ix_consultation_footprint_revision_id ON coordination.consultation (footprint_revision_id);
ALTER TABLE coordination.opinion_request
    ADD COLUMN working_days integer NOT NULL DEFAULT 5,
    ADD COLUMN why varchar(20) NOT NULL DEFAULT 'touched',
    ADD COLUMN withdrawn_why text;
"""

_KNOWN = """
UPDATE coordination.consultation SET round = numbered.round FROM (
    SELECT id, row_number() OVER (PARTITION BY project_id ORDER BY id) AS round FROM coordination.consultation
) AS numbered WHERE numbered.id = consultation.id;
UPDATE coordination.opinion_request SET working_days = consultation.working_days,
    why = CASE WHEN findings = '[]' THEN 'always_asked' ELSE 'touched' END
FROM coordination.consultation WHERE consultation.id = consultation_id;
UPDATE coordination.project SET status = CASE
    WHEN EXISTS (SELECT FROM coordination.clearance WHERE clearance.project_id = project.id) THEN 'cleared'
    WHEN EXISTS (SELECT FROM coordination.consultation WHERE consultation.project_id = project.id) THEN 'consulting'
    ELSE 'preparing' END;
UPDATE coordination.consultation SET superseded_on = opened_on, superseded_why = '用地红线已变更 the footprint was changed'
WHERE footprint_revision_id NOT IN (
    SELECT DISTINCT ON (project_id) id FROM coordination.footprint_revision ORDER BY project_id, number DESC
);
UPDATE coordination.project SET status = 'adjusting' WHERE status = 'consulting' AND NOT EXISTS (
    SELECT FROM coordination.consultation WHERE consultation.project_id = project.id AND superseded_on IS NULL
);
ALTER TABLE coordination.consultation ADD CONSTRAINT uq_consultation_project_id_round UNIQUE (project_id, round);
"""


def upgrade() -> None:
    """What projects went through is their state; rounds are numbered as they were opened."""
    op.execute(_PROJECT)
    op.execute(_ROUNDS)
    op.execute("SET LOCAL blueprint.keeper = 'on'")
    op.execute(_KNOWN)


def downgrade() -> None:
    """Refused by the database while one footprint has several rounds; what was registered beyond name and purpose goes."""
    op.execute("SET LOCAL blueprint.keeper = 'on'")
    op.execute("DROP TABLE coordination.project_event")
    op.execute(
        "ALTER TABLE coordination.opinion_request DROP COLUMN working_days, DROP COLUMN why, DROP COLUMN withdrawn_why"
    )
    op.execute(
        "ALTER TABLE coordination.consultation DROP CONSTRAINT uq_consultation_project_id_round, DROP COLUMN round,"
        " DROP COLUMN added, DROP COLUMN dropped, DROP COLUMN superseded_on, DROP COLUMN superseded_why"
    )
    op.execute("DROP INDEX coordination.ix_consultation_footprint_revision_id")
    op.execute(
        "ALTER TABLE coordination.consultation ADD CONSTRAINT uq_consultation_project_id_footprint_revision_id"
        " UNIQUE (project_id, footprint_revision_id)"
    )
    op.execute(
        "UPDATE coordination.project SET scope_decided_by = registered_by WHERE scope_decided_by IS NULL"
    )
    op.execute(
        "ALTER TABLE coordination.project ALTER COLUMN scope_decided_by SET NOT NULL, DROP COLUMN status,"
        " DROP COLUMN applicant_code, DROP COLUMN project_type, DROP COLUMN industry, DROP COLUMN investment_10k_cny,"
        " DROP COLUMN planned_use, DROP COLUMN district, DROP COLUMN funds_source, DROP COLUMN planned_start_on,"
        " DROP COLUMN approval_level, DROP COLUMN scope_doubts"
    )
