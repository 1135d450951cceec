"""Approval: shares in time are of what has a limit, and cases are found by the day they came in on.

Revision ID: 0081
Revises: 0080
"""

from alembic import op

revision = "0081"
down_revision = "0080"
branch_labels = None
depends_on = None

_CONCLUDED = """
CREATE OR REPLACE FUNCTION approval.concluded() RETURNS TABLE (
    case_id integer, month date, stage text, project_type text, department text, district text, code text,
    total_days integer, applicant_days integer, window_days integer, department_days integer, stop_days integer,
    accepted_on date, state text, was_late boolean, correction_asked_on date, was_parallel boolean,
    on_commitment boolean, is_tolerated boolean)
LANGUAGE sql STABLE AS $$
    SELECT
        item.case_id, CAST(date_trunc('month', item.concluded_on) AS date), coalesce(item.stage, 'parallel_items'),
        of_case.project_type, item.department, coalesce(of_case.district, 'city'), item.code,
        item.applicant_days + item.window_days + item.department_days + item.stop_days,
        item.applicant_days, item.window_days, item.department_days, item.stop_days,
        item.accepted_on, item.state, {}, item.correction_asked_on, item.was_parallel, item.on_commitment,
        EXISTS (SELECT FROM approval.promise WHERE promise.item_id = item.id)
    FROM approval.item INNER JOIN approval.case AS of_case ON of_case.id = item.case_id
    WHERE item.concluded_on IS NOT NULL
$$;
SELECT approval.recount();
"""


def upgrade() -> None:
    """What has no limit is neither in time nor late; the figures of all months are counted anew."""
    op.execute("SELECT set_config('blueprint.keeper', 'on', TRUE)")
    op.execute(_CONCLUDED.format("CASE WHEN item.limit_days IS NOT NULL THEN item.was_late END"))
    op.execute("SELECT set_config('blueprint.keeper', '', TRUE)")
    op.execute(
        "CREATE INDEX ix_case_received_at ON approval.case (received_at) INCLUDE (opinion_count, deemed_count)"
    )


def downgrade() -> None:
    """What has no limit was in time."""
    op.execute("DROP INDEX approval.ix_case_received_at")
    op.execute("SELECT set_config('blueprint.keeper', 'on', TRUE)")
    op.execute(_CONCLUDED.format("item.was_late"))
    op.execute("SELECT set_config('blueprint.keeper', '', TRUE)")
