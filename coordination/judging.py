"""What a rule set makes of a check: each layer's control, softened below its threshold, by class, by height, its gaps; the rules' words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import shapely
from geoalchemy2.shape import to_shape
from shapely.geometry.base import BaseGeometry
from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from blueprint.city import City, polygonal
from blueprint.footprint import Footprint
from blueprint.layers.models import ConflictWhen, Control, GeometryKind, feature
from blueprint.overlay import Known, Overlap, Overlay, find_overlaps
from blueprint.snapshot import LayerOnDay
from coordination.figures import hectares, mu, percent, rounded, square_metres
from coordination.gaps import find_gaps
from coordination.heights import HIGHEST_TOP_M, of_raster
from coordination.rule_sets import Rule, RuleSet, load_rule_set
from coordination.use_matrix import Ruling

_ORDER = list(Control)


@dataclass(frozen=True)
class Judged:
    """What the layers that were asked say under the rules of a day: `rulings` where a feature decided, by version and feature."""

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
    known: Known | None = None,
) -> Judged:
    """Overlay the footprint with the layers under the rules of a day.

    The ledger of one statement knows one control a layer: where a threshold, a class, a height or a gap gives another, it is
    asked again.
    """
    rules = rule_set.on(on) if rule_set is not None else {}
    layers = _under_height(governed(asked, rules), rules, footprint.top_m)
    shaped = with_shapes or any(_by_feature(rules.get(layer.code), layer) for layer in layers)
    site = footprint.geometry
    overlay = find_overlaps(session, site, layers, city=city, with_shapes=shaped, known=known)
    gaps = find_gaps(
        session,
        site,
        [layer for layer in layers if _tells_gaps(rules.get(layer.code), layer)],
        city=city,
        site_m2=overlay.site.area_m2,
    )
    softer = softened(layers, overlay, rules)
    words = told(layers, overlay, rules, softer, gaps)
    rulings = _rulings(session, layers, overlay, rules, footprint)
    open_ground = _of_gaps(layers, gaps, rules)
    if softer or rulings or gaps:
        layers = tuple(
            layer._replace(control=softer.get(layer.code, _worst(layer, rulings))) for layer in layers
        )
        ruled = {version_id for version_id, _ in rulings}
        # A layer whose features have controls of their own comes into the ledger by these, as areas.
        weighed = [
            layer._replace(control=Control.INFORM) if layer.version_id in ruled else layer for layer in layers
        ]
        zones = [*_zones(overlay.overlaps, rulings), *_zones(gaps, open_ground)]
        overlay = find_overlaps(
            session, site, weighed, city=city, with_shapes=shaped, zones=zones, known=known
        )
        overlay = replace(overlay, overlaps=(*overlay.overlaps, *gaps))
    return Judged(
        layers,
        overlay,
        words,
        rules,
        {**rulings, **open_ground, **_of_rasters(layers, rules, footprint.top_m)},
    )


def _under_height(
    layers: Sequence[LayerOnDay], rules: Mapping[str, Rule], top_m: float | None
) -> tuple[LayerOnDay, ...]:
    """A raster of limiting elevations is met where it lies below the project's highest point; everywhere, where that is not given."""
    below = top_m if top_m is not None else HIGHEST_TOP_M
    return tuple(
        layer._replace(
            control=rule.height.above, threshold_below=below, threshold_above=None, threshold_values=None
        )
        if (rule := rules.get(layer.code)) is not None and rule.height is not None and _is_raster(layer)
        else layer
        for layer in layers
    )


def _of_rasters(
    layers: Sequence[LayerOnDay], rules: Mapping[str, Rule], top_m: float | None
) -> dict[tuple[int, int | None], Ruling]:
    return {
        (layer.version_id, None): of_raster(rule.height, top_m)
        for layer in layers
        if (rule := rules.get(layer.code)) is not None
        and rule.height is not None
        and _is_raster(layer)
        and layer.version_id is not None
    }


def _is_raster(layer: LayerOnDay) -> bool:
    return layer.geometry == GeometryKind.RASTER


def _by_feature(rule: Rule | None, layer: LayerOnDay) -> bool:
    """Whether each feature of a layer has a control of its own."""
    return rule is not None and (
        rule.matrix is not None or (rule.height is not None and not _is_raster(layer))
    )


def _tells_gaps(rule: Rule | None, layer: LayerOnDay) -> bool:
    """Whether what a layer leaves open is a finding; where its outside is the conflict, that says it already."""
    return (
        rule is not None
        and rule.gap is not None
        and layer.geometry == GeometryKind.POLYGON
        and layer.conflict_when == ConflictWhen.INSIDE
    )


