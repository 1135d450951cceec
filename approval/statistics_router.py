"""Routes of statistics: figures with their definitions, the items behind each, and the same as a workbook."""

from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from approval.case_overview import case_brief
from approval.item_models import Item
from approval.item_overview import briefs
from approval.item_router import DeskDep
from approval.item_schemas import ItemPage
from approval.schemas import CasePage
from approval.stages import STAGE_TITLES, Stage
from approval.standing import STANDINGS, UnderWay, under_way
from approval.statistics import (
    MEASURES,
    TOTAL_DAYS,
    By,
    Figures,
    Only,
    Period,
    StageFigures,
    behind,
    figures,
    stage_figures,
)
from approval.statistics_wholes import (
    WHOLE_MEASURES,
    OfCases,
    WholeCases,
    cases_behind,
    stages_behind,
    whole_cases,
)
from blueprint.documents.workbook import Cell, Sheet, to_xlsx
from blueprint.edge import ActorDep, EdgeDep, SessionDep, TodayDep
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
        raise InvalidInputError(
            "the period ends on {end}, before it begins on {start}", end=end, start=start, place="from"
        )
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
    longest: Annotated[
        bool,
        Query(
            description="用时最长在前 those that took longest first, as medians and percentiles count them"
        ),
    ] = False,
    cursor: Annotated[int, Query(ge=0, le=2_000_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ItemPage:
    """The items behind a figure, in the order they were made, or the longest first."""
    require(actor, Act.READ_CASE)
    if longest:
        order = (TOTAL_DAYS.desc(), Item.id)
        rows = briefs(session, desk, behind(period, only), order=order, limit=limit, skip=cursor)
        return ItemPage(items=rows, next=str(cursor + limit) if len(rows) == limit else None)
    rows = briefs(session, desk, behind(period, only) & (Item.id > cursor), order=(Item.id,), limit=limit)
    return ItemPage(
        items=rows,
        next=str(rows[-1].id) if len(rows) == limit else None,
    )


class WholeCasesOut(BaseModel):
    """Cases as wholes with what each figure means."""

    starts_on: date
    ends_on: date
    figures: WholeCases
    measures: dict[str, str]


@router.get("/whole-cases")
def show_whole_cases(session: SessionDep, actor: ActorDep, edge: EdgeDep, period: PeriodDep) -> WholeCasesOut:
    """Cases as wholes, concluded in a period, and the share of silence in what came in; by project type, district, hall."""
    require(actor, Act.READ_CASE)
    found = whole_cases(session, period, zone=ZoneInfo(edge.city.time_zone))
    return WholeCasesOut(
        starts_on=period.starts_on, ends_on=period.ends_on, figures=found, measures=WHOLE_MEASURES
    )


@router.get("/cases")
def show_cases(
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    period: PeriodDep,
    of: Annotated[OfCases, Query(description="which of the cases a figure counts")] = OfCases.ITEMS,
    cursor: Annotated[int, Query(ge=0, le=2_000_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> CasePage:
    """The cases behind a figure."""
    require(actor, Act.READ_CASE)
    zone = ZoneInfo(edge.city.time_zone)
    rows = cases_behind(session, period, of, zone=zone, after=cursor, limit=limit)
    return CasePage(
        items=[case_brief(row) for row in rows], next=str(rows[-1].id) if len(rows) == limit else None
    )


class StageBehind(BaseModel):
    """A concluded stage of a case: its working days from acceptance, the stopped ones among them, and its limit."""

    id: int
    case: str
    project_name: str
    accepted_on: date
    concluded_on: date
    working_days: int
    stop_days: int
    limit_days: int | None


class StagesBehind(BaseModel):
    """A page of them; `next` is the cursor of the following one."""

    items: list[StageBehind]
    next: str | None


@router.get("/stages/{whole_stage}")
def show_stages(
    whole_stage: Stage,
    session: SessionDep,
    actor: ActorDep,
    period: PeriodDep,
    only: Annotated[Literal["all", "on_time", "late"], Query()] = "all",
    cursor: Annotated[int, Query(ge=0, le=2_000_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> StagesBehind:
    """The cases behind a figure of a stage as a whole."""
    require(actor, Act.READ_CASE)
    rows = stages_behind(session, period, whole_stage, Only(only), after=cursor, limit=limit)
    return StagesBehind(
        items=[StageBehind.model_validate(row, from_attributes=True) for row in rows],
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
