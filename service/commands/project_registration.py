"""`blueprint project register | amend | scope | step | history | show | footprint | check`."""

import json
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from blueprint.errors import InvalidInputError
from blueprint.permissions import Act, require
from coordination import consultation, projects, steps
from coordination.figures import square_metres
from coordination.history import history_of
from coordination.models import Check, Project
from coordination.overview import (
    check_out,
    project_out,
    record_findings,
)
from coordination.particulars import PARTICULARS, ApprovalLevel, ProjectDetails
from coordination.project_states import STATUS_WORDS, ProjectStatus, Step
from coordination.report_words import SEVERITY_WORDS
from coordination.schemas import EventOut, ProjectOut
from service.commands.context import local_operator, say
from service.commands.options import (
    FormatOption,
    OutputFormat,
    SublayerOption,
    TopOption,
    WidthOption,
    parse_day,
    print_json,
    print_table,
)
from service.commands.project_app import Number, YesNo, app, opened, print_requests
from service.commands.project_search import DistrictOption, TypeOption
from service.commands.site import read_site

CodeOption = Annotated[
    str | None, typer.Option("--code", help="统一社会信用代码 unified social credit code of the applicant")
]
IndustryOption = Annotated[str | None, typer.Option(help="行业 industry (GB/T 4754)")]
InvestmentOption = Annotated[
    str | None, typer.Option(metavar="万元", help="总投资，万元 investment in units of 10,000 yuan")
]
UseOption = Annotated[str | None, typer.Option(help="规划用途 planned use of the land")]
FundsOption = Annotated[str | None, typer.Option(help="资金来源 sources of funds")]
StartOption = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="计划开工 planned start")]
LevelOption = Annotated[ApprovalLevel | None, typer.Option(help="审批层级 who approves the investment")]


