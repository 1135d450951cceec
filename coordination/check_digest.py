"""The digest of a check: one hash over all that decides its figures, so that the same check is known again."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import shapely

from blueprint.city import City
from blueprint.footprint import Footprint
from blueprint.overlay import ENGINE
from blueprint.snapshot import LayerOnDay
from coordination.class_codes import is_translated
from coordination.masking import RestrictedConflict
from coordination.rule_sets import RuleSet


def digest_of(
    footprint: Footprint,
    asked: Sequence[LayerOnDay],
    city: City,
    conflicts: Sequence[RestrictedConflict] = (),
    *,
    on: date,
    rule_set: RuleSet | None = None,
) -> str:
    """SHA-256 over the footprint, the versions asked, their rules and the engine: all that decides figures and verdict.

    The day counts by what it changes, the rules in force: the same check of another day has the same digest.

    Of restricted layers only what the reader is told: a new version of one must not show in the digest.
    """
    content: dict[str, Any] = {
        "engine": ENGINE,
        "working_crs": city.working_crs,
        "area_measure": str(city.area_measure),
        "rule_set": city.rule_set,
        "footprint": shapely.to_wkb(shapely.normalize(footprint.geometry), hex=True, byte_order=1),
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
    if rule_set is not None:
        content["rule_set"] = [rule_set.name, rule_set.sha256]
        codes = {layer.code for layer in asked}
        at_rest = [rule.id for rule in rule_set.rules if rule.layer in codes and not rule.holds_on(on)]
        if at_rest:
            content["rules_at_rest"] = sorted(at_rest)
        translated = [[layer.code, layer.class_field] for layer in asked if is_translated(layer)]
        if translated:
            content["edition_2020"] = translated
        if footprint.planned_use is not None:
            content["planned_use"] = footprint.planned_use
        if footprint.top_m is not None:
            content["top_m"] = footprint.top_m
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
