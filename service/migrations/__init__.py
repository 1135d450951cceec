"""Migrations of the database, by Alembic; each is tested up and down."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from blueprint.city import City


def _config(connection: Connection, city: City) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    config.attributes["city"] = city
    return config


def upgrade(connection: Connection, city: City, *, revision: str = "head") -> None:
    """Bring the schema to `revision`; a new database is made for `city` and keeps its working CRS."""
    command.upgrade(_config(connection, city), revision)


def downgrade(connection: Connection, city: City, *, revision: str) -> None:
    """Take the schema back to `revision` (`base`: nothing of ours is left)."""
    command.downgrade(_config(connection, city), revision)


def current_revision(connection: Connection) -> str | None:
    """The revision the database is at; None when it was never migrated."""
    context = MigrationContext.configure(
        connection, opts={"version_table": "schema_revision", "version_table_schema": "public"}
    )
    return context.get_current_revision()


@cache
def head_revision() -> str | None:
    """The newest revision this code knows."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return ScriptDirectory.from_config(config).get_current_head()


def refuse_unknown(revision: str) -> None:
    """Raise Alembic's ResolutionError for a revision that this code does not know."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    ScriptDirectory.from_config(config).revision_map.get_revisions(revision)
