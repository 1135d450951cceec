"""Views: the inbox, the board, figures on opinions, search; dead handovers and sending them again."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import ConflictError, NotFoundError
from coordination import clock, deliveries, opinions, views
from coordination.clearance import clear_project
from coordination.handover_models import Handover
from coordination.limits import OpinionStatus
from coordination.models import OpinionKind
from coordination.opinions import OpinionGiven
from coordination.project_states import ProjectStatus
from coordination.views import Urgency, urgency_of
from tests.coordination.test_rounds import WHO, answer, consult, register
from tests.coordination.world import CALENDAR, COORDINATOR, DETAILS, DUE_ON, NOW, TODAY

LATE = NOW + timedelta(days=8)


@pytest.mark.parametrize(
    ("status", "left", "urgency"),
    [
        (OpinionStatus.AWAITED, -1, Urgency.OVERDUE),
        (OpinionStatus.AWAITED, 0, Urgency.TODAY),
        (OpinionStatus.AWAITED, 3, Urgency.SOON),
        (OpinionStatus.AWAITED, 4, Urgency.LATER),
        (OpinionStatus.STOPPED, 1, Urgency.STOPPED),
    ],
)
def test_how_urgent_a_request_is(status: OpinionStatus, left: int, urgency: Urgency) -> None:
    assert urgency_of(status, left=left) is urgency


def test_the_inbox_has_what_is_to_be_answered_the_earliest_due_first(
    world_session: Session, world: City
) -> None:
    later = replace(
        world,
        departments=tuple(
            replace(d, opinion_working_days=9) if d.code == "slj" else d for d in world.departments
        ),
    )
    consult(world_session, later, register(world_session, later))
    sooner = consult(world_session, world, register(world_session, world))

    rows = views.inbox(world_session, "slj", TODAY)

    assert rows[0].consultation_id == sooner.id
    assert len(rows) == 2
    assert len(views.inbox(world_session, "slj", LATE.date())) == 1
    assert views.inbox(world_session, "tjj", TODAY) == []
    assert views.lapsed(world_session, "slj", TODAY) == []
    assert [row.consultation_id for row in views.lapsed(world_session, "slj", LATE.date())] == [sooner.id]
    long_after = views.lapsed(world_session, "slj", LATE.date() + views.LAPSED_SHOWN_FOR)
    assert sooner.id not in [row.consultation_id for row in long_after]


def test_the_board_says_how_the_requests_of_each_project_stand(world_session: Session, world: City) -> None:
    quiet = register(world_session, world)
    busy = register(world_session, world)
    opened = consult(world_session, world, busy)
    answer(world_session, opened, "slj", OpinionGiven(OpinionKind.DISAGREE, reason="妨碍行洪"))
    answer(world_session, opened, "fgw")

    first, second = views.board(world_session, TODAY, calendar=CALENDAR)

    assert (first.project.id, first.round, first.next_due_on, first.disagreeing) == (busy.id, 1, DUE_ON, 1)
    assert first.states == {OpinionStatus.GIVEN: 2, OpinionStatus.AWAITED: 1}
    assert (second.project.id, second.round, second.states) == (quiet.id, None, {})
    counts = views.counts_by_status(world_session)
    assert (counts[ProjectStatus.CONSULTING], counts[ProjectStatus.PREPARING]) == (1, 1)
    assert sum(counts.values()) == 2


def test_the_figures_of_departments_add_up(world_session: Session, world: City) -> None:
    for answered_on in (0, 2, 4):
        opened = consult(world_session, world, register(world_session, world))
        request = next(r for r in opened.requests if r.department == "slj")
        opinions.give_opinion(
            world_session,
            request.id,
            OpinionGiven(OpinionKind.AGREE),
            actor=WHO["slj"],
            calendar=CALENDAR,
            now=NOW + timedelta(days=answered_on),
        )
    clock.close_overdue(world_session, LATE.date(), now=LATE, calendar=CALENDAR)

    found = views.opinion_figures(
        world_session, first=TODAY, last=TODAY, today=LATE.date(), calendar=CALENDAR
    )

    figures = {each.department: each for each in found}
    water, heritage = figures["slj"], figures["wlj"]
    assert (water.asked, water.answered, water.deemed, water.on_time_share) == (3, 3, 0, 1.0)
    assert water.median_working_days == 2.0
    assert (heritage.asked, heritage.answered, heritage.deemed) == (3, 0, 3)
    assert (heritage.on_time_share, heritage.median_working_days) == (0.0, None)
    for each in found:
        assert each.asked == each.answered + each.deemed + each.withdrawn + each.open
    assert (
        views.opinion_figures(
            world_session, first=LATE.date(), last=LATE.date(), today=LATE.date(), calendar=CALENDAR
        )
        == []
    )


def test_projects_are_found_by_words_state_type_and_district(world_session: Session, world: City) -> None:
    school = register(world_session, world)
    works = register(
        world_session,
        world,
        details=replace(
            DETAILS, name="100%_试验工厂", project_type="industrial", district="210302", purpose="厂房"
        ),
    )

    def found(**words: object) -> list[int]:
        return [p.id for p in views.search_projects(world_session, **words)]  # type: ignore[arg-type]

    assert found(words="小学 教育局") == [school.id]
    assert found(words="小学 厂房") == []
    assert found(words="100%_") == [works.id]
    assert found(words="%") == [works.id]
    assert found(words=school.planning_number.lower()) == [school.id]
    assert found(project_type="industrial", district="210302") == [works.id]
    assert found(status=ProjectStatus.PREPARING) == [school.id, works.id]
    assert found(status=ProjectStatus.HANDED_OVER) == []


def test_a_handover_that_is_not_taken_is_shown_and_sent_again_on_request(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world, 400, 450)
    opened = consult(world_session, world, project)
    answer(world_session, opened, "fgw")
    clear_project(world_session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NOW)
    handover = world_session.scalars(select(Handover)).one()
    for _ in range(deliveries.DEAD_AFTER):
        deliveries.record_failure(handover, error="approval answered 500", now=NOW)
    world_session.flush()
    assert deliveries.next_due(world_session, NOW) is None

    (waiting,) = views.undelivered(world_session)
    deliveries.resend(world_session, waiting.message_id, actor=COORDINATOR, now=NOW)

    assert deliveries.next_due(world_session, NOW) is handover
    deliveries.record_delivery(handover, now=NOW)
    with pytest.raises(ConflictError, match="already"):
        deliveries.resend(world_session, waiting.message_id, actor=COORDINATOR, now=NOW)
    with pytest.raises(NotFoundError):
        deliveries.resend(world_session, "nonsense", actor=COORDINATOR, now=NOW)
