"""What a check report says of its site, layers and findings, in words that every form of it has: one place, so that they say the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from blueprint.city import City
from blueprint.overlay import ENGINE
from blueprint.standards.loading import standards
from coordination.check_report import CheckReport, Finding, LayerResult
from coordination.figures import MU_M2, hectares, mu, percent, rounded, square_metres
from coordination.report_words import (
    CONCLUSION_WORDS,
    OUTCOME_WORDS,
    RELATION_WORDS,
    SEVERITY_WORDS,
    SIZE_WORDS,
)

FIRST_JUDGEMENT = "机器初判，以部门意见为准。 A machine's first judgement; the departments decide."
FOR_ITS_DUTY = (
    "仅限本单位履行职责使用，未经提供部门同意不得公布，不得用于商业目的（第十七、十八条）。"
    " For the unit's own duty only; not published without the provider's consent (Art. 17, 18)."
)
HOW_TO_VERIFY = (
    "同一用地红线、同一图层版本、同一规则得到同一摘要。本文件带有报告数据；“核验报告”页（/verify）或“blueprint report verify 文件”"
    "按报告所列版本重新检查并逐项比对。文件另有封签，改动或另存后即不符，缺封签即未能核验。"
    " The same footprint, versions and rules give the same digest. This file carries its report; the page /verify or"
    " `blueprint report verify FILE` checks again on the versions that it names and compares every figure. The file has a"
    " seal besides, which a change or another saving breaks; without it it is not verified."
)
DISJOINT = "互不重叠，重者优先。 Disjoint pieces, the worst control first."
NO_CONFLICT = "未发现冲突。 No conflict was found."
HIDDEN = "另有受限图层，其内容不对您公开。 Restricted layers are not listed here."
WITHHELD = (
    "本部门今日关于受限图层的答复次数已用完，是否涉及受限图层未作答；请明日再查或向有关部门查询。"
    " Today's answers on restricted layers are used up: whether one is met is not said; check again tomorrow, or ask."
)


@dataclass(frozen=True)
class Fact:
    """One thing that a report says of its site: its title, its text, and what of it is a figure, by its unit."""

    title: str
    text: str
    figures: tuple[tuple[str, float], ...] = ()


def conclusion(report: CheckReport) -> str:
    """The overall conclusion in a line."""
    words, severity = CONCLUSION_WORDS[report.verdict], SEVERITY_WORDS[report.verdict]
    return f"综合结论：{words[0]}（最重管控：{severity[0]}） Conclusion: {words[1]}; worst control: {severity[1]}"


def site_facts(report: CheckReport) -> tuple[Fact, ...]:
    """What the report says of the site and of how it was checked, in the order of a report."""
    return tuple(_site_facts(report))


def _site_facts(report: CheckReport) -> Iterable[Fact]:
    site = report.footprint
    area = site.area_m2
    yield Fact(
        "用地面积 area",
        f"{square_metres(area)} m² = {hectares(area)} 公顷 ha = {mu(area)} 亩 mu",
        areas(area),
    )
    plane = site.plane_area_m2
    yield Fact("平面面积 plane area", f"{square_metres(plane)} m²", (("m²", plane),))
    yield Fact("周长 perimeter", f"{rounded(site.perimeter_m, 2)} m", (("m", site.perimeter_m),))
    yield Fact("地块数 parts", str(site.parts))
    if report.strip is not None:
        yield from _strip_facts(report)
    if report.planned_use is not None:
        yield Fact("拟规划用途 planned use", class_title(report.planned_use))
    if report.top_m is not None:
        yield Fact(
            "最高点高程 highest point",
            f"{rounded(report.top_m, 2)} m（1985 国家高程基准 1985 datum）",
            (("m", report.top_m),),
        )
    yield Fact("检查日 as of", str(report.on))
    measure = "椭球面积 on the ellipsoid" if report.area_measure == "ellipsoid" else "平面面积 in the plane"
    yield Fact("坐标系 CRS", report.working_crs)
    yield Fact("面积口径 areas", measure)
    operation = "无 none" if report.operation == "none" else report.operation
    yield Fact("数据坐标系 source CRS", f"{report.source_crs}；转换 operation: {operation}")
    yield Fact("规则集 rule set", report.rule_set)
    if report.assumed:
        yield Fact("假定适用的版本 assumed to apply", "、".join(report.assumed))


def _strip_facts(report: CheckReport) -> Iterable[Fact]:
    strip = report.strip
    assert strip is not None
    if strip.points:
        yield Fact("点数 points", str(strip.points))
    if not strip.centre.is_empty:
        length = strip.centre.length
        yield Fact("中心线长度 centre line", f"{rounded(length, 2)} m", (("m", length),))
    yield Fact("作业带宽 working width", f"{rounded(strip.width_m, 2)} m", (("m", strip.width_m),))


def proof_facts(report: CheckReport) -> tuple[Fact, ...]:
    """What a report is verified by."""
    kept = Fact("留存检查编号 kept check", report.check_id) if report.check_id is not None else None
    digest = report.rule_set_sha256
    rules = Fact("规则文件 SHA-256 of the rule file", digest) if digest is not None else None
    engine = Fact("计算引擎 engine", ENGINE)
    found = (Fact("摘要 digest", report.digest), engine, rules, kept)
    return tuple(fact for fact in found if fact is not None)


def areas(area_m2: float) -> tuple[tuple[str, float], ...]:
    """An area in each unit that it is said in."""
    return (("m²", area_m2), ("公顷 ha", area_m2 / 10_000), ("亩 mu", area_m2 / MU_M2))


def class_title(code: str) -> str:
    """A class code with its title by the newest edition of the land-use standard, where it is one."""
    known = standards().land_use["2023"].get(code)
    return f"{code} {known.title}" if known is not None else code


def ledger_pieces(report: CheckReport) -> tuple[tuple[str, float], ...]:
    """The pieces of the ledger and, last, what they add up to, m²."""
    ledger = report.ledger
    closing = "闭合 closes" if ledger.closes else "不闭合 does not close"
    return (
        ("禁止 prohibited", ledger.prohibited_m2),
        ("限制 restricted", ledger.restricted_m2),
        ("建议 advised", ledger.advised_m2),
        ("无冲突 conflict-free", ledger.conflict_free_m2),
        (f"合计 total（{closing}）", report.footprint.area_m2),
    )


def department_name(code: str, city: City) -> str:
    """A department as reports name it."""
    found = next((d for d in city.departments if d.code == code), None)
    return _both(found.name, found.name_en) if found is not None else code


def city_name(city: City) -> str:
    """The city as reports name it."""
    return _both(city.name, city.name_en)


def _both(name: str, name_en: str | None) -> str:
    return f"{name} {name_en}" if name_en and name_en != name else name


def layer_titles(report: CheckReport) -> dict[str, str]:
    """What each layer is called, in both languages where it has both, by its code."""
    return {layer.code: _both(layer.title, layer.title_en) for layer in report.layers}


def department_of_finding(finding: Finding, report: CheckReport) -> str:
    """Who answers for a finding: whom its rule names, else the department of its layer."""
    return finding.department or next(
        layer.department for layer in report.layers if layer.code == finding.layer
    )


def severity_words(finding: Finding) -> str:
    """How a finding weighs, and that it is a sliver."""
    return " ".join(SEVERITY_WORDS[finding.severity]) + ("\n碎面 sliver" if finding.sliver else "")


def feature_name(finding: Finding) -> str:
    """The feature of a finding by its own number, else ours; a raster's by its threshold."""
    return str(finding.source_id or finding.feature_id or finding.attributes.get("threshold") or "—")


