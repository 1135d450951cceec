"""The register of exported files, and how much a grant lets be taken away (Art. 17, 18).

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE blueprint.access_grant
    ADD COLUMN most_exports integer NOT NULL DEFAULT 10,
    ADD COLUMN most_features integer NOT NULL DEFAULT 1000000,
    ADD CONSTRAINT ck_access_grant_limits CHECK (most_exports >= 1 AND most_features >= 1);
ALTER TABLE blueprint.access_grant ALTER COLUMN most_exports DROP DEFAULT, ALTER COLUMN most_features DROP DEFAULT;

CREATE TABLE blueprint.export (
    id serial CONSTRAINT pk_export PRIMARY KEY,
    number varchar(36) NOT NULL CONSTRAINT uq_export_number UNIQUE,
    version_id integer NOT NULL CONSTRAINT fk_export_version_id REFERENCES blueprint.layer_version (id),
    grant_id integer CONSTRAINT fk_export_grant_id REFERENCES blueprint.access_grant (id),
    account varchar(200) NOT NULL,
    department varchar(40),
    format varchar(20) NOT NULL,
    sensitivity varchar(10) NOT NULL,
    features integer NOT NULL,
    bytes bigint NOT NULL,
    sha256 varchar(64) NOT NULL,
    purpose text,
    exported_at timestamptz NOT NULL
);
CREATE INDEX ix_export_version_id ON blueprint.export (version_id);
CREATE INDEX ix_export_grant_id ON blueprint.export (grant_id);
CREATE INDEX ix_export_department ON blueprint.export (department);
CREATE INDEX ix_export_account ON blueprint.export (account, exported_at);
CREATE INDEX ix_export_sha256 ON blueprint.export (sha256);

-- A file that has left is not called back: its entry is neither changed nor deleted.
CREATE TRIGGER keep_exports BEFORE UPDATE OR DELETE OR TRUNCATE ON blueprint.export
FOR EACH STATEMENT EXECUTE FUNCTION blueprint.refuse_removal();
"""


def upgrade() -> None:
    """Grants that are there get the limits that a new one has; nothing is registered as exported."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Forget what was exported; grants have no limits."""
    op.execute("DROP TABLE blueprint.export")
    op.execute("ALTER TABLE blueprint.access_grant DROP COLUMN most_exports, DROP COLUMN most_features")
