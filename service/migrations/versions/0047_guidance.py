"""Guidance that a district asks of the city before the handover; notices keep whom they speak of by code, readers see the name.

Revision ID: 0047
Revises: 0046
"""

from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE coordination.guidance_request (
    id serial CONSTRAINT pk_guidance_request PRIMARY KEY,
    project_id integer NOT NULL CONSTRAINT fk_guidance_request_project_id REFERENCES coordination.project (id),
    department varchar(40) NOT NULL,
    asked_of varchar(40) NOT NULL,
    question text NOT NULL,
    asked_by varchar(200) NOT NULL,
    asked_at timestamptz NOT NULL,
    answer text,
    answered_by varchar(200),
    answered_at timestamptz,
    CONSTRAINT ck_guidance_request_answered CHECK (
        (answered_at IS NULL) = (answered_by IS NULL) AND (answered_at IS NULL) = (answer IS NULL))
);
CREATE INDEX ix_guidance_request_project_id ON coordination.guidance_request (project_id);
ALTER TABLE coordination.guidance_request ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON coordination.guidance_request
USING ((SELECT blueprint.sees('opinions'))
    OR (SELECT blueprint.viewer() -> 'departments') ?| ARRAY[department, asked_of]);
ALTER TABLE coordination.notice ADD subject varchar(40);
"""

_KINDS = """
ALTER TABLE coordination.notice DROP CONSTRAINT ck_notice_kind, ADD CONSTRAINT ck_notice_kind CHECK (kind IN (
    'asked', 'taken_back', 'due', 'deemed', 'answered', 'clock_stopped', 'clock_restarted', 'contested',
    'contest_decided', 'meeting', 'cleared', 'withdrawn', 'recheck', 'released', 'late_items', 'handling',
    'internal_due'{}));
"""


def upgrade() -> None:
    """Make the table; notices that were made before keep their text."""
    op.execute(_TABLE)
    op.execute(_KINDS.format(", 'guidance'"))


def downgrade() -> None:
    """What was asked goes; notices name departments by code again."""
    op.execute("SET LOCAL blueprint.keeper = 'on'")
    op.execute(
        """
        DELETE FROM coordination.notice_delivery WHERE notice_id IN (
            SELECT id FROM coordination.notice WHERE kind = 'guidance');
        DELETE FROM coordination.notice WHERE kind = 'guidance';
        UPDATE coordination.notice SET text = replace(text, '{department}', subject) WHERE subject IS NOT NULL;
        ALTER TABLE coordination.notice DROP subject;
        DROP TABLE coordination.guidance_request;
        """
    )
    op.execute(_KINDS.format(""))
