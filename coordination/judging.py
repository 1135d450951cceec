"""What a rule set makes of a check: each layer's control, softened below its threshold, by class, by height, by particular rules, its gaps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import shapely
from geoalchemy2.shape import to_shape
from shapely.geometry.base import BaseGeometry
from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from blueprint.city import City, polygonal
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.layers.models import ConflictWhen, Control, GeometryKind, feature
from blueprint.overlay import Known, Overlap, Overlay, find_overlaps
from blueprint.snapshot import LayerOnDay
from coordination.class_codes import as_rules_read
from coordination.gaps import find_gaps
from coordination.heights import HIGHEST_TOP_M, of_raster
from coordination.particular_rules import ask_by_rules, choose, unnamed
from coordination.rule_file import load_rule_set
from coordination.rule_sets import Rule, RuleSet
from coordination.rule_words import RuleTold, told
from coordination.use_matrix import Ruling

Key = tuple[int, int | None, str | None]
"""A finding: version, feature, and the rule that asked for it by itself."""

_ORDER = list(Control)


@dataclass(frozen=True)
class Judged:
    """What the layers that were asked say under the rules of a day: `rulings` where a feature decided, `rules` by their id."""

    layers: tuple[LayerOnDay, ...]
    overlay: Overlay
    words: tuple[RuleTold, ...]
    rules: Mapping[str, Rule]
    rulings: Mapping[Key, Ruling]


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

    The ledger of one statement knows one control a layer: where a threshold, a class, a height, a particular rule or a gap gives
    another, it is asked again.
    """
    rules = rule_set.on(on) if rule_set is not None else {}
    particular = rule_set.particular_on(on) if rule_set is not None else {}
    layers = under_height(governed(asked, rules), rules, footprint.top_m)
    shaped = with_shapes or any(_by_feature(layer, rules, particular) for layer in layers)
    site = footprint.geometry
    overlay = find_overlaps(session, site, layers, city=city, with_shapes=shaped, known=known)
    site_m2 = overlay.site.area_m2
    gaps = find_gaps(
        session,
        site,
        [layer for layer in layers if _tells_gaps(rules.get(layer.code), layer)],
        city=city,
        site_m2=site_m2,
    )
    read = [layer for layer in layers if layer.version_id not in overlay.failed]
    found = ask_by_rules(session, site, read, particular, city=city, site_m2=site_m2)
    more = tuple(each.overlap for each in found)
    by_rules = {key_of(each.overlap): each.ruling for each in found}
    softer = softened(layers, overlay, rules)
    rulings = _rulings(session, layers, overlay, rules, particular, softer, footprint)
    open_ground = _of_gaps(layers, gaps, rules)
    weighing = {**rulings, **by_rules}
    words = told(layers, overlay, more, gaps, weighing, rules, particular, softer)
    if softer or weighing or gaps:
        ruled = {version_id for version_id, _, _ in rulings}
        # A layer whose features have controls of their own comes into the ledger by these, as areas.
        weighed = [
            layer._replace(
                control=Control.INFORM
                if layer.version_id in ruled
                else softer.get(layer.code, Control(layer.control))
            )
            for layer in layers
        ]
        met = [*overlay.overlaps, *more]
        layers = tuple(
            layer._replace(control=_worst(layer, softer.get(layer.code), met, weighing)) for layer in layers
        )
        zones = [*_zones(met, weighing, site), *_zones(gaps, open_ground, site)]
        overlay = find_overlaps(
            session, site, weighed, city=city, with_shapes=shaped, zones=zones, known=known
        )
        overlay = replace(overlay, overlaps=(*overlay.overlaps, *more, *gaps))
    return Judged(
        layers,
        overlay,
        words,
        {
            rule.id: rule
            for layer in layers
            for rule in (*filter(None, [rules.get(layer.code)]), *particular.get(layer.code, ()))
        },
        {**weighing, **open_ground, **_of_rasters(layers, rules, footprint.top_m)},
    )


def under_height(
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
) -> dict[Key, Ruling]:
    return {
        (layer.version_id, None, None): of_raster(rule.height, top_m)
        for layer in layers
        if (rule := rules.get(layer.code)) is not None
        and rule.height is not None
        and _is_raster(layer)
        and layer.version_id is not None
    }


def _is_raster(layer: LayerOnDay) -> bool:
    return layer.geometry == GeometryKind.RASTER


