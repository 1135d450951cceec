"""Statistics of approval (统计分析, Art. 2, 7), from the same rows as the time ledger; every figure leads to its items.

All of it is of items concluded within a period. What each figure means is `MEASURES`, printed with them.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, func, select, true
from sqlalchemy.orm import Session

from approval.item_models import Item, Promise
from approval.item_states import ItemState
from approval.models import Case, CaseStage
from approval.stages import Stage
from approval.summaries import WHOLE_STAGE, Months, figures_of_months, is_whole_months


class By(StrEnum):
    """What figures are told apart by."""

    ALL = "all"
    STAGE = "stage"
    PROJECT_TYPE = "project_type"
    DEPARTMENT = "department"
    DISTRICT = "district"
    ITEM = "item"
    MONTH = "month"


class Only(StrEnum):
    """Which of the items a figure counts: the way from a figure down to its cases."""

    ALL = "all"
    ON_TIME = "on_time"
    LATE = "late"
    CORRECTED = "corrected"
    STOPPED = "stopped"
    PARALLEL = "parallel"
    ON_COMMITMENT = "on_commitment"
    TOLERATED = "tolerated"
    REFUSED = "refused"


MEASURES: dict[str, str] = {
    "items": "办结事项数 items concluded in the period: approved, refused, withdrawn, not accepted",
    "cases": "涉及案件数 cases that they are of",
    "median_days": "中位用时 median of working days from first submission to conclusion, with stops and corrections",
    "p90_days": "90分位用时 the days within which nine of ten were concluded (interpolated)",
    "mean_days": "平均用时 mean of the same days",
    "median_days_without_stops": "扣除特别程序的中位用时 the median without the days of special procedures",
    "median_department_days": "审批部门中位用时 median of the working days that lay with the approving department",
    "window_days": "窗口用时合计 working days that lay with the window, summed",
    "applicant_days": "申请人用时合计 working days that lay with the applicant, summed",
    "department_days": "审批部门用时合计 working days that lay with departments, summed",
    "stop_days": "特别程序用时合计 working days of special procedures, summed",
    "on_time_share": "按时办结率 items concluded by their due day, of those with a limit that were refused or approved",
    "correction_share": "补正率 items for which a correction was asked, of all",
    "stop_share": "特别程序占比 items that a special procedure stopped, of all",
    "parallel_share": "并联率 items that were under way on a day when another item of the same case was, of all",
    "commitment_share": "告知承诺占比 items on commitment, of all",
    "tolerated_share": "容缺受理占比 items accepted with a promise, of all",
    "refused_share": "不予许可率 items refused, of all",
}
"""What each figure means."""


@dataclass(frozen=True)
class Period:
    """Of which items: concluded from `starts_on` to `ends_on`, both included, and the rest as far as it is asked for."""

    starts_on: date
    ends_on: date
    stage: str | None = None
    """A stage, or `parallel_items`: what runs beside the stages."""
    project_type: str | None = None
    department: str | None = None
    district: str | None = None
    """A district's code, or `city`: what no district approves."""
    item: str | None = None
    hall: str | None = None
    """The department whose hall follows the cases (Art. 12); months are not summed by it."""

    @property
    def asked(self) -> dict["By", str]:
        """What it is narrowed to."""
        values = {
            By.STAGE: self.stage,
            By.PROJECT_TYPE: self.project_type,
            By.DEPARTMENT: self.department,
            By.DISTRICT: self.district,
            By.ITEM: self.item,
        }
        return {by: value for by, value in values.items() if value is not None}


_TOLERATED = select(Promise.id).where(Promise.item_id == Item.id).exists()
TOTAL_DAYS = Item.applicant_days + Item.window_days + Item.department_days + Item.stop_days
_DECIDED = and_(
    Item.accepted_on.is_not(None),
    Item.state.not_in([ItemState.TAKEN_BACK]),
    Item.limit_days.is_not(None),
)
_ONLY: dict[Only, ColumnElement[bool]] = {
    Only.ALL: true(),
    Only.ON_TIME: and_(_DECIDED, Item.was_late.is_(False)),
    Only.LATE: and_(_DECIDED, Item.was_late.is_(True)),
    Only.CORRECTED: Item.correction_asked_on.is_not(None),
    Only.STOPPED: Item.stop_days > 0,
    Only.PARALLEL: Item.was_parallel.is_(True),
    Only.ON_COMMITMENT: Item.on_commitment.is_(True),
    Only.TOLERATED: _TOLERATED,
    Only.REFUSED: Item.state == ItemState.REFUSED,
}
_BY: dict[By, SQLColumnExpression[Any]] = {
    By.ALL: func.coalesce("all"),
    By.STAGE: func.coalesce(Item.stage, "parallel_items"),
    By.PROJECT_TYPE: Case.project_type,
    By.DEPARTMENT: Item.department,
    By.DISTRICT: func.coalesce(Case.district, "city"),
    By.ITEM: Item.code,
    By.MONTH: func.to_char(Item.concluded_on, "YYYY-MM"),
}


