"""How wide the zone around a feature is (控制距离): by an attribute such as the voltage, from the legal edge where a centre line is drawn.

Plain values, for the confined reader that makes the zones and for the check that tells of them.
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blueprint.errors import InvalidInputError
from blueprint.sentences import Sentence

MAX_WIDTH_M = 100_000.0
_ONE_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)\D*")
"""A number, and what follows has no digit in it."""

_LEADING_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


@dataclass(frozen=True)
class Zone:
    """The zone of one feature: `width_m` from the legal edge, which lies `half_width_m` from what is drawn; why, where it was assumed."""

    width_m: float
    half_width_m: float
    assumed: str | None = None

    @property
    def reach_m(self) -> float:
        """How far the zone reaches from what is drawn."""
        return self.width_m + self.half_width_m


@dataclass(frozen=True)
class BufferRule:
    """Widths by the values of a field; and how wide the thing itself is, by a field or for all.

    `edge_width_field` holds the whole width of a road or a channel in metres, `edge_width_m` stands for it where it is missing.
    """

    field: str | None = None
    widths: Mapping[str, float] = dataclasses.field(default_factory=dict)
    edge_width_field: str | None = None
    edge_width_m: float = 0.0

    def zone(self, strictest_m: float, attributes: Mapping[str, Any]) -> Zone:
        """The zone of a feature; a value that is missing or not listed has the strictest width, and the zone says so."""
        width_m, told = strictest_m, []
        if self.field is not None:
            raw = attributes.get(self.field)
            known = self._width(raw)
            if known is None:
                told.append(
                    f"图斑属性 {self.field} 为 {_shown(raw)}，从严按 {strictest_m:g} m 认定"
                    f" {self.field} is {_shown(raw)}: the strictest width of {strictest_m:g} m holds"
                )
            else:
                width_m = known
        half_m = self.edge_width_m / 2
        if self.edge_width_field is not None:
            edge_m = _metres(attributes.get(self.edge_width_field))
            if edge_m is None:
                told.append(
                    f"图斑缺少宽度 {self.edge_width_field}，按 {self.edge_width_m:g} m 认定"
                    f" {self.edge_width_field} is missing: {self.edge_width_m:g} m is taken"
                )
            else:
                half_m = edge_m / 2
        return Zone(width_m, half_m, "；".join(told) or None)

    def _width(self, raw: Any) -> float | None:
        """The width of a value as it is listed: 220, "220", "220.0" and "220kV" are the same; of "110/220kV" it is not known which."""
        text = _shown(raw)
        if text in self.widths:
            return self.widths[text]
        number = _ONE_NUMBER.fullmatch(text)
        return self.widths.get(f"{float(number[1]):.12g}") if number is not None else None


PLAIN = BufferRule()
"""Every feature has the layer's one width, from what is drawn."""


def read_buffer_rule(given: Mapping[str, Any] | None, strictest_m: float, code: str) -> BufferRule:
    """The rule as a layer's definition has it (`buffer_by`); InvalidInputError names the layer and the key."""
    if given is None:
        return PLAIN
    unknown = set(given) - {"field", "widths", "edge_width_field", "edge_width_m"}
    if unknown:
        raise InvalidInputError(
            "buffer_by of layer {code} has the unknown key {unknown!r}; known are field, widths,"
            " edge_width_field, edge_width_m",
            code=code,
            unknown=sorted(unknown)[0],
        )
    name, widths = given.get("field"), given.get("widths") or {}
    if (name is None) != (not widths):
        raise InvalidInputError("buffer_by of layer {code}: `field` and `widths` go together", code=code)
    if not isinstance(widths, Mapping) or not all(_is_width(width) for width in widths.values()):
        raise InvalidInputError(
            "widths of layer {code} must be metres by value, each more than 0 and at most 100,000",
            place="buffer_by.widths",
            code=code,
        )
    edge_m = given.get("edge_width_m", 0.0)
    if edge_m != 0 and not _is_width(edge_m):
        raise InvalidInputError(
            "edge_width_m of layer {code} must be a number from 0 to 100,000",
            place="buffer_by.edge_width_m",
            code=code,
        )
    for key in ("field", "edge_width_field"):
        if given.get(key) is not None and not isinstance(given[key], str):
            raise InvalidInputError("{key} of layer {code} must be the name of a field", key=key, code=code)
    if strictest_m <= 0 or any(width > strictest_m for width in widths.values()):
        raise InvalidInputError(
            "buffer_m of layer {code} must be the strictest width: it holds where {name} is missing",
            place="buffer_m",
            code=code,
            name=name or Sentence("the value"),
        )
    return BufferRule(
        name,
        {str(value): float(width) for value, width in widths.items()},
        given.get("edge_width_field"),
        float(edge_m),
    )


def _is_width(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MAX_WIDTH_M


def _shown(raw: Any) -> str:
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    return str(raw).strip() if raw is not None else "—"


def _metres(raw: Any) -> float | None:
    """A width in metres, given as a number or a text that begins with one."""
    number = _LEADING_NUMBER.match(_shown(raw))
    value = float(number.group()) if number is not None else 0.0
    return value if 0 < value <= MAX_WIDTH_M else None
