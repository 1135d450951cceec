"""Verifying a report (报告核验): the check is run again on the versions that the report names, and must say the same."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

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
from coordination.models import Check
from coordination.report_differences import differences_from, says
from coordination.report_reading import ReportFile, reports_of
from coordination.rule_sets import RuleSet
from coordination.told_report import refuse_another_shape
from coordination.verification_outcome import Verification, together
from coordination.what_if import Assumed, as_supposed

_ASKED = ("conflict", "clear", "outside_coverage")
_MAX_TOLD = 20


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
    kept: Check | None = None,
) -> Verification:
    """Run the check of a report again, on the layer versions it names, and compare digest and every figure.

    The site is the report's own, that of its `kept` check, or the one given. Rules are today's: a rule that changed
    since is a difference, unless those of then are kept. Raises InvalidInputError where the document is no report.
    """
    again = _checked_again(session, document, city=city, actor=actor, footprint=footprint, kept=kept)
    site, snapshot, now, rule_set = again.site, again.snapshot, again.report, again.rule_set
    conflicts = _conflicts(document)
    digest = digest_of(site, snapshot.layers, again.city, conflicts, on=snapshot.day, rule_set=rule_set)
    is_same_engine, told_digest = document.get("engine") == ENGINE, document.get("digest")
    found = []
    if not is_same_engine:
        found.append(says("engine", document.get("engine"), ENGINE))
    if told_digest != digest:
        found.append(says("digest", told_digest, digest))
    found += differences_from(document, now, again.told, has_conflicts=bool(conflicts))
    more = len(found) - _MAX_TOLD
    if more > 0:
        found = [*found[:_MAX_TOLD], f"另有 {more} 处不同 and {more} more"]
    return Verification(
        told_digest if isinstance(told_digest, str) else None, digest, is_same_engine, tuple(found)
    )


@dataclass(frozen=True)
class _Again:
    """A report's check run again: its site, the blueprint it was asked of, what it says now, and what the document tells of layers."""

    site: Footprint
    snapshot: Snapshot
    report: CheckReport
    city: City
    rule_set: RuleSet | None
    told: Mapping[str, Mapping[str, Any]]


def _checked_again(
    session: Session,
    document: Mapping[str, Any],
    *,
    city: City,
    actor: Actor,
    footprint: Footprint | None = None,
    kept: Check | None = None,
    with_shapes: bool = False,
) -> _Again:
    require(actor, Act.CHECK_FOOTPRINT)
    refuse_another_shape(document)
    told = {layer["code"]: layer for layer in document["layers"] if layer["outcome"] in _ASKED}
    top_m = document.get("top_m")
    site = replace(
        _site(document, footprint, kept, city),
        planned_use=document.get("planned_use"),
        top_m=float(top_m) if top_m is not None else None,
    )
    snapshot, supposed = _snapshot(session, document, told, actor)
    city, rule_set = _rules_of(session, document, city)
    now = run_check(
        session,
        site,
        city=city,
        actor=actor,
        on=snapshot.day,
        snapshot=snapshot,
        rule_set=rule_set,
        with_shapes=with_shapes,
    )
    return _Again(site, snapshot, as_supposed(now, supposed), city, rule_set, told)


def drawn(
    session: Session, document: Mapping[str, Any], *, city: City, actor: Actor
) -> tuple[CheckReport, Footprint]:
    """The check of a report run again on its versions, with the shapes of its findings, and its site; raises as `verify_report`."""
    kept = _kept_check(session, document, actor)
    again = _checked_again(session, document, city=city, actor=actor, kept=kept, with_shapes=True)
    return again.report, again.site


def verify_file(
    session: Session,
    file: ReportFile,
    *,
    city: City,
    actor: Actor,
    sealer: Sealer,
    footprint: Footprint | None = None,
) -> Verification:
    """Verify the report that a file carries, and by the file's seal whether it shows what was written into it.

    A comparison of alternatives holds where each of its reports does.
    """
    seal = file.seal.state(sealer) if file.seal is not None else None
    reports = reports_of(file.document)
    found = [
        _of_file(session, report, city=city, actor=actor, footprint=footprint)
        for report in reports or [file.document]
    ]
    return replace(together(found) if reports else found[0], seal=seal, is_kept=False)


def _of_file(
    session: Session,
    document: Mapping[str, Any],
    *,
    city: City,
    actor: Actor,
    footprint: Footprint | None,
) -> Verification:
    kept = _kept_check(session, document, actor)
    found = verify_report(session, document, city=city, actor=actor, footprint=footprint, kept=kept)
    # Where it names a check that is kept here, it has that one's digest: its answers on restricted layers cannot be repeated.
    if kept is None or kept.report["digest"] == document.get("digest"):
        return found
    otherwise = says("check_id", document.get("digest"), kept.report["digest"])
    return replace(found, differences=(*found.differences, otherwise))


def _kept_check(session: Session, document: Mapping[str, Any], actor: Actor) -> Check | None:
    """The check that is kept here under the number that a report names; None where there is none for this reader."""
    refuse_another_shape(document)
    if document.get("check_id") is None:
        return None
    try:
        return find_check(session, int(document["check_id"]), actor=actor)
    except NotFoundError:
        return None


def _rules_of(session: Session, document: Mapping[str, Any], city: City) -> tuple[City, RuleSet | None]:
    """The rules that the report names by their SHA-256, where they are kept; else those of its day, and a change of them shows."""
    if "rule_set_sha256" not in document:
        return city, None
    sha256 = document["rule_set_sha256"]
    if sha256 is None:
        return replace(city, rules_path=None), None
    return city, kept_rule_set(session, sha256)


def _site(
    document: Mapping[str, Any], footprint: Footprint | None, kept: Check | None, city: City
) -> Footprint:
    if footprint is not None:
        return footprint
    if (given := document.get("site")) is not None:
        try:
            shape = shapely.from_wkb(given["wkb"])
        except ShapelyError as error:
            raise InvalidInputError("the report's `site` is no shape; it was changed") from error
        return placed_site(shape, city=city, strip=_strip(given))
    if kept is not None:
        return kept_footprint(kept, source_crs="", operation="")
    raise InvalidInputError(
        "the report does not carry its site; give the footprint's file beside it (--footprint at the console)"
    )


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
