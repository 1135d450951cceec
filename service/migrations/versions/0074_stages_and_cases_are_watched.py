"""Approval: stages have a yellow card, whole cases a day by which their days are used up, letters say what is late.

Stages under way get their yellow day when something of them is done next, or the service counts them anew: until then they
are watched by the day on which they are due.

Revision ID: 0074
Revises: 0076
"""

from alembic import op

revision = "0074"
down_revision = "0076"
branch_labels = None
depends_on = None

_STAGES = """
ALTER TABLE approval.case_stage
    ADD yellow_on date, ADD case_due_on date, ADD case_yellow_on date,
    ADD case_provisional boolean NOT NULL DEFAULT FALSE;
ALTER TABLE approval.case_stage ALTER case_provisional DROP DEFAULT;
-- One that is under way is counted anew by the service's next round.
UPDATE approval.case_stage SET yellow_on = due_on, case_provisional = TRUE
WHERE due_on IS NOT NULL AND concluded_on IS NULL;
DROP INDEX approval.ix_case_stage_provisional;
CREATE INDEX ix_case_stage_provisional ON approval.case_stage (due_on)
WHERE (provisional OR case_provisional) AND concluded_on IS NULL;
CREATE INDEX ix_case_stage_case_due_on ON approval.case_stage (case_due_on)
WHERE case_due_on IS NOT NULL AND concluded_on IS NULL;
"""

_LETTERS = """
ALTER TABLE approval.letter
    ADD kind varchar(16) NOT NULL DEFAULT 'item',
    ADD stage_id integer CONSTRAINT fk_letter_stage_id_case_stage REFERENCES approval.case_stage,
    ALTER item_id DROP NOT NULL,
    ADD CONSTRAINT ck_letter_kind CHECK (
        kind IN ('item', 'stage', 'case', 'promise', 'commitment', 'upload', 'consultation')
    ),
    ADD CONSTRAINT ck_letter_about CHECK ((item_id IS NULL) = (kind IN ('stage', 'case'))),
    ADD CONSTRAINT ck_letter_one CHECK ((item_id IS NULL) <> (stage_id IS NULL));
ALTER TABLE approval.letter ALTER kind DROP DEFAULT;
CREATE INDEX ix_letter_stage_id ON approval.letter (stage_id) WHERE stage_id IS NOT NULL;
"""


def upgrade() -> None:
    """Add the days, and what a letter is about."""
    op.execute(_STAGES)
    op.execute(_LETTERS)


def downgrade() -> None:
    """Letters that are about a stage go."""
    op.execute("DELETE FROM approval.letter WHERE item_id IS NULL")
    op.execute(
        "ALTER TABLE approval.letter DROP COLUMN kind, DROP COLUMN stage_id, ALTER item_id SET NOT NULL"
    )
    op.execute("DROP INDEX approval.ix_case_stage_provisional, approval.ix_case_stage_case_due_on")
    op.execute(
        "ALTER TABLE approval.case_stage DROP COLUMN yellow_on, DROP COLUMN case_due_on,"
        " DROP COLUMN case_yellow_on, DROP COLUMN case_provisional"
    )
    op.execute("CREATE INDEX ix_case_stage_provisional ON approval.case_stage (due_on) WHERE provisional")
