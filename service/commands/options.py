"""Options that several commands share, and how they print."""

import json
from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table

from blueprint.errors import InvalidInputError
from service.commands.context import output


class OutputFormat(StrEnum):
    """How a list or a thing is printed."""

    TABLE = "table"
    JSON = "json"


WidthOption = Annotated[
    float | None,
    typer.Option("--width-m", help="作业带宽（米） working width of lines and points of the footprint"),
]
SublayerOption = Annotated[
    str | None, typer.Option("--sublayer", help="文件含多个图层时取哪一个 which one of a file with several")
]
UseCodeOption = Annotated[
    str | None, typer.Option("--use", help="拟规划用途代码 class code of the planned use, as 0701")
]
TopOption = Annotated[
    float | None,
    typer.Option(
        "--top-m", help="拟建最高点高程（米，1985 高程） elevation of the highest point; for rules of height"
    ),
]
FormatOption = Annotated[OutputFormat, typer.Option("--format", help="输出格式 table or json")]

Code = Annotated[str, typer.Argument(help="图层代码 layer code")]
ConfirmOption = Annotated[
    str | None,
    typer.Option("--confirm-warnings", help="确认警告的理由 why the warnings of the quality check may stand"),
]
Number = Annotated[int, typer.Argument(min=1, help="版本号 version number")]


def parse_day(text: str | None) -> date | None:
    """A day as YYYY-MM-DD."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError("{text!r} is no day; write it as 2026-01-31", text=text) from None


def print_json(value: Any) -> None:
    """Machine-readable output, alone on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """A table for people; says `empty` where there is nothing."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    filled = False
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
        filled = True
    if filled:
        output.print(table)
    else:
        typer.echo(empty)
