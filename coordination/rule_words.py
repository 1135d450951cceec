"""What the rules say of a check in words: what was found, what the applicant can do, and on which basis; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely

from blueprint.layers.models import Control
from blueprint.overlay import Overlap, Overlay
from blueprint.snapshot import LayerOnDay
from coordination.figures import hectares, mu, percent, rounded, square_metres
from coordination.rule_sets import Rule
from coordination.use_matrix import Ruling


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
            "department": rule.department,
        }


def told(
    layers: Iterable[LayerOnDay],
    overlay: Overlay,
    more: Sequence[Overlap],
    gaps: Sequence[Overlap],
    rulings: Mapping[tuple[int, int | None, str | None], Ruling],
    rules: Mapping[str, Rule],
    particular: Mapping[str, Sequence[Rule]],
    softer: Mapping[str, Control],
) -> tuple[RuleTold, ...]:
    """What the rules of what was found (`more`: by rules that ask for themselves) and of what lies open say, in the order of the
    layers; slivers are no conflict.
    """
    by_rule: dict[tuple[int, str | None], list[Overlap]] = {}
    for overlap in (*overlay.overlaps, *more):
        if not overlap.is_sliver:
            ruling = rulings.get((overlap.version_id, overlap.feature_id, overlap.rule))
            by_rule.setdefault((overlap.version_id, ruling.rule if ruling is not None else None), []).append(
                overlap
            )
    open_m2 = {gap.version_id: gap.overlap_m2 for gap in gaps if not gap.is_sliver}
    found = []
    for layer in layers:
        if layer.version_id is None:
            continue
        rule, own = rules.get(layer.code), particular.get(layer.code, ())
        words: list[dict[str, str]] = []
        general = by_rule.get((layer.version_id, None))
        if rule is not None and general is not None:
            figures = _figures(layer, overlay, general if own else None)
            words.append(_said(rule.finding, rule.finding_en, figures))
        if rule is not None and rule.gap is not None and layer.version_id in open_m2:
            figures = _figures(layer, overlay, general if own else None)
            figures |= _areas(open_m2[layer.version_id], overlay)
            words.append(_said(rule.gap.finding, rule.gap.finding_en, figures))
        if rule is not None and words:
            from_ = layer.control if layer.code in softer else None
            found.append(
                RuleTold(
                    rule, "".join(each["zh"] for each in words), " ".join(each["en"] for each in words), from_
                )
            )
        for each in own:
            if (overlaps := by_rule.get((layer.version_id, each.id))) is not None:
                said = _said(each.finding, each.finding_en, _figures(layer, overlay, overlaps))
                found.append(RuleTold(each, said["zh"], said["en"], None))
    return tuple(found)


def _said(zh: str, en: str, figures: Mapping[str, str]) -> dict[str, str]:
    return {"zh": zh.format(**figures), "en": en.format(**figures)}


def _figures(layer: LayerOnDay, overlay: Overlay, overlaps: Sequence[Overlap] | None) -> dict[str, str]:
    """The figures that the words of a finding may name: of these overlaps, or of all of the layer."""
    assert layer.version_id is not None
    if overlaps is None:
        area_m2 = overlay.layer_m2.get(layer.version_id, 0.0)
        length_m = overlay.layer_m.get(layer.version_id, 0.0)
        overlaps = [o for o in overlay.overlaps if o.version_id == layer.version_id]
    else:
        area_m2 = _union_m2(overlaps)
        length_m = sum(overlap.length_m for overlap in overlaps)
    return _areas(area_m2, overlay) | {
        "length_m": rounded(length_m, 2),
        "points": str(sum(overlap.point_count for overlap in overlaps)),
        "title": layer.title,
    }


def _areas(area_m2: float, overlay: Overlay) -> dict[str, str]:
    return {
        "area_m2": square_metres(area_m2),
        "hectares": hectares(area_m2),
        "mu": mu(area_m2),
        "share": percent(min(1.0, area_m2 / overlay.site.area_m2)),
    }


def _union_m2(overlaps: Sequence[Overlap]) -> float:
    """The area of the union of overlaps; measured as they were, which differs from the plane by one factor in a place."""
    areal = [overlap for overlap in overlaps if overlap.is_areal]
    sum_m2 = sum(overlap.overlap_m2 for overlap in areal)
    shapes = [overlap.shape for overlap in areal if overlap.shape is not None]
    if len(areal) < 2 or len(shapes) < len(areal):
        return sum_m2
    plane_m2 = sum(shape.area for shape in shapes)
    return sum_m2 * shapely.union_all(shapes).area / plane_m2 if plane_m2 else 0.0
