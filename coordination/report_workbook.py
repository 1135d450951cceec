"""A check report as a workbook: summary, ledger, every finding, every layer, land taken; figures are numbers."""

from collections.abc import Sequence

from blueprint.city import City
from blueprint.documents.workbook import Cell, Sheet, to_xlsx
from coordination.check_report import CheckReport, Finding
from coordination.figures import MU_M2
from coordination.report_land import LandTaken, land_classes
from coordination.report_words import CONCLUSION_WORDS, OUTCOME_WORDS, RELATION_WORDS, SEVERITY_WORDS
from coordination.reports import reader_line

_AREAS = ("m²", "公顷 ha", "亩 mu")
_FORMAT = "#,##0.00##"


def report_workbook(report: CheckReport, land: Sequence[LandTaken], *, city: City, name: str) -> bytes:
    """The report as the bytes of an XLSX; nothing is rounded in the cells, only shown so."""
    reader = reader_line(report.reader) if report.reader is not None else ""
    names = {department.code: department.name for department in city.departments}
    return to_xlsx(
        [
            Sheet("结论 summary", ("项 item", "内容 content"), _summary(report, city, name, reader)),
            Sheet("台账 ledger", ("类别 piece", *_AREAS, "占用地 share"), _ledger(report), _FORMAT),
            Sheet(
                "冲突 findings",
                _FINDING_COLUMNS,
                [_finding(n, f, report, names) for n, f in _numbered(report)],
                _FORMAT,
            ),
            Sheet("图层 layers", _LAYER_COLUMNS, _layers(report, names), _FORMAT),
            Sheet(
                "占地 land",
                (
                    "图层 layer",
                    "名称 title",
                    "代码 class",
                    "地类 class title",
                    "大类",
                    *_AREAS,
                    "占用地 share",
                ),
                [
                    (
                        r.layer,
                        r.layer_title,
                        r.code,
                        r.title,
                        r.land_class,
                        *_areas(r.overlap_m2),
                        r.overlap_share,
                    )
                    for r in (*land, *land_classes(land))
                ],
                _FORMAT,
            ),
        ],
        title=f"合规性检查报告 {name}".strip(),
        author=reader,
    )


def _areas(area_m2: float) -> tuple[float, float, float]:
    return area_m2, area_m2 / 10_000, area_m2 / MU_M2


def _numbered(report: CheckReport) -> Sequence[tuple[int, Finding]]:
    return list(enumerate(report.findings, start=1))


def _summary(report: CheckReport, city: City, name: str, reader: str) -> list[tuple[Cell, ...]]:
    site = report.footprint
    return [
        ("城市 city", city.name),
        ("项目 project", name),
        ("综合结论 conclusion", " ".join(CONCLUSION_WORDS[report.verdict])),
        ("最重管控 worst control", " ".join(SEVERITY_WORDS[report.verdict])),
        ("检查日 as of", report.on),
        ("用地面积 area m²", site.area_m2),
        ("平面面积 plane area m²", site.plane_area_m2),
        ("周长 perimeter m", site.perimeter_m),
        ("坐标系 CRS", report.working_crs),
        ("面积口径 area measure", report.area_measure),
        ("规则 rule set", report.rule_set),
        ("拟用途 planned use", report.planned_use),
        ("最高点高程 highest point m", report.top_m),
        ("摘要 digest", report.digest),
        ("出具对象 given to", reader),
        ("说明 note", "机器初判，以部门意见为准 A machine's first judgement; the departments decide"),
        *(("注意 note", note) for note in report.notes),
        *(
            ("受限 restricted", f"{conflict.department}: {conflict.size_class}")
            for conflict in report.restricted_conflicts
        ),
    ]


def _ledger(report: CheckReport) -> list[tuple[Cell, ...]]:
    ledger, total = report.ledger, report.footprint.area_m2
    pieces = (
        ("禁止 prohibited", ledger.prohibited_m2),
        ("限制 restricted", ledger.restricted_m2),
        ("建议 advised", ledger.advised_m2),
        ("无冲突 conflict-free", ledger.conflict_free_m2),
        ("合计 total", total),
    )
    return [(label, *_areas(area), area / total) for label, area in pieces]


_FINDING_COLUMNS = (
    "序号 no.",
    "结论 severity",
    "图层 layer",
    "名称 title",
    "版本 version",
    "标识码 source id",
    "关系 relation",
    *_AREAS,
    "占用地 share",
    "占图斑 feature share",
    "长度 length m",
    "点数 points",
    "中心线 centre line m",
    "距离 distance m",
    "碎面 sliver",
    "管控理由 why this control",
    "责任部门 department",
    "依据 basis",
)


def _finding(number: int, finding: Finding, report: CheckReport, names: dict[str, str]) -> tuple[Cell, ...]:
    layer = next(layer for layer in report.layers if layer.code == finding.layer)
    return (
        number,
        " ".join(SEVERITY_WORDS[finding.severity]),
        finding.layer,
        layer.title,
        finding.version,
        str(finding.source_id or finding.feature_id or ""),
        " ".join(RELATION_WORDS[finding.relation]),
        *_areas(finding.overlap_m2),
        finding.overlap_share,
        finding.feature_share,
        finding.length_m,
        finding.point_count,
        finding.crossing_m,
        finding.distance_m,
        finding.sliver_cause,
        finding.control_reason,
        names.get(layer.department, layer.department),
        finding.basis,
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
    "合计 sum m²",
    "占用地 share",
    "长度 length m",
    "点数 points",
    "依据 basis",
)


def _layers(report: CheckReport, names: dict[str, str]) -> list[tuple[Cell, ...]]:
    return [
        (
            layer.code,
            layer.title,
            names.get(layer.department, layer.department),
            layer.version,
            " ".join(SEVERITY_WORDS[layer.control]),
            " ".join(OUTCOME_WORDS[layer.outcome]),
            layer.feature_count,
            layer.sliver_count,
            *(_areas(layer.overlap_m2) if layer.overlap_m2 is not None else (None, None, None)),
            layer.overlap_sum_m2,
            layer.overlap_share,
            layer.length_m,
            layer.point_count,
            layer.basis,
        )
        for layer in report.layers
    ]
