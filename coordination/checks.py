"""The check (合规性检查): a footprint against every layer in force, as the report of DESIGN part 3.2."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

import shapely
from geoalchemy2.shape import from_shape
from shapely.geometry.base import BaseGeometry
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import NotFoundError
from blueprint.footprint import Footprint
from blueprint.layers.models import Control, Layer
from blueprint.overlay import ENGINE, Ledger, Overlap, Overlay, SiteMeasures
from blueprint.permissions import Act, Actor, Grant, Sensitivity, Thing, may
from blueprint.sharing.purposes import record_reading
from blueprint.snapshot import LayerOnDay, Snapshot, take_snapshot
from blueprint.strip import Strip, crossing_m
from coordination.judging import RuleTold, judge, rule_set_of
from coordination.kept_rules import keep_rule_set
from coordination.masking import RestrictedConflict, count_answers, find_restricted_conflicts
from coordination.models import Check
from coordination.rule_sets import RuleSet
from coordination.rules import Outcome, Severity, likely_cause, outcome_of, severity_of, verdict_of
from coordination.use_matrix import Ruling


class LayerResult(NamedTuple):
    """What one layer says; figures are None where it was not asked. `overlap_m2`, `length_m` measure the overlaps' union."""

    code: str
    title: str
    title_en: str | None
    department: str
    version: int | None
    control: str
    basis: str | None
    feature_count: int | None
    sliver_count: int | None
    overlap_m2: float | None
    overlap_sum_m2: float | None
    overlap_share: float | None
    length_m: float | None
    point_count: int | None
    outcome: Outcome
    raster: Mapping[str, Any] | None = None
    """What the pixels of a raster layer say under the footprint."""


class Finding(NamedTuple):
    """One conflict (冲突): a feature of a layer and what the footprint shares with it."""

    layer: str
    version: int
    feature_id: int | None
    source_id: str | None
    control: str
    severity: Severity
    relation: str
    overlap_m2: float
    overlap_share: float
    feature_share: float | None
    length_m: float
    point_count: int
    distance_m: float
    sliver: bool
    sliver_width_m: float | None
    sliver_cause: str | None
    attributes: Mapping[str, Any]
    basis: str | None
    shape: BaseGeometry | None = None
    crossing_m: float | None = None
    """How long the centre line of a linear work runs in it; None where the footprint is an area."""
    control_reason: str | None = None
    """Why this feature has this control or this zone, where its attributes decide; None where the layer's holds."""


@dataclass(frozen=True)
class Reader:
    """Whom a report was given to, when, and on which grants it tells of others' layers: no part of the digest."""

    account: str
    department: str | None
    at: datetime
    grants: tuple[Grant, ...]

    def to_json(self) -> dict[str, Any]:
        """The reader as plain JSON values."""
        grants = [{"number": g.number, "layer": g.layer, "purpose": g.purpose} for g in self.grants]
        at = self.at.isoformat(timespec="seconds")
        return {"account": self.account, "department": self.department, "at": at, "grants": grants}


