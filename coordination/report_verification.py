"""Verifying a report (报告核验): the check is run again on the versions that the report names, and must say the same."""

import re
import reprlib
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from datetime import date
from math import isclose
from typing import Any

import orjson
import shapely
from shapely.errors import ShapelyError
from sqlalchemy.orm import Session

from blueprint.accounts.sealing import Sealer
from blueprint.city import City
from blueprint.errors import InvalidInputError, NotFoundError
from blueprint.footprint import MAX_VERTICES, Footprint, placed_site
from blueprint.layers.catalogue import find_readable
from blueprint.layers.drafts import readable_version
from blueprint.layers.models import LayerVersion
from blueprint.overlay import ENGINE
from blueprint.permissions import Act, Actor, may, require
from blueprint.snapshot import LayerOnDay, Snapshot, layers_on, with_version
from blueprint.strip import Strip
from coordination.check_digest import digest_of
from coordination.check_report import CheckReport
from coordination.checks import run_check
from coordination.kept_checks import find_check
from coordination.kept_footprints import kept_footprint
from coordination.kept_rules import kept_rule_set
from coordination.masking import RestrictedConflict, SizeClass
from coordination.report_reading import ReportFile
from coordination.report_words import DIFFERENCE_WORDS
from coordination.rule_sets import RuleSet
from coordination.rules import Severity
from coordination.told_report import refuse_another_shape
from coordination.what_if import Assumed, as_supposed

_ASKED = ("conflict", "clear", "outside_coverage")
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

_MAX_TOLD, _MAX_SHOWN = 20, 100

_SAME_WORDS = {
    True: "一致：按报告所列版本与规则重新检查，摘要与各项数值相同 same: checked again on its versions and rules, digest and every figure are those of the report",
    None: "一致：文件所带的报告按其版本与规则重新检查，摘要与各项数值相同；这种文件没有封签，版面上的文字未核验 same: the report that the file carries,"
    " checked again on its versions and rules, has its digest and every figure; such a file has no seal, so what it"
    " shows was not verified",
}


@dataclass(frozen=True)
class Verification:
    """What came of it: the digest that the report says and the one now, and in one clause each where it says something else than the check now does.

    `is_same_engine`: the check is done as it was when the report was made. `is_as_written`: what its file shows besides is
    what this service wrote, by its seal; None where a file has no seal to tell by.
    """

    told_digest: str | None
    digest: str
    is_same_engine: bool
    differences: tuple[str, ...]
    is_as_written: bool | None = None
    is_shown: bool = False

    @property
    def holds(self) -> bool:
        """Whether the report says what its versions and rules give, in a file that was not changed since."""
        return not self.differences and self.is_as_written is not False

    @property
    def conclusion(self) -> str:
        """What that means, in a sentence."""
        if self.holds:
            return _SAME_WORDS[self.is_as_written if self.is_shown else True]
        if not self.differences:
            return (
                "不一致：文件所带的报告复算相同，但文件的封签不符：出具后被改动或另存过，或不是本系统所出；文件上看到的文字不可采信"
                " differs: the report that the file carries holds, and the file's seal does not: it was changed or saved"
                " again since, or is not of this service; what it shows is not to be relied on"
            )
        if not self.is_same_engine:
            return "不一致：计算引擎已更新，数值可能因此不同 differs: the engine is another one since, which may give other figures"
        if self.told_digest == self.digest:
            return "不一致：摘要正确而内容不同，报告的内容被改动过 differs: the digest is right and the content is not, so the report was altered"
        return (
            "不一致：用地红线、图层版本、规则或摘要不是出具报告时的，或被改动过 differs: footprint, layer versions,"
            " rules or digest are not those the report was made with, or were altered"
        )


def with_site(report: CheckReport, footprint: Footprint) -> dict[str, Any]:
    """The report as JSON together with its site in the working CRS, so that it can be verified by itself."""
    site: dict[str, Any] = {"crs": report.working_crs, "wkb": _hex(footprint.geometry)}
    if footprint.strip is not None:
        site["strip"] = {
            "width_m": footprint.strip.width_m,
            "points": footprint.strip.points,
            "centre": _hex(footprint.strip.centre),
        }
    return report.to_json() | {"site": site}


def _hex(shape: shapely.Geometry) -> str:
    return str(shapely.to_wkb(shape, hex=True, byte_order=1))


