"""A check report as a document: conclusion, maps, ledger, findings with their articles, land taken, drafts, how to verify."""

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
from coordination.check_report import CheckReport, Finding
from coordination.figures import hectares, mu, percent, rounded, square_metres
from coordination.report_land import LandTaken, land_classes
from coordination.report_maps import caption_of, conflicts_with_maps
from coordination.report_reading import REPORT_FILE
from coordination.report_verification import with_site
from coordination.report_words import (
    CONCLUSION_WORDS,
    OUTCOME_WORDS,
    RELATION_WORDS,
    SEVERITY_WORDS,
    SIZE_WORDS,
)
from coordination.reports import reader_line
from coordination.responsibility import concerns_by_department, draft_opinion

MAX_FINDINGS = 200
"""So many findings stand in a document; all of them are in the workbook."""


def report_document(
    report: CheckReport, footprint: Footprint, land: Sequence[LandTaken], *, city: City, name: str
) -> Document:
    """The report as blocks; its pictures are those of `report_maps`."""
    reader = reader_line(report.reader) if report.reader is not None else ""
    blocks = (
        *_conclusion(report, city),
        Heading("位置图 Map of the site"),
        Picture("overview", "项目位置与冲突 Site and conflicts"),
        *_ledger(report),
        *_findings(report, city),
        *_rules(report),
        *_conflict_maps(report),
        *_land(land),
        *_layers(report, city),
        *_drafts(report, city, name),
        *_verification(report),
    )
    content = json.dumps(with_site(report, footprint), ensure_ascii=False, default=str)
    return Document(
        title="建设项目用地合规性检查报告",
        subtitle=" · ".join(part for part in (city.name, name, str(report.on)) if part),
        blocks=tuple(_numbered(blocks)),
        footer=f"机器初判，以部门意见为准 · {report.digest[:23]}… · {reader}",
        author=reader,
        attachments={REPORT_FILE: content},
    )


def _numbered(blocks: Iterable[Block]) -> Iterable[Block]:
    """The blocks with their sections numbered as Chinese documents do."""
    numerals = iter("一二三四五六七八九十")
    for block in blocks:
        if isinstance(block, Heading) and block.level == 1:
            yield Heading(f"{next(numerals)}、{block.text}")
        else:
            yield block


def _conclusion(report: CheckReport, city: City) -> Iterable[Block]:
    site, verdict = report.footprint, report.verdict
    yield Heading("检查结论 Conclusion")
    words, severity = CONCLUSION_WORDS[verdict], SEVERITY_WORDS[verdict]
    yield Paragraph(
        f"综合结论：{words[0]}（最重管控：{severity[0]}） · {words[1]}; worst control: {severity[1]}",
        is_strong=True,
    )
    measure = "椭球面积 ellipsoid" if report.area_measure == "ellipsoid" else "平面面积 plane"
    yield Table(
        (Column("项 item", width=1.0), Column("内容 content", width=2.4)),
        (
            (
                "用地面积 area",
                f"{square_metres(site.area_m2)} m² = {hectares(site.area_m2)} 公顷 ha = {mu(site.area_m2)} 亩",
            ),
            ("平面面积 plane area", f"{square_metres(site.plane_area_m2)} m²"),
            ("周长 perimeter", f"{rounded(site.perimeter_m, 2)} m；地块 parts {site.parts}"),
            ("检查日 as of", str(report.on)),
            ("坐标系 CRS", f"{report.working_crs}；面积口径 areas: {measure}"),
            ("数据坐标系 source CRS", f"{report.source_crs}；{report.operation}"),
            ("规则 rule set", report.rule_set),
        ),
    )
    for note in report.notes:
        yield Paragraph(f"注意 note: {note}", is_note=True)
    for conflict in report.restricted_conflicts:
        department, size = _department(conflict.department, city), SIZE_WORDS[conflict.size_class]
        yield Paragraph(
            f"与{department}的受限图层有冲突，{size[0]}；请向该部门查询。"
            f" A conflict with a restricted layer, {size[1]}; ask that department.",
            is_strong=True,
        )
    if not report.has_answers_left:
        yield Paragraph(
            "本部门今日关于受限图层的答复次数已用完，是否涉及受限图层未作答。"
            " Today's answers on restricted layers are used up: whether one is met is not said.",
            is_note=True,
        )


