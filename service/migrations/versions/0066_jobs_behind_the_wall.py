"""Jobs keep with which token they were asked for and of which layers they tell, batches which layers they asked; both walls ask them.

Revision ID: 0066
Revises: 0050
"""

from alembic import op

revision = "0066"
down_revision = "0050"
branch_labels = None
depends_on = None

# Of what was made before is known which layers a result names; which a batch found clear is not, and it goes in a month.
_COLUMNS = """
ALTER TABLE blueprint.job
    ADD asked_token integer,
    ADD is_personal boolean NOT NULL DEFAULT FALSE,
    ADD told_layers text[] NOT NULL DEFAULT '{}';
ALTER TABLE blueprint.job ALTER is_personal DROP DEFAULT, ALTER told_layers DROP DEFAULT;
UPDATE blueprint.job SET is_personal = TRUE WHERE kind IN ('batch_check', 'plan_audit');
UPDATE blueprint.job SET told_layers = ARRAY[arguments ->> 'first', arguments ->> 'second'] WHERE kind = 'plan_audit';
UPDATE blueprint.job SET told_layers = ARRAY(SELECT jsonb_object_keys(result -> 'layers'))
WHERE kind = 'batch_check' AND jsonb_typeof(result -> 'layers') = 'object';
UPDATE blueprint.job
SET told_layers = ARRAY(SELECT met ->> 'layer' FROM jsonb_array_elements(result -> 'layers') AS met)
WHERE kind = 'dry_run' AND jsonb_typeof(result -> 'layers') = 'array';

ALTER TABLE coordination.batch_check ADD layers text[] NOT NULL DEFAULT '{}';
ALTER TABLE coordination.batch_check ALTER layers DROP DEFAULT;
UPDATE coordination.batch_check SET layers = ARRAY(SELECT jsonb_object_keys(summary -> 'layers'));
"""

_WALL = """
-- Whether there is no restricted layer among some but those of departments that the viewer is cleared for, and those
-- that were granted.
CREATE FUNCTION blueprint.may_read_layers(codes text[], viewer jsonb) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED
AS $$
    SELECT NOT EXISTS (
        SELECT FROM blueprint.layer
        WHERE layer.code = ANY (codes) AND layer.sensitivity = 'restricted'
            AND NOT coalesce(viewer -> 'cleared' ? layer.department, FALSE)
            AND NOT coalesce(viewer -> 'layers' ? layer.code, FALSE)
    )
$$;

ALTER TABLE blueprint.job ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
-- One's own, and what is not somebody's alone, as far as one may read the layers that it tells of.
CREATE POLICY wall ON blueprint.job
USING (
    (SELECT blueprint.sees('everything'))
    OR asked_by = (SELECT blueprint.viewer_account())
    OR (
        NOT is_personal AND (SELECT blueprint.sees('jobs'))
        AND (
            (SELECT blueprint.sees('restricted'))
            OR blueprint.may_read_layers(told_layers || CAST(layer AS text), (SELECT blueprint.viewer()))
        )
    )
);
"""


def upgrade() -> None:
    """Say of what is kept which layers it tells of, and raise the wall before the table of jobs."""
    op.execute(_COLUMNS)
    op.execute(_WALL)


def downgrade() -> None:
    """Take the wall down; the columns go."""
    op.execute("DROP POLICY wall ON blueprint.job")
    op.execute("ALTER TABLE blueprint.job DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION blueprint.may_read_layers(text[], jsonb)")
    op.execute("ALTER TABLE coordination.batch_check DROP COLUMN layers")
    op.execute(
        "ALTER TABLE blueprint.job DROP COLUMN asked_token, DROP COLUMN is_personal, DROP COLUMN told_layers"
    )
