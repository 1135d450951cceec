"""`blueprint layer in-force | roll-back | difference`: which version follows which, and what changes with it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from blueprint.layers import catalogue, catalogue_file, publication, storing
from blueprint.layers.delta_file import DeltaWriter
from blueprint.layers.difference import Difference, compare
from blueprint.layers.models import VersionState
from blueprint.layers.patch_file import PatchWriter
from blueprint.layers.shown import version_out
from blueprint.layers.taking_in import OnBase, take_in
from blueprint.permissions import Act, require
from blueprint.rasters.difference import RasterChange
from blueprint.sentences import Sentence, spoken
from blueprint.sharing import exports
from blueprint.sharing.purposes import record_reading
from coordination.dry_run import dry_run
from coordination.schemas import DryRunOut
from service.commands.context import local_operator, open_edge, say
from service.commands.layer_upload import bring_into_force, say_noted, upload_of
from service.commands.options import (
    Code,
    ConfirmOption,
    FormatOption,
    Number,
    OutputFormat,
    parse_day,
    print_json,
    print_table,
)


def in_force(
    code: Code,
    number: Number,
    starts_on: Annotated[
        str | None, typer.Option("--from", help="生效日 first day; today when not given")
    ] = None,
    only_foresee: Annotated[
        bool, typer.Option("--dry-run", help="试发布，只说明影响 say what would change, change nothing")
    ] = False,
    confirm_warnings: ConfirmOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """使版本生效 · bring a version into force; the one before is superseded on that day."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        version = publication.version_of(session, catalogue.find_layer(session, code), number)
        if only_foresee:
            day = parse_day(starts_on) or edge.now().date()
            found = dry_run(
                session,
                version,
                starts_on=day,
                city=edge.city,
                actor=local_operator(),
                now=edge.now(),
                at_most=None,
            )
            _print_dry_run(found, output)
            return
        bring_into_force(session, edge, version, parse_day(starts_on), confirm_warnings)
        say(
            Sentence(
                "{code} version {number} is in force from {day}",
                code=code,
                number=number,
                day=starts_on or edge.now().date(),
            )
        )


