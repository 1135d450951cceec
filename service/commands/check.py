"""`blueprint check FILE`: a footprint against the blueprint, as a table, JSON, GeoJSON or a page."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from blueprint.edge import Edge
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.sentences import Sentence
from blueprint.snapshot import take_snapshot
from coordination.check_report import CheckReport, Finding, given_to
from coordination.checks import run_check
from coordination.figures import hectares, mu, percent, rounded, square_metres
from coordination.report_forms import ReportForm, write_report
from coordination.report_verification import with_site
from coordination.report_words import (
    OUTCOME_WORDS,
    RELATION_WORDS,
    SEVERITY_WORDS,
    SIZE_WORDS,
    WITHHELD_WORDS,
)
from coordination.what_if import as_supposed, read_assumed, suppose
from service.commands.context import local_operator, open_edge, output, say
from service.commands.options import SublayerOption, TopOption, UseCodeOption, WidthOption, parse_day
from service.commands.site import read_site

SEVERITY_STYLES = {
    "prohibit": "bold red",
    "restrict": "dark_orange3",
    "advise": "yellow",
    "inform": "blue",
    "clear": "green",
}


class ReportFormat(StrEnum):
    """The forms of a report."""

    TABLE = "table"
    JSON = "json"
    GEOJSON = "geojson"
    HTML = "html"
    PDF = "pdf"
    DOCX = "docx"
    XLSX = "xlsx"


_FILES = (ReportFormat.PDF, ReportFormat.DOCX, ReportFormat.XLSX)
"""Forms that are files and no text."""


def check(
    file: Annotated[
        Path, typer.Argument(help="用地红线文件 footprint: GeoPackage, zipped Shapefile, GeoJSON, TXT")
    ],
    crs: Annotated[str | None, typer.Option(help="坐标系 EPSG:n where the file does not say it")] = None,
    width_m: WidthOption = None,
    sublayer: SublayerOption = None,
    on: Annotated[str | None, typer.Option(help="检查日 a day YYYY-MM-DD; today when not given")] = None,
    use: UseCodeOption = None,
    top_m: TopOption = None,
    assume: Annotated[
        list[str] | None,
        typer.Option(help="试算 as if version N of a layer applied, as CODE:N; may be given several times"),
    ] = None,
    report_format: Annotated[
        ReportFormat, typer.Option("--format", help="table | json | geojson | html | pdf | docx | xlsx")
    ] = ReportFormat.TABLE,
    output_path: Annotated[Path | None, typer.Option("--output", help="写入文件 write to a file")] = None,
) -> None:
    """检查用地红线与现行图层的冲突 · check a footprint against every layer in force."""
    day = parse_day(on)
    if report_format in _FILES and output_path is None:
        raise InvalidInputError(
            "a report as {report_format} is a file; say where with --output FILE", report_format=report_format
        )
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        footprint = read_site(
            session, edge, file, crs=crs, width_m=width_m, sublayer=sublayer, use=use, top_m=top_m
        )
        on_day = day or edge.now().date()
        assumed = read_assumed(assume or ())
        snapshot = take_snapshot(session, on_day)
        report = run_check(
            session,
            footprint,
            city=edge.city,
            actor=local_operator(),
            on=on_day,
            snapshot=suppose(session, snapshot, assumed, actor=local_operator()),
            with_shapes=report_format not in (ReportFormat.TABLE, ReportFormat.JSON),
        )
        report = given_to(as_supposed(report, assumed), local_operator(), edge.now())
        if report_format is ReportFormat.TABLE and output_path is None:
            print_report(report, file.name)
            return
        content = render(session, report, footprint, report_format, edge, file.name)
    write(content, output_path)


def render(
    session: Session, report: CheckReport, footprint: Footprint, form: ReportFormat, edge: Edge, name: str
) -> bytes:
    """The report as the bytes of the given form; as JSON it carries its site, so that it can be verified."""
    match form:
        case ReportFormat.JSON:
            return json.dumps(with_site(report, footprint), ensure_ascii=False, indent=2).encode()
        case ReportFormat.TABLE:
            with output.capture() as captured:
                print_report(report, name)
            return captured.get().encode()
        case _:
            return write_report(
                session,
                report,
                footprint,
                ReportForm(form),
                city=edge.city,
                actor=local_operator(),
                name=Path(name).stem,
                sealer=edge.sealer,
            ).content


def write(content: bytes, path: Path | None) -> None:
    """Print a result, or write it whole to a file."""
    if path is None:
        typer.echo(content.decode())
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.part")
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise InvalidInputError(
            "cannot write {path}: {strerror}", path=path, strerror=error.strerror
        ) from error
    say(Sentence("wrote {path}", path=path))


def print_report(report: CheckReport, name: str) -> None:
    """The report as tables: verdict, findings, and how every layer answered."""
    verdict = str(report.verdict)
    headline = Text.assemble(
        (f"{name}  ", "bold"),
        (f"{SEVERITY_WORDS[verdict][0]} {SEVERITY_WORDS[verdict][1]}", SEVERITY_STYLES[verdict]),
        f"  {hectares(report.footprint.area_m2)} 公顷 ha = {mu(report.footprint.area_m2)} 亩 · {report.on} · {report.working_crs} · {report.area_measure}",
    )
    output.print(headline)
    for note in report.notes:
        output.print(Text(f"⚠ {note}"))
    titles = {layer.code: layer.title for layer in report.layers}
    if report.findings:
        output.print(_findings(report))
        bases: dict[str, list[str]] = {}
        for code, basis in dict.fromkeys((f.layer, f.basis) for f in report.findings if f.basis):
            bases.setdefault(basis, []).append(code)
        for basis, layers in bases.items():
            named = "、".join(titles[code] for code in layers)
            output.print(Text(f"依据 basis · {named}: {basis}", style="dim"))
        for told in report.rules:
            output.print(
                Text(f"措施 what to do · {titles[told.rule.layer]}: {told.rule.remedy}", style="dim")
            )
    elif not report.restricted_conflicts:
        output.print(Text("未发现冲突 no conflict found", style="green"))
    for conflict in report.restricted_conflicts:
        words = SIZE_WORDS[conflict.size_class]
        output.print(
            f"与 {conflict.department} 的受限图层有冲突，{words[0]}，请向该部门查询"
            f" · a conflict with a restricted layer, {words[1]}; ask {conflict.department}"
        )
    if not report.has_answers_left:
        output.print(" ".join(WITHHELD_WORDS))
    ledger = report.ledger
    output.print(
        f"面积台账 ledger (m²): 禁止 {square_metres(ledger.prohibited_m2)} · 限制 {square_metres(ledger.restricted_m2)}"
        f" · 建议 {square_metres(ledger.advised_m2)} · 无冲突 {square_metres(ledger.conflict_free_m2)}"
        f" · {'闭合 closes' if ledger.closes else '不闭合 does not close'}"
    )
    others: dict[str, list[str]] = {}
    for layer in report.layers:
        if layer.outcome != "conflict":
            others.setdefault(str(layer.outcome), []).append(layer.title)
    for outcome, named_so in others.items():
        output.print(
            Text(
                f"{OUTCOME_WORDS[outcome][0]} {OUTCOME_WORDS[outcome][1]} ({len(named_so)}): {'、'.join(named_so)}",
                style="dim",
            )
        )
    output.print(Text(report.digest, style="dim"))


def _findings(report: CheckReport) -> Table:
    titles = {layer.code: layer.title for layer in report.layers}
    table = Table(header_style="bold", pad_edge=False)
    for column in ("结论", "图层 layer", "图斑 feature", "关系 relation", "m²", "%", "m"):
        table.add_column(column, justify="right" if column in ("m²", "%", "m") else "left", overflow="fold")
    for finding in report.findings:
        words = SEVERITY_WORDS[str(finding.severity)]
        sliver = " 碎面 sliver" if finding.sliver else ""
        table.add_row(
            Text(f"{words[0]} {words[1]}{sliver}", style=SEVERITY_STYLES[str(finding.severity)]),
            f"{titles[finding.layer]} v{finding.version}",
            str(finding.source_id or finding.feature_id or finding.attributes.get("threshold", "—")),
            _relation(finding),
            square_metres(finding.overlap_m2) if finding.overlap_m2 else "",
            percent(finding.overlap_share) if finding.overlap_m2 else "",
            rounded(length_m, 2) if (length_m := finding.length_m or finding.crossing_m) else "",
        )
    return table


def _relation(finding: Finding) -> str:
    words = " ".join(RELATION_WORDS[str(finding.relation)])
    if finding.relation == "within_distance":
        return f"{words} {rounded(finding.distance_m, 2)} m"
    return f"{words} ×{finding.point_count}" if finding.point_count else words
