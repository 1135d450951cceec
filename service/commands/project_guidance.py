"""`blueprint project guidance | ask-guidance | give-guidance`: a district asks the city (Art. 16)."""

from typing import Annotated

import typer

from blueprint.permissions import Act, Thing, require
from coordination import guidance, projects
from coordination.guidance_router import guidance_out
from service.commands.context import local_operator
from service.commands.options import FormatOption, OutputFormat, print_json, print_table
from service.commands.project_app import Number, app, opened


@app.command("guidance")
def list_guidance(number: Number, output: FormatOption = OutputFormat.TABLE) -> None:
    """业务指导（第十六条） · what districts asked the city about a project, and what it answered."""
    actor = local_operator()
    require(actor, Act.READ_PROJECT)
    with opened() as (_, session):
        project = projects.find_project_by_number(session, number)
        shown = [guidance_out(each) for each in guidance.guidance_on(session, project, actor=actor)]
    if output is OutputFormat.JSON:
        print_json([each.model_dump(mode="json") for each in shown])
        return
    print_table(
        "业务指导 guidance",
        ["#", "区县部门 asks", "市级部门 of", "问题 question", "答复 answer"],
        ([g.id, g.department, g.asked_of, g.question, g.answer or "待答复 awaited"] for g in shown),
        empty="没有业务指导 nothing was asked",
    )


@app.command("ask-guidance")
def ask_for_guidance(
    number: Number,
    department: Annotated[str, typer.Argument(help="区县部门代码 the district's department")],
    asked_of: Annotated[str, typer.Argument(help="市级部门代码 the city's department")],
    question: Annotated[str, typer.Option(help="问题 what is asked")],
) -> None:
    """请求业务指导 · ask a department of the city for guidance, for a district's."""
    actor = local_operator()
    require(actor, Act.ASK_FOR_GUIDANCE, Thing(department=department))
    with opened() as (edge, session):
        project = projects.find_project_by_number(session, number)
        made = guidance.ask_for_guidance(
            session, project.id, department, asked_of, question, city=edge.city, actor=actor, now=edge.now()
        )
        typer.echo(f"业务指导 guidance {made.id}: {department} → {asked_of}")


@app.command("give-guidance")
def give_guidance(
    guidance_id: Annotated[int, typer.Argument(min=1, help="业务指导序号 id of the question")],
    answer: Annotated[str, typer.Option(help="答复 what is answered")],
) -> None:
    """答复业务指导 · answer a question, for the department that it was put to."""
    actor = local_operator()
    with opened() as (edge, session):
        made = guidance.give_guidance(session, guidance_id, answer, actor=actor, now=edge.now())
        typer.echo(f"已答复 answered: {made.asked_of} → {made.department}")
