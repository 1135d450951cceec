"""`blueprint case exchange…` and `refused`: the ministry's exchange tables, their queue and its answers; handovers that were refused."""

import csv
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from approval.exchange import front, queue
from approval.exchange.package import Package, check, counts, to_zip
from approval.exchange.queue_router import queue_out
from approval.exchange.router import exchange_out
from approval.exchange.rows import Changed, build
from approval.interface_models import RowState
from approval.refused import list_refused, read_refused
from approval.refused_router import refused_out
from blueprint.audit.log import record
from blueprint.errors import InvalidInputError
from blueprint.permissions import Act, require
from service.commands.case import opened
from service.commands.context import local_operator, say
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json, print_table
from service.settings import read_settings


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
        package = check(build(session, edge.city, Changed(day), today=edge.now().date()))
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
        ["表 table", "主键 key", "字段 field", "问题 what"],
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


def exchange_queue(
    fill: Annotated[
        bool, typer.Option("--fill", help="先把有变化的行排入队列 queue what changed first")
    ] = False,
    since: Annotated[
        str | None, typer.Option(help="此日以来，默认上次以来 since a day, or the last filling")
    ] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """报送队列：待传、已传、已接收、被退回 · the queue of the exchange, and why rows came back."""
    actor = local_operator()
    require(actor, Act.EXCHANGE_DATA)
    with opened() as (edge, session):
        if fill:
            filled = queue.fill(session, edge.city, since=parse_day(since), actor=actor, now=edge.now())
            say(
                f"排入 {filled.queued} 行，{len(filled.errors)} 处错误 {filled.queued} rows queued, {len(filled.errors)} mistakes"
            )
        shown = queue_out(session)
    if output is OutputFormat.JSON:
        print_json(shown.model_dump(mode="json"))
        return
    columns = ["表 table", "待传 waiting", "已传 sent", "已接收 taken", "被退回 refused"]
    rows = ([table, *(counts.get(state, 0) for state in RowState)] for table, counts in shown.tables.items())
    print_table("报送队列 queue", columns, rows, empty="队列为空 nothing was queued yet; add --fill")
    back = ([row.table, row.key, row.batch, row.reason] for row in shown.refused)
    print_table(
        "被退回 refused", ["表 table", "主键 key", "批次 batch", "失败原因 SBYY"], back, empty="没有退回 none"
    )


def exchange_batch(
    file: Annotated[Path, typer.Option("--output", help="写出 ZIP write the batch as CSV")],
    number: Annotated[
        int | None, typer.Argument(help="重新写出哪一批 write that batch once more", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="最多行数 at most so many rows")] = 1000,
) -> None:
    """取下一批待传的行 · the next rows that wait, as a ZIP; they count as sent from here on."""
    actor = local_operator()
    require(actor, Act.EXCHANGE_DATA)
    with opened() as (edge, session):
        batch = (
            queue.batch_again(session, number)
            if number is not None
            else queue.next_batch(session, limit=limit, actor=actor, now=edge.now())
        )
        if batch is None:
            say("没有待传的行 nothing waits")
            return
        file.write_bytes(to_zip(Package(batch.rows, [])))
    typer.echo(f"{batch.number} {sum(counts(batch.rows).values())}")


def exchange_answers(
    number: Annotated[int, typer.Argument(help="批次 batch")],
    file: Annotated[
        Path | None, typer.Argument(help="被退回的行 rows that were refused: CSV table,DFSJZJ,SBYY")
    ] = None,
) -> None:
    """登记一批的回执 · what became of a batch: rows that were refused with why, all others taken."""
    actor = local_operator()
    require(actor, Act.EXCHANGE_DATA)
    refused = _answers(file) if file is not None else {}
    with opened() as (_, session):
        taken, count = queue.take_answers(session, number, refused, actor=actor)
    typer.echo(f"{taken} {count}")


def _answers(file: Path) -> dict[tuple[str, str], str]:
    with file.open(encoding="utf-8-sig", newline="") as content:
        reader = csv.DictReader(content)
        if not {"table", "DFSJZJ", "SBYY"} <= set(reader.fieldnames or ()):
            raise InvalidInputError("{file} needs the columns table, DFSJZJ and SBYY", file=file)
        return {(row["table"], row["DFSJZJ"]): row["SBYY"] or "—" for row in reader}


def exchange_again(
    number: Annotated[
        int | None, typer.Argument(help="批次，默认全部被退回的 a batch, or all refused", show_default=False)
    ] = None,
) -> None:
    """重传：没有回执的一批，或全部被退回的行 · send again a batch that was lost, or all that was refused."""
    actor = local_operator()
    require(actor, Act.EXCHANGE_DATA)
    with opened() as (edge, session):
        typer.echo(str(queue.send_again(session, number, actor=actor, now=edge.now())))


def exchange_front(
    create: Annotated[
        bool, typer.Option("--create", help="在前置库中建表 make the tables that are not there")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, max=50_000, help="每批行数 rows a batch")] = 5_000,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """写入前置库并取回执 · put what changed into the front database, and read back what became of what was put before."""
    actor = local_operator()
    require(actor, Act.EXCHANGE_DATA)
    settings = read_settings()
    if settings.front_database_url is None:
        raise InvalidInputError("set BLUEPRINT_FRONT_DATABASE_URL to the front database first")
    engine = front.engine_of(settings.front_database_url)
    target = front.Front(engine, settings.front_database_schema)
    try:
        if create:
            front.make_tables(target)
        front.hold_to_tables(target)
        with opened() as (_, session):
            answers = front.take_answers(session, target, actor=actor)
        with opened() as (edge, session):
            filled = queue.fill(session, edge.city, since=None, actor=actor, now=edge.now())
        put = 0
        while True:
            with opened() as (edge, session):
                count = front.put_batch(
                    session, target, city=edge.city, limit=batch, actor=actor, now=edge.now()
                )
            if count == 0:
                break
            put += count
    finally:
        engine.dispose()
    errors = [asdict(error) for error in filled.errors]
    if output is OutputFormat.JSON:
        print_json({"put": put, "taken": answers.taken, "refused": answers.refused, "errors": errors})
        return
    say(f"写入 put: {put}, 已接收 taken: {answers.taken}, 被退回 refused: {answers.refused}")
    rows = ([e.table, e.key, f"{e.field} {e.name}", e.what] for e in filled.errors)
    columns = ["表 table", "主键 key", "字段 field", "问题 what"]
    print_table("不能报送的行 rows held back", columns, rows, empty="没有错误 no errors")


COMMANDS: dict[str, Callable[..., None]] = {
    "exchange": exchange,
    "exchange-queue": exchange_queue,
    "exchange-batch": exchange_batch,
    "exchange-answers": exchange_answers,
    "exchange-again": exchange_again,
    "exchange-front": exchange_front,
    "refused": refused,
}
"""What `blueprint case` has besides, by its name."""
