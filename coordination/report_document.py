"""A check report as a document: conclusion, ledger, maps, findings with their articles, land taken, drafts, how to verify."""

import json
from collections.abc import Iterable, Sequence

from blueprint.city import City
from blueprint.documents.blocks import (
    Block,
    Column,
    Document,
    Heading,
    PageBreak,
    Paragraph,
    Picture,
    Table,
)
from blueprint.footprint import Footprint
from coordination import report_facts as facts
from coordination.check_report import CheckReport, LayerResult
from coordination.figures import hectares, mu, percent, square_metres
from coordination.opinion_drafts import drafts_of
from coordination.report_land import LandTaken, land_classes
from coordination.report_maps import caption_of, conflicts_with_maps
from coordination.report_reading import REPORT_FILE
from coordination.report_verification import with_site
from coordination.report_words import SEVERITY_WORDS
from coordination.reports import reader_line

_IN_ENGLISH = "Conflict report of a project's site"

MAX_FINDINGS = 200
"""So many findings stand in a document; all of them are in the workbook."""


def report_document(
    report: CheckReport, footprint: Footprint, land: Sequence[LandTaken], *, city: City, name: str
) -> Document:
    """The report as blocks; its pictures are those of `report_maps`."""
    reader = reader_line(report.reader) if report.reader is not None else ""
    blocks = (
        *_conclusion(report, city),
        *_ledger(report),
        Heading("位置图 Map of the site"),
        Picture("overview", "项目位置与冲突 Site and conflicts"),
        *_findings(report, city),
        *_rules(report),
        *_conflict_maps(report),
        *_land(land),
        *_layers(report, city),
        *_drafts(report, city, name),
        *_verification(report),
        *_signatures(),
    )
    content = json.dumps(with_site(report, footprint), ensure_ascii=False, default=str)
    return Document(
        title="建设项目用地合规性检查报告",
        subtitle=" · ".join(
            part for part in (_IN_ENGLISH, facts.city_name(city), name, str(report.on)) if part
        ),
        blocks=tuple(_numbered(blocks)),
        footer=f"机器初判，以部门意见为准 first judgement by machine · {report.digest[:23]}… · {reader}",
        author=reader,
        attachments={REPORT_FILE: content},
    )


def _numbered(blocks: Iterable[Block]) -> Iterable[Block]:
    """The blocks with their sections numbered as Chinese documents do."""
    numerals = iter(("一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二"))
    for block in blocks:
        if isinstance(block, Heading) and block.level == 1:
            yield Heading(f"{next(numerals)}、{block.text}")
        else:
            yield block


def _conclusion(report: CheckReport, city: City) -> Iterable[Block]:
    yield Heading("检查结论 Conclusion")
    yield Paragraph(facts.conclusion(report), is_strong=True)
    yield Paragraph(facts.FIRST_JUDGEMENT, is_note=True)
    yield Table(
        (Column("项 item", width=1.0), Column("内容 content", width=2.4)),
        tuple((fact.title, fact.text) for fact in facts.site_facts(report)),
    )
    for note in report.notes:
        yield Paragraph(f"注意 note: {note}", is_note=True)
    for line in facts.restricted_lines(report, city):
        yield Paragraph(line, is_strong=line != facts.HIDDEN)


def _ledger(report: CheckReport) -> Iterable[Block]:
    total = report.footprint.area_m2
    yield Heading("面积台账 Area ledger")
    yield Table(
        (
            Column("类别 piece", width=1.4),
            Column("m²", is_figure=True),
            Column("公顷 ha", is_figure=True),
            Column("亩 mu", is_figure=True),
            Column("占用地 share %", is_figure=True),
        ),
        tuple(
            (label, square_metres(area), hectares(area), mu(area), percent(area / total))
            for label, area in facts.ledger_pieces(report)
        ),
        has_total=True,
    )
    yield Paragraph(facts.DISJOINT, is_note=True)


