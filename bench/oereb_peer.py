"""pyramid_oereb as a service beside ours: its tables in a second database of the same cluster, filled with the same polygons, and its server."""

import io
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import shapely
from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from bench.made_city import polygons
from bench.setting import PEERS, Setting, running, say
from blueprint import cluster
from blueprint.database import load_statements

DATABASE = "oereb"
PUBLISHED_FROM = date(2024, 1, 1)

_FOLDER = Path(__file__).parent
_SQL = load_statements(_FOLDER / "oereb.sql")
_SYMBOL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
"""A picture of one pixel."""

_COPY = """
COPY theme.geometry (id, law_status, published_from, public_law_restriction_id, geom) FROM STDIN
"""


def fill(setting: Setting, parcels: dict[str, shapely.MultiPolygon]) -> None:
    """Make its database anew: the polygons of the setting's only layer as one theme, and the parcels by their EGRID."""
    _program("pserve")  # says early that it is not installed
    owner, admin = make_url(cluster.owner_url(setting.home)), make_url(cluster.admin_url(setting.home))
    with _connected(admin) as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {DATABASE}"))
        connection.execute(text(f"CREATE DATABASE {DATABASE} OWNER {owner.username}"))
    with _connected(admin.set(database=DATABASE)) as connection:
        connection.execute(text("CREATE EXTENSION postgis"))
    (layer,) = setting.layers
    with _connected(owner.set(database=DATABASE)) as connection:
        for script in ("create_main_schema_tables", "create_standard_tables"):
            connection.exec_driver_sql(_tables_by(script, setting))
        values = {"symbol": _SYMBOL, "published_from": PUBLISHED_FROM, "polygons": layer.count}
        connection.execute(_SQL["main"], values)
        _copy_polygons(setting, connection)
        connection.execute(_SQL["indexes"])
        for number, (egrid, site) in enumerate(parcels.items(), start=1):
            parcel = {"id": number, "egrid": egrid, "site": shapely.to_wkb(site)}
            connection.execute(_SQL["parcel"], parcel | {"srid": setting.city.working_srid})
        connection.execute(text("VACUUM ANALYZE"))


@contextmanager
def oereb_server(setting: Setting) -> Iterator[str]:
    """Its service by waitress, one process; gives host:port."""
    words = [_program("pserve"), str(_FOLDER / "oereb.ini"), "http_port={port}"]
    log = setting.home / "oereb.log"
    with running(words, _environment(setting), log, ready="/oereb/versions/json") as host:
        yield host


def _program(name: str) -> str:
    program = PEERS / name
    if not program.exists():
        raise SystemExit("pyramid_oereb is not there to compare with; `make setup-bench` installs it")
    return str(program)


def _environment(setting: Setting) -> dict[str, str]:
    address = make_url(cluster.owner_url(setting.home)).set(database=DATABASE)
    return os.environ | {"OEREB_DATABASE": address.render_as_string(hide_password=False)}


@contextmanager
def _connected(url: URL) -> Iterator[Connection]:
    with create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as connection:
        yield connection


def _tables_by(script: str, setting: Setting) -> str:
    """The statements that one of its scripts writes for the configuration."""
    out = setting.home / "oereb-tables.sql"
    out.unlink(missing_ok=True)
    words = [_program(script), "-c", str(_FOLDER / "oereb.yml"), "--sql-file", str(out)]
    made = subprocess.run(words, env=_environment(setting), capture_output=True, text=True)
    if made.returncode:
        raise SystemExit(f"{script} failed: {made.stderr[-800:]}")
    return out.read_text(encoding="utf-8")


def _copy_polygons(setting: Setting, connection: Connection) -> None:
    (layer,), number = setting.layers, 0
    driver: Any = connection.connection.dbapi_connection
    with driver.cursor() as cursor:
        for batch in polygons(layer, setting.ground):
            shapes = shapely.set_srid(batch, setting.city.working_srid)
            lines = "".join(
                f"{each}\tinForce\t{PUBLISHED_FROM}\t{each}\t{shape}\n"
                for each, shape in enumerate(shapely.to_wkb(shapes, hex=True, include_srid=True), number + 1)
            )
            number += len(batch)
            cursor.copy_expert(_COPY, io.StringIO(lines))
    say(f"  pyramid_oereb has the same {number:,} polygons")
