"""Groups of layers (图层组) of the city profile."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blueprint.errors import InvalidInputError


@dataclass(frozen=True)
class LayerGroup:
    """A group of layers (图层组) as lists and maps show them, in the order of the profile."""

    code: str
    name: str
    name_en: str | None = None


LAYER_GROUPS = (
    LayerGroup("base_map", "底图", "Base map"),
    LayerGroup("current_state", "现状", "Current state"),
    LayerGroup("control_zones", "三区三线", "Control zones and lines"),
    LayerGroup("territorial_plan", "国土空间总体规划", "Territorial plan"),
    LayerGroup("detailed_plan", "详细规划", "Detailed plans"),
    LayerGroup("sector_plan", "专项规划", "Sector plans"),
)
"""The groups of a city whose profile names none (`[[layer_group]]`)."""


def read_layer_groups(entries: list[dict[str, Any]], path: Path) -> tuple[LayerGroup, ...]:
    """The groups of a profile (`[[layer_group]]`), else those of a city that names none; path is said in an error."""
    groups = tuple(
        LayerGroup(str(entry["code"]), str(entry["name"]), entry.get("name_en")) for entry in entries
    )
    if len({group.code for group in groups}) < len(groups):
        raise InvalidInputError("{path}: two layer groups have the same code; rename one", path=path)
    return groups or LAYER_GROUPS
