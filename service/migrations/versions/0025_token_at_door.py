"""What is behind a token and what its department was granted, asked in one call by who has the token's hash.

Revision ID: 0025
Revises: 0024
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_FUNCTION = """
CREATE FUNCTION blueprint.token_at_door(token_sha256 text, today date)
RETURNS TABLE (
    id integer, label varchar, department varchar, is_service boolean, acts text[], layers text[],
    expires_at timestamptz, revoked_at timestamptz, used_at timestamptz, grants jsonb
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept text := coalesce(current_setting('blueprint.keeper', TRUE), '');
BEGIN
    PERFORM set_config('blueprint.keeper', 'on', TRUE);
    RETURN QUERY SELECT token.id, token.label, token.department, token.is_service, token.acts, token.layers,
        token.expires_at, token.revoked_at, token_use.used_at,
        (
            SELECT jsonb_agg(
                jsonb_build_array(access_grant.id, layer.code, access_grant.purpose, access_grant.may_export)
                ORDER BY access_grant.id
            )
            FROM blueprint.access_grant
            INNER JOIN blueprint.layer ON layer.id = access_grant.layer_id
            WHERE access_grant.department = token.department AND access_grant.state = 'granted'
                AND today BETWEEN access_grant.starts_on AND access_grant.ends_on
        )
        FROM blueprint.token
        INNER JOIN blueprint.token_use ON token_use.token_id = token.id
        WHERE token.sha256 = token_sha256;
    PERFORM set_config('blueprint.keeper', kept, TRUE);
END $$;
"""


def upgrade() -> None:
    """Make the function; nothing is stored."""
    op.execute(_FUNCTION)


def downgrade() -> None:
    """Drop the function."""
    op.execute("DROP FUNCTION blueprint.token_at_door(text, date)")