def relation_of(finding: Finding) -> str:
    """How the site lies to the feature, and how far off."""
    words = " ".join(RELATION_WORDS[finding.relation])
    if finding.relation == "within_distance":
        return f"{words} {rounded(finding.distance_m, 2)} m"
    return words


def measures_of(finding: Finding) -> str:
    """What a finding measures, one measure a line."""
    texts = []
    if finding.overlap_m2 > 0:
        area = finding.overlap_m2
        texts += [f"{square_metres(area)} m²", f"{hectares(area)} 公顷 ha", f"{mu(area)} 亩 mu"]
    if finding.length_m > 0:
        texts.append(f"长度 length {rounded(finding.length_m, 2)} m")
    if finding.crossing_m:
        texts.append(f"中心线 centre line {rounded(finding.crossing_m, 2)} m")
    if finding.point_count:
        texts.append(f"{finding.point_count} 点 pt")
    if finding.feature_share:
        texts.append(f"占图斑 feature {percent(finding.feature_share)} %")
    return "\n".join(texts)


def grounds_of(finding: Finding) -> str:
    """On what a finding rests, one ground a line: basis, rule, why it weighs so, why it is a sliver."""
    rule = f"规则 rule {finding.rule}" if finding.rule else None
    grounds = (finding.basis, rule, finding.control_reason, finding.sliver_cause)
    return "\n".join(text for text in grounds if text) or "—"


