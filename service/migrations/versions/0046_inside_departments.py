"""Inside a department: stand-ins, who is responsible, and the way of a request from its receipt to its issue.

Revision ID: 0046
Revises: 0044
"""

from alembic import op

revision = "0046"
down_revision = "0044"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE blueprint.stand_in (
    id serial CONSTRAINT pk_stand_in PRIMARY KEY,
    department varchar(40) NOT NULL,
    login varchar(60) NOT NULL CONSTRAINT fk_stand_in_login REFERENCES blueprint.person (login),
    deputy varchar(60) NOT NULL CONSTRAINT fk_stand_in_deputy REFERENCES blueprint.person (login),
    act varchar(40),
    starts_on date NOT NULL,
    ends_on date NOT NULL,
    reason text NOT NULL,
    made_by varchar(200) NOT NULL,
    made_at timestamptz NOT NULL,
    ended_by varchar(200),
    ended_at timestamptz,
    CONSTRAINT ck_stand_in_order CHECK (ends_on >= starts_on),
    CONSTRAINT ck_stand_in_another CHECK (login <> deputy),
    CONSTRAINT ck_stand_in_ended CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
    CONSTRAINT ex_stand_in_absence EXCLUDE USING gist (login WITH =, daterange(starts_on, ends_on, '[]') WITH &&)
        WHERE (act IS NULL AND ended_at IS NULL)
);
CREATE INDEX ix_stand_in_deputy ON blueprint.stand_in (deputy);
CREATE INDEX ix_stand_in_department ON blueprint.stand_in (department);

CREATE TABLE coordination.responsible_section (
    department varchar(40) CONSTRAINT pk_responsible_section PRIMARY KEY,
    section_id integer NOT NULL CONSTRAINT fk_responsible_section_section_id REFERENCES blueprint.section (id),
    officer varchar(200),
    named_by varchar(200) NOT NULL,
    named_at timestamptz NOT NULL
);

CREATE TABLE coordination.handling (
    request_id integer CONSTRAINT pk_handling PRIMARY KEY
        CONSTRAINT fk_handling_request_id REFERENCES coordination.opinion_request (id),
    state varchar(12) NOT NULL CONSTRAINT ck_handling_state
        CHECK (state IN ('to_receive', 'in_study', 'in_review', 'to_issue', 'issued')),
    section_id integer CONSTRAINT fk_handling_section_id REFERENCES blueprint.section (id),
    officer varchar(200),
    draft jsonb,
    amends integer,
    CONSTRAINT ck_handling_nothing_to_review CHECK (state NOT IN ('in_review', 'to_issue') OR draft IS NOT NULL)
);

CREATE TABLE coordination.handling_event (
    id serial CONSTRAINT pk_handling_event PRIMARY KEY,
    request_id integer NOT NULL CONSTRAINT fk_handling_event_request_id REFERENCES coordination.handling (request_id),
    step varchar(12) NOT NULL CONSTRAINT ck_handling_event_step CHECK (step IN (
        'receive', 'hand_over', 'assign', 'save', 'submit', 'approve', 'send_back', 'issue', 'reopen')),
    state varchar(12) NOT NULL,
    at timestamptz NOT NULL,
    by varchar(200) NOT NULL,
    stands_for varchar(200),
    section varchar(100),
    officer varchar(200),
    reason text
);
CREATE INDEX ix_handling_event_request_id ON coordination.handling_event (request_id);
"""

_KINDS = """
ALTER TABLE coordination.notice DROP CONSTRAINT ck_notice_kind, ADD CONSTRAINT ck_notice_kind CHECK (kind IN (
    'asked', 'taken_back', 'due', 'deemed', 'answered', 'clock_stopped', 'clock_restarted', 'contested',
    'contest_decided', 'meeting', 'cleared', 'withdrawn', 'recheck', 'released', 'late_items'{}));
"""

# What a department does inside is nobody else's, not the coordinator's either; who is responsible is told to all members.
_WALLS = {
    "blueprint.stand_in": "(SELECT blueprint.sees('accounts')) OR department = (SELECT blueprint.viewer_department())",
    "coordination.handling": "(SELECT blueprint.sees('everything')) OR EXISTS ("
    "SELECT FROM coordination.opinion_request AS request WHERE request.id = handling.request_id"
    " AND request.department = (SELECT blueprint.viewer_department()))",
    "coordination.handling_event": "EXISTS ("
    "SELECT FROM coordination.handling WHERE handling.request_id = handling_event.request_id)",
}


def upgrade() -> None:
    """Make the tables; until a department names who is responsible, it answers at once as before."""
    op.execute(_TABLES)
    op.execute(_KINDS.format(", 'handling', 'internal_due'"))
    for table, condition in _WALLS.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY wall ON {table} USING ({condition})")


def downgrade() -> None:
    """What was drafted and not issued goes; opinions stay."""
    op.execute("SET LOCAL blueprint.keeper = 'on'")
    op.execute(
        """
        DELETE FROM coordination.notice_delivery WHERE notice_id IN (
            SELECT id FROM coordination.notice WHERE kind IN ('handling', 'internal_due'));
        DELETE FROM coordination.notice WHERE kind IN ('handling', 'internal_due');
        """
    )
    op.execute(_KINDS.format(""))
    op.execute(
        """
        DROP TABLE coordination.handling_event;
        DROP TABLE coordination.handling;
        DROP TABLE coordination.responsible_section;
        DROP TABLE blueprint.stand_in;
        """
    )
