"""`blueprint case …`, materials: hand in, read, who read, and the files of what was decided."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from approval import cases, materials, preparation
from approval.item_overview import material_out
from approval.items import find_item
from approval.material_router import reader_out
from approval.materials import FileGiven, MaterialGiven
from approval.results import item_of_result, keep_result_file
from approval.vouchers import write_voucher
from blueprint.documents.rendering import DocumentForm
from blueprint.objects import objects_of
from blueprint.permissions import Act, require
from service.commands.case import Number, opened
from service.commands.case_item import Code
from service.commands.context import local_operator
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json, print_table


def hand_in(
    number: Number,
    material: Annotated[str, typer.Argument(help="材料代码 code of the material")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="文件 file")],
    item: Annotated[str | None, typer.Option(help="为哪个事项 for which item")] = None,
    valid_until: Annotated[str | None, typer.Option(help="有效期至 valid until")] = None,
    replaces: Annotated[
        str | None, typer.Option(metavar="REASON", help="更换理由 why it is replaced")
    ] = None,
) -> None:
    """提交材料，一次提交全程共享（第十四条） · hand a material in, once for the whole case."""
    actor = local_operator()
    with opened() as (edge, session):
        case = cases.locked_case(session, number)
        require(actor, Act.GIVE_MATERIAL, case.thing)
        given = MaterialGiven(
            code=material,
            file=_keep(session, file),
            valid_until=parse_day(valid_until),
            replaces_reason=replaces,
            item=find_item(session, case, item) if item else None,
        )
        taken = materials.submit(
            session, case, preparation.table_of(session, case), given, actor=actor, now=edge.now()
        )
        typer.echo(materials.place_of(taken))


def list_materials(number: Number, output: FormatOption = OutputFormat.TABLE) -> None:
    """列出材料库 · the library of a case: what was given once, and where it lies."""
    require(local_operator(), Act.READ_CASE)
    with opened() as (edge, session):
        case = cases.find_case(session, number)
        today = edge.now().date()
        rows = [material_out(row, today) for row in materials.list_materials(session, case)]
    if output is OutputFormat.JSON:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    table = (
        [row.id, row.code, row.version, row.title, row.given_on, row.valid_until, row.file_name]
        for row in rows
    )
    columns = [
        "序号 id",
        "代码 code",
        "版本 version",
        "材料 material",
        "提交 given",
        "有效至 until",
        "文件 file",
    ]
    print_table("材料库 materials", columns, table, empty="没有材料 none yet")


MaterialId = Annotated[int, typer.Argument(min=1, help="材料序号 id of a version (case materials)")]


def read_material(
    number: Number,
    material_id: MaterialId,
    output: Annotated[Path, typer.Option(dir_okay=False, help="写到哪个文件 file to write")],
) -> None:
    """取出材料文件，查阅留痕 · the file of a material, as it was handed in or over; who reads it is recorded."""
    actor = local_operator()
    require(actor, Act.READ_CASE)
    with opened() as (edge, session):
        case = cases.find_case(session, number)
        material = materials.read_file(session, case, material_id, actor=actor, now=edge.now())
        shutil.copyfile(objects_of(session).existing(str(material.sha256)), output)
        typer.echo(f"{material.title} → {output}")


def readers(number: Number, material_id: MaterialId, output: FormatOption = OutputFormat.TABLE) -> None:
    """谁查阅过材料 · who read a version of a material, the last first."""
    require(local_operator(), Act.READ_CASE)
    with opened() as (_, session):
        found = materials.readers_of(session, cases.find_case(session, number), material_id)
        rows = [reader_out(row) for row in found]
    if output is OutputFormat.JSON:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    table = ([row.name, row.department, row.first_at, row.last_at, row.times] for row in rows)
    columns = ["查阅人 reader", "部门 department", "首次 first", "最近 last", "次数 times"]
    print_table("查阅记录 readers", columns, table, empty="还没有人查阅 nobody yet")


def voucher(
    number: Number,
    code: Code,
    step: Annotated[int, typer.Argument(min=1, max=10_000, help="步骤序号 number of the step (case item)")],
    file: Annotated[Path, typer.Argument(dir_okay=False, help="写入的文件 .pdf 或 .docx the file to write")],
    number_of_round: Annotated[
        int | None, typer.Option("--round", min=1, max=1000, help="轮次 the newest when not given")
    ] = None,
) -> None:
    """书面凭证 · the written voucher of a step: 受理、补正、不受理、不予受理、延期、特别程序."""
    actor = local_operator()
    require(actor, Act.READ_CASE)
    form = DocumentForm.of(file)
    with opened() as (edge, session):
        case = cases.find_case(session, number)
        item = find_item(session, case, code, number_of_round)
        written = write_voucher(session, case, item, step, form, city=edge.city, actor=actor)
    file.write_bytes(written.content)
    typer.echo(str(file))


def upload_result(
    number: Number,
    code: Code,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="证照文件 certificate")],
    number_of_round: Annotated[
        int | None,
        typer.Option(
            "--round", min=1, max=10_000, help="轮次 of an item applied for again; the newest decided"
        ),
    ] = None,
) -> None:
    """上传审批结果或不予许可决定书（第十条） · upload the certificate of an approved item, or the decision that refuses one."""
    actor = local_operator()
    with opened() as (edge, session):
        case = cases.locked_case(session, number)
        item = item_of_result(session, case, code, number_of_round)
        require(actor, Act.DECIDE_ITEM, item.thing)
        kept = keep_result_file(session, case, item, _keep(session, file), actor=actor, now=edge.now())
        typer.echo(f"{kept.number} {kept.material.sha256}")


def _keep(session: Session, file: Path) -> FileGiven:
    return FileGiven(file.name[:200], objects_of(session).put(file))


COMMANDS: dict[str, Callable[..., None]] = {
    "hand-in": hand_in,
    "materials": list_materials,
    "material": read_material,
    "readers": readers,
    "voucher": voucher,
    "upload-result": upload_result,
}
"""What `blueprint case` has besides, by its name."""
