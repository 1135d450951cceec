"""`blueprint case exchange`: the ministry's exchange tables of what changed, checked row by row."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from approval.exchange.package import check, counts, to_zip
from approval.exchange.router import exchange_out
from approval.exchange.rows import Changed, build
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


COMMANDS: dict[str, Callable[..., None]] = {"exchange": exchange}
"""What `blueprint case` has besides, by its name."""
