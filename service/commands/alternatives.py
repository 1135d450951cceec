"""`blueprint alternatives FILE FILE …`: several sites for one project side by side."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from coordination.alternatives import RANKING, Alternative, compare_sites, layer_rows, to_json
from coordination.alternatives_document import ComparisonForm, write_comparison
from coordination.figures import hectares, percent, square_metres
from coordination.report_words import OUTCOME_WORDS, SEVERITY_WORDS
from service.commands.check import write
from service.commands.context import local_operator, open_edge
from service.commands.options import (
    SublayerOption,
    UseCodeOption,
    WidthOption,
    parse_day,
    print_json,
    print_table,
)
from service.commands.site import read_site


class ComparisonFormat(StrEnum):
    """The forms of a comparison on the command line."""

    TABLE = "table"
    JSON = "json"
    PDF = "pdf"
    DOCX = "docx"
    XLSX = "xlsx"


_FILES = {ComparisonFormat.PDF, ComparisonFormat.DOCX, ComparisonFormat.XLSX}


def alternatives(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="各方案的用地红线文件，文件名即方案名 a footprint for each site, named by its file"
        ),
    ],
    crs: Annotated[str | None, typer.Option(help="坐标系 EPSG:n where the files do not say it")] = None,
    width_m: WidthOption = None,
    sublayer: SublayerOption = None,
    use: UseCodeOption = None,
    top_m: Annotated[
        list[float] | None,
        typer.Option(
            help="拟建最高点高程（米，1985 高程），一个用于全部方案，或按文件顺序各一个"
            " elevation of the highest point: one for all sites, or one for each in their order"
        ),
    ] = None,
    on: Annotated[str | None, typer.Option(help="检查日 a day YYYY-MM-DD; today when not given")] = None,
    form: Annotated[
        ComparisonFormat, typer.Option("--format", help="table | json | pdf | docx | xlsx")
    ] = ComparisonFormat.TABLE,
    output_path: Annotated[Path | None, typer.Option("--output", help="写入文件 write to a file")] = None,
) -> None:
    """方案比选：多个选址并列检查并排序 · several sites for one project, checked side by side and ranked."""
    day = parse_day(on)
    if form in _FILES and output_path is None:
        raise InvalidInputError("a comparison as {form} is a file; say where with --output FILE", form=form)
    tops: list[float | None] = [*top_m] if top_m else [None]
    if len(tops) not in (1, len(files)):
        raise InvalidInputError(
            "{count} highest points for {files_count} sites; give one --top-m for all or one for each",
            count=len(tops),
            files_count=len(files),
        )
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        sites = [
            (
                file.stem,
                _read(
                    partial(read_site, session, edge, file, crs=crs, sublayer=sublayer, use=use, top_m=top),
                    width_m,
                ),
            )
            for file, top in zip(files, tops if len(tops) > 1 else tops * len(files), strict=True)
        ]
        if width_m is not None and all(site.strip is None for _, site in sites):
            raise InvalidInputError(
                "a width is given, but the footprint has no line and no point; leave the width out"
            )
        found = compare_sites(
            session,
            sites,
            city=edge.city,
            actor=local_operator(),
            on=day or edge.now().date(),
            now=edge.now(),
            with_shapes=form in (ComparisonFormat.PDF, ComparisonFormat.DOCX),
        )
        if form in _FILES:
            content = write_comparison(
                session,
                found,
                ComparisonForm(form),
                city=edge.city,
                actor=local_operator(),
                sealer=edge.sealer,
            )
            write(content, output_path)
            return
    if form is ComparisonFormat.JSON:
        print_json(to_json(found))
        return
    _print(found)


def _read(read: Callable[..., Footprint], width_m: float | None) -> Footprint:
    """A site with the width where it has lines or points; an area beside them has none."""
    try:
        return read(width_m=width_m)
    except InvalidInputError as error:
        if width_m is None:
            raise
        try:
            return read(width_m=None)
        except InvalidInputError:
            raise error from None


def _print(found: tuple[Alternative, ...]) -> None:
    columns = ["项 item", *(a.name for a in found)]
    ledgers = (
        ("禁止 prohibited", "prohibited_m2"),
        ("限制 restricted", "restricted_m2"),
        ("建议 advised", "advised_m2"),
    )
    rows: list[list[str]] = [
        ["名次 rank", *(str(a.rank) for a in found)],
        ["结论 verdict", *(" ".join(SEVERITY_WORDS[a.report.verdict]) for a in found)],
        ["面积 area ha", *(hectares(a.report.footprint.area_m2) for a in found)],
    ]
    for label, name in ledgers:
        shares = (getattr(a.report.ledger, name) / a.report.footprint.area_m2 for a in found)
        rows.append([f"{label} %", *(percent(share) for share in shares)])
    for row in layer_rows(found):
        cells = (
            square_metres(result.overlap_m2 or 0.0) + " m²"
            if result.outcome == "conflict"
            else OUTCOME_WORDS[result.outcome][0]
            for result in row.results
        )
        rows.append([f"{row.title} {row.code}", *cells])
    print_table("方案比选 Alternatives", columns, rows, empty="")
    typer.echo(RANKING)
