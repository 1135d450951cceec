"""`blueprint crs …`: the register of transformations from old datums and local grids."""

from typing import Annotated

import typer
from sqlalchemy.orm import Session

from blueprint.crs_registry import (
    ControlPoint,
    Registration,
    list_transformations,
    register_transformation,
    withdraw_transformation,
)
from blueprint.errors import InvalidInputError
from blueprint.permissions import Act, require
from blueprint.sentences import Sentence
from service.commands.context import local_operator, open_edge, say
from service.commands.options import FormatOption, OutputFormat, print_json, print_table

app = typer.Typer(
    no_args_is_help=True, help="坐标转换参数登记 · registered transformations into the working CRS"
)

_SHOWN = (
    "id",
    "source",
    "kind",
    "parameters",
    "target",
    "accuracy_m",
    "document",
    "registered_by",
    "registered_at",
)


@app.command("register")
def register(
    source: Annotated[str, typer.Argument(help="EPSG:n 或 LOCAL:名称 the CRS, or a name for a local grid")],
    accuracy_m: Annotated[float, typer.Option("--accuracy-m", help="精度（米） accuracy in metres")],
    document: Annotated[str, typer.Option(help="参数来源文件 whose parameters these are")],
    control_point: Annotated[
        list[str],
        typer.Option(help="检核点 X,Y,E,N: x, y in the source; easting, northing in the working CRS"),
    ],
    seven: Annotated[
        str | None,
        typer.Option(help="七参数 DX,DY,DZ,RX,RY,RZ,S: metres, arc seconds, ppm; position vector (布尔沙)"),
    ] = None,
    pipeline: Annotated[
        str | None, typer.Option(help="PROJ 管线 a PROJ pipeline from x, y to easting, northing")
    ] = None,
) -> None:
    """登记转换参数 · register a transformation; control points must prove it within its accuracy."""
    if (seven is None) == (pipeline is None):
        raise InvalidInputError("give either --seven or --pipeline")
    entry = Registration(
        source=source,
        kind="seven" if seven is not None else "pipeline",
        parameters=(seven if seven is not None else pipeline) or "",
        accuracy_m=accuracy_m,
        document=document,
        control_points=[_point(text) for text in control_point],
    )
    actor = local_operator()
    require(actor, Act.REGISTER_CRS)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        row = register_transformation(session, entry, city=edge.city, actor=actor, now=edge.now())
    say(
        Sentence(
            "transformation {number} from {source} is registered, accuracy {accuracy_m:g} m",
            number=row.id,
            source=row.source,
            accuracy_m=row.accuracy_m,
        )
    )


def _point(text: str) -> ControlPoint:
    try:
        x, y, easting, northing = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidInputError(
            "{text!r} is no control point; write it as X,Y,EASTING,NORTHING", text=text
        ) from None
    return ControlPoint(x, y, easting, northing)


@app.command("list")
def list_all(output: FormatOption = OutputFormat.TABLE) -> None:
    """列出转换参数 · list the registered transformations, with their parameters."""
    require(local_operator(), Act.REGISTER_CRS)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session:
        rows = list_transformations(session)
        items = [{name: getattr(row, name) for name in (*_SHOWN, "withdrawn_at")} for row in rows]
    if output is OutputFormat.JSON:
        print_json(items)
        return
    print_table(
        "坐标转换参数 transformations",
        [
            "编号 number",
            "源 source",
            "类型 kind",
            "参数 parameters",
            "精度 accuracy m",
            "文件 document",
            "登记 by",
            "撤回 withdrawn",
        ],
        [
            [
                i["id"],
                i["source"],
                i["kind"],
                i["parameters"],
                i["accuracy_m"],
                i["document"],
                i["registered_by"],
                i["withdrawn_at"],
            ]
            for i in items
        ],
        empty="尚无登记 none yet: blueprint crs register",
    )


@app.command("withdraw")
def withdraw(number: Annotated[int, typer.Argument(min=1, help="编号 number")]) -> None:
    """撤回转换参数 · let a transformation be used no more."""
    actor = local_operator()
    require(actor, Act.REGISTER_CRS)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        withdraw_transformation(session, number, actor=actor, now=edge.now())
    say(Sentence("transformation {number} is withdrawn", number=number))
