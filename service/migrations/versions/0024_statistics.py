"""Approval: the days of a concluded item and stage beside it, so that statistics ask one row an item.

Revision ID: 0024
Revises: 0023
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the sums; those of what was concluded before are summed from the spans."""
    op.execute(
        """
        ALTER TABLE approval.item
            ADD applicant_days integer,
            ADD window_days integer,
            ADD department_days integer,
            ADD stop_days integer;
        ALTER TABLE approval.case_stage
            ADD working_days integer,
            ADD stop_days integer;
        SELECT set_config('blueprint.keeper', 'on', TRUE);
        UPDATE approval.item SET
            applicant_days = summed.applicant, window_days = summed.at_window,
            department_days = summed.department, stop_days = summed.stopped
        FROM (
            SELECT
                item.id,
                coalesce(sum(span.working_days) FILTER (WHERE span.holder = 'applicant'), 0) AS applicant,
                coalesce(sum(span.working_days) FILTER (WHERE span.holder = 'window'), 0) AS at_window,
                coalesce(sum(span.working_days) FILTER (WHERE span.holder = 'department'), 0) AS department,
                coalesce(sum(span.working_days) FILTER (WHERE span.holder = 'stop'), 0) AS stopped
            FROM approval.item
            LEFT JOIN approval.time_span AS span ON span.item_id = item.id
            WHERE item.concluded_on IS NOT NULL
            GROUP BY item.id
        ) AS summed
        WHERE summed.id = item.id;
        SELECT set_config('blueprint.keeper', '', TRUE);
        ALTER TABLE approval.item ADD CONSTRAINT ck_item_summed
            CHECK ((concluded_on IS NULL) = (department_days IS NULL));
        CREATE INDEX ix_item_concluded_on ON approval.item (concluded_on, id);
        CREATE INDEX ix_case_stage_concluded_on ON approval.case_stage (concluded_on) WHERE concluded_on IS NOT NULL;
        """
    )


def downgrade() -> None:
    """Remove them; the spans have the days."""
    op.execute(
        """
        DROP INDEX approval.ix_case_stage_concluded_on;
        DROP INDEX approval.ix_item_concluded_on;
        ALTER TABLE approval.case_stage DROP working_days, DROP stop_days;
        ALTER TABLE approval.item
            DROP CONSTRAINT ck_item_summed,
            DROP applicant_days,
            DROP window_days,
            DROP department_days,
            DROP stop_days;
        """
    )
