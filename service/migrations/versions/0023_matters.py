"""Approval: letters of supervision, joint consultations, obligations, meetings, guidance and disputes.

Revision ID: 0023
Revises: 0022
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE approval.letter (
    id serial CONSTRAINT pk_letter PRIMARY KEY,
    item_id integer NOT NULL CONSTRAINT fk_letter_item_id REFERENCES approval.item (id),
    department varchar(40) NOT NULL,
    card varchar(12) NOT NULL CONSTRAINT ck_letter_card CHECK (card IN ('green', 'yellow', 'red', 'escalated')),
    due_on date NOT NULL,
    content text NOT NULL,
    sent_by varchar(200) NOT NULL,
    sent_on date NOT NULL,
    answer text,
    answered_by varchar(200),
    answered_on date,
    CONSTRAINT ck_letter_answer CHECK ((answered_on IS NULL) = (answer IS NULL))
);
CREATE INDEX ix_letter_item_id ON approval.letter (item_id);
CREATE INDEX ix_letter_open ON approval.letter (department, id) WHERE answered_on IS NULL;

CREATE TABLE approval.joint_consultation (
    id serial CONSTRAINT pk_joint_consultation PRIMARY KEY,
    item_id integer NOT NULL CONSTRAINT fk_joint_consultation_item_id REFERENCES approval.item (id),
    question text NOT NULL,
    asked_by varchar(200) NOT NULL,
    asked_on date NOT NULL,
    due_on date NOT NULL,
    provisional boolean NOT NULL
);
CREATE INDEX ix_joint_consultation_item_id ON approval.joint_consultation (item_id);

CREATE TABLE approval.consultation_answer (
    id serial CONSTRAINT pk_consultation_answer PRIMARY KEY,
    consultation_id integer NOT NULL CONSTRAINT fk_consultation_answer_consultation_id
        REFERENCES approval.joint_consultation (id),
    department varchar(40) NOT NULL,
    kind varchar(24) CONSTRAINT ck_consultation_answer_kind CHECK (kind IN
        ('agree', 'agree_with_conditions', 'disagree', 'no_objection')),
    conditions text,
    remark text,
    answered_by varchar(200),
    answered_on date,
    CONSTRAINT uq_consultation_answer_consultation_id_department UNIQUE (consultation_id, department),
    CONSTRAINT ck_consultation_answer_answered CHECK ((kind IS NULL) = (answered_on IS NULL)),
    CONSTRAINT ck_consultation_answer_conditions
        CHECK ((kind = 'agree_with_conditions') = (conditions IS NOT NULL))
);
CREATE INDEX ix_consultation_answer_open ON approval.consultation_answer (department, id) WHERE kind IS NULL;

CREATE TABLE approval.obligation (
    id serial CONSTRAINT pk_obligation PRIMARY KEY,
    case_id integer NOT NULL CONSTRAINT fk_obligation_case_id REFERENCES approval.case (id),
    source varchar(16) NOT NULL
        CONSTRAINT ck_obligation_source CHECK (source IN ('opinion', 'consultation', 'matter')),
    department varchar(40) NOT NULL,
    content text NOT NULL,
    item_code varchar(20),
    assigned_by varchar(200),
    how text,
    closed_by varchar(200),
    closed_on date,
    CONSTRAINT ck_obligation_closed CHECK ((closed_on IS NULL) = (how IS NULL))
);
CREATE INDEX ix_obligation_case_id ON approval.obligation (case_id);

CREATE TABLE approval.matter (
    id serial CONSTRAINT pk_matter PRIMARY KEY,
    item_id integer NOT NULL CONSTRAINT fk_matter_item_id REFERENCES approval.item (id),
    kind varchar(12) NOT NULL CONSTRAINT ck_matter_kind CHECK (kind IN ('meeting', 'guidance', 'dispute')),
    state varchar(12) NOT NULL CONSTRAINT ck_matter_state CHECK (state IN ('asked', 'convened', 'decided', 'declined')),
    addressed_to varchar(40) NOT NULL,
    departments text NOT NULL,
    question text NOT NULL,
    asked_by varchar(200) NOT NULL,
    asked_department varchar(40) NOT NULL,
    asked_on date NOT NULL,
    meets_at timestamptz,
    place varchar(200),
    decision text,
    decided_by varchar(200),
    decided_on date
);
CREATE INDEX ix_matter_item_id ON approval.matter (item_id);
CREATE INDEX ix_matter_open ON approval.matter (addressed_to, state, id);
"""

_WALLED = ("letter", "joint_consultation", "consultation_answer", "obligation", "matter")


def upgrade() -> None:
    """Make the tables, behind the second wall like the cases they belong to."""
    op.execute(_TABLES)
    for table in _WALLED:
        op.execute(f"ALTER TABLE approval.{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY wall ON approval.{table} USING ((SELECT blueprint.sees('cases')))")


def downgrade() -> None:
    """Remove the tables."""
    for table in reversed(_WALLED):
        op.execute(f"DROP TABLE approval.{table}")
