"""Class codes as rules are asked with them (用地用海代码): rules are written by the edition of 2023, a layer may be by that of 2020."""

from collections.abc import Mapping
from typing import Any

from blueprint.layers.models import Symbology
from blueprint.snapshot import LayerOnDay
from blueprint.standards.land_use import as_edition_2023
from blueprint.standards.loading import standards


def is_translated(layer: LayerOnDay) -> bool:
    """Whether the class codes of a layer are of the old edition, some of which mean another class in the new one."""
    return layer.symbology == Symbology.LAND_USE_2020 and layer.class_field is not None


def as_rules_read(layer: LayerOnDay, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """A feature's attributes with its class code by the edition of 2023."""
    raw = attributes.get(layer.class_field or "")
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    if isinstance(raw, int) and not isinstance(raw, bool):
        raw = str(raw)
    if not is_translated(layer) or not isinstance(raw, str):
        return attributes
    return {**attributes, layer.class_field or "": as_edition_2023(raw, standards())}
