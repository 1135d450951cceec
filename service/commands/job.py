"""`blueprint job …`: list, show, cancel."""

import re
import time
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy.orm import Session

from blueprint.edge import Edge
from blueprint.errors import ConflictError
from blueprint.jobs import queue
from blueprint.jobs.models import UNFINISHED, JobState
from blueprint.jobs.schemas import JobOut, job_out
from blueprint.sentences import Sentence, spoken
from service.commands.context import console, local_operator, open_edge, say
from service.commands.labels import label_of, named
from service.commands.options import FormatOption, OutputFormat, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="长时任务 · long work: how far it is, cancelling it")

Number = Annotated[int, typer.Argument(min=1, help="任务号 job number")]
FOLLOW_SECONDS = 0.5

PHASES = {
    "stage": "接收文件 taking the file",
    "copy": "读取入库 reading and storing",
    "cut": "分块与瓦片 cutting parts and tile shapes",
    "analyze": "更新统计信息 statistics of the database",
    "copy_unchanged_features": "复制未变图斑 copying unchanged features",
    "copy_unchanged_parts": "复制未变分块 copying unchanged parts",
    "copy_unchanged_tile_sheets": "复制未变瓦片 copying unchanged tile shapes",
    "dry_run": "试发布 dry run",
    "difference": "比对版本 comparing versions",
    "recheck": "重新检查项目 checking projects again",
    "read": "读取文件 reading the file",
    "rank": "排序 ranking",
    "check": "质检 quality check",
    "features": "质检图斑 checking features",
    "topology": "质检拓扑 checking topology",
    "compile": "首次使用，正在编译计算程序，约需几秒至一分钟，每台机器只需一次 compiling, once a machine",
    "hand_over": "并非每个计算节点都连得上数据库，图斑由本机转交，较慢 not every worker reaches the database: features are handed over from here, which is slower",
    "resume": "接着上次未完成的核查，已比对的不再比对 going on where the audit was stopped",
    "compare": "比对图斑 comparing features",
    "ledger": "更新台账 bringing the ledger up to date",
}
"""What the phases of storing and checking a version, and of an audit, are called."""

COUNTED_SAID = {
    "search": "选址查找 windows searched",
    "blocks": "分区概查 blocks looked at",
    "check": "检查用地 checking footprints",
}
"""What the phases are called that say of how much they are, as `check of 10000`."""

_COUNTED = re.compile(rf"({'|'.join(COUNTED_SAID)}) of (\d+)")

KINDS_SAID = {
    "upload": "上传入库 upload",
    "dry_run": "试发布 dry run",
    "plan_audit": "规划核查 plan audit",
    "batch_check": "批量检查 batch check",
    "recheck": "重新检查 recheck",
    "site_search": "选址 site search",
}
"""What the kinds of jobs are called."""


@app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="最多几条 at most so many")] = 50,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """列出任务 · list the newest jobs."""
    with open_edge() as edge, Session(edge.engine) as session, session.begin():
        found = queue.list_jobs(session, actor=local_operator(), limit=limit)
        items = [job_out(job) for job in found]
    if output is OutputFormat.JSON:
        print_json([item.model_dump(mode="json") for item in items])
        return
    print_table(
        "任务 Jobs",
        [
            "号 number",
            "类别 kind",
            "图层 layer",
            "状态 state",
            "进度 progress",
            "提交 by",
            "提交时间 at",
            "结果 outcome",
        ],
        [
            [
                i.id,
                KINDS_SAID.get(i.kind, i.kind),
                i.layer,
                spoken(JobState(i.state)).both,
                progress_of(i),
                i.asked_by,
                f"{i.asked_at:%Y-%m-%d %H:%M}",
                i.error or outcome_of(i),
            ]
            for i in items
        ],
        empty="尚无任务 no job yet",
    )


@app.command("show")
def show(
    number: Number,
    follow: Annotated[
        bool, typer.Option("--follow", help="直到结束 with a progress bar, until it ends")
    ] = False,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """查看任务 · show a job; exit status 1 when it failed or was cancelled."""
    with open_edge() as edge:
        item = follow_job(edge, number) if follow else _read(edge, number)
    if output is OutputFormat.JSON:
        print_json(item.model_dump(mode="json"))
    else:
        shown = item.model_dump() | {
            "kind": KINDS_SAID.get(item.kind, item.kind),
            "state": spoken(JobState(item.state)).both,
            "phase": phase_said(item.phase),
            "result": outcome_of(item),
        }
        print_table(f"任务 job {number}", ["项 key", "值 value"], named(shown), empty="")
    if item.state in ("failed", "cancelled"):
        raise ConflictError(
            "job {number} {item_state}: {error}",
            number=number,
            item_state=spoken(JobState(item.state)),
            error=item.error or Sentence("by {name}", name=item.cancel_asked_by),
        )


@app.command("cancel")
def cancel(number: Number) -> None:
    """取消任务 · cancel a job; nothing of it stays."""
    with open_edge() as edge, Session(edge.engine) as session, session.begin():
        job = queue.find_job(session, number, actor=local_operator())
        job = queue.cancel(session, job, actor=local_operator(), now=edge.now(), scratch=edge.scratch)
        state = job.state
    if state == "cancelled":
        say(Sentence("job {number} is cancelled", number=number))
    else:
        say(Sentence("job {number} is asked to stop; it ends within seconds", number=number))


def follow_job(edge: Edge, number: int) -> JobOut:
    """Show a progress bar until the job has ended."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"任务 job {number}", total=None, count="")
        while (item := _read(edge, number)).state in UNFINISHED:
            progress.update(task, total=item.bytes_total, completed=item.bytes_done, count=progress_of(item))
            time.sleep(FOLLOW_SECONDS)
    return item


def progress_of(item: JobOut) -> str:
    """How far a job is, in words."""
    if item.phase is None:
        return ""
    if item.phase == "stage":
        return f"{PHASES['stage']} {item.bytes_done / 1e6:,.0f} MB"
    words = phase_said(item.phase)
    if counted := _COUNTED.fullmatch(item.phase):
        return f"{words} {item.features_done:,} / {int(counted[2]):,}"
    return f"{words}" if item.phase == "compile" else f"{words} {item.features_done:,}"


def phase_said(phase: str | None) -> str | None:
    """What a phase is called."""
    counted = _COUNTED.fullmatch(phase or "")
    return COUNTED_SAID[counted[1]] if counted else PHASES.get(phase or "", phase)


def outcome_of(item: JobOut) -> str:
    """What came of a job, in words."""
    return "，".join(f"{label_of(name)} {value}" for name, value in (item.result or {}).items())


def _read(edge: Edge, number: int) -> JobOut:
    with Session(edge.engine) as session, session.begin():
        return job_out(queue.find_job(session, number, actor=local_operator()))
