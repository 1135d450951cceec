"""`blueprint layer diagnose`: the upload doctor at the command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from blueprint.layers import catalogue, storing
from blueprint.layers.diagnosis import Diagnosis, RasterFound, diagnose, last_version
from blueprint.layers.diagnosis_router import diagnosis_out
from blueprint.layers.kinds import kind_word
from blueprint.layers.reading import staged
from blueprint.permissions import Act, require
from service.commands.context import local_operator, open_edge
from service.commands.options import FormatOption, OutputFormat, print_json, print_table


def diagnose_layer_file(
    code: Annotated[str, typer.Argument(help="图层代码 layer code")],
    file: Annotated[Path, typer.Argument(help="待诊断的文件 the file to look at")],
    sublayer: Annotated[
        str | None, typer.Option(help="文件内的图层，栅格为波段号 layer inside the file; band of a raster")
    ] = None,
    crs: Annotated[str | None, typer.Option(help="假定的坐标系 the CRS to try, EPSG:n")] = None,
    encoding: Annotated[str | None, typer.Option(help="属性编码 encoding of attributes")] = None,
    reference: Annotated[
        str | None, typer.Option(help="参照图层 a layer on which the data should lie")
    ] = None,
    sketch: Annotated[
        Path | None,
        typer.Option(help="把示意图写到 SVG 文件 write the sketch on the city's outline to an .svg"),
    ] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """上传前诊断 · look at a file before uploading it: sublayers, fields, encoding, CRS, where the data would fall."""
    actor = local_operator()
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        layer = catalogue.find_layer(session, code)
        require(actor, Act.UPLOAD_VERSION, layer.thing)
        compared = catalogue.find_layer(session, reference) if reference is not None else layer
        with (
            storing.upload_stream(file) as stream,
            staged(stream, file.name, scratch=edge.scratch, sublayer=sublayer) as staged_file,
        ):
            found = diagnose(
                session,
                layer,
                staged_file,
                city=edge.city,
                crs=crs,
                sublayer=sublayer,
                encoding=encoding,
                reference=last_version(session, compared),
            )
    if sketch is not None:
        sketch.write_text(found.sketch, encoding="utf-8")
    if output is OutputFormat.JSON:
        print_json(diagnosis_out(found).model_dump(mode="json"))
        return
    print_table(
        f"{code} ← {file.name}",
        ["项 key", "值 value"],
        [
            ("格式 format", found.format),
            ("子图层 sublayers", ", ".join(found.sublayers))
            if found.raster is None
            else ("波段 bands", f"{', '.join(found.sublayers)}；所看波段 looked at: {found.sublayer}"),
            ("字段 fields", ", ".join(found.fields)),
            ("要素 features", _counted(found))
            if found.raster is None
            else ("像元 pixels", _pixels(found.raster)),
            *(
                [("高程、量测值 Z, M", "有，入库时舍去 there are, they are dropped")]
                if found.has_heights
                else []
            ),
            ("文件所述坐标系 CRS as said", found.declared_crs),
            (
                "落在市域内 inside the city",
                None if found.share_inside is None else f"{found.share_inside:.0%}",
            ),
            ("已登记的坐标转换 registered transformations", "、".join(found.registered) or "无 none"),
            *(("首行 first rows", _row(row)) for row in found.rows[:3]),
            *(("诊断 advice", sentence) for sentence in found.advice),
        ],
        empty="",
    )


def _counted(found: Diagnosis) -> str:
    kinds = (f"{kind_word(kind).both} {count:,}" for kind, count in found.kinds.items())
    return f"{found.row_count:,}（{'，'.join(kinds)}）"


def _row(row: Mapping[str, Any]) -> str:
    return "；".join(f"{name} {value}" for name, value in row.items() if value is not None) or "—"


def _pixels(raster: RasterFound) -> str:
    size = f"{raster.width:,} × {raster.height:,}, {raster.pixel_width:g} × {raster.pixel_height:g}"
    return f"{size}, {raster.data_type}, nodata {raster.nodata or '—'}"
