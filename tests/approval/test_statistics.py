"""Statistics: every figure recomputed from the ledger's spans by plain Python, and each led back to its items."""

import io
import random
import statistics as plain
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from approval.case_items import items_of
from approval.cases import list_cases, unfinished_items
from approval.intake import receive, receive_message
from approval.item_models import Item, Promise, TimeSpan
from approval.item_overview import Desk, briefs
from approval.item_schemas import ItemBrief
from approval.item_states import ItemState, Step
from approval.models import Case
from approval.obligations import close, obligations_of
from approval.stages import Stage
from approval.standing import Standing, under_way
from approval.statistics import (
    MEASURES,
    TOTAL_DAYS,
    By,
    Figures,
    Only,
    Period,
    behind,
    figures,
    stage_figures,
)
from approval.statistics_router import period_of, statistics_out, workbook
from approval.statistics_wholes import OfCases, cases_behind, stages_behind, whole_cases
from approval.summaries import recount
from approval.summary_models import CaseStanding, MonthCases, MonthFigures
from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError
from tests.approval.office import CALENDAR, MONDAY, WINDOW, Office, lacking, message, promised
from tests.approval.test_intake_of_changes import withdrawal

CODES = [
    "2608-210311-04-01-402751", "2109-210302-04-01-315727", "2203-210381-04-01-904166",
    "2306-210303-07-02-572030", "2404-210323-04-05-120888", "2511-210300-04-01-669303",
]  # fmt: skip


@pytest.fixture(scope="module")
def lived(engine: Engine, city: City) -> Iterator[Office]:
    """Six cases of three types, walked by dice that always fall the same: late, corrected, stopped, refused, promised."""
    with engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            yield live(Office(session, city))
        transaction.rollback()


@pytest.fixture
def world(lived: Office) -> Iterator[Office]:
    """The same for each test: what one does is undone. A test without it comes first, for the cases are in nobody's sight yet."""
    now, sent = lived.now, lived.sent
    undone = lived.session.begin_nested()
    yield lived
    undone.rollback()
    lived.session.expire_all()
    lived.now, lived.sent = now, sent


def live(office: Office) -> Office:
    session, dice = office.session, random.Random(20260302)
    kinds = ["GOV_BLD", "SOC_IND", "GOV_MUNI"]
    for number, code in enumerate(CODES):
        kind = kinds[number % 3]
        case = office.case(kind, "A112", "A113", code=code, district="210381" if number % 2 else None)
        office.step(case, "A113", Step.SUBMIT)
        for item in [item.code for item in items_of(session, case) if item.stage == Stage.LAND_USE_PLANNING]:
            walk(office, case, item, dice)
        office.days_pass(dice.randint(1, 9))
    return office


def walk(office: Office, case: Case, code: str, dice: random.Random) -> None:
    def pause() -> None:
        office.days_pass(dice.randint(0, 6))

    if code != "A113":
        office.step(case, code, Step.SUBMIT)
    pause()
    if dice.random() < 0.3:
        office.step(case, code, Step.ASK_CORRECTION, lacking=(lacking("M01", defect="不全"),))
        pause()
        if dice.random() < 0.3:
            office.step(case, code, Step.WITHDRAW, reason="不办了")
            return
        office.hand_in(case, "M01", replaces_reason="补正")
        office.step(case, code, Step.CORRECT)
    table_promise = ()
    if code == "A112" and dice.random() < 0.5:
        table_promise = (promised("M15", office.now.date() + timedelta(days=30)),)
    for material in ("M01", "M02", "M10", "M11", "M16", "M21") + (
        ("M15",) if code == "A112" and not table_promise else ()
    ):
        office.hand_in(case, material, replaces_reason="统计")
    try:
        office.step(case, code, Step.ACCEPT, promised=table_promise)
    except ConflictError:
        office.step(case, code, Step.NOT_ACCEPT, reason="前置事项未办")
        return
    pause()
    office.step(case, code, Step.BEGIN)
    pause()
    if dice.random() < 0.4:
        office.step(case, code, Step.STOP, reason="公示", stop_kind="publicity", working_days=5)
        pause()
        office.step(case, code, Step.RESUME)
    office.days_pass(dice.randint(0, 16))
    if dice.random() < 0.2:
        office.refuse(case, code, "不符")
    else:
        for owed in obligations_of(office.session, case.id):
            if owed.item_code == code and owed.closed_on is None:
                close(office.session, case, owed, "落实", actor=WINDOW, today=office.now.date())
        office.approve(case, code)


