"""`blueprint project inbox | board | statistics | notices | resend`: the work as those see it who do it."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from blueprint.documents.rendering import DocumentForm
from blueprint.errors import InvalidInputError
from blueprint.layers.succession import Succession
from blueprint.permissions import Act, Thing, require
from coordination import deliveries, notices, views
from coordination.check_difference import Change
from coordination.generation_opinion import write_generation_opinion
from coordination.handover import FORMATS
from coordination.limits import OpinionStatus
from coordination.notice_delivery import not_delivered
from coordination.opinion_requests import request_status
from coordination.project_states import STATUS_WORDS, ProjectStatus
from coordination.projects import find_project_by_number
from coordination.update_router import RecheckOut, rechecks_out
from coordination.updates import list_rechecks, recheck_due
from service.commands.context import local_operator, open_edge
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json, print_table
from service.commands.project_app import Cursor, Limit, Number, app, opened

URGENCY_WORDS = {
    views.Urgency.OVERDUE: "已逾期 overdue",
    views.Urgency.TODAY: "今日到期 today",
    views.Urgency.SOON: "临近到期 soon",
    views.Urgency.LATER: "",
    views.Urgency.STOPPED: "停表 stopped",
}


@app.command("inbox")
def show_inbox(
    department: Annotated[str, typer.Argument(help="部门代码 department code")],
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """部门待办 · what a department has to answer, the earliest due first."""
    require(local_operator(), Act.READ_OPEN_WORK, Thing(department=department))
    with opened() as (edge, session):
        edge.city.department(department)
        today = edge.now().date()
        rows = []
        for request in views.inbox(session, department, today):
            left = edge.calendar.working_days_left(today, request.due_on)
            project = request.consultation.project
            rows.append(
                {
                    "request_id": request.id,
                    "planning_number": project.planning_number,
                    "project_name": project.name,
                    "due_on": request.due_on,
                    "working_days_left": left,
                    "urgency": views.urgency_of(request_status(request, today), left=left),
                }
            )
    if output is OutputFormat.JSON:
        print_json(rows)
        return
    print_table(
        f"{department} 待办 inbox",
        ["#", "策划编号 number", "项目 project", "期限 due", "剩余工作日 days left", ""],
        ([*list(row.values())[:-1], URGENCY_WORDS[views.Urgency(str(row["urgency"]))]] for row in rows),
        empty="没有待办 nothing to answer",
    )


@app.command("board")
def show_board(output: FormatOption = OutputFormat.TABLE) -> None:
    """协同看板 · projects in work and how their requests stand, the next due first."""
    require(local_operator(), Act.CONSULT_DEPARTMENTS)
    with opened() as (edge, session):
        found = views.board(session, edge.now().date(), calendar=edge.calendar)
        counts, waiting = views.counts_by_status(session), views.undelivered(session)
        failed, _ = not_delivered(session, limit=1)
        rows = [
            {
                "planning_number": each.project.planning_number,
                "name": each.project.name,
                "status": each.project.status,
                "awaited": each.states.get(OpinionStatus.AWAITED, 0),
                "stopped": each.states.get(OpinionStatus.STOPPED, 0),
                "given": each.states.get(OpinionStatus.GIVEN, 0),
                "deemed": each.states.get(OpinionStatus.DEEMED_NO_OBJECTION, 0),
                "disagreeing": each.disagreeing,
                "next_due_on": each.next_due_on,
                "longest_stop": each.longest_stop,
            }
            for each in found
        ]
        undelivered = [[h.message_id, h.attempts, h.last_error or ""] for h in waiting]
    if output is OutputFormat.JSON:
        told = {"counts": counts, "items": rows, "undelivered": undelivered}
        print_json(told | {"undelivered_notices": failed})
        return
    print_table(
        "协同看板 board",
        [
            "编号 number",
            "项目 project",
            "状态 status",
            "待反馈 awaited",
            "停表 stopped",
            "已反馈 given",
            "视为无意见 deemed",
            "不同意 disagree",
            "最近期限 next due",
            "停表最久（工作日） longest stop",
        ],
        (
            [
                *list(row.values())[:2],
                STATUS_WORDS[ProjectStatus(str(row["status"]))],
                *list(row.values())[3:],
            ]
            for row in rows
        ),
        empty="没有在办项目 no project is in work",
    )
    if undelivered:
        columns = ["编号 id", "次数 tries", "最近错误 last error"]
        print_table("待推送 handovers under way", columns, undelivered, empty="")
    if failed:
        typer.echo(f"多次外发失败且无人读过的通知 notices not delivered outside, and not read: {failed}")
    if len(rows) == views.ON_BOARD:
        typer.echo(
            f"看板只列最先到期的 {views.ON_BOARD} 个项目，其余请用 list 检索 only those due first are shown"
        )


@app.command("statistics")
def show_statistics(
    first: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="自 from this day")] = None,
    last: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="至 to this day")] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """部门意见统计 · how departments answered: asked, answered, deemed, on time, median working days."""
    require(local_operator(), Act.READ_STATISTICS)
    with opened() as (edge, session):
        today = edge.now().date()
        found = views.opinion_figures(
            session,
            first=parse_day(first) or date(today.year, 1, 1),
            last=parse_day(last) or today,
            today=today,
            calendar=edge.calendar,
        )
    if output is OutputFormat.JSON:
        print_json([asdict(each) for each in found])
        return
    print_table(
        "部门意见统计 opinions",
        [
            "部门 department",
            "征求 asked",
            "反馈 answered",
            "视为无意见 deemed",
            "收回 withdrawn",
            "待反馈 open",
            "不同意 disagreed",
            "按时率 on time",
            "中位工作日 median days",
        ],
        (
            [
                *list(vars(f).values())[:7],
                "" if f.on_time_share is None else f"{f.on_time_share:.0%}",
                f.median_working_days,
            ]
            for f in found
        ),
        empty="期间没有征求意见 nobody was asked",
    )


@app.command("notices")
def list_notices(
    unread: Annotated[bool, typer.Option("--unread", help="未读 only what nobody read")] = False,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """通知 · notices of all departments and offices, the newest first."""
    actor = local_operator()
    require(actor, Act.READ_OPINION_REQUESTS)
    with opened() as (edge, session):
        city = edge.city
        found = notices.list_notices(session, actor=actor, unread_only=unread, limit=500)
    if output is OutputFormat.JSON:
        names = ("id", "kind", "department", "office", "made_at", "read_at")
        print_json(
            [{name: getattr(n, name) for name in names} | {"text": notices.said(n, city)} for n in found]
        )
        return
    print_table(
        "通知 notices",
        ["时间 at", "收件 to", "内容 text"],
        (
            [
                f"{n.made_at:%Y-%m-%d %H:%M}",
                city.name_of(n.department) if n.department is not None else n.office,
                notices.said(n, city),
            ]
            for n in found
        ),
        empty="没有通知 no notice",
    )


@app.command("resend")
def resend(message_id: Annotated[str, typer.Argument(help="推送编号 id of the handover")]) -> None:
    """重新推送 · try a handover that approval does not have yet at the next push."""
    actor = local_operator()
    require(actor, Act.PUSH_HANDOVER)
    with opened() as (edge, session):
        deliveries.resend(session, message_id, actor=actor, now=edge.now())
    typer.echo("已列入推送 it is tried at the next push: blueprint project push")


@app.command("recheck")
def recheck() -> None:
    """图层更新后复检在办项目 · check open projects again that versions in force by today touch; `serve` does it by itself."""
    require(local_operator(), Act.CONSULT_DEPARTMENTS)
    with open_edge() as edge:
        done = recheck_due(edge.engine, city=edge.city, calendar=edge.calendar, now=edge.now())
    typer.echo(f"已复检 projects rechecked: {done}")


@app.command("rechecks")
def show_rechecks(
    number: Annotated[str | None, typer.Argument(help="策划编号，缺省为全部 planning number, or all")] = None,
    cursor: Cursor = 0,
    limit: Limit = 100,
    unchanged: Annotated[
        bool, typer.Option("--unchanged", help="无变化的也列出 those that changed nothing, too")
    ] = False,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """复检清单 · what updates of the blueprint meant for open projects: findings new, gone, grown; asked and released."""
    actor = local_operator()
    require(actor, Act.CONSULT_DEPARTMENTS)
    with opened() as (_, session):
        project_id = find_project_by_number(session, number).id if number is not None else None
        rows = list_rechecks(session, project_id=project_id, after=cursor, limit=limit)
        shown = rechecks_out(session, actor, rows)
    if output is OutputFormat.JSON:
        print_json([row.model_dump(mode="json") for row in shown])
        return
    told = [row for row in shown if unchanged or _is_changed(row)]
    print_table(
        "复检 rechecks",
        [
            "#",
            "策划编号 number",
            "图层 layer",
            "自 from",
            "结论 verdict",
            "变化 changes",
            "征求 asked",
            "不再涉及 released",
        ],
        (
            [
                row.id,
                row.planning_number,
                f"{row.layer} 到期 expired" if row.act is Succession.EXPIRED else row.layer,
                row.starts_on,
                f"{row.verdict_before} → {row.verdict_after or row.failed}",
                _changes(row.counts),
                " ".join(row.asked),
                " ".join(row.released),
            ]
            for row in told
        ),
        empty="没有引起变化的更新 no update changed anything" if shown else "没有复检 nothing was rechecked",
    )
    if len(told) < len(shown):
        typer.echo(
            f"另有 {len(shown) - len(told)} 次复检无变化（--unchanged 列出） {len(shown) - len(told)} more changed nothing (--unchanged lists them)"
        )


_CHANGE_WORDS = {
    Change.NEW: "新增 new",
    Change.GONE: "消失 gone",
    Change.GROWN: "增大 grown",
    Change.SHRUNK: "减小 shrunk",
    Change.WEIGHS_OTHERWISE: "管控变化 weighs otherwise",
}


def _changes(counts: Mapping[Change, int]) -> str:
    return "，".join(f"{words} {counts[change]}" for change, words in _CHANGE_WORDS.items() if counts[change])


def _is_changed(row: RecheckOut) -> bool:
    return bool(
        row.failed or row.findings or row.asked or row.released or row.verdict_before is not row.verdict_after
    )


@app.command("handover-schema")
def handover_schema(
    format_name: Annotated[
        str, typer.Argument(metavar="FORMAT", help="消息格式 " + " | ".join(FORMATS))
    ] = "one-blueprint-handover/1",
) -> None:
    """推送接口的 JSON Schema · the JSON Schema of a message to approval."""
    if format_name not in FORMATS:
        raise InvalidInputError(
            "no message format {format_name!r}; there are: {formats}",
            format_name=format_name,
            formats=FORMATS,
        )
    print_json(FORMATS[format_name].model_json_schema())


@app.command("generation-opinion")
def generation_opinion(
    number: Number,
    file: Annotated[Path, typer.Argument(help="写入的文件 .pdf 或 .docx the file to write")],
) -> None:
    """策划生成意见书 · write the generation opinion of a cleared project as PDF or Word file."""
    actor = local_operator()
    require(actor, Act.READ_PROJECT)
    form = DocumentForm.of(file)
    with opened() as (edge, session):
        project = find_project_by_number(session, number)
        written = write_generation_opinion(
            session, project, form, city=edge.city, actor=actor, now=edge.now()
        )
    file.write_bytes(written.content)
    typer.echo(str(file))
