"""A check report as a workbook: summary, ledger, every finding, every layer, rules, land taken, drafts; figures are numbers."""

from collections.abc import Iterable, Sequence

from blueprint.city import City
from blueprint.documents.workbook import Cell, Sheet, to_xlsx
from coordination import report_facts as facts
from coordination.check_report import CheckReport, Finding
from coordination.figures import MU_M2
from coordination.opinion_drafts import drafts_of
from coordination.report_land import LandTaken, land_classes
from coordination.report_words import OUTCOME_WORDS, RELATION_WORDS, SEVERITY_WORDS
from coordination.reports import reader_line
from coordination.rule_words import RuleTold

_AREAS = ("m²", "公顷 ha", "亩 mu")


def report_workbook(report: CheckReport, land: Sequence[LandTaken], *, city: City, name: str) -> bytes:
    """The report as the bytes of an XLSX; nothing is rounded in the cells, only shown so."""
    reader = reader_line(report.reader) if report.reader is not None else ""
    return to_xlsx(
        [
            Sheet(
                "结论 summary",
                ("项 item", "内容 content"),
                list(_summary(report, city, name, reader)),
                is_facts=True,
            ),
            Sheet("台账 ledger", ("类别 piece", *_AREAS, "占用地 share"), _ledger(report)),
            Sheet("冲突 findings", _FINDING_COLUMNS, list(_findings(report, city))),
            Sheet("图层 layers", _LAYER_COLUMNS, _layers(report, city)),
            Sheet("规则 rules", _RULE_COLUMNS, [_rule(told, report, city) for told in report.rules]),
            Sheet("占地 land", _LAND_COLUMNS, [_land(row) for row in (*land, *land_classes(land))]),
            Sheet(
                "意见草稿 drafts",
                ("部门 department", "草稿 draft", "英文 in English"),
                [
                    (facts.department_name(code, city), draft, draft_en)
                    for code, draft, draft_en in drafts_of(report, name)
                ],
            ),
        ],
        title=f"合规性检查报告 Conflict report {name}".strip(),
        author=reader,
    )


