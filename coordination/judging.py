"""What a rule set makes of a check: the control each layer has, softened below its threshold or by class, and the rules' words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import shapely
from sqlalchemy.orm import Session

from blueprint.city import City, polygonal
from blueprint.footprint import Footprint
from blueprint.layers.models import Control
from blueprint.overlay import Overlap, Overlay, find_overlaps
from blueprint.snapshot import LayerOnDay
from coordination.figures import hectares, mu, percent, rounded, square_metres
from coordination.rule_sets import Rule, RuleSet, load_rule_set
from coordination.use_matrix import Ruling

_ORDER = list(Control)


@dataclass(frozen=True)
class Judged:
    """What the layers that were asked say under the rules of a day: `rulings` where a class decided, by version and feature."""

    layers: tuple[LayerOnDay, ...]
    overlay: Overlay
    words: tuple["RuleTold", ...]
    rules: Mapping[str, Rule]
    rulings: Mapping[tuple[int, int | None], Ruling]


def judge(
    session: Session,
    footprint: Footprint,
    asked: Sequence[LayerOnDay],
    rule_set: RuleSet | None,
    *,
    city: City,
    on: date,
    with_shapes: bool,
) -> Judged:
    """Overlay the footprint with the layers under the rules of a day.

    The ledger of one statement knows one control a layer: where a threshold or a class gives another, it is asked again.
    """
    rules = rule_set.on(on) if rule_set is not None else {}
    layers = governed(asked, rules)
    by_class = {layer.version_id for layer in layers if layer.code in rules and rules[layer.code].matrix}
    site, shaped = footprint.geometry, with_shapes or bool(by_class)
    overlay = find_overlaps(session, site, layers, city=city, with_shapes=shaped)
    softer = softened(layers, overlay, rules)
    words = told(layers, overlay, rules, softer)
    rulings = _rulings(layers, overlay, rules, footprint.planned_use)
    if softer or rulings:
        layers = tuple(
            layer._replace(control=softer.get(layer.code, _worst(layer, rulings))) for layer in layers
        )
        ruled = {version_id for version_id, _ in rulings}
        # A layer whose features have controls of their own comes into the ledger by these, as areas.
        weighed = [
            layer._replace(control=Control.INFORM) if layer.version_id in ruled else layer for layer in layers
        ]
        zones = _zones(overlay, rulings)
        overlay = find_overlaps(session, site, weighed, city=city, with_shapes=shaped, zones=zones)
    return Judged(layers, overlay, words, rules, rulings)


def _rulings(
    layers: Sequence[LayerOnDay], overlay: Overlay, rules: Mapping[str, Rule], planned_use: str | None
) -> dict[tuple[int, int | None], Ruling]:
    matrices = {
        layer.version_id: rule.matrix
        for layer in layers
        if (rule := rules.get(layer.code)) is not None and rule.matrix is not None
    }
    return {
        (overlap.version_id, overlap.feature_id): matrix.rule(planned_use, overlap.attributes)
        for overlap in overlay.overlaps
        if overlap.feature_id is not None and (matrix := matrices.get(overlap.version_id)) is not None
    }


def _worst(layer: LayerOnDay, rulings: Mapping[tuple[int, int | None], Ruling]) -> str:
    """The worst control that a layer's features have; its own where none is met."""
    controls = [
        ruling.control for (version_id, _), ruling in rulings.items() if version_id == layer.version_id
    ]
    return min(controls, key=_ORDER.index, default=layer.control)


def _zones(
    overlay: Overlay, rulings: Mapping[tuple[int, int | None], Ruling]
) -> list[tuple[Control, shapely.MultiPolygon]]:
    """What the ruled features share with the site, by their control; slivers weigh nothing."""
    shapes: dict[Control, list[shapely.Geometry]] = {}
    for overlap in overlay.overlaps:
        ruling = rulings.get(_key(overlap))
        if ruling is not None and overlap.is_areal and not overlap.is_sliver and overlap.shape is not None:
            shapes.setdefault(ruling.control, []).append(overlap.shape)
    return [(control, polygonal(shapely.union_all(found))) for control, found in shapes.items()]


