"""`blueprint database …`: the private cluster, the schema, the second wall; backup and restore."""

import typer
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from blueprint import cluster
from blueprint.city import load_city
from blueprint.errors import InvalidInputError
from blueprint.sentences import Sentence
from blueprint.wall import WallState, wall_state
from service import migrations
from service.commands.backup import backup, restore
from service.commands.context import database_url, owner_url, say
from service.commands.options import FormatOption, OutputFormat, print_json, print_table
from service.settings import Settings, read_settings
from service.setup import initialise

app = typer.Typer(
    no_args_is_help=True,
    help="数据库：启动、停止、状态、迁移、备份、恢复 · the private cluster, the schema, backup and restore",
)
app.command("backup")(backup)
app.command("restore")(restore)

_WALL = {
    WallState.UP: "up: the service's role owns nothing and sees what its caller may see",
    WallState.OWNED: "half: the service's role owns the tables, so policies filter, but it could take them away;"
    " give DATABASE_OWNER_URL a role of its own",
    WallState.DOWN: "down: the service's role is a superuser or has BYPASSRLS; only the code's checks stand",
    None: "none yet: run `blueprint database migrate`",
}


def _private(settings: Settings) -> Settings:
    if settings.database_url is not None:
        raise InvalidInputError(
            "DATABASE_URL is set: that server is not ours to start or stop; unset it first"
        )
    return settings


@app.command("start")
def start() -> None:
    """启动私有数据库 · make and start the private PostGIS."""
    settings = _private(read_settings())
    cluster.ensure_running(settings.home, say=say)
    say(Sentence("the database of {home} runs", home=settings.home.resolve()))


@app.command("stop")
def stop() -> None:
    """停止私有数据库 · stop the private PostGIS."""
    settings = _private(read_settings())
    stopped = cluster.stop(settings.home)
    say(Sentence("the database is stopped") if stopped else Sentence("the database was not running"))


@app.command("status")
def status(output: FormatOption = OutputFormat.TABLE) -> None:
    """数据库状态 · say what runs where, and at which schema revision."""
    settings = read_settings()
    values: dict[str, object] = {"needs_revision": migrations.head_revision()}
    url: str | None = None
    service_url: str | None = None
    if settings.database_url is None:
        found = cluster.status(settings.home)
        url = found.url if found.running else None
        service_url = cluster.ensure_running(settings.home) if url is not None else None
        values |= {
            "running": found.running,
            "home": str(found.home),
            "data": str(found.data_dir),
            "version": found.version,
        }
    else:
        url, service_url = owner_url(settings), database_url(settings)
        values |= {"database": make_url(url).render_as_string(hide_password=True)}
    if url is not None:
        engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5})
        with engine.connect() as connection:
            values["revision"] = migrations.current_revision(connection)
    if service_url is not None:
        engine = create_engine(service_url, poolclass=NullPool, connect_args={"connect_timeout": 5})
        with engine.connect() as connection:
            values["second_wall"] = _WALL[wall_state(connection)]
    if output is OutputFormat.JSON:
        print_json(values)
        return
    print_table("数据库 database", ["项 key", "值 value"], values.items(), empty="")


@app.command("migrate")
def migrate() -> None:
    """升级数据库结构 · bring the schema to the newest revision; a new database is made for the city of the profile."""
    settings = read_settings()
    city = load_city(settings.city)
    initialise(owner_url(settings), city, service_url=database_url(settings), tell=say)
    say(
        Sentence(
            "the database is at revision {revision}, for {city} in {working_crs}",
            revision=migrations.head_revision(),
            city=city.name,
            working_crs=city.working_crs,
        )
    )
