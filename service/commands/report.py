"""`blueprint report …`: does a report say what its versions and rules give; what two reports say otherwise."""

import io
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pypdf import PdfReader
from pypdf.errors import PyPdfError
from sqlalchemy.orm import Session

from blueprint.errors import InvalidInputError
from coordination.check_difference import compare_checks
from coordination.difference_schemas import CheckDifferenceOut
from coordination.report_document import REPORT_FILE
from coordination.report_verification import verify_report
from coordination.report_words import CAUSE_WORDS, CHANGE_WORDS, SEVERITY_WORDS
from service.commands.context import local_operator, open_edge
from service.commands.options import FormatOption, OutputFormat, print_json, print_table
from service.commands.site import read_site

app = typer.Typer(no_args_is_help=True, help="检查报告：核验、对比 · check reports: verify, compare")

_MAX_BYTES = 64 << 20


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="检查报告 a report: JSON, or a PDF that carries it")],
    footprint_file: Annotated[
        Path | None,
        typer.Option("--footprint", help="用地红线 the footprint, where the report does not carry it"),
    ] = None,
    output_format: FormatOption = OutputFormat.TABLE,
) -> None:
    """按报告所列版本重新检查并逐项比对 · check again on the versions that a report names, and compare every figure."""
    document = read_report(file)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        footprint = read_site(session, edge, footprint_file) if footprint_file is not None else None
        found = verify_report(session, document, city=edge.city, actor=local_operator(), footprint=footprint)
    if output_format is OutputFormat.JSON:
        print_json({"holds": found.holds, "digest": found.digest, "differences": list(found.differences)})
    elif found.holds:
        typer.echo(f"核验一致 the report holds: {found.digest}")
    else:
        typer.echo("核验不一致 the report does not hold:")
        for difference in found.differences:
            typer.echo(f"  {difference}")
    if not found.holds:
        raise typer.Exit(1)


@app.command("compare")
def compare(
    before: Annotated[
        Path, typer.Argument(help="先前的报告 the earlier report: JSON, or a PDF that carries it")
    ],
    after: Annotated[Path, typer.Argument(help="后来的报告 the later report")],
    output_format: FormatOption = OutputFormat.TABLE,
) -> None:
    """对比两份报告：新增、消失、增减及原因 · what two reports say otherwise, and why."""
    try:
        found = compare_checks(read_report(before), read_report(after))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInputError(
            "one of the files is no check report; give what `blueprint check … --format json` or `pdf` wrote"
        ) from error
    if output_format is OutputFormat.JSON:
        print_json(CheckDifferenceOut.model_validate(found, from_attributes=True).model_dump(mode="json"))
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
                f"{change.before.overlap_m2:,.2f}" if change.before else "",
                f"{change.after.overlap_m2:,.2f}" if change.after else "",
                "、".join(CAUSE_WORDS[cause][0] for cause in change.causes),
            ]
            for change in found.findings
        ),
        empty="两次检查一致 the two say the same",
    )


def read_report(path: Path) -> dict[str, Any]:
    """The report that a JSON file is, or that a PDF of this service carries as an attachment."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InvalidInputError(f"{path} is larger than {_MAX_BYTES >> 20} MB; it is no report")
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror}") from error
    if content.startswith(b"%PDF"):
        content = _attached(content, path)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(
            f"{path} is no report; give what `blueprint check … --format json` or `--format pdf` wrote"
        ) from error
    if not isinstance(document, dict):
        raise InvalidInputError(f"{path} is no report; a report is a JSON object")
    return document


def _attached(content: bytes, path: Path) -> bytes:
    try:
        carried = PdfReader(io.BytesIO(content)).attachments.get(REPORT_FILE)
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInputError(f"the PDF {path} is damaged: {error}") from error
    if not carried:
        raise InvalidInputError(f"the PDF {path} carries no {REPORT_FILE}; give the JSON of its check")
    return carried[0]