def verify_report(
    session: Session,
    document: Mapping[str, Any],
    *,
    city: City,
    actor: Actor,
    footprint: Footprint | None = None,
) -> Verification:
    """Run the check of a report again, on the layer versions it names, and compare digest and every figure.

    The site is the report's own, that of its kept check, or the one given. Rules are today's: a rule that changed
    since is a difference, unless those of then are kept. Raises InvalidInputError where the document is no report.
    """
    require(actor, Act.CHECK_FOOTPRINT)
    refuse_another_shape(document)
    told = {layer["code"]: layer for layer in document["layers"] if layer["outcome"] in _ASKED}
    top_m = document.get("top_m")
    site = replace(
        _site(session, document, actor, footprint, city),
        planned_use=document.get("planned_use"),
        top_m=float(top_m) if top_m is not None else None,
    )
    snapshot, supposed = _snapshot(session, document, told, actor)
    city, rule_set = _rules_of(session, document, city)
    now = run_check(
        session, site, city=city, actor=actor, on=snapshot.day, snapshot=snapshot, rule_set=rule_set
    )
    now = as_supposed(now, supposed)
    conflicts = _conflicts(document)
    digest = digest_of(site, snapshot.layers, city, conflicts, on=snapshot.day, rule_set=rule_set)
    is_same_engine, told_digest = document.get("engine") == ENGINE, document.get("digest")
    found = []
    if not is_same_engine:
        found.append(_says("engine", document.get("engine"), ENGINE))
    if told_digest != digest:
        found.append(_says("digest", told_digest, digest))
    found += _compare(document, now, told, has_conflicts=bool(conflicts))
    more = len(found) - _MAX_TOLD
    if more > 0:
        found = [*found[:_MAX_TOLD], f"另有 {more} 处不同 and {more} more"]
    return Verification(
        told_digest if isinstance(told_digest, str) else None, digest, is_same_engine, tuple(found)
    )


def verify_file(
    session: Session,
    file: ReportFile,
    *,
    city: City,
    actor: Actor,
    sealer: Sealer,
    footprint: Footprint | None = None,
) -> Verification:
    """Verify the report that a file carries, and by the file's seal whether it shows what was written into it."""
    found = verify_report(session, file.document, city=city, actor=actor, footprint=footprint)
    is_as_written = file.seal.holds(sealer) if file.seal is not None else None
    return replace(found, is_as_written=is_as_written, is_shown=file.is_shown)


def _rules_of(session: Session, document: Mapping[str, Any], city: City) -> tuple[City, RuleSet | None]:
    """The rules that the report names by their SHA-256, where they are kept; else today's, and a change of them shows."""
    if "rule_set_sha256" not in document:
        return city, None
    sha256 = document["rule_set_sha256"]
    if sha256 is None:
        return replace(city, rules_path=None), None
    return city, kept_rule_set(session, sha256)


def _site(
    session: Session, document: Mapping[str, Any], actor: Actor, footprint: Footprint | None, city: City
) -> Footprint:
    if footprint is not None:
        return footprint
    if (given := document.get("site")) is not None:
        try:
            shape = shapely.from_wkb(given["wkb"])
        except ShapelyError as error:
            raise InvalidInputError("the report's `site` is no shape; it was changed") from error
        return placed_site(shape, city=city, strip=_strip(given))
    if document.get("check_id") is not None:
        check = find_check(session, int(document["check_id"]), actor=actor)
        return kept_footprint(check, source_crs="", operation="")
    raise InvalidInputError("the report does not carry its site; give the footprint's file with --footprint")


def _strip(site: Mapping[str, Any]) -> Strip | None:
    """How the site came of lines and points; reports from before that was kept do not say."""
    told = site.get("strip")
    if told is None:
        return None
    try:
        lines = shapely.force_2d(shapely.get_parts(shapely.from_wkb(told["centre"])))
        if shapely.get_num_coordinates(lines).sum() > MAX_VERTICES or not shapely.is_valid(lines).all():
            raise ValueError("too long, or a coordinate that is no number")
        return Strip(float(told["width_m"]), shapely.MultiLineString(list(lines)), told["points"])
    except (ShapelyError, TypeError, ValueError, NotImplementedError) as error:
        raise InvalidInputError(
            "the report's `site.strip` is no line with a width; it was changed"
        ) from error


