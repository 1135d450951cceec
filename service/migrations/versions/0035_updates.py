"""Updates of the blueprint: which were looked at, and what each meant for open projects.

Revision ID: 0035
Revises: 0034
"""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE coordination.looked_at (
    event_id bigint CONSTRAINT pk_looked_at PRIMARY KEY
        CONSTRAINT fk_looked_at_event_id REFERENCES blueprint.publication_event (id),
    project_ids jsonb NOT NULL,
    begun_at timestamptz NOT NULL,
    done_at timestamptz
);

CREATE TABLE coordination.recheck (
    id serial CONSTRAINT pk_recheck PRIMARY KEY,
    event_id bigint NOT NULL CONSTRAINT fk_recheck_event_id REFERENCES blueprint.publication_event (id),
    project_id integer NOT NULL CONSTRAINT fk_recheck_project_id REFERENCES coordination.project (id),
    layer varchar(60) NOT NULL,
    starts_on date NOT NULL,
    check_before_id integer NOT NULL CONSTRAINT fk_recheck_check_before_id REFERENCES coordination.check (id),
    check_id integer CONSTRAINT fk_recheck_check_id REFERENCES coordination.check (id),
    verdict_before varchar(10) NOT NULL,
    verdict_after varchar(10),
    findings jsonb NOT NULL,
    asked jsonb NOT NULL,
    released jsonb NOT NULL,
    failed text,
    made_at timestamptz NOT NULL,
    CONSTRAINT uq_recheck_event_id_project_id UNIQUE (event_id, project_id),
    CONSTRAINT ck_recheck_failed CHECK ((check_id IS NULL) = (failed IS NOT NULL))
);
CREATE INDEX ix_recheck_project_id ON coordination.recheck (project_id, id);
INSERT INTO coordination.looked_at (event_id, project_ids, begun_at, done_at)
SELECT id, '[]', now(), now() FROM blueprint.publication_event WHERE starts_on < current_date;
"""

# What a recheck finds is of every layer, also of those that are not everybody's: it is for who sees all opinions.
_WALLS = """
ALTER TABLE coordination.looked_at ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON coordination.looked_at USING ((SELECT blueprint.sees('opinions')));
ALTER TABLE coordination.recheck ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON coordination.recheck USING ((SELECT blueprint.sees('opinions')));
"""


def upgrade() -> None:
    """Versions that came into force before today are not looked at again."""
    op.execute(_TABLES)
    op.execute(_WALLS)


def downgrade() -> None:
    """Remove the tables."""
    op.execute("DROP TABLE coordination.recheck; DROP TABLE coordination.looked_at")
