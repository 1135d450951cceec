"""Approval: process tables, items with steps, time spans, results, the library of materials, promises.

Revision ID: 0021
Revises: 0020
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_STATES = """'not_submitted', 'not_needed', 'submitted', 'withdrawn', 'accepted', 'not_accepted', 'acceptance_refused',
    'correction_asked', 'corrected', 'in_review', 'stopped', 'resumed', 'approved', 'approved_with_promise', 'refused',
    'taken_back', 'revoked'"""

_TABLES = f"""
CREATE TABLE approval.process_table (
    version varchar(40) CONSTRAINT pk_process_table PRIMARY KEY,
    sha256 varchar(64) NOT NULL,
    content text NOT NULL,
    first_used_at timestamptz NOT NULL
);

ALTER TABLE approval.case
    ADD process_version varchar(40)
        CONSTRAINT fk_case_process_version REFERENCES approval.process_table (version),
    ADD project_type varchar(20),
    ADD hall varchar(40),
    ADD district varchar(20),
    ADD prepared_by varchar(200),
    ADD prepared_at timestamptz;

ALTER TABLE approval.case_stage
    ADD limit_days integer,
    ADD due_on date,
    ADD provisional boolean NOT NULL DEFAULT FALSE;

CREATE TABLE approval.item (
    id serial CONSTRAINT pk_item PRIMARY KEY,
    case_id integer NOT NULL CONSTRAINT fk_item_case_id REFERENCES approval.case (id),
    code varchar(20) NOT NULL,
    round integer NOT NULL,
    stage varchar(24) CONSTRAINT ck_item_stage CHECK (stage IN
        ('land_use_planning', 'project_permit', 'construction_permit', 'completion_acceptance')),
    title varchar(200) NOT NULL,
    department varchar(40) NOT NULL,
    limit_days integer,
    day_unit varchar(10) NOT NULL CONSTRAINT ck_item_day_unit CHECK (day_unit IN ('working', 'calendar')),
    state varchar(24) NOT NULL CONSTRAINT ck_item_state CHECK (state IN ({_STATES})),
    on_commitment boolean NOT NULL,
    submitted_on date,
    correction_asked_on date,
    accepted_on date,
    extended_days integer NOT NULL,
    concluded_on date,
    was_late boolean,
    due_on date,
    yellow_on date,
    provisional boolean NOT NULL,
    verify_due_on date,
    verified_on date,
    CONSTRAINT uq_item_case_id_code_round UNIQUE (case_id, code, round)
);
CREATE UNIQUE INDEX uq_item_under_way ON approval.item (case_id, code) WHERE state NOT IN
    ('acceptance_refused', 'not_accepted', 'refused', 'revoked', 'taken_back', 'withdrawn');
CREATE INDEX ix_item_late ON approval.item (due_on) WHERE due_on IS NOT NULL;
CREATE INDEX ix_item_to_do ON approval.item (department, state, id);

CREATE TABLE approval.item_step (
    id serial CONSTRAINT pk_item_step PRIMARY KEY,
    item_id integer NOT NULL CONSTRAINT fk_item_step_item_id REFERENCES approval.item (id),
    number integer NOT NULL,
    step varchar(24) NOT NULL CONSTRAINT ck_item_step_step CHECK (step IN ('drop', 'need', 'submit', 'accept',
        'ask_correction', 'correct', 'not_accept', 'refuse_acceptance', 'withdraw', 'begin', 'stop', 'resume', 'extend',
        'approve', 'refuse', 'revoke', 'verify')),
    state varchar(24) NOT NULL CONSTRAINT ck_item_step_state CHECK (state IN ({_STATES})),
    taken_on date NOT NULL,
    taken_at timestamptz NOT NULL,
    taken_by varchar(200) NOT NULL,
    department varchar(40),
    reason text,
    detail jsonb NOT NULL,
    CONSTRAINT uq_item_step_item_id_number UNIQUE (item_id, number)
);

