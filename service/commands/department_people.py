"""`blueprint department people | responsible | stand-ins | stand-in | end-stand-in`: who answers in a department, and who for whom."""

from typing import Annotated

import typer

from blueprint.accounts import stand_ins
from blueprint.accounts.staff import staff_of
from blueprint.accounts.stand_in_router import staff_member_out, stand_in_out
from blueprint.errors import InvalidInputError
from blueprint.permissions import Act
from blueprint.sentences import Sentence
from coordination import handling
from coordination.handling_router import responsible_out
from service.commands.context import local_operator, say
from service.commands.department import app
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json, print_table
from service.commands.project_app import opened

Department = Annotated[str, typer.Argument(help="部门代码 department code")]


@app.command("people")
def list_staff(department: Department, form: FormatOption = OutputFormat.TABLE) -> None:
    """列出部门人员 · the reviewers, section heads and directors of a department, by name."""
    with opened() as (edge, session):
        found = staff_of(session, department, city=edge.city, actor=local_operator(), now=edge.now())
    shown = [staff_member_out(each) for each in found]
    if form is OutputFormat.JSON:
        print_json([each.model_dump(mode="json") for each in shown])
        return
    print_table(
        f"{department} 人员 people",
        ["账号 login", "姓名 name", "职务 roles", "科室 section"],
        ([s.login, s.name, ", ".join(s.roles), s.section or "—"] for s in shown),
        empty="无 none",
    )


@app.command("responsible")
def name_responsible(
    department: Department,
    section: Annotated[int, typer.Argument(min=1, help="科室编号 number of the section")],
    officer: Annotated[str | None, typer.Option(help="责任人账号 login of the person")] = None,
) -> None:
    """指定意见征询的责任科室、责任人 · name the section and person that requests go to; the department then answers in steps."""
    with opened() as (edge, session):
        named = handling.name_responsible(
            session, department, section, officer, city=edge.city, actor=local_operator(), now=edge.now()
        )
        shown = responsible_out(department, named)
    say(f"{department}: {shown.section} {shown.officer or ''}")


@app.command("stand-ins")
def list_stand_ins(department: Department, form: FormatOption = OutputFormat.TABLE) -> None:
    """列出请假与委托 · who stands in for whom in a department, today or later."""
    with opened() as (edge, session):
        found = stand_ins.list_stand_ins(session, department, actor=local_operator(), today=edge.now().date())
        shown = [stand_in_out(each) for each in found]
    if form is OutputFormat.JSON:
        print_json([each.model_dump(mode="json") for each in shown])
        return
    print_table(
        f"{department} 请假与委托 stand-ins",
        ["#", "何人 who", "代理人 deputy", "权限 right", "自 from", "至 to", "事由 reason"],
        ([s.id, s.login, s.deputy, s.act or "全部 all", s.starts_on, s.ends_on, s.reason] for s in shown),
        empty="无 none",
    )


@app.command("stand-in")
def arrange_stand_in(
    login: Annotated[str, typer.Argument(help="何人 who is stood in for")],
    deputy: Annotated[str, typer.Argument(help="代理人 who stands in")],
    first: Annotated[str, typer.Option("--from", help="起始日 first day")],
    last: Annotated[str, typer.Option("--to", help="末日 last day")],
    reason: Annotated[str, typer.Option(help="事由 why")],
    act: Annotated[
        Act | None, typer.Option(help="只委托此权限 this right alone: review_draft | issue_opinion")
    ] = None,
) -> None:
    """登记请假代理或委托 · let somebody stand in for another, for everything or with one right."""
    starts_on, ends_on = parse_day(first), parse_day(last)
    if starts_on is None or ends_on is None:
        raise InvalidInputError("give the first and the last day: --from, --to")
    with opened() as (edge, session):
        made = stand_ins.arrange_stand_in(
            session,
            login,
            deputy,
            act=act,
            starts_on=starts_on,
            ends_on=ends_on,
            reason=reason,
            city=edge.city,
            actor=local_operator(),
            now=edge.now(),
        )
        number = made.id
    say(
        Sentence(
            "stand-in {number}: {deputy} for {login}, {starts_on} to {ends_on}",
            number=number,
            deputy=deputy,
            login=login,
            starts_on=starts_on,
            ends_on=ends_on,
        )
    )


@app.command("end-stand-in")
def end_stand_in(number: Annotated[int, typer.Argument(min=1, help="编号 number")]) -> None:
    """提前结束代理 · end a stand-in at once."""
    with opened() as (edge, session):
        stand_ins.end_stand_in(session, number, actor=local_operator(), now=edge.now())
    say(Sentence("stand-in {number} is over", number=number))
