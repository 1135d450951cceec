"""`blueprint project attach | attachments | attachment`: files of a project, or of a department's answer."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from blueprint.errors import InvalidInputError
from blueprint.permissions import Act, require
from coordination import attachments, projects
from coordination.attachment_router import attachment_out
from service.commands.context import local_operator
from service.commands.options import FormatOption, OutputFormat, print_json, print_table
from service.commands.project_app import Number, app, opened


@app.command("attach")
def attach(
    number: Number,
    file: Annotated[Path, typer.Argument(help="文件 PDF, OFD, PNG, JPEG, TIFF, DOCX, XLSX")],
    request: Annotated[
        int | None, typer.Option(min=1, help="意见征询序号 of this request, not of the project")
    ] = None,
    about: Annotated[str | None, typer.Option(help="说明 what it is")] = None,
) -> None:
    """添加附件 · add a file to a project, or to a department's request."""
    actor = local_operator()
    require(actor, Act.REGISTER_PROJECT)
    if not file.is_file():
        raise InvalidInputError("no file {file}", file=file)
    with opened() as (edge, session):
        if request is not None:
            made = attachments.attach_to_request(
                session,
                request,
                file,
                file.name,
                about=about,
                actor=actor,
                calendar=edge.calendar,
                now=edge.now(),
            )
        else:
            project = projects.find_project_by_number(session, number)
            made = attachments.attach_to_project(
                session, project.id, file, file.name, about=about, actor=actor, now=edge.now()
            )
        typer.echo(f"附件 attachment {made.id}: {made.file_name} · {made.kind} · {made.sha256}")


@app.command("attachments")
def list_attachments(number: Number, output: FormatOption = OutputFormat.TABLE) -> None:
    """列出附件 · the files of a project and of its requests."""
    actor = local_operator()
    require(actor, Act.READ_PROJECT)
    with opened() as (_, session):
        project = projects.find_project_by_number(session, number)
        shown = [attachment_out(a) for a in attachments.attachments_of(session, project, actor=actor)]
    if output is OutputFormat.JSON:
        print_json([each.model_dump(mode="json") for each in shown])
        return
    rows = (
        [a.id, a.file_name, a.kind, a.size_bytes, a.request_id or "", a.about or "", a.sha256] for a in shown
    )
    columns = ["#", "文件 file", "类型 kind", "字节 bytes", "意见征询 request", "说明 about", "SHA-256"]
    print_table("附件 attachments", columns, rows, empty="没有附件 no attachment")


@app.command("attachment")
def save_attachment(
    attachment_id: Annotated[int, typer.Argument(min=1, help="附件序号 id of the attachment")],
    file: Annotated[Path, typer.Argument(help="写入的文件 the file to write")],
) -> None:
    """取出附件 · save an attachment as it came."""
    actor = local_operator()
    require(actor, Act.READ_PROJECT)
    with opened() as (_, session):
        _, kept = attachments.read_attachment(session, attachment_id, actor=actor)
        shutil.copyfile(kept, file)
    typer.echo(str(file))