@dataclass(frozen=True)
class CheckReport:
    """The report of a check; the same footprint, versions, rules and engine give the same `digest`."""

    digest: str
    working_crs: str
    area_measure: str
    on: date
    rule_set: str
    verdict: Severity
    footprint: SiteMeasures
    ledger: Ledger
    layers: tuple[LayerResult, ...]
    findings: tuple[Finding, ...]
    source_crs: str
    operation: str
    notes: tuple[str, ...]
    strip: Strip | None = None
    has_hidden_layers: bool = False
    has_answers_left: bool = True
    restricted_conflicts: tuple[RestrictedConflict, ...] = ()
    check_id: str | None = None
    reader: Reader | None = None
    assumed: tuple[str, ...] = ()
    """Versions that were assumed to apply; empty for the blueprint in force."""
    planned_use: str | None = None
    rule_set_sha256: str | None = None
    """Of the file of the rule set, which is kept; None where the city has none."""
    rules: tuple[RuleTold, ...] = ()
    unsigned_rules: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values, names as in the contract."""
        return {
            "check_id": self.check_id,
            "digest": self.digest,
            "engine": ENGINE,
            "working_crs": self.working_crs,
            "area_measure": self.area_measure,
            "on": self.on.isoformat(),
            "rule_set": self.rule_set,
            "rule_set_sha256": self.rule_set_sha256,
            "verdict": str(self.verdict),
            "footprint": vars(self.footprint)
            | {
                "source_crs": self.source_crs,
                "operation": self.operation,
                "width_m": self.strip.width_m if self.strip is not None else None,
                "centre_line_m": self.strip.centre.length if self.strip is not None else None,
            },
            "ledger": dict(vars(self.ledger)),
            "layers": [layer._asdict() for layer in self.layers],
            "findings": [_finding_json(finding) for finding in self.findings],
            "rules": [rule.to_json() for rule in self.rules],
            "unsigned_rules": list(self.unsigned_rules),
            "restricted": {
                "hidden": self.has_hidden_layers,
                "withheld": not self.has_answers_left,
                "conflicts": [
                    {"department": conflict.department, "size_class": str(conflict.size_class)}
                    for conflict in self.restricted_conflicts
                ],
            },
            "assumed": list(self.assumed),
            "planned_use": self.planned_use,
            "notes": list(self.notes),
            "reader": self.reader.to_json() if self.reader is not None else None,
        }


def _finding_json(finding: Finding) -> dict[str, Any]:
    document = finding._asdict()
    del document["shape"]
    return document


def run_check(
    session: Session,
    footprint: Footprint,
    *,
    city: City,
    actor: Actor,
    on: date,
    with_shapes: bool = False,
    snapshot: Snapshot | None = None,
    rule_set: RuleSet | None = None,
) -> CheckReport:
    """Check a footprint against the blueprint on a day, as far as the actor may read it; nothing is kept.

    `snapshot` is the blueprint of that day when it is known already, or as it would be; `rule_set` another one than the city's.
    Restricted layers that the actor may not read leave no trace in figures, layers or digest but the conflicts that
    `masking` tells, and those only to actors who are known, so many times a day.
    """
    snapshot = snapshot or take_snapshot(session, on)
    strip = footprint.strip
    with_shapes = with_shapes or strip is not None
    readable = {layer.code for layer in snapshot.layers if may(actor, Act.READ_LAYER, layer.thing)}
    # Of these not even the name is for this reader.
    hidden = [
        layer
        for layer in snapshot.layers
        if layer.sensitivity == Sensitivity.RESTRICTED and layer.code not in readable
    ]
    closed = [layer for layer in hidden if actor.signed_in and _is_in_force(layer, on)]
    shown = [layer for layer in snapshot.layers if layer not in hidden] if hidden else snapshot.layers
    asked = [layer for layer in shown if layer.code in readable and _is_in_force(layer, on)]
    rule_set = rule_set or rule_set_of(city)
    if rule_set is not None:
        keep_rule_set(session, rule_set)
    judged = judge(session, footprint, asked, rule_set, city=city, on=on, with_shapes=with_shapes)
    overlay, rules = judged.overlay, judged.rules
    is_answered = count_answers(session, {layer.department for layer in closed}, actor=actor, city=city)
    conflicts = find_restricted_conflicts(
        session, footprint.geometry, closed if is_answered else [], city=city
    )
    by_version = {layer.version_id: layer for layer in judged.layers}
    findings = tuple(
        _finding(
            overlap,
            by_version[overlap.version_id],
            strip,
            judged.rulings.get((overlap.version_id, overlap.feature_id)),
        )
        for overlap in overlay.overlaps
    )
    rank = {severity: number for number, severity in enumerate(Severity)}
    findings = tuple(sorted(findings, key=lambda f: (rank[f.severity], f.sliver, f.layer, -f.overlap_m2)))
    of_layer: dict[int | None, list[Overlap]] = defaultdict(list)
    for overlap in overlay.overlaps:
        of_layer[overlap.version_id].append(overlap)
    controls = {layer.code: layer for layer in judged.layers}
    layers = tuple(
        _layer_result(
            controls.get(layer.code, layer),
            overlay,
            of_layer[layer.version_id],
            is_permitted=layer.code in readable,
            on=on,
        )
        for layer in shown
    )
    _record_reading(session, actor, asked, of_layer.keys(), conflicts, footprint)
    # What a restricted layer demands is its department's to say; that it has to be asked is not kept back.
    severities = [finding.severity for finding in findings] + [Severity.ADVISE] * bool(conflicts)
    return CheckReport(
        digest=digest_of(
            footprint.geometry, asked, city, conflicts, planned_use=footprint.planned_use, rule_set=rule_set
        ),
        working_crs=city.working_crs,
        area_measure=str(city.area_measure),
        on=on,
        rule_set=rule_set.name if rule_set is not None else city.rule_set,
        verdict=verdict_of(severities),
        footprint=overlay.site,
        ledger=overlay.ledger,
        layers=layers,
        findings=findings,
        source_crs=footprint.source_crs,
        operation=footprint.operation,
        notes=footprint.notes,
        strip=strip,
        has_hidden_layers=bool(hidden),
        has_answers_left=is_answered,
        restricted_conflicts=conflicts,
        planned_use=footprint.planned_use,
        rule_set_sha256=rule_set.sha256 if rule_set is not None else None,
        rules=judged.words,
        unsigned_rules=tuple(
            rules[layer.code].id
            for layer in asked
            if layer.code in rules and rules[layer.code].signed_off is None
        ),
    )


def given_to(report: CheckReport, actor: Actor, now: datetime) -> CheckReport:
    """The report as a document for its reader, whom it names (Art. 17, 18)."""
    return replace(report, reader=reader_of(actor, [layer.code for layer in report.layers], now))


def reader_of(actor: Actor, codes: Iterable[str], now: datetime) -> Reader:
    """Who reads a report on these layers, with the grants that open some of them."""
    grants = (actor.grant_of(code) for code in codes)
    return Reader(actor.name, actor.department, now, tuple(grant for grant in grants if grant is not None))


def _record_reading(
    session: Session,
    actor: Actor,
    asked: Sequence[LayerOnDay],
    met: Collection[int | None],
    conflicts: Sequence[RestrictedConflict],
    footprint: Footprint,
) -> None:
    """Record what the actor was told of layers that are not public, and what for (Art. 17): "clear" is an answer too."""
    place = " ".join(f"{side:.0f}" for side in footprint.geometry.bounds)
    closed = [layer for layer in asked if layer.sensitivity != Sensitivity.PUBLIC]
    record_reading(
        session,
        actor,
        [layer.thing for layer in closed],
        kind="check",
        id=place,
        after={"met": [f"{layer.code} v{layer.version}" for layer in closed if layer.version_id in met]},
    )
    if conflicts:
        told = [f"{conflict.department} {conflict.size_class}" for conflict in conflicts]
        record(session, actor, "meet_restricted", kind="check", id=place, after={"told": told})


def _is_in_force(layer: LayerOnDay, on: date) -> bool:
    is_expired = layer.valid_until is not None and on > layer.valid_until
    return layer.version_id is not None and not is_expired


def digest_of(
    footprint: shapely.MultiPolygon,
    asked: Sequence[LayerOnDay],
    city: City,
    conflicts: Sequence[RestrictedConflict] = (),
    *,
    planned_use: str | None = None,
    rule_set: RuleSet | None = None,
) -> str:
    """SHA-256 over the footprint, the versions asked, their rules and the engine: all that decides the figures.

    Of restricted layers only what the reader is told: a new version of one must not show in the digest.
    """
    content = {
        "engine": ENGINE,
        "working_crs": city.working_crs,
        "area_measure": str(city.area_measure),
        "rule_set": city.rule_set,
        "footprint": shapely.to_wkb(shapely.normalize(footprint), hex=True, byte_order=1),
        "layers": [
            [
                layer.code,
                layer.version,
                layer.source_sha256,
                layer.control,
                layer.conflict_when,
                layer.buffer_m,
                layer.tolerance_m2,
                layer.sliver_width_m,
                *_raster_rule(layer),
                *([layer.buffer_by] if layer.buffer_by is not None else []),
            ]
            for layer in asked
        ],
        "restricted": [[conflict.department, conflict.size_class] for conflict in conflicts],
    }
    rule_set = rule_set or rule_set_of(city)
    if rule_set is not None:
        content["rule_set"] = [rule_set.name, rule_set.sha256]
        if planned_use is not None:
            content["planned_use"] = planned_use
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def _raster_rule(layer: LayerOnDay) -> list[Any]:
    """What else decides the figures of a raster layer."""
    if layer.object_sha256 is None:
        return []
    threshold = layer.threshold
    return [
        layer.object_sha256,
        layer.value_kind,
        threshold.above,
        threshold.below,
        list(threshold.values),
        threshold.share,
    ]


@cache
def _severities(control: str) -> tuple[Severity, Severity]:
    """The severity of a layer's findings, and of its slivers."""
    return (
        severity_of(Control(control), is_sliver=False),
        severity_of(Control(control), is_sliver=True),
    )


