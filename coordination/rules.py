"""What an overlap means: pure functions from measures to severity, outcome and verdict."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from blueprint.layers.models import Control


class Severity(StrEnum):
    """How much weighs what was found, worst first; `clear` is the verdict when nothing was."""

    PROHIBIT = "prohibit"
    RESTRICT = "restrict"
    ADVISE = "advise"
    INFORM = "inform"
    CLEAR = "clear"


class Outcome(StrEnum):
    """What a layer says of a footprint; `clear` only where it was asked and covers the place."""

    CONFLICT = "conflict"
    CLEAR = "clear"
    OUTSIDE_COVERAGE = "outside_coverage"
    NO_DATA = "no_data"
    NOT_PERMITTED = "not_permitted"
    EXPIRED = "expired"
    FAILED = "failed"


def severity_of(control: Control, *, is_sliver: bool) -> Severity:
    """The severity of one finding: a layer's control; a sliver only informs, it is probably a drawing error."""
    return Severity.INFORM if is_sliver else Severity(control)


def verdict_of(severities: Iterable[Severity]) -> Severity:
    """The verdict of a check: the worst severity found, `clear` when there is none."""
    order = list(Severity)
    return min(severities, key=order.index, default=Severity.CLEAR)


def outcome_of(
    *,
    on: date,
    has_version: bool,
    is_permitted: bool,
    valid_until: date | None,
    hit_count: int,
    covers_site: bool,
    is_readable: bool = True,
) -> Outcome:
    """What to say of a layer; a plan past its own end (`valid_until`) is not asked, its silence would mislead.

    `is_readable` is false for a raster whose file cannot be read: it says nothing, the others speak.
    """
    if not is_permitted:
        return Outcome.NOT_PERMITTED
    if not has_version:
        return Outcome.NO_DATA
    if valid_until is not None and on > valid_until:
        return Outcome.EXPIRED
    if not is_readable:
        return Outcome.FAILED
    if hit_count:
        return Outcome.CONFLICT
    return Outcome.CLEAR if covers_site else Outcome.OUTSIDE_COVERAGE


def likely_cause(
    *, overlap_m2: float, mean_width_m: float, tolerance_m2: float, sliver_width_m: float
) -> str:
    """Why an overlap is called a sliver (碎面), in Chinese and English."""
    if overlap_m2 < tolerance_m2:
        return (
            f"面积 {overlap_m2:.4f} m² 小于容差 {tolerance_m2:g} m²，疑为数字化或取整误差"
            f" (below the tolerance of {tolerance_m2:g} m²: probably digitising or rounding)"
        )
    return (
        f"平均宽度 {mean_width_m * 100:.1f} cm，窄于 {sliver_width_m * 100:g} cm，疑为边界未对齐"
        f" (thinner than {sliver_width_m * 100:g} cm: probably boundaries drawn twice)"
    )
