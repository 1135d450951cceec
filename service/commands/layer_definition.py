"""`blueprint layer define`: what a layer is, whose, its rule, and what lists and maps say of it."""

from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from blueprint.errors import InvalidInputError, NotFoundError
from blueprint.layers import catalogue, catalogue_file, retirement
from blueprint.layers.shown import layer_out
from blueprint.permissions import Act, require
from blueprint.sentences import Sentence
from service.commands.context import confirm, local_operator, open_edge, say
from service.commands.options import Code, FormatOption, OutputFormat, parse_day, print_json

_OF_BUFFER_BY = {
    "buffer_field": "field",
    "widths": "widths",
    "edge_width_field": "edge_width_field",
    "edge_width_m": "edge_width_m",
}
"""Options that are one item of the definition, `buffer_by`, and their keys in it."""


def define(
    context: typer.Context,
    code: Annotated[str | None, typer.Argument(help="图层代码 layer code")] = None,
    title: Annotated[str | None, typer.Option(help="图层名称 title")] = None,
    title_en: Annotated[str | None, typer.Option(help="英文名称 English title")] = None,
    department: Annotated[str | None, typer.Option(help="责任部门代码 department code")] = None,
    geometry: Annotated[str | None, typer.Option(help="polygon | line | point | raster")] = None,
    control: Annotated[str | None, typer.Option(help="prohibit | restrict | advise | inform")] = None,
    conflict_when: Annotated[str, typer.Option(help="inside | outside")] = "inside",
    buffer_m: Annotated[float, typer.Option("--buffer-m", help="控制距离（米） buffer in metres")] = 0.0,
    buffer_field: Annotated[
        str | None, typer.Option(help="控制距离所依字段 the field by which the buffer goes, as DYDJ")
    ] = None,
    widths: Annotated[
        list[str] | None,
        typer.Option(
            "--width", help="该值的控制距离 the buffer of a value, as 220=15; --buffer-m is the strictest"
        ),
    ] = None,
    edge_width_field: Annotated[
        str | None, typer.Option(help="自身宽度字段（米） the field with the width of the road itself")
    ] = None,
    edge_width_m: Annotated[
        float, typer.Option(help="自身宽度（米） width of the road itself, where its centre line is drawn")
    ] = 0.0,
    tolerance_m2: Annotated[
        float, typer.Option("--tolerance-m2", help="容差（平方米） tolerance in m²")
    ] = 1.0,
    sliver_width_m: Annotated[
        float, typer.Option("--sliver-width-m", help="碎面宽度（米） sliver width in metres")
    ] = 0.1,
    sensitivity: Annotated[str, typer.Option(help="public | internal | restricted")] = "public",
    basis: Annotated[str | None, typer.Option(help="法规依据 legal basis")] = None,
    source_id_field: Annotated[
        str | None, typer.Option(help="标识码字段 field with the source id, e.g. BSM")
    ] = None,
    label_field: Annotated[str | None, typer.Option(help="名称字段 field with the label, e.g. MC")] = None,
    color: Annotated[str | None, typer.Option(help="颜色 #rrggbb")] = None,
    standard: Annotated[
        str | None, typer.Option(help="属性标准 attribute standard, e.g. YJJBNT: blueprint standard list")
    ] = None,
    group: Annotated[str | None, typer.Option(help="图层组 layer group of the city profile")] = None,
    position: Annotated[int, typer.Option(help="组内次序，小者在前 place in its group")] = 0,
    symbology: Annotated[
        str | None, typer.Option(help="按类别着色 colours by class: land_use_2020 | land_use_2023")
    ] = None,
    class_field: Annotated[
        str | None, typer.Option(help="类别字段 field with the class, e.g. YDYHFLDM")
    ] = None,
    abstract: Annotated[str | None, typer.Option(help="摘要")] = None,
    owner: Annotated[str | None, typer.Option(help="权属单位 who is responsible for the data")] = None,
    scale: Annotated[int | None, typer.Option(help="比例尺分母 2000 for 1:2000")] = None,
    data_on: Annotated[str | None, typer.Option(help="数据时点 day of which the data speak")] = None,
    lineage: Annotated[str | None, typer.Option(help="数据来源 where the data come from")] = None,
    purpose: Annotated[str | None, typer.Option(help="共享用途 what it may be used for")] = None,
    conditions: Annotated[str | None, typer.Option(help="共享条件 under which conditions")] = None,
    is_base_map: Annotated[
        bool, typer.Option("--base-map", help="底图，绘于最下 a base map, drawn at the bottom")
    ] = False,
    value_kind: Annotated[str | None, typer.Option(help="栅格值 of a raster: continuous | classes")] = None,
    unit: Annotated[str | None, typer.Option(help="单位 unit of the pixels, e.g. °")] = None,
    threshold_above: Annotated[
        float | None, typer.Option(help="大于此值为触及 met where a pixel is above")
    ] = None,
    threshold_below: Annotated[
        float | None, typer.Option(help="小于此值为触及 met where a pixel is below")
    ] = None,
    threshold_values: Annotated[
        list[int] | None, typer.Option("--threshold-value", help="触及的类别（可多次） met by this class")
    ] = None,
    threshold_share: Annotated[
        float, typer.Option(help="超过用地的这一比例为冲突 a conflict on more than this share, e.g. 0.1")
    ] = 0.0,
    from_file: Annotated[
        Path | None, typer.Option("--from", help="从 layers.toml 定义 define all layers of a layers.toml")
    ] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """定义图层，或修改已有图层的所给各项 · define a layer, or change what is given of one that exists; "" empties an item."""
    said = {name for name in context.params if _is_said(context, name)}
    given = {name: None if value == "" else value for name, value in locals().items()}
    given |= {
        "threshold_values": threshold_values or None,
        "data_on": parse_day(given["data_on"]),
        "widths": _widths(widths or []),
    }
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        definitions = _definitions(session, from_file, given, said)
        defined = [
            catalogue.define_layer(session, definition, city=edge.city, actor=local_operator())
            for definition in definitions
        ]
        items = [
            layer_out(layer, edge.city, edge.now().date()).model_dump(mode="json") for layer, _ in defined
        ]
    for (layer, is_new), item in zip(defined, items, strict=True):
        told = {"code": item["code"], "title": layer.title}
        say(
            Sentence("defined {code} {title}", **told)
            if is_new
            else Sentence("changed {code} {title}", **told)
        )
    if output is OutputFormat.JSON:
        print_json(items if from_file else items[0])


def _is_said(context: typer.Context, name: str) -> bool:
    """Say whether an option stands on the command line, and is not its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _buffer_by(present: dict[str, Any] | None, said: dict[str, Any]) -> dict[str, Any] | None:
    """What is said of zones beside the one width, the rest as it is; None where nothing is left. Without its field there are no widths by value."""
    if not said:
        return present
    nothing: dict[str, Any] = {"field": None, "widths": {}, "edge_width_field": None, "edge_width_m": 0.0}
    emptied: dict[str, Any] = {"widths": {}} if said.get("field", "as it is") is None else {}
    rule = nothing | (present or {}) | emptied | said
    return rule if any(rule.values()) else None


def _widths(texts: list[str]) -> dict[str, float]:
    """Widths in metres by the value of the field; an empty text says that there are none."""
    by_value = {}
    for text in filter(None, texts):
        value, _, metres = text.rpartition("=")
        try:
            by_value[value] = float(metres)
        except ValueError:
            raise InvalidInputError(
                "{text!r} is no width of a value; write it as 220=15", text=text
            ) from None
    return by_value


def _definitions(
    session: Session, from_file: Path | None, given: dict[str, Any], said: set[str]
) -> list[catalogue.LayerDefinition]:
    """What the options define: of a layer that exists what was not `said` stays as it is."""
    if from_file is not None:
        return [entry.definition for entry in catalogue_file.read_catalogue(from_file)]
    keys = catalogue.LayerDefinition.__dataclass_fields__
    zones = {key: given[name] for name, key in _OF_BUFFER_BY.items() if name in said}
    given["buffer_by"] = _buffer_by(None, zones)
    try:
        layer = catalogue.find_layer(session, given["code"] or "")
    except NotFoundError:
        pass
    else:
        given = {key: given[key] if key in said else getattr(layer, key) for key in keys}
        given["buffer_by"] = _buffer_by(layer.buffer_by, zones)
    missing = [name for name in ("code", "title", "department", "geometry", "control") if given[name] is None]
    if missing:
        raise InvalidInputError("give {missing}, or a catalogue with --from layers.toml", missing=missing)
    return [catalogue.LayerDefinition(**{key: given[key] for key in keys})]


def retire(
    code: Code,
    reason: Annotated[str, typer.Option(help="停用理由 why it is no longer used")],
    yes: Annotated[bool, typer.Option("--yes", help="不再确认 do not ask")] = False,
) -> None:
    """停用图层 · retire a layer of which nothing is in force: it stays, but checks leave it out."""
    if not yes:
        confirm(f"停用图层 {code}？今后的检核不再涉及它 Retire {code}? Checks will leave it out")
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        layer = catalogue.find_layer(session, code)
        require(local_operator(), Act.DEFINE_LAYER, layer.thing)
        retirement.retire(session, layer, reason=reason, on=edge.now().date(), actor=local_operator())
    say(Sentence("{code} is retired", code=code))


def reinstate(code: Code) -> None:
    """恢复启用图层 · take a retired layer into use again."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        layer = catalogue.find_layer(session, code)
        require(local_operator(), Act.DEFINE_LAYER, layer.thing)
        retirement.reinstate(session, layer, actor=local_operator())
    say(Sentence("{code} is in use again", code=code))
