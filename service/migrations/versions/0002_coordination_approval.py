"""Coordination and approval: projects, checks, consultations, opinions, clearances, handovers; cases and stages.

Revision ID: 0002
Revises: 0001
"""

from alembic import context, op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the schemas `coordination` and `approval`; footprints get the working CRS of the city."""
    srid = int(context.config.attributes["city"].working_srid)
    op.execute("CREATE SCHEMA coordination")
    op.execute(_COORDINATION.replace("WORKING_SRID", str(srid)))
    op.execute("CREATE SCHEMA approval")
    op.execute(_APPROVAL)


def downgrade() -> None:
    """Remove both schemas."""
    op.execute("DROP SCHEMA approval CASCADE")
    op.execute("DROP SCHEMA coordination CASCADE")


_COORDINATION = """
CREATE TABLE coordination.planning_number_series (
    administrative_code varchar(20) NOT NULL,
    year integer NOT NULL,
    last_number integer NOT NULL CONSTRAINT ck_planning_number_series_positive CHECK (last_number >= 1),
    CONSTRAINT pk_planning_number_series PRIMARY KEY (administrative_code, year)
);

CREATE TABLE coordination.project (
    id serial CONSTRAINT pk_project PRIMARY KEY,
    planning_number varchar(40) NOT NULL CONSTRAINT uq_project_planning_number UNIQUE,
    name varchar(200) NOT NULL,
    applicant varchar(200) NOT NULL,
    purpose text NOT NULL,
    in_scope boolean NOT NULL,
    scope_reason text,
    scope_decided_by varchar(200) NOT NULL,
    registered_by varchar(200) NOT NULL,
    registered_at timestamptz NOT NULL
);

CREATE TABLE coordination.footprint_revision (
    id serial CONSTRAINT pk_footprint_revision PRIMARY KEY,
    project_id integer NOT NULL CONSTRAINT fk_footprint_revision_project_id REFERENCES coordination.project (id),
    number integer NOT NULL CONSTRAINT ck_footprint_revision_positive CHECK (number >= 1),
    footprint geometry(MultiPolygon, WORKING_SRID) NOT NULL,
    source_crs text NOT NULL,
    operation text NOT NULL,
    notes jsonb NOT NULL,
    made_by varchar(200) NOT NULL,
    made_at timestamptz NOT NULL,
    CONSTRAINT uq_footprint_revision_project_id_number UNIQUE (project_id, number)
);

CREATE TABLE coordination.check (
    id serial CONSTRAINT pk_check PRIMARY KEY,
    project_id integer CONSTRAINT fk_check_project_id REFERENCES coordination.project (id),
    footprint_revision_id integer
        CONSTRAINT fk_check_footprint_revision_id REFERENCES coordination.footprint_revision (id),
    digest varchar(80) NOT NULL,
    on_day date NOT NULL,
    verdict varchar(10) NOT NULL,
    report jsonb NOT NULL,
    footprint geometry(MultiPolygon, WORKING_SRID) NOT NULL,
    made_by varchar(200) NOT NULL,
    made_at timestamptz NOT NULL
);
CREATE INDEX ix_check_footprint_revision_id ON coordination.check (footprint_revision_id);

CREATE TABLE coordination.consultation (
    id serial CONSTRAINT pk_consultation PRIMARY KEY,
    project_id integer NOT NULL CONSTRAINT fk_consultation_project_id REFERENCES coordination.project (id),
    footprint_revision_id integer NOT NULL
        CONSTRAINT fk_consultation_footprint_revision_id REFERENCES coordination.footprint_revision (id),
    check_id integer NOT NULL CONSTRAINT fk_consultation_check_id REFERENCES coordination.check (id),
    working_days integer NOT NULL,
    opened_on date NOT NULL,
    opened_by varchar(200) NOT NULL,
    opened_at timestamptz NOT NULL,
    CONSTRAINT uq_consultation_project_id_footprint_revision_id UNIQUE (project_id, footprint_revision_id)
);

CREATE TABLE coordination.opinion_request (
    id serial CONSTRAINT pk_opinion_request PRIMARY KEY,
    consultation_id integer NOT NULL
        CONSTRAINT fk_opinion_request_consultation_id REFERENCES coordination.consultation (id),
    department varchar(40) NOT NULL,
    sent_on date NOT NULL,
    due_on date NOT NULL,
    provisional boolean NOT NULL,
    findings jsonb NOT NULL,
    draft text NOT NULL,
    withdrawn_on date,
    CONSTRAINT uq_opinion_request_consultation_id_department UNIQUE (consultation_id, department),
    CONSTRAINT ck_opinion_request_due_after_sent CHECK (due_on > sent_on)
);
CREATE INDEX ix_opinion_request_department ON coordination.opinion_request (department);
CREATE INDEX ix_opinion_request_due_on ON coordination.opinion_request (due_on) WHERE withdrawn_on IS NULL;

