"""Statistics of cases and stages as wholes, and the cases behind a figure (统计分析): narrowed by project type, district and hall.

They are counted from the rows; what the page opens with is `statistics`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, tzinfo
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, select, true
from sqlalchemy.orm import Session, selectinload

from approval.item_models import Item
from approval.models import Case, CaseStage
from approval.stages import Stage
from approval.statistics import Only, Period, behind

_LAST = list(Stage)[-1]

WHOLE_MEASURES: dict[str, str] = {
    "cases": "全流程办结案件数 cases whose last stage was concluded in the period",
    "median_days": "全流程中位用时 median of the working days of their four stages together",
    "p90_days": "全流程90分位用时 the days within which nine of ten were concluded (interpolated)",
    "median_days_without_stops": "全流程扣停中位用时 the median without days on which all work was stopped",
    "on_time_share": "全流程按时率 those that took no longer than the days of all their stages, without stops",
    "opinions": "策划生成意见数 opinions handed over with cases that came in within the period",
    "deemed_share": "视为无意见占比 of these opinions those that were silence past the limit (Art. 11)",
}
"""What each figure means."""


@dataclass(frozen=True)
class WholeCases:
    """Cases as wholes, concluded in the period, and the opinions handed over with those that came in within it."""

    cases: int
    median_days: float | None
    p90_days: float | None
    median_days_without_stops: float | None
    on_time_share: float | None
    opinions: int
    deemed: int
    deemed_share: float | None


class OfCases(StrEnum):
    """Which cases a figure counts: with an item concluded, concluded whole, in time or late, or with an opinion that was silence."""

    ITEMS = "items"
    CONCLUDED = "concluded"
    ON_TIME = "on_time"
    LATE = "late"
    DEEMED = "deemed"


def whole_cases(session: Session, period: Period, *, zone: tzinfo) -> WholeCases:
    """The figures of cases as wholes."""
    took = _whole(period).subquery()
    days, without = took.c.days, took.c.days - took.c.stopped
    row = session.execute(
        select(
            func.count(),
            func.percentile_cont(0.5).within_group(days),
            func.percentile_cont(0.9).within_group(days),
            func.percentile_cont(0.5).within_group(without),
            func.count().filter(without <= took.c.limit),
        )
    ).one()
    opinions, deemed = session.execute(
        select(
            func.coalesce(func.sum(Case.opinion_count), 0), func.coalesce(func.sum(Case.deemed_count), 0)
        ).where(_came_in(period, zone), *_narrowed(period))
    ).one()
    half, nine, net = (float(each) if each is not None else None for each in row[1:4])
    return WholeCases(
        cases=row[0],
        median_days=half,
        p90_days=nine,
        median_days_without_stops=net,
        on_time_share=row[4] / row[0] if row[0] else None,
        opinions=opinions,
        deemed=deemed,
        deemed_share=deemed / opinions if opinions else None,
    )


def _whole(period: Period) -> Select[*tuple[Any, ...]]:
    """Of each case that ended in the period its id, days, stopped days and limit."""
    ended = select(CaseStage.case_id).where(CaseStage.stage == _LAST, _ended(period))
    return (
        select(
            CaseStage.case_id,
            func.sum(CaseStage.working_days).label("days"),
            func.sum(CaseStage.stop_days).label("stopped"),
            func.sum(CaseStage.limit_days).label("limit"),
        )
        .join(Case, Case.id == CaseStage.case_id)
        .where(CaseStage.case_id.in_(ended), *_narrowed(period))
        .group_by(CaseStage.case_id)
    )


def _ended(period: Period) -> ColumnElement[bool]:
    return CaseStage.concluded_on.between(period.starts_on, period.ends_on)


def _came_in(period: Period, zone: tzinfo) -> ColumnElement[bool]:
    since = datetime.combine(period.starts_on, time(), zone)
    until = datetime.combine(period.ends_on, time.max, zone)
    return and_(Case.received_at >= since, Case.received_at <= until)


def _narrowed(period: Period) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if period.project_type is not None:
        conditions.append(Case.project_type == period.project_type)
    if period.district is not None:
        conditions.append(func.coalesce(Case.district, "city") == period.district)
    if period.hall is not None:
        conditions.append(Case.hall == period.hall)
    return conditions


def cases_behind(
    session: Session, period: Period, of: OfCases, *, zone: tzinfo, after: int, limit: int
) -> Sequence[Case]:
    """The cases that a figure counts."""
    which: list[ColumnElement[bool]]
    if of is OfCases.ITEMS:
        items = select(Item.case_id).join(Case, Case.id == Item.case_id).where(behind(period, Only.ALL))
        which = [Case.id.in_(items)]
    elif of is OfCases.DEEMED:
        which = [_came_in(period, zone), Case.deemed_count > 0, *_narrowed(period)]
    else:
        took = _whole(period).subquery()
        in_time = took.c.days - took.c.stopped <= took.c.limit
        wanted = {OfCases.ON_TIME: in_time, OfCases.LATE: ~in_time}.get(of, true())
        which = [Case.id.in_(select(took.c.case_id).where(wanted))]
    statement = select(Case).where(Case.id > after, *which).options(selectinload(Case.stages))
    return session.scalars(statement.order_by(Case.id).limit(limit)).all()


def stages_behind(
    session: Session, period: Period, stage: Stage, only: Only, *, after: int, limit: int
) -> list[Row[Any]]:
    """The concluded stages that a figure of whole stages counts; `only` is all of them, those in time or late."""
    without = CaseStage.working_days - CaseStage.stop_days
    limited = CaseStage.due_on.is_not(None)
    wanted = {
        Only.ON_TIME: and_(limited, without <= CaseStage.limit_days),
        Only.LATE: and_(limited, without > CaseStage.limit_days),
    }.get(only, true())
    statement = (
        select(
            CaseStage.id,
            func.coalesce(Case.project_code, Case.planning_number).label("case"),
            Case.project_name,
            CaseStage.accepted_on,
            CaseStage.concluded_on,
            CaseStage.working_days,
            CaseStage.stop_days,
            CaseStage.limit_days,
        )
        .join(Case, Case.id == CaseStage.case_id)
        .where(
            CaseStage.stage == stage,
            CaseStage.working_days.is_not(None),
            _ended(period),
            CaseStage.id > after,
            wanted,
            *_narrowed(period),
        )
    )
    return [*session.execute(statement.order_by(CaseStage.id).limit(limit))]
