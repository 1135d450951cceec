"""`blueprint case …`, items: prepare a case, take steps with its items, hand materials in, see where the days went."""

from collections.abc import Callable
from datetime import date
from typing import Annotated

import typer

from approval import applicant, cases, preparation
from approval.case_overview import case_out
from approval.item_overview import Desk, case_items, item_brief, item_out, ledger_out
from approval.item_router import process_table_out
from approval.item_schemas import ItemOut
from approval.item_states import STATE_WORDS, STEP_WORDS, WINDOW_STEPS, Holder, Step
from approval.item_steps import Lacking, Promised, ResultGiven, StepGiven
from approval.items import find_item, held_item, take_step
from approval.materials import NeedState
from approval.stages import STAGE_TITLES
from approval.unified_acceptance import take_together
from blueprint.edge import Edge
from blueprint.errors import InvalidInputError
from blueprint.permissions import Act, require
from service.commands.case import Number, opened
from service.commands.context import local_operator, say
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json, print_table

Code = Annotated[str, typer.Argument(help="事项代码 code of the item, e.g. A104")]

HOLDER_WORDS = {
    Holder.APPLICANT: "申请人 applicant",
    Holder.WINDOW: "窗口 window",
    Holder.DEPARTMENT: "审批部门 department",
    Holder.STOP: "特别程序 stopped",
}
NEED_WORDS = {
    NeedState.HERE: "已有 here",
    NeedState.EXPIRED: "已过期 expired",
    NeedState.PROMISED: "容缺承诺 promised",
    NeedState.MISSING: "待提交 missing",
}


def desk_of(edge: Edge) -> Desk:
    """Things as of today."""
    return Desk(edge.city, edge.calendar, edge.now().date())


def table(output: FormatOption = OutputFormat.TABLE) -> None:
    """查看审批流程表 · the process table that a case prepared today starts under."""
    require(local_operator(), Act.READ_CASE)
    with opened() as (edge, _):
        result = process_table_out(preparation.table_in_force(edge.city, today=edge.now().date()))
    if output is OutputFormat.JSON:
        print_json(result.model_dump(mode="json"))
        return
    rows = (
        [
            item.code,
            STAGE_TITLES[item.stage] if item.stage else "并行推进",
            item.title,
            item.department,
            item.legal_days,
            item.promised_days,
            item.unsure,
        ]
        for item in result.items
    )
    columns = [
        "代码 code",
        "阶段 stage",
        "事项 item",
        "部门 department",
        "法定 legal",
        "承诺 promised",
        "待核 unsure",
    ]
    print_table(f"{result.title} {result.version}", columns, rows, empty="")
    kinds = ([kind.code, kind.title, *kind.stage_days] for kind in result.project_types)
    print_table("项目类型 project types", ["代码 code", "类型 type", "1", "2", "3", "4"], kinds, empty="")


