"""Attributes of features against the layer's standard: fields, types, lengths, code lists, identifiers, areas."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from blueprint.layers.texts import digits
from blueprint.quality.issues import Issues
from blueprint.standards.entries import (
    FieldRole,
    FieldStandard,
    FieldType,
    LandUseClass,
    LayerStandard,
    Required,
    Standards,
)
from blueprint.standards.land_use import LandUseVerdict, codes_in, judge_land_use
from blueprint.standards.loading import CITY_CODES, LAND_USE_CODES

M2_PER = {"m2": 1.0, "km2": 1_000_000.0, "ha": 10_000.0, "mu": 10_000.0 / 15}
_UNIT_NAMES = {"m2": "平方米 m²", "km2": "平方公里 km²", "ha": "公顷 ha", "mu": "亩 mu"}
_TYPE_NAMES = {
    FieldType.TEXT: ("文本", "text"),
    FieldType.INTEGER: ("整数", "whole number"),
    FieldType.DECIMAL: ("数字", "number"),
    FieldType.DATE: ("日期", "day (YYYYMMDD)"),
}
_IDENTIFIER = re.compile(r"\d{18}", re.ASCII)
_LEAST_BY_CLASS = {
    "construction": "least_construction_m2",
    "agri_facility": "least_agri_facility_m2",
    "agricultural": "least_agricultural_m2",
    "wetland": "least_other_m2",
    "water": "least_other_m2",
    "unused_other": "least_other_m2",
}


def mark_of(identifier: str) -> int:
    """Eight bytes for an identifier, in this process always the same, and hardly ever those of another."""
    return hash(identifier) & (1 << 64) - 1


@dataclass
class AttributeCheck:
    """What attributes are held to: the standard, which field of the file is which, and the city's own codes."""

    standard: LayerStandard
    standards: Standards
    mapping: Mapping[str, str]
    city_codes: frozenset[str]
    repeated: Collection[int]
    """Marks of the identifiers that are there more than once (`mark_of`): others need not be remembered."""

    seen: dict[str, int] = field(default_factory=dict)

    def check_fields(self, source_fields: Sequence[str], issues: Issues) -> None:
        """The fields themselves: mandatory ones that are missing, others that the standard does not know."""
        for entry in self.standard.fields:
            if entry.required is Required.MANDATORY and entry.name not in self.mapping:
                issues.add("field-missing", field=entry.name, title=entry.title, is_unsure=False)
        for name in source_fields:
            if name not in self.mapping.values():
                issues.add("field-extra", field=name)

    def check(
        self,
        number: int,
        row: Mapping[str, Any],
        area_m2: float | None,
        place: Callable[[], Any],
        issues: Issues,
    ) -> None:
        """Check one feature's values; `area_m2` is its area on the ellipsoid, `place` draws a point on it when needed."""
        values = {name: self._said(name, row.get(source)) for name, source in self.mapping.items()}
        for name in self.mapping:
            entry, value = self.standard.by_name[name], values[name]
            if value is None or (isinstance(value, str) and not value.strip()):
                if entry.required is Required.MANDATORY:
                    self._say("value-missing", number, entry, None, place, issues, title=entry.title)
            elif not _is_of(entry.type, value):
                zh, en = _TYPE_NAMES[entry.type]
                self._say("value-type", number, entry, value, place, issues, type_zh=zh, type_en=en)
            else:
                self._check_value(number, entry, value, place, issues)
        self._check_land_use(number, values, area_m2, place, issues)
        if area_m2 is not None:
            self._check_areas(number, values, area_m2, place, issues)

    def _said(self, name: str, value: Any) -> Any:
        """A value as the standard takes it: where it says text, a whole number is its digits."""
        return digits(value) if self.standard.by_name[name].type is FieldType.TEXT else value

    def _say(
        self,
        kind: str,
        number: int,
        entry: FieldStandard,
        value: object,
        place: Callable[[], Any],
        issues: Issues,
        *,
        other: int | None = None,
        is_unsure: bool = False,
        **params: Any,
    ) -> None:
        is_listed = issues.has_room(kind)
        issues.add(
            kind,
            number,
            other=other,
            field=entry.name,
            value=value,
            place=place() if is_listed else None,
            is_unsure=is_unsure or bool(entry.unsure),
            **params,
        )

    def _check_value(
        self, number: int, entry: FieldStandard, value: Any, place: Callable[[], Any], issues: Issues
    ) -> None:
        if entry.type is FieldType.TEXT and entry.length is not None and len(value) > entry.length:
            is_mixed = entry.role is FieldRole.LAND_USE and len(codes_in(value)) > 1
            if not is_mixed:
                self._say(
                    "value-length", number, entry, value, place, issues, length=len(value), most=entry.length
                )
        if entry.least is not None and not _within(entry, float(value)):
            bounds = (
                f"[{entry.least:g}, {entry.most:g}]"
                if entry.most is not None
                else f"{'>' if entry.least_excluded else '≥'} {entry.least:g}"
            )
            self._say("value-range", number, entry, value, place, issues, range=bounds)
        if entry.codes not in (None, CITY_CODES, LAND_USE_CODES):
            codes = self.standards.codes[str(entry.codes)]
            if value.strip() not in codes:
                is_unsure = any(code.unsure for code in codes.values())
                self._say(
                    "value-code", number, entry, value, place, issues, codes=entry.codes, is_unsure=is_unsure
                )
        if entry.role is FieldRole.SOURCE_ID:
            self._check_identifier(number, entry, value.strip(), place, issues)
        elif entry.role is FieldRole.CLASS_CODE and self.standard.class_code not in (None, value.strip()):
            self._say("class-code", number, entry, value, place, issues, code=self.standard.class_code)
        elif entry.role is FieldRole.PLACE_CODE and not self._is_of_city(value.strip()):
            self._say("place-code", number, entry, value, place, issues)

    def _is_of_city(self, code: str) -> bool:
        return len(code) in (6, 9, 12) and code.isdigit() and code[:6] in self.city_codes

    def _check_identifier(
        self, number: int, entry: FieldStandard, value: str, place: Callable[[], Any], issues: Issues
    ) -> None:
        if not _IDENTIFIER.fullmatch(value):
            self._say("id-form", number, entry, value, place, issues)
        elif value[:6] not in self.city_codes:
            self._say("id-place", number, entry, value, place, issues)
        first = self.seen.setdefault(value, number) if mark_of(value) in self.repeated else number
        if first != number:
            self._say("duplicate-id", number, entry, value, place, issues, other=first)

    def _check_land_use(
        self,
        number: int,
        values: Mapping[str, Any],
        area_m2: float | None,
        place: Callable[[], Any],
        issues: Issues,
    ) -> None:
        entry = self.standard.of_role(FieldRole.LAND_USE)
        value = values.get(entry.name) if entry is not None else None
        if entry is None or not isinstance(value, str) or not value.strip():
            return
        name_entry = self.standard.of_role(FieldRole.LAND_USE_NAME)
        name = values.get(name_entry.name) if name_entry is not None else None
        judged = judge_land_use(value, name, self.standards)
        for code in judged:
            # How sure the length of the field is says nothing of its codes.
            at = place() if issues.has_room("land-use-unknown") else None
            if code.verdict is LandUseVerdict.UNKNOWN or code.found is None:
                issues.add("land-use-unknown", number, field=entry.name, value=code.raw, place=at)
            elif code.verdict is LandUseVerdict.UNKNOWN_CHILD:
                parent = f"{code.found.code} {code.found.title}"
                issues.add(
                    "land-use-child", number, field=entry.name, value=code.raw, place=at, parent=parent
                )
            elif code.verdict is LandUseVerdict.OLD_EDITION:
                new = self.standards.land_use["2023"].get(code.found.maps_to_2023 or "")
                said = f"{new.code} {new.title}" if new is not None else "—"
                issues.add("land-use-edition", number, field=entry.name, value=code.raw, place=at, new=said)
        found = judged[0].found if len(judged) == 1 else None
        if (
            found is not None
            and judged[0].verdict is LandUseVerdict.KNOWN
            and isinstance(name, str)
            and name.strip() not in ("", found.title)
        ):
            issues.add(
                "land-use-name",
                number,
                field=name_entry.name if name_entry else None,
                value=name,
                place=place(),
                code=found.code,
                title=found.title,
            )
        if found is not None and area_m2 is not None:
            self._check_least(number, found, area_m2, place, issues)

    def _check_least(
        self, number: int, found: LandUseClass, area_m2: float, place: Callable[[], Any], issues: Issues
    ) -> None:
        limit = self.standards.limits.get(_LEAST_BY_CLASS.get(found.land_class, ""))
        if limit is not None and area_m2 < limit.value:
            issues.add(
                "too-small",
                number,
                place=place(),
                area_m2=round(area_m2, 2),
                least_m2=limit.value,
                land_class=found.land_class,
            )

    def _check_areas(
        self,
        number: int,
        values: Mapping[str, Any],
        area_m2: float,
        place: Callable[[], Any],
        issues: Issues,
    ) -> None:
        entry = self.standard.of_role(FieldRole.AREA)
        gross = _number(values, entry)
        if entry is not None and gross is not None and gross > 0:
            unit = entry.unit or "m2"
            if not self._agrees(gross, unit, entry.decimals, area_m2):
                other = next(
                    (u for u in M2_PER if u != unit and self._agrees(gross, u, entry.decimals, area_m2)), None
                )
                if other is not None:
                    self._say(
                        "area-unit",
                        number,
                        entry,
                        gross,
                        place,
                        issues,
                        found=_UNIT_NAMES[other],
                        unit=_UNIT_NAMES[unit],
                    )
                else:
                    area = round(area_m2 / M2_PER[unit], entry.decimals or 2)
                    self._say(
                        "area-mismatch",
                        number,
                        entry,
                        gross,
                        place,
                        issues,
                        area=area,
                        unit=_UNIT_NAMES[unit],
                    )
        self._check_net(number, values, gross, place, issues)

    def _agrees(self, value: float, unit: str, decimals: int | None, area_m2: float) -> bool:
        """Within the rounding of the field, a hundredth of a m² or a thousandth of the area, whichever is most."""
        rounding = 0.5 * 10.0 ** -(decimals or 0) * M2_PER[unit]
        tolerance = max(
            rounding,
            self.standards.limits["area_m2"].value,
            self.standards.limits["area_share"].value * area_m2,
        )
        return abs(value * M2_PER[unit] - area_m2) <= tolerance

    def _check_net(
        self,
        number: int,
        values: Mapping[str, Any],
        gross: float | None,
        place: Callable[[], Any],
        issues: Issues,
    ) -> None:
        entry = self.standard.of_role(FieldRole.NET_AREA)
        net = _number(values, entry)
        if entry is None or net is None or gross is None:
            return
        deducted = _number(values, self.standard.of_role(FieldRole.DEDUCTED_AREA))
        share = _number(values, self.standard.of_role(FieldRole.DEDUCTED_SHARE))
        if deducted is not None:
            expected, tolerance = gross - deducted, 0.02
        elif share is not None:
            # The share has four decimals, so that the deducted area is known to half of the last.
            expected, tolerance = gross * (1 - share), 0.02 + 0.00005 * gross
        else:
            expected, tolerance = min(net, gross), 0.02
        if abs(net - expected) > tolerance:
            self._say("net-area", number, entry, net, place, issues, net=round(expected, 2))


def _number(values: Mapping[str, Any], entry: FieldStandard | None) -> float | None:
    value = values.get(entry.name) if entry is not None else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _is_of(kind: FieldType, value: Any) -> bool:
    if kind is FieldType.TEXT:
        return isinstance(value, str)
    if kind is FieldType.DATE:
        return _is_day(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return kind is FieldType.DECIMAL or float(value).is_integer()


def _is_day(value: Any) -> bool:
    """A day as the standards write it (YYYYMMDD), or as a date field of a file holds it (ISO 8601)."""
    try:
        text = str(value)[:10]
        date.fromisoformat(
            f"{text[:4]}-{text[4:6]}-{text[6:8]}" if text.isdigit() and len(text) == 8 else text
        )
    except ValueError:
        return False
    return True


def _within(entry: FieldStandard, value: float) -> bool:
    assert entry.least is not None
    if value < entry.least or (entry.least_excluded and value == entry.least):
        return False
    return entry.most is None or value <= entry.most
