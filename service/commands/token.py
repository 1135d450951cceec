"""`blueprint token …`: bearer tokens of departments and of the interface."""

from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.orm import Session

from blueprint import tokens
from blueprint.edge import Edge
from blueprint.errors import InvalidInputError
from blueprint.sentences import Sentence
from blueprint.tokens_router import token_out
from service.commands.context import local_operator, open_edge, say
from service.commands.options import FormatOption, OutputFormat, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="令牌：签发、列出、撤销 · bearer tokens of machines")


@app.command("issue")
def issue(
    department: Annotated[str | None, typer.Argument(help="部门代码 department code")] = None,
    interface: Annotated[
        bool, typer.Option("--interface", help="接口令牌 for the push of handovers")
    ] = False,
    days: Annotated[int, typer.Option(min=1, max=tokens.MOST_DAYS, help="有效天数 days it is good for")] = 90,
    until: Annotated[
        str | None, typer.Option("--until", help="失效时刻 instant it ends at, e.g. 2026-12-31T18:00")
    ] = None,
    acts: Annotated[
        list[str] | None, typer.Option("--act", help="仅限行为 only for this act; may be given again")
    ] = None,
    layers: Annotated[
        list[str] | None, typer.Option("--layer", help="仅限图层 only for this layer; may be given again")
    ] = None,
) -> None:
    """签发令牌（只显示一次） · make a token; it is shown once."""
    if (department is None) == (not interface):
        raise InvalidInputError("name a department, or say --interface")
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        now = edge.now()
        row, text = tokens.make_token(
            session,
            department=department,
            city=edge.city,
            now=now,
            expires_at=_instant(until, edge) if until is not None else now + timedelta(days=days),
            is_service=interface,
            scope=tokens.scope_of(acts or None, layers or None),
            actor=local_operator(),
        )
        ends = row.expires_at.astimezone(ZoneInfo(edge.city.time_zone))
    say(
        Sentence(
            "token {number} of {label}, good until {ends:%Y-%m-%d %H:%M}; it is shown this once",
            number=row.id,
            label=row.label,
            ends=ends,
        )
    )
    typer.echo(text)


@app.command("list")
def list_all(
    department: Annotated[
        str | None, typer.Option("--department", help="部门代码 only of this department")
    ] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """列出令牌（不含内容） · list tokens, never their text."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session:
        if department is not None:
            edge.city.department(department)
        found = tokens.list_tokens(session, actor=local_operator(), department=department, limit=10_000)
        items, now, zone = (
            [token_out(f.token, f.used_at) for f in found],
            edge.now(),
            ZoneInfo(edge.city.time_zone),
        )
    if output is OutputFormat.JSON:
        print_json([item.model_dump(mode="json") for item in items])
        return

    def told(instant: datetime | None) -> str:
        return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}" if instant is not None else ""

    columns = ["#", "持有 of", "行为 acts", "图层 layers", "至 until", "最近使用 used", "状态 state"]
    rows = [
        [
            i.id,
            i.department or i.label,
            "全部 all" if i.acts is None else ", ".join(i.acts),
            "全部 all" if i.layers is None else ", ".join(i.layers),
            told(i.expires_at),
            told(i.used_at),
            f"已撤销 revoked {told(i.revoked_at)}"
            if i.revoked_at is not None
            else "已过期 expired"
            if i.expires_at <= now
            else "有效 good",
        ]
        for i in items
    ]
    print_table("令牌 Tokens", columns, rows, empty="尚无令牌 no token yet: blueprint token issue DEPARTMENT")


@app.command("revoke")
def revoke(
    department: Annotated[str | None, typer.Argument(help="部门代码 department code")] = None,
    number: Annotated[int | None, typer.Option("--id", min=1, help="令牌编号 this token alone")] = None,
    interface: Annotated[bool, typer.Option("--interface", help="接口令牌 those of the interface")] = False,
    every: Annotated[bool, typer.Option("--all", help="全部令牌 every token there is")] = False,
) -> None:
    """立即撤销：部门、接口、单个或全部令牌 · revoke tokens at once: a department's, the interface's, one, or all."""
    if (department is not None) + (number is not None) + interface + every != 1:
        raise InvalidInputError(
            "name a department, or say --id NUMBER, --interface or --all: one of the four"
        )
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        actor, now = local_operator(), edge.now()
        if number is not None:
            tokens.revoke_token(session, number, actor=actor, now=now)
            count = 1
        elif every:
            count = tokens.revoke_all_tokens(session, actor=actor, now=now)
        else:
            if department is not None:
                edge.city.department(department)
            count = tokens.revoke_tokens(session, department=department, actor=actor, now=now)
    if number is not None:
        whose: object = f"id {number}"
    elif every:
        whose = Sentence("all")
    else:
        whose = department or Sentence("the interface")
    say(Sentence("revoked {count} token(s): {whose}", count=count, whose=whose))


def _instant(text: str, edge: Edge) -> datetime:
    """An instant; without an offset the city's clock is meant."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError("{text!r} is no instant; write it as 2026-12-31T18:00", text=text) from None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=ZoneInfo(edge.city.time_zone))