def _finding(overlap: Overlap, layer: LayerOnDay, strip: Strip | None, ruling: Ruling | None) -> Finding:
    assert layer.version is not None
    control = ruling.control if ruling is not None else layer.control
    severity, of_sliver = _severities(control)
    assumed = layer.zone_of(overlap.attributes).assumed if layer.buffer_by is not None else None
    return Finding(
        layer=layer.code,
        version=layer.version,
        feature_id=overlap.feature_id,
        source_id=overlap.source_id,
        control=control,
        severity=of_sliver if overlap.is_sliver else severity,
        relation=overlap.relation,
        overlap_m2=overlap.overlap_m2,
        overlap_share=overlap.overlap_share,
        feature_share=overlap.feature_share,
        length_m=overlap.length_m,
        point_count=overlap.point_count,
        distance_m=overlap.distance_m,
        sliver=overlap.is_sliver,
        sliver_width_m=overlap.mean_width_m if overlap.is_sliver else None,
        sliver_cause=_cause(overlap, layer) if overlap.is_sliver else None,
        attributes=overlap.attributes,
        basis=layer.basis,
        shape=overlap.shape,
        crossing_m=crossing_m(strip, overlap.shape) if strip is not None and overlap.is_areal else None,
        control_reason=ruling.reason if ruling is not None else assumed,
    )