def concluded(office: Office, period: Period) -> list[tuple[Item, Case, dict[str, int]]]:
    """Items of a period with the days of their spans, read row by row."""
    found = []
    for item in office.session.scalars(select(Item).order_by(Item.id)):
        case = office.session.get_one(Case, item.case_id)
        if item.concluded_on is None or not period.starts_on <= item.concluded_on <= period.ends_on:
            continue
        days = dict.fromkeys(("applicant", "window", "department", "stop"), 0)
        for span in office.session.scalars(select(TimeSpan).where(TimeSpan.item_id == item.id)):
            days[span.holder] += CALENDAR.working_days_left(span.starts_on, span.ends_on)
        found.append((item, case, days))
    return found


def percentile(values: list[int], share: float) -> float:
    """Linear interpolation between the two nearest, as a statistician writes it."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def is_parallel(item: Item, others: list[Item]) -> bool:
    """Say whether another item of the case was under way on a day that was the item's, too."""
    mine = {
        item.submitted_on + timedelta(days=n)
        for n in range(1, (item.concluded_on - item.submitted_on).days + 1)
    }
    for other in others:
        if other.case_id == item.case_id and other.code != item.code and other.submitted_on is not None:
            end = other.concluded_on or date(2030, 1, 1)
            if any(other.submitted_on < day <= end for day in mine):
                return True
    return False


def recomputed(
    office: Office, period: Period, group: str, rows: list[tuple[Item, Case, dict[str, int]]]
) -> Figures:
    everything = list(office.session.scalars(select(Item)))
    promises = set(office.session.scalars(select(Promise.item_id)))
    total = [sum(days.values()) for _, _, days in rows]
    decided = [
        item
        for item, _, _ in rows
        if item.accepted_on is not None and item.state != ItemState.TAKEN_BACK and item.limit_days is not None
    ]
    count = len(rows)
    return Figures(
        group=group,
        items=count,
        cases=len({case.id for _, case, _ in rows}),
        median_days=plain.median(total),
        p90_days=percentile(total, 0.9),
        mean_days=plain.fmean(total),
        median_days_without_stops=plain.median(sum(d.values()) - d["stop"] for _, _, d in rows),
        median_department_days=plain.median(d["department"] for _, _, d in rows),
        window_days=sum(d["window"] for _, _, d in rows),
        applicant_days=sum(d["applicant"] for _, _, d in rows),
        department_days=sum(d["department"] for _, _, d in rows),
        stop_days=sum(d["stop"] for _, _, d in rows),
        on_time_share=sum(not item.was_late for item in decided) / len(decided) if decided else None,
        correction_share=sum(any(s.step == "ask_correction" for s in item.steps) for item, _, _ in rows)
        / count,
        stop_share=sum(d["stop"] > 0 for _, _, d in rows) / count,
        parallel_share=sum(is_parallel(item, everything) for item, _, _ in rows) / count,
        commitment_share=sum(item.on_commitment for item, _, _ in rows) / count,
        tolerated_share=sum(item.id in promises for item, _, _ in rows) / count,
        refused_share=sum(any(s.step == "refuse" for s in item.steps) for item, _, _ in rows) / count,
    )


GROUPS = {
    By.ALL: lambda item, case: "all",
    By.STAGE: lambda item, case: item.stage or "parallel_items",
    By.PROJECT_TYPE: lambda item, case: case.project_type,
    By.DEPARTMENT: lambda item, case: item.department,
    By.DISTRICT: lambda item, case: case.district or "city",
    By.ITEM: lambda item, case: item.code,
    By.MONTH: lambda item, case: f"{item.concluded_on:%Y-%m}",
}


