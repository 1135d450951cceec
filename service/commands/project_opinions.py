"""`blueprint project propose | consult | opinions | clock | stop-clock | contest …`: rounds and opinions."""

from typing import Annotated

import typer

from blueprint.errors import InvalidInputError
from blueprint.permissions import Act, require
from blueprint.working_days import DayKind
from coordination import clock, consultation, contests, opinion_requests, projects
from coordination.limits import OpinionStatus
from coordination.opinion_schemas import SideOut
from coordination.overview import (
    clock_out,
    consultation_out,
    proposal_out,
    record_findings,
    request_out,
)
from coordination.responsibility import Why
from coordination.rounds import Choice
from coordination.side_by_side import contradictions_of
from service.commands.context import local_operator
from service.commands.options import FormatOption, OutputFormat, print_json, print_table
from service.commands.project_app import (
    STATE_WORDS,
    WHY_WORDS,
    Cursor,
    Limit,
    Number,
    RequestId,
    YesNo,
    app,
    opened,
    print_requests,
)

DAY_WORDS = {
    DayKind.WORKING_DAY: "工作日 working day",
    DayKind.MAKE_UP_DAY: "调休上班 make-up working day",
    DayKind.WEEKEND: "周末 weekend",
    DayKind.HOLIDAY: "法定节假日 holiday",
    DayKind.CITY_RULE: "本市规定 the city's rule",
}
CONTRADICTION_WORDS = {
    "agree_against_disagree": "同意与不同意 agrees, disagrees",
    "conditions_on_one_place": "同一位置的条件 conditions on one place",
}


@app.command("propose")
def propose(number: Number, output: FormatOption = OutputFormat.TABLE) -> None:
    """拟征求意见部门 · whom the next round would ask, and whose earlier opinion stands."""
    actor = local_operator()
    require(actor, Act.CONSULT_DEPARTMENTS)
    with opened() as (edge, session):
        project = projects.find_project_by_number(session, number)
        proposal = consultation.propose_consultation(
            session, project, city=edge.city, actor=actor, today=edge.now().date()
        )
        result = proposal_out(proposal, edge=edge)
    if output is OutputFormat.JSON:
        print_json(result.model_dump(mode="json"))
        return
    print_table(
        f"第 {result.round} 轮拟征求意见 round {result.round}",
        ["部门 department", "缘由 why", "涉及 findings", "期限 due", "此前意见 earlier opinion"],
        (
            [
                f"{d.department} {d.department_name}",
                WHY_WORDS[Why(d.why)],
                len(d.findings),
                f"{d.due_on}{' 暂定 provisional' if d.provisional else ''}",
                "沿用 stands" if d.stands else "",
            ]
            for d in result.departments
        ),
        empty="无须征求意见 nobody is concerned",
    )


def _choices(given: list[str] | None, option: str) -> list[Choice]:
    """`DEPARTMENT=REASON`, as often as given."""
    chosen = []
    for text in given or ():
        department, equals, reason = text.partition("=")
        if not equals or not reason.strip():
            raise InvalidInputError("{option} {text!r}: write DEPARTMENT=REASON", option=option, text=text)
        chosen.append(Choice(department.strip(), reason.strip()))
    return chosen


