"""The difference of two checks (两次检查对比): which findings are new, gone, grown or weigh otherwise, and why; pure on two reports."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import add
from typing import Any

from coordination.rules import Severity

NOISE = 0.01
"""Areas (m²) and lengths (m) that differ by less are the same."""

_RULE = ("control", "basis")
_RULE_SET = ("rule_set", "rule_set_sha256")
_PARTICULARS = ("planned_use", "top_m")
_ORDER = list(Severity)


class Change(StrEnum):
    """What became of a finding."""

    NEW = "new"
    GONE = "gone"
    GROWN = "grown"
    SHRUNK = "shrunk"
    WEIGHS_OTHERWISE = "weighs_otherwise"


class Cause(StrEnum):
    """Why two checks differ: another footprint, other particulars (planned use, height), another version of a layer, another rule,
    another engine, other rights, or a layer that could not be asked, past its term or its file unreadable.
    """

    FOOTPRINT = "footprint"
    PARTICULARS = "particulars"
    LAYER_VERSION = "layer_version"
    RULE = "rule"
    ENGINE = "engine"
    RIGHTS = "rights"
    NOT_ASKED = "not_asked"


_UNASKED = ("expired", "failed")
"""Outcomes of a layer that has a version and says nothing."""

_SILENT = (("not_permitted",), _UNASKED)


@dataclass(frozen=True)
class Measure:
    """What a feature weighs in one check: worst severity, area (m²), length (m), points."""

    severity: Severity
    overlap_m2: float
    length_m: float
    point_count: int


@dataclass(frozen=True)
class FindingChange:
    """A feature (by source id) that the two checks see otherwise, with every cause that can have made it."""

    layer: str
    feature: str
    change: Change
    before: Measure | None
    after: Measure | None
    causes: tuple[Cause, ...]


@dataclass(frozen=True)
class LayerChange:
    """A layer that was in another version, or had another rule; None where it was not asked."""

    layer: str
    version_before: int | None
    version_after: int | None
    control_before: str | None
    control_after: str | None


@dataclass(frozen=True)
class CheckDifference:
    """All in which two checks differ; without any change they say the same. `titles`: what the layers that differ are called, by code."""

    verdict_before: Severity
    verdict_after: Severity
    footprint_changed: bool
    area_change_m2: float
    rule_set_before: str
    rule_set_after: str
    layers: tuple[LayerChange, ...]
    findings: tuple[FindingChange, ...]
    causes: tuple[Cause, ...]
    titles: Mapping[str, str]


def compare_checks(
    before: Mapping[str, Any], after: Mapping[str, Any], *, same_footprint: bool | None = None
) -> CheckDifference:
    """Compare two reports, as JSON has them; `same_footprint` where both shapes are known, else their figures decide."""
    if same_footprint is None:
        same_footprint = _same_site(before, after)
    layers = {code: _layer_change(code, before, after) for code in sorted(_codes(before) | _codes(after))}
    changed = {code: change for code, change in layers.items() if change is not None}
    everywhere = []
    if not same_footprint:
        everywhere.append(Cause.FOOTPRINT)
    if before.get("engine") != after.get("engine"):
        everywhere.append(Cause.ENGINE)
    if any(before.get(name) != after.get(name) for name in _PARTICULARS):
        everywhere.append(Cause.PARTICULARS)
    if any(before.get(name) != after.get(name) for name in _RULE_SET):
        everywhere.append(Cause.RULE)
    # What a class, a height or a threshold made of a layer goes by the site; that it weighs otherwise is no other rule.
    is_other_site = bool({Cause.FOOTPRINT, Cause.PARTICULARS} & set(everywhere))
    ruled = {rule["layer"] for report in (before, after) for rule in report.get("rules") or ()}
    ours, theirs = _measures(before), _measures(after)
    of_layers = {
        code: tuple(_causes_of(code, before, after, is_other_site=is_other_site, is_ruled=code in ruled))
        for code in layers
    }
    findings = []
    for key in sorted(set(ours) | set(theirs)):
        change = _change(ours.get(key), theirs.get(key))
        if change is not None:
            # Where nothing else is another, the rules of another day are, or what the catalogue says of the layer.
            causes = _each_once((*everywhere, *of_layers[key[0]])) or (Cause.RULE,)
            findings.append(FindingChange(*key, change, ours.get(key), theirs.get(key), causes))
    causes = (
        *everywhere,
        *(cause for found in of_layers.values() for cause in found),
        *(cause for finding in findings for cause in finding.causes),
    )
    titles = {
        layer["code"]: str(layer.get("title") or layer["code"])
        for report in (before, after)
        for layer in report["layers"]
    }
    named = {*changed, *(finding.layer for finding in findings)}
    return CheckDifference(
        verdict_before=Severity(before["verdict"]),
        verdict_after=Severity(after["verdict"]),
        footprint_changed=not same_footprint,
        area_change_m2=after["footprint"]["area_m2"] - before["footprint"]["area_m2"],
        rule_set_before=before["rule_set"],
        rule_set_after=after["rule_set"],
        layers=tuple(changed.values()),
        findings=tuple(findings),
        causes=_each_once(causes),
        titles={code: title for code, title in titles.items() if code in named},
    )


def _each_once(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    found = set(causes)
    return tuple(cause for cause in Cause if cause in found)


def _same_site(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    one, other = before.get("site"), after.get("site")
    if one is not None and other is not None:
        return bool(one == other)
    figures = ("area_m2", "plane_area_m2", "perimeter_m", "parts")
    return all(before["footprint"][name] == after["footprint"][name] for name in figures)


def _codes(report: Mapping[str, Any]) -> set[str]:
    return {layer["code"] for layer in report["layers"]}


def _layer(code: str, report: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((layer for layer in report["layers"] if layer["code"] == code), None)


def _layer_change(code: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> LayerChange | None:
    one, other = _layer(code, before), _layer(code, after)
    change = LayerChange(
        layer=code,
        version_before=one["version"] if one is not None else None,
        version_after=other["version"] if other is not None else None,
        control_before=one["control"] if one is not None else None,
        control_after=other["control"] if other is not None else None,
    )
    if one is not None and other is not None:
        is_same = one["version"] == other["version"] and all(one[name] == other[name] for name in _RULE)
        if is_same and all((one["outcome"] in said) == (other["outcome"] in said) for said in _SILENT):
            return None
    return change


def _causes_of(
    code: str, before: Mapping[str, Any], after: Mapping[str, Any], *, is_other_site: bool, is_ruled: bool
) -> Iterable[Cause]:
    """Why a layer may say otherwise in one check than in the other, the footprint apart."""
    one, other = _layer(code, before), _layer(code, after)
    if one is None or other is None:
        # Restricted layers are not even named to others: then it is not known whether it was there.
        lacking = before if one is None else after
        is_hidden = (lacking.get("restricted") or {}).get("hidden", False)
        yield from (Cause.LAYER_VERSION, Cause.RIGHTS) if is_hidden else (Cause.LAYER_VERSION,)
        return
    if (one["outcome"] == "not_permitted") != (other["outcome"] == "not_permitted"):
        yield Cause.RIGHTS
        return
    is_other_version = one["version"] != other["version"]
    if is_other_version:
        yield Cause.LAYER_VERSION
    if (one["outcome"] in _UNASKED) != (other["outcome"] in _UNASKED):
        yield Cause.NOT_ASKED
    elif one["control"] != other["control"]:
        # A layer's control is the worst of what is met of it, where its rules go by features.
        if not (is_ruled and (is_other_site or is_other_version)):
            yield Cause.RULE
    elif one["basis"] != other["basis"] and not is_other_version:
        yield Cause.RULE


def _measures(report: Mapping[str, Any]) -> dict[tuple[str, str], Measure]:
    """The findings by layer and feature; several pieces of one source id count together.

    What several rules find of one piece lies in one another, as zones of several widths do: the most counts.
    """
    by_rule: dict[tuple[str, str, int | None, str | None], Measure] = {}
    for finding in report["findings"]:
        feature = str(finding["source_id"] or finding["feature_id"] or "")
        measure = Measure(
            Severity(finding["severity"]), finding["overlap_m2"], finding["length_m"], finding["point_count"]
        )
        of_rule = (finding["layer"], feature, finding["feature_id"], finding.get("rule"))
        by_rule[of_rule] = _both(by_rule.get(of_rule), measure, add)
    by_piece: dict[tuple[str, str, int | None], Measure] = {}
    for (layer, feature, piece, _), measure in by_rule.items():
        of_piece = (layer, feature, piece)
        by_piece[of_piece] = _both(by_piece.get(of_piece), measure, max)
    found: dict[tuple[str, str], Measure] = {}
    for (layer, feature, _), measure in by_piece.items():
        found[layer, feature] = _both(found.get((layer, feature)), measure, add)
    return found


def _both(known: Measure | None, measure: Measure, both: Callable[[Any, Any], Any]) -> Measure:
    """Two measures as one: the worst severity, and of each figure the sum or the maximum."""
    if known is None:
        return measure
    return Measure(
        min(known.severity, measure.severity, key=_ORDER.index),
        both(known.overlap_m2, measure.overlap_m2),
        both(known.length_m, measure.length_m),
        both(known.point_count, measure.point_count),
    )


def _change(before: Measure | None, after: Measure | None) -> Change | None:
    if before is None:
        return Change.NEW
    if after is None:
        return Change.GONE
    steps = (
        after.overlap_m2 - before.overlap_m2,
        after.length_m - before.length_m,
        float(after.point_count - before.point_count),
    )
    if any(step > NOISE for step in steps):
        return Change.GROWN
    if any(step < -NOISE for step in steps):
        return Change.SHRUNK
    return Change.WEIGHS_OTHERWISE if before.severity is not after.severity else None
