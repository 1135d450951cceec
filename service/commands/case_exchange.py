"""`blueprint case exchange` and `refused`: the ministry's exchange tables, checked row by row; handovers that were refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from approval.exchange.package import check, counts, to_zip
from approval.exchange.router import exchange_out
from approval.exchange.rows import Changed, build
from approval.refused import list_refused, read_refused
from approval.refused_router import refused_out
from blueprint.audit.log import record
from blueprint.permissions import Act, require
from service.commands.case import opened
from service.commands.context import local_operator, say
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json, print_table


def exchange(
    since: Annotated[
        str | None, typer.Option(help="此日以来有变化的案件 cases that changed since a day")
    ] = None,
    file: Annotated[Path | None, typer.Option("--output", help="写出 ZIP write the rows as CSV")] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """数据共享交换表，逐行校验 · the ministry's exchange tables; rows that are wrong are listed and stay behind."""
    actor = local_operator()
    require(actor, Act.EXCHANGE_DATA)
    day = parse_day(since)
    with opened() as (edge, session):
        package = check(build(session, edge.city, Changed(day)))
        if file is not None:
            file.write_bytes(to_zip(package))
            note = {"rows": sum(counts(package.rows).values()), "errors": len(package.errors)}
            record(session, actor, Act.EXCHANGE_DATA, kind="exchange", id=str(day or "all"), after=note)
    result = exchange_out(package, day)
    if output is OutputFormat.JSON:
        print_json(result.model_dump(mode="json"))
        return
    print_table("交换表 tables", ["表 table", "行 rows"], result.rows.items(), empty="")
    errors = ([e.table, e.key, f"{e.field} {e.name}", e.what] for e in result.errors)
    print_table(
        "不能报送的行 rows held back",
        ["表", "主键 key", "字段 field", "问题 what"],
        errors,
        empty="没有错误 no errors",
    )
    say(f"待核对的表 tables to be compared with the standard: {', '.join(result.unsure)}")


def refused(
    number: Annotated[
        int | None, typer.Argument(help="写出哪一条报文 the body of which one", show_default=False)
    ] = None,
    file: Annotated[Path | None, typer.Option("--output", help="写到文件 where the body is written")] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """被拒收的推送报文及原因 · handovers that were refused, why, and what exactly came."""
    actor = local_operator()
    require(actor, Act.EXCHANGE_DATA)
    with opened() as (_, session):
        if number is not None:
            body = read_refused(session, number, actor=actor).body
            if file is None:
                typer.echo(body.decode(errors="replace"))
            else:
                file.write_bytes(body)
            return
        rows = [refused_out(row) for row in list_refused(session, limit=1000)]
    if output is OutputFormat.JSON:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    columns = ["#", "策划编号 planning number", "最近 last", "次数 times", "原因 why"]
    table = ([r.id, r.planning_number, f"{r.last_at:%Y-%m-%d %H:%M}", r.times, r.detail] for r in rows)
    print_table("拒收的推送 refused handovers", columns, table, empty="没有 none was refused")


COMMANDS: dict[str, Callable[..., None]] = {"exchange": exchange, "refused": refused}
"""What `blueprint case` has besides, by its name."""
