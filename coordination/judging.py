"""What a rule set makes of a check: the control each layer has, softened below its threshold, and what the rules say in words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blueprint.city import City
from blueprint.layers.models import Control
from blueprint.overlay import Overlay
from blueprint.snapshot import LayerOnDay
from coordination.figures import hectares, mu, percent, rounded, square_metres
from coordination.rule_sets import Rule, RuleSet, load_rule_set

_ORDER = list(Control)


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
