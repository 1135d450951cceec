"""`blueprint case …`, between departments: who is late, letters, joint consultations, meetings, obligations."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import typer

from approval import cases, joint_consultation, matters, obligations, supervision
from approval.item_overview import obligation_out
from approval.items import find_item
from approval.joint_consultation import AnswerGiven
from approval.lateness import MOST, Wanted, who_is_late
from approval.matter_models import AnswerKind, LateKind, MatterKind, MatterState
from approval.matter_router import consultation_answer_out, late_out, letter_out, matter_out
from approval.matters import Duty, Turn
from approval.stages import Stage
from approval.supervision import About
from blueprint.errors import InvalidInputError
from blueprint.permissions import Act, Thing, require
from service.commands.case import Number, opened
from service.commands.case_item import HOLDER_WORDS, Code, desk_of
from service.commands.context import local_operator, say
from service.commands.options import FormatOption, OutputFormat, print_json, print_table

Text = Annotated[str, typer.Argument(help="内容 text")]
Id = Annotated[int, typer.Argument(min=1, help="序号 id")]
Departments = Annotated[list[str] | None, typer.Option("--department", help="部门代码 a department")]

CARD_WORDS = {
    "green": "正常 green",
    "yellow": "黄牌 yellow",
    "red": "红牌 red",
    "escalated": "督办升级 escalated",
}
KIND_WORDS = {
    LateKind.ITEM: "事项 item",
    LateKind.STAGE: "阶段 stage",
    LateKind.CASE: "全流程 whole case",
    LateKind.PROMISE: "容缺承诺 promise",
    LateKind.COMMITMENT: "承诺核查 commitment",
    LateKind.UPLOAD: "结果上传 upload",
    LateKind.CONSULTATION: "征询答复 consultation",
}


def late(
    department: Annotated[str | None, typer.Option(help="部门代码 of a department")] = None,
    kind: Annotated[LateKind | None, typer.Option(help="类别 of a kind")] = None,
    yellow: Annotated[bool, typer.Option(help="含预警 also what is about to be late")] = True,
    hall: Annotated[str | None, typer.Option(help="受理大厅 of the cases of a hall")] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """督办：谁逾期了 · who is late now, the longest first."""
    require(local_operator(), Act.READ_CASE)
    with opened() as (edge, session):
        desk = desk_of(edge)
        wanted = Wanted(department=department, hall=hall, kind=kind, with_yellow=yellow)
        found = who_is_late(session, desk, wanted)
        rows = [late_out(each, desk) for each in found.items]
    if found.more:
        say(f"每类只列出前 {MOST} 件 of each kind the first {MOST} are listed")
    if output is OutputFormat.JSON:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    table = (
        [
            CARD_WORDS[row.card],
            row.due_on,
            row.working_days_late,
            KIND_WORDS[row.kind],
            row.case,
            f"{row.item or ''} {row.title}",
            row.department_name or HOLDER_WORDS[row.holder],
        ]
        for row in rows
    )
    columns = [
        "牌 card",
        "期限 due",
        "逾期工作日 days late",
        "类别 kind",
        "案件 case",
        "事项 item",
        "在谁处 with",
    ]
    print_table("逾期与预警 late and about to be", columns, table, empty="没有逾期 nobody is late")


def letter(
    number: Number,
    about: Annotated[str, typer.Argument(help="事项代码或阶段 code of an item, or a stage")],
    text: Text,
    kind: Annotated[LateKind | None, typer.Option(help="何事逾期 with what they are late")] = None,
    department: Annotated[str | None, typer.Option(help="部门代码 of several departments, to which")] = None,
) -> None:
    """发督办单 · send a letter of supervision to whoever is late with an item, a stage or the whole case."""
    actor = local_operator()
    with opened() as (edge, session):
        case = cases.find_case(session, number)
        require(actor, Act.SUPERVISE, case.thing)
        if about in list(Stage):
            asked = About(kind or LateKind.STAGE, stage=Stage(about))
        else:
            item = find_item(session, case, about)
            asked = About(kind or LateKind.ITEM, item=item.code, department=department)
        sent = supervision.send_letter(session, case, asked, text, desk=desk_of(edge), actor=actor)
        typer.echo(f"督办单 letter {sent.id} → {sent.department}")


def letters(
    department: Annotated[str | None, typer.Option(help="部门代码 to a department")] = None,
    unanswered: Annotated[bool, typer.Option(help="未答复 that wait for an answer")] = False,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """列出督办单 · letters of supervision and their answers."""
    require(local_operator(), Act.READ_CASE)
    with opened() as (_, session):
        found = supervision.list_letters(session, department=department, is_open=unanswered, limit=1000)
        rows = [letter_out(row) for row in found]
    if output is OutputFormat.JSON:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    table = (
        [
            row.id,
            row.case,
            f"{row.item or ''} {row.title}",
            row.department,
            row.sent_on,
            row.content,
            row.answer,
        ]
        for row in rows
    )
    columns = ["#", "案件 case", "事项 item", "部门 department", "发出 sent", "内容 content", "答复 answer"]
    print_table("督办单 letters", columns, table, empty="没有督办单 none")


def answer_letter(letter_id: Id, text: Text) -> None:
    """答复督办单 · answer a letter of supervision, for the department that it is to."""
    actor = local_operator()
    with opened() as (edge, session):
        found = supervision.find_letter(session, letter_id)
        require(actor, Act.DECIDE_ITEM, found.thing)
        supervision.answer_letter(session, found, text, actor=actor, today=edge.now().date())


def consult(number: Number, code: Code, question: Text, department: Departments = None) -> None:
    """统一征询各部门（第十三条） · ask several departments at once about an item."""
    actor = local_operator()
    with opened() as (edge, session):
        case = cases.locked_case(session, number)
        item = find_item(session, case, code)
        require(actor, Act.DECIDE_ITEM, item.thing)
        asked = joint_consultation.ask(
            session,
            case,
            item,
            question,
            department or [],
            city=edge.city,
            calendar=edge.calendar,
            actor=actor,
            today=edge.now().date(),
        )
        for row in asked.answers:
            typer.echo(f"{row.id} {row.department} {asked.due_on}")


def answer_consultation(
    answer_id: Id,
    kind: Annotated[AnswerKind, typer.Argument(help="同意 | 有条件同意 | 不同意 | 无意见")],
    conditions: Annotated[str | None, typer.Option(help="条件 conditions")] = None,
    remark: Annotated[str | None, typer.Option(help="备注 remark")] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """答复征询 · answer a joint consultation, for the department that was asked."""
    actor = local_operator()
    with opened() as (edge, session):
        asked = joint_consultation.find_answer(session, answer_id)
        require(actor, Act.DECIDE_ITEM, asked.thing)
        given = AnswerGiven(kind, conditions, remark)
        done = joint_consultation.answer(session, asked, given, actor=actor, now=edge.now())
        shown = consultation_answer_out(done, done.consultation.item)
    if output is OutputFormat.JSON:
        print_json(shown.model_dump(mode="json"))
    else:
        typer.echo(f"{shown.department} {shown.kind} {shown.answered_on}")


def bring_up(
    number: Number,
    code: Code,
    kind: Annotated[MatterKind, typer.Argument(help="meeting 协调会 | guidance 业务指导 | dispute 争议")],
    question: Text,
    department: Departments = None,
) -> None:
    """申请协调会、业务指导或争议协调（第十五、十六条） · bring a matter up."""
    actor = local_operator()
    require(actor, Act.DECIDE_ITEM, Thing(department=actor.department))
    with opened() as (edge, session):
        case = cases.find_case(session, number)
        made = matters.bring_up(
            session,
            case,
            find_item(session, case, code),
            kind,
            question,
            department or [],
            city=edge.city,
            actor=actor,
            today=edge.now().date(),
        )
        typer.echo(f"{made.id} → {made.addressed_to}")


def settle(
    matter_id: Id,
    state: Annotated[MatterState, typer.Argument(help="convened 召集 | decided 决定 | declined 不予召集")],
    text: Annotated[str | None, typer.Option(help="决定或理由 decision or reason")] = None,
    meets_at: Annotated[datetime | None, typer.Option(help="会议时间 when it meets")] = None,
    place: Annotated[str | None, typer.Option(help="会议地点 where")] = None,
    duty: Annotated[
        list[str] | None,
        typer.Option(metavar="DEPARTMENT:ITEM:TEXT", help="落实要求 what an item must see to"),
    ] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """召集、决定或不予召集 · convene, decide or decline a matter."""
    actor = local_operator()
    with opened() as (edge, session):
        matter = matters.find_matter(session, matter_id)
        require(actor, Act.SETTLE_MATTER, matter.thing)
        at = edge.city.instant_of(meets_at) if meets_at is not None else None
        turn = Turn(state, text, at, place, tuple(_duty(each) for each in duty or ()))
        shown = matter_out(matters.settle(session, matter, turn, actor=actor, today=edge.now().date()))
    if output is OutputFormat.JSON:
        print_json(shown.model_dump(mode="json"))
    else:
        typer.echo(f"{shown.id} {shown.state}")


def _duty(text: str) -> Duty:
    parts = text.split(":", 2)
    if len(parts) < 3:
        raise InvalidInputError("{text!r} is not DEPARTMENT:ITEM:TEXT", text=text)
    return Duty(department=parts[0], item_code=parts[1], content=parts[2])


def list_matters(number: Number, output: FormatOption = OutputFormat.TABLE) -> None:
    """列出协调会、指导和争议 · meetings, guidance and disputes of a case."""
    require(local_operator(), Act.READ_CASE)
    with opened() as (_, session):
        case = cases.find_case(session, number)
        rows = [matter_out(row) for row in matters.list_matters(session, case_id=case.id, limit=1000)]
    if output is OutputFormat.JSON:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    table = ([r.id, r.kind, r.state, r.item, r.addressed_to, r.question, r.decision] for r in rows)
    columns = ["#", "种类 kind", "状态 state", "事项 item", "提交给 to", "问题 question", "决定 decision"]
    print_table("协调事项 matters", columns, table, empty="没有 none")


def list_obligations(number: Number, output: FormatOption = OutputFormat.TABLE) -> None:
    """列出建设条件 · what the case owes, and which item closes it."""
    require(local_operator(), Act.READ_CASE)
    with opened() as (_, session):
        case = cases.find_case(session, number)
        rows = [obligation_out(row) for row in obligations.obligations_of(session, case.id)]
    if output is OutputFormat.JSON:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    table = ([r.id, r.source, r.department, r.content, r.item_code, r.closed_on, r.how] for r in rows)
    columns = ["#", "来源 source", "部门 department", "内容 content", "事项 item", "落实 closed", "说明 how"]
    print_table("建设条件 obligations", columns, table, empty="没有 none")


def meet_obligation(
    number: Number,
    obligation_id: Id,
    item: Annotated[str | None, typer.Option(help="由哪个事项落实 name the item that closes it")] = None,
    how: Annotated[str | None, typer.Option(help="如何落实 how it was met")] = None,
) -> None:
    """指定事项或说明落实情况 · name the item that must close an obligation, or say how it was met."""
    actor = local_operator()
    with opened() as (edge, session):
        case = cases.locked_case(session, number)
        row = obligations.find_obligation(session, case, obligation_id)
        if item is not None:
            require(actor, Act.ACCEPT_ITEM, case.thing)
            obligations.assign(session, case, row, item, actor=actor)
        if how is not None:
            require(actor, Act.DECIDE_ITEM, case.thing)
            obligations.close(session, case, row, how, actor=actor, today=edge.now().date())


COMMANDS: dict[str, Callable[..., None]] = {
    "late": late,
    "letter": letter,
    "letters": letters,
    "answer-letter": answer_letter,
    "consult": consult,
    "answer-consultation": answer_consultation,
    "bring-up": bring_up,
    "settle": settle,
    "matters": list_matters,
    "obligations": list_obligations,
    "meet-obligation": meet_obligation,
}
"""What `blueprint case` has besides, by its name."""