def _rulings(
    session: Session,
    layers: Sequence[LayerOnDay],
    overlay: Overlay,
    rules: Mapping[str, Rule],
    footprint: Footprint,
) -> dict[tuple[int, int | None], Ruling]:
    """The control of each feature of the layers whose rules go by class or by height."""
    by_version = {
        layer.version_id: rule
        for layer in layers
        if (rule := rules.get(layer.code)) is not None and _by_feature(rule, layer)
    }
    met = [o for o in overlay.overlaps if o.feature_id is not None and o.version_id in by_version]
    rising = [o for o in met if (height := by_version[o.version_id].height) and height.slope_field]
    surfaces = _surfaces(session, rising)
    found = {}
    for overlap in met:
        rule = by_version[overlap.version_id]
        if rule.matrix is not None:
            found[_key(overlap)] = rule.matrix.rule(footprint.planned_use, overlap.attributes)
        elif rule.height is not None:
            shared = overlap.shape if overlap.shape is not None else footprint.geometry
            zone = surfaces.get(_key(overlap), shared)
            found[_key(overlap)] = rule.height.rule(footprint.top_m, overlap.attributes, zone, shared)
    return found


def _surfaces(session: Session, overlaps: Sequence[Overlap]) -> dict[tuple[int, int | None], BaseGeometry]:
    """The whole zones of surfaces that rise: where they are lowest is told from their own edges."""
    if not overlaps:
        return {}
    keys = [(overlap.version_id, overlap.feature_id) for overlap in overlaps]
    rows = session.execute(
        select(feature.c.version_id, feature.c.feature_id, feature.c.geom).where(
            tuple_(feature.c.version_id, feature.c.feature_id).in_(keys)
        )
    )
    return {(row.version_id, row.feature_id): to_shape(row.geom) for row in rows}


def _of_gaps(
    layers: Sequence[LayerOnDay], gaps: Sequence[Overlap], rules: Mapping[str, Rule]
) -> dict[tuple[int, int | None], Ruling]:
    codes = {layer.version_id: layer.code for layer in layers}
    return {
        _key(gap): Ruling(rule.gap.control, None)
        for gap in gaps
        if (rule := rules[codes[gap.version_id]]).gap is not None
    }


def _worst(layer: LayerOnDay, rulings: Mapping[tuple[int, int | None], Ruling]) -> str:
    """The worst control that a layer's features have; its own where none is met."""
    controls = [
        ruling.control for (version_id, _), ruling in rulings.items() if version_id == layer.version_id
    ]
    return min(controls, key=_ORDER.index, default=layer.control)


def _zones(
    overlaps: Sequence[Overlap], rulings: Mapping[tuple[int, int | None], Ruling]
) -> list[tuple[Control, shapely.MultiPolygon]]:
    """What the ruled features share with the site, by their control; slivers weigh nothing."""
    shapes: dict[Control, list[shapely.Geometry]] = {}
    for overlap in overlaps:
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
    layers: Iterable[LayerOnDay],
    overlay: Overlay,
    rules: Mapping[str, Rule],
    softer: Mapping[str, Control],
    gaps: Sequence[Overlap] = (),
) -> tuple[RuleTold, ...]:
    """What the rules of the layers that are met, or that leave ground open, say, in the order of the layers; slivers are no conflict."""
    met = {overlap.version_id for overlap in overlay.overlaps if not overlap.is_sliver}
    open_m2 = {gap.version_id: gap.overlap_m2 for gap in gaps if not gap.is_sliver}
    found = []
    for layer in layers:
        rule = rules.get(layer.code)
        if rule is None or layer.version_id is None:
            continue
        words: list[tuple[str, str]] = []
        if layer.version_id in met:
            figures = _figures(layer, overlay, overlay.layer_m2.get(layer.version_id, 0.0))
            words.append((rule.finding.format(**figures), rule.finding_en.format(**figures)))
        if layer.version_id in open_m2 and rule.gap is not None:
            figures = _figures(layer, overlay, open_m2[layer.version_id])
            words.append((rule.gap.finding.format(**figures), rule.gap.finding_en.format(**figures)))
        if words:
            from_ = layer.control if layer.code in softer else None
            found.append(
                RuleTold(rule, "".join(zh for zh, _ in words), " ".join(en for _, en in words), from_)
            )
    return tuple(found)


def _figures(layer: LayerOnDay, overlay: Overlay, area_m2: float) -> dict[str, str]:
    """The figures that the words of a finding may name."""
    assert layer.version_id is not None
    points = sum(o.point_count for o in overlay.overlaps if o.version_id == layer.version_id)
    return {
        "area_m2": square_metres(area_m2),
        "hectares": hectares(area_m2),
        "mu": mu(area_m2),
        "share": percent(min(1.0, area_m2 / overlay.site.area_m2)),
        "length_m": rounded(overlay.layer_m.get(layer.version_id, 0.0), 2),
        "points": str(points),
        "title": layer.title,
    }