def _ledger(report: CheckReport) -> Iterable[Block]:
    ledger, total = report.ledger, report.footprint.area_m2
    pieces = (
        ("禁止 prohibited", ledger.prohibited_m2),
        ("限制 restricted", ledger.restricted_m2),
        ("建议 advised", ledger.advised_m2),
        ("无冲突 conflict-free", ledger.conflict_free_m2),
    )
    closing = "闭合 closes" if ledger.closes else "不闭合 does not close"
    yield Heading("面积台账 Area ledger")
    yield Table(
        (
            Column("类别 piece", width=1.4),
            Column("m²", is_figure=True),
            Column("公顷 ha", is_figure=True),
            Column("亩 mu", is_figure=True),
            Column("占用地 %", is_figure=True),
        ),
        tuple(
            (label, square_metres(area), hectares(area), mu(area), percent(area / total))
            for label, area in (*pieces, (f"合计 total（{closing}）", total))
        ),
        has_total=True,
    )
    yield Paragraph("互不重叠，重者优先。 Disjoint pieces, the worst control first.", is_note=True)


def _findings(report: CheckReport, city: City) -> Iterable[Block]:
    yield Heading("冲突清单 Findings")
    if not report.findings:
        if not report.restricted_conflicts:
            yield Paragraph("未发现冲突。 No conflict was found.")
        return
    titles = {layer.code: layer.title for layer in report.layers}
    departments = {layer.code: layer.department for layer in report.layers}
    yield Table(
        (
            Column("序号", width=0.4),
            Column("结论", width=0.6),
            Column("图层与图斑 layer, feature", width=2.0),
            Column("关系 relation", width=0.9),
            Column("压占 overlap", is_figure=True, width=1.3),
            Column("占用地 %", is_figure=True, width=0.7),
            Column("责任部门与依据 department, basis", width=2.3),
        ),
        tuple(
            (
                str(number),
                SEVERITY_WORDS[finding.severity][0] + ("（碎面）" if finding.sliver else ""),
                f"{titles[finding.layer]} v{finding.version}\n{_feature_name(finding)}",
                _relation(finding),
                _measures(finding),
                percent(finding.overlap_share) if finding.overlap_m2 > 0 else "",
                f"{_department(departments[finding.layer], city)}\n{finding.sliver_cause or finding.basis or '—'}"
                + (f"\n{finding.control_reason}" if finding.control_reason else ""),
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
            words = SEVERITY_WORDS[told.softened_from][0]
            yield Paragraph(f"未达阈值，由“{words}”从轻。 Below its threshold, so it weighs less.")
        yield Paragraph(f"可采取的措施 what can be done: {rule.remedy} {rule.remedy_en}")
        state = f"签认 signed off: {signed.by} {signed.on}" if signed else "尚未经部门签认 not signed off"
        unsure = f"；待核 to be looked up: {rule.unsure}" if rule.unsure else ""
        yield Paragraph(
            f"依据 basis: {'；'.join(rule.basis)}；核对日 text checked: {rule.last_checked_on}；{state}{unsure}",
            is_note=True,
        )
    if report.unsigned_rules:
        yield Paragraph(
            f"本次所用规则中 {len(report.unsigned_rules)} 条尚未经责任部门签认。"
            f" Of the rules used these are not signed off: {', '.join(report.unsigned_rules)}",
            is_note=True,
        )


def _conflict_maps(report: CheckReport) -> Iterable[Block]:
    shown = conflicts_with_maps(report)
    if not shown:
        return
    titles = {layer.code: layer.title for layer in report.layers}
    yield Heading("冲突详图 A map of each conflict")
    for number, finding in shown:
        yield Heading(f"冲突 {number}：{titles[finding.layer]}", level=2)
        yield Picture(f"conflict-{number}", caption_of(finding, titles[finding.layer]))
        yield Paragraph(f"{_measures(finding)}\n依据 basis: {finding.basis or '—'}")
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
            Column("代码", width=0.7),
            Column("地类 class", width=1.3),
            Column("三大类", width=1.0),
            Column("m²", is_figure=True, width=1.1),
            Column("公顷 ha", is_figure=True),
            Column("亩 mu", is_figure=True),
            Column("%", is_figure=True, width=0.7),
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
    yield Heading("图层与版本 Layers and versions")
    yield Table(
        (
            Column("图层 layer", width=2.2),
            Column("部门 department", width=1.6),
            Column("版本", width=0.5),
            Column("管控", width=0.5),
            Column("结果 outcome", width=1.3),
            Column("图斑", is_figure=True, width=0.5),
            Column("压占 m²", is_figure=True, width=1.1),
            Column("公顷 ha", is_figure=True, width=0.9),
        ),
        tuple(
            (
                f"{layer.title} {layer.code}",
                _department(layer.department, city),
                f"v{layer.version}" if layer.version else "—",
                SEVERITY_WORDS[layer.control][0],
                " ".join(OUTCOME_WORDS[layer.outcome]),
                str(layer.feature_count) if layer.feature_count is not None else "—",
                square_metres(layer.overlap_m2) if layer.overlap_m2 is not None else "—",
                hectares(layer.overlap_m2) if layer.overlap_m2 is not None else "—",
            )
            for layer in report.layers
        ),
    )
    if report.has_hidden_layers:
        yield Paragraph(
            "另有受限图层，其内容不对您公开。 Restricted layers are not listed here.", is_note=True
        )


def _drafts(report: CheckReport, city: City, name: str) -> Iterable[Block]:
    document = report.to_json()
    concerns, rules = concerns_by_department(document), document["rules"]
    if not concerns:
        return
    yield PageBreak()
    yield Heading("责任部门意见草稿 Drafts of the departments' opinions")
    yield Paragraph(
        "由检查结果自动起草，供部门修改；部门决定。 Written from the findings; the department decides.",
        is_note=True,
    )
    for department, found in sorted(concerns.items()):
        yield Heading(_department(department, city), level=2)
        yield Paragraph(draft_opinion(name or "本项目", found, rules))


def _verification(report: CheckReport) -> Iterable[Block]:
    yield Heading("核验 Verification")
    yield Paragraph(f"摘要 digest: {report.digest}")
    yield Paragraph(
        "同一用地红线、同一图层版本、同一规则得到同一摘要。本文件带有报告数据；“核验报告”页（/verify）或“blueprint report verify 文件”"
        "按报告所列版本重新检查并逐项比对。PDF 与 Word 文件另有封签，改动或另存后即不符，缺封签即未能核验。"
        " The same footprint, versions and rules give the same digest. This file carries its report; the page /verify or"
        " `blueprint report verify FILE` checks again on the versions that it names and compares every figure. PDF and"
        " Word files have a seal besides, which a change or another saving breaks; without it they are not verified.",
        is_note=True,
    )
    if report.reader is not None:
        yield Paragraph(f"出具对象 given to: {reader_line(report.reader)}", is_note=True)
    yield Paragraph(
        "仅限本单位履行职责使用，未经提供部门同意不得公布，不得用于商业目的（第十七、十八条）。"
        " For the unit's own duty only; not published without the provider's consent (Art. 17, 18).",
        is_note=True,
    )


def _department(code: str, city: City) -> str:
    return next((d.name for d in city.departments if d.code == code), code)


def _feature_name(finding: Finding) -> str:
    return str(finding.source_id or finding.feature_id or finding.attributes.get("threshold", "—"))


def _relation(finding: Finding) -> str:
    words = " ".join(RELATION_WORDS[finding.relation])
    if finding.relation == "within_distance":
        return f"{words} {rounded(finding.distance_m, 2)} m"
    return words


def _measures(finding: Finding) -> str:
    texts = []
    if finding.overlap_m2 > 0:
        texts += [f"{square_metres(finding.overlap_m2)} m²", f"{hectares(finding.overlap_m2)} 公顷"]
    if finding.length_m > 0:
        texts.append(f"{rounded(finding.length_m, 2)} m")
    if finding.crossing_m:
        texts.append(f"中心线 centre line {rounded(finding.crossing_m, 2)} m")
    if finding.point_count:
        texts.append(f"{finding.point_count} 点 pt")
    return "\n".join(texts)
