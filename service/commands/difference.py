"""`blueprint difference …`: the ledger of differences between layers; accepting one for a reason."""

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from coordination.figures import square_metres
from coordination.plan_audit.audit import find_audit
from coordination.plan_audit.ledger import decide, list_audits, list_differences
from coordination.plan_audit.models import DifferenceState
from coordination.plan_audit.schemas import DifferenceOut, audit_out, differences_out
from service.commands.audit import STATE_WORDS, beginning
from service.commands.context import local_operator, open_edge
from service.commands.options import FormatOption, OutputFormat, print_json, print_table

app = typer.Typer(
    no_args_is_help=True, help="差异台账 · differences between layers that `blueprint audit` found"
)

Number = Annotated[int, typer.Argument(min=1, help="差异编号 number of the difference")]
Reason = Annotated[str, typer.Option(help="理由 why it is accepted")]


@app.command("list")
def list_ledger(
    audit: Annotated[
        int | None, typer.Argument(min=1, help="核查编号 number of an audit; the newest when not given")
    ] = None,
    state: Annotated[DifferenceState | None, typer.Option(help="open | accepted | settled")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="最多几条 at most so many")] = 100,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """列出两图层的差异 · the differences of an audit's two layers."""
    with open_edge() as edge, beginning(edge)() as session:
        newest = list_audits(session, actor=local_operator(), limit=1)
        number = audit if audit is not None else (newest[0].id if newest else 0)
        found = find_audit(session, number, actor=local_operator())
        rows = list_differences(session, found, actor=local_operator(), state=state, limit=limit)
        items = differences_out(rows, edge.city)
        title = f"{found.first_layer.code} × {found.second_layer.code}"
    if output is OutputFormat.JSON:
        print_json([item.model_dump(mode="json") for item in items])
        return
    columns = [
        "编号 number",
        "图斑 first",
        "图斑 second",
        "类 classes",
        "m²",
        "碎面 sliver",
        "状态 state",
        "解决 settled by",
        "理由 reason",
    ]
    print_table(
        f"差异 Differences · {title}",
        columns,
        (
            [
                item.id,
                item.first_key,
                item.second_key,
                f"{item.first_class or '—'} × {item.second_class or '—'}",
                square_metres(item.overlap_m2),
                "是 yes" if item.is_sliver else "",
                STATE_WORDS[item.state],
                _settled(item),
                item.reason or "",
            ]
            for item in items
        ),
        empty="无差异 no difference",
    )


def _settled(item: DifferenceOut) -> str:
    """By which versions it was settled, and whose department gave way."""
    if item.settled_versions is None:
        return ""
    versions = "v{} × v{}".format(*item.settled_versions)
    if item.yielded is None:
        return f"{versions} · 原处另有图斑 others in their place"
    owners = {"first": [item.first_owner], "second": [item.second_owner]}
    return f"{versions} · 让步 yielded {'、'.join(owners.get(item.yielded, [item.first_owner, item.second_owner]))}"


@app.command("audits")
def list_past(
    cursor: Annotated[
        int | None,
        typer.Option(min=1, help="只列编号更小的 those before this number; the newest when not given"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="最多几条 at most so many")] = 100,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """列出历次核查 · the audits that were made, the newest first; `difference list NUMBER` has the differences of one."""
    with open_edge() as edge, beginning(edge)() as session:
        found = [
            audit_out(audit)
            for audit in list_audits(session, actor=local_operator(), before=cursor, limit=limit)
        ]
        zone = ZoneInfo(edge.city.time_zone)
    if output is OutputFormat.JSON:
        print_json([each.model_dump(mode="json") for each in found])
        return
    print_table(
        "历次核查 Audits",
        [
            "编号 number",
            "图层 first",
            "图层 second",
            "版本日 versions of",
            "完成 finished",
            "差异 differences",
            "核查人 by",
        ],
        (
            [
                each.id,
                f"{each.first_title} v{each.first_version}",
                f"{each.second_title} v{each.second_version}",
                each.on,
                "未完成 no"
                if each.finished_at is None
                else f"{each.finished_at.astimezone(zone):%Y-%m-%d %H:%M}",
                f"{each.found:,}",
                each.made_by,
            ]
            for each in found
        ),
        empty="还没有核查 no audit yet",
    )


@app.command("accept")
def accept(number: Number, reason: Reason) -> None:
    """认可差异并说明理由 · accept a difference for a reason; it stays so until it grows."""
    _decide(number, accepted=True, reason=reason)


@app.command("reopen")
def reopen(number: Number) -> None:
    """撤回认可 · take an acceptance back."""
    _decide(number, accepted=False, reason=None)


def _decide(number: int, *, accepted: bool, reason: str | None) -> None:
    with open_edge() as edge, beginning(edge)() as session:
        row = decide(
            session, number, accepted=accepted, reason=reason, actor=local_operator(), now=edge.now()
        )
        typer.echo(f"差异 difference {row.id}: {STATE_WORDS[row.state]}")