def _print_dry_run(found: DryRunOut, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json(found.model_dump(mode="json"))
        return
    typer.echo(found.summary)
    print_table(
        "与其他图层 other layers",
        ["图层 layer", "此前 places before", "此后 after", "m²"],
        [
            [f"{m.layer} {m.title}", m.places_before, m.places_after, f"{m.change_m2:+,.2f}"]
            for m in found.layers
        ],
        empty="与其他图层无新增相交 meets no other layer",
    )
    print_table(
        "在办项目与留存检测 projects and kept checks",
        ["类别 kind", "号 number", "名称 name", "此前 before", "此后 after", "变化 turn"],
        [[s.kind, s.id, s.name, s.verdict_before, s.verdict_after, s.turn] for s in found.sites],
        empty="不涉及 none is touched",
    )


def roll_back(
    code: Code,
    number: Annotated[
        int | None, typer.Argument(min=1, help="版本号 version; the one before today's when not given")
    ] = None,
) -> None:
    """回退到先前版本 · let an earlier version be in force again from today, in one step."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        layer = catalogue.find_layer(session, code)
        require(local_operator(), Act.BRING_INTO_FORCE, layer.thing)
        version = publication.roll_back(session, layer, number, actor=local_operator(), now=edge.now())
        say(
            Sentence(
                "{code} version {number} is in force again from {day}",
                code=code,
                number=version.number,
                day=edge.now().date(),
            )
        )


def update(
    code: Code,
    base: Annotated[int, typer.Argument(min=1, help="基础版本 the newest version, on which it is put")],
    file: Annotated[
        Path, typer.Argument(help="动态维护文件 a file with layers WHQ…, WHC…, WHH…, or rows of changes")
    ],
    change_field: Annotated[
        str | None, typer.Option(help="字段 field in which a row says what it is: 1/2/3, add/change/remove")
    ] = None,
    sublayer: Annotated[str | None, typer.Option(help="文件内的图层 layer inside the file")] = None,
    crs: Annotated[str | None, typer.Option(help="坐标系 EPSG:n where the file does not say it")] = None,
    encoding: Annotated[str | None, typer.Option(help="属性编码 encoding of attributes")] = None,
    accept_crs: Annotated[
        str | None, typer.Option(help="接受诊断建议的坐标系 accept the CRS that the diagnosis suggests")
    ] = None,
    mend: Annotated[
        bool,
        typer.Option("--mend/--no-mend", help="修复无效图形，或拒收 mend invalid shapes, or refuse them"),
    ] = True,
    reference: Annotated[
        str | None,
        typer.Option(help="参照图层代码 layer on which the data should lie, for shifts of map services"),
    ] = None,
    valid_until: Annotated[
        str | None, typer.Option(help="规划期末 last day of the plan's own term; else the base's")
    ] = None,
    review_by: Annotated[
        str | None, typer.Option(help="复核期限 last day on which the data are stood by; else the base's")
    ] = None,
    coverage: Annotated[
        Path | None, typer.Option(help="覆盖范围 polygon file of what the data speak of; else the base's")
    ] = None,
    districts: Annotated[
        str | None, typer.Option(help="覆盖区县 the same by district codes, with commas between")
    ] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="字段映射 YOURS=STANDARD; may be repeated")
    ] = None,
    in_force_from: Annotated[
        str | None, typer.Option(help="生效日 bring it into force from this day; a draft when not given")
    ] = None,
    confirm_warnings: ConfirmOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """增量更新（动态维护） · put changes on the newest version; what comes of it is the next draft."""
    said = catalogue_file.VersionFile(
        path=file,
        sublayer=sublayer,
        crs=crs,
        encoding=encoding,
        accept_crs=accept_crs,
        mend=mend,
        reference=reference,
        valid_until=parse_day(valid_until),
        review_by=parse_day(review_by),
        coverage=coverage,
        districts=districts,
        mapping=tuple(mapping or ()),
    )
    starts_on = parse_day(in_force_from)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        layer = catalogue.find_layer(session, code)
        require(local_operator(), Act.UPLOAD_VERSION, layer.thing)
        upload = upload_of(said, edge, layer)
        delta = OnBase(publication.version_of(session, layer, base), change_field)
        with storing.upload_stream(file) as stream:
            version = take_in(
                session, layer, stream, file.name, upload, delta=delta, edge=edge, now=edge.now()
            )
        if starts_on is not None:
            bring_into_force(session, edge, version, starts_on, confirm_warnings)
        session.refresh(version)
        result = version_out(layer, version, edge.city, edge.now().date())
    if output is OutputFormat.JSON:
        print_json(result.model_dump(mode="json"))
    else:
        say(
            Sentence(
                "{code} version {number}, {state}: {count:,} features, from version {base}",
                code=code,
                number=result.number,
                state=spoken(VersionState(result.state)),
                count=result.feature_count,
                base=base,
            )
        )
        say_noted(result)


def difference(
    code: Code,
    old: Annotated[int, typer.Argument(min=1, help="旧版本 from version")],
    new: Annotated[int, typer.Argument(min=1, help="新版本 to version")],
    file: Annotated[
        Path | None, typer.Option("--to", help="写出差异图斑 write the patches to a .gpkg, .geojson or .fgb")
    ] = None,
    as_delta: Annotated[
        bool,
        typer.Option(
            "--as-delta", help="动态维护 write it as WHQ, WHC, WHH, which can be put on the old one again"
        ),
    ] = False,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """两版差异 · what changed between two versions, counted and measured; the patches as a file."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        layer = catalogue.find_readable(session, code, local_operator())
        before = publication.version_of(session, layer, old)
        after = publication.version_of(session, layer, new)
        counted = compare(session, before, after, city=edge.city)
        record_reading(
            session, local_operator(), [layer.thing], kind="difference", id=f"{code} v{old} v{new}"
        )
        made = None
        if file is not None:
            made = exports.export_layer(
                session,
                layer,
                after,
                file,
                actor=local_operator(),
                city=edge.city,
                now=edge.now(),
                write=DeltaWriter(before) if as_delta else PatchWriter(before),
            )
    if made is not None:
        say(
            Sentence(
                "wrote {count:,} changes to {path}, export {export}",
                count=made.features,
                path=file,
                export=made.number,
            )
        )
    if output is OutputFormat.JSON:
        print_json({"layer": code, "from_version": old, "to_version": new, **asdict(counted)})
    else:
        print_table(f"{code}: {old} → {new}", ["项 key", "值 value"], rows_of(counted), empty="")


def rows_of(counted: Difference) -> list[tuple[str, object]]:
    """A difference for people."""
    if counted.raster is not None:
        return _rows_of_pixels(counted, counted.raster)
    rows: list[tuple[str, object]] = [
        ("比对依据 compared by", counted.compared_by),
        ("新增 added", f"{counted.added:,}  {counted.added_m2:,.2f} m²"),
        ("删除 removed", f"{counted.removed:,}  {counted.removed_m2:,.2f} m²"),
        (
            "图形变化 changed shape",
            f"{counted.changed_shape:,}  +{counted.gained_m2:,.2f} −{counted.lost_m2:,.2f} m²",
        ),
        ("属性变化 changed attributes", f"{counted.changed_attributes:,}"),
        ("仅缓冲带变化 changed buffer alone", f"{counted.changed_zone:,}"),
        ("未变 unchanged", f"{counted.unchanged:,}"),
        ("面积净变化 net", f"{counted.net_m2:+,.2f} m²"),
    ]
    if counted.longer_m or counted.shorter_m:
        rows.append(("长度变化 length", f"+{counted.longer_m:,.2f} −{counted.shorter_m:,.2f} m"))
    rows += [(f"字段 field {name}", f"{count:,}") for name, count in counted.changed_fields.items()]
    return rows


def _rows_of_pixels(counted: Difference, raster: RasterChange) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("比对依据 compared by", "像元 pixel"),
        ("新有值 newly known", f"{counted.added:,}  {counted.added_m2:,.2f} m²"),
        ("不再有值 no longer known", f"{counted.removed:,}  {counted.removed_m2:,.2f} m²"),
        ("值变化 changed value", f"{counted.changed_attributes:,}  {raster.changed_m2:,.2f} m²"),
        ("未变 unchanged", f"{counted.unchanged:,}"),
        ("新达阈值 threshold newly met", f"{counted.gained_m2:,.2f} m²"),
        ("不再达阈值 no longer met", f"{counted.lost_m2:,.2f} m²"),
    ]
    if raster.classes:
        rows += [
            (f"类别 class {change.old} → {change.new}", f"{change.pixels:,}  {change.area_m2:,.2f} m²")
            for change in raster.classes
        ]
    elif raster.mean_change is not None:
        rows += [
            ("增大、减小 rose, fell", f"{raster.rose_m2:,.2f}, {raster.fell_m2:,.2f} m²"),
            ("平均变化 mean change", f"{raster.mean_change:+g}"),
            ("最大增减 largest rise, fall", f"{raster.largest_rise:+g}, {raster.largest_fall:+g}"),
        ]
    return rows
