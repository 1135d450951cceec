"""Migrations of the database, by Alembic; each is tested up and down."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from blueprint.city import City
from blueprint.sentences import Sentence


def _config(connection: Connection, city: City) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    config.attributes["city"] = city
    return config


def upgrade(connection: Connection, city: City, *, revision: str = "head") -> None:
    """Bring the schema to `revision`; a new database is made for `city` and keeps its working CRS."""
    command.upgrade(_config(connection, city), revision)


def tell_upgrade(connection: Connection, *, tell: Callable[[Sentence], None]) -> None:
    """Say what a database that has a schema is about to be brought to; nothing where it is at the newest."""
    current, head = current_revision(connection), head_revision()
    if current in (None, head):
        return
    size = connection.scalar(text("SELECT pg_database_size(current_database())"))
    tell(
        Sentence(
            "the database of {megabytes:,} MB is brought from revision {revision} to {head}; tables that are"
            " written anew take about half a minute for each 1,000 MB of theirs, and whoever reads them waits",
            megabytes=(size or 0) >> 20,
            revision=current,
            head=head,
        )
    )


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
