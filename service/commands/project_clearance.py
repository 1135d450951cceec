"""`blueprint project clear | correct | withdraw | push`: passing a project, and what approval is told of it."""

from typing import Annotated, Any

import typer

from blueprint.permissions import Act, require
from coordination import handover_changes, projects
from coordination.clearance import clear_project
from coordination.overview import clearance_out
from coordination.schemas import ClearanceOut
from service.commands.context import local_operator, open_edge
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json
from service.commands.project_app import Number, app, opened
from service.commands.project_registration import (
    CodeOption,
    FundsOption,
    IndustryOption,
    InvestmentOption,
    StartOption,
    read_money,
)
from service.commands.project_search import DistrictOption
from service.push import push_due
from service.settings import read_settings


@app.command("clear")
def clear(number: Number, output: FormatOption = OutputFormat.TABLE) -> None:
    """通过项目并生成推送信息 · let the project pass; its handover is written with it."""
    actor = local_operator()
    require(actor, Act.CLEAR_PROJECT)
    with opened() as (edge, session):
        project = projects.find_project_by_number(session, number)
        clearance = clear_project(
            session, project.id, city=edge.city, calendar=edge.calendar, actor=actor, now=edge.now()
        )
        result = clearance_out(clearance, projects.current_revision(session, project))
    if output is OutputFormat.JSON:
        print_json(result.model_dump(mode="json"))
    else:
        typer.echo(
            f"{result.planning_number} 通过 cleared {result.cleared_on} · {result.handover.message_id}"
        )


@app.command("push")
def push() -> None:
    """推送到联合审批系统 · deliver every handover that is due, here or to BLUEPRINT_APPROVAL_URL."""
    require(local_operator(), Act.PUSH_HANDOVER)
    settings = read_settings()
    with open_edge() as edge:
        delivered = push_due(
            edge.engine, now=edge.now(), approval_url=settings.approval_url, secret=settings.handover_secret
        )
    typer.echo(f"已推送 delivered: {delivered}")


@app.command("correct")
def correct(
    number: Number,
    reason: Annotated[str, typer.Option(help="更正理由 why")],
    name: Annotated[str | None, typer.Option(help="项目名称 name")] = None,
    applicant: Annotated[str | None, typer.Option(help="建设单位 applicant")] = None,
    code: CodeOption = None,
    industry: IndustryOption = None,
    investment: InvestmentOption = None,
    district: DistrictOption = None,
    funds_source: FundsOption = None,
    planned_start: StartOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """更正已推送项目的登记信息 · correct what was handed over; approval is told by a message."""
    actor = local_operator()
    require(actor, Act.CLEAR_PROJECT)
    given: dict[str, Any] = {
        "name": name,
        "applicant": applicant,
        "applicant_code": code,
        "industry": industry,
        "investment_10k_cny": read_money(investment),
        "district": district,
        "funds_source": funds_source,
        "planned_start_on": parse_day(planned_start) if planned_start else None,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    with opened() as (edge, session):
        project = projects.find_project_by_number(session, number)
        clearance = handover_changes.correct_handover(
            session, project.id, changes, reason=reason, city=edge.city, actor=actor, now=edge.now()
        )
        result = clearance_out(clearance, projects.current_revision(session, project))
    _print_change(result, "已更正 corrected", output)


@app.command("withdraw")
def withdraw(
    number: Number,
    reason: Annotated[str, typer.Option(help="撤回理由 why")],
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """撤回通过，项目退回调整 · take a clearance back; approval holds its case until the project is handed over again."""
    actor = local_operator()
    require(actor, Act.CLEAR_PROJECT)
    with opened() as (edge, session):
        project = projects.find_project_by_number(session, number)
        clearance = handover_changes.withdraw_clearance(
            session, project.id, reason=reason, calendar=edge.calendar, actor=actor, now=edge.now()
        )
        result = clearance_out(clearance, projects.current_revision(session, project))
    _print_change(result, "通过已撤回 clearance withdrawn", output)


def _print_change(result: ClearanceOut, words: str, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json(result.model_dump(mode="json"))
    else:
        typer.echo(f"{result.planning_number} {words} · {result.changes[-1].message_id}")