def test_a_stage_as_a_whole_and_where_cases_stand(session: Session, city: City) -> None:
    office = Office(session, city)
    case = office.case("GOV_MUNI")
    office.name_item(case, "D408")
    for code in ("A104", "A102"):
        office.accepted(case, code)
        office.step(case, code, Step.BEGIN)
        office.step(case, code, Step.STOP, reason="公示", stop_kind="publicity", working_days=5)
        office.days_pass(7)
        office.step(case, code, Step.RESUME)
        office.days_pass(1)
        office.approve(case, code)
    office.hand_in(case, "M21")
    office.approved(case, "A105")
    office.days_pass(1)
    office.conclude(case, Stage.LAND_USE_PLANNING)
    office.case("GOV_BLD", code=None)
    period = period_of(office.now.date(), None, None)

    (stage,) = stage_figures(session, period)
    standing = under_way(session)

    # 2 March to 19 March: thirteen working days, ten of them stopped; the last day nothing was with anybody.
    assert (stage.stages, stage.median_days, stage.median_days_without_stops, stage.on_time_share) == (
        1,
        13,
        3,
        1,
    )
    assert standing.in_stage[Stage.PROJECT_PERMIT] == 1
    assert (standing.without_code, standing.not_prepared, standing.concluded) == (1, 0, 0)
    assert (standing.opinions, standing.deemed) == (4, 2)


def test_every_figure_is_what_the_rows_say_when_they_are_counted_by_hand(world: Office) -> None:
    """Art. 2, 7."""
    year = Period(date(2026, 1, 1), date(2026, 12, 31))
    later = Period(date(2026, 4, 1), date(2026, 6, 30))
    spring = Period(date(2026, 3, 10), date(2026, 4, 20))
    for period in (year, later, spring):
        rows = concluded(world, period)
        for by, group_of in GROUPS.items():
            groups: dict[str, list] = {}
            for row in rows:
                groups.setdefault(group_of(row[0], row[1]), []).append(row)

            found = {row.group: row for row in figures(world.session, period, by)}

            assert found.keys() == groups.keys(), by
            for group, members in groups.items():
                expected = recomputed(world, period, group, members)
                for name in MEASURES:
                    assert getattr(found[group], name) == pytest.approx(getattr(expected, name)), (
                        by,
                        group,
                        name,
                    )
    known = {period: concluded(world, period) for period in (year, later, spring)}
    for by in (By.STAGE, By.PROJECT_TYPE, By.DEPARTMENT, By.DISTRICT, By.ITEM):
        for group in {GROUPS[by](item, case) for item, case, _ in known[year]}:
            for period, rows in known.items():
                narrowed = replace(period, **{str(by): group})
                months: dict[str, list] = {}
                for row in rows:
                    if GROUPS[by](row[0], row[1]) == group:
                        months.setdefault(GROUPS[By.MONTH](row[0], row[1]), []).append(row)
                assert figures(world.session, narrowed, By.MONTH) == approximately(
                    recomputed(world, period, month, members) for month, members in sorted(months.items())
                )
    (everything,) = figures(world.session, year, By.ALL)
    assert everything.items > 15
    shares = [
        value
        for name, value in vars(everything).items()
        if name.endswith("_share") and name != "commitment_share"
    ]
    assert all(0 < share <= 1 for share in shares), everything


def approximately(rows: Iterable[Figures]) -> list[Any]:
    """The same figures, but for the last digits of their fractions."""
    return [
        Figures(
            **{
                name: pytest.approx(value) if isinstance(value, float) else value
                for name, value in vars(row).items()
            }
        )
        for row in rows
    ]