def _snapshot(
    session: Session, document: Mapping[str, Any], told: Mapping[str, Mapping[str, Any]], actor: Actor
) -> tuple[Snapshot, tuple[Assumed, ...]]:
    """The blueprint as the report says it was asked, each layer in the version that it names; and those not in force that day."""
    try:
        day = date.fromisoformat(document["on"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInputError("the report's `on` is no day; it was changed") from error
    # A layer that is not for this reader is as one that is not there: its versions would show in the digest.
    layers = tuple(
        layer
        for layer in layers_on(session, day, also_retired=True)
        if layer.code in told and may(actor, Act.READ_LAYER, layer.thing)
    )
    missing = set(told) - {layer.code for layer in layers}
    if missing:
        raise NotFoundError(
            "the layers {missing} of the report are not in this catalogue, or you may not read them",
            missing=sorted(missing),
        )
    layers, never = in_versions(
        session, layers, {code: layer.get("version") for code, layer in told.items()}, day, actor
    )
    supposed = [Assumed(version.layer.code, version.number) for version in never]
    given = document.get("assumed")
    order = {name: place for place, name in enumerate(given)} if isinstance(given, list) else {}
    return Snapshot(day=day, layers=layers), tuple(
        sorted(supposed, key=lambda each: order.get(str(each), len(order)))
    )


def in_versions(
    session: Session,
    layers: tuple[LayerOnDay, ...],
    numbers: Mapping[str, Any],
    day: date,
    actor: Actor,
) -> tuple[tuple[LayerOnDay, ...], list[LayerVersion]]:
    """The layers in the versions of these numbers, by code, and those of the versions that were not in force on the day."""
    never = []
    for layer in layers:
        number = numbers.get(layer.code, layer.version)
        if layer.version != number:
            found = find_readable(session, layer.code, actor)
            version = readable_version(session, found, number if isinstance(number, int) else 0, actor)
            layers = with_version(layers, version, starts_on=day)
            if not _was_in_force(version, day):
                never.append(version)
    return layers, never


def snapshot_told(session: Session, document: Mapping[str, Any], *, actor: Actor) -> Snapshot:
    """The blueprint of a report's day as the report found it, layers without a version among them; what came that day later is left out."""
    day = date.fromisoformat(document["on"])
    told = {layer["code"]: layer for layer in document["layers"]}
    asked = {code: layer["version"] for code, layer in told.items() if layer["outcome"] in _ASKED}
    layers = tuple(
        layer._replace(version_id=None, version=None)
        if layer.code in told and told[layer.code]["outcome"] == "no_data"
        else layer
        for layer in layers_on(session, day, also_retired=True)
        if layer.code in told
        or not may(actor, Act.READ_LAYER, layer.thing)  # of these conflicts alone are told
    )
    return Snapshot(day, in_versions(session, layers, asked, day, actor)[0])


def _was_in_force(version: LayerVersion, day: date) -> bool:
    """Whether it was in force at some hour of the day: one that another replaced that very day ends with it."""
    return any(p.starts_on <= day and (p.ends_on is None or day <= p.ends_on) for p in version.periods)


def _conflicts(document: Mapping[str, Any]) -> tuple[RestrictedConflict, ...]:
    """What the report tells of restricted layers: said to its reader alone, so it is taken into the digest as it stands."""
    try:
        told = document["restricted"]["conflicts"]
        return tuple(RestrictedConflict(c["department"], SizeClass(c["size_class"])) for c in told)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInputError("the report's `restricted` is not as it was written") from error


def _compare(
    document: Mapping[str, Any], now: CheckReport, told: Mapping[str, Any], *, has_conflicts: bool
) -> list[str]:
    again = orjson.loads(orjson.dumps(now.to_json()))
    again["findings"] = _as_then(again, document.get("findings"))
    given = dict(document) | {"layers": list(told.values())}
    found: list[str] = []
    left_out = {*_NOT_COMPARED, *(_OF_THE_LINE if now.strip is None else ())}
    severities = [again["verdict"]] + ["advise"] * has_conflicts
    verdict = min(severities, key=[str(s) for s in Severity].index)
    if document.get("verdict") != verdict:
        found.append(_says("verdict", document.get("verdict"), verdict))
    for key in _COMPARED:
        _walk(given.get(key), again[key], key, found, left_out)
    site = {k: v for k, v in again["footprint"].items() if k not in {*_OF_THE_GIVEN, *left_out}}
    told_site = document.get("footprint")
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
            found.append(_says(place, f"{len(given)} 项", f"{len(now)} 项"))
            return
        for number, (one, other) in enumerate(zip(given, now, strict=True), start=1):
            _walk(one, other, f"{place} {_name_of(other, number)}", found, left_out)
    elif isinstance(now, float | int) and isinstance(given, float | int) and not isinstance(now, bool):
        if not isclose(given, now, rel_tol=1e-9, abs_tol=_SAME_M2 if place.endswith("_m2") else _SAME):
            found.append(_says(place, given, now))
    elif given != now:
        found.append(_says(place, given, now))


def _name_of(entry: Any, number: int) -> str:
    """What an entry of a list is known by: a layer by its code, a finding by layer and feature; else its place."""
    if not isinstance(entry, Mapping):
        return str(number)
    feature = entry.get("source_id") or entry.get("feature_id")
    parts = [part for part in (entry.get("code") or entry.get("layer"), feature) if part]
    return " ".join(str(part) for part in parts) or str(number)


def _says(place: str, told: Any, now: Any) -> str:
    """One difference, for people: where, what the report says, what its versions and rules give."""
    name = DIFFERENCE_WORDS[re.split(r"[. ]", place, maxsplit=1)[0]]
    return (
        f"{place}（{name}）：报告为 {_short(told)}，复算为 {_short(now)}"
        f" · the report says {_short(told)}, checked again it is {_short(now)}"
    )


def _short(value: Any) -> str:
    """A value as a sentence can hold it: one that was changed may be nested without end."""
    text = "—" if value is None else value if isinstance(value, str) else reprlib.repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"
