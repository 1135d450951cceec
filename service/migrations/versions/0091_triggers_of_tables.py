"""Functions of triggers that run as their owner are for the tables they were made for: nobody else's trigger may call them.

Revision ID: 0091
Revises: 0083
"""

from alembic import op

revision = "0091"
down_revision = "0083"
branch_labels = None
depends_on = None

_OWNERS = """
DO $$
DECLARE
    of_trigger regprocedure;
BEGIN
    FOR of_trigger IN
        SELECT p.oid::regprocedure
        FROM pg_proc AS p
        WHERE p.pronamespace IN ('blueprint'::regnamespace, 'coordination'::regnamespace, 'approval'::regnamespace)
            AND p.prosecdef AND p.prorettype = 'trigger'::regtype
    LOOP
        EXECUTE format('{act}', of_trigger);
    END LOOP;
END $$
"""
"""Firing a trigger asks for no right; making one of a function does."""


def upgrade() -> None:
    """Else a role that may read alone could delete what a version stored, by a trigger on a table of its own."""
    op.execute(_OWNERS.replace("{act}", "REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC"))


def downgrade() -> None:
    """As functions are made."""
    op.execute(_OWNERS.replace("{act}", "GRANT EXECUTE ON FUNCTION %s TO PUBLIC"))