def _areas(area_m2: float | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if area_m2 is None else (area_m2, area_m2 / 10_000, area_m2 / MU_M2)


def _summary(report: CheckReport, city: City, name: str, reader: str) -> Iterable[tuple[Cell, ...]]:
    yield ("城市 city", facts.city_name(city))
    yield ("项目 project", name or "—")
    yield ("结论 conclusion", facts.conclusion(report))
    for fact in facts.site_facts(report):
        for unit, figure in fact.figures:
            yield (f"{fact.title} {unit}", figure)
        if not fact.figures:
            yield (fact.title, fact.text)
    for note in report.notes:
        yield ("注意 note", note)
    for line in facts.restricted_lines(report, city):
        yield ("受限图层 restricted layers", line)
    if (unsigned := facts.unsigned_line(report)) is not None:
        yield ("未签认规则 rules not signed off", unsigned)
    for fact in facts.proof_facts(report):
        yield (fact.title, fact.text)
    yield ("核验 verification", facts.HOW_TO_VERIFY)
    yield ("出具对象 given to", reader or "—")
    yield ("说明 note", facts.FIRST_JUDGEMENT)
    yield ("使用 use", facts.FOR_ITS_DUTY)


def _ledger(report: CheckReport) -> list[tuple[Cell, ...]]:
    total = report.footprint.area_m2
    return [(label, *_areas(area), area / total) for label, area in facts.ledger_pieces(report)]


_FINDING_COLUMNS = (
    "序号 no.",
    "管控 severity",
    "图层 layer",
    "名称 title",
    "版本 version",
    "图斑 feature",
    "标识码 source id",
    "关系 relation",
    *_AREAS,
    "占用地 share",
    "占图斑 feature share",
    "长度 length m",
    "点数 points",
    "中心线 centre line m",
    "距离 distance m",
    "碎面宽 sliver width m",
    "碎面 sliver",
    "管控理由 why this control",
    "责任部门 department",
    "依据 basis",
    "规则 rule",
    "图斑属性 attributes",
)


def _findings(report: CheckReport, city: City) -> Iterable[tuple[Cell, ...]]:
    titles = facts.layer_titles(report)
    for number, finding in enumerate(report.findings, start=1):
        department = facts.department_name(facts.department_of_finding(finding, report), city)
        yield (
            number,
            " ".join(SEVERITY_WORDS[finding.severity]),
            finding.layer,
            titles[finding.layer],
            finding.version,
            finding.feature_id,
            finding.source_id,
            " ".join(RELATION_WORDS[finding.relation]),
            *_areas(finding.overlap_m2),
            finding.overlap_share,
            finding.feature_share,
            *_lengths(finding),
            finding.sliver_cause,
            finding.control_reason,
            department,
            finding.basis,
            finding.rule,
            facts.attributes_of(finding),
        )


def _lengths(finding: Finding) -> tuple[Cell, ...]:
    return (
        finding.length_m or None,
        finding.point_count or None,
        finding.crossing_m,
        float(finding.distance_m) if finding.relation == "within_distance" else None,
        finding.sliver_width_m,
    )


_LAYER_COLUMNS = (
    "图层 layer",
    "名称 title",
    "部门 department",
    "版本 version",
    "管控 control",
    "结果 outcome",
    "图斑 features",
    "碎面 slivers",
    "压占 union m²",
    "公顷 ha",
    "亩 mu",
    "相加 sum m²",
    "占用地 share",
    "长度 length m",
    "点数 points",
    "无规划覆盖 not covered m²",
    "栅格 raster",
    "依据 basis",
)


def _layers(report: CheckReport, city: City) -> list[tuple[Cell, ...]]:
    titles = facts.layer_titles(report)
    return [
        (
            layer.code,
            titles[layer.code],
            facts.department_name(layer.department, city),
            layer.version,
            " ".join(SEVERITY_WORDS[layer.control]),
            " ".join(OUTCOME_WORDS[layer.outcome]),
            layer.feature_count,
            layer.sliver_count,
            *_areas(layer.overlap_m2),
            float(layer.overlap_sum_m2) if layer.overlap_sum_m2 is not None else None,
            layer.overlap_share,
            layer.length_m,
            layer.point_count,
            layer.uncovered_m2,
            facts.raster_words(layer.raster) if layer.raster is not None else None,
            layer.basis,
        )
        for layer in report.layers
    ]


_RULE_COLUMNS = (
    "规则 rule",
    "图层 layer",
    "名称 title",
    "结果 finding",
    "finding",
    "措施 what can be done",
    "what can be done",
    "依据 basis",
    "部门 department",
    "核对日 text checked",
    "签认 signed off",
    "待核 to be looked up",
    "从轻 weighs less than",
)


def _rule(told: RuleTold, report: CheckReport, city: City) -> tuple[Cell, ...]:
    rule, signed = told.rule, told.rule.signed_off
    owner = rule.department or next(
        (layer.department for layer in report.layers if layer.code == rule.layer), ""
    )
    return (
        rule.id,
        rule.layer,
        f"{rule.title} {rule.title_en}",
        told.finding,
        told.finding_en,
        rule.remedy,
        rule.remedy_en,
        "；".join(rule.basis),
        facts.department_name(owner, city),
        rule.last_checked_on,
        f"{signed.by} {signed.on}" if signed is not None else "尚未签认 not signed off",
        rule.unsure,
        " ".join(SEVERITY_WORDS[told.softened_from]) if told.softened_from is not None else None,
    )


_LAND_COLUMNS = (
    "图层 layer",
    "名称 title",
    "代码 class",
    "地类 class title",
    "三大类 kind of land",
    *_AREAS,
    "占用地 share",
)


def _land(row: LandTaken) -> tuple[Cell, ...]:
    return (
        row.layer,
        row.layer_title,
        row.code,
        row.title,
        row.land_class,
        *_areas(row.overlap_m2),
        row.overlap_share,
    )
