"""`blueprint project list | export`: projects that are searched for, as a table or as a workbook."""

from pathlib import Path
from typing import Annotated

import typer

from blueprint.permissions import Act, require
from coordination.overview import project_briefs
from coordination.project_list import MAX_ROWS, project_list
from coordination.project_states import STATUS_WORDS, ProjectStatus
from coordination.views import search_projects
from service.commands.context import local_operator
from service.commands.options import FormatOption, OutputFormat, print_json, print_table
from service.commands.project_app import Cursor, Limit, app, opened

SearchOption = Annotated[str | None, typer.Option(help="编号、名称、单位、用途中的词 words to search for")]
StatusOption = Annotated[ProjectStatus | None, typer.Option(help="状态 where they stand")]
TypeOption = Annotated[
    str | None, typer.Option("--type", help="项目类型代码 project type, of the city profile")
]
DistrictOption = Annotated[str | None, typer.Option(help="区县代码 district, of the city profile")]


@app.command("list")
def list_all(
    search: SearchOption = None,
    status: StatusOption = None,
    project_type: TypeOption = None,
    district: DistrictOption = None,
    cursor: Cursor = 0,
    limit: Limit = 100,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """列出、检索项目 · list or search projects, in the order of registration."""
    require(local_operator(), Act.READ_PROJECT)
    with opened() as (_, session):
        found = search_projects(
            session,
            words=search,
            status=status,
            project_type=project_type,
            district=district,
            after=cursor,
            limit=limit,
        )
        briefs = project_briefs(session, found)
    if output is OutputFormat.JSON:
        print_json([brief.model_dump(mode="json") for brief in briefs])
        return
    rows = ([b.id, b.planning_number, b.name, b.applicant, STATUS_WORDS[b.status]] for b in briefs)
    columns = ["#", "策划编号 number", "项目 project", "建设单位 applicant", "状态 status"]
    print_table("项目 projects", columns, rows, empty="没有项目 no project is found")


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="写入的 .xlsx 文件 the file to write")],
    search: SearchOption = None,
    status: StatusOption = None,
    project_type: TypeOption = None,
    district: DistrictOption = None,
) -> None:
    """导出项目清单 · the list of projects, all or those searched for, as a workbook."""
    actor = local_operator()
    require(actor, Act.READ_PROJECT)
    with opened() as (edge, session):
        found = search_projects(
            session, words=search, status=status, project_type=project_type, district=district, limit=MAX_ROWS
        )
        book = project_list(session, found, city=edge.city, zone=edge.now().tzinfo, actor=actor)
    file.write_bytes(book)
    typer.echo(str(file))
