"""The clock of a request (stops, moved due days, first seen) and the whole of an opinion (conditions, basis, amendments, contests).

Revision ID: 0022
Revises: 0021
"""

from alembic import context, op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE coordination.opinion_request
    ADD COLUMN stopped_on date,
    ADD COLUMN first_seen_at timestamptz,
    ADD COLUMN first_seen_by varchar(200);

CREATE TABLE coordination.clock_stop (
    id serial CONSTRAINT pk_clock_stop PRIMARY KEY,
    request_id integer NOT NULL CONSTRAINT fk_clock_stop_request_id REFERENCES coordination.opinion_request (id),
    stopped_on date NOT NULL,
    stop_reason text NOT NULL,
    stopped_by varchar(200) NOT NULL,
    restarted_on date,
    restart_reason text,
    restarted_by varchar(200),
    CONSTRAINT ck_clock_stop_order CHECK (restarted_on >= stopped_on)
);
CREATE UNIQUE INDEX uq_clock_stop_open ON coordination.clock_stop (request_id) WHERE restarted_on IS NULL;

CREATE TABLE coordination.due_change (
    id serial CONSTRAINT pk_due_change PRIMARY KEY,
    request_id integer NOT NULL CONSTRAINT fk_due_change_request_id REFERENCES coordination.opinion_request (id),
    at timestamptz NOT NULL,
    by varchar(200) NOT NULL,
    from_on date NOT NULL,
    from_provisional boolean NOT NULL,
    to_on date NOT NULL,
    to_provisional boolean NOT NULL,
    why text NOT NULL
);
CREATE INDEX ix_due_change_request_id ON coordination.due_change (request_id);

ALTER TABLE coordination.opinion
    ADD COLUMN number integer NOT NULL DEFAULT 1,
    ADD COLUMN basis text,
    ADD COLUMN would_agree_if text,
    ADD COLUMN markup geometry(Geometry, WORKING_SRID),
    ADD COLUMN source varchar(10) NOT NULL DEFAULT 'system'
        CONSTRAINT ck_opinion_source CHECK (source IN ('system', 'letter', 'telephone')),
    ADD COLUMN evidence text,
    ADD COLUMN answers jsonb NOT NULL DEFAULT '[]',
    ADD CONSTRAINT ck_opinion_evidence CHECK (source = 'system' OR evidence IS NOT NULL);

CREATE TABLE coordination.opinion_condition (
    id serial CONSTRAINT pk_opinion_condition PRIMARY KEY,
    opinion_id integer NOT NULL CONSTRAINT fk_opinion_condition_opinion_id REFERENCES coordination.opinion (id),
    number integer NOT NULL,
    finding integer,
    text text NOT NULL,
    place geometry(Geometry, WORKING_SRID),
    CONSTRAINT uq_opinion_condition_opinion_id_number UNIQUE (opinion_id, number)
);
CREATE TABLE coordination.earlier_opinion (
    id serial CONSTRAINT pk_earlier_opinion PRIMARY KEY,
    opinion_id integer NOT NULL CONSTRAINT fk_earlier_opinion_opinion_id REFERENCES coordination.opinion (id),
    number integer NOT NULL,
    content jsonb NOT NULL,
    CONSTRAINT uq_earlier_opinion_opinion_id_number UNIQUE (opinion_id, number)
);
CREATE TABLE coordination.contest (
    id serial CONSTRAINT pk_contest PRIMARY KEY,
    request_id integer NOT NULL CONSTRAINT fk_contest_request_id REFERENCES coordination.opinion_request (id),
    finding integer NOT NULL,
    reason text NOT NULL,
    contested_by varchar(200) NOT NULL,
    contested_at timestamptz NOT NULL,
    is_upheld boolean,
    decision text,
    decided_by varchar(200),
    decided_at timestamptz,
    CONSTRAINT uq_contest_request_id_finding UNIQUE (request_id, finding),
    CONSTRAINT ck_contest_decided CHECK ((is_upheld IS NULL) = (decided_at IS NULL))
);
"""

_CONDITIONS = """
INSERT INTO coordination.opinion_condition (opinion_id, number, text)
SELECT opinion.id, 1, opinion.conditions FROM coordination.opinion WHERE opinion.conditions IS NOT NULL;
"""

# Art. 11 by the database itself: whatever the code does, nothing is said after the limit, or to a request taken back.
_LATE = """
CREATE FUNCTION coordination.refuse_late_opinion() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    request coordination.opinion_request;
BEGIN
    IF NEW.kind = 'deemed_no_objection' THEN
        RETURN NEW;
    END IF;
    SELECT * INTO request FROM coordination.opinion_request WHERE id = NEW.request_id;
    IF request.withdrawn_on IS NOT NULL THEN
        RAISE EXCEPTION 'opinion request % was withdrawn on %', NEW.request_id, request.withdrawn_on
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.given_on > request.due_on AND NOT request.provisional AND request.stopped_on IS NULL THEN
        RAISE EXCEPTION 'the limit of opinion request % ended on %', NEW.request_id, request.due_on
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_late_opinion BEFORE INSERT OR UPDATE ON coordination.opinion
FOR EACH ROW EXECUTE FUNCTION coordination.refuse_late_opinion();
"""

_OF_REQUEST = (
    "(SELECT blueprint.sees('opinions')) OR EXISTS"
    " (SELECT FROM coordination.opinion_request AS request WHERE request.id = {}.request_id)"
)
_OF_OPINION = (
    "(SELECT blueprint.sees('opinions')) OR EXISTS"
    " (SELECT FROM coordination.opinion WHERE opinion.id = {}.opinion_id)"
)
_WALLS = {
    "clock_stop": _OF_REQUEST,
    "due_change": _OF_REQUEST,
    "contest": _OF_REQUEST,
    "opinion_condition": _OF_OPINION,
    "earlier_opinion": _OF_OPINION,
}


def upgrade() -> None:
    """What was said with conditions has them as one record."""
    srid = int(context.config.attributes["city"].working_srid)
    op.execute(_TABLES.replace("WORKING_SRID", str(srid)))
    op.execute("SET LOCAL blueprint.keeper = 'on'")
    op.execute(_CONDITIONS)
    op.execute(_LATE)
    for table, condition in _WALLS.items():
        op.execute(f"ALTER TABLE coordination.{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY wall ON coordination.{table} USING ({condition.format(table)})")


def downgrade() -> None:
    """What was said besides kind, conditions, reason and remark goes."""
    op.execute("DROP TRIGGER refuse_late_opinion ON coordination.opinion")
    op.execute("DROP FUNCTION coordination.refuse_late_opinion()")
    for table in _WALLS:
        op.execute(f"DROP TABLE coordination.{table}")
    op.execute(
        "ALTER TABLE coordination.opinion DROP COLUMN number, DROP COLUMN basis, DROP COLUMN would_agree_if,"
        " DROP COLUMN markup, DROP COLUMN source, DROP COLUMN evidence, DROP COLUMN answers"
    )
    op.execute(
        "ALTER TABLE coordination.opinion_request DROP COLUMN stopped_on, DROP COLUMN first_seen_at,"
        " DROP COLUMN first_seen_by"
    )