def _key(overlap: Overlap) -> tuple[int, int | None]:
    return overlap.version_id, overlap.feature_id


def rule_set_of(city: City) -> RuleSet | None:
    """The rule set that the city's profile names, if it names a file; read anew when the file changed."""
    return load_rule_set(city.rules_path) if city.rules_path is not None else None


def governed(layers: Sequence[LayerOnDay], rules: Mapping[str, Rule]) -> tuple[LayerOnDay, ...]:
    """The layers with the control that their rules give them; the catalogue's where no rule does."""
    return tuple(
        layer._replace(control=rule.control)
        if (rule := rules.get(layer.code)) is not None and rule.control is not None
        else layer
        for layer in layers
    )


def softened(layers: Sequence[LayerOnDay], overlay: Overlay, rules: Mapping[str, Rule]) -> dict[str, Control]:
    """The layers that are met by less than their rule's threshold, with the control they have then.

    Judged on the union of a layer's overlaps, never by feature, so that many small ones count together.
    """
    met = {overlap.version_id for overlap in overlay.overlaps if not overlap.is_sliver}
    found = {}
    for layer in layers:
        rule = rules.get(layer.code)
        if rule is None or rule.threshold is None or rule.below is None or layer.version_id not in met:
            continue
        area_m2 = overlay.layer_m2.get(layer.version_id, 0.0)
        is_reached = rule.threshold.is_reached(
            area_m2=area_m2,
            share=min(1.0, area_m2 / overlay.site.area_m2),
            length_m=overlay.layer_m.get(layer.version_id, 0.0),
        )
        # A threshold never makes a rule harder.
        if not is_reached and _ORDER.index(rule.below) > _ORDER.index(Control(layer.control)):
            found[layer.code] = rule.below
    return found


@dataclass(frozen=True)
class RuleTold:
    """What a rule says of this check, in words; `softened_from` is the control it would have from its threshold on."""

    rule: Rule
    finding: str
    finding_en: str
    softened_from: str | None

    def to_json(self) -> dict[str, Any]:
        """The words as plain JSON values."""
        rule = self.rule
        signed = rule.signed_off
        return {
            "id": rule.id,
            "layer": rule.layer,
            "title": rule.title,
            "title_en": rule.title_en,
            "finding": self.finding,
            "finding_en": self.finding_en,
            "remedy": rule.remedy,
            "remedy_en": rule.remedy_en,
            "basis": list(rule.basis),
            "last_checked_on": rule.last_checked_on.isoformat(),
            "signed_off": {"by": signed.by, "on": signed.on.isoformat()} if signed is not None else None,
            "unsure": rule.unsure,
            "softened_from": self.softened_from,
        }


def told(
    layers: Iterable[LayerOnDay], overlay: Overlay, rules: Mapping[str, Rule], softer: Mapping[str, Control]
) -> tuple[RuleTold, ...]:
    """What the rules of the layers that are met say, in the order of the layers; slivers alone are no conflict."""
    met = {overlap.version_id for overlap in overlay.overlaps if not overlap.is_sliver}
    return tuple(
        _told(rule, layer, overlay, layer.control if layer.code in softer else None)
        for layer in layers
        if layer.version_id in met and (rule := rules.get(layer.code)) is not None
    )


def _told(rule: Rule, layer: LayerOnDay, overlay: Overlay, from_: str | None) -> RuleTold:
    assert layer.version_id is not None
    area_m2 = overlay.layer_m2.get(layer.version_id, 0.0)
    points = sum(o.point_count for o in overlay.overlaps if o.version_id == layer.version_id)
    figures = {
        "area_m2": square_metres(area_m2),
        "hectares": hectares(area_m2),
        "mu": mu(area_m2),
        "share": percent(min(1.0, area_m2 / overlay.site.area_m2)),
        "length_m": rounded(overlay.layer_m.get(layer.version_id, 0.0), 2),
        "points": str(points),
        "title": layer.title,
    }
    return RuleTold(rule, rule.finding.format(**figures), rule.finding_en.format(**figures), from_)
