"""Making a database ready for a city, and refusing one that was made for another."""

from collections.abc import Callable

from sqlalchemy import Connection, Engine, create_engine, make_url, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from blueprint.city import City
from blueprint.database import CONNECT_ARGS, SCHEMAS
from blueprint.errors import ConflictError, UnavailableError
from blueprint.models import CityRow
from blueprint.sentences import Sentence
from blueprint.wall import set_key
from service import migrations

_MIGRATION_LOCK = 2019_08_21
"""Two starts at once migrate one after the other; the number is the regulation's date."""


def initialise(
    url: str,
    city: City,
    *,
    service_url: str | None = None,
    tell: Callable[[Sentence], None] = lambda _: None,
) -> None:
    """Migrate the database at `url` to the newest schema and hold it to the city's working CRS.

    `tell` is told before an older schema is changed, which takes minutes where a large table is written anew.

    `url` is of the role that owns the tables; where the service has another (`service_url`), it is let to the tables,
    and the second wall stands in between.
    """
    engine = create_engine(url, poolclass=NullPool, connect_args=CONNECT_ARGS)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.execute(text("SET LOCAL blueprint.keeper = 'on'"))
            migrations.tell_upgrade(connection, tell=tell)
            migrations.upgrade(connection, city)
            let_in(connection, service_url)
        hold_to_city(engine, city)
    except OperationalError as error:
        raise _unreachable(error) from error
    finally:
        engine.dispose()


_READ_ONLY = ("blueprint.city", "blueprint.audit_entry", "blueprint.audit_checkpoint")
"""The service reads these; entries come in by `append_audit` alone and go by the owner's `retire_audit`."""


def let_in(connection: Connection, service_url: str | None) -> None:
    """Grant the service's role what it needs of every table, tables of later migrations too; its key makes the wall hold.

    Where the one role owns the tables there is nothing to grant, and no key: what transactions tell counts unsigned.
    """
    service = make_url(service_url) if service_url is not None else None
    role = service.username if service is not None else None
    if service is None or role is None or role == connection.scalar(text("SELECT current_user")):
        set_key(connection, None)
        return
    set_key(connection, service.password or "")
    name = connection.dialect.identifier_preparer.quote_identifier(role)
    schemas = ", ".join(SCHEMAS)
    for statement in (
        f"GRANT USAGE ON SCHEMA {schemas} TO {name}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schemas} TO {name}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schemas} TO {name}",
        f"REVOKE INSERT, UPDATE, DELETE ON {', '.join(_READ_ONLY)} FROM {name}",
        f"REVOKE ALL ON blueprint.wall_key FROM {name}",
        f"GRANT SELECT ON public.schema_revision TO {name}",
    ):
        connection.execute(text(statement))


def hold_to_city(engine: Engine, city: City) -> None:
    """Refuse a database whose schema or working CRS is not what this start expects; each in one sentence."""
    try:
        with engine.connect() as connection:
            revision = migrations.current_revision(connection)
            if revision is None:
                raise ConflictError("the database has no blueprint yet; run `blueprint database migrate`")
            if revision != migrations.head_revision():
                raise ConflictError(
                    "the database is at schema revision {revision}, this version needs {head}; run"
                    " `blueprint database migrate`",
                    revision=revision,
                    head=migrations.head_revision(),
                )
            row = Session(connection).scalars(select(CityRow)).one()
    except OperationalError as error:
        raise _unreachable(error) from error
    if row.working_srid != city.working_srid:
        raise ConflictError(
            "this database was made for {row_name} in EPSG:{working_srid} and cannot be used with"
            " {city_name} in {working_crs}; use that city's profile, or another database for this one",
            row_name=row.name,
            working_srid=row.working_srid,
            city_name=city.name,
            working_crs=city.working_crs,
        )
    if row.administrative_code != city.administrative_code:
        raise ConflictError(
            "this database belongs to {row_name} ({administrative_code}), the profile is of {city_name}"
            " ({city_administrative_code}); use that city's profile, or another database for this one",
            row_name=row.name,
            administrative_code=row.administrative_code,
            city_name=city.name,
            city_administrative_code=city.administrative_code,
        )


def _unreachable(error: OperationalError) -> UnavailableError:
    reason = str(error.orig).strip().splitlines()[0] if error.orig else Sentence("no answer")
    return UnavailableError(
        "the database cannot be reached: {reason}; is it started, and is DATABASE_URL right?", reason=reason
    )