def _cause(overlap: Overlap, layer: LayerOnDay) -> str:
    return likely_cause(
        overlap_m2=overlap.overlap_m2,
        mean_width_m=overlap.mean_width_m,
        tolerance_m2=layer.tolerance_m2,
        sliver_width_m=layer.sliver_width_m,
    )


def _layer_result(
    layer: LayerOnDay, overlay: Overlay, overlaps: Sequence[Overlap], *, is_permitted: bool, on: date
) -> LayerResult:
    sliver_count = sum(overlap.is_sliver for overlap in overlaps)
    outcome = outcome_of(
        on=on,
        has_version=layer.version_id is not None,
        is_permitted=is_permitted,
        valid_until=layer.valid_until,
        hit_count=len(overlaps) - sliver_count,
        covers_site=layer.version_id not in overlay.not_covering,
    )
    is_silent = outcome in (Outcome.NO_DATA, Outcome.NOT_PERMITTED, Outcome.EXPIRED)
    version_id = None if is_silent else layer.version_id
    overlap_m2 = overlay.layer_m2.get(version_id, 0.0) if version_id is not None else None
    raster = overlay.rasters.get(version_id) if version_id is not None else None
    return LayerResult(
        code=layer.code,
        title=layer.title,
        title_en=layer.title_en,
        department=layer.department,
        version=None if outcome is Outcome.NOT_PERMITTED else layer.version,
        control=layer.control,
        basis=layer.basis,
        feature_count=None if is_silent else len(overlaps) - sliver_count,
        sliver_count=None if is_silent else sliver_count,
        overlap_m2=overlap_m2,
        overlap_sum_m2=None if is_silent else sum(overlap.overlap_m2 for overlap in overlaps),
        overlap_share=min(1.0, overlap_m2 / overlay.site.area_m2) if overlap_m2 is not None else None,
        length_m=overlay.layer_m.get(version_id, 0.0) if version_id is not None else None,
        point_count=None if is_silent else sum(overlap.point_count for overlap in overlaps),
        outcome=outcome,
        raster=raster.to_json(layer.threshold, unit=layer.unit) if raster is not None else None,
    )


def keep_check(
    session: Session,
    report: CheckReport,
    footprint: Footprint,
    *,
    city: City,
    actor: Actor,
    now: datetime,
    project_id: int | None = None,
    footprint_revision_id: int | None = None,
) -> Check:
    """Keep a report with its footprint, so that it can be shown again and proven from its versions."""
    check = Check(
        project_id=project_id,
        footprint_revision_id=footprint_revision_id,
        digest=report.digest,
        on_day=report.on,
        verdict=str(report.verdict),
        report={},
        footprint=from_shape(footprint.geometry, srid=city.working_srid),
        made_by=actor.name,
        made_at=now,
    )
    session.add(check)
    session.flush()
    check.report = replace(report, check_id=str(check.id)).to_json()
    session.flush()
    record(
        session,
        actor,
        Act.KEEP_CHECK,
        kind="check",
        id=check.id,
        after={"digest": check.digest, "verdict": check.verdict, "project": project_id},
    )
    return check


def find_check(session: Session, check_id: int, *, actor: Actor) -> Check:
    """A kept check, for a reader who may read every layer that it speaks of; for others there is no such check."""
    check = session.get(Check, check_id)
    if check is None or not may_see(session, check, actor):
        raise NotFoundError(f"no check {check_id} was kept, or it speaks of layers that you may not read")
    record_reading(session, actor, _things_of(session, check), kind="kept_check", id=check.id)
    return check


def _things_of(session: Session, check: Check) -> list[Thing]:
    """The layers that a kept check tells of."""
    told = {layer["code"] for layer in check.report["layers"] if layer["outcome"] != Outcome.NOT_PERMITTED}
    return [layer.thing for layer in session.scalars(select(Layer).where(Layer.code.in_(told)))]


def may_see(session: Session, check: Check, actor: Actor) -> bool:
    """Say whether the actor may read every layer that a kept check speaks of: its verdict and digest tell of them all."""
    return all(may(actor, Act.READ_LAYER, thing) for thing in _things_of(session, check))
