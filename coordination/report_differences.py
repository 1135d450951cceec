"""What a report says otherwise than its check does when it is run again (逐项比对): one clause a place; pure on two reports."""

import re
import reprlib
from collections.abc import Mapping, Set
from math import isclose
from typing import Any

import orjson

from coordination.check_report import CheckReport
from coordination.report_words import DIFFERENCE_WORDS, OUTCOME_WORDS, RELATION_WORDS, SEVERITY_WORDS
from coordination.rules import Severity

_COMPARED = (
    "working_crs", "area_measure", "rule_set", "ledger", "layers", "findings", "rules", "unsigned_rules", "assumed",
)  # fmt: skip
_NOT_COMPARED = ("title", "title_en")
"""What a layer is called may change without changing what a report says."""

_NAMED_SINCE = ("rule", "department")
"""What findings did not say before a layer could have several rules."""

_OF_THE_LINE = ("width_m", "centre_line_m", "crossing_m")
"""What follows from the centre line of a strip: compared where that is known."""

_OF_THE_GIVEN = ("source_crs", "operation")
"""What a footprint was before it was the area that is checked: a report's site does not carry it."""

_SAME, _SAME_M2 = 1e-6, 1e-4
"""What figures, and areas in m², may differ by: the pieces of a ledger are joined and then measured, or measured and added up."""

_MAX_SHOWN = 100
_WORDS = (SEVERITY_WORDS, OUTCOME_WORDS, RELATION_WORDS)


def differences_from(
    document: Mapping[str, Any], now: CheckReport, told: Mapping[str, Any], *, has_conflicts: bool
) -> list[str]:
    """Where a report says otherwise than `now`; `told` are its layers that were asked, `has_conflicts` those of restricted ones."""
    again = orjson.loads(orjson.dumps(now.to_json()))
    again["findings"] = _as_then(again, document.get("findings"))
    given = dict(document) | {"layers": list(told.values())}
    found: list[str] = []
    left_out = {*_NOT_COMPARED, *(_OF_THE_LINE if now.strip is None else ())}
    severities = [again["verdict"]] + ["advise"] * has_conflicts
    verdict = min(severities, key=[str(s) for s in Severity].index)
    if document.get("verdict") != verdict:
        found.append(says("verdict", document.get("verdict"), verdict))
    for key in _COMPARED:
        _walk(given.get(key), again[key], key, found, left_out)
    site = {k: v for k, v in again["footprint"].items() if k not in {*_OF_THE_GIVEN, *left_out}}
    # What no report says is nothing that was checked: a page could be hidden in it, or a word of approval.
    unknown = [*(document.keys() - again.keys() - {"site"})]
    told_site = document.get("footprint")
    if isinstance(told_site, Mapping):
        unknown += [f"footprint.{key}" for key in told_site.keys() - again["footprint"].keys()]
    found += [says("unknown", key, None) for key in sorted(map(str, unknown))]
    for key, value in site.items():
        _walk(
            told_site.get(key) if isinstance(told_site, Mapping) else None,
            value,
            f"footprint.{key}",
            found,
            left_out,
        )
    return found


def _as_then(again: Mapping[str, Any], given: Any) -> Any:
    """The findings as a report from before they named their rule says them: neither rule nor department, the catalogue's basis."""
    findings = again["findings"]
    if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
        return findings
    if any("rule" in each for each in given):
        return findings
    bases = {layer["code"]: layer["basis"] for layer in again["layers"]}
    return [
        {key: value for key, value in finding.items() if key not in _NAMED_SINCE}
        | {"basis": bases[finding["layer"]]}
        for finding in findings
    ]


def _walk(given: Any, now: Any, place: str, found: list[str], left_out: Set[str]) -> None:
    """Note every place where two JSON values differ; figures may differ by the rounding of another machine."""
    if isinstance(now, Mapping) and isinstance(given, Mapping):
        for key in sorted((set(now) | set(given)) - left_out):
            _walk(given.get(key), now.get(key), f"{place}.{key}", found, left_out)
    elif isinstance(now, list) and isinstance(given, list):
        if len(now) != len(given):
            found.append(says(place, f"{len(given)} 项", f"{len(now)} 项"))
            return
        for number, (one, other) in enumerate(zip(given, now, strict=True), start=1):
            _walk(one, other, f"{place} {_name_of(other, number)}", found, left_out)
    elif isinstance(now, float | int) and isinstance(given, float | int) and not isinstance(now, bool):
        if not isclose(given, now, rel_tol=1e-9, abs_tol=_SAME_M2 if place.endswith("_m2") else _SAME):
            found.append(says(place, given, now))
    elif given != now:
        found.append(says(place, given, now))


def _name_of(entry: Any, number: int) -> str:
    """What an entry of a list is known by: a layer by its code, a finding by layer and feature; else its place."""
    if not isinstance(entry, Mapping):
        return str(number)
    feature = entry.get("source_id") or entry.get("feature_id")
    parts = [part for part in (entry.get("code") or entry.get("layer"), feature) if part]
    return " ".join(str(part) for part in parts) or str(number)


def says(place: str, told: Any, now: Any) -> str:
    """One difference, for people: where, what the report says, what its versions and rules give."""
    name = DIFFERENCE_WORDS[re.split(r"[. ]", place, maxsplit=1)[0]]
    return (
        f"{name}（{place}）：报告为{_in_chinese(told)}，复算为{_in_chinese(now)}"
        f" · the report says {_short(told)}, checked again it is {_short(now)}"
    )


def _in_chinese(value: Any) -> str:
    """A value as a Chinese sentence says it: a verdict, an outcome and a relation have their words."""
    words = next((known[value] for known in _WORDS if isinstance(value, str) and value in known), None)
    return f"“{words[0]}”" if words is not None else f" {_short(value)}"


def _short(value: Any) -> str:
    """A value as a sentence can hold it: one that was changed may be nested without end."""
    text = "—" if value is None else value if isinstance(value, str) else reprlib.repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"
