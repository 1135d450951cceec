"""`blueprint department …`: the tree of levels, departments and sections."""

from datetime import datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.tree import Tree as Drawn
from sqlalchemy.orm import Session

from blueprint.accounts import sections
from blueprint.accounts.tree_router import BranchOut, tree_out
from blueprint.sentences import Sentence
from coordination.open_work import WorkKind, open_work
from service.commands.context import local_operator, open_edge, output, say
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json, print_table

app = typer.Typer(
    no_args_is_help=True, help="部门：层级、部门、科室 · the tree of levels, departments and sections"
)


@app.command("tree")
def tree(
    with_past: Annotated[bool, typer.Option("--with-past", help="含已撤销科室 closed sections, too")] = False,
    form: FormatOption = OutputFormat.TABLE,
) -> None:
    """列出层级、部门、科室 · show levels, departments, sections and their heads."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session:
        found = sections.tree_of(
            session, city=edge.city, actor=local_operator(), now=edge.now(), with_past=with_past
        )
        shown = tree_out(found, name=edge.city.name)
    if form is OutputFormat.JSON:
        print_json(shown.model_dump(mode="json"))
        return
    drawn = Drawn(f"{shown.name} 市级 city")
    for branch in shown.departments:
        _draw(drawn, branch)
    for district in shown.districts:
        below = drawn.add(f"{district.code} {district.name} 区县 district")
        for branch in district.departments:
            _draw(below, branch)
    output.print(drawn)


@app.command("add-section")
def add_section(
    department: Annotated[str, typer.Argument(help="部门代码 department code")],
    name: Annotated[str, typer.Argument(help="科室名称 name of the section")],
    name_en: Annotated[str | None, typer.Option("--name-en", help="英文名称 English name")] = None,
    first: Annotated[str | None, typer.Option("--from", help="起始日 first day")] = None,
) -> None:
    """设立科室 · open a section of a department."""
    day = parse_day(first)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        section = sections.add_section(
            session,
            department,
            name,
            name_en=name_en,
            starts_at=datetime.combine(day, time(), ZoneInfo(edge.city.time_zone)) if day else None,
            city=edge.city,
            actor=local_operator(),
            now=edge.now(),
        )
        number = section.id
    say(
        Sentence(
            "section {number} {name} of {department} is open", number=number, name=name, department=department
        )
    )


@app.command("end-section")
def end_section(number: Annotated[int, typer.Argument(min=1, help="科室编号 number of the section")]) -> None:
    """撤销科室，保留记录 · close a section that nobody holds a role in; it stays on record."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        section = sections.end_section(session, number, actor=local_operator(), now=edge.now())
        name = section.name
    say(Sentence("section {number} {name} is closed", number=number, name=name))


@app.command("open-work")
def list_open_work(
    department: Annotated[str, typer.Argument(help="部门代码 department code")],
    form: FormatOption = OutputFormat.TABLE,
) -> None:
    """未办结工作，含离任人员留下的 · open work of a department, also what somebody who left began."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        found = open_work(session, department, city=edge.city, actor=local_operator(), now=edge.now())
    if form is OutputFormat.JSON:
        print_json([vars(work) for work in found])
        return
    print_table(
        f"{department} 未办结工作 open work",
        ["类别 kind", "编号 id", "内容 title", "自 since", "限 due", "经办 begun by", "已离任 left"],
        [
            [_KINDS[w.kind], w.id, w.title, w.since, w.due_on, w.begun_by, "是 yes" if w.left_behind else ""]
            for w in found
        ],
        empty="没有未办结工作 nothing is open",
    )


_KINDS = {
    WorkKind.OPINION_REQUEST: "意见征询 opinion request",
    WorkKind.DRAFT: "草稿版本 draft",
    WorkKind.ACCESS_REQUEST: "共享申请 access request",
    WorkKind.ACCESS_TO_DECIDE: "待定共享 access to decide",
}


def _draw(above: Drawn, branch: BranchOut) -> None:
    drawn = above.add(f"{branch.code} {branch.name}")
    for section in branch.sections:
        heads = f" · 科长 head: {'、'.join(section.heads)}" if section.heads else ""
        closed = f" · 至 until {section.ends_at:%Y-%m-%d}" if section.ends_at is not None else ""
        drawn.add(f"{section.id} {section.name}{heads}{closed}")
