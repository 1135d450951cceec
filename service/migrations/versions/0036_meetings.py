"""Coordination meetings, and disagreements that their departments let be settled.

Revision ID: 0036
Revises: 0033
"""

from alembic import op

revision = "0036"
down_revision = "0033"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE coordination.meeting (
    id serial CONSTRAINT pk_meeting PRIMARY KEY,
    project_id integer NOT NULL CONSTRAINT fk_meeting_project_id REFERENCES coordination.project (id),
    state varchar(10) NOT NULL
        CONSTRAINT ck_meeting_state CHECK (state IN ('asked', 'called', 'held', 'declined')),
    question text NOT NULL,
    departments text[] NOT NULL,
    agenda jsonb NOT NULL,
    asked_by varchar(200) NOT NULL,
    asked_department varchar(40),
    asked_at timestamptz NOT NULL,
    meets_at timestamptz,
    place varchar(200),
    called_by varchar(200),
    minutes text,
    closed_by varchar(200),
    closed_on date,
    CONSTRAINT ck_meeting_called CHECK (state <> 'called' OR meets_at IS NOT NULL),
    CONSTRAINT ck_meeting_minutes CHECK ((state IN ('held', 'declined')) = (minutes IS NOT NULL))
);
CREATE INDEX ix_meeting_project_id ON coordination.meeting (project_id);

CREATE TABLE coordination.meeting_decision (
    id serial CONSTRAINT pk_meeting_decision PRIMARY KEY,
    meeting_id integer NOT NULL CONSTRAINT fk_meeting_decision_meeting_id REFERENCES coordination.meeting (id),
    number integer NOT NULL,
    department varchar(40) NOT NULL,
    text text NOT NULL,
    request_id integer CONSTRAINT fk_meeting_decision_request_id REFERENCES coordination.opinion_request (id),
    how text,
    closed_by varchar(200),
    closed_at timestamptz,
    CONSTRAINT uq_meeting_decision_meeting_id_number UNIQUE (meeting_id, number),
    CONSTRAINT ck_meeting_decision_closed CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);

ALTER TABLE coordination.opinion
    ADD settled_at timestamptz,
    ADD settled_by varchar(200),
    ADD settled_words text,
    ADD CONSTRAINT ck_opinion_settled CHECK (
        (settled_at IS NULL) = (settled_by IS NULL) AND (settled_at IS NULL) = (settled_words IS NULL));
"""

# A meeting is its participants', and whose work is all opinions; whoever asks for one takes part in it.
_WALLS = """
ALTER TABLE coordination.meeting ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON coordination.meeting
USING ((SELECT blueprint.sees('opinions')) OR (SELECT blueprint.viewer() -> 'departments') ?| departments);
ALTER TABLE coordination.meeting_decision ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON coordination.meeting_decision
USING (EXISTS (SELECT FROM coordination.meeting WHERE meeting.id = meeting_decision.meeting_id));
"""


def upgrade() -> None:
    """Make the tables; nothing was settled before."""
    op.execute(_TABLES)
    op.execute(_WALLS)


def downgrade() -> None:
    """Meetings go; a disagreement that was settled is one again."""
    op.execute(
        """
        DROP TABLE coordination.meeting_decision;
        DROP TABLE coordination.meeting;
        ALTER TABLE coordination.opinion DROP settled_at, DROP settled_by, DROP settled_words;
        """
    )
