"""The command line `blueprint`: exit 0 done, 1 failed, 2 bad input; messages on standard error."""

import sys

import typer
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from typer.exceptions import TyperException

from blueprint.errors import BlueprintError
from service.commands import (
    access,
    account,
    audit,
    audit_log,
    case,
    case_exchange,
    case_item,
    case_statistics,
    case_supervision,
    crs,
    database,
    department,
    job,
    layer,
    project,
    quality,
    report,
    rules,
    standard,
    token,
)
from service.commands.alternatives import alternatives
from service.commands.batch import check_batch
from service.commands.check import check
from service.commands.context import console
from service.commands.demo import demo
from service.commands.diagnosis import diagnose_layer_file
from service.commands.difference import app as ledger_app
from service.commands.serve import serve
from service.commands.siting import find_site, shift
from service.commands.succession import difference, in_force, roll_back, update
from service.commands.trim import trim
from service.commands.worker import worker
from service.problems import as_blueprint_error, exit_status_of

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="一张蓝图：多规合一业务协同与联合审批 · One Blueprint. 设置 settings: BLUEPRINT_HOME, BLUEPRINT_CITY, DATABASE_URL.",
)
app.command("demo")(demo)
app.command("serve")(serve)
app.command("worker")(worker)
app.command("check")(check)
app.command("audit")(audit.audit)
app.command("trim")(trim)
app.command("alternatives")(alternatives)
app.command("shift")(shift)
app.command("find-site")(find_site)
app.command("check-batch")(check_batch)
layer.app.command("diagnose")(diagnose_layer_file)
app.add_typer(crs.app, name="crs")
layer.app.command("in-force")(in_force)
layer.app.command("roll-back")(roll_back)
layer.app.command("update")(update)
layer.app.command("difference")(difference)
layer.app.command("quality")(quality.quality)
layer.app.command("map")(quality.map_fields)
app.add_typer(ledger_app, name="difference")
app.add_typer(report.app, name="report")
app.add_typer(rules.app, name="rules")
app.add_typer(layer.app, name="layer")
app.add_typer(standard.app, name="standard")
app.add_typer(job.app, name="job")
app.add_typer(project.app, name="project")
for name, command in {
    **case_item.COMMANDS,
    **case_exchange.COMMANDS,
    **case_supervision.COMMANDS,
    **case_statistics.COMMANDS,
}.items():
    case.app.command(name)(command)
app.add_typer(case.app, name="case")
app.add_typer(database.app, name="database")
app.add_typer(token.app, name="token")
app.add_typer(account.app, name="account")
app.add_typer(department.app, name="department")
app.add_typer(access.app, name="access")
app.add_typer(audit_log.app, name="audit-log")


def main() -> None:
    """Run a command; an error is one sentence, never a traceback."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line with these arguments and give its exit status."""
    try:
        result = app(arguments, prog_name="blueprint", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except BlueprintError as error:
        return _say(error)
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        known = as_blueprint_error(error)
        if known is None:
            raise
        return _say(known)
    except TyperException as error:
        return _usage(error)
    except (typer.Abort, KeyboardInterrupt):
        console.print("stopped")
        return 130


def _usage(error: TyperException) -> int:
    """A call that cannot be understood: what is wrong and where the help is; a bare noun has printed its help already."""
    if not error.format_message().strip():
        return 2
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "blueprint"
    console.print(f"blueprint: {error.format_message()} See `{path} --help`.", markup=False, soft_wrap=True)
    return 2


def _say(error: BlueprintError) -> int:
    console.print(f"blueprint: {error.message}", markup=False, soft_wrap=True)
    for row in error.rows:
        told = ", ".join(f"{name} {value}" for name, value in row.items())
        console.print(f"  {told}", markup=False, soft_wrap=True)
    return exit_status_of(error)
