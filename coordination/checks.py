"""The check (合规性检查): a footprint against every layer in force, as the report of DESIGN part 3.2."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from functools import cache

from sqlalchemy.orm import Session

from blueprint.audit.log import record, write_ahead
from blueprint.city import City
from blueprint.connections import Beside
from blueprint.footprint import Footprint
from blueprint.layers.models import Control
from blueprint.overlay import Known, Overlap, Overlay, Relation
from blueprint.permissions import Act, Actor, Sensitivity, may
from blueprint.sharing.purposes import record_reading
from blueprint.snapshot import LayerOnDay, Snapshot, refuse_before_the_first, take_snapshot
from blueprint.strip import Strip, crossing_m
from coordination.check_digest import digest_of
from coordination.check_report import CheckReport, Finding, LayerResult
from coordination.judging import judge, key_of, under_height
from coordination.kept_rules import keep_rule_set
from coordination.masking import RestrictedConflict, count_answers, find_restricted_conflicts
from coordination.rule_sets import Rule, RuleSet
from coordination.rules import Outcome, Severity, likely_cause, outcome_of, severity_of, verdict_of
from coordination.rules_in_force import rule_set_on
from coordination.use_matrix import Ruling


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
    keeps_rules: bool = True,
    is_told: bool = True,
    beside: Beside | None = None,
    known: Known | None = None,
    read: Callable[[Sequence[LayerOnDay]], Known | None] | None = None,
) -> CheckReport:
    """Check a footprint against the blueprint on a day, as far as the actor may read it; nothing is kept.

    `snapshot` is the blueprint of that day when it is known already, or as it would be; `rule_set` another one than that of the day, which is
    not kept where it is only tried.
    `is_told` is False where one of many places that are searched is checked: the search itself records whose layers it read.
    `beside` puts on record what was read while the findings are made.
    `known` is what was read before of the layers of `asked_of`; `read` reads it when it has been found out which these are.
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
    if snapshot.layers:  # an opinion request without findings is drawn on none
        refuse_before_the_first(session, shown, on)
    asked = [layer for layer in shown if layer.code in readable and _is_in_force(layer, on)]
    rule_set = rule_set or rule_set_on(session, city, on)
    if rule_set is not None and keeps_rules:
        keep_rule_set(session, rule_set)
    judged = judge(
        session,
        footprint,
        asked,
        rule_set,
        city=city,
        on=on,
        with_shapes=with_shapes,
        known=read(asked) if read is not None else known,
    )
    overlay = judged.overlay
    asked = [layer for layer in asked if layer.version_id not in overlay.failed]
    is_answered = count_answers(session, {layer.department for layer in closed}, actor=actor, city=city)
    particular = rule_set.particular_on(on) if rule_set is not None else {}
    general_rules = rule_set.on(on) if rule_set is not None else {}
    conflicts = find_restricted_conflicts(
        session,
        footprint.geometry,
        under_height(closed, general_rules, footprint.top_m) if is_answered else [],
        particular,
        city=city,
    )
    of_layer: dict[int | None, list[Overlap]] = defaultdict(list)
    for overlap in overlay.overlaps:
        of_layer[overlap.version_id].append(overlap)
    _record_reading(session, actor, asked if is_told else [], of_layer.keys(), conflicts, footprint)
    write_ahead(session, beside)
    by_version = {layer.version_id: layer for layer in judged.layers}
    general = {rule.layer: rule for rule in judged.rules.values() if not rule.is_particular}
    findings = tuple(
        _finding(
            overlap,
            by_version[overlap.version_id],
            strip,
            judged.rulings.get(key_of(overlap)),
            judged.rules,
            general.get(by_version[overlap.version_id].code),
        )
        for overlap in overlay.overlaps
    )
    rank = {severity: number for number, severity in enumerate(Severity)}
    # By whole square centimetres: the last digits of equal areas are another machine's, or another way's, and are no order.
    findings = tuple(
        sorted(findings, key=lambda f: (rank[f.severity], f.sliver, f.layer, -round(f.overlap_m2, 4)))
    )
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
    # What a restricted layer demands is its department's to say; that it has to be asked is not kept back.
    severities = [finding.severity for finding in findings] + [Severity.ADVISE] * bool(conflicts)
    return CheckReport(
        digest=digest_of(footprint, asked, city, conflicts, on=on, rule_set=rule_set),
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
        top_m=footprint.top_m,
        rule_set_sha256=rule_set.sha256 if rule_set is not None else None,
        rules=judged.words,
        unsigned_rules=tuple(rule.id for rule in judged.rules.values() if rule.signed_off is None),
    )


