"""Sections of departments as rows; what was a word on an appointment becomes one of them.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE blueprint.section (
    id serial CONSTRAINT pk_section PRIMARY KEY,
    department varchar(40) NOT NULL,
    name varchar(100) NOT NULL,
    name_en varchar(100),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    made_by varchar(200) NOT NULL,
    made_at timestamptz NOT NULL,
    ended_by varchar(200),
    ended_at timestamptz,
    CONSTRAINT ck_section_order CHECK (ends_at IS NULL OR ends_at >= starts_at),
    CONSTRAINT ex_section_name EXCLUDE USING gist (
        department WITH =, name WITH =, tstzrange(starts_at, ends_at) WITH &&
    )
);
CREATE TRIGGER keep_sections BEFORE DELETE OR TRUNCATE ON blueprint.section
FOR EACH STATEMENT EXECUTE FUNCTION blueprint.refuse_removal();

ALTER TABLE blueprint.appointment ADD COLUMN section_id integer
    CONSTRAINT fk_appointment_section_id REFERENCES blueprint.section (id);
CREATE INDEX ix_appointment_section_id ON blueprint.appointment (section_id);
"""

_WORDS_TO_ROWS = """
INSERT INTO blueprint.section (department, name, starts_at, made_by, made_at)
SELECT department, btrim(section), min(starts_at), 'migration', now() FROM blueprint.appointment
WHERE department IS NOT NULL AND btrim(section) <> '' GROUP BY department, btrim(section);

UPDATE blueprint.appointment a SET section_id = s.id FROM blueprint.section s
WHERE s.department = a.department AND s.name = btrim(a.section);
"""

# A word on a role of the whole city is of no department's section: it goes into the log, so that it is not lost.
_WORDS_LEFT = """
SELECT blueprint.append_audit(jsonb_agg(jsonb_build_object(
    'actor', 'migration', 'roles', jsonb_build_array(), 'channel', 'console', 'act', 'administer_accounts',
    'kind', 'appointment', 'thing', CAST(id AS text), 'before', jsonb_build_object('section', section),
    'outcome', 'done') ORDER BY id))
FROM blueprint.appointment WHERE section_id IS NULL AND btrim(section) <> '' HAVING count(*) > 0;
"""


def upgrade() -> None:
    """Every word that stood on appointments of a department is a section of it, from the first of them on."""
    op.execute(_TABLE)
    op.execute(_WORDS_TO_ROWS)
    op.execute(_WORDS_LEFT)
    op.execute("ALTER TABLE blueprint.appointment DROP COLUMN section")


def downgrade() -> None:
    """A section is a word on the appointment again; sections that nobody is in are forgotten."""
    op.execute("ALTER TABLE blueprint.appointment ADD COLUMN section varchar(100)")
    op.execute(
        "UPDATE blueprint.appointment a SET section = s.name FROM blueprint.section s WHERE s.id = a.section_id"
    )
    op.execute("ALTER TABLE blueprint.appointment DROP COLUMN section_id")
    op.execute("DROP TABLE blueprint.section")
