"""`blueprint layer …`: define, retire, upload, versions, withdraw, list, show, export, trace."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from blueprint.errors import InvalidInputError
from blueprint.layers import catalogue, publication
from blueprint.layers.models import GeometryKind, Layer, VersionState
from blueprint.layers.shown import layer_out, version_out
from blueprint.permissions import Act, require
from blueprint.sentences import Sentence, spoken
from blueprint.sharing import exports
from blueprint.sharing.export_router import export_out
from blueprint.sharing.purposes import record_reading
from blueprint.sharing.schemas import ExportOut
from service.commands.context import confirm, local_operator, open_edge, say
from service.commands.labels import CONTROL_WORDS, named
from service.commands.layer_definition import define, reinstate, retire
from service.commands.layer_upload import upload
from service.commands.options import Code, FormatOption, Number, OutputFormat, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="图层：定义、上传、版本、生效 · layers of the blueprint")

app.command("define")(define)
app.command("retire")(retire)
app.command("reinstate")(reinstate)
app.command("upload")(upload)


@app.command("withdraw")
def withdraw(
    code: Code,
    number: Number,
    yes: Annotated[bool, typer.Option("--yes", help="不再确认 do not ask")] = False,
) -> None:
    """撤回版本 · withdraw a version from today; checks of earlier days still find it."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session:
        with session.begin():
            layer = catalogue.find_layer(session, code)
            require(local_operator(), Act.WITHDRAW_VERSION, layer.thing)
            publication.version_of(session, layer, number)
        if not yes:
            confirm(
                f"撤回 {code} 第 {number} 版？此操作不可撤销 Withdraw version {number} of {code}? It cannot be undone"
            )
        with session.begin():
            version = publication.version_of(session, catalogue.find_layer(session, code), number)
            publication.withdraw(session, version, on=edge.now().date(), actor=local_operator())
    say(Sentence("{code} version {number} is withdrawn", code=code, number=number))


