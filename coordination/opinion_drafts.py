"""Drafts of opinions (意见草稿): written from a department's own findings and what the rules say of them; the department decides. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from coordination.check_report import CheckReport
from coordination.figures import rounded, square_metres
from coordination.models import OpinionKind
from coordination.report_words import RELATION_WORDS, SEVERITY_WORDS
from coordination.responsibility import Concern, concerns_by_department, proposed_opinion

_MAX_LINES = 20


def drafts_of(report: CheckReport, project_name: str) -> list[tuple[str, str, str]]:
    """For every department that a report concerns: its code, its draft and the same in English."""
    document = report.to_json()
    titles = {layer.code: layer.title_en or layer.title for layer in report.layers}
    return [
        (
            department,
            draft_opinion(project_name or "本项目", found, document["rules"]),
            draft_opinion_en(project_name or "this project", found, document["rules"], titles=titles),
        )
        for department, found in sorted(concerns_by_department(document).items())
    ]


def draft_opinion(
    project_name: str, concerns: Sequence[Concern], rules: Sequence[Mapping[str, Any]] = ()
) -> str:
    """A draft of the opinion, written from the department's own findings and what the rules say of its layers; it decides.

    `rules` are those of the report: their words of the finding and what the applicant can do.
    """
    if not concerns:
        return f"经核对，“{project_name}”用地范围与我部门图层无冲突，无意见。"
    lines = [f"经核对，“{project_name}”用地范围涉及我部门下列管控内容：", ""]
    told = [f"{number}. {_line(concern)}" for number, concern in enumerate(concerns[:_MAX_LINES], start=1)]
    if len(concerns) > _MAX_LINES:
        told.append(f"……其余 {len(concerns) - _MAX_LINES} 处见检测报告")
    lines += [*(f"{line}；" for line in told[:-1]), f"{told[-1]}。"]
    if of_layers := _of_their_layers(rules, concerns):
        lines += ["", "按管控规则："]
        lines += [
            f"（{number}）{rule['title']}：{rule['finding']}措施：{rule['remedy']}（依据{'；'.join(rule['basis'])}）"
            for number, rule in enumerate(of_layers, start=1)
        ]
    return "\n".join([*lines, "", _proposal(concerns)])


def _of_their_layers(
    rules: Sequence[Mapping[str, Any]], concerns: Sequence[Concern]
) -> list[Mapping[str, Any]]:
    layers = {concern.layer for concern in concerns}
    return [rule for rule in rules if rule["layer"] in layers]


def _line(concern: Concern) -> str:
    measures, relation = [], RELATION_WORDS[concern.relation][0]
    if concern.overlap_m2:
        measures.append(f"{relation} {square_metres(concern.overlap_m2)} 平方米")
    if concern.length_m:
        measures.append(f"涉及长度 {rounded(concern.length_m, 2)} 米")
    if concern.point_count:
        measures.append(f"涉及点位 {concern.point_count} 处")
    feature = f"（图斑 {concern.feature}）" if concern.feature else ""
    basis = f"，依据{concern.basis}" if concern.basis else ""
    return f"{concern.title}{feature}：{SEVERITY_WORDS[concern.severity][0]}，{'，'.join(measures) or relation}{basis}"


def _proposal(concerns: Sequence[Concern]) -> str:
    proposed = proposed_opinion([concern.severity for concern in concerns])
    if proposed.kind is OpinionKind.DISAGREE:
        return f"建议意见：不同意。理由：{proposed.words}"
    if proposed.kind is OpinionKind.AGREE_WITH_CONDITIONS:
        return f"建议意见：有条件同意。条件：{proposed.words}"
    return "建议意见：同意，并请在设计中落实上述要求。"


def draft_opinion_en(
    project_name: str,
    concerns: Sequence[Concern],
    rules: Sequence[Mapping[str, Any]] = (),
    *,
    titles: Mapping[str, str],
) -> str:
    """The same draft in English; `titles` are those of the layers, by code. What is signed is the Chinese one."""
    if not concerns:
        return f"The site of “{project_name}” meets none of our layers; no objection."
    lines = [f"The site of “{project_name}” meets these controls of our department:"]
    lines += [
        f"{number}. {_line_en(concern, titles)}"
        for number, concern in enumerate(concerns[:_MAX_LINES], start=1)
    ]
    if len(concerns) > _MAX_LINES:
        lines.append(f"… {len(concerns) - _MAX_LINES} more are in the report.")
    if of_layers := _of_their_layers(rules, concerns):
        lines.append("By the rules:")
        lines += [
            f"({number}) {rule['title_en']}: {rule['finding_en']} To do: {rule['remedy_en']}"
            for number, rule in enumerate(of_layers, start=1)
        ]
    return "\n".join([*lines, _proposal_en(concerns)])


def _line_en(concern: Concern, titles: Mapping[str, str]) -> str:
    relation = RELATION_WORDS[concern.relation][1]
    measures = [relation]
    if concern.overlap_m2:
        measures.append(f"{square_metres(concern.overlap_m2)} m²")
    if concern.length_m:
        measures.append(f"{rounded(concern.length_m, 2)} m long")
    if concern.point_count:
        measures.append(f"{concern.point_count} points")
    feature = f" (feature {concern.feature})" if concern.feature else ""
    basis = f"; basis: {concern.basis}" if concern.basis else ""
    control = SEVERITY_WORDS[concern.severity][1]
    return f"{titles.get(concern.layer, concern.title)}{feature}: {control}, {', '.join(measures)}{basis}"


def _proposal_en(concerns: Sequence[Concern]) -> str:
    return {
        OpinionKind.DISAGREE: "Proposed: disagree. The site lies where building is prohibited; change it and ask again.",
        OpinionKind.AGREE_WITH_CONDITIONS: "Proposed: agree on conditions. Get the permits or assessments that these controls"
        " ask for and meet what they protect.",
    }.get(
        proposed_opinion([concern.severity for concern in concerns]).kind,
        "Proposed: agree; let the design meet what is said above.",
    )
