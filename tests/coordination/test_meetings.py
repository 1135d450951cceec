"""Coordination meetings: who asks, what is on the agenda, what a decision binds, and what the clearance makes of it."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError, NotPermittedError
from blueprint.permissions import Actor, Role
from coordination import meetings
from coordination.clearance import clear_project
from coordination.handover import read_message
from coordination.meeting_models import Meeting, MeetingState
from coordination.meetings import Decided
from coordination.models import OpinionKind, Project
from coordination.notice_models import Notice
from coordination.opinions import OpinionGiven
from coordination.rounds import propose
from tests.coordination.test_rounds import STATISTICS, answer, consult, register
from tests.coordination.world import CALENDAR, COORDINATOR, HERITAGE, NOW, WATER

REVIEWER = Actor("李四", "wlj", frozenset({Role.ANYONE, Role.REVIEWER}))
AGAINST = OpinionGiven(OpinionKind.DISAGREE, reason="遮挡视廊", basis="《文物保护法》第十八条")


@pytest.fixture
def project(world_session: Session, world: City) -> Project:
    """A project that water and planners agree with, and heritage is against."""
    project = register(world_session, world)
    opened = consult(world_session, world, project)
    for department in ("slj", "fgw"):
        answer(world_session, opened, department)
    answer(world_session, opened, "wlj", AGAINST)
    return project


def ask(session: Session, world: City, project: Project, actor: Actor = HERITAGE) -> Meeting:
    return meetings.ask_for_meeting(
        session, project.id, "高度与视廊", ["slj"], city=world, actor=actor, now=NOW
    )


def called(session: Session, world: City, project: Project) -> Meeting:
    meeting = ask(session, world, project)
    return meetings.call_meeting(
        session, meeting.id, meets_at=NOW + timedelta(days=2), place="一号会议室", actor=COORDINATOR, now=NOW
    )


def hold(session: Session, meeting: Meeting, *decisions: Decided) -> Meeting:
    return meetings.record_minutes(
        session, meeting.id, "各方一致", decisions, actor=COORDINATOR, now=NOW + timedelta(days=2)
    )


def close(session: Session, meeting: Meeting, number: int, actor: Actor) -> Meeting:
    return meetings.close_decision(session, meeting.id, number, how="同意", actor=actor, now=NOW)


def clear(session: Session, world: City, project: Project) -> str:
    cleared = clear_project(session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NOW)
    return cleared.handover.body


def test_a_meeting_is_about_a_problem_of_two_departments_and_asked_for_by_who_was_asked(
    world_session: Session, world: City, project: Project
) -> None:
    with pytest.raises(NotPermittedError):
        ask(world_session, world, project, actor=STATISTICS)
    with pytest.raises(InvalidInputError, match="two or more"):
        meetings.ask_for_meeting(
            world_session, project.id, "高度", ["wlj"], city=world, actor=HERITAGE, now=NOW
        )

    meeting = ask(world_session, world, project)

    assert (meeting.state, meeting.departments) == (MeetingState.ASKED, ["wlj", "slj"])
    with pytest.raises(NotFoundError):
        meetings.find_meeting(world_session, meeting.id, actor=STATISTICS)
    assert meetings.meetings_of(world_session, project, actor=WATER) == [meeting]


def test_the_agenda_is_what_stands_against_what_and_its_departments_take_part(
    world_session: Session, world: City, project: Project
) -> None:
    meeting = called(world_session, world, project)

    sides = [[side["department"] for side in item["sides"]] for item in meeting.agenda]
    assert sides == [["fgw", "wlj"], ["slj", "wlj"]]
    assert set(meeting.departments) == {"wlj", "slj", "fgw"}
    later = NOW + timedelta(days=3)
    moved = meetings.call_meeting(
        world_session, meeting.id, meets_at=later, place="二号", actor=COORDINATOR, now=NOW
    )
    assert (moved.state, moved.meets_at) == (MeetingState.CALLED, later)


def test_a_disagreement_is_settled_when_its_department_confirms_and_is_handed_over_as_a_condition(
    world_session: Session, world: City, project: Project
) -> None:
    meeting = called(world_session, world, project)
    against = next(s["request_id"] for s in meeting.agenda[0]["sides"] if s["department"] == "wlj")
    hold(world_session, meeting, Decided("wlj", "檐口高度不超过 12 米", against))
    with pytest.raises(ConflictError, match="disagree"):
        clear(world_session, world, project)
    with pytest.raises(NotPermittedError):
        close(world_session, meeting, 1, REVIEWER)
    with pytest.raises(NotPermittedError):
        close(world_session, meeting, 1, WATER)

    close(world_session, meeting, 1, HERITAGE)

    with pytest.raises(ConflictError, match="already"):
        close(world_session, meeting, 1, HERITAGE)
    requests = meetings.requests_of(world_session, project)
    assert propose({}, requests, city=world, project_type=None)[0].standing is not None
    message = read_message(clear(world_session, world, project).encode())
    (heritage,) = [o for o in message.opinions if o.department == "wlj"]
    assert (heritage.kind, heritage.conditions) == ("agree_with_conditions", "檐口高度不超过 12 米")
    assert "遮挡视廊" in (heritage.remark or "")


def test_a_task_keeps_the_project_from_its_clearance_until_it_is_done(
    world_session: Session, world: City, project: Project
) -> None:
    meeting = called(world_session, world, project)
    against = next(s["request_id"] for s in meeting.agenda[0]["sides"] if s["department"] == "wlj")
    hold(
        world_session, meeting, Decided("wlj", "檐口高度不超过 12 米", against), Decided("slj", "复核洪水位")
    )
    close(world_session, meeting, 1, HERITAGE)
    with pytest.raises(ConflictError, match="tasks are open with 水利局"):
        clear(world_session, world, project)

    close(world_session, meeting, 2, WATER)

    assert clear(world_session, world, project)


def test_a_decision_is_for_a_participant_and_settles_only_a_disagreement_that_stands(
    world_session: Session, world: City, project: Project
) -> None:
    meeting = called(world_session, world, project)
    agreed = next(s["request_id"] for s in meeting.agenda[1]["sides"] if s["department"] == "slj")

    with pytest.raises(InvalidInputError, match="no part"), world_session.begin_nested():
        hold(world_session, meeting, Decided("tjj", "复核"))
    with pytest.raises(InvalidInputError, match="no disagreement"), world_session.begin_nested():
        hold(world_session, meeting, Decided("slj", "复核", agreed))
    declined = meetings.decline_meeting(
        world_session, meeting.id, reason="已当面说明", actor=COORDINATOR, now=NOW
    )
    assert declined.state == MeetingState.DECLINED
    told = world_session.scalars(select(Notice).where(Notice.text.contains("已当面说明"))).all()
    assert {notice.department for notice in told} == set(declined.departments)
    with pytest.raises(ConflictError, match="declined already"):
        hold(world_session, meeting)


def test_nothing_is_called_decided_or_closed_after_the_clearance(
    world_session: Session, world: City, project: Project
) -> None:
    settled = called(world_session, world, project)
    against = next(s["request_id"] for s in settled.agenda[0]["sides"] if s["department"] == "wlj")
    open_one, asked_for = called(world_session, world, project), ask(world_session, world, project)
    hold(world_session, settled, Decided("wlj", "檐口高度不超过 12 米", against))
    close(world_session, settled, 1, HERITAGE)
    clear(world_session, world, project)

    with pytest.raises(ConflictError, match="with approval now"):
        hold(world_session, open_one, Decided("slj", "复核洪水位"))
    with pytest.raises(ConflictError, match="with approval now"):
        meetings.call_meeting(
            world_session,
            asked_for.id,
            meets_at=NOW + timedelta(days=2),
            place="一号会议室",
            actor=COORDINATOR,
            now=NOW,
        )
    declined = meetings.decline_meeting(
        world_session, asked_for.id, reason="已通过", actor=COORDINATOR, now=NOW
    )
    assert declined.state == MeetingState.DECLINED
