"""Opening consultations and answering them: on a real database."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import shapely
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError, NotPermittedError
from blueprint.permissions import Actor
from blueprint.wall import KEEPER, seeing
from blueprint.working_days import WorkingCalendar
from coordination import clock, consultation, opinion_requests, opinions, projects
from coordination.finding_places import place_of
from coordination.limits import OpinionStatus
from coordination.models import Consultation, Opinion, OpinionKind, OpinionRequest, Project
from coordination.opinions import OpinionGiven
from coordination.request_map import request_map
from tests.coordination.world import (
    CALENDAR,
    COORDINATOR,
    DETAILS,
    DUE_ON,
    HERITAGE,
    NOW,
    TODAY,
    WATER,
    footprint,
    install_layer,
)

AGREE = OpinionGiven(OpinionKind.AGREE)
LAST_MOMENT = NOW.replace(day=30, month=11, hour=23, minute=59)
TOO_LATE = LAST_MOMENT + timedelta(minutes=1)


def register(session: Session, world: City, west: float = 220, east: float = 320) -> Project:
    site = footprint(world, west, east)
    return projects.register_project(session, DETAILS, site, city=world, actor=COORDINATOR, now=NOW)


def consult(session: Session, world: City, project: Project, *, now: datetime = NOW) -> Consultation:
    projects.check_project(session, project.id, city=world, actor=COORDINATOR, now=now)
    return consultation.open_consultation(
        session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=now
    )


def request_of(session: Session, opened: Consultation, department: str) -> OpinionRequest:
    return session.scalars(
        select(OpinionRequest).where(
            OpinionRequest.consultation_id == opened.id, OpinionRequest.department == department
        )
    ).one()


def answer(
    session: Session,
    request: OpinionRequest,
    given: OpinionGiven = AGREE,
    *,
    actor: Actor = WATER,
    now: datetime = NOW,
) -> OpinionRequest:
    return opinions.give_opinion(session, request.id, given, actor=actor, calendar=CALENDAR, now=now)


def test_every_department_touched_or_always_asked_gets_one_request_due_in_five_working_days(
    world_session: Session, world: City
) -> None:
    opened = consult(world_session, world, register(world_session, world))

    assert [r.department for r in opened.requests] == ["fgw", "slj", "wlj"]
    assert {(r.sent_on, r.due_on, r.provisional) for r in opened.requests} == {(TODAY, DUE_ON, False)}


def test_a_department_is_told_its_own_findings_in_a_draft(world_session: Session, world: City) -> None:
    opened = consult(world_session, world, register(world_session, world))

    water = request_of(world_session, opened, "slj")
    assert [f["layer"] for f in water.findings] == ["river"]
    assert "河道管理范围" in water.draft
    assert "建设控制地带" not in water.draft
    assert request_of(world_session, opened, "fgw").draft.endswith("无意见。")


def test_a_consultation_needs_a_check_of_the_current_footprint(world_session: Session, world: City) -> None:
    project = register(world_session, world)

    with pytest.raises(ConflictError, match="check it first"):
        consultation.open_consultation(
            world_session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NOW
        )


def test_a_footprint_is_consulted_on_once(world_session: Session, world: City) -> None:
    project = register(world_session, world)
    consult(world_session, world, project)

    with pytest.raises(ConflictError, match="asked about footprint revision 1 already"):
        consult(world_session, world, project)


def test_a_consultation_rests_on_a_check_of_todays_blueprint(world_session: Session, world: City) -> None:
    project = register(world_session, world)
    projects.check_project(world_session, project.id, city=world, actor=COORDINATOR, now=NOW)
    install_layer(world_session, world, "river", (210, 310), starts_on=TODAY)

    with pytest.raises(ConflictError, match="the blueprint changed since the check"):
        consultation.open_consultation(
            world_session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NOW
        )


def test_a_project_outside_the_scope_is_checked_but_not_consulted(
    world_session: Session, world: City
) -> None:
    details = replace(DETAILS, in_scope=False, scope_reason="须报国家审批")
    project = projects.register_project(
        world_session, details, footprint(world, 220, 320), city=world, actor=COORDINATOR, now=NOW
    )

    with pytest.raises(ConflictError, match="须报国家审批"):
        consult(world_session, world, project)


def test_an_answer_is_taken_until_the_last_moment_of_the_due_day(world_session: Session, world: City) -> None:
    request = request_of(world_session, consult(world_session, world, register(world_session, world)), "slj")

    answered = answer(world_session, request, now=LAST_MOMENT)

    assert opinion_requests.request_status(answered, TOO_LATE.date()) is OpinionStatus.GIVEN


def test_a_late_answer_is_refused_though_nobody_recorded_the_silence_yet(
    world_session: Session, world: City
) -> None:
    request = request_of(world_session, consult(world_session, world, register(world_session, world)), "slj")

    with pytest.raises(ConflictError, match="limit ended on 2026-11-30"):
        answer(world_session, request, now=TOO_LATE)
    assert world_session.scalars(select(Opinion)).all() == []


def test_an_opinion_is_given_once(world_session: Session, world: City) -> None:
    request = request_of(world_session, consult(world_session, world, register(world_session, world)), "slj")
    answer(world_session, request)

    with pytest.raises(ConflictError, match="answered on 2026-11-23 already"):
        answer(world_session, request, OpinionGiven(OpinionKind.NO_OBJECTION))


@pytest.mark.parametrize(
    "given",
    [
        OpinionGiven(OpinionKind.AGREE_WITH_CONDITIONS, conditions="  "),
        OpinionGiven(OpinionKind.DISAGREE),
        OpinionGiven(OpinionKind.AGREE, conditions="条件"),
        OpinionGiven(OpinionKind.NO_OBJECTION, reason="理由"),
        OpinionGiven(OpinionKind.DEEMED_NO_OBJECTION),
    ],
)
def test_an_answer_has_the_text_that_its_kind_needs_and_no_other(given: OpinionGiven) -> None:
    with pytest.raises(InvalidInputError):
        given.checked()


def test_another_departments_request_is_as_unknown_and_the_coordinator_may_read_not_answer(
    world_session: Session, world: City
) -> None:
    request = request_of(world_session, consult(world_session, world, register(world_session, world)), "slj")

    with pytest.raises(NotFoundError):
        opinion_requests.find_request(world_session, request.id, actor=HERITAGE)
    with pytest.raises(NotFoundError):
        answer(world_session, request, actor=HERITAGE)
    assert opinion_requests.find_request(world_session, request.id, actor=COORDINATOR) is request
    with pytest.raises(NotPermittedError):
        answer(world_session, request, actor=COORDINATOR)


def test_silence_is_recorded_once_and_dated_the_day_after_the_limit(
    world_session: Session, world: City
) -> None:
    opened = consult(world_session, world, register(world_session, world))
    answer(world_session, request_of(world_session, opened, "slj"))
    week_later = TOO_LATE + timedelta(days=7)

    early = clock.close_overdue(world_session, DUE_ON, now=LAST_MOMENT, calendar=CALENDAR)
    closed = clock.close_overdue(world_session, week_later.date(), now=week_later, calendar=CALENDAR)
    again = clock.close_overdue(world_session, week_later.date(), now=week_later, calendar=CALENDAR)

    assert (early, closed, again) == (0, 2, 0)
    silent = request_of(world_session, opened, "wlj")
    assert silent.withdrawn_on == date(2026, 12, 1)
    assert silent.opinion is not None
    assert silent.opinion.kind == OpinionKind.DEEMED_NO_OBJECTION
    answered = request_of(world_session, opened, "slj")
    assert answered.opinion is not None
    assert (answered.opinion.kind, answered.withdrawn_on) == (OpinionKind.AGREE, None)


@pytest.mark.parametrize("is_recorded", [False, True])
def test_lists_show_the_state_as_of_today_whether_or_not_it_was_recorded(
    world_session: Session, world: City, is_recorded: bool
) -> None:
    opened = consult(world_session, world, register(world_session, world))
    answer(world_session, request_of(world_session, opened, "slj"))
    if is_recorded:
        clock.close_overdue(world_session, TOO_LATE.date(), now=TOO_LATE, calendar=CALENDAR)

    def listed(state: OpinionStatus, today: date, actor: Actor = COORDINATOR) -> list[str]:
        rows = opinion_requests.list_requests(world_session, actor=actor, today=today, state=state)
        assert all(opinion_requests.request_status(row, today) is state for row in rows)
        return [row.department for row in rows]

    late = TOO_LATE.date()
    assert listed(OpinionStatus.GIVEN, late) == ["slj"]
    assert listed(OpinionStatus.DEEMED_NO_OBJECTION, late) == ["fgw", "wlj"]
    assert listed(OpinionStatus.AWAITED, late) == []
    assert listed(OpinionStatus.DEEMED_NO_OBJECTION, late, HERITAGE) == ["wlj"]
    assert listed(OpinionStatus.DEEMED_NO_OBJECTION, late, WATER) == []
    if not is_recorded:
        assert listed(OpinionStatus.AWAITED, DUE_ON) == ["fgw", "wlj"]


def test_no_limit_runs_out_on_a_provisional_date_and_it_is_counted_again_when_the_calendar_is_known(
    world_session: Session, world: City
) -> None:
    new_year_eve = NOW.replace(month=12, day=31)
    opened = consult(world_session, world, register(world_session, world), now=new_year_eve)
    request = request_of(world_session, opened, "slj")
    assert request.provisional
    much_later = new_year_eve + timedelta(days=60)

    held = clock.close_overdue(world_session, much_later.date(), now=much_later, calendar=CALENDAR)
    ended = clock.close_overdue(
        world_session, much_later.date(), now=much_later, calendar=WorkingCalendar("US")
    )

    assert (held, ended) == (0, 3)
    assert not request.provisional
    assert request.due_on == date(2027, 1, 8)


def test_a_changed_footprint_takes_back_what_is_still_open(world_session: Session, world: City) -> None:
    project = register(world_session, world)
    opened = consult(world_session, world, project)
    answer(world_session, request_of(world_session, opened, "slj"))

    consultation.revise_footprint(
        world_session,
        project.id,
        footprint(world, 260, 320),
        city=world,
        calendar=CALENDAR,
        actor=COORDINATOR,
        now=NOW,
    )

    taken_back = request_of(world_session, opened, "wlj")
    assert opinion_requests.request_status(taken_back, TOO_LATE.date()) is OpinionStatus.WITHDRAWN
    with pytest.raises(ConflictError, match="footprint was changed"):
        answer(world_session, taken_back, actor=HERITAGE)
    assert clock.close_overdue(world_session, TOO_LATE.date(), now=TOO_LATE, calendar=CALENDAR) == 0
    assert [r.department for r in consult(world_session, world, project).requests] == ["fgw", "slj", "wlj"]


@pytest.fixture
def one_request(fresh_database: str, world: City) -> tuple[str, int]:
    """A committed request to the water department in a database of its own: its URL and the request's id."""
    engine = create_engine(fresh_database)
    with Session(engine) as session, session.begin():
        install_layer(session, world, "river", (200, 300), starts_on=date(2026, 1, 1))
        request = request_of(session, consult(session, world, register(session, world)), "slj")
        result = fresh_database, request.id
    engine.dispose()
    return result


