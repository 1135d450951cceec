"""The shapes of a standard's entries: layers, fields, code lists, limits, each with its source and how sure it is."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class FieldType(StrEnum):
    """What a field holds."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"


class Required(StrEnum):
    """必填 mandatory, 条件必填 conditional, 可选 optional, as the standards' tables write it."""

    MANDATORY = "M"
    CONDITIONAL = "C"
    OPTIONAL = "O"


class FieldRole(StrEnum):
    """What a field means to the quality check."""

    SOURCE_ID = "source_id"
    CLASS_CODE = "class_code"
    PLACE_CODE = "place_code"
    AREA = "area"
    NET_AREA = "net_area"
    DEDUCTED_AREA = "deducted_area"
    DEDUCTED_SHARE = "deducted_share"
    LAND_USE = "land_use"
    LAND_USE_NAME = "land_use_name"


@dataclass(frozen=True)
class FieldStandard:
    """A field: length in characters or digits, `least`/`most` bounds of its value, `codes` the list it takes."""

    name: str
    title: str
    type: FieldType
    required: Required
    length: int | None = None
    decimals: int | None = None
    codes: str | None = None
    least: float | None = None
    least_excluded: bool = False
    most: float | None = None
    unit: str | None = None
    role: FieldRole | None = None
    aliases: tuple[str, ...] = ()
    source: str = ""
    unsure: str = ""
    note: str = ""


@dataclass(frozen=True)
class LayerStandard:
    """A layer: its codes, its geometry and what features may not do among each other, its fields."""

    code: str
    title: str
    geometry: str
    group: str
    levels: tuple[str, ...]
    aliases: tuple[str, ...]
    class_code: str | None
    covers_all: bool
    forbids_overlaps: bool
    single_part: bool
    fields: tuple[FieldStandard, ...]
    source: str = ""
    unsure: str = ""
    note: str = ""

    @cached_property
    def by_name(self) -> dict[str, FieldStandard]:
        """The fields by their names."""
        return {field.name: field for field in self.fields}

    def of_role(self, role: FieldRole) -> FieldStandard | None:
        """The field that plays this role, if there is one."""
        return next((field for field in self.fields if field.role is role), None)


@dataclass(frozen=True)
class Code:
    """A code of a list."""

    code: str
    title: str
    source: str
    unsure: str


@dataclass(frozen=True)
class LandUseClass:
    """A class of land and sea use (用地用海分类) of one edition, 2020 or 2023."""

    edition: str
    code: str
    title: str
    parent: str | None
    land_class: str
    color: str
    maps_to_2023: str | None
    source: str
    unsure: str


@dataclass(frozen=True)
class Limit:
    """A number that a check holds data to."""

    name: str
    value: float
    unit: str
    title: str
    source: str
    unsure: str


@dataclass(frozen=True)
class Standards:
    """All that is known: layers by code, aliases to codes, code lists, land use by edition and code, limits, sources."""

    layers: dict[str, LayerStandard]
    aliases: dict[str, str]
    codes: dict[str, dict[str, Code]]
    land_use: dict[str, dict[str, LandUseClass]]
    limits: dict[str, Limit]
    sources: dict[str, str]

    def find(self, name: str) -> LayerStandard | None:
        """The layer of that code or alias, however it is capitalised."""
        code = self.aliases.get(name.upper(), name.upper())
        return self.layers.get(code)
