"""`blueprint layer quality` and `blueprint layer map`: what a version's check found, and which field of a file is which."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from blueprint.edge import Edge
from blueprint.errors import InvalidInputError
from blueprint.jurisdiction import jurisdiction
from blueprint.layers import catalogue, publication, storing
from blueprint.layers.models import Layer
from blueprint.layers.reading import ReadingRequest, reading, staged
from blueprint.permissions import Act, require
from blueprint.quality.check import check_version
from blueprint.quality.kinds import Level
from blueprint.quality.report import drawn_issues, original_shapes, quality_of, write_errors
from blueprint.quality.schemas import IssueOut
from blueprint.sentences import Sentence
from blueprint.sharing.purposes import record_reading
from blueprint.standards.loading import find_standard
from blueprint.standards.mapping import keep_mapping, kept_mapping, parse_pairs, resolved, suggestions
from service.commands.context import local_operator, open_edge, say
from service.commands.labels import LEVEL_WORDS
from service.commands.options import Code, FormatOption, Number, OutputFormat, print_json, print_table

PAGE = 1000


def quality(
    code: Code,
    number: Number,
    check: Annotated[bool, typer.Option("--check", help="重新质检 check the draft anew first")] = False,
    level: Annotated[Level | None, typer.Option(help="仅列某级 issues of this level only")] = None,
    output_file: Annotated[
        Path | None, typer.Option("--output", help="问题图形 write the issues' shapes to this .gpkg")
    ] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """质检结果 · what the quality check of a version found, with place and what to do."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        actor = local_operator()
        layer = catalogue.find_readable(session, code, actor)
        version = publication.version_of(session, layer, number)
        if not version.periods:
            require(actor, Act.BRING_INTO_FORCE, layer.thing)
        record_reading(session, actor, [layer.thing], kind="quality", id=f"{code} v{number}")
        if check:
            require(actor, Act.UPLOAD_VERSION, layer.thing)
            check_version(
                session, layer, version, city=edge.city, scratch=edge.scratch, actor=actor, now=edge.now()
            )
        found = quality_of(session, layer, version, city=edge.city, limit=PAGE, level=level)
        while found.next is not None:
            following = quality_of(
                session, layer, version, city=edge.city, limit=PAGE, level=level, after=int(found.next)
            )
            found.items, found.next = [*found.items, *following.items], following.next
        if output_file is not None:
            drawn = drawn_issues(session, version, city=edge.city)
            count = write_errors(
                output_file, drawn, city=edge.city, originals=original_shapes(session, version)
            )
            say(Sentence("wrote {count:,} issues to {path}", count=count, path=output_file))
    if output is OutputFormat.JSON:
        print_json(found.model_dump(mode="json"))
        return
    counted = found.counts or {}
    counts = (
        "，".join(f"{LEVEL_WORDS[name]} {counted[name]}" for name in Level if name in counted)
        or "尚未质检 not checked"
    )
    print_table(
        f"{code} v{number} 质检 quality · {found.standard or '无标准 no standard'} · {counts}",
        [
            "级别 level",
            "代码 code",
            "图斑 row",
            "字段 field",
            "位置 place (E, N)",
            "说明 text",
            "处理 what to do",
        ],
        [_line(issue) for issue in found.items],
        empty=f"{code} v{number}: 未发现问题 nothing was found ({counts})",
    )
    if found.confirmation is not None:
        typer.echo(f"警告已确认 warnings confirmed by {found.confirmation.by}: {found.confirmation.reason}")


def _line(issue: IssueOut) -> list[object]:
    place = f"{issue.place[0]:.2f}, {issue.place[1]:.2f}" if issue.place is not None else None
    text, todo = f"{issue.text.zh} {issue.text.en}", f"{issue.todo.zh} {issue.todo.en}"
    return [LEVEL_WORDS[issue.level], issue.code, issue.row, issue.field, place, text, todo]


def map_fields(
    code: Code,
    file: Annotated[Path | None, typer.Argument(help="数据文件 a file whose fields are to be mapped")] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="YOURS=STANDARD, kept for the next upload; may be repeated"),
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="采纳全部建议 take every suggestion")] = False,
    sublayer: Annotated[str | None, typer.Option(help="文件内的图层 layer inside the file")] = None,
    crs: Annotated[str | None, typer.Option(help="坐标系 EPSG:n where the file does not say it")] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """字段映射 · say which field of your files is which of the standard; suggestions are applied by --accept only."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        actor = local_operator()
        layer = catalogue.find_readable(session, code, actor)
        require(actor, Act.UPLOAD_VERSION, layer.thing)
        if layer.standard is None:
            raise InvalidInputError(
                "layer {code} names no standard; define it with --standard first", code=code
            )
        standard = find_standard(layer.standard)
        fields = _fields_of(edge, layer, file, sublayer, crs) if file is not None else []
        chosen = parse_pairs(mapping or (), standard)
        known = resolved(standard, fields, kept_mapping(session, layer.id) | chosen)
        found = suggestions(standard, fields, known)
        if accept:
            chosen |= {s.standard_field: s.source_field for s in found}
        kept = keep_mapping(session, layer.id, layer.code, chosen, actor=actor, now=edge.now())
        known = resolved(standard, fields, kept)
        found = suggestions(standard, fields, known)
    if output is OutputFormat.JSON:
        print_json(
            {
                "layer": code,
                "standard": standard.code,
                "mapping": kept,
                "suggestions": [vars(s) for s in found],
            }
        )
        return
    suggested = {s.standard_field: f"{s.source_field} ({s.why})" for s in found}
    print_table(
        f"{code} 字段映射 field mapping · {standard.code} {standard.title}",
        ["标准字段 standard", "名称 title", "约束 required", "文件字段 yours", "建议 suggested"],
        [
            [f.name, f.title, f.required, known.get(f.name) or kept.get(f.name), suggested.get(f.name)]
            for f in standard.fields
        ],
        empty="",
    )


def _fields_of(edge: Edge, layer: Layer, file: Path, sublayer: str | None, crs: str | None) -> list[str]:
    """The fields of a file, read in the cell like any upload."""
    request = ReadingRequest(
        geometry=layer.geometry,
        working_crs=edge.city.working_crs,
        working_srid=edge.city.working_srid,
        surroundings=jurisdiction(edge.city).surroundings,
        sublayer=sublayer,
        layer_hint=layer.code,
        crs=crs,
    )
    with (
        storing.upload_stream(file) as stream,
        staged(stream, file.name, scratch=edge.scratch, sublayer=sublayer) as staged_file,
        reading(staged_file, request) as opened,
    ):
        for _ in opened.batches:
            pass
    return list(opened.report["fields"])
