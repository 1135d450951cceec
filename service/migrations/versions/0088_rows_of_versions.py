"""Rows of a version are held to it once a statement, not once a row: a foreign key asked half a million times for one number.

Revision ID: 0088
Revises: 0081
"""

from alembic import op

revision = "0088"
down_revision = "0081"
branch_labels = None
depends_on = None

_TABLES = ("feature", "part", "tile_sheet")
_FUNCTIONS = """
-- What is stored is of versions that there are, and that stay until this transaction ends; as a foreign key's own check
-- it runs as the owner.
CREATE FUNCTION blueprint.hold_rows_to_versions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    told integer;
BEGIN
    FOR told IN SELECT DISTINCT version_id FROM new_rows LOOP
        PERFORM FROM blueprint.layer_version WHERE id = told FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE foreign_key_violation USING MESSAGE =
                format('%I.%I speaks of version %s, which does not exist', TG_TABLE_SCHEMA, TG_TABLE_NAME, told);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- With a version goes what was stored of it; its number never changes.
CREATE FUNCTION blueprint.drop_rows_of_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE foreign_key_violation USING MESSAGE = 'the id of a version does not change';
    END IF;
    DELETE FROM blueprint.feature WHERE version_id = OLD.id;
    DELETE FROM blueprint.part WHERE version_id = OLD.id;
    DELETE FROM blueprint.tile_sheet WHERE version_id = OLD.id;
    RETURN NULL;
END $$;

CREATE TRIGGER rows_go_with_version AFTER DELETE ON blueprint.layer_version
FOR EACH ROW EXECUTE FUNCTION blueprint.drop_rows_of_version();
CREATE TRIGGER id_stays AFTER UPDATE ON blueprint.layer_version
FOR EACH ROW WHEN (NEW.id <> OLD.id) EXECUTE FUNCTION blueprint.drop_rows_of_version();
"""


def upgrade() -> None:
    """What is there was held to its versions already."""
    op.execute(_FUNCTIONS)
    for table in _TABLES:
        op.execute(f"ALTER TABLE blueprint.{table} DROP CONSTRAINT fk_{table}_version_id")
        for act in ("INSERT", "UPDATE"):
            op.execute(
                f"CREATE TRIGGER of_a_version_{act.lower()} AFTER {act} ON blueprint.{table}"
                " REFERENCING NEW TABLE AS new_rows"
                " FOR EACH STATEMENT EXECUTE FUNCTION blueprint.hold_rows_to_versions()"
            )


def downgrade() -> None:
    """Foreign keys again."""
    for table in _TABLES:
        for act in ("insert", "update"):
            op.execute(f"DROP TRIGGER of_a_version_{act} ON blueprint.{table}")
        op.execute(
            f"ALTER TABLE blueprint.{table} ADD CONSTRAINT fk_{table}_version_id"
            " FOREIGN KEY (version_id) REFERENCES blueprint.layer_version (id) ON DELETE CASCADE"
        )
    op.execute("DROP TRIGGER rows_go_with_version ON blueprint.layer_version")
    op.execute("DROP TRIGGER id_stays ON blueprint.layer_version")
    op.execute("DROP FUNCTION blueprint.drop_rows_of_version()")
    op.execute("DROP FUNCTION blueprint.hold_rows_to_versions()")