def _answer_act(session: Session, request_id: int) -> str:
    try:
        opinions.give_opinion(session, request_id, AGREE, actor=WATER, calendar=CALENDAR, now=LAST_MOMENT)
    except ConflictError:
        return "refused"
    return "answered"


def _close_act(session: Session, request_id: int) -> str:
    clock.close_overdue(session, TOO_LATE.date(), now=TOO_LATE, calendar=CALENDAR)
    request = session.get_one(OpinionRequest, request_id, populate_existing=True)
    return "deemed" if request.withdrawn_on is not None else "left alone"


Act = Callable[[Session, int], str]


@pytest.mark.parametrize(
    ("first", "second", "results", "kind"),
    [
        (_answer_act, _close_act, ("answered", "left alone"), OpinionKind.AGREE),
        (_close_act, _answer_act, ("deemed", "refused"), OpinionKind.DEEMED_NO_OBJECTION),
        (_answer_act, _answer_act, ("answered", "refused"), OpinionKind.AGREE),
        (_close_act, _close_act, ("deemed", "deemed"), OpinionKind.DEEMED_NO_OBJECTION),
    ],
)
def test_whoever_holds_the_request_first_wins_and_the_other_waits_and_sees_it(
    one_request: tuple[str, int], first: Act, second: Act, results: tuple[str, str], kind: OpinionKind
) -> None:
    url, request_id = one_request
    engine = create_engine(url)

    def run_second() -> str:
        with seeing(KEEPER), Session(engine) as session, session.begin():
            seen_before = opinion_requests.find_request(session, request_id, actor=COORDINATOR)
            result = second(session, request_id)
            assert seen_before.id == request_id  # held on to: what was read before the wait is no ground
            return result

    with Session(engine) as session, ThreadPoolExecutor(1) as pool:
        first_result = first(session, request_id)
        waiting = pool.submit(run_second)
        _wait_until_blocked(engine)
        session.commit()
        second_result = waiting.result(timeout=20)

    assert (first_result, second_result) == results
    with Session(engine) as session:
        kinds = session.scalars(select(Opinion.kind).where(Opinion.request_id == request_id)).all()
        assert kinds == [kind]
    engine.dispose()


