"""Notices to departments and offices, and their ways outside.

Revision ID: 0029
Revises: 0028
"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE coordination.notice (
    id uuid CONSTRAINT pk_notice PRIMARY KEY,
    kind varchar(20) NOT NULL CONSTRAINT ck_notice_kind CHECK (kind IN ('asked', 'taken_back', 'due', 'deemed',
        'answered', 'clock_stopped', 'clock_restarted', 'contested', 'contest_decided', 'meeting', 'cleared')),
    department varchar(40),
    office varchar(20) CONSTRAINT ck_notice_office CHECK (office IN ('coordinator', 'supervisor')),
    project_id integer CONSTRAINT fk_notice_project_id REFERENCES coordination.project (id),
    request_id integer CONSTRAINT fk_notice_request_id REFERENCES coordination.opinion_request (id),
    about_on date,
    text text NOT NULL,
    made_at timestamptz NOT NULL,
    read_at timestamptz,
    read_by varchar(200),
    CONSTRAINT ck_notice_one_addressee CHECK ((department IS NULL) <> (office IS NULL))
);
CREATE INDEX ix_notice_department ON coordination.notice (department, made_at);
CREATE INDEX ix_notice_made_at ON coordination.notice (made_at);
CREATE INDEX ix_notice_request_id ON coordination.notice (request_id, kind);

CREATE TABLE coordination.notice_delivery (
    id serial CONSTRAINT pk_notice_delivery PRIMARY KEY,
    notice_id uuid NOT NULL CONSTRAINT fk_notice_delivery_notice_id REFERENCES coordination.notice (id),
    channel varchar(10) NOT NULL CONSTRAINT ck_notice_delivery_channel CHECK (channel IN ('webhook', 'email')),
    address text NOT NULL,
    attempts integer NOT NULL,
    next_try_at timestamptz NOT NULL,
    last_error text,
    delivered_at timestamptz,
    CONSTRAINT uq_notice_delivery_notice_id_channel UNIQUE (notice_id, channel)
);
"""

# Whoever is known may tell others; what is read is one's own.
_WALLS = """
ALTER TABLE coordination.notice ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON coordination.notice
USING ((SELECT blueprint.sees('opinions')) OR (SELECT blueprint.viewer() -> 'departments') ?| ARRAY[department])
WITH CHECK ((SELECT blueprint.viewer()) <> '{}');
ALTER TABLE coordination.notice_delivery ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON coordination.notice_delivery
USING (EXISTS (SELECT FROM coordination.notice WHERE notice.id = notice_delivery.notice_id));
"""


def upgrade() -> None:
    """Nobody is told of what happened before."""
    op.execute(_TABLES)
    op.execute(_WALLS)


def downgrade() -> None:
    """Notices go, also those that were not sent yet."""
    op.execute("DROP TABLE coordination.notice_delivery")
    op.execute("DROP TABLE coordination.notice")
