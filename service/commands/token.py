"""`blueprint token …`: bearer tokens of departments and of the interface."""

from typing import Annotated

import typer
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.errors import InvalidInputError
from blueprint.tokens import issue_token, revoke_tokens
from service.commands.context import local_operator, open_edge, say

app = typer.Typer(no_args_is_help=True, help="令牌：签发与撤销 · bearer tokens of departments")


@app.command("issue")
def issue(
    department: Annotated[str | None, typer.Argument(help="部门代码 department code")] = None,
    interface: Annotated[
        bool, typer.Option("--interface", help="接口令牌 for the push of handovers")
    ] = False,
    days: Annotated[int, typer.Option(min=1, max=366, help="有效天数 days it is good for")] = 90,
) -> None:
    """签发令牌（只显示一次） · make a token; it is shown once."""
    if (department is None) == (not interface):
        raise InvalidInputError("name a department, or say --interface")
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        token = issue_token(
            session, department=department, city=edge.city, now=edge.now(), days=days, is_service=interface
        )
        record(session, local_operator(), "issue_credential", kind="token", id=department or "interface")
    typer.echo(token)


@app.command("revoke")
def revoke(
    department: Annotated[str | None, typer.Argument(help="部门代码 department code")] = None,
    interface: Annotated[bool, typer.Option("--interface", help="接口令牌 those of the interface")] = False,
) -> None:
    """撤销部门或接口的全部令牌 · revoke all tokens of a department or of the interface, at once."""
    if (department is None) == (not interface):
        raise InvalidInputError("name a department, or say --interface")
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        if department is not None:
            edge.city.department(department)
        count = revoke_tokens(session, department=department, now=edge.now())
        record(session, local_operator(), "revoke_credential", kind="token", id=department or "interface")
    say(f"revoked {count} token(s) of {department or 'the interface'}")
