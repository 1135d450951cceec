"""`blueprint standard …`: the attribute standards that layers are held to."""

from typing import Annotated

import typer

from blueprint.standards.loading import find_standard, standards
from blueprint.standards.schemas import FieldStandardOut, standard_out, summary_of
from service.commands.options import FormatOption, OutputFormat, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="属性标准 · attribute standards of plan layers")


@app.command("list")
def list_standards(output: FormatOption = OutputFormat.TABLE) -> None:
    """列出标准图层 · list the layers that the standards know."""
    items = [summary_of(layer) for layer in standards().layers.values()]
    if output is OutputFormat.JSON:
        print_json([item.model_dump() for item in items])
        return
    print_table(
        "属性标准 Standards",
        [
            "代码 code",
            "名称 title",
            "类型 type",
            "分组 group",
            "别名 aliases",
            "要素代码 class code",
            "字段 fields",
            "存疑 unsure",
        ],
        [
            [
                i.code,
                i.title,
                i.geometry,
                i.group,
                " ".join(i.aliases),
                i.class_code,
                i.field_count,
                i.unsure,
            ]
            for i in items
        ],
        empty="",
    )


@app.command("show")
def show_standard(
    code: Annotated[str, typer.Argument(help="图层代码或别名 layer code or alias")],
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """查看图层标准 · show a layer's fields, code lists and sources."""
    item = standard_out(find_standard(code), standards())
    if output is OutputFormat.JSON:
        print_json(item.model_dump())
        return
    print_table(
        f"{item.code} {item.title} · {item.geometry}",
        [
            "字段 field",
            "名称 title",
            "类型 type",
            "约束 required",
            "代码表或值域 codes or range",
            "存疑 unsure",
        ],
        [
            [f.name, f.title, _type(f), f.required, f.codes or f"{f.range or ''} {f.unit or ''}", f.unsure]
            for f in item.fields
        ],
        empty="",
    )
    for key, text in item.sources.items():
        typer.echo(f"{key}: {text}")
    for remark in filter(None, (item.unsure, item.note)):
        typer.echo(remark)


def _type(field: FieldStandardOut) -> str:
    sizes = [str(size) for size in (field.length, field.decimals) if size is not None]
    return f"{field.type}({','.join(sizes)})" if sizes else field.type
