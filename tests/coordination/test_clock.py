"""The clock of a request on a real database: stops, counting anew with its trace, the database's own refusal."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.working_days import DayRule, WorkingCalendar
from coordination import clock, opinion_requests, opinions
from coordination.limits import OpinionStatus
from coordination.models import Opinion, OpinionKind, OpinionRequest
from coordination.opinions import OpinionGiven
from tests.coordination.test_rounds import consult, register
from tests.coordination.world import CALENDAR, COORDINATOR, DUE_ON, HERITAGE, NOW, TODAY, WATER

AGREE = OpinionGiven(OpinionKind.AGREE)
WEEK_LATER = NOW + timedelta(days=7)
LATE = NOW + timedelta(days=8)


@pytest.fixture
def request_to_water(world_session: Session, world: City) -> OpinionRequest:
    opened = consult(world_session, world, register(world_session, world))
    return next(r for r in opened.requests if r.department == "slj")


def test_a_stop_keeps_the_request_open_past_its_day_and_a_restart_moves_the_day(
    world_session: Session, request_to_water: OpinionRequest
) -> None:
    known = request_to_water
    clock.stop_clock(
        world_session, known.id, reason="缺洪水影响评价", actor=WATER, calendar=CALENDAR, now=NOW
    )

    assert clock.close_overdue(world_session, LATE.date(), now=LATE, calendar=CALENDAR) == 2
    assert opinion_requests.request_status(known, LATE.date()) is OpinionStatus.STOPPED
    clock.restart_clock(
        world_session, known.id, reason="已补充", actor=COORDINATOR, calendar=CALENDAR, now=LATE
    )

    # None of the days from 24 November to 1 December counted: five working days from 2 December.
    assert known.due_on == date(2026, 12, 8)
    (change,) = known.due_changes
    assert (change.from_on, change.to_on) == (DUE_ON, date(2026, 12, 8))
    assert "缺洪水影响评价" in change.why
    explained = clock.explain_clock(known, calendar=CALENDAR, today=LATE.date())
    assert explained[-1].calendar.day == known.due_on


def test_only_the_department_and_the_coordinator_stop_a_clock_and_only_one_that_runs(
    world_session: Session, request_to_water: OpinionRequest
) -> None:
    stop = {"calendar": CALENDAR, "reason": "缺材料"}
    with pytest.raises(NotFoundError):
        clock.stop_clock(world_session, request_to_water.id, actor=HERITAGE, now=NOW, **stop)
    with pytest.raises(InvalidInputError, match="which material is missing"):
        clock.stop_clock(
            world_session, request_to_water.id, actor=WATER, now=NOW, calendar=CALENDAR, reason=" "
        )
    with pytest.raises(ConflictError, match="deemed no objection cannot be stopped"):
        clock.stop_clock(world_session, request_to_water.id, actor=WATER, now=LATE, **stop)
    with pytest.raises(ConflictError, match="does not stand still"):
        clock.restart_clock(world_session, request_to_water.id, actor=WATER, now=NOW, **stop)
    clock.stop_clock(world_session, request_to_water.id, actor=WATER, now=NOW, **stop)
    with pytest.raises(ConflictError, match="stopped cannot be stopped"):
        clock.stop_clock(world_session, request_to_water.id, actor=WATER, now=NOW, **stop)


def test_an_answer_while_the_clock_stands_still_starts_it_and_is_in_time(
    world_session: Session, request_to_water: OpinionRequest
) -> None:
    clock.stop_clock(
        world_session, request_to_water.id, reason="缺材料", actor=WATER, calendar=CALENDAR, now=NOW
    )

    answered = opinions.give_opinion(
        world_session, request_to_water.id, AGREE, actor=WATER, calendar=CALENDAR, now=LATE
    )

    assert opinion_requests.request_status(answered, LATE.date()) is OpinionStatus.GIVEN
    assert answered.stops[0].restarted_on == LATE.date()


def test_a_day_off_that_the_city_adds_is_given_to_the_department_with_a_trace(
    world_session: Session, request_to_water: OpinionRequest
) -> None:
    storm = WorkingCalendar("CN", rules={date(2026, 11, 26): DayRule(is_working=False, name="暴雪停工")})

    moved = clock.recount_open(world_session, calendar=storm, now=NOW)
    again = clock.recount_open(world_session, calendar=storm, now=NOW)

    assert (moved, again) == (3, 0)
    assert request_to_water.due_on == date(2026, 12, 1)
    assert request_to_water.due_changes[0].why == clock.CALENDAR_CHANGED
    # A calendar that takes the day back takes nothing back from the department.
    assert clock.recount_open(world_session, calendar=CALENDAR, now=NOW) == 0


def test_an_answer_counts_the_due_day_anew_though_no_job_ran(
    world_session: Session, request_to_water: OpinionRequest
) -> None:
    storm = WorkingCalendar("CN", rules={date(2026, 11, 26): DayRule(is_working=False, name="暴雪停工")})

    opinions.give_opinion(world_session, request_to_water.id, AGREE, actor=WATER, calendar=storm, now=LATE)

    assert request_to_water.due_on == LATE.date()


@pytest.mark.parametrize("days", [8, 9, 400])
def test_the_database_itself_refuses_what_is_said_past_the_limit(
    world_session: Session, request_to_water: OpinionRequest, days: int
) -> None:
    insert = text(
        "INSERT INTO coordination.opinion (request_id, kind, given_by, given_on, given_at)"
        " VALUES (:request, 'agree', 'x', :day, now())"
    )
    late = {"request": request_to_water.id, "day": TODAY + timedelta(days=days)}
    with pytest.raises(IntegrityError, match="the limit of opinion request"), world_session.begin_nested():
        world_session.execute(insert, late)

    world_session.execute(insert, late | {"day": DUE_ON})


def test_the_database_itself_refuses_what_is_said_to_a_request_that_was_taken_back(
    world_session: Session, request_to_water: OpinionRequest
) -> None:
    request_to_water.withdrawn_on = TODAY
    world_session.flush()
    insert = text(
        "INSERT INTO coordination.opinion (request_id, kind, given_by, given_on, given_at)"
        " VALUES (:request, 'agree', 'x', :day, now())"
    )

    with pytest.raises(IntegrityError, match="was withdrawn on"), world_session.begin_nested():
        world_session.execute(insert, {"request": request_to_water.id, "day": TODAY})


def test_that_a_department_looked_at_its_request_is_kept_once(
    world_session: Session, request_to_water: OpinionRequest
) -> None:
    opinion_requests.note_seen(request_to_water, actor=COORDINATOR, now=NOW)
    assert request_to_water.first_seen_at is None
    opinion_requests.note_seen(request_to_water, actor=WATER, now=NOW)
    opinion_requests.note_seen(request_to_water, actor=WATER, now=LATE)

    assert (request_to_water.first_seen_at, request_to_water.first_seen_by) == (NOW, "水利局")


def stop_on_the_last_day(session: Session, known: OpinionRequest) -> None:
    assert WEEK_LATER.date() == known.due_on
    clock.stop_clock(session, known.id, reason="缺材料", actor=WATER, calendar=CALENDAR, now=WEEK_LATER)


def test_a_clock_stopped_on_the_last_day_gives_a_whole_day_after_its_restart(
    world_session: Session, request_to_water: OpinionRequest
) -> None:
    stop_on_the_last_day(world_session, request_to_water)
    thursday = NOW + timedelta(days=10)
    clock.restart_clock(
        world_session,
        request_to_water.id,
        reason="已补充",
        actor=COORDINATOR,
        calendar=CALENDAR,
        now=thursday,
    )

    friday = thursday + timedelta(days=1)
    clock.close_overdue(world_session, friday.date(), now=friday, calendar=CALENDAR)

    assert request_to_water.due_on == friday.date()
    answered = opinions.give_opinion(
        world_session, request_to_water.id, AGREE, actor=WATER, calendar=CALENDAR, now=friday
    )
    assert opinion_requests.request_status(answered, friday.date()) is OpinionStatus.GIVEN


def test_an_answer_while_a_clock_stands_still_since_the_last_day_is_in_time(
    world_session: Session, request_to_water: OpinionRequest
) -> None:
    stop_on_the_last_day(world_session, request_to_water)

    answered = opinions.give_opinion(
        world_session, request_to_water.id, AGREE, actor=WATER, calendar=CALENDAR, now=LATE
    )

    assert opinion_requests.request_status(answered, LATE.date()) is OpinionStatus.GIVEN
    assert request_to_water.due_on == LATE.date() + timedelta(days=1)


def test_what_the_database_refuses_is_said_in_a_sentence(
    world_session: Session, request_to_water: OpinionRequest
) -> None:
    late = Opinion(
        request_id=request_to_water.id,
        kind=OpinionKind.AGREE,
        given_by="x",
        given_on=LATE.date(),
        given_at=LATE,
        answers=[],
    )

    with (
        pytest.raises(ConflictError, match=r"the limit of opinion request .* ended on 2026-11-30"),
        world_session.begin_nested(),
        opinions.refused_by_the_database(),
    ):
        world_session.add(late)
        world_session.flush()


def test_the_clock_of_an_answered_request_ends_on_its_due_day_whatever_the_calendar_became(
    world_session: Session, request_to_water: OpinionRequest
) -> None:
    opinions.give_opinion(world_session, request_to_water.id, AGREE, actor=WATER, calendar=CALENDAR, now=NOW)
    storm = WorkingCalendar("CN", rules={date(2026, 11, 26): DayRule(is_working=False, name="暴雪停工")})

    days = clock.explain_clock(request_to_water, calendar=storm, today=LATE.date())

    assert (days[-1].calendar.day, days[-1].number) == (request_to_water.due_on, 5)
