"""Rule sets (管控规则集): what the layers' rules say beyond the catalogue, with a version; pure.

A rule speaks for one layer from a day to a day: its control, a threshold below which it is softer, the finding and what the
applicant can do in words, its legal basis, when its text was last checked and who signed it off. A layer has one general rule a
day and any number of particular ones (特别规则), which go by an attribute, a relation, a distance or the values of a raster and prevail
over it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from blueprint.layers.buffers import PLAIN, BufferRule, Zone
from blueprint.layers.models import Control
from blueprint.overlay import Relation
from blueprint.rasters.values import Threshold as Pixels
from coordination.heights import HeightRule
from coordination.said_values import said
from coordination.use_matrix import UseMatrix

FIGURES = ("area_m2", "hectares", "mu", "share", "length_m", "points", "title")
"""What the words of a finding may have in braces."""

RELATIONS = tuple(relation for relation in Relation if relation not in (Relation.OUTSIDE, Relation.UNCOVERED))
"""The relations that a particular rule may be for; what lies outside and what is not covered are questions of the whole layer."""


def is_harder(one: Control, other: Control) -> bool:
    """Say whether one control weighs more than the other."""
    order = list(Control)
    return order.index(one) < order.index(other)


_REACHED = 1 - 1e-9
"""A measure is short of a threshold by more than the rounding of coordinates: just as much is reached, however it was measured."""


@dataclass(frozen=True)
class Threshold:
    """From how much on a layer's own control is meant, measured on the union of its overlaps; any one that is given does."""

    area_m2: float | None = None
    share: float | None = None
    length_m: float | None = None

    @property
    def given(self) -> frozenset[str]:
        """The measures that it goes by."""
        return frozenset(key for key, value in vars(self).items() if value is not None)

    def is_reached(self, *, area_m2: float, share: float, length_m: float) -> bool:
        """Say whether one of the measures is reached."""
        pairs = ((self.area_m2, area_m2), (self.share, share), (self.length_m, length_m))
        return any(least is not None and measured >= least * _REACHED for least, measured in pairs)


@dataclass(frozen=True)
class GapRule:
    """The control of what no feature of a layer covers (no detailed plan), and the words of that finding."""

    control: Control
    finding: str
    finding_en: str


@dataclass(frozen=True)
class Condition:
    """The features that a particular rule is about: those whose field has one of these values, or none at all."""

    field: str
    values: tuple[str, ...]

    def is_met(self, attributes: Mapping[str, Any]) -> bool:
        """Say whether a feature is meant; one that lacks the attribute may be, so it is."""
        value = self._value(attributes)
        return value == "" or said(value) in map(said, self.values)

    def assumed(self, attributes: Mapping[str, Any]) -> str | None:
        """What is said of a feature that is meant only because it lacks the attribute."""
        if self._value(attributes):
            return None
        return f"图斑缺少属性 {self.field}，从严认定 the attribute is missing: the strictest holds"

    def _value(self, attributes: Mapping[str, Any]) -> str:
        raw = attributes.get(self.field)
        if isinstance(raw, float) and raw.is_integer():
            raw = int(raw)
        return str(raw).strip() if raw is not None else ""


@dataclass(frozen=True)
class Reach:
    """How far from a feature a rule goes, in metres from its legal edge; `by` has the widths of an attribute's values."""

    distance_m: float
    by: BufferRule = PLAIN

    def most_m(self, widest_m: float) -> float:
        """No feature of this rule reaches further, where none is wider by itself than `widest_m`."""
        return self.distance_m + max(widest_m, self.by.edge_width_m) / 2

    def zone(self, attributes: Mapping[str, Any]) -> Zone:
        """The zone of one feature."""
        return self.by.zone(self.distance_m, attributes)


@dataclass(frozen=True)
class SignOff:
    """Who of the responsible department signed a rule off, and when."""

    by: str
    on: date


