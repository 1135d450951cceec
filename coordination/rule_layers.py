"""Whether a rule can be met on its layer at all (规则与图层相配): its relation, pixels or parts go by what the layer's features are; pure."""

from collections.abc import Iterable, Mapping
from datetime import date

from blueprint.errors import InvalidInputError
from blueprint.layers.models import ConflictWhen, Control, GeometryKind
from blueprint.overlay import Relation
from blueprint.rasters.values import ValueKind
from blueprint.sentences import Sentence
from blueprint.snapshot import LayerOnDay
from coordination.rule_sets import Rule, RuleSet, is_harder

_OF_KIND = {
    GeometryKind.POLYGON: (Relation.OVERLAPS, Relation.WITHIN, Relation.COVERS),
    GeometryKind.LINE: (Relation.CROSSES, Relation.CONTAINS),
    GeometryKind.POINT: (Relation.CONTAINS,),
}
"""How a site can stand to the features of a kind, beside touching them and lying within a distance."""

_OF_ANY = (Relation.TOUCHES, Relation.WITHIN_DISTANCE)


def never_met(rule: Rule, layer: LayerOnDay) -> Sentence | None:
    """Why a rule is never met on its layer; None where it may be."""
    kind, code = GeometryKind(layer.geometry), layer.code
    if kind is GeometryKind.RASTER:
        if rule.when is not None or rule.relation is not None or rule.matrix is not None:
            return Sentence(
                "layer {code} is a raster, which has no features: `pixels` says which values are meant",
                code=code,
            )
        if rule.pixels is not None and rule.pixels.values and layer.value_kind != ValueKind.CLASSES:
            return Sentence("layer {code} holds measures, not classes: say `above` or `below`", code=code)
    elif rule.pixels is not None:
        return Sentence(
            "layer {code} is no raster: `pixels` are for rasters, `when` is for features", code=code
        )
    elif rule.relation is not None and rule.relation not in (fitting := _fitting(layer)):
        return Sentence(
            "no site {relation} a {kind} of layer {code}; a rule of it is for {fitting}",
            relation=rule.relation,
            kind=kind,
            code=code,
            fitting=fitting,
        )
    if rule.threshold is not None and not (measured := _measured(layer)) & rule.threshold.given:
        return Sentence(
            "the threshold is by {given}, and layer {code} has {measured}: it would never be reached",
            given=tuple(sorted(rule.threshold.given)),
            code=code,
            measured=tuple(sorted(measured)) or Sentence("none of area, share or length"),
        )
    if rule.below is not None and rule.control is None and not is_harder(Control(layer.control), rule.below):
        return Sentence(
            "below a threshold a rule is milder; {below} is not milder than {control}, the control of layer {code}",
            below=rule.below,
            control=Control(layer.control),
            code=code,
        )
    if rule.gap is not None and (
        kind is not GeometryKind.POLYGON or layer.conflict_when == ConflictWhen.OUTSIDE
    ):
        return Sentence(
            "a `gap` is for a layer of polygons whose inside is the conflict, which {code} is not", code=code
        )
    return None


def _fitting(layer: LayerOnDay) -> tuple[Relation, ...]:
    """The relations that a rule of a layer may be for; a point with a zone is met as that."""
    kind = GeometryKind(layer.geometry)
    is_zone = kind is GeometryKind.POINT and layer.buffer_m > 0
    return (*_OF_KIND[GeometryKind.POLYGON if is_zone else kind], *_OF_ANY)


def _measured(layer: LayerOnDay) -> frozenset[str]:
    """What of a layer's features has a measure that a threshold may go by: areas and zones an area and a share, lines a length."""
    kind = GeometryKind(layer.geometry)
    is_areal = kind in (GeometryKind.POLYGON, GeometryKind.RASTER) or layer.buffer_m > 0
    return frozenset(("area_m2", "share") if is_areal else ()) | (
        {"length_m"} if kind is GeometryKind.LINE else set()
    )


def refuse_never_met(rule_set: RuleSet, layers: Iterable[LayerOnDay], *, on: date) -> None:
    """Refuse a rule set with a rule that is never met on its layer, naming its line; of layers that are not there nothing is known.

    Rules that ended before the day may be of a layer that was another then: they are left as they are.
    """
    by_code: Mapping[str, LayerOnDay] = {layer.code: layer for layer in layers}
    for rule in rule_set.rules:
        if rule.valid_until is not None and rule.valid_until < on:
            continue
        reason = never_met(rule, by_code[rule.layer]) if rule.layer in by_code else None
        if reason is not None:
            raise InvalidInputError(
                "{file}:{number}: {rule_id}: {reason}",
                file=rule_set.file,
                number=rule.line,
                rule_id=rule.id,
                reason=reason,
                place=f"line {rule.line}",
            )