def _wait_until_blocked(engine: Engine) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE NOT granted AND datname = current_database()"
    )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for _ in range(200):
            if connection.scalar(waiting):
                return
            threading.Event().wait(0.05)
    raise AssertionError("the second act did not wait for the first")


def test_each_department_has_the_places_of_its_own_findings_of_one_feature(
    world_session: Session, world: City, tmp_path: Path
) -> None:
    """Of the river, 3 m west of the site: 2 m of its owner's 5 m, 47 m of the 50 m that another department answers for."""
    words = [f"{name}: a" for name in ("title", "title_en", "finding", "finding_en", "remedy", "remedy_en")]
    same = [*words, "layer: river", "basis: [a]", "last_checked_on: 2026-11-01", "control: restrict"]
    near, far = ("id: R-5", "distance_m: 5"), ("id: R-50", "distance_m: 50", "department: wlj")
    rules = ["\n    ".join([*each, "relation: within_distance", *same]) for each in (near, far)]
    path = tmp_path / "rules.yaml"
    path.write_text("code: t\nversion: 1\nrules:\n" + "".join(f"  - {r}\n" for r in rules), encoding="utf-8")
    city = replace(world, rules_path=path)
    opened = consult(world_session, city, register(world_session, city, 303, 403))
    world_session.expire_all()

    for department, actor, width_m in (("slj", WATER, 2), ("wlj", HERITAGE, 47)):
        request = request_of(world_session, opened, department)
        assert request.findings[0]["layer"] == "river"
        place = place_of(request, 1)
        assert place is not None
        assert place.area == pytest.approx(60 * width_m, abs=1e-6)
        drawn = request_map(world_session, request, city=city, actor=actor)["features"]
        numbers = [f["properties"]["number"] for f in drawn if f["properties"]["kind"] == "finding"]
        assert numbers == list(range(1, len(request.findings) + 1))
        site, shape = (shapely.geometry.shape(feature["geometry"]) for feature in drawn[:2])
        assert shape.area / site.area == pytest.approx(width_m / 100, rel=1e-3)
