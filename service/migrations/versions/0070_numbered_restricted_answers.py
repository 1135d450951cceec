"""Answers on restricted layers are numbered, so that their list is read page by page.

Revision ID: 0070
Revises: 0073
"""

from alembic import op

revision = "0070"
down_revision = "0073"
branch_labels = None
depends_on = None

# In the order of the list: of what is there already, the newest day has the highest number.
_NUMBERED = """
ALTER TABLE coordination.restricted_answer ADD id bigint;
UPDATE coordination.restricted_answer AS answer
SET id = numbered.id
FROM (
    SELECT day, reader, owner, row_number() OVER (ORDER BY day, reader DESC, owner DESC) AS id
    FROM coordination.restricted_answer
) AS numbered
WHERE (numbered.day, numbered.reader, numbered.owner) = (answer.day, answer.reader, answer.owner);
ALTER TABLE coordination.restricted_answer
    ALTER id SET NOT NULL,
    ALTER id ADD GENERATED ALWAYS AS IDENTITY,
    ADD CONSTRAINT uq_restricted_answer_id UNIQUE (id);
SELECT setval(
    pg_get_serial_sequence('coordination.restricted_answer', 'id'),
    (SELECT coalesce(max(id), 0) + 1 FROM coordination.restricted_answer), FALSE
);
"""


def upgrade() -> None:
    """Number the answers."""
    op.execute(_NUMBERED)


def downgrade() -> None:
    """Take the numbers away."""
    op.execute("ALTER TABLE coordination.restricted_answer DROP COLUMN id")