def _findings(report: CheckReport, city: City) -> Iterable[Block]:
    yield Heading("冲突清单 Findings")
    if not report.findings:
        if not report.restricted_conflicts:
            yield Paragraph(facts.NO_CONFLICT)
        return
    titles = facts.layer_titles(report)
    yield Table(
        (
            Column("序号 no.", width=0.55),
            Column("管控 control", width=1.05),
            Column("图层与图斑 layer, feature", width=1.7),
            Column("关系 relation", width=0.85),
            Column("压占 overlap", is_figure=True, width=1.65),
            Column("占用地 share %", is_figure=True, width=0.75),
            Column("责任部门与依据 department, basis", width=2.1),
        ),
        tuple(
            (
                str(number),
                facts.severity_words(finding),
                f"{titles[finding.layer]} v{finding.version}\n{facts.feature_name(finding)}",
                facts.relation_of(finding),
                facts.measures_of(finding),
                percent(finding.overlap_share) if finding.overlap_m2 > 0 else "",
                f"{facts.department_name(facts.department_of_finding(finding, report), city)}\n{facts.grounds_of(finding)}",
            )
            for number, finding in enumerate(report.findings[:MAX_FINDINGS], start=1)
        ),
    )
    more = len(report.findings) - MAX_FINDINGS
    if more > 0:
        yield Paragraph(f"另有 {more} 条，见 XLSX。 {more} more are in the workbook.", is_note=True)


def _rules(report: CheckReport) -> Iterable[Block]:
    """What the rules say of what was found, what can be done, and which of them nobody signed off."""
    if report.rules:
        yield Heading("规则说明 What the rules say")
    for told in report.rules:
        rule, signed = told.rule, told.rule.signed_off
        yield Heading(f"{rule.title} {rule.title_en}（{rule.id}）", level=2)
        yield Paragraph(f"{told.finding} {told.finding_en}")
        if told.softened_from is not None:
            words = SEVERITY_WORDS[told.softened_from]
            yield Paragraph(
                f"未达阈值，由“{words[0]}”从轻。 Below its threshold, so it weighs less than {words[1]}."
            )
        yield Paragraph(f"可采取的措施 what can be done: {rule.remedy} {rule.remedy_en}")
        state = f"签认 signed off: {signed.by} {signed.on}" if signed else "尚未经部门签认 not signed off"
        unsure = f"；待核 to be looked up: {rule.unsure}" if rule.unsure else ""
        yield Paragraph(
            f"依据 basis: {'；'.join(rule.basis)}；核对日 text checked: {rule.last_checked_on}；{state}{unsure}",
            is_note=True,
        )
    if (line := facts.unsigned_line(report)) is not None:
        yield Paragraph(line, is_note=True)


def _conflict_maps(report: CheckReport) -> Iterable[Block]:
    shown = conflicts_with_maps(report)
    if not shown:
        return
    titles = facts.layer_titles(report)
    yield Heading("冲突详图 A map of each conflict")
    for number, finding in shown:
        yield Heading(f"冲突 finding {number}：{titles[finding.layer]}", level=2)
        yield Picture(f"conflict-{number}", caption_of(finding, titles[finding.layer]))
        yield Paragraph(facts.measures_of(finding).replace("\n", " · "))
        yield Paragraph(f"依据 basis: {facts.grounds_of(finding)}")
        if attributes := facts.attributes_of(finding):
            yield Paragraph(f"图斑属性 attributes: {attributes}", is_note=True)
    left = sum(f.shape is not None and not f.sliver for f in report.findings) - len(shown)
    if left > 0:
        yield Paragraph(f"另有 {left} 处，见 GeoJSON。 {left} more are in the GeoJSON.", is_note=True)