@dataclass(frozen=True)
class Rule:
    """What one layer's rule says; `control` None leaves the catalogue's, `unsure` says what of it is not certain."""

    id: str
    layer: str
    title: str
    title_en: str
    finding: str
    finding_en: str
    remedy: str
    remedy_en: str
    basis: tuple[str, ...]
    last_checked_on: date
    control: Control | None = None
    threshold: Threshold | None = None
    below: Control | None = None
    matrix: UseMatrix | None = None
    height: HeightRule | None = None
    gap: GapRule | None = None
    when: Condition | None = None
    relation: Relation | None = None
    reach: Reach | None = None
    pixels: Pixels | None = None
    """Of a raster: the values that it is about, and on more than which share of the site."""
    department: str | None = None
    """Who answers for what this rule finds; None: the department of the layer."""
    valid_from: date | None = None
    valid_until: date | None = None
    signed_off: SignOff | None = None
    unsure: str | None = None
    line: int = field(default=1, compare=False)
    """Where in the file it says what it is about."""
    is_possible: bool = False
    """Of ground that is searched: a site on it may stand so to a feature; it weighs where it is harder than what holds else."""

    @property
    def is_particular(self) -> bool:
        """Whether the rule is about some features, a relation, a distance or some values, and not about the layer."""
        return self.when is not None or self.relation is not None or self.pixels is not None

    def holds_on(self, day: date) -> bool:
        """Say whether the rule is in force on a day; both ends belong to it."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )


@dataclass(frozen=True)
class RuleSet:
    """A version of a rule set, and the SHA-256 of the file that holds it."""

    code: str
    version: int
    rules: tuple[Rule, ...]
    sha256: str
    content: bytes = field(default=b"", repr=False, compare=False)
    """The file itself, which is kept for reports that cite it."""
    file: str = field(default="", repr=False, compare=False)

    @property
    def name(self) -> str:
        """What reports cite."""
        return f"{self.code} v{self.version}"

    def on(self, day: date) -> Mapping[str, Rule]:
        """The general rules in force on a day, by layer."""
        return {rule.layer: rule for rule in self.rules if rule.holds_on(day) and not rule.is_particular}

    def particular_on(self, day: date) -> Mapping[str, tuple[Rule, ...]]:
        """The particular rules in force on a day, by layer, in the order of the file."""
        found: dict[str, tuple[Rule, ...]] = {}
        for rule in self.rules:
            if rule.is_particular and rule.holds_on(day):
                found[rule.layer] = (*found.get(rule.layer, ()), rule)
        return found

    def of_layer(self, layer: str) -> tuple[Rule, ...]:
        """The rules of a layer, on whatever day."""
        return tuple(rule for rule in self.rules if rule.layer == layer)


_OF_THE_GROUND = (None, Relation.WITHIN_DISTANCE)
"""Relations that hold of a piece of ground whatever site is laid on it."""


def of_ground(rule_set: RuleSet) -> RuleSet:
    """The same rules as ground is asked: a layer is met by as much as you like, and a site may stand to a feature as any rule says."""
    rules = tuple(
        replace(
            rule,
            threshold=None,
            below=None,
            pixels=replace(rule.pixels, share=0.0) if rule.pixels is not None else None,
            is_possible=rule.relation not in _OF_THE_GROUND,
        )
        for rule in rule_set.rules
    )
    return replace(rule_set, rules=rules)


def to_json(rule: Rule) -> dict[str, Any]:
    """A rule as plain JSON values."""
    threshold = {k: v for k, v in vars(rule.threshold).items() if v is not None} if rule.threshold else None
    signed = {"by": rule.signed_off.by, "on": rule.signed_off.on.isoformat()} if rule.signed_off else None
    days = {
        key: value.isoformat() if value else None
        for key, value in (("valid_from", rule.valid_from), ("valid_until", rule.valid_until))
    }
    said = {key: value for key, value in vars(rule).items() if key != "is_possible"}
    return {
        **said,
        **days,
        "control": rule.control,
        "threshold": threshold,
        "matrix": {"field": rule.matrix.field, "uses": rule.matrix.uses} if rule.matrix else None,
        "height": vars(rule.height) if rule.height else None,
        "gap": vars(rule.gap) if rule.gap else None,
        "when": {"field": rule.when.field, "values": list(rule.when.values)} if rule.when else None,
        "reach": _reach_json(rule.reach) if rule.reach else None,
        "pixels": vars(rule.pixels) | {"values": list(rule.pixels.values)} if rule.pixels else None,
        "signed_off": signed,
        "basis": list(rule.basis),
        "last_checked_on": rule.last_checked_on.isoformat(),
    }


def _reach_json(reach: Reach) -> dict[str, Any]:
    return {"distance_m": reach.distance_m, **vars(reach.by), "widths": dict(reach.by.widths)}
