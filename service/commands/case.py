"""`blueprint case …`: approval cases, their project code, their four stages."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from approval import cases
from approval.case_overview import case_brief, case_out
from approval.schemas import CaseOut
from approval.stages import STAGE_TITLES, Stage, StageStatus
from approval.standing import Standing
from blueprint.edge import Edge
from blueprint.permissions import Act, require
from service.commands.context import local_operator, open_edge, say
from service.commands.options import FormatOption, OutputFormat, print_json, print_table

app = typer.Typer(
    no_args_is_help=True, help="审批案件：绑定项目代码、四个阶段 · approval cases and their four stages"
)

Number = Annotated[str, typer.Argument(help="项目代码或策划编号 project code or planning number (CH-…)")]
StageName = Annotated[
    Stage, typer.Argument(help="阶段 stage: 立项用地规划许可, 工程建设许可, 施工许可, 竣工验收")
]

STATUS_WORDS = {
    StageStatus.NOT_ACCEPTED: "未受理 not accepted",
    StageStatus.ACCEPTED: "办理中 accepted",
    StageStatus.CONCLUDED: "已办结 concluded",
}


@contextmanager
def opened() -> Iterator[tuple[Edge, Session]]:
    """The edge and one transaction on it."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        yield edge, session


@app.command("list")
def list_all(
    cursor: Annotated[int, typer.Option(min=0, help="从此序号之后 start after this id")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="最多条数 at most so many")] = 100,
    standing: Annotated[Standing | None, typer.Option(help="办理进度 those that stand there now")] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """列出案件 · list cases in the order they came in."""
    require(local_operator(), Act.READ_CASE)
    with opened() as (_, session):
        found = cases.list_cases(session, after=cursor, limit=limit, standing=standing)
        briefs = [case_brief(case) for case in found]
    if output is OutputFormat.JSON:
        print_json([brief.model_dump(mode="json") for brief in briefs])
        return
    rows = (
        [
            b.number,
            b.project_name,
            b.applicant,
            STAGE_TITLES[b.current_stage] if b.current_stage else "已办结 concluded",
        ]
        for b in briefs
    )
    columns = ["编号 number", "项目 project", "建设单位 applicant", "阶段 stage"]
    print_table(
        "案件 cases",
        columns,
        rows,
        empty="没有案件 no case came in yet; `blueprint project push` sends what was cleared",
    )


@app.command("show")
def show(number: Number, output: FormatOption = OutputFormat.TABLE) -> None:
    """查看案件 · show a case and its stages."""
    require(local_operator(), Act.READ_CASE)
    with opened() as (edge, session):
        result = case_out(session, cases.find_case(session, number), edge.city)
    _print(result, output)


@app.command("bind-code")
def bind_code(
    number: Number,
    code: Annotated[str, typer.Argument(help="投资项目代码 investment project code")],
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """绑定投资项目代码（第十二条） · bind the project code; without it no stage can be accepted."""
    actor = local_operator()
    require(actor, Act.BIND_PROJECT_CODE)
    with opened() as (edge, session):
        case, read = cases.bind_project_code(
            session, number, code, actor=actor, now=edge.now(), city=edge.city
        )
        result = case_out(session, case, edge.city).model_copy(update={"project_code_warning": read.warning})
    if read.warning is not None:
        say(read.warning)
    _print(result, output)


@app.command("accept")
def accept(number: Number, stage: StageName, output: FormatOption = OutputFormat.TABLE) -> None:
    """受理阶段 · accept a stage today."""
    actor = local_operator()
    require(actor, Act.ADVANCE_CASE)
    with opened() as (edge, session):
        today = edge.now().date()
        case = cases.accept_stage(session, number, stage, actor=actor, calendar=edge.calendar, today=today)
        result = case_out(session, case, edge.city)
    _print(result, output)


@app.command("conclude")
def conclude(number: Number, stage: StageName, output: FormatOption = OutputFormat.TABLE) -> None:
    """办结阶段 · conclude a stage today."""
    actor = local_operator()
    require(actor, Act.ADVANCE_CASE)
    with opened() as (edge, session):
        today = edge.now().date()
        case = cases.conclude_stage(session, number, stage, actor=actor, calendar=edge.calendar, today=today)
        result = case_out(session, case, edge.city)
    _print(result, output)


def _print(case: CaseOut, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json(case.model_dump(mode="json"))
        return
    code = case.project_code or "尚未绑定 not bound yet"
    typer.echo(f"{case.planning_number}  {case.project_name}  项目代码 project code: {code}")
    rows = ([s.title, STATUS_WORDS[s.status], s.accepted_on, s.concluded_on] for s in case.stages)
    print_table(
        "阶段 stages", ["阶段 stage", "状态 status", "受理 accepted", "办结 concluded"], rows, empty=""
    )
