"""`blueprint report …`: does a report say what its versions and rules give; what two reports say otherwise."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from blueprint.errors import InvalidInputError
from coordination.difference_schemas import compare_files
from coordination.figures import square_metres
from coordination.report_reading import MAX_BYTES, ReportFile, read_report
from coordination.report_verification import verify_file
from coordination.report_words import CAUSE_WORDS, CHANGE_WORDS, SEAL_WORDS, SEVERITY_WORDS
from coordination.verification_router import verification_out
from service.commands.context import local_operator, open_edge
from service.commands.options import FormatOption, OutputFormat, print_json, print_table
from service.commands.site import read_site

app = typer.Typer(no_args_is_help=True, help="检查报告：核验、对比 · check reports: verify, compare")


@app.command("verify")
def verify(
    file: Annotated[
        Path, typer.Argument(help="检查报告 a report: JSON, or the PDF, HTML, DOCX or XLSX of it")
    ],
    footprint_file: Annotated[
        Path | None,
        typer.Option("--footprint", help="用地红线 the footprint, where the report does not carry it"),
    ] = None,
    output_format: FormatOption = OutputFormat.TABLE,
) -> None:
    """按报告所列版本重新检查并逐项比对 · check again on the versions that a report names, and compare every figure."""
    given = read_report_file(file)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        footprint = read_site(session, edge, footprint_file) if footprint_file is not None else None
        found = verify_file(
            session, given, city=edge.city, actor=local_operator(), sealer=edge.sealer, footprint=footprint
        )
    if output_format is OutputFormat.JSON:
        print_json(verification_out(found).model_dump())
    else:
        typer.echo(f"核验 {found.conclusion}")
        typer.echo(f"摘要 digest: {found.digest}")
        if found.seal is not None:
            typer.echo(f"封签 seal: {SEAL_WORDS[found.seal]}")
        for text in found.verified:
            typer.echo(f"  已核验 verified: {text}")
        for text in found.unverified:
            typer.echo(f"  未核验 not verified: {text}")
        for difference in found.differences:
            typer.echo(f"  {difference}")
    if not found.holds:
        raise typer.Exit(1)


@app.command("compare")
def compare(
    before: Annotated[
        Path, typer.Argument(help="先前的报告 the earlier report: JSON, PDF, HTML, DOCX or XLSX")
    ],
    after: Annotated[Path, typer.Argument(help="后来的报告 the later report")],
    output_format: FormatOption = OutputFormat.TABLE,
) -> None:
    """对比两份报告：新增、消失、增减及原因 · what two reports say otherwise, and why."""
    found = compare_files(read_report_file(before).document, read_report_file(after).document)
    if output_format is OutputFormat.JSON:
        print_json(found.model_dump(mode="json"))
        return
    turned = " → ".join(" ".join(SEVERITY_WORDS[v]) for v in (found.verdict_before, found.verdict_after))
    causes = "、".join(" ".join(CAUSE_WORDS[cause]) for cause in found.causes) or "无 none"
    typer.echo(f"结论 verdict: {turned} · 原因 causes: {causes}")
    for layer in found.layers:
        typer.echo(
            f"图层 layer {layer.layer}: v{layer.version_before or '—'} → v{layer.version_after or '—'},"
            f" {layer.control_before or '—'} → {layer.control_after or '—'}"
        )
    print_table(
        "变化 Changes",
        ["变化 change", "图层 layer", "图斑 feature", "前 m² before", "后 m² after", "原因 cause"],
        (
            [
                " ".join(CHANGE_WORDS[change.change]),
                change.layer,
                change.feature or "—",
                square_metres(change.before.overlap_m2) if change.before else "",
                square_metres(change.after.overlap_m2) if change.after else "",
                "、".join(CAUSE_WORDS[cause][0] for cause in change.causes),
            ]
            for change in found.findings
        ),
        empty="两次检查一致 the two say the same",
    )


def read_report_file(path: Path) -> ReportFile:
    """The report that a file is, or that a PDF, a page, a Word file or a workbook of this service carries."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidInputError(
                "{path} is larger than {max_mb} MB; it is no report", path=path, max_mb=MAX_BYTES >> 20
            )
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInputError(
            "cannot read {path}: {strerror}", path=path, strerror=error.strerror
        ) from error
    return read_report(content, str(path))
