"""The file of a rule set (规则集文件): YAML read and validated, so that an error names its line; pure but for reading the file."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from blueprint.errors import InvalidInputError
from blueprint.layers.buffers import read_buffer_rule
from blueprint.overlay import Relation
from blueprint.rasters.values import Threshold as Pixels
from coordination.heights import HeightRule
from coordination.rule_place import Loader, Place, shown
from coordination.rule_sets import (
    RELATIONS,
    Condition,
    GapRule,
    Reach,
    Rule,
    RuleSet,
    SignOff,
    Threshold,
    is_harder,
)
from coordination.use_matrix import ANY, UseMatrix, class_code

MAX_REACH_M = 5_000.0
"""No rule looks further: whatever lies within it is read for every check."""

MAX_BYTES = 512 << 10
"""Ten times the sample city's, and read in seconds: a coordinator may send one over HTTP."""


def load_rule_set(path: Path) -> RuleSet:
    """Read and validate a rule set; an error names the file, the line and what is wrong with it."""
    try:
        state = path.stat()
        return _read(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise InvalidInputError(
            "cannot read the rule set {path}: {strerror}", path=path, strerror=error.strerror
        ) from error


@lru_cache(maxsize=8)
def _read(path: Path, _written_ns: int, _size: int) -> RuleSet:
    """The file as it was when it was last written: every check asks for it."""
    return parse_rule_set(path.read_bytes(), path.name)


def parse_rule_set(content: bytes, name: str) -> RuleSet:
    """A rule set from the bytes of its file, which is called `name` in errors."""
    if len(content) > MAX_BYTES:
        raise InvalidInputError(
            "the rule set {name} is larger than {max_kb} kB", name=name, max_kb=MAX_BYTES >> 10
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            "the rule set {name} is no UTF-8 text: {reason}", name=name, reason=error.reason
        ) from error
    try:
        root = yaml.compose(text, Loader=Loader)
    except yaml.reader.ReaderError as error:  # a sign that no YAML has: it has a place, but no mark
        line = text.count("\n", 0, error.position) + 1
        raise InvalidInputError(
            "{name}{line_number}: no YAML: {error}",
            name=name,
            line_number=f":{line}",
            error=f"U+{error.character:04X}, {error.reason}",
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise InvalidInputError(
            "{name}{line_number}: no YAML: {error}",
            name=name,
            line_number=f":{mark.line + 1}" if mark is not None else "",
            error=getattr(error, "problem", error),
        ) from error
    document = Place(root, name).mapping(required=("code", "version", "rules"))
    rules = tuple(_rule(place) for place in document["rules"].sequence())
    _refuse_doubles(rules, document["rules"])
    return RuleSet(
        code=document["code"].text(),
        version=document["version"].whole(),
        rules=rules,
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        file=name,
    )


_NEEDED = (
    "id",
    "layer",
    "title",
    "title_en",
    "finding",
    "finding_en",
    "remedy",
    "remedy_en",
    "basis",
    "last_checked_on",
)
_FREE = (
    "control",
    "threshold",
    "below",
    "matrix",
    "height",
    "gap",
    "when",
    "relation",
    "distance_m",
    "distance_by",
    "pixels",
    "department",
    "valid_from",
    "valid_until",
    "signed_off",
    "unsure",
)


def _rule(place: Place) -> Rule:
    given = place.mapping(required=_NEEDED, optional=_FREE)
    threshold = given.get("threshold")
    if (threshold is None) != ("below" not in given):
        raise place.fault("`threshold` and `below` (the control below it) go together")
    deciding = [key for key in ("threshold", "matrix", "height") if key in given]
    if len(deciding) > 1:
        raise given[deciding[1]].fault("a rule has a threshold, a matrix or a height, not several of them")
    _refuse_half_a_particular_rule(place, given)
    control = given["control"].control() if "control" in given else None
    below = given["below"].control() if "below" in given else None
    if control is not None and below is not None and not is_harder(control, below):
        raise given["below"].fault(
            "below a threshold a rule is milder; {below} is not milder than {control}",
            below=below,
            control=control,
        )
    signed = given.get("signed_off")
    days = {key: given[key].day() if key in given else None for key in ("valid_from", "valid_until")}
    if days["valid_from"] and days["valid_until"] and days["valid_until"] < days["valid_from"]:
        raise given["valid_until"].fault("valid_until lies before valid_from")
    basis = tuple(item.text() for item in given["basis"].sequence())
    if not basis:
        raise given["basis"].fault("a rule names its legal basis")
    return Rule(
        id=given["id"].text(),
        layer=given["layer"].text(),
        title=given["title"].text(),
        title_en=given["title_en"].text(),
        finding=given["finding"].wording(),
        finding_en=given["finding_en"].wording(),
        remedy=given["remedy"].text(),
        remedy_en=given["remedy_en"].text(),
        basis=basis,
        last_checked_on=given["last_checked_on"].day(),
        control=control,
        threshold=_threshold(threshold) if threshold is not None else None,
        below=below,
        matrix=_matrix(given["matrix"]) if "matrix" in given else None,
        height=_height(given["height"]) if "height" in given else None,
        gap=_gap(given["gap"]) if "gap" in given else None,
        when=_condition(given["when"]) if "when" in given else None,
        relation=_relation(given["relation"]) if "relation" in given else None,
        reach=_reach(given) if "distance_m" in given else None,
        pixels=_pixels(given["pixels"]) if "pixels" in given else None,
        line=next((given[key].line for key in _ABOUT if key in given), place.line),
        department=given["department"].text() if "department" in given else None,
        signed_off=_sign_off(signed) if signed is not None else None,
        unsure=given["unsure"].text() if "unsure" in given else None,
        valid_from=days["valid_from"],
        valid_until=days["valid_until"],
    )


_ABOUT = ("relation", "pixels", "when", "matrix", "gap", "threshold")
"""What may not fit the layer of a rule, the first of them that it has."""


def _refuse_half_a_particular_rule(place: Place, given: Mapping[str, Place]) -> None:
    """A rule with `when`, `relation` or `pixels` decides by its control alone; a distance belongs to one relation."""
    if "when" in given or "relation" in given or "pixels" in given:
        for key in ("threshold", "matrix", "height", "gap"):
            if key in given:
                raise given[key].fault(
                    "`{key}` is for a rule without `when`, `relation` or `pixels`", key=key
                )
        if "control" not in given:
            raise place.fault("control is missing: a rule with `when`, `relation` or `pixels` decides by it")
    if "pixels" in given and ("when" in given or "relation" in given):
        raise given["pixels"].fault("`pixels` are of a raster, `when` and `relation` of features")
    is_far = "relation" in given and given["relation"].text() == Relation.WITHIN_DISTANCE
    if is_far != ("distance_m" in given):
        raise place.fault("`relation: within_distance` and `distance_m` go together")
    if "distance_by" in given and not is_far:
        raise given["distance_by"].fault("`distance_by` goes with `distance_m`")


def _condition(place: Place) -> Condition:
    given = place.mapping(required=("field", "values"))
    values = tuple(item.text() for item in given["values"].sequence())
    if not values:
        raise given["values"].fault("a condition names at least one value")
    return Condition(given["field"].text(), values)


def _relation(place: Place) -> Relation:
    text = place.text()
    if text not in RELATIONS:
        raise place.fault(
            "{text} is no relation of a rule; it is one of {relations}", text=shown(text), relations=RELATIONS
        )
    return Relation(text)


def _reach(given: Mapping[str, Place]) -> Reach:
    distance_m = given["distance_m"].number()
    if not 0 < distance_m <= MAX_REACH_M:
        raise given["distance_m"].fault(
            "a distance is more than 0 and at most {max_reach_m:,.0f} m", max_reach_m=MAX_REACH_M
        )
    if "distance_by" not in given:
        return Reach(distance_m)
    place = given["distance_by"]
    parts = place.mapping(optional=("field", "widths", "edge_width_field", "edge_width_m"))
    values: dict[str, Any] = {key: parts[key].text() for key in ("field", "edge_width_field") if key in parts}
    if "edge_width_m" in parts:
        values["edge_width_m"] = parts["edge_width_m"].number()
    if "widths" in parts:
        values["widths"] = {value: width.number() for value, width in parts["widths"].entries().items()}
    try:
        return Reach(distance_m, read_buffer_rule(values, distance_m, "distance_by"))
    except InvalidInputError as error:
        raise place.fault(error.sentence) from error


def _pixels(place: Place) -> Pixels:
    given = place.mapping(optional=("above", "below", "values", "share"))
    if not {"above", "below", "values"} & given.keys():
        raise place.fault("pixels are `above` or `below` a value, or of `values` (classes)")
    share = given["share"].number() if "share" in given else 0.0
    if share >= 1:
        raise given["share"].fault("a share is a number from 0 to less than 1")
    return Pixels(
        above=given["above"].value() if "above" in given else None,
        below=given["below"].value() if "below" in given else None,
        values=tuple(_class(item) for item in given["values"].sequence()) if "values" in given else (),
        share=share,
    )


def _class(place: Place) -> int:
    value = place.value()
    if not value.is_integer():
        raise place.fault("{text} is no code of a class, which is a whole number", text=shown(place.text()))
    return int(value)


def _threshold(place: Place) -> Threshold:
    given = place.mapping(optional=("area_m2", "share", "length_m"))
    if not given:
        raise place.fault("a threshold names an area_m2, a share or a length_m")
    values = {key: value.number() for key, value in given.items()}
    if values.get("share", 0) > 1:
        raise given["share"].fault("a share is a number from 0 to 1")
    for key, value in values.items():
        if value == 0:
            raise given[key].fault("a threshold of 0 is always reached; leave it out")
    return Threshold(**values)


def _matrix(place: Place) -> UseMatrix:
    given = place.mapping(required=("field", "uses"))
    uses = {}
    for use, row in _by_code(given["uses"]).items():
        uses[use] = {value: control.control() for value, control in _by_code(row).items()}
        if ANY not in uses[use]:
            raise row.fault('a row says what holds for other classes: "{any}": restrict', any=ANY)
    if ANY not in uses:
        raise given["uses"].fault('a matrix says what holds for other uses: "{any}": {{...}}', any=ANY)
    return UseMatrix(given["field"].text(), uses)


def _by_code(place: Place) -> dict[str, Place]:
    """The values by class code, as codes are compared: 070100 is 0701, and may not be there beside it."""
    found: dict[str, Place] = {}
    for key, value in place.entries().items():
        code = class_code(key)
        if code in found:
            raise value.fault("{text} is there twice", text=shown(key))
        found[code] = value
    return found


def _height(place: Place) -> HeightRule:
    given = place.mapping(required=("above", "within"), optional=("limit", "slope", "azimuth"))
    names = {key: given[key].text() if key in given else None for key in ("limit", "slope", "azimuth")}
    if names["limit"] is None and names["slope"] is not None:
        raise given["slope"].fault("a slope goes with the `limit` at the surface's lowest edge")
    if names["slope"] is None and names["azimuth"] is not None:
        raise given["azimuth"].fault("an azimuth is the direction of a `slope`")
    above, within = given["above"].control(), given["within"].control()
    if is_harder(within, above):
        raise given["within"].fault(
            "what stays within a surface is not weighed harder ({within}) than what reaches above it ({above})",
            within=within,
            above=above,
        )
    return HeightRule(
        above=above,
        within=within,
        limit_field=names["limit"],
        slope_field=names["slope"],
        azimuth_field=names["azimuth"],
    )


def _gap(place: Place) -> GapRule:
    given = place.mapping(required=("control", "finding", "finding_en"))
    return GapRule(given["control"].control(), given["finding"].wording(), given["finding_en"].wording())


def _sign_off(place: Place) -> SignOff:
    given = place.mapping(required=("by", "on"))
    return SignOff(given["by"].text(), given["on"].day())


def _refuse_doubles(rules: Iterable[Rule], place: Place) -> None:
    """No id twice, and on no day two general rules for one layer."""
    ids: set[str] = set()
    general: dict[str, list[Rule]] = {}
    for rule, at in zip(rules, place.sequence(), strict=True):
        if rule.id in ids:
            raise at.fault("the id {rule_id} is there twice", rule_id=rule.id)
        ids.add(rule.id)
        if rule.is_particular:
            continue
        others = general.setdefault(rule.layer, [])
        for other in others:
            if _share_a_day(other, rule):
                raise at.fault("{id} is for layer {layer} on the same days", id=other.id, layer=rule.layer)
        others.append(rule)


def _share_a_day(one: Rule, other: Rule) -> bool:
    starts = max(one.valid_from or date.min, other.valid_from or date.min)
    return starts <= min(one.valid_until or date.max, other.valid_until or date.max)
