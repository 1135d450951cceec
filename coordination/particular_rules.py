"""Particular rules (特别规则): those of some features, of a relation, of a distance or of some values of a raster, which prevail over
their layer's general rule.

Most choose among what the overlay found. Others ask for themselves: what lies within their distance, what only touches, what is
met of a layer whose outside is the conflict, and where a raster has their values.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City, polygonal
from blueprint.database import execute_prepared, load_statements, prepared
from blueprint.layers.buffers import edge_width, quarter_segments
from blueprint.layers.models import ConflictWhen, Control, GeometryKind
from blueprint.overlay import NOISE_M, Overlap, Relation, raster_overlap
from blueprint.rasters.values import Threshold as Pixels
from blueprint.rasters.zonal import measure_rasters
from blueprint.slivers import is_thin
from blueprint.snapshot import LayerOnDay
from coordination.class_codes import as_rules_read
from coordination.rule_sets import Condition, Rule
from coordination.use_matrix import Ruling

_SQL = load_statements(Path(__file__).with_suffix(".sql"))
_NEAR = prepared("near_features", _SQL["near_features"].text)
_EDGE_WIDTHS = prepared("edge_widths", _SQL["edge_widths"].text)
_MEASURED = prepared("measured_shapes", _SQL["measured_shapes"].text)
_ORDER = list(Control)
_GROUND_IN_COMMON = (Relation.WITHIN, Relation.COVERS)


def asks_itself(rule: Rule, layer: LayerOnDay) -> bool:
    """Whether a rule asks what the overlay does not tell of its layer."""
    if layer.version_id is None:
        return False
    if layer.geometry == GeometryKind.RASTER:
        return rule.pixels is not None
    is_polygon = layer.geometry == GeometryKind.POLYGON
    return (
        rule.reach is not None
        or (rule.relation is Relation.TOUCHES and is_polygon)
        or layer.conflict_when == ConflictWhen.OUTSIDE
    )


def choose(rules: Iterable[Rule], layer: LayerOnDay, overlap: Overlap) -> Ruling | None:
    """The strictest of the particular rules that an overlap falls under; None where the general rule holds."""
    attributes = as_rules_read(layer, overlap.attributes)
    fitting = [
        rule
        for rule in rules
        if not asks_itself(rule, layer)
        and (rule.is_possible or _fits(rule.relation, overlap))
        and (rule.when is None or rule.when.is_met(attributes))
    ]
    if not fitting:
        return None
    rule = min(fitting, key=_rank)
    return Ruling(_control(rule), _reason(rule, overlap.attributes), rule.id)


def unnamed(rules: Iterable[Rule], layer: LayerOnDay, overlap: Overlap) -> str | None:
    """What is said of a feature whose grade, or other value that rules of its layer go by, none of them names."""
    attributes = as_rules_read(layer, overlap.attributes)
    by_field: dict[str, list[Condition]] = {}
    for rule in rules:
        if rule.when is not None:
            by_field.setdefault(rule.when.field, []).append(rule.when)
    told = [
        f"图斑属性 {field} 为 {overlap.attributes[field]}，没有规则列出，按图层一般管控认定"
        f" {field} is {overlap.attributes[field]}, which no rule names: the layer's general control holds"
        for field, conditions in by_field.items()
        if not any(condition.is_met(attributes) for condition in conditions)
    ]
    return "；".join(told) or None


def _fits(of_rule: Relation | None, met: Overlap) -> bool:
    """Whether a relation is one that a rule is for: `overlaps` is any ground in common, a site wholly inside an area among it.

    A site that is the whole of a feature, told as within it, covers it as well.
    """
    if of_rule is Relation.COVERS and met.relation is Relation.WITHIN:
        return _is_all_of_its_feature(met)
    return (
        of_rule is None
        or met.relation is of_rule
        or (of_rule is Relation.OVERLAPS and met.relation in _GROUND_IN_COMMON)
    )


def _is_all_of_its_feature(met: Overlap) -> bool:
    """Nothing of the feature is left beyond the site but the rounding of coordinates along its outline."""
    share = met.feature_share
    return share is not None and share > 0 and 1 / share - 1 <= 2 * NOISE_M / met.mean_width_m


@dataclass(frozen=True)
class Asked:
    """What a rule that asks for itself found, and how it weighs."""

    overlap: Overlap
    ruling: Ruling


def ask_by_rules(
    session: Session,
    site: shapely.MultiPolygon,
    layers: Sequence[LayerOnDay],
    rules: Mapping[str, Sequence[Rule]],
    *,
    city: City,
    site_m2: float,
) -> tuple[Asked, ...]:
    """What the rules that ask for themselves find of a site (working CRS, `site_m2` by the city's measure).

    Of the `layers` each can be read: a raster whose file is gone has failed before.
    """
    asking = {
        layer.version_id: (layer, [rule for rule in rules[layer.code] if asks_itself(rule, layer)])
        for layer in layers
        if layer.code in rules and layer.version_id is not None
    }
    asking = {version_id: (layer, own) for version_id, (layer, own) in asking.items() if own}
    rasters = [pair for pair in asking.values() if pair[0].geometry == GeometryKind.RASTER]
    features = {
        version_id: pair for version_id, pair in asking.items() if pair[0].geometry != GeometryKind.RASTER
    }
    return (
        *_ask_features(session, site, features, city=city, site_m2=site_m2),
        *_ask_rasters(session, site, rasters, site_m2=site_m2),
    )


def _ask_rasters(
    session: Session,
    site: shapely.MultiPolygon,
    asking: Iterable[tuple[LayerOnDay, Sequence[Rule]]],
    *,
    site_m2: float,
) -> Iterator[Asked]:
    """Where rasters have the values of a rule on more than its share of the site; each rule is a finding of its own."""
    for layer, own in asking:
        for rule in own:
            pixels = rule.pixels or Pixels()
            asked = layer._replace(
                threshold_above=pixels.above,
                threshold_below=pixels.below,
                threshold_values=list(pixels.values),
                threshold_share=pixels.share,
            )
            measured, _ = measure_rasters(session, site, [asked])
            overlap = raster_overlap(asked, measured, site_m2=site_m2)
            if overlap is not None:
                yield Asked(overlap._replace(rule=rule.id), Ruling(_control(rule), None, rule.id))


def _ask_features(
    session: Session,
    site: shapely.MultiPolygon,
    asking: Mapping[int, tuple[LayerOnDay, Sequence[Rule]]],
    *,
    city: City,
    site_m2: float,
) -> tuple[Asked, ...]:
    if not asking:
        return ()
    reaches = [farthest_m(session, version_id, own) for version_id, (_, own) in asking.items()]
    values = {
        "footprint": shapely.to_wkb(site),
        "working_srid": city.working_srid,
        "version_ids": list(asking),
        "reaches": reaches,
    }
    found: list[tuple[LayerOnDay, Overlap, Rule]] = []
    for version_id, feature_id, source_id, attributes, plane_m2, wkb in execute_prepared(
        session, _NEAR, values
    ):
        layer, own = asking[version_id]
        near = shapely.union_all(shapely.get_parts(shapely.from_wkb(bytes(wkb))))
        read = as_rules_read(layer, attributes or {})
        for rule in own:
            if rule.when is not None and not rule.when.is_met(read):
                continue
            overlap = _overlap(
                rule, layer, site, _Near(feature_id, source_id, attributes or {}, plane_m2, near)
            )
            if overlap is not None:
                found.append((layer, overlap, rule))
    areas = _measured(session, [overlap.shape for _, overlap, _ in found], city)
    return tuple(
        Asked(
            overlap._replace(
                overlap_m2=area_m2,
                overlap_share=min(1.0, area_m2 / site_m2),
                is_sliver=overlap.is_areal and (overlap.is_sliver or area_m2 < layer.tolerance_m2),
            ),
            Ruling(_control(rule), _reason(rule, overlap.attributes), rule.id),
        )
        for (layer, overlap, rule), area_m2 in zip(found, areas, strict=True)
    )


def farthest_m(session: Session, version_id: int, rules: Iterable[Rule]) -> float:
    """How far from what is drawn of a version's features the distances of its rules go, in metres."""
    reaches = [rule.reach for rule in rules if rule.reach is not None]
    return max(
        (reach.most_m(_widest_m(session, version_id, reach.by.edge_width_field)) for reach in reaches),
        default=NOISE_M,
    )


def _widest_m(session: Session, version_id: int, field: str | None) -> float:
    """How wide the widest feature of a version is by itself (a road, a river); a version never changes, and is asked once."""
    if field is None:
        return 0.0
    key = (str(session.get_bind().engine.url), version_id, field)
    if key not in _WIDEST_M:
        rows = execute_prepared(session, _EDGE_WIDTHS, {"version_id": version_id, "field": field})
        found = [width.width_m for row in rows if (width := edge_width(row[0])) is not None]
        _WIDEST_M[key] = max(found, default=0.0)
    return _WIDEST_M[key]


_WIDEST_M: dict[tuple[str, int, str], float] = {}


@dataclass(frozen=True)
class _Near:
    """A feature near a site: of its shape the parts within the reach, and how large the whole is (None for lines and points)."""

    feature_id: int
    source_id: str | None
    attributes: Mapping[str, Any]
    plane_m2: float | None
    shape: BaseGeometry


def _overlap(rule: Rule, layer: LayerOnDay, site: shapely.MultiPolygon, feature: _Near) -> Overlap | None:
    """What a rule finds of one feature, its area still to be measured; None where it finds nothing."""
    near, attributes = feature.shape, feature.attributes
    distance_m = float(shapely.distance(site, near))
    common = shapely.intersection(site, near)
    relation = rule.relation or Relation.OVERLAPS
    if relation is Relation.TOUCHES:
        if distance_m > NOISE_M or not _is_noise(polygonal(common)):
            return None
        shape, is_areal = common, False
    else:
        reach_m = rule.reach.zone(attributes).reach_m if rule.reach is not None else 0.0
        grown = shapely.buffer(near, reach_m, quad_segs=quarter_segments(reach_m)) if reach_m else near
        shape, is_areal = polygonal(shapely.intersection(site, grown)), True
        if _is_noise(shape) or not (rule.is_possible or _stands_so(relation, site, common, feature)):
            return None
    is_thin = is_areal and _is_thin(shape, layer.sliver_width_m)
    return Overlap(
        version_id=layer.version_id or 0,
        feature_id=feature.feature_id,
        source_id=feature.source_id,
        attributes=attributes,
        relation=relation,
        is_areal=is_areal,
        overlap_m2=0.0,
        overlap_share=0.0,
        feature_share=None,
        length_m=0.0 if shapely.get_dimensions(near) == 2 and is_areal else float(shapely.length(common)),
        point_count=int(shapely.get_num_coordinates(common)) if shapely.get_dimensions(near) == 0 else 0,
        distance_m=distance_m,
        is_sliver=is_thin,
        mean_width_m=2 * shape.area / shape.length if is_areal and shape.length else 0.0,
        shape=shape,
        rule=rule.id,
    )


def _stands_so(relation: Relation, site: shapely.MultiPolygon, common: BaseGeometry, feature: _Near) -> bool:
    """Whether the site stands to a feature that it shares ground with as a rule says, by areas, as the overlay tells it."""
    if relation is Relation.WITHIN:
        return bool(site.area - common.area <= NOISE_M * site.length)
    if relation is Relation.COVERS:
        return feature.plane_m2 is not None and feature.plane_m2 - common.area <= NOISE_M * common.length
    return relation in (Relation.OVERLAPS, Relation.WITHIN_DISTANCE)


def _is_noise(shape: BaseGeometry) -> bool:
    return 2 * shape.area <= NOISE_M * shape.length


def _is_thin(shape: BaseGeometry, width_m: float) -> bool:
    """Nothing is left of it when it is shrunk by half the width."""
    return 2 * shape.area <= width_m * shape.length and is_thin(shape, width_m)


def _measured(session: Session, shapes: Sequence[BaseGeometry | None], city: City) -> list[float]:
    """The areas of shapes by the city's measure; 0 for what is none."""
    if not shapes:
        return []
    values = {
        "shapes": [shapely.to_wkb(polygonal(shape)) for shape in shapes if shape is not None],
        "working_srid": city.working_srid,
        "on_ellipsoid": city.area_measure is AreaMeasure.ELLIPSOID,
    }
    return [row[0] or 0.0 for row in execute_prepared(session, _MEASURED, values)]


def _reason(rule: Rule, attributes: Mapping[str, Any]) -> str | None:
    """What was assumed of a feature for want of an attribute."""
    told = [
        rule.when.assumed(attributes) if rule.when is not None else None,
        rule.reach.zone(attributes).assumed if rule.reach is not None else None,
    ]
    return "；".join(filter(None, told)) or None


def _control(rule: Rule) -> Control:
    assert rule.control is not None  # the file is refused without it
    return rule.control


def _rank(rule: Rule) -> int:
    return _ORDER.index(_control(rule))
