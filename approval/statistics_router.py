"""Routes of statistics: figures with their definitions, the items behind each, and the same as a workbook."""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from approval.item_models import Item
from approval.item_overview import briefs
from approval.item_router import DeskDep
from approval.item_schemas import ItemPage
from approval.stages import STAGE_TITLES, Stage
from approval.standing import STANDINGS, UnderWay, under_way
from approval.statistics import (
    MEASURES,
    By,
    Figures,
    Only,
    Period,
    StageFigures,
    behind,
    figures,
    stage_figures,
)
from blueprint.documents.workbook import Cell, Sheet, to_xlsx
from blueprint.edge import ActorDep, SessionDep, TodayDep
from blueprint.errors import InvalidInputError
from blueprint.given import Day
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, require

router = APIRouter(prefix="/api/approval/statistics", tags=["approval"], route_class=IdempotentRoute)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class StatisticsOut(BaseModel):
    """The figures of a period, a row a group, with what each means; the stages as wholes; where all cases stand now."""

    starts_on: date
    ends_on: date
    by: By
    rows: list[Figures]
    stages: list[StageFigures]
    under_way: UnderWay
    measures: dict[str, str]
    standings: dict[str, str]
    """What each place where cases stand means."""


def _period(
    today: TodayDep,
    starts_on: Annotated[
        Day | None,
        Query(
            alias="from",
            description="the first of a month when not given: twelve months with that of the end",
        ),
    ] = None,
    ends_on: Annotated[Day | None, Query(alias="to", description="today when not given")] = None,
    stage: Annotated[
        Stage | Literal["parallel_items"] | None,
        Query(description="parallel_items: 并行推进 beside the stages"),
    ] = None,
    project_type: Annotated[str | None, Query(max_length=20)] = None,
    department: Annotated[str | None, Query(max_length=40)] = None,
    district: Annotated[str | None, Query(max_length=20, description="a code, or city 市本级")] = None,
    item: Annotated[str | None, Query(max_length=20)] = None,
    hall: Annotated[str | None, Query(max_length=40, description="受理大厅 of the cases of a hall")] = None,
) -> Period:
    """The period that is asked for, twelve months by default."""
    return period_of(today, starts_on, ends_on, stage, project_type, department, district, item, hall)


def period_of(
    today: date,
    starts_on: date | None,
    ends_on: date | None,
    stage: str | None = None,
    project_type: str | None = None,
    department: str | None = None,
    district: str | None = None,
    item: str | None = None,
    hall: str | None = None,
) -> Period:
    """A period; where nothing is said the twelve months up to today, this one among them."""
    end = ends_on or today
    start = starts_on or _months_before(end, 11)
    if start > end:
        raise InvalidInputError(f"the period ends on {end}, before it begins on {start}", place="from")
    return Period(start, end, stage, project_type, department, district, item, hall)


def _months_before(day: date, count: int) -> date:
    months = max(12, day.year * 12 + day.month - 1 - count)
    return date(months // 12, months % 12 + 1, 1)


PeriodDep = Annotated[Period, Depends(_period)]


@router.get("", responses={200: {"content": {XLSX: {}}}}, response_model=StatisticsOut)
def show_statistics(
    session: SessionDep,
    actor: ActorDep,
    period: PeriodDep,
    by: Annotated[By, Query()] = By.STAGE,
    format: Annotated[Literal["json", "xlsx"], Query(alias="f")] = "json",
) -> StatisticsOut | Response:
    """Durations, shares and bottlenecks of what was concluded in a period, told apart by one thing; JSON or XLSX."""
    require(actor, Act.READ_CASE)
    result = statistics_out(
        period, by, figures(session, period, by), stage_figures(session, period), under_way(session)
    )
    if format == "xlsx":
        headers = {"Content-Disposition": f'attachment; filename="statistics-{by}.xlsx"'}
        return Response(workbook(result), media_type=XLSX, headers=headers)
    return result


@router.get("/items")
def show_items(
    session: SessionDep,
    actor: ActorDep,
    period: PeriodDep,
    desk: DeskDep,
    only: Annotated[Only, Query(description="which of the items a figure counts")] = Only.ALL,
    cursor: Annotated[int, Query(ge=0, le=2_000_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ItemPage:
    """The items behind a figure."""
    require(actor, Act.READ_CASE)
    rows = briefs(session, desk, behind(period, only) & (Item.id > cursor), order=(Item.id,), limit=limit)
    return ItemPage(
        items=rows,
        next=str(rows[-1].id) if len(rows) == limit else None,
    )


def statistics_out(
    period: Period, by: By, rows: list[Figures], stages: list[StageFigures], standing: UnderWay
) -> StatisticsOut:
    """The figures as the outside sees them."""
    return StatisticsOut(
        starts_on=period.starts_on,
        ends_on=period.ends_on,
        by=by,
        rows=rows,
        stages=stages,
        under_way=standing,
        measures=MEASURES,
        standings=STANDINGS,
    )


def _standing(stage: Stage, count: int) -> list[Cell]:
    return [STAGE_TITLES[stage], count]


def workbook(result: StatisticsOut) -> bytes:
    """The same figures as the bytes of an XLSX, with a sheet of definitions."""
    names = list(MEASURES)
    groups: list[list[Cell]] = [[row.group, *(getattr(row, name) for name in names)] for row in result.rows]
    stages: list[list[Cell]] = [
        [
            STAGE_TITLES[s.stage],
            s.stages,
            s.median_days,
            s.p90_days,
            s.mean_days,
            s.median_days_without_stops,
            s.on_time_share,
        ]
        for s in result.stages
    ]
    standing = result.under_way
    now: list[list[Cell]] = [
        ["未确定项目类型 not prepared", standing.not_prepared],
        ["未绑定项目代码 without a code", standing.without_code],
        *[_standing(stage, count) for stage, count in standing.in_stage.items()],
        ["已办结 concluded", standing.concluded],
        ["已撤回 withdrawn", standing.withdrawn],
        ["策划生成意见 opinions handed over", standing.opinions],
        ["其中视为无意见 of them silence", standing.deemed],
    ]
    words = [text.split(" ", 1)[0] for text in MEASURES.values()]
    return to_xlsx(
        [
            Sheet("统计 figures", (str(result.by), *(f"{w} {n}" for w, n in zip(words, names, strict=True))), groups, "0.00"),
            Sheet("阶段 stages", ("阶段", "办结数 concluded", "中位 median", "90 分位 p90", "平均 mean", "扣停中位 without stops", "按时率 on time"), stages, "0.00"),
            Sheet("在办 under way", ("状态 state", "案件 cases"), now),
            Sheet("口径 definitions", ("指标 measure", "口径 definition"), [[name, text] for name, text in (MEASURES | STANDINGS).items()]),
        ],
        title=f"{result.starts_on} – {result.ends_on}",
    )  # fmt: skip