def _by_feature(
    layer: LayerOnDay, rules: Mapping[str, Rule], particular: Mapping[str, Sequence[Rule]]
) -> bool:
    """Whether each feature of a layer, or each threshold of a raster, has a control of its own."""
    rule = rules.get(layer.code)
    return layer.code in particular or (
        not _is_raster(layer) and rule is not None and (rule.matrix is not None or rule.height is not None)
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
    particular: Mapping[str, Sequence[Rule]],
    softer: Mapping[str, Control],
    footprint: Footprint,
) -> dict[Key, Ruling]:
    """The control of each feature of the layers whose rules go by class, by height or by particular rules; these prevail."""
    by_version = {layer.version_id: layer for layer in layers if _by_feature(layer, rules, particular)}
    met = [overlap for overlap in overlay.overlaps if overlap.version_id in by_version]
    surfaces = _surfaces(
        session,
        [
            overlap
            for overlap in met
            if (rule := rules.get(by_version[overlap.version_id].code)) is not None
            and rule.height is not None
            and rule.height.slope_field
        ],
    )
    found = {}
    for overlap in met:
        layer = by_version[overlap.version_id]
        rule = rules.get(layer.code)
        own = particular.get(layer.code, ())
        ruling = choose([each for each in own if not each.is_possible], layer, overlap)
        if ruling is None:
            if rule is not None and overlap.feature_id is not None:
                ruling = _by_general(rule, layer, overlap, surfaces, footprint)
            ruling = ruling or Ruling(softer.get(layer.code, Control(layer.control)), None)
            if overlap.feature_id is not None:
                reasons = (ruling.reason, unnamed(own, layer, overlap))
                ruling = replace(ruling, reason="；".join(filter(None, reasons)) or None)
        possible = choose([each for each in own if each.is_possible], layer, overlap)
        rulings = (ruling, possible) if possible is not None else (ruling,)
        found[key_of(overlap)] = min(rulings, key=lambda each: _ORDER.index(each.control))
    return found


def _by_general(
    rule: Rule,
    layer: LayerOnDay,
    overlap: Overlap,
    surfaces: Mapping[Key, BaseGeometry],
    footprint: Footprint,
) -> Ruling | None:
    """What the matrix or the height of a general rule says of a feature; None where it has neither."""
    if rule.matrix is not None:
        return rule.matrix.rule(footprint.planned_use, as_rules_read(layer, overlap.attributes))
    if rule.height is None:
        return None
    shared = overlap.shape if overlap.shape is not None else footprint.geometry
    zone = surfaces.get(key_of(overlap), shared)
    return rule.height.rule(footprint.top_m, overlap.attributes, zone, shared)


def _surfaces(session: Session, overlaps: Sequence[Overlap]) -> dict[Key, BaseGeometry]:
    """The whole zones of surfaces that rise: where they are lowest is told from their own edges."""
    if not overlaps:
        return {}
    keys = [(overlap.version_id, overlap.feature_id) for overlap in overlaps]
    rows = session.execute(
        select(feature.c.version_id, feature.c.feature_id, feature.c.geom).where(
            tuple_(feature.c.version_id, feature.c.feature_id).in_(keys)
        )
    )
    return {(row.version_id, row.feature_id, None): to_shape(row.geom) for row in rows}


def _of_gaps(
    layers: Sequence[LayerOnDay], gaps: Sequence[Overlap], rules: Mapping[str, Rule]
) -> dict[Key, Ruling]:
    codes = {layer.version_id: layer.code for layer in layers}
    return {
        key_of(gap): Ruling(rule.gap.control, None)
        for gap in gaps
        if (rule := rules[codes[gap.version_id]]).gap is not None
    }


def _worst(
    layer: LayerOnDay, softer: Control | None, met: Iterable[Overlap], rulings: Mapping[Key, Ruling]
) -> str:
    """The worst control of what is met of a layer; its own, or the softer one below its threshold, where no feature has another."""
    controls = [
        rulings[key].control if (key := key_of(overlap)) in rulings else softer or Control(layer.control)
        for overlap in met
        if overlap.version_id == layer.version_id
    ]
    return min(controls, key=_ORDER.index, default=layer.control)


def _zones(
    overlaps: Sequence[Overlap], rulings: Mapping[Key, Ruling], site: shapely.MultiPolygon
) -> list[tuple[Control, shapely.MultiPolygon]]:
    """What is ruled of the site, by its control; slivers weigh nothing, pixels too ragged to be drawn are all of the site."""
    shapes: dict[Control, list[shapely.Geometry]] = {}
    for overlap in overlaps:
        ruling = rulings.get(key_of(overlap))
        if ruling is not None and overlap.is_areal and not overlap.is_sliver:
            shapes.setdefault(ruling.control, []).append(overlap.shape if overlap.shape is not None else site)
    return [(control, polygonal(shapely.union_all(found))) for control, found in shapes.items()]


def key_of(overlap: Overlap) -> Key:
    """How the ruling of a finding is found."""
    return overlap.version_id, overlap.feature_id, overlap.rule


def rule_set_of(city: City) -> RuleSet | None:
    """The rule set that the city's profile names, if it names a file; read anew when the file changed."""
    return of_city(load_rule_set(city.rules_path), city) if city.rules_path is not None else None


def of_city(rule_set: RuleSet, city: City) -> RuleSet:
    """The rule set, which names none but the city's departments; InvalidInputError says which rule does."""
    known = {department.code for department in city.departments}
    for rule in rule_set.rules:
        if rule.department is not None and rule.department not in known:
            raise InvalidInputError(
                "rule {rule_id} names the department {department}, which the city profile does not have",
                rule_id=rule.id,
                department=rule.department,
            )
    return rule_set


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
