"""The comparison of alternatives as a document and as a workbook: what each would take, side by side."""

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from blueprint.accounts.sealing import Sealer
from blueprint.city import City
from blueprint.documents.blocks import Block, Column, Document, Heading, Paragraph, Picture, Table
from blueprint.documents.maps import MapPicture
from blueprint.documents.rendering import to_docx, to_pdf
from blueprint.documents.workbook import Cell, Sheet, to_xlsx
from blueprint.permissions import Actor
from coordination import report_facts as facts
from coordination.alternatives import RANKING, Alternative, layer_rows
from coordination.check_report import CheckReport, LayerResult
from coordination.figures import MU_M2, hectares, mu, percent, rounded, square_metres
from coordination.report_maps import report_maps
from coordination.report_reading import ALTERNATIVES, REPORT_FILE
from coordination.report_seal import seal_package, seal_pdf
from coordination.report_verification import with_site
from coordination.report_words import CONCLUSION_WORDS, OUTCOME_WORDS, SEVERITY_WORDS
from coordination.reports import reader_line


class ComparisonForm(StrEnum):
    """The forms of a comparison."""

    JSON = "json"
    PDF = "pdf"
    DOCX = "docx"
    XLSX = "xlsx"


def write_comparison(
    session: Session,
    alternatives: Sequence[Alternative],
    form: ComparisonForm,
    *,
    city: City,
    actor: Actor,
    sealer: Sealer | None = None,
) -> bytes:
    """The comparison as the bytes of a file that carries the reports of its sites, sealed; PDF and DOCX draw each site, so its report needs shapes."""
    carried = _carried(alternatives)
    if form is ComparisonForm.XLSX:
        return seal_package(_workbook(alternatives, city), carried, sealer)
    maps: dict[str, MapPicture] = {}
    for number, a in enumerate(alternatives, start=1):
        drawn = report_maps(session, a.report, a.footprint.geometry, city=city, actor=actor)
        maps[f"site-{number}"] = drawn["overview"]
    document = _document(alternatives, carried, city)
    if form is ComparisonForm.PDF:
        return seal_pdf(to_pdf(document, maps), sealer)
    return seal_package(to_docx(document, maps), carried, sealer)


def _carried(alternatives: Sequence[Alternative]) -> dict[str, Any]:
    return {
        ALTERNATIVES: [
            {"name": a.name, "rank": a.rank, "report": with_site(a.report, a.footprint)} for a in alternatives
        ]
    }


def _document(alternatives: Sequence[Alternative], carried: dict[str, Any], city: City) -> Document:
    first = alternatives[0].report
    reader = reader_line(first.reader) if first.reader is not None else ""
    return Document(
        title="建设项目选址方案比选报告",
        subtitle=f"Alternative sites side by side · {facts.city_name(city)} · {first.on} · {first.rule_set}",
        blocks=tuple(_blocks(alternatives, city)),
        footer=f"机器初判，以部门意见为准 first judgement by machine · {reader}",
        author=reader,
        attachments={REPORT_FILE: json.dumps(carried, ensure_ascii=False, default=str)},
    )


def _blocks(alternatives: Sequence[Alternative], city: City) -> Iterable[Block]:
    titles = facts.layer_titles(alternatives[0].report)
    best = "、".join(a.name for a in alternatives if a.rank == 1)
    yield Heading("比选结论 Conclusion")
    yield Paragraph(f"初判较优方案 stands best: {best}", is_strong=True)
    yield Paragraph(RANKING, is_note=True)
    names = tuple(Column(a.name, is_figure=True) for a in alternatives)
    yield Table((Column("项 item", width=1.6), *names), tuple(_figures(alternatives)))
    yield Heading("逐图层比较 Layer by layer")
    rows = tuple(
        (
            f"{titles[row.code]} {row.code}\n{facts.department_name(row.department, city)}",
            *(_cell(result, a.report) for result, a in zip(row.results, alternatives, strict=True)),
        )
        for row in layer_rows(alternatives)
    )
    if rows:
        yield Table((Column("图层 layer", width=1.6), *names), rows)
    else:
        yield Paragraph("各方案均未发现冲突。 No site meets any layer.")
    for number, a in enumerate(alternatives, start=1):
        yield Heading(f"{a.name}", level=2)
        yield Picture(f"site-{number}", f"{a.name} · {' '.join(CONCLUSION_WORDS[a.report.verdict])}")
        for note in a.report.notes:
            yield Paragraph(f"注意 note: {note}", is_note=True)
        for line in facts.restricted_lines(a.report, city):
            yield Paragraph(line, is_strong=line != facts.HIDDEN)
        yield Paragraph(f"摘要 digest: {a.report.digest}", is_note=True)
    yield Heading("核验与使用 Verification and use")
    for text in (facts.FIRST_JUDGEMENT, facts.HOW_TO_VERIFY, facts.FOR_ITS_DUTY):
        yield Paragraph(text, is_note=True)


