"""`blueprint layer …`: define, upload, versions, withdraw, list, show, export, trace."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy.orm import Session

from blueprint.city import polygonal
from blueprint.edge import Edge
from blueprint.errors import InvalidInputError
from blueprint.footprint import read_footprint_file
from blueprint.layers import catalogue, publication
from blueprint.layers.coverage import coverage_of_districts
from blueprint.layers.features_file import features_folder
from blueprint.layers.formats import TAKEN
from blueprint.layers.models import Layer, LayerVersion
from blueprint.layers.reading import staged
from blueprint.layers.shown import layer_out, version_out
from blueprint.layers.upload_job import put_in_upload
from blueprint.permissions import Act, require
from blueprint.quality.check import check_version
from blueprint.quality.receipts import FileRefusedError
from blueprint.quality.report import drawn_issues, original_shapes, write_errors
from blueprint.sharing import exports
from blueprint.sharing.export_router import export_out
from blueprint.sharing.purposes import record_reading
from blueprint.sharing.schemas import ExportOut
from blueprint.standards.loading import find_standard
from blueprint.standards.mapping import parse_pairs
from service.commands.context import console, local_operator, open_edge, say
from service.commands.job import PHASES
from service.commands.layer_definition import define
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="图层：定义、上传、版本、生效 · layers of the blueprint")

Code = Annotated[str, typer.Argument(help="图层代码 layer code")]
ConfirmOption = Annotated[
    str | None,
    typer.Option("--confirm-warnings", help="确认警告的理由 why the warnings of the quality check may stand"),
]
Number = Annotated[int, typer.Argument(min=1, help="版本号 version number")]


app.command("define")(define)


@app.command("upload")
def upload(
    code: Code,
    file: Annotated[
        Path,
        typer.Argument(help=TAKEN),
    ],
    sublayer: Annotated[
        str | None, typer.Option(help="文件内的图层，栅格为波段号 layer inside the file; band of a raster")
    ] = None,
    crs: Annotated[str | None, typer.Option(help="坐标系 EPSG:n where the file does not say it")] = None,
    encoding: Annotated[
        str | None, typer.Option(help="属性编码 encoding of attributes, e.g. GB18030")
    ] = None,
    accept_crs: Annotated[
        str | None, typer.Option(help="接受诊断建议的坐标系 accept the CRS that the diagnosis suggests")
    ] = None,
    split: Annotated[
        bool, typer.Option("--split", help="舍去其他几何类型 leave features of other kinds out")
    ] = False,
    valid_until: Annotated[str | None, typer.Option(help="规划期末 last day of the plan's own term")] = None,
    review_by: Annotated[
        str | None, typer.Option(help="复核期限 last day on which the data are stood by")
    ] = None,
    coverage: Annotated[
        Path | None, typer.Option(help="覆盖范围 polygon file of the area that the data speak of")
    ] = None,
    districts: Annotated[
        str | None, typer.Option(help="覆盖区县 the same by district codes, with commas between")
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="字段映射 YOURS=STANDARD, kept for the next upload; may be repeated"),
    ] = None,
    errors: Annotated[
        Path | None,
        typer.Option(help="问题图形 write the issues' shapes to this .gpkg, also of a refused file"),
    ] = None,
    confirm_warnings: ConfirmOption = None,
    in_force: Annotated[
        bool, typer.Option("--in-force", help="上传后即生效 bring into force at once")
    ] = False,
    in_force_from: Annotated[
        str | None, typer.Argument(metavar="[DATE]", help="生效日 first day in force, with --in-force")
    ] = None,
    background: Annotated[
        bool, typer.Option("--background", help="交给后台任务 let a worker store it: `blueprint job show`")
    ] = False,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """上传文件为新版本 · store a file as a new draft version; `--in-force [DATE]` brings it into force."""
    starts_on = parse_day(in_force_from)
    if starts_on is not None and not in_force:
        raise InvalidInputError("a date needs --in-force before it")
    entry = catalogue.VersionFile(
        path=file,
        sublayer=sublayer,
        crs=crs,
        encoding=encoding,
        accept_crs=accept_crs,
        split=split,
        valid_until=parse_day(valid_until),
        review_by=parse_day(review_by),
        coverage=coverage,
        districts=districts,
        mapping=tuple(mapping or ()),
    )
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session:
        if background:
            with session.begin():
                layer = catalogue.find_layer(session, code)
                day = (starts_on or edge.now().date()) if in_force else None
                _put_in(session, edge, layer, entry, in_force_from=day, confirm_warnings=confirm_warnings)
            return
        try:
            with session.begin():
                layer = catalogue.find_layer(session, code)
                version = store_file(session, edge, layer, entry)
        except FileRefusedError as refused:
            if errors is not None:
                write_errors(errors, refused.drawn, city=edge.city)
                say(f"the issues are drawn in {errors}")
            raise
        if errors is not None:
            drawn = drawn_issues(session, version, city=edge.city)
            write_errors(errors, drawn, city=edge.city, originals=original_shapes(session, version))
        session.commit()
        # The draft stays when it cannot come into force: what stands against it is read with `layer quality`.
        if in_force:
            with session.begin():
                bring_into_force(session, edge, version, starts_on, confirm_warnings)
        session.refresh(version)
        result = version_out(layer, version, edge.now().date())
    if output is OutputFormat.JSON:
        print_json(result.model_dump(mode="json"))
        return
    if result.raster is not None:
        raster = result.raster
        say(
            f"{layer.code} version {result.number}: {raster.width:,} × {raster.height:,} pixels of"
            f" {raster.pixel_width_m:g} × {raster.pixel_height_m:g} m, {raster.minimum:g} to {raster.maximum:g}"
            f" {layer.unit or ''}, {result.state}; from {result.source_crs} by {result.operation},"
            f" resampling {raster.resampling}"
        )
        return
    say(
        f"{layer.code} version {result.number}: {result.feature_count:,} features, {result.vertex_count:,} vertices,"
        f" {result.state}; from {result.source_crs} by {result.operation}; {result.mended_count} mended,"
        f" {result.error_count} errors, {result.warning_count} warnings"
    )


def _put_in(
    session: Session,
    edge: Edge,
    layer: Layer,
    entry: catalogue.VersionFile,
    *,
    in_force_from: date | None,
    confirm_warnings: str | None,
) -> None:
    with publication.upload_stream(entry.path) as stream:
        job = put_in_upload(
            session,
            layer,
            stream,
            entry.path.name,
            _upload_of(entry, edge, layer),
            in_force_from=in_force_from,
            confirm_warnings=confirm_warnings,
            edge=edge,
            now=edge.now(),
        )
    say(
        f"job {job.id} stores {entry.path.name} as a version of {layer.code}: blueprint job show {job.id} --follow"
    )


def _upload_of(entry: catalogue.VersionFile, edge: Edge, layer: Layer) -> publication.Upload:
    """What the command line says of a file."""
    coverage = None
    if entry.coverage is not None:
        site = read_footprint_file(entry.coverage, city=edge.city, scratch=edge.scratch)
        coverage = polygonal(site.geometry)
    if entry.districts is not None:
        named = coverage_of_districts(entry.districts, city=edge.city)
        coverage = named if coverage is None else polygonal(coverage.union(named))
    return publication.Upload(
        actor=local_operator(),
        sublayer=entry.sublayer,
        crs=entry.crs,
        encoding=entry.encoding,
        accept_crs=entry.accept_crs,
        split=entry.split,
        objects=edge.objects,
        valid_until=entry.valid_until,
        review_by=entry.review_by,
        coverage=coverage,
        mapping=parse_pairs(entry.mapping, find_standard(layer.standard) if layer.standard else None),
    )


def store_file(session: Session, edge: Edge, layer: Layer, entry: catalogue.VersionFile) -> LayerVersion:
    """Store a file of the command line as a version, with a progress line."""
    request = _upload_of(entry, edge, layer)
    require(request.actor, Act.UPLOAD_VERSION, layer.thing)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"{layer.code} {layer.title}", total=None, count="")

        def tell(step: str, count: int) -> None:
            progress.update(task, count=f"{PHASES.get(step, step)} {count:,}")

        with (
            publication.upload_stream(entry.path) as stream,
            staged(stream, entry.path.name, scratch=edge.scratch, sublayer=entry.sublayer) as file,
            features_folder(edge.scratch) as folder,
        ):
            version = publication.store_version(
                session, layer, file, request, city=edge.city, now=edge.now(), folder=folder, progress=tell
            )
            check_version(
                session,
                layer,
                version,
                city=edge.city,
                scratch=edge.scratch,
                actor=request.actor,
                now=edge.now(),
                folder=folder,
                progress=tell,
            )
            return version


def bring_into_force(
    session: Session, edge: Edge, version: LayerVersion, starts_on: date | None, reason: str | None
) -> None:
    """Bring a version into force as the person at the command line."""
    actor, now = local_operator(), edge.now()
    require(actor, Act.BRING_INTO_FORCE, version.layer.thing)
    publication.bring_into_force(
        session,
        version,
        starts_on=starts_on or now.date(),
        actor=actor,
        now=now,
        confirm_warnings=reason,
    )


@app.command("withdraw")
def withdraw(
    code: Code,
    number: Number,
    yes: Annotated[bool, typer.Option("--yes", help="不再确认 do not ask")] = False,
) -> None:
    """撤回版本 · withdraw a version from today; checks of earlier days still find it."""
    if not yes:
        typer.confirm(
            f"撤回 {code} 第 {number} 版？此操作不可撤销 Withdraw version {number} of {code}? It cannot be undone",
            abort=True,
            err=True,
        )
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        layer = catalogue.find_layer(session, code)
        require(local_operator(), Act.WITHDRAW_VERSION, layer.thing)
        version = publication.version_of(session, layer, number)
        publication.withdraw(session, version, on=edge.now().date(), actor=local_operator())
    say(f"{code} version {number} is withdrawn")


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
            "类型",
            "现行版本 in force",
            "自 from",
            "图斑",
        ],
        [
            [
                i.code,
                i.title,
                i.group_name,
                i.department_name,
                i.control,
                i.geometry,
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
    print_table(f"{item['code']} {item['title']}", ["项 key", "值 value"], item.items(), empty="")


@app.command("versions")
def versions(code: Code, output: FormatOption = OutputFormat.TABLE) -> None:
    """列出版本 · list the versions of a layer."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        layer = _readable(session, code)
        record_reading(session, local_operator(), [layer.thing], kind="versions", id=code)
        items = [version_out(layer, version, edge.now().date()) for version in layer.versions]
    if output is OutputFormat.JSON:
        print_json([item.model_dump(mode="json") for item in items])
        return
    print_table(
        f"{code} 版本 versions",
        [
            "版本",
            "状态 state",
            "生效 in force",
            "图斑 features",
            "修复 mended",
            "文件 file",
            "坐标系 CRS",
            "上传 by",
        ],
        [
            [
                i.number,
                i.state,
                "; ".join(f"{p.starts_on} – {p.ends_on or ''}" for p in i.periods),
                f"{i.feature_count:,}",
                i.mended_count,
                i.source_name,
                i.source_crs,
                i.uploaded_by,
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
                raise InvalidInputError(f"no version of {code} is in force; name one with --version")
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
        raise InvalidInputError(f"cannot write {file}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    what = "the raster" if file.suffix.lower() == ".tif" else f"{kept.features:,} features"
    say(f"wrote {what} of {code} version {number} to {file}, export {kept.number}")
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
            "部门",
            "时间 at",
            "格式",
            "图斑",
            "授权",
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