@app.command("list")
def list_layers(
    search: Annotated[
        str,
        typer.Option(help="检索名称、摘要、部门、图层组等 words that must all occur in names or metadata"),
    ] = "",
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """列出图层，按图层组 · list the layers and their versions in force, by group."""
    require(local_operator(), Act.LIST_LAYERS)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        layers = catalogue.list_layers(session, edge.city, search=search)
        record_reading(session, local_operator(), [layer.thing for layer in layers], kind="layers", id="list")
        items = [layer_out(layer, edge.city, edge.now().date()) for layer in layers]
        groups = {group.code: place for place, group in enumerate(edge.city.layer_groups)}
        items.sort(key=lambda item: (groups.get(item.group or "", len(groups)), item.position, item.code))
    if output is OutputFormat.JSON:
        print_json([item.model_dump(mode="json") for item in items])
        return
    print_table(
        f"图层 Layers · {edge.city.name}",
        [
            "代码 code",
            "名称 title",
            "图层组 group",
            "部门 department",
            "管控 control",
            "类型 kind",
            "现行版本 in force",
            "自 from",
            "图斑 features",
        ],
        [
            [
                i.code,
                i.title,
                i.group_name,
                i.department_name,
                " ".join(CONTROL_WORDS[i.control]),
                spoken(GeometryKind(i.geometry)).both,
                i.version,
                i.in_force_from,
                i.feature_count,
            ]
            for i in items
        ],
        empty="尚无图层 no layer yet: blueprint layer define --from layers.toml",
    )


@app.command("show")
def show(code: Code, output: FormatOption = OutputFormat.TABLE) -> None:
    """查看图层 · show a layer."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        layer = _readable(session, code)
        record_reading(session, local_operator(), [layer.thing], kind="layer", id=code)
        item = layer_out(layer, edge.city, edge.now().date()).model_dump(mode="json")
    if output is OutputFormat.JSON:
        print_json(item)
        return
    item["control"] = " ".join(CONTROL_WORDS[item["control"]])
    item["geometry"] = spoken(GeometryKind(item["geometry"])).both
    print_table(f"{item['code']} {item['title']}", ["项 key", "值 value"], named(item), empty="")


@app.command("versions")
def versions(code: Code, output: FormatOption = OutputFormat.TABLE) -> None:
    """列出版本 · list the versions of a layer."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        layer = _readable(session, code)
        record_reading(session, local_operator(), [layer.thing], kind="versions", id=code)
        items = [version_out(layer, version, edge.city, edge.now().date()) for version in layer.versions]
    if output is OutputFormat.JSON:
        print_json([item.model_dump(mode="json") for item in items])
        return
    print_table(
        f"{code} 版本 versions",
        [
            "版本 version",
            "状态 state",
            "生效 in force",
            "图斑 features",
            "修复 mended",
            "文件 file",
            "坐标系 CRS",
            "上传 by",
            "警告确认 warnings confirmed",
        ],
        [
            [
                i.number,
                spoken(VersionState(i.state)).both,
                "; ".join(
                    f"{p.starts_on} – {p.ends_on or ''}" for p in i.periods if p.starts_on != p.ends_on
                ),
                f"{i.feature_count:,}",
                i.mended_count,
                i.source_name,
                i.source_crs,
                i.uploaded_by,
                f"{i.warnings_reason}（{i.warnings_confirmed_by}）" if i.warnings_reason else None,
            ]
            for i in items
        ],
        empty=f"{code} 尚无版本 has no version yet: blueprint layer upload {code} FILE",
    )


@app.command("export")
def export(
    code: Code,
    file: Annotated[
        Path, typer.Argument(help=".gpkg .parquet .fgb .geojson .zip (Shapefile)；栅格 of a raster: .tif")
    ],
    version: Annotated[
        int | None, typer.Option(min=1, help="版本 version; the one in force when not given")
    ] = None,
    purpose: Annotated[
        str | None, typer.Option(help="用途 what for; needed where the layer is not public")
    ] = None,
) -> None:
    """导出图层，带导出标记并登记 · write a version of a layer to a file, stamped and registered."""
    draft = file.with_name(f".{file.stem}.draft{file.suffix}")
    try:
        with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
            layer = catalogue.find_layer(session, code)
            number = version or layer_out(layer, edge.city, edge.now().date()).version
            if number is None:
                raise InvalidInputError(
                    "no version of {code} is in force; name one with --version", code=code
                )
            made = exports.export_layer(
                session,
                layer,
                publication.version_of(session, layer, number),
                draft,
                actor=local_operator(),
                city=edge.city,
                now=edge.now(),
                purpose=purpose,
            )
            kept = export_out(made)
        draft.replace(file)
    except OSError as error:
        raise InvalidInputError(
            "cannot write {file}: {strerror}", file=file, strerror=error.strerror
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    told = {"code": code, "number": number, "path": file, "export": kept.number}
    if file.suffix.lower() == ".tif":
        say(Sentence("wrote the raster of {code} version {number} to {path}, export {export}", **told))
    else:
        say(
            Sentence(
                "wrote {count:,} features of {code} version {number} to {path}, export {export}",
                **told,
                count=kept.features,
            )
        )
    if file.suffix.lower() == ".zip":
        say(
            "Shapefile 字段名最长 10 字节，对照见压缩包内 READ_ME.txt · field names have 10 bytes, see READ_ME.txt in the archive"
        )


@app.command("exports")
def list_exports(
    code: Annotated[str | None, typer.Argument(help="图层代码 layer code; all when not given")] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """列出导出登记 · list the files that layers were exported to, newest first."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session:
        found = exports.list_exports(session, actor=local_operator(), layer=code, limit=10_000)
        items = [export_out(made) for made in found]
    _print_exports(items, output, empty="尚无导出 nothing was exported yet: blueprint layer export CODE FILE")


@app.command("trace")
def trace(
    file: Annotated[Path, typer.Argument(help="任何文件 any file")], output: FormatOption = OutputFormat.TABLE
) -> None:
    """追溯文件由谁导出 · say who exported a file, by its SHA-256 or the stamp in it."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session:
        found = exports.trace_file(session, file, actor=local_operator())
        items = [export_out(traced.export) for traced in found]
    if output is OutputFormat.TABLE:
        say(
            "与导出时一致 the file is as it was exported"
            if found[0].is_unchanged
            else "文件已被改动，按其中的导出编号追溯 the file was changed since; traced by the number that stands in it"
        )
    _print_exports(items, output, empty="")


def _print_exports(items: list[ExportOut], output: OutputFormat, *, empty: str) -> None:
    if output is OutputFormat.JSON:
        print_json([item.model_dump(mode="json") for item in items])
        return
    print_table(
        "导出登记 Exports",
        [
            "编号 number",
            "图层 layer",
            "账户 account",
            "部门 department",
            "时间 at",
            "格式 format",
            "图斑 features",
            "授权 grant",
            "用途 purpose",
            "SHA-256",
        ],
        [
            [
                i.number,
                f"{i.layer} v{i.version}",
                i.account,
                i.department,
                i.exported_at,
                i.format,
                f"{i.features:,}",
                i.grant_id,
                i.purpose,
                i.sha256[:12],
            ]
            for i in items
        ],
        empty=empty,
    )


def _readable(session: Session, code: str) -> Layer:
    layer = catalogue.find_layer(session, code)
    require(local_operator(), Act.READ_LAYER, layer.thing)
    return layer