CREATE TABLE coordination.opinion (
    id serial CONSTRAINT pk_opinion PRIMARY KEY,
    request_id integer NOT NULL CONSTRAINT uq_opinion_request_id UNIQUE
        CONSTRAINT fk_opinion_request_id REFERENCES coordination.opinion_request (id),
    kind varchar(24) NOT NULL CONSTRAINT ck_opinion_kind
        CHECK (kind IN ('agree', 'agree_with_conditions', 'disagree', 'no_objection', 'deemed_no_objection')),
    conditions text,
    reason text,
    remark text,
    given_by varchar(200) NOT NULL,
    given_on date NOT NULL,
    given_at timestamptz NOT NULL,
    CONSTRAINT ck_opinion_conditions CHECK (kind <> 'agree_with_conditions' OR conditions IS NOT NULL),
    CONSTRAINT ck_opinion_reason CHECK (kind <> 'disagree' OR reason IS NOT NULL)
);

CREATE TABLE coordination.clearance (
    id serial CONSTRAINT pk_clearance PRIMARY KEY,
    project_id integer NOT NULL CONSTRAINT uq_clearance_project_id UNIQUE
        CONSTRAINT fk_clearance_project_id REFERENCES coordination.project (id),
    footprint_revision_id integer NOT NULL
        CONSTRAINT fk_clearance_footprint_revision_id REFERENCES coordination.footprint_revision (id),
    consultation_id integer NOT NULL CONSTRAINT uq_clearance_consultation_id UNIQUE
        CONSTRAINT fk_clearance_consultation_id REFERENCES coordination.consultation (id),
    check_id integer NOT NULL CONSTRAINT fk_clearance_check_id REFERENCES coordination.check (id),
    cleared_on date NOT NULL,
    cleared_by varchar(200) NOT NULL,
    cleared_at timestamptz NOT NULL
);

CREATE TABLE coordination.handover (
    id serial CONSTRAINT pk_handover PRIMARY KEY,
    clearance_id integer NOT NULL CONSTRAINT uq_handover_clearance_id UNIQUE
        CONSTRAINT fk_handover_clearance_id REFERENCES coordination.clearance (id),
    message_id varchar(36) NOT NULL CONSTRAINT uq_handover_message_id UNIQUE,
    body text NOT NULL,
    sha256 varchar(64) NOT NULL,
    attempts integer NOT NULL CONSTRAINT ck_handover_attempts CHECK (attempts >= 0),
    next_try_at timestamptz NOT NULL,
    last_error text,
    delivered_at timestamptz,
    made_at timestamptz NOT NULL
);
CREATE INDEX ix_handover_next_try_at ON coordination.handover (next_try_at) WHERE delivered_at IS NULL;
"""

_APPROVAL = """
CREATE TABLE approval.case (
    id serial CONSTRAINT pk_case PRIMARY KEY,
    message_id varchar(36) NOT NULL CONSTRAINT uq_case_message_id UNIQUE,
    message_sha256 varchar(64) NOT NULL,
    planning_number varchar(40) NOT NULL CONSTRAINT uq_case_planning_number UNIQUE,
    project_name varchar(200) NOT NULL,
    applicant varchar(200) NOT NULL,
    purpose text NOT NULL,
    message jsonb NOT NULL,
    received_at timestamptz NOT NULL,
    project_code varchar(40) CONSTRAINT uq_case_project_code UNIQUE,
    project_code_bound_by varchar(200),
    project_code_bound_at timestamptz
);

CREATE TABLE approval.case_stage (
    id serial CONSTRAINT pk_case_stage PRIMARY KEY,
    case_id integer NOT NULL CONSTRAINT fk_case_stage_case_id REFERENCES approval.case (id),
    stage varchar(24) NOT NULL CONSTRAINT ck_case_stage_stage CHECK (stage IN
        ('land_use_planning', 'project_permit', 'construction_permit', 'completion_acceptance')),
    position integer NOT NULL,
    accepted_on date,
    accepted_by varchar(200),
    concluded_on date,
    concluded_by varchar(200),
    CONSTRAINT uq_case_stage_case_id_stage UNIQUE (case_id, stage),
    CONSTRAINT uq_case_stage_case_id_position UNIQUE (case_id, position),
    CONSTRAINT ck_case_stage_order
        CHECK (concluded_on IS NULL OR (accepted_on IS NOT NULL AND concluded_on >= accepted_on))
);
"""