def asked_of(layers: Sequence[LayerOnDay], *, actor: Actor, on: date) -> list[LayerOnDay]:
    """The layers in force that the actor may read: these are asked."""
    return [layer for layer in layers if _is_in_force(layer, on) and may(actor, Act.READ_LAYER, layer.thing)]


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


@cache
def _severities(control: str) -> tuple[Severity, Severity]:
    """The severity of a layer's findings, and of its slivers."""
    return (
        severity_of(Control(control), is_sliver=False),
        severity_of(Control(control), is_sliver=True),
    )


def _finding(
    overlap: Overlap,
    layer: LayerOnDay,
    strip: Strip | None,
    ruling: Ruling | None,
    rules: Mapping[str, Rule],
    general: Rule | None,
) -> Finding:
    assert layer.version is not None
    particular = rules[ruling.rule] if ruling is not None and ruling.rule is not None else None
    rule = particular or general
    control = ruling.control if ruling is not None else layer.control
    severity, of_sliver = _severities(control)
    is_own = overlap.rule is None and layer.buffer_by is not None
    assumed = layer.zone_of(overlap.attributes).assumed if is_own else None
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
        basis=_basis(layer, particular, general),
        shape=overlap.shape,
        crossing_m=crossing_m(strip, overlap.shape) if strip is not None and overlap.is_areal else None,
        control_reason="；".join(filter(None, (ruling.reason if ruling is not None else None, assumed)))
        or None,
        rule=rule.id if rule is not None else None,
        # What is not public stays between its owner and the coordinator, whomever a rule names.
        department=rule.department if rule is not None and layer.sensitivity == Sensitivity.PUBLIC else None,
    )


def _basis(layer: LayerOnDay, particular: Rule | None, general: Rule | None) -> str | None:
    """The particular rule's basis; else the catalogue's, or the general rule's where that has none."""
    if particular is not None:
        return "；".join(particular.basis)
    return layer.basis or ("；".join(general.basis) if general is not None else None)


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
    features = [o for o in overlaps if o.relation is not Relation.UNCOVERED and o.rule is None]
    gaps = [overlap for overlap in overlaps if overlap.relation is Relation.UNCOVERED]
    sliver_count = sum(overlap.is_sliver for overlap in features)
    outcome = outcome_of(
        on=on,
        has_version=layer.version_id is not None,
        is_permitted=is_permitted,
        valid_until=layer.valid_until,
        hit_count=sum(not overlap.is_sliver for overlap in overlaps),
        covers_site=layer.version_id not in overlay.not_covering,
        is_readable=layer.version_id not in overlay.failed,
    )
    is_silent = outcome in (Outcome.NO_DATA, Outcome.NOT_PERMITTED, Outcome.EXPIRED, Outcome.FAILED)
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
        feature_count=None if is_silent else len(features) - sliver_count,
        sliver_count=None if is_silent else sliver_count,
        overlap_m2=overlap_m2,
        overlap_sum_m2=None if is_silent else sum(overlap.overlap_m2 for overlap in features),
        overlap_share=min(1.0, overlap_m2 / overlay.site.area_m2) if overlap_m2 is not None else None,
        length_m=overlay.layer_m.get(version_id, 0.0) if version_id is not None else None,
        point_count=None if is_silent else sum(overlap.point_count for overlap in features),
        outcome=outcome,
        raster=raster.to_json(layer.threshold, unit=layer.unit) if raster is not None else None,
        uncovered_m2=sum(gap.overlap_m2 for gap in gaps) if gaps else None,
    )