CREATE TABLE approval.time_span (
    id serial CONSTRAINT pk_time_span PRIMARY KEY,
    item_id integer NOT NULL CONSTRAINT fk_time_span_item_id REFERENCES approval.item (id),
    holder varchar(12) NOT NULL
        CONSTRAINT ck_time_span_holder CHECK (holder IN ('applicant', 'window', 'department', 'stop')),
    starts_on date NOT NULL,
    ends_on date,
    working_days integer,
    calendar_days integer,
    stop_kind varchar(24),
    CONSTRAINT ck_time_span_counted CHECK ((ends_on IS NULL) = (working_days IS NULL)),
    CONSTRAINT ck_time_span_order CHECK (ends_on >= starts_on)
);
CREATE UNIQUE INDEX uq_time_span_open ON approval.time_span (item_id) WHERE ends_on IS NULL;
CREATE INDEX ix_time_span_item_id ON approval.time_span (item_id);

CREATE TABLE approval.material (
    id serial CONSTRAINT pk_material PRIMARY KEY,
    case_id integer NOT NULL CONSTRAINT fk_material_case_id REFERENCES approval.case (id),
    code varchar(20) NOT NULL,
    version integer NOT NULL,
    title varchar(200) NOT NULL,
    origin varchar(12) NOT NULL
        CONSTRAINT ck_material_origin CHECK (origin IN ('applicant', 'handover', 'result')),
    item_id integer CONSTRAINT fk_material_item_id REFERENCES approval.item (id),
    given_on date NOT NULL,
    given_by varchar(200) NOT NULL,
    valid_until date,
    replaces_reason text,
    file_name varchar(200),
    sha256 varchar(64),
    size_bytes integer,
    CONSTRAINT uq_material_case_id_code_version UNIQUE (case_id, code, version),
    CONSTRAINT ck_material_file CHECK ((sha256 IS NULL) = (size_bytes IS NULL)),
    CONSTRAINT ck_material_given CHECK (sha256 IS NOT NULL OR origin <> 'applicant')
);

CREATE TABLE approval.item_result (
    item_id integer CONSTRAINT pk_item_result PRIMARY KEY
        CONSTRAINT fk_item_result_item_id REFERENCES approval.item (id),
    number varchar(100) NOT NULL CONSTRAINT uq_item_result_number UNIQUE,
    title varchar(200) NOT NULL,
    signed_by varchar(200) NOT NULL,
    signed_on date NOT NULL,
    valid_until date,
    material_id integer NOT NULL CONSTRAINT fk_item_result_material_id REFERENCES approval.material (id),
    uploaded_at timestamptz,
    uploaded_by varchar(200)
);

CREATE TABLE approval.promise (
    id serial CONSTRAINT pk_promise PRIMARY KEY,
    item_id integer NOT NULL CONSTRAINT fk_promise_item_id REFERENCES approval.item (id),
    material varchar(20) NOT NULL,
    due_on date NOT NULL,
    kept_on date,
    CONSTRAINT uq_promise_item_id_material UNIQUE (item_id, material)
);
"""

_WALLED = ("process_table", "item", "item_step", "time_span", "material", "item_result", "promise")


def upgrade() -> None:
    """Make the tables, behind the second wall like the cases they belong to."""
    op.execute(_TABLES)
    for table in _WALLED:
        op.execute(f"ALTER TABLE approval.{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY wall ON approval.{table} USING ((SELECT blueprint.sees('cases')))")


def downgrade() -> None:
    """Remove the tables; cases and stages are what they were before."""
    op.execute("ALTER TABLE approval.case_stage DROP limit_days, DROP due_on, DROP provisional")
    op.execute(
        "ALTER TABLE approval.case DROP process_version, DROP project_type, DROP hall, DROP district,"
        " DROP prepared_by, DROP prepared_at"
    )
    for table in reversed(_WALLED):
        op.execute(f"DROP TABLE approval.{table}")
