"""Figures of months, kept with each conclusion (统计分析), so that statistics need not read what was concluded.

A concluded item never changes its days again, so that every conclusion is counted once and for good. `recount` counts all
of it anew from the rows themselves; a test holds the one to the other.
"""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate, zip_longest
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from approval.item_models import Item
from approval.models import CaseStage
from approval.summary_models import MonthCases, MonthFigures
from blueprint.database import load_statements

WHOLE_STAGE = "whole_stage"
"""The dimension of the figures of stages as wholes."""

_SQL = load_statements(Path(__file__).with_suffix(".sql"))


def count_item(session: Session, item: Item) -> None:
    """Count an item that was concluded just now."""
    session.flush()
    session.execute(_SQL["add_item"], {"item_id": item.id})
    session.execute(_SQL["add_item_case"], {"item_id": item.id})


def count_stage(session: Session, stage: CaseStage) -> None:
    """Count a stage that was concluded just now."""
    session.flush()
    session.execute(_SQL["add_stage"], {"stage_id": stage.id})


def recount(session: Session) -> None:
    """Count everything that was ever concluded anew; conclusions wait meanwhile."""
    session.execute(select(func.approval.recount()))


@dataclass(frozen=True)
class Histogram:
    """How many things took how many days: the first of `counts` is of none."""

    counts: tuple[int, ...]

    def percentile(self, share: float) -> float:
        """The days within which that share of them ended, between two of them by linear interpolation."""
        up_to = list(accumulate(self.counts))
        place = (up_to[-1] - 1) * share
        low = int(place)
        below = _days_at(up_to, low)
        above = below if place == low else _days_at(up_to, low + 1)
        return below + (above - below) * (place - low)


def _days_at(up_to: Sequence[int], rank: int) -> int:
    """The days of the thing of a rank, the first of which is 0."""
    return next(days for days, count in enumerate(up_to) if count > rank)


def added(histograms: Sequence[Sequence[int]]) -> Histogram:
    """Several histograms as one."""
    return Histogram(tuple(sum(places) for places in zip_longest(*histograms, fillvalue=0)))


SUMS = (
    "items",
    "total_days",
    "applicant_days",
    "window_days",
    "department_days",
    "stop_days",
    "on_time",
    "late",
    "corrected",
    "stopped",
    "parallel",
    "on_commitment",
    "tolerated",
    "refused",
)
HISTOGRAMS = ("by_days", "by_days_without_stops", "by_department_days")


@dataclass(frozen=True)
class Months:
    """The figures of one group over some months: plain sums, and histograms of days."""

    group: str
    sums: dict[str, int]
    histograms: dict[str, Histogram]
    cases: int


def is_whole_months(session: Session, starts_on: date, ends_on: date) -> bool:
    """Say whether a period is whole months, as far as anything was concluded."""
    if starts_on.day != 1:
        return False
    last = ends_on.replace(day=calendar.monthrange(ends_on.year, ends_on.month)[1])
    return ends_on == last or not session.scalar(
        select(
            select(Item.id).where(Item.concluded_on > ends_on, Item.concluded_on <= last).exists()
            | select(CaseStage.id)
            .where(CaseStage.concluded_on > ends_on, CaseStage.concluded_on <= last)
            .exists()
        )
    )


def figures_of_months(
    session: Session,
    dimension: str,
    starts_on: date,
    ends_on: date,
    *,
    value: str | None = None,
    by_month: bool = False,
) -> list[Months]:
    """The figures of each group of a dimension, or of one of them; or of each month of that one."""
    names = SUMS + HISTOGRAMS
    columns = [getattr(MonthFigures, name) for name in names]
    statement = select(MonthFigures.value, MonthFigures.month, *columns).where(
        MonthFigures.dimension == dimension, MonthFigures.month.between(starts_on, ends_on)
    )
    if value is not None:
        statement = statement.where(MonthFigures.value == value)
    found: dict[str, list[dict[str, object]]] = {}
    for group, month, *figures in session.execute(statement):
        key = f"{month:%Y-%m}" if by_month else group
        found.setdefault(key, []).append(dict(zip(names, figures, strict=True)))
    cases = _cases(session, dimension, starts_on, ends_on, value=value, by_month=by_month)
    return [
        Months(
            group=group,
            sums={name: sum(row[name] for row in rows) for name in SUMS},  # type: ignore[misc]
            histograms={name: added([row[name] for row in rows]) for name in HISTOGRAMS},  # type: ignore[misc]
            cases=cases.get(group, 0),
        )
        for group, rows in found.items()
    ]


def _cases(
    session: Session, dimension: str, starts_on: date, ends_on: date, *, value: str | None, by_month: bool
) -> dict[str, int]:
    if dimension == WHOLE_STAGE:
        return {}
    group = func.to_char(MonthCases.month, "YYYY-MM") if by_month else MonthCases.value
    statement = (
        select(group, func.sum(MonthCases.cases))
        .where(MonthCases.dimension == dimension, MonthCases.month.between(starts_on, ends_on))
        .group_by(group)
    )
    if value is not None:
        statement = statement.where(MonthCases.value == value)
    if not by_month:
        statement = statement.where(MonthCases.month_before < starts_on)
    return {row[0]: row[1] for row in session.execute(statement)}
