"""`blueprint layer upload | original`: a file becomes a draft version, at once or by a job; the file is given back."""

import shutil
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
from blueprint.layers import catalogue, catalogue_file, publication, storing
from blueprint.layers.coverage import coverage_of_districts
from blueprint.layers.formats import TAKEN
from blueprint.layers.models import Layer, LayerVersion, VersionState
from blueprint.layers.originals import take_original
from blueprint.layers.schemas import VersionOut
from blueprint.layers.shown import version_out
from blueprint.layers.taking_in import take_in
from blueprint.layers.upload_job import put_in_upload
from blueprint.permissions import Act, require
from blueprint.quality.receipts import FileRefusedError
from blueprint.quality.report import drawn_issues, original_shapes, write_errors
from blueprint.sentences import Sentence, spoken
from blueprint.standards.loading import find_standard
from blueprint.standards.mapping import parse_pairs
from service.commands.context import console, local_operator, open_edge, say
from service.commands.job import PHASES
from service.commands.options import (
    Code,
    ConfirmOption,
    FormatOption,
    Number,
    OutputFormat,
    parse_day,
    print_json,
)


def upload(
    code: Code,
    file: Annotated[
        Path,
        typer.Argument(help=TAKEN.both),
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
    mend: Annotated[
        bool,
        typer.Option("--mend/--no-mend", help="修复无效图形，或拒收 mend invalid shapes, or refuse them"),
    ] = True,
    reference: Annotated[
        str | None,
        typer.Option(help="参照图层代码 layer on which the data should lie, for shifts of map services"),
    ] = None,
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
    entry = catalogue_file.VersionFile(
        path=file,
        sublayer=sublayer,
        crs=crs,
        encoding=encoding,
        accept_crs=accept_crs,
        split=split,
        mend=mend,
        reference=reference,
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
                say(Sentence("the issues are drawn in {path}", path=errors))
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
        result = version_out(layer, version, edge.city, edge.now().date())
    if output is OutputFormat.JSON:
        print_json(result.model_dump(mode="json"))
        return
    if result.raster is not None:
        raster = result.raster
        say(
            Sentence(
                "{code} version {number}: {width:,} × {height:,} pixels of {pixel_width_m:g} × {pixel_height_m:g} m,"
                " {minimum:g} to {maximum:g} {unit}, {state}; from {source_crs} by {operation}, resampling {resampling}",
                code=layer.code,
                number=result.number,
                width=raster.width,
                height=raster.height,
                pixel_width_m=raster.pixel_width_m,
                pixel_height_m=raster.pixel_height_m,
                minimum=raster.minimum,
                maximum=raster.maximum,
                unit=layer.unit or "",
                state=spoken(VersionState(result.state)),
                source_crs=result.source_crs,
                operation=Sentence("no transformation") if result.operation == "none" else result.operation,
                resampling=Sentence("none") if raster.resampling == "none" else raster.resampling,
            )
        )
        return
    say(
        Sentence(
            "{code} version {number}: {features:,} features, {vertices:,} vertices, {state}; from {source_crs} by {operation};"
            " {mended} mended, {errors} errors, {warnings} warnings",
            code=layer.code,
            number=result.number,
            features=result.feature_count,
            vertices=result.vertex_count,
            state=spoken(VersionState(result.state)),
            source_crs=result.source_crs,
            operation=Sentence("no transformation") if result.operation == "none" else result.operation,
            mended=result.mended_count,
            errors=result.error_count,
            warnings=result.warning_count,
        )
    )
    say_noted(result)


def say_noted(result: VersionOut) -> None:
    """Say of a version that was just stored what of its file was dropped, and whether anything confirms its place."""
    if result.is_flattened:
        say("高程、量测值（Z、M）已舍去 · heights and measures (Z, M) of the file were dropped")
    if result.is_place_confirmed is False:
        say(
            "位置未能与以往版本、参照图层或行政界线印证，不排除地图服务偏移 · its place is confirmed by no earlier version,"
            " layer (--reference) or boundary: a shift of a map service cannot be ruled out"
        )


def _put_in(
    session: Session,
    edge: Edge,
    layer: Layer,
    entry: catalogue_file.VersionFile,
    *,
    in_force_from: date | None,
    confirm_warnings: str | None,
) -> None:
    with storing.upload_stream(entry.path) as stream:
        job = put_in_upload(
            session,
            layer,
            stream,
            entry.path.name,
            upload_of(entry, edge, layer),
            in_force_from=in_force_from,
            confirm_warnings=confirm_warnings,
            edge=edge,
            now=edge.now(),
        )
    say(
        Sentence(
            "job {number} stores {file} as a version of {code}: blueprint job show {number} --follow",
            number=job.id,
            file=entry.path.name,
            code=layer.code,
        )
    )


def upload_of(entry: catalogue_file.VersionFile, edge: Edge, layer: Layer) -> storing.Upload:
    """What the command line says of a file."""
    coverage = None
    if entry.coverage is not None:
        site = read_footprint_file(entry.coverage, city=edge.city, scratch=edge.scratch)
        coverage = polygonal(site.geometry)
    if entry.districts is not None:
        named = coverage_of_districts(entry.districts, city=edge.city)
        coverage = named if coverage is None else polygonal(coverage.union(named))
    return storing.Upload(
        actor=local_operator(),
        sublayer=entry.sublayer,
        crs=entry.crs,
        encoding=entry.encoding,
        accept_crs=entry.accept_crs,
        split=entry.split,
        mend=entry.mend,
        reference=entry.reference,
        objects=edge.objects,
        valid_until=entry.valid_until,
        review_by=entry.review_by,
        coverage=coverage,
        mapping=parse_pairs(entry.mapping, find_standard(layer.standard) if layer.standard else None),
    )


def store_file(session: Session, edge: Edge, layer: Layer, entry: catalogue_file.VersionFile) -> LayerVersion:
    """Store a file of the command line as a version, with a progress line."""
    request = upload_of(entry, edge, layer)
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
            if step == "compile":
                say(PHASES[step])  # it stays, also where no progress is shown
            progress.update(task, count=f"{PHASES.get(step, step)} {count:,}")

        with (
            storing.upload_stream(entry.path) as stream,
        ):
            return take_in(
                session,
                layer,
                stream,
                entry.path.name,
                request,
                edge=edge,
                now=edge.now(),
                progress=tell,
            )


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


def original(
    code: Code,
    number: Number,
    file: Annotated[Path, typer.Argument(help="写到 where to write it")],
) -> None:
    """取回原始文件 · write the file that a version was made from, byte for byte."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        layer = catalogue.find_layer(session, code)
        require(local_operator(), Act.UPLOAD_VERSION, layer.thing)
        version = publication.version_of(session, layer, number)
        kept = take_original(session, version, edge.objects, actor=local_operator())
        try:
            shutil.copyfile(kept, file)
        except OSError as error:
            raise InvalidInputError(
                "cannot write {file}: {strerror}", file=file, strerror=error.strerror
            ) from error
    say(
        Sentence(
            "wrote {source_name} of {code} version {number} to {path}",
            source_name=version.source_name,
            code=code,
            number=number,
            path=file,
        )
    )