def attributes_of(finding: Finding) -> str:
    """What its feature says of itself, as its layer has it; of a raster what its pixels say."""
    said = finding.attributes
    if finding.feature_id is None and "known_share" in said:
        return raster_words(said)
    return "；".join(f"{name}: {value}" for name, value in said.items() if value not in (None, ""))


def outcome_of(layer: LayerResult) -> str:
    """What came of a layer, and what it has besides areas, one a line."""
    texts = [" ".join(OUTCOME_WORDS[layer.outcome])]
    if layer.sliver_count:
        texts.append(f"碎面 slivers {layer.sliver_count}")
    if layer.length_m:
        texts.append(f"长度 length {rounded(layer.length_m, 2)} m")
    if layer.point_count:
        texts.append(f"{layer.point_count} 点 pt")
    if layer.uncovered_m2:
        texts.append(f"无规划覆盖 not covered {square_metres(layer.uncovered_m2)} m²")
    if layer.raster is not None:
        texts.append(raster_words(layer.raster))
    return "\n".join(texts)


def raster_words(said: Mapping[str, Any]) -> str:
    """What the pixels of a raster layer say under the site."""
    unit = f" {said['unit']}" if said["unit"] else ""
    texts = []
    if said["threshold"]:
        limit = f"（超过 {percent(said['threshold_share'])} % 即为冲突 a conflict above that share）"
        texts.append(
            f"阈值 threshold {said['threshold']}：占用地 share {percent(said['met_share'])} %{limit}"
        )
    if said["minimum"] is not None:
        figures = [rounded(float(said[name]), 2) for name in ("minimum", "maximum", "mean")]
        texts.append(f"最小 min {figures[0]}、最大 max {figures[1]}、平均 mean {figures[2]}{unit}")
    for code, share in (said["classes"] or {}).items():
        texts.append(f"类 class {code}: {percent(share)} %")
    texts.append(f"有数据 with data {percent(said['known_share'])} %")
    return "；".join(texts)


def restricted_lines(report: CheckReport, city: City) -> tuple[str, ...]:
    """What the report may say of restricted layers: with whose there is a conflict and about how large, or that nothing is said."""
    lines = []
    for conflict in report.restricted_conflicts:
        size = SIZE_WORDS[conflict.size_class]
        department = department_name(conflict.department, city)
        lines.append(
            f"与{department}的受限图层有冲突，{size[0]}；请向该部门查询。"
            f" A conflict with a restricted layer, {size[1]}; ask that department."
        )
    if not report.has_answers_left:
        lines.append(WITHHELD)
    if report.has_hidden_layers:
        lines.append(HIDDEN)
    return tuple(lines)


def unsigned_line(report: CheckReport) -> str | None:
    """Which of the rules used no department has signed off."""
    if not report.unsigned_rules:
        return None
    return (
        f"本次所用规则中 {len(report.unsigned_rules)} 条尚未经责任部门签认："
        f" Of the rules used, these {len(report.unsigned_rules)} are not signed off: {', '.join(report.unsigned_rules)}"
    )
