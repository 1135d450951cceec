"""HTTP shapes of the difference of two checks, and that of two files, whose values are held to them."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

from blueprint.errors import InvalidInputError
from coordination.check_difference import Cause, Change, compare_checks
from coordination.rules import Severity
from coordination.told_report import refuse_another_shape


class MeasureOut(BaseModel):
    """What a feature weighs in one check: worst severity, area (m²), length (m), points."""

    severity: Severity
    overlap_m2: float
    length_m: float
    point_count: int


class FindingChangeOut(BaseModel):
    """A feature that the two checks see otherwise, with every cause that can have made it."""

    layer: str
    feature: str
    change: Change
    before: MeasureOut | None
    after: MeasureOut | None
    causes: list[Cause]


class LayerChangeOut(BaseModel):
    """A layer that was in another version, or had another rule."""

    layer: str
    version_before: int | None
    version_after: int | None
    control_before: Literal["prohibit", "restrict", "advise", "inform"] | None
    control_after: Literal["prohibit", "restrict", "advise", "inform"] | None


class CheckDifferenceOut(BaseModel):
    """All in which two checks differ; without any change they say the same."""

    verdict_before: Severity
    verdict_after: Severity
    footprint_changed: bool
    area_change_m2: float
    rule_set_before: str
    rule_set_after: str
    layers: list[LayerChangeOut]
    findings: list[FindingChangeOut]
    causes: list[Cause]
    titles: dict[str, str]


class FilesDifferenceOut(BaseModel):
    """What two reports say otherwise, and each of them drawn, as `GET /api/checks/{id}?f=geojson` draws one; null where one cannot be."""

    difference: CheckDifferenceOut
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def compare_files(before: Mapping[str, Any], after: Mapping[str, Any]) -> CheckDifferenceOut:
    """Compare two reports that somebody hands in; InvalidInputError where one is none, or has a value that no check writes."""
    for document in (before, after):
        refuse_another_shape(document)
    try:
        return CheckDifferenceOut.model_validate(compare_checks(before, after), from_attributes=True)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InvalidInputError(
            "one of the files is no check report; give what `blueprint check … --format json` or `pdf` wrote",
            place="file",
        ) from error