def _within(period: Period) -> ColumnElement[bool]:
    narrowed = [_BY[by] == value for by, value in period.asked.items()]
    if period.hall is not None:
        narrowed.append(Case.hall == period.hall)
    return and_(Item.concluded_on >= period.starts_on, Item.concluded_on <= period.ends_on, *narrowed)


@dataclass(frozen=True)
class Figures:
    """The figures of one group; shares are of 1, None where there is nothing to share."""

    group: str
    items: int
    cases: int
    median_days: float
    p90_days: float
    mean_days: float
    median_days_without_stops: float
    median_department_days: float
    window_days: int
    applicant_days: int
    department_days: int
    stop_days: int
    on_time_share: float | None
    correction_share: float
    stop_share: float
    parallel_share: float
    commitment_share: float
    tolerated_share: float
    refused_share: float


def figures(session: Session, period: Period, by: By) -> list[Figures]:
    """The figures of a period, a row a group; months in order, all others by what takes longest first (瓶颈).

    Whole months narrowed to one thing at most are answered from the summaries, everything else from the items.
    """
    found = _from_summaries(session, period, by)
    if found is None:
        found = _from_items(session, period, by)
    if by is By.MONTH:
        return sorted(found, key=lambda row: row.group)
    return sorted(found, key=lambda row: (-row.p90_days, row.group))


def _from_summaries(session: Session, period: Period, by: By) -> list[Figures] | None:
    """The figures as months add up to them; None where they cannot say."""
    asked = period.asked
    narrowed = next(iter(asked), None)
    if (
        period.hall is not None
        or len(asked) > 1
        or (narrowed is not None and by not in (By.ALL, By.MONTH, narrowed))
    ):
        return None
    if not is_whole_months(session, period.starts_on, period.ends_on):
        return None
    dimension = narrowed or (By.ALL if by is By.MONTH else by)
    found = figures_of_months(
        session,
        dimension,
        period.starts_on,
        period.ends_on,
        value=asked.get(dimension),
        by_month=by is By.MONTH,
    )
    return [_summed(months, by) for months in found]


def _summed(months: Months, by: By) -> Figures:
    sums, days = months.sums, months.histograms
    count = sums["items"]
    decided = sums["on_time"] + sums["late"]
    return Figures(
        group="all" if by is By.ALL else months.group,
        items=count,
        cases=months.cases,
        median_days=days["by_days"].percentile(0.5),
        p90_days=days["by_days"].percentile(0.9),
        mean_days=sums["total_days"] / count,
        median_days_without_stops=days["by_days_without_stops"].percentile(0.5),
        median_department_days=days["by_department_days"].percentile(0.5),
        window_days=sums["window_days"],
        applicant_days=sums["applicant_days"],
        department_days=sums["department_days"],
        stop_days=sums["stop_days"],
        on_time_share=sums["on_time"] / decided if decided else None,
        correction_share=sums["corrected"] / count,
        stop_share=sums["stopped"] / count,
        parallel_share=sums["parallel"] / count,
        commitment_share=sums["on_commitment"] / count,
        tolerated_share=sums["tolerated"] / count,
        refused_share=sums["refused"] / count,
    )


