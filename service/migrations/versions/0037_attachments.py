"""Attachments of projects and of departments' answers.

Revision ID: 0037
Revises: 0036
"""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE coordination.attachment (
    id serial CONSTRAINT pk_attachment PRIMARY KEY,
    project_id integer NOT NULL CONSTRAINT fk_attachment_project_id REFERENCES coordination.project (id),
    request_id integer CONSTRAINT fk_attachment_request_id REFERENCES coordination.opinion_request (id),
    file_name varchar(200) NOT NULL,
    kind varchar(10) NOT NULL,
    sha256 varchar(64) NOT NULL,
    size_bytes bigint NOT NULL CONSTRAINT ck_attachment_size CHECK (size_bytes > 0),
    about text,
    added_by varchar(200) NOT NULL,
    added_department varchar(40),
    added_at timestamptz NOT NULL
);
CREATE INDEX ix_attachment_project_id ON coordination.attachment (project_id);
CREATE INDEX ix_attachment_request_id ON coordination.attachment (request_id);
"""

# A file of a project is its members'; a file of a request is for who sees that request.
_WALL = """
ALTER TABLE coordination.attachment ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON coordination.attachment
USING ((SELECT blueprint.sees('projects')) AND (request_id IS NULL OR EXISTS (
    SELECT FROM coordination.opinion_request WHERE opinion_request.id = attachment.request_id)));
"""


def upgrade() -> None:
    """Make the table."""
    op.execute(_TABLE)
    op.execute(_WALL)


def downgrade() -> None:
    """Remove it; the files stay in the object folder."""
    op.execute("DROP TABLE coordination.attachment")
