"""The command line `blueprint`: exit 0 done, 1 failed, 2 bad input; messages on standard error."""

import shutil
import sys
from importlib import import_module

import typer
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from typer.exceptions import TyperException

from blueprint.errors import BlueprintError, StorageFullError
from blueprint.sentences import Sentence
from service.commands.context import say
from service.problems import as_blueprint_error, exit_status_of
from service.settings import read_settings

_NO_ROOM_BYTES = 32 << 20
"""With less PostgreSQL cannot write its log."""

PARTS = {
    "demo": "demo:demo",
    "serve": "serve:serve",
    "worker": "worker:worker",
    "check": "check:check",
    "trim": "trim:trim",
    "alternatives": "alternatives:alternatives",
    "shift": "siting:shift",
    "refit": "siting:refit",
    "find-site": "siting:find_site",
    "check-batch": "batch:check_batch",
    "audit": "audit:audit",
    "difference": "difference:app",
    "report": "report:app",
    "rules": "rules:app",
    "layer": "layer_group:app",
    "standard": "standard:app",
    "crs": "crs:app",
    "job": "job:app",
    "project": "project:app",
    "case": "case_group:app",
    "database": "database:app",
    "token": "token:app",
    "account": "account:app",
    "department": "department_group:app",
    "access": "access:app",
    "audit-log": "audit_log:app",
}
"""Commands and groups, and where each is found in `service.commands`: only the one that is called is imported, for all of
them together take several times as long to start."""


_INTERRUPTED = 130


def make_app(*names: str) -> typer.Typer:
    """The command line with these of its parts; with all of them when none is named."""
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback(
        help="一张蓝图：多规合一业务协同与联合审批 · One Blueprint. 设置 settings: BLUEPRINT_HOME, BLUEPRINT_CITY, DATABASE_URL."
    )(_begin)
    for name in names or PARTS:
        module, _, attribute = PARTS[name].partition(":")
        part = getattr(import_module(f"service.commands.{module}"), attribute)
        if isinstance(part, typer.Typer):
            app.add_typer(part, name=name)
        else:
            app.command(name)(part)
    return app


def _begin() -> None:
    """With it a single command stays one of a group, and keeps its name."""


def main() -> None:
    """Run a command; an error is one sentence, never a traceback."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line with these arguments and give its exit status."""
    called = arguments[:1] if arguments and arguments[0] in PARTS else []
    try:
        result = make_app(*called)(arguments, prog_name="blueprint", standalone_mode=False)
        if result == _INTERRUPTED:  # Typer gives ^C as a status
            say("已停止 stopped")
        return result if isinstance(result, int) else 0
    except BlueprintError as error:
        return _say(error)
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        known = as_blueprint_error(error)
        if known is None:
            raise
        return _say(_full_disk() or known)
    except TyperException as error:
        return _usage(error)
    except (typer.Abort, KeyboardInterrupt):
        say("已停止 stopped")
        return _INTERRUPTED


def _usage(error: TyperException) -> int:
    """A call that cannot be understood: what is wrong and where the help is; a bare noun has printed its help already."""
    if not error.format_message().strip():
        return 2
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "blueprint"
    told = Sentence("{complaint} See `{path} --help`.", complaint=error.format_message(), path=path)
    say(told.chinese)
    say(f"blueprint: {told.english}")
    return 2


def _full_disk() -> BlueprintError | None:
    """A private database whose disk is full breaks off without a word; what it lies on tells why."""
    settings = read_settings()
    if settings.database_url is not None or not settings.home.exists():
        return None
    if shutil.disk_usage(settings.home).free > _NO_ROOM_BYTES:
        return None
    return StorageFullError(
        "the disk of {home} is full; nothing was stored, free some space and try again",
        home=settings.home.resolve(),
    )


def _say(error: BlueprintError) -> int:
    if error.chinese != error.message:
        say(error.chinese)
    say(f"blueprint: {error.message}")
    for row in error.rows:
        told = ", ".join(f"{name} {value}" for name, value in row.items())
        say(f"  {told}")
    return exit_status_of(error)