def _from_items(session: Session, period: Period, by: By) -> list[Figures]:
    fact = (
        select(
            _BY[by].label("group"),
            Item.case_id,
            TOTAL_DAYS.label("days"),
            (TOTAL_DAYS - Item.stop_days).label("without_stops"),
            Item.department_days,
            Item.window_days,
            Item.applicant_days,
            Item.stop_days,
            *(case((condition, 1), else_=0).label(str(only)) for only, condition in _ONLY.items()),
        )
        .join(Case, Case.id == Item.case_id)
        .where(_within(period))
        .subquery()
    )
    columns = fact.c

    def percentile(share: float, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.percentile_cont(share).within_group(column)

    def share(only: Only) -> ColumnElement[Any]:
        return func.avg(columns[str(only)])

    on_time, late = func.sum(columns[str(Only.ON_TIME)]), func.sum(columns[str(Only.LATE)])
    statement = select(
        columns.group.label("group"),
        func.count().label("items"),
        func.count(columns.case_id.distinct()).label("cases"),
        percentile(0.5, columns.days).label("median_days"),
        percentile(0.9, columns.days).label("p90_days"),
        func.avg(columns.days).label("mean_days"),
        percentile(0.5, columns.without_stops).label("median_days_without_stops"),
        percentile(0.5, columns.department_days).label("median_department_days"),
        func.sum(columns.window_days).label("window_days"),
        func.sum(columns.applicant_days).label("applicant_days"),
        func.sum(columns.department_days).label("department_days"),
        func.sum(columns.stop_days).label("stop_days"),
        (on_time * 1.0 / func.nullif(on_time + late, 0)).label("on_time_share"),
        share(Only.CORRECTED).label("correction_share"),
        share(Only.STOPPED).label("stop_share"),
        share(Only.PARALLEL).label("parallel_share"),
        share(Only.ON_COMMITMENT).label("commitment_share"),
        share(Only.TOLERATED).label("tolerated_share"),
        share(Only.REFUSED).label("refused_share"),
    ).group_by(columns.group)
    return [_row(row) for row in session.execute(statement).mappings()]


_WHOLE = {"items", "cases", "window_days", "applicant_days", "department_days", "stop_days"}


def _row(row: Any) -> Figures:
    values: dict[str, Any] = {
        name: value if name == "group" or value is None else int(value) if name in _WHOLE else float(value)
        for name, value in row.items()
    }
    return Figures(**values)


def behind(period: Period, only: Only) -> ColumnElement[bool]:
    """Which items a figure counts; their cases are joined."""
    return and_(_within(period), _ONLY[only])


@dataclass(frozen=True)
class StageFigures:
    """Of one stage: how many were concluded in the period, in how many working days from acceptance, within the limit or not."""

    stage: Stage
    stages: int
    median_days: float
    p90_days: float
    mean_days: float
    median_days_without_stops: float
    on_time_share: float | None


def stage_figures(session: Session, period: Period) -> list[StageFigures]:
    """The four stages as wholes, concluded in the period; narrowed by project type, district and hall alone."""
    is_narrowed = any(each is not None for each in (period.project_type, period.district, period.hall))
    if not is_narrowed and is_whole_months(session, period.starts_on, period.ends_on):
        return _stages_from_summaries(session, period)
    return _stages_from_rows(session, period)


def _stages_from_summaries(session: Session, period: Period) -> list[StageFigures]:
    months = figures_of_months(session, WHOLE_STAGE, period.starts_on, period.ends_on)
    by_stage = {Stage(each.group): each for each in months}
    found = []
    for stage in (stage for stage in Stage if stage in by_stage):
        sums, days = by_stage[stage].sums, by_stage[stage].histograms
        limited = sums["on_time"] + sums["late"]
        found.append(
            StageFigures(
                stage=stage,
                stages=sums["items"],
                median_days=days["by_days"].percentile(0.5),
                p90_days=days["by_days"].percentile(0.9),
                mean_days=sums["total_days"] / sums["items"],
                median_days_without_stops=days["by_days_without_stops"].percentile(0.5),
                on_time_share=sums["on_time"] / limited if limited else None,
            )
        )
    return found


def _stages_from_rows(session: Session, period: Period) -> list[StageFigures]:
    days, without = CaseStage.working_days, CaseStage.working_days - CaseStage.stop_days
    limited = CaseStage.due_on.is_not(None)
    conditions = [CaseStage.concluded_on >= period.starts_on, CaseStage.concluded_on <= period.ends_on]
    if period.project_type is not None:
        conditions.append(Case.project_type == period.project_type)
    if period.district is not None:
        conditions.append(_BY[By.DISTRICT] == period.district)
    if period.hall is not None:
        conditions.append(Case.hall == period.hall)
    statement = (
        select(
            CaseStage.stage,
            func.count(),
            func.percentile_cont(0.5).within_group(days),
            func.percentile_cont(0.9).within_group(days),
            func.avg(days),
            func.percentile_cont(0.5).within_group(without),
            func.avg(case((and_(limited, without <= CaseStage.limit_days), 1.0), (limited, 0.0))),
        )
        .join(Case, Case.id == CaseStage.case_id)
        .where(*conditions, days.is_not(None))
        .group_by(CaseStage.stage)
    )
    found = {
        Stage(stage): StageFigures(
            Stage(stage),
            count,
            float(half),
            float(nine),
            float(mean),
            float(net),
            None if on_time is None else float(on_time),
        )
        for stage, count, half, nine, mean, net, on_time in session.execute(statement)
    }
    return [found[stage] for stage in Stage if stage in found]