def test_the_summaries_are_what_counting_everything_anew_gives(world: Office) -> None:
    """Each conclusion was counted as it came; so were the stages, and where cases stand."""
    session = world.session
    for case in session.scalars(select(Case)):
        if not unfinished_items(session, case, Stage.LAND_USE_PLANNING):
            world.name_item(case, "D408")
            world.conclude(case, Stage.LAND_USE_PLANNING)
    receive(session, message(77), now=world.now)
    gone, came_again = message(78), message(79)
    for sent in (gone, came_again):
        receive(session, sent, now=world.now)
        receive_message(session, back := withdrawal(sent), now=world.now)
    receive(session, message(79, follows=back.message_id), now=world.now)
    for item, _, days in concluded(world, Period(date(2026, 1, 1), date(2026, 12, 31))):
        beside = (item.applicant_days, item.window_days, item.department_days, item.stop_days)
        assert beside == tuple(days.values())
    kept = kept_summaries(session)
    assert len(kept[0]) > 30 and len({row[2] for row in kept[0]}) > 2
    assert {row[0] for row in kept[0]} == {"whole_stage", "all", *GROUPS.keys()} - {"month"}

    recount(session)

    assert kept_summaries(session) == kept
    by_hand: dict[tuple, list[int]] = {}
    for case in session.scalars(select(Case)):
        done = sum(stage.concluded_on is not None for stage in case.stages)
        key = (
            case.project_type is not None,
            case.project_code is not None,
            done,
            case.withdrawn_on is not None,
        )
        sums = by_hand.setdefault(key, [0, 0, 0])
        for place, value in enumerate((1, len(case.message["opinions"]), case.deemed_count)):
            sums[place] += value
    standing = {
        (s.has_type, s.has_code, s.stages_concluded, s.is_withdrawn): [s.cases, s.opinions, s.deemed]
        for s in session.scalars(select(CaseStanding))
        if s.cases
    }
    assert standing == by_hand and len(standing) > 3
    behind_counts = {place: len(list_cases(session, standing=place, limit=200)) for place in Standing}
    now = under_way(session)
    assert behind_counts == {
        "not_prepared": now.not_prepared,
        "without_code": now.without_code,
        **now.in_stage,
        "concluded": now.concluded,
        "withdrawn": now.withdrawn,
    }
    assert (now.withdrawn, sum(behind_counts.values())) == (1, session.scalar(select(func.count(Case.id))))


def kept_summaries(session: Session) -> list[list[tuple]]:
    """All rows of both tables, in order."""
    return [
        sorted(
            tuple(tuple(v) if isinstance(v, list) else v for v in row)
            for row in session.execute(select(*table.__table__.columns))
        )
        for table in (MonthFigures, MonthCases)
    ]


def items_behind(office: Office, period: Period, only: Only) -> list[ItemBrief]:
    """The items that a figure counts, as a page lists them."""
    desk = Desk(office.city, CALENDAR, office.now.date())
    return briefs(office.session, desk, behind(period, only), order=(Item.id,))


def test_a_figure_leads_to_its_items(world: Office) -> None:
    year = Period(date(2026, 1, 1), date(2026, 12, 31))
    (whole,) = figures(world.session, year, By.ALL)

    behind = {only: items_behind(world, year, only) for only in Only}

    assert len(behind[Only.ALL]) == whole.items
    for only, share in (
        (Only.CORRECTED, whole.correction_share), (Only.STOPPED, whole.stop_share),
        (Only.PARALLEL, whole.parallel_share), (Only.TOLERATED, whole.tolerated_share),
        (Only.REFUSED, whole.refused_share), (Only.ON_COMMITMENT, whole.commitment_share),
    ):  # fmt: skip
        assert len(behind[only]) == round(share * whole.items), only
    on_time, late = len(behind[Only.ON_TIME]), len(behind[Only.LATE])
    assert on_time / (on_time + late) == pytest.approx(whole.on_time_share)
    for by in (By.DEPARTMENT, By.ITEM, By.STAGE, By.DISTRICT):
        for row in figures(world.session, year, by):
            within = Period(year.starts_on, year.ends_on, **{str(by): row.group})
            assert len(items_behind(world, within, Only.ALL)) == row.items


