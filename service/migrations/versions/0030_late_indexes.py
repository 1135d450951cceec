"""Approval: what is late is found by partial indexes, and silent opinions are counted when a case comes in.

Revision ID: 0030
Revises: 0029
"""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes and the two counts; those of cases taken in before are counted from their messages."""
    op.execute(
        """
        CREATE INDEX ix_item_unverified ON approval.item (verify_due_on)
            WHERE verify_due_on IS NOT NULL AND verified_on IS NULL;
        CREATE INDEX ix_item_result_not_uploaded ON approval.item_result (signed_on) WHERE uploaded_at IS NULL;
        CREATE INDEX ix_promise_open ON approval.promise (due_on) WHERE kept_on IS NULL;
        CREATE INDEX ix_case_stage_open ON approval.case_stage (due_on)
            WHERE due_on IS NOT NULL AND concluded_on IS NULL;
        ALTER TABLE approval.case
            ADD opinion_count integer NOT NULL DEFAULT 0,
            ADD deemed_count integer NOT NULL DEFAULT 0;
        SELECT set_config('blueprint.keeper', 'on', TRUE);
        UPDATE approval.case SET
            opinion_count = coalesce(jsonb_array_length(message -> 'opinions'), 0),
            deemed_count = jsonb_array_length(
                jsonb_path_query_array(message, '$.opinions[*] ? (@.kind == "deemed_no_objection")'));
        SELECT set_config('blueprint.keeper', '', TRUE);
        """
    )


def downgrade() -> None:
    """Remove them."""
    op.execute(
        """
        ALTER TABLE approval.case DROP opinion_count, DROP deemed_count;
        DROP INDEX approval.ix_case_stage_open;
        DROP INDEX approval.ix_promise_open;
        DROP INDEX approval.ix_item_result_not_uploaded;
        DROP INDEX approval.ix_item_unverified;
        """
    )