def prepare(
    number: Number,
    project_type: Annotated[str, typer.Argument(help="项目类型 project type, e.g. GOV_BLD (case table)")],
    item: Annotated[list[str] | None, typer.Option(help="所需的其他事项 an item it needs besides")] = None,
    district: Annotated[str | None, typer.Option(help="区县代码 district whose departments approve")] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """确定项目类型和事项清单 · say what kind of project it is and which items it needs; no code is needed yet."""
    actor = local_operator()
    with opened() as (edge, session):
        case = cases.locked_case(session, number)
        require(actor, Act.PREPARE_CASE, case.thing)
        preparation.prepare(
            session,
            case,
            project_type,
            item or [],
            district=district,
            city=edge.city,
            actor=actor,
            now=edge.now(),
        )
        prepared = case_out(session, case, edge.city)
    if output is OutputFormat.JSON:
        print_json(prepared.model_dump(mode="json"))
    else:
        items(number)


def items(number: Number, output: FormatOption = OutputFormat.TABLE) -> None:
    """列出案件的事项 · the items of a case, and by when who must act."""
    require(local_operator(), Act.READ_CASE)
    with opened() as (edge, session):
        briefs = case_items(session, cases.find_case_id(session, number), desk_of(edge))
    if output is OutputFormat.JSON:
        print_json([brief.model_dump(mode="json") for brief in briefs])
        return
    rows = (
        [
            brief.code,
            STAGE_TITLES[brief.stage] if brief.stage else "并行推进",
            brief.title,
            brief.department_name,
            brief.state_words,
            HOLDER_WORDS[brief.holder] if brief.holder else "",
            brief.due_on,
            brief.card,
        ]
        for brief in briefs
    )
    columns = [
        "代码 code",
        "阶段 stage",
        "事项 item",
        "部门 department",
        "状态 state",
        "在谁处 with",
        "期限 due",
        "牌 card",
    ]
    print_table(f"{number} 事项 items", columns, rows, empty="尚未确定事项 not prepared yet")


def show_item(number: Number, code: Code, output: FormatOption = OutputFormat.TABLE) -> None:
    """查看事项 · an item: what is in its way, its steps, its materials and where they lie."""
    require(local_operator(), Act.READ_CASE)
    with opened() as (edge, session):
        item = find_item(session, cases.find_case(session, number), code)
        shown = item_out(session, item, desk_of(edge))
    _print_item(shown, output)


def steps(
    number: Number,
    taken: Annotated[Step, typer.Argument(metavar="STEP", help="submit 接件 | accept 受理")],
    item: Annotated[
        list[str] | None,
        typer.Option(help="事项代码，缺省为当前可办的全部 items; all whose turn it is by default"),
    ] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """统一受理 · take in or accept many items of a case at once; what is in the way of one is said of it."""
    actor = local_operator()
    with opened() as (edge, session):
        case = cases.shared_case(session, number)
        require(actor, Act.ACCEPT_ITEM, case.thing)
        done = take_together(session, case, taken, item, actor=actor, calendar=edge.calendar, now=edge.now())
        desk = desk_of(edge)
        went = [item_brief(session, each, desk) for each in done.taken]
        left = [(row.item.code, row.item.title, row.why) for row in done.not_taken]
    if output is OutputFormat.JSON:
        not_taken = [dict(zip(("code", "title", "why"), row, strict=True)) for row in left]
        print_json({"taken": [brief.model_dump(mode="json") for brief in went], "not_taken": not_taken})
        return
    rows = [(brief.code, brief.title, brief.state_words, brief.due_on) for brief in went]
    columns = ["代码 code", "事项 item", "状态 state", "期限 due"]
    print_table(f"{number} 统一受理 together", columns, rows, empty="没有 none")
    for code, title, why in left:
        say(f"{title} {code}: {why}")


def step(
    number: Number,
    code: Code,
    taken: Annotated[
        Step, typer.Argument(metavar="STEP", help=" ".join(f"{s} {w}" for s, w in STEP_WORDS.items()))
    ],
    reason: Annotated[str | None, typer.Option(help="理由 reason")] = None,
    lacking: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE=WHAT", help="补正内容，一次列全 what is lacking, all of it"),
    ] = None,
    defect: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE=WHAT", help="已有材料的缺陷 what is wrong with one that is there"),
    ] = None,
    promised: Annotated[
        list[str] | None, typer.Option(metavar="CODE=DAY", help="容缺材料及补齐日期 tolerated until a day")
    ] = None,
    on_commitment: Annotated[bool, typer.Option(help="告知承诺 on commitment")] = False,
    stop_kind: Annotated[str | None, typer.Option(help="特别程序种类 special procedure")] = None,
    working_days: Annotated[int | None, typer.Option(min=1, max=200, help="工作日 working days")] = None,
    result_number: Annotated[
        str | None, typer.Option(help="批复或不予许可决定文号 number of the result or refusal")
    ] = None,
    result_title: Annotated[str | None, typer.Option(help="标题 its title")] = None,
    signed_by: Annotated[str | None, typer.Option(help="签发人 who signed")] = None,
    valid_until: Annotated[str | None, typer.Option(help="有效期至 valid until")] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """办理事项 · take a step: submit, accept, ask_correction, begin, stop, approve and so on."""
    actor = local_operator()
    result = None
    if result_number and result_title and signed_by:
        result = ResultGiven(result_number, result_title, signed_by, parse_day(valid_until))
    given = StepGiven(
        step=taken,
        reason=reason,
        lacking=tuple(Lacking(*_pair(text)) for text in lacking or ())
        + tuple(Lacking(name, what, what) for name, what in map(_pair, defect or ())),
        promised=tuple(Promised(*_promise(text)) for text in promised or ()),
        on_commitment=on_commitment,
        stop_kind=stop_kind,
        working_days=working_days,
        result=result,
    )
    with opened() as (edge, session):
        case = cases.shared_case(session, number)
        item = held_item(session, case, code)
        if taken in WINDOW_STEPS:
            require(actor, Act.ACCEPT_ITEM, case.thing)
        else:
            require(actor, Act.DECIDE_ITEM, item.thing)
        take_step(session, item, given, actor=actor, calendar=edge.calendar, now=edge.now())
        shown = item_out(session, item, desk_of(edge))
    _print_item(shown, output)


def _pair(text: str) -> tuple[str, str]:
    code, separator, what = text.partition("=")
    if not separator or not what.strip():
        raise InvalidInputError("{text!r} is not CODE=TEXT", text=text)
    return code, what.strip()


def _promise(text: str) -> tuple[str, date]:
    code, what = _pair(text)
    day = parse_day(what)
    assert day is not None
    return code, day


def ledger(number: Number, output: FormatOption = OutputFormat.TABLE) -> None:
    """查看用时台账 · why the case took so many working days: whose each of them was."""
    require(local_operator(), Act.READ_CASE)
    with opened() as (edge, session):
        shown = ledger_out(session, cases.find_case(session, number), desk_of(edge))
    if output is OutputFormat.JSON:
        print_json(shown.model_dump(mode="json"))
        return
    rows = (
        [HOLDER_WORDS[turn.holder], turn.starts_on, turn.ends_on, turn.working_days, " ".join(turn.items)]
        for turn in shown.turns
    )
    sums = "，".join(f"{HOLDER_WORDS[holder]} {days}" for holder, days in shown.sums.items())
    columns = ["在谁处 with", "从 from", "到 to", "工作日 working days", "事项 items"]
    print_table(
        f"共 {shown.elapsed} 个工作日 working days: {sums}",
        columns,
        rows,
        empty="还没有接件 nothing came in yet",
    )


def _print_item(item: ItemOut, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json(item.model_dump(mode="json"))
        return
    held = f" · {HOLDER_WORDS[item.holder]}" if item.holder else ""
    due = f" · 期限 due {item.due_on}" if item.due_on else ""
    typer.echo(
        f"{item.code}/{item.round} {item.title} · {item.department_name} · {item.state_words}{held}{due}"
    )
    typer.echo(
        "可办 possible: " + ("、".join(f"{STEP_WORDS[s]} {s}" for s in item.possible) or "已结束 ended")
    )
    for obstacle in item.obstacles:
        typer.echo(f"- {obstacle}")
    needs = (
        [need.title, NEED_WORDS[need.state], need.material.place if need.material else ""]
        for need in item.needs
    )
    print_table("材料 materials", ["材料 material", "状态 state", "所在 place"], needs, empty="")
    steps = (
        [s.number, s.taken_on, STEP_WORDS[s.step], STATE_WORDS[s.state], s.taken_by, s.reason, s.voucher]
        for s in item.steps
    )
    columns = ["序号 number", "日期 day", "步骤 step", "状态 state", "经办 by", "理由 reason", "凭证 voucher"]
    print_table("经过 steps", columns, steps, empty="")


def applicant_secret(number: Number) -> None:
    """发给申请人查询密码，原密码作废 · a secret by which the applicant sees the own case; the one before is void."""
    actor = local_operator()
    with opened() as (_, session):
        case = cases.locked_case(session, number)
        require(actor, Act.ACCEPT_ITEM, case.thing)
        typer.echo(applicant.issue_secret(session, case, actor=actor))


COMMANDS: dict[str, Callable[..., None]] = {
    "table": table,
    "prepare": prepare,
    "items": items,
    "item": show_item,
    "step": step,
    "steps": steps,
    "ledger": ledger,
    "applicant-secret": applicant_secret,
}
"""What `blueprint case` has besides, by its name."""
