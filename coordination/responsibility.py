"""Which departments a check concerns, what each is told, and what its draft proposes: pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from blueprint.city import City
from coordination.models import OpinionKind

_ASKING = ("prohibit", "restrict", "advise")
"""Severities that make a department responsible; what only informs, a sliver among it, asks nobody."""


@dataclass(frozen=True)
class Concern:
    """A finding as its department is told of it: areas in m², lengths and distances in metres."""

    layer: str
    title: str
    feature: str
    severity: str
    relation: str
    overlap_m2: float
    length_m: float
    point_count: int
    basis: str | None

    def to_json(self) -> dict[str, Any]:
        """The concern as plain JSON values."""
        return asdict(self)


def concerns_by_department(report: Mapping[str, Any]) -> dict[str, tuple[Concern, ...]]:
    """The findings of a kept report that ask for an opinion, by the department that its rule names, or that owns the layer.

    The layer's version is left out: a new version that says the same of the footprint changes nothing.
    """
    layers = {layer["code"]: layer for layer in report["layers"]}
    concerns: dict[str, list[Concern]] = {}
    for finding in report["findings"]:
        if finding["sliver"] or finding["severity"] not in _ASKING:
            continue
        layer = layers[finding["layer"]]
        concerns.setdefault(department_of(finding, layer), []).append(concern_of(finding, layer))
    return {department: tuple(sorted(found, key=_order)) for department, found in concerns.items()}


def department_of(finding: Mapping[str, Any], layer: Mapping[str, Any]) -> str:
    """Who answers for a finding of a kept report: whom its rule names, else the department of its layer."""
    return str(finding.get("department") or layer["department"])


def concern_of(finding: Mapping[str, Any], layer: Mapping[str, Any]) -> Concern:
    """A finding of a kept report, of that layer, as its department is told of it."""
    return Concern(
        layer=finding["layer"],
        title=layer["title"],
        feature=feature_name(finding.get("source_id"), finding.get("feature_id")),
        severity=finding["severity"],
        relation=finding["relation"],
        overlap_m2=round(finding["overlap_m2"], 2),
        length_m=round(finding["length_m"], 2),
        point_count=finding["point_count"],
        basis=finding.get("basis"),
    )


def feature_name(source_id: str | None, feature_id: int | None) -> str:
    """A feature as a request names it: by its own number where it has one."""
    return str(source_id if source_id is not None else feature_id if feature_id is not None else "")


def _order(concern: Concern) -> tuple[int, str, str, float]:
    return (_ASKING.index(concern.severity), concern.layer, concern.feature, -concern.overlap_m2)


class Why(StrEnum):
    """Why a department is asked: 涉及其图层, 必征部门, 该类项目必征, 增加, 内容变化, 曾不同意."""

    TOUCHED = "touched"
    ALWAYS_ASKED = "always_asked"
    PROJECT_TYPE = "project_type"
    ADDED = "added"
    CHANGED = "changed"
    DISAGREED = "disagreed"


def responsible_departments(
    concerned: Iterable[str], city: City, project_type: str | None = None
) -> dict[str, Why]:
    """The departments to ask and why: the owners of what was found, those of the project's type, those always asked."""
    of_type = next((t.always_asked for t in city.project_types if t.code == project_type), ())
    asked = {department.code: Why.ALWAYS_ASKED for department in city.departments if department.always_asked}
    asked |= dict.fromkeys(of_type, Why.PROJECT_TYPE)
    asked |= dict.fromkeys(concerned, Why.TOUCHED)
    return dict(sorted(asked.items()))


def must_be_asked(concerns: Sequence[Concern]) -> bool:
    """Say whether a department may not be left out: something of its layers prohibits or restricts."""
    return any(concern.severity in ("prohibit", "restrict") for concern in concerns)


def layers_unread(report: Mapping[str, Any]) -> tuple[str, ...]:
    """The titles of layers of a kept report whose file could not be read."""
    return tuple(layer["title"] for layer in report["layers"] if layer["outcome"] == "failed")


def layers_not_seen(report: Mapping[str, Any]) -> tuple[str, ...]:
    """The titles of layers that whoever made the check may not read, or whose file could not be read: it is no ground for a consultation."""
    titles = [layer["title"] for layer in report["layers"] if layer["outcome"] == "not_permitted"]
    return (
        *titles,
        *layers_unread(report),
        *(["受限图层 restricted layers"] if report.get("restricted", {}).get("hidden") else []),
    )


def prohibitions_expired(report: Mapping[str, Any]) -> tuple[str, ...]:
    """The titles of layers that prohibit and whose version was no longer stood by on the day of the check."""
    return tuple(
        layer["title"]
        for layer in report["layers"]
        if layer["outcome"] == "expired" and layer["control"] == "prohibit"
    )


@dataclass(frozen=True)
class ProposedOpinion:
    """What a draft proposes (初判): the kind of opinion, and its reason or condition in words; the department decides."""

    kind: OpinionKind
    words: str | None = None


def proposed_opinion(severities: Sequence[str]) -> ProposedOpinion:
    """What the draft proposes for findings of these severities: the worst of them decides."""
    if "prohibit" in severities:
        words = "用地范围位于禁止建设的范围内，请调整用地范围后重新征求意见。"
        return ProposedOpinion(OpinionKind.DISAGREE, words)
    if "restrict" in severities:
        words = "依法办理上述管控内容的许可或评估手续，并落实其保护要求。"
        return ProposedOpinion(OpinionKind.AGREE_WITH_CONDITIONS, words)
    return ProposedOpinion(OpinionKind.AGREE if severities else OpinionKind.NO_OBJECTION)