@app.command("register")
def register(
    file: Annotated[
        Path, typer.Argument(help="用地红线文件 footprint: GeoPackage, zipped Shapefile, GeoJSON, TXT")
    ],
    name: Annotated[str, typer.Option(help="项目名称 name")],
    applicant: Annotated[str, typer.Option(help="建设单位 applicant")],
    purpose: Annotated[str, typer.Option(help="建设内容与用途 purpose")],
    out_of_scope: Annotated[
        str | None,
        typer.Option(
            "--out-of-scope",
            metavar="REASON",
            help="不适用本办法的理由（第五条） why the regulation does not cover it",
        ),
    ] = None,
    crs: Annotated[str | None, typer.Option(help="坐标系 EPSG:n where the file does not say it")] = None,
    width_m: WidthOption = None,
    sublayer: SublayerOption = None,
    draft: Annotated[bool, typer.Option("--draft", help="存为草稿 keep it as a draft")] = False,
    code: CodeOption = None,
    project_type: TypeOption = None,
    industry: IndustryOption = None,
    investment: InvestmentOption = None,
    planned_use: UseOption = None,
    district: DistrictOption = None,
    funds: FundsOption = None,
    start: StartOption = None,
    level: LevelOption = None,
    top_m: TopOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """登记项目并取得策划编号 · register a project with its footprint; prints its planning number."""
    details = ProjectDetails(
        name=name,
        applicant=applicant,
        purpose=purpose,
        in_scope=False if out_of_scope is not None else None,
        scope_reason=out_of_scope,
        applicant_code=code,
        project_type=project_type,
        industry=industry,
        investment_10k_cny=read_money(investment),
        planned_use=planned_use,
        district=district,
        funds_source=funds,
        planned_start_on=parse_day(start),
        approval_level=level,
        top_m=top_m,
    )
    actor = local_operator()
    require(actor, Act.REGISTER_PROJECT)
    with opened() as (edge, session):
        footprint = read_site(session, edge, file, crs=crs, width_m=width_m, sublayer=sublayer)
        project = projects.register_project(
            session, details, footprint, city=edge.city, actor=actor, now=edge.now(), is_draft=draft
        )
        result = project_out(session, project, actor=actor, edge=edge)
    for note in result.footprint.notes:
        say(note)
    _say_doubts(result)
    if output is OutputFormat.JSON:
        print_json(result.model_dump(mode="json"))
    else:
        typer.echo(result.planning_number)


def read_money(text: str | None) -> Decimal | None:
    """A sum in units of 10,000 yuan as it was typed."""
    if text is None:
        return None
    try:
        return round(Decimal(text), 4)
    except InvalidOperation:
        raise InvalidInputError(
            "{text!r} is no sum; write it in units of 10,000 yuan, as 1250.5", text=text
        ) from None


def _say_doubts(project: ProjectOut) -> None:
    if project.scope_decided_by is None:
        say(
            f"是否适用本办法待定（第五条） its scope is to be decided (Art. 5): {'；'.join(project.scope_doubts)}"
            f" · blueprint project scope {project.planning_number} yes|no --reason …"
        )


@app.command("amend")
def amend(
    number: Number,
    name: Annotated[str | None, typer.Option(help="项目名称 name")] = None,
    applicant: Annotated[str | None, typer.Option(help="建设单位 applicant")] = None,
    purpose: Annotated[str | None, typer.Option(help="建设内容与用途 purpose")] = None,
    code: CodeOption = None,
    project_type: TypeOption = None,
    industry: IndustryOption = None,
    investment: InvestmentOption = None,
    planned_use: UseOption = None,
    district: DistrictOption = None,
    funds: FundsOption = None,
    start: StartOption = None,
    level: LevelOption = None,
    top_m: TopOption = None,
) -> None:
    """更正登记信息 · correct what was registered; what is not named stays."""
    given = {
        "name": name,
        "applicant": applicant,
        "purpose": purpose,
        "applicant_code": code,
        "project_type": project_type,
        "industry": industry,
        "investment_10k_cny": read_money(investment),
        "planned_use": planned_use,
        "district": district,
        "funds_source": funds,
        "planned_start_on": parse_day(start),
        "approval_level": level,
        "top_m": top_m,
    }
    actor = local_operator()
    require(actor, Act.REGISTER_PROJECT)
    with opened() as (edge, session):
        project = projects.find_project_by_number(session, number)
        known = {each: getattr(project, each) for each in PARTICULARS}
        named = {each: value for each, value in given.items() if value is not None}
        projects.amend_project(
            session,
            project.id,
            ProjectDetails(**(known | named)),
            city=edge.city,
            actor=actor,
            now=edge.now(),
        )
        _say_doubts(project_out(session, project, actor=actor, edge=edge))
    typer.echo(f"{project.planning_number} 已更正 amended")


@app.command("scope")
def decide_scope(
    number: Number,
    decision: Annotated[YesNo, typer.Argument(help="yes 适用 | no 不适用")],
    reason: Annotated[str, typer.Option(help="理由 why")],
) -> None:
    """决定是否适用本办法（第五条） · decide whether the regulation is for the project (Art. 5)."""
    actor = local_operator()
    require(actor, Act.REGISTER_PROJECT)
    with opened() as (edge, session):
        project = projects.find_project_by_number(session, number)
        projects.decide_scope(
            session, project.id, in_scope=decision is YesNo.YES, reason=reason, actor=actor, now=edge.now()
        )
    typer.echo(f"{project.planning_number} {'适用 in scope' if project.in_scope else '不适用 out of scope'}")


@app.command("step")
def take_step(
    number: Number,
    step: Annotated[
        Step,
        typer.Argument(help="submit 提交 | adjust 调整 | return 退回 | shelve 储备 | resume 恢复 | end 终止"),
    ],
    reason: Annotated[str | None, typer.Option(help="理由 why")] = None,
) -> None:
    """项目流转：提交、退回、储备、恢复、终止 · move a project by hand, with the reason."""
    actor = local_operator()
    require(actor, Act.REGISTER_PROJECT)
    with opened() as (edge, session):
        project = projects.find_project_by_number(session, number)
        moved = steps.take_step(
            session, project.id, step, reason=reason, calendar=edge.calendar, actor=actor, now=edge.now()
        )
    typer.echo(f"{moved.planning_number} {STATUS_WORDS[ProjectStatus(moved.status)]}")


@app.command("history")
def show_history(number: Number, output: FormatOption = OutputFormat.TABLE) -> None:
    """项目历程 · what happened to a project, when and by whom."""
    require(local_operator(), Act.READ_PROJECT)
    with opened() as (edge, session):
        project = projects.find_project_by_number(session, number)
        rows = [
            EventOut.model_validate(row, from_attributes=True)
            for row in history_of(session, project, limit=10_000)
        ]
        zone = ZoneInfo(edge.city.time_zone)
    if output is OutputFormat.JSON:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    print_table(
        f"项目历程 history of {project.planning_number}",
        ["时间 at", "何人 by", "何事 act", "详情 details"],
        (
            [
                f"{r.at.astimezone(zone):%Y-%m-%d %H:%M}",
                r.by,
                r.act,
                json.dumps(r.details, ensure_ascii=False),
            ]
            for r in rows
        ),
        empty="没有记录 nothing happened yet",
    )


@app.command("show")
def show(number: Number, output: FormatOption = OutputFormat.TABLE) -> None:
    """查看项目 · show a project: check, opinions, clearance, handover."""
    actor = local_operator()
    require(actor, Act.READ_PROJECT)
    with opened() as (edge, session):
        result = project_out(
            session, projects.find_project_by_number(session, number), actor=actor, edge=edge
        )
        if result.consultation is not None:
            record_findings(session, actor, (*result.consultation.requests, *result.consultation.standing))
    if output is OutputFormat.JSON:
        print_json(result.model_dump(mode="json"))
    else:
        _print_project(result)


@app.command("footprint")
def revise_footprint(
    number: Number,
    file: Annotated[Path, typer.Argument(help="新的用地红线文件 the new footprint")],
    crs: Annotated[str | None, typer.Option(help="坐标系 EPSG:n where the file does not say it")] = None,
    width_m: WidthOption = None,
    sublayer: SublayerOption = None,
) -> None:
    """变更用地红线 · give the project a new footprint; what was asked about the old one is taken back."""
    actor = local_operator()
    require(actor, Act.REGISTER_PROJECT)
    with opened() as (edge, session):
        project = projects.find_project_by_number(session, number)
        footprint = read_site(session, edge, file, crs=crs, width_m=width_m, sublayer=sublayer)
        revision = consultation.revise_footprint(
            session,
            project.id,
            footprint,
            city=edge.city,
            calendar=edge.calendar,
            actor=actor,
            now=edge.now(),
        )
    for note in revision.notes:
        say(note)
    typer.echo(
        f"{project.planning_number} 用地红线第 {revision.number} 版 footprint revision {revision.number}"
    )


@app.command("check")
def check(number: Number, output: FormatOption = OutputFormat.TABLE) -> None:
    """检查项目当前用地红线并留存报告 · check the current footprint and keep the report."""
    actor = local_operator()
    require(actor, Act.KEEP_CHECK)
    with opened() as (edge, session):
        project = projects.find_project_by_number(session, number)
        kept = projects.check_project(session, project.id, city=edge.city, actor=actor, now=edge.now())
    if output is OutputFormat.JSON:
        print_json(kept.report)
    else:
        _print_check(project, kept)


def _print_project(project: ProjectOut) -> None:
    typer.echo(f"{project.planning_number}  {project.name}  {STATUS_WORDS[project.status]}")
    typer.echo(f"建设单位 applicant: {project.applicant} · 用途 purpose: {project.purpose}")
    for words, value in (
        ("统一社会信用代码 credit code", project.applicant_code),
        ("项目类型 type", project.project_type),
        ("行业 industry", project.industry),
        ("总投资（万元） investment, 10,000 yuan", project.investment_10k_cny),
        ("规划用途 planned use", project.planned_use),
        ("区县 district", project.district),
        ("资金来源 funds", project.funds_source),
        ("计划开工 planned start", project.planned_start_on),
        ("审批层级 approved by", project.approval_level),
        ("最高点高程（米） highest point, m", project.top_m),
    ):
        if value is not None:
            typer.echo(f"{words}: {value}")
    _say_doubts(project)
    if not project.in_scope:
        typer.echo(f"不适用本办法 out of scope (Art. 5): {project.scope_reason}")
    typer.echo(
        f"用地红线 footprint: 第 {project.footprint.revision} 版 revision {project.footprint.revision}"
    )
    if project.check is not None:
        verdict = " ".join(SEVERITY_WORDS[str(project.check.verdict)])
        typer.echo(f"检查 check {project.check.id}: {verdict} · {project.check.on} · {project.check.digest}")
    if project.consultation is not None:
        print_requests([*project.consultation.requests, *project.consultation.standing])
    if project.clearance is not None:
        handover = project.clearance.handover
        delivered = (
            handover.delivered_at or f"待推送 not yet delivered ({handover.last_error or 'not tried'})"
        )
        typer.echo(
            f"通过 cleared: {project.clearance.cleared_on} · 推送 handover {handover.message_id}: {delivered}"
        )
        for change in project.clearance.changes:
            typer.echo(
                f"更正 correction {change.message_id}: {change.delivered_at or '待推送 not yet delivered'}"
            )


def _print_check(project: Project, kept: Check) -> None:
    result = check_out(kept)
    typer.echo(
        f"{project.planning_number} 检查 check {result.id}: {' '.join(SEVERITY_WORDS[str(result.verdict)])} · {result.digest}"
    )
    rows = (
        [layer["title"], layer["department"], layer["feature_count"], square_metres(layer["overlap_m2"])]
        for layer in kept.report["layers"]
        if layer["outcome"] == "conflict"
    )
    columns = ["图层 layer", "部门 department", "图斑 features", "m²"]
    print_table("冲突 conflicts", columns, rows, empty="未发现冲突 no conflict found")