def _land(land: Sequence[LandTaken]) -> Iterable[Block]:
    if not land:
        return
    yield Heading("占地分类 Land taken by class")
    yield Table(
        (
            Column("图层 layer", width=1.6),
            Column("代码 code", width=0.7),
            Column("地类 class", width=1.3),
            Column("三大类 kind of land", width=1.1),
            Column("m²", is_figure=True, width=1.1),
            Column("公顷 ha", is_figure=True),
            Column("亩 mu", is_figure=True),
            Column("占用地 share %", is_figure=True, width=0.8),
        ),
        tuple(
            (
                row.layer_title,
                row.code,
                row.title,
                row.land_class,
                square_metres(row.overlap_m2),
                hectares(row.overlap_m2),
                mu(row.overlap_m2),
                percent(row.overlap_share),
            )
            for row in (*land, *land_classes(land))
        ),
    )


def _layers(report: CheckReport, city: City) -> Iterable[Block]:
    titles = facts.layer_titles(report)
    yield Heading("图层与版本 Layers and versions")
    yield Table(
        (
            Column("图层 layer", width=1.8),
            Column("部门 department", width=1.5),
            Column("版本 version", width=0.8),
            Column("管控 control", width=1.05),
            Column("结果 outcome", width=1.5),
            Column("图斑 features", is_figure=True, width=0.85),
            Column("压占 overlap", is_figure=True, width=1.3),
        ),
        tuple(
            (
                f"{titles[layer.code]} {layer.code}",
                facts.department_name(layer.department, city),
                f"v{layer.version}" if layer.version else "—",
                " ".join(SEVERITY_WORDS[layer.control]),
                facts.outcome_of(layer),
                str(layer.feature_count) if layer.feature_count is not None else "—",
                _area_of(layer),
            )
            for layer in report.layers
        ),
    )


def _area_of(layer: LayerResult) -> str:
    """What of the site a layer meets, each part once; and the plain sum, where its features lie over each other."""
    if layer.overlap_m2 is None or not layer.overlap_m2:
        return "—" if layer.overlap_m2 is None else "0"
    area = layer.overlap_m2
    texts = [f"{square_metres(area)} m²", f"{hectares(area)} 公顷 ha", f"{mu(area)} 亩 mu"]
    if layer.overlap_share is not None:
        texts.append(f"{percent(layer.overlap_share)} %")
    if layer.overlap_sum_m2 is not None and layer.overlap_sum_m2 - area > 0.01:
        texts.append(f"相加 sum {square_metres(layer.overlap_sum_m2)} m²")
    return "\n".join(texts)


def _drafts(report: CheckReport, city: City, name: str) -> Iterable[Block]:
    drafts = drafts_of(report, name)
    if not drafts:
        return
    yield PageBreak()
    yield Heading("责任部门意见草稿 Drafts of the departments' opinions")
    yield Paragraph(
        "由检查结果自动起草，供部门修改；部门决定。 Written from the findings; the department decides.",
        is_note=True,
    )
    for department, draft, draft_en in drafts:
        yield Heading(facts.department_name(department, city), level=2)
        yield Paragraph(draft)
        yield Paragraph(draft_en, is_note=True)


def _verification(report: CheckReport) -> Iterable[Block]:
    yield Heading("核验 Verification")
    yield Table(
        (Column("项 item", width=1.0), Column("内容 content", width=2.4)),
        tuple((fact.title, fact.text) for fact in facts.proof_facts(report)),
    )
    yield Paragraph(facts.HOW_TO_VERIFY, is_note=True)
    if report.reader is not None:
        yield Paragraph(f"出具对象 given to: {reader_line(report.reader)}", is_note=True)
    yield Paragraph(facts.FOR_ITS_DUTY, is_note=True)


def _signatures() -> Iterable[Block]:
    """Where those sign who answer for the report on paper."""
    words = ("经办 prepared by", "审核 reviewed by", "签发 approved by", "日期 date")
    yield Heading("签署 Signatures")
    yield Table(tuple(Column(each) for each in words), (("\n\n",) * len(words),))