def _figures(alternatives: Sequence[Alternative]) -> Iterable[tuple[str, ...]]:
    yield ("名次 rank", *(str(a.rank) for a in alternatives))
    yield ("综合结论 conclusion", *(" ".join(CONCLUSION_WORDS[a.report.verdict]) for a in alternatives))
    yield ("最重管控 worst control", *(" ".join(SEVERITY_WORDS[a.report.verdict]) for a in alternatives))
    for label, unit in (("m²", square_metres), ("公顷 ha", hectares), ("亩 mu", mu)):
        yield (f"面积 area {label}", *(unit(a.report.footprint.area_m2) for a in alternatives))
    for label, name in _PIECES:
        yield (
            f"{label} m²（%）",
            *(
                f"{square_metres(piece)}\n{percent(piece / a.report.footprint.area_m2)} %"
                for a in alternatives
                for piece in (getattr(a.report.ledger, name),)
            ),
        )


_PIECES = (
    ("禁止 prohibited", "prohibited_m2"),
    ("限制 restricted", "restricted_m2"),
    ("建议 advised", "advised_m2"),
    ("无冲突 conflict-free", "conflict_free_m2"),
)


def _severity(result: LayerResult, report: CheckReport) -> str:
    """The worst of what a layer's findings say: rules, gaps and features' values weigh otherwise than the layer."""
    found = {finding.severity for finding in report.findings if finding.layer == result.code}
    return next((" ".join(words) for severity, words in SEVERITY_WORDS.items() if severity in found), "")


def _cell(result: LayerResult, report: CheckReport) -> str:
    if result.outcome != "conflict":
        return " ".join(OUTCOME_WORDS[result.outcome])
    texts = [_severity(result, report)]
    if result.overlap_m2:
        texts.append(f"{square_metres(result.overlap_m2)} m²")
    if result.length_m:
        texts.append(f"{rounded(result.length_m, 2)} m")
    if result.point_count:
        texts.append(f"{result.point_count} 点 pt")
    if result.uncovered_m2:
        texts.append(f"无规划覆盖 not covered {square_metres(result.uncovered_m2)} m²")
    return "\n".join(texts)


def _workbook(alternatives: Sequence[Alternative], city: City) -> bytes:
    names = tuple(a.name for a in alternatives)
    first = alternatives[0].report
    reader = reader_line(first.reader) if first.reader is not None else ""
    reports = [a.report for a in alternatives]
    titles = facts.layer_titles(first)
    said = (
        ("排序 ranking", RANKING),
        ("核验 verification", facts.HOW_TO_VERIFY),
        ("出具对象 given to", reader),
        ("说明 note", facts.FIRST_JUDGEMENT),
        ("使用 use", facts.FOR_ITS_DUTY),
    )
    summary: list[tuple[Cell, ...]] = [
        ("名次 rank", *(a.rank for a in alternatives)),
        ("综合结论 conclusion", *(" ".join(CONCLUSION_WORDS[r.verdict]) for r in reports)),
        ("最重管控 worst control", *(" ".join(SEVERITY_WORDS[r.verdict]) for r in reports)),
        ("用地面积 area m²", *(r.footprint.area_m2 for r in reports)),
        ("用地面积 area 公顷 ha", *(r.footprint.area_m2 / 10_000 for r in reports)),
        ("用地面积 area 亩 mu", *(r.footprint.area_m2 / MU_M2 for r in reports)),
        *((f"{label} m²", *(getattr(r.ledger, name) for r in reports)) for label, name in _PIECES),
        ("摘要 digest", *(r.digest for r in reports)),
        ("检查日 as of", *(r.on for r in reports)),
        ("规则 rule set", *(r.rule_set for r in reports)),
        *((label, text, *[""] * (len(names) - 1)) for label, text in said),
    ]
    layers: list[tuple[Cell, ...]] = [
        (
            row.code,
            titles[row.code],
            facts.department_name(row.department, city),
            a.name,
            " ".join(OUTCOME_WORDS[result.outcome]),
            _severity(result, a.report) if result.outcome == "conflict" else "",
            result.overlap_m2,
            result.overlap_share,
            result.length_m,
            result.point_count,
            result.uncovered_m2,
        )
        for row in layer_rows(alternatives)
        for a, result in zip(alternatives, row.results, strict=True)
    ]
    heads = (
        "图层 layer",
        "名称 title",
        "部门 department",
        "方案 site",
        "结果 outcome",
        "管控 control",
        "压占 m²",
        "占用地 share",
        "长度 length m",
        "点数 points",
        "无规划覆盖 not covered m²",
    )
    return to_xlsx(
        [
            Sheet("比选 comparison", ("项 item", *names), summary, is_facts=True),
            Sheet("图层 layers", heads, layers),
        ],
        title=f"{facts.city_name(city)} 方案比选 Comparison of sites",
        author=reader,
    )
