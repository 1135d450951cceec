"""The compatibility matrix (用途兼容性矩阵): planned use of the project × class of a layer's feature gives the control; pure."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from blueprint.layers.models import Control
from blueprint.standards.land_use import normalised
from coordination.said_values import said

ANY = "*"
"""Stands for every class, or every use, that is not named."""

_MIXED = re.compile(r"[+/、,，;；]")
_LEADING_CODE = re.compile(r"\d{2}(?:\d{2}){0,2}(?!\d)", re.ASCII)
_ORDER = list(Control)
_PADDED = 6


@dataclass(frozen=True)
class Ruling:
    """The control of one feature, why in Chinese and English (None where the rule's words say it), and the id of the particular
    rule that gave it.
    """

    control: Control
    reason: str | None
    rule: str | None = None


@dataclass(frozen=True)
class UseMatrix:
    """Controls by planned use and by the class in a field of the feature; every row names what holds for other classes.

    A code of the land-use standard stands for its children too: the longest one that fits decides.
    """

    field: str
    uses: Mapping[str, Mapping[str, Control]]

    def rule(self, planned_use: str | None, attributes: Mapping[str, Any]) -> Ruling:
        """The control of a feature for a use. What is not known, use or class, counts as the strictest that it may be.

        Of a feature planned for several classes (0701+0901) the mildest counts: each of them may be built there.
        """
        value = _written(attributes.get(self.field))
        told = f"{self.field} {value or '—'}"
        rows = self._rows(planned_use)
        classes = [part for part in _MIXED.split(value) if part.strip()]
        if not classes:  # nothing, or but the signs between classes
            control = _strictest(control for row in rows for control in row.values())
            return Ruling(
                control, f"图斑缺少属性 {self.field}，从严认定 the attribute is missing: the strictest holds"
            )
        controls = [_mildest(_fitting(row, part) for part in classes) for row in rows]
        control = _strictest(controls)
        if planned_use is None and len(set(controls)) > 1:
            return Ruling(
                control,
                f"{told}：未给出项目拟用途，从严认定 the planned use is not given: the strictest holds",
            )
        return Ruling(control, f"拟用途 planned use {planned_use or '—'} × {told}")

    def _rows(self, planned_use: str | None) -> list[Mapping[str, Control]]:
        """The row of a use; all of them where none is given."""
        if planned_use is None:
            return list(self.uses.values())
        return [self.uses[_key(self.uses, planned_use)]]


def use_code(text: str | None) -> str | None:
    """The code at the head of what was registered as planned use (`0701 城镇住宅用地`); None where there is none."""
    found = _LEADING_CODE.match(unicodedata.normalize("NFKC", text or "").strip())
    return found.group() if found else None


def _fitting(row: Mapping[str, Control], value: str) -> Control:
    return row[_key(row, value)]


def class_code(text: str) -> str:
    """A class as it is compared: a code without what pads it to six digits and with the nought that a number has lost (701 is 0701);
    else what is said.
    """
    code = unicodedata.normalize("NFKC", text).strip()
    if code.isdecimal() and 1 < len(code) <= _PADDED:
        code = code.zfill(len(code) + len(code) % 2)
    return said(code)


def _key(known: Mapping[str, object], value: str) -> str:
    """Which of the known classes a value falls under: itself, its parents, and where a name stands behind its code those of the code."""
    code = class_code(value)
    head = _LEADING_CODE.match(code)
    of_head = _with_parents(normalised(head.group())) if head is not None else []
    candidates = [*_with_parents(code), *of_head, f"0{code}"]
    return next((candidate for candidate in candidates if candidate in known), ANY)


def _with_parents(code: str) -> list[str]:
    return [code[:length] for length in range(len(code), 0, -2)]


def _written(raw: Any) -> str:
    """What an attribute says, full-width signs as others; a code that is a number without its decimals."""
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    return unicodedata.normalize("NFKC", str(raw or "")).strip()


def _strictest(controls: Iterable[Control]) -> Control:
    return min(controls, key=_ORDER.index)


def _mildest(controls: Iterable[Control]) -> Control:
    return max(controls, key=_ORDER.index)