def test_a_median_leads_to_its_items_and_what_is_whole_to_its_cases(world: Office) -> None:
    """Stages, whole cases and silence of a period are what the rows say, and each is of the cases that it lists."""
    session = world.session
    year, zone = Period(date(2026, 1, 1), date(2026, 12, 31)), MONDAY.tzinfo
    desk = Desk(world.city, CALENDAR, world.now.date())
    longest = briefs(session, desk, behind(year, Only.ALL), order=(TOTAL_DAYS.desc(), Item.id), limit=3)
    days = [sum(row[2].values()) for row in concluded(world, year)]
    assert [item.working_days for item in longest] == sorted(days, reverse=True)[:3]

    def listed(of: OfCases, period: Period = year) -> set[int]:
        return {row.id for row in cases_behind(session, period, of, zone=zone, after=0, limit=200)}

    assert listed(OfCases.ITEMS) == {case.id for _, case, _ in concluded(world, year)}
    in_time = next(
        item
        for item, _, _ in concluded(world, year)
        if item.state == ItemState.APPROVED and item.was_late is False
    )
    (before,) = figures(session, year, By.ALL)
    in_time.limit_days = None
    session.flush()
    recount(session)
    (after,) = figures(session, year, By.ALL)
    by_hand = recomputed(world, year, "all", concluded(world, year))
    assert after.on_time_share == pytest.approx(by_hand.on_time_share) != before.on_time_share
    ended = session.scalars(select(Case).order_by(Case.id)).first()
    assert ended is not None
    for number, stage in enumerate(ended.stages, start=1):
        stage.accepted_on = stage.concluded_on = date(2026, 6, 30)
        stage.working_days, stage.stop_days, stage.limit_days, stage.due_on = (
            10 * number,
            5,
            20,
            date(2026, 6, 30),
        )
    session.flush()
    whole = whole_cases(session, year, zone=zone)
    assert (whole.cases, whole.median_days, whole.median_days_without_stops) == (1, 100, 80)
    assert (whole.on_time_share, listed(OfCases.ON_TIME), listed(OfCases.LATE)) == (1, {ended.id}, set())
    assert whole_cases(session, replace(year, ends_on=date(2026, 6, 29)), zone=zone).cases == 0
    stages = {
        (stage, only): [
            row.working_days for row in stages_behind(session, year, stage, only, after=0, limit=9)
        ]
        for stage in (Stage.LAND_USE_PLANNING, Stage.COMPLETION_ACCEPTANCE)
        for only in (Only.ALL, Only.ON_TIME, Only.LATE)
    }
    assert stages[Stage.LAND_USE_PLANNING, Only.ON_TIME] == [10]
    assert stages[Stage.COMPLETION_ACCEPTANCE, Only.LATE] == [40]
    first = session.scalars(select(Case.received_at).order_by(Case.received_at)).first().date()
    for period in (year, Period(first, first), replace(year, district="210381"), replace(year, hall="X")):
        mine = [
            case
            for case in session.scalars(select(Case))
            if period.starts_on <= case.received_at.astimezone(zone).date() <= period.ends_on
            and period.district in (None, case.district)
            and period.hall in (None, case.hall)
        ]
        silent = [
            opinion["kind"] == "deemed_no_objection" for case in mine for opinion in case.message["opinions"]
        ]
        found = whole_cases(session, period, zone=zone)
        assert (found.opinions, found.deemed) == (len(silent), sum(silent))
        assert found.deemed_share == (sum(silent) / len(silent) if silent else None)
        assert listed(OfCases.DEEMED, period) == {case.id for case in mine if case.deemed_count}


def test_the_workbook_holds_the_figures_and_what_they_mean(world: Office) -> None:
    period = Period(date(2026, 1, 1), date(2026, 12, 31))
    rows = figures(world.session, period, By.DEPARTMENT)
    stages, standing = stage_figures(world.session, period), under_way(world.session)

    content = workbook(statistics_out(period, By.DEPARTMENT, rows, stages, standing))

    with zipfile.ZipFile(io.BytesIO(content)) as book:
        words = book.read("xl/sharedStrings.xml").decode()
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert all(text.split(" ", 1)[0] in words for text in MEASURES.values())
    assert sheet.count("<row ") == len(rows) + 1


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="before it begins"):
        period_of(date(2026, 3, 2), date(2026, 3, 2), date(2026, 3, 1))