@app.command("consult")
def consult(
    number: Number,
    add: Annotated[
        list[str] | None, typer.Option(metavar="DEPARTMENT=REASON", help="增加部门 ask this one too, and why")
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(metavar="DEPARTMENT=REASON", help="不征求该部门 leave it out, and why")
    ] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """征求意见 · open a round: ask whom the current footprint concerns and whose earlier opinion does not stand."""
    actor = local_operator()
    require(actor, Act.CONSULT_DEPARTMENTS)
    with opened() as (edge, session):
        project = projects.find_project_by_number(session, number)
        begun = consultation.open_consultation(
            session,
            project.id,
            city=edge.city,
            calendar=edge.calendar,
            actor=actor,
            now=edge.now(),
            add=_choices(add, "--add"),
            drop=_choices(drop, "--drop"),
        )
        result = consultation_out(session, begun, actor=actor, edge=edge)
    if output is OutputFormat.JSON:
        print_json(result.model_dump(mode="json"))
    else:
        print_requests(result.requests)


@app.command("opinions")
def list_opinions(
    number: Annotated[
        str | None, typer.Argument(help="策划编号或序号 planning number or id; all projects when not given")
    ] = None,
    department: Annotated[str | None, typer.Option(help="部门代码 department code")] = None,
    state: Annotated[OpinionStatus | None, typer.Option(help="状态 state as of today")] = None,
    cursor: Cursor = 0,
    limit: Limit = 100,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """列出意见征询 · list opinion requests with their state as of today."""
    actor = local_operator()
    require(actor, Act.READ_OPINION_REQUESTS)
    with opened() as (edge, session):
        today = edge.now().date()
        project_id = projects.find_project_by_number(session, number).id if number else None
        rows = opinion_requests.list_requests(
            session,
            actor=actor,
            today=today,
            department=department,
            state=state,
            project_id=project_id,
            after=cursor,
            limit=limit,
        )
        results = [request_out(row, city=edge.city, calendar=edge.calendar, today=today) for row in rows]
        record_findings(session, actor, results)
    if output is OutputFormat.JSON:
        print_json([result.model_dump(mode="json") for result in results])
    else:
        print_requests(results)


@app.command("clock")
def show_clock(request_id: RequestId, output: FormatOption = OutputFormat.TABLE) -> None:
    """时限逐日说明 · explain a request's limit day by day, with the evidence of what became of it."""
    actor = local_operator()
    require(actor, Act.READ_OPINION_REQUESTS)
    with opened() as (edge, session):
        found = opinion_requests.find_request(session, request_id, actor=actor)
        result = clock_out(session, found, edge=edge)
    if output is OutputFormat.JSON:
        print_json(result.model_dump(mode="json"))
        return
    print_table(
        f"意见征询 {result.request_id} request · {STATE_WORDS[result.state]} · 期限 due {result.due_on}"
        f"{' 暂定 provisional' if result.provisional else ''}",
        ["日期 day", "是什么 what", "名称 name", "第几个工作日 working day"],
        (
            [
                day.day,
                "停表 stopped" if day.stopped else DAY_WORDS[DayKind(day.kind)],
                (day.name or "") + ("" if day.published else " 暂定 estimated"),
                day.number if day.counts else "",
            ]
            for day in result.days
        ),
        empty="没有日期 no day",
    )
    for change in result.due_changes:
        typer.echo(f"{change.at:%Y-%m-%d} {change.from_on} → {change.to_on}: {change.why}")
    for each in result.told:
        typer.echo(f"{each.made_at:%Y-%m-%d %H:%M} 通知 notice {each.kind} · 已读 read {each.read_at or '—'}")
    typer.echo(
        f"送达 sent {result.sent_at:%Y-%m-%d %H:%M} · 首次查看 first seen"
        f" {result.first_seen_at or '—'} {result.first_seen_by or ''} · 截止 ends {result.ends_at}"
    )


@app.command("stop-clock")
def stop_clock(
    request_id: RequestId, reason: Annotated[str, typer.Option(help="缺什么材料 what is missing")]
) -> None:
    """停表（待补充材料） · let a request's clock stand still until material is supplemented."""
    actor = local_operator()
    with opened() as (edge, session):
        stopped = clock.stop_clock(
            session, request_id, reason=reason, actor=actor, calendar=edge.calendar, now=edge.now()
        )
    typer.echo(f"{stopped.department} 停表 stopped {stopped.stopped_on}")


@app.command("restart-clock")
def restart_clock(
    request_id: RequestId, reason: Annotated[str, typer.Option(help="补充了什么 what was supplemented")]
) -> None:
    """恢复计时 · start a request's clock again; the due day moves."""
    actor = local_operator()
    with opened() as (edge, session):
        started = clock.restart_clock(
            session, request_id, reason=reason, actor=actor, calendar=edge.calendar, now=edge.now()
        )
    typer.echo(f"{started.department} 期限 due {started.due_on}")


@app.command("contest")
def contest(
    request_id: RequestId,
    finding: Annotated[int, typer.Argument(min=1, help="第几项 number of the finding")],
    reason: Annotated[str, typer.Option(help="理由 why")],
) -> None:
    """冲突异议 · contest a finding for the applicant."""
    actor = local_operator()
    with opened() as (edge, session):
        contests.contest_finding(
            session, request_id, finding=finding, reason=reason, actor=actor, now=edge.now()
        )
    typer.echo(f"第 {finding} 项已提出异议 finding {finding} is contested")


@app.command("decide-contest")
def decide_contest(
    request_id: RequestId,
    finding: Annotated[int, typer.Argument(min=1, help="第几项 number of the finding")],
    decision: Annotated[YesNo, typer.Argument(help="yes 异议成立 upheld | no 不成立 dismissed")],
    reason: Annotated[str, typer.Option(help="理由 why")],
) -> None:
    """异议处理 · decide a contested finding as the layer's owner; upheld, it is set aside."""
    actor = local_operator()
    with opened() as (edge, session):
        contests.decide_contest(
            session,
            request_id,
            finding=finding,
            is_upheld=decision is YesNo.YES,
            reason=reason,
            actor=actor,
            now=edge.now(),
        )
    typer.echo("异议成立 upheld" if decision is YesNo.YES else "异议不成立 dismissed")


@app.command("contradictions")
def list_contradictions(number: Number, output: FormatOption = OutputFormat.TABLE) -> None:
    """意见冲突 · departments side by side whose opinions have to be compared."""
    actor = local_operator()
    require(actor, Act.CONSULT_DEPARTMENTS)
    with opened() as (edge, session):
        project = projects.find_project_by_number(session, number)
        found = contradictions_of(session, project, city=edge.city, actor=actor).items
    if output is OutputFormat.JSON:
        print_json([each.model_dump(mode="json") for each in found])
        return
    print_table(
        "意见冲突 contradictions",
        ["类别 kind", "一方 one", "另一方 other"],
        (
            [
                CONTRADICTION_WORDS[each.kind],
                _side(each.one),
                _side(each.other),
            ]
            for each in found
        ),
        empty="没有冲突 nothing contradicts",
    )


def _side(side: SideOut) -> str:
    about = f"（{side.about}）" if side.about else ""
    return f"{side.department} {side.department_name}{about}: {side.words}"


@app.command("close-overdue")
def close_overdue() -> None:
    """到期自动收回（第十一条） · record the silence of every request whose limit has passed."""
    require(local_operator(), Act.CLOSE_OVERDUE)
    with opened() as (edge, session):
        now = edge.now()
        closed = clock.close_overdue(session, now.date(), now=now, calendar=edge.calendar)
    typer.echo(f"逾期视为无意见 deemed no objection: {closed}")
