"""`blueprint case statistics`: figures of approval with their definitions, as a table, JSON or XLSX."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from approval.stages import Stage
from approval.standing import under_way
from approval.statistics import By, figures, stage_figures
from approval.statistics_router import period_of, statistics_out, workbook
from approval.summaries import recount
from blueprint.audit.log import record
from blueprint.permissions import Act, require
from service.commands.case import opened
from service.commands.context import local_operator
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json, print_table


def statistics(
    by: Annotated[By, typer.Option(help="分组 told apart by")] = By.STAGE,
    start: Annotated[
        str | None, typer.Option("--from", help="起 from; twelve months with that of the end when not given")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="止 to, today when not given")] = None,
    stage: Annotated[Stage | None, typer.Option(help="阶段 of a stage")] = None,
    project_type: Annotated[str | None, typer.Option(help="项目类型 of a type")] = None,
    department: Annotated[str | None, typer.Option(help="部门代码 of a department")] = None,
    district: Annotated[str | None, typer.Option(help="区县代码 of a district, or city 市本级")] = None,
    item: Annotated[str | None, typer.Option(help="事项代码 of an item")] = None,
    hall: Annotated[str | None, typer.Option(help="受理大厅 of the cases of a hall")] = None,
    xlsx: Annotated[Path | None, typer.Option("--output", help="另存为 XLSX write a workbook")] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """统计分析 · durations, shares and bottlenecks of what was concluded in a period."""
    require(local_operator(), Act.READ_CASE)
    with opened() as (edge, session):
        day = edge.now().date()
        days = parse_day(start), parse_day(end)
        period = period_of(day, *days, stage, project_type, department, district, item, hall)
        result = statistics_out(
            period, by, figures(session, period, by), stage_figures(session, period), under_way(session)
        )
    if xlsx is not None:
        xlsx.write_bytes(workbook(result))
    if output is OutputFormat.JSON:
        print_json(result.model_dump(mode="json"))
        return
    rows = (
        [
            row.group,
            row.items,
            f"{row.median_days:.1f}",
            f"{row.p90_days:.1f}",
            f"{row.median_days_without_stops:.1f}",
            _percent(row.on_time_share),
            _percent(row.correction_share),
            _percent(row.parallel_share),
        ]
        for row in result.rows
    )
    columns = [
        str(by),
        "事项 items",
        "中位 median",
        "90%",
        "扣停 without stops",
        "按时 on time",
        "补正 supplements",
        "并联 parallel",
    ]
    print_table(
        f"{result.starts_on} – {result.ends_on}", columns, rows, empty="期内没有办结 nothing was concluded"
    )


def recount_figures() -> None:
    """重新汇总统计数 · count the figures of all months anew from the items themselves, as after a repair by hand."""
    require(local_operator(), Act.ADVANCE_CASE)
    with opened() as (_, session):
        recount(session)
        record(session, local_operator(), "recount", kind="statistics", id="all")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


COMMANDS: dict[str, Callable[..., None]] = {"statistics": statistics, "recount": recount_figures}
"""What `blueprint case` has besides, by its name."""
