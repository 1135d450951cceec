"""Guidance before the handover (Art. 16): a district's department asks one of the city; both see question and answer."""

from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City, Department, District
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError, NotPermittedError
from blueprint.levels import Level
from blueprint.permissions import Actor, Role
from coordination import guidance, steps
from coordination.guidance import GuidanceRequest
from coordination.history import history_of
from coordination.models import Project
from coordination.notice_models import Notice, NoticeKind
from coordination.notices import said
from coordination.project_states import Step
from tests.coordination.test_rounds import register
from tests.coordination.world import CALENDAR, COORDINATOR, DETAILS, HERITAGE, NOW, WATER


@pytest.fixture
def two_levels(world: City) -> City:
    district = District("210381", "海城市")
    bureau = Department("slj-hc", "海城市水利局", level=Level.DISTRICT, district=district.code)
    return replace(world, districts=(district,), departments=(*world.departments, bureau))


@pytest.fixture
def asker(two_levels: City) -> Actor:
    roles = frozenset({Role.ANYONE, Role.REVIEWER})
    return Actor("王五 wangwu", "slj-hc", roles, territory=two_levels.territory("slj-hc"))


@pytest.fixture
def project(world_session: Session, two_levels: City) -> Project:
    return register(world_session, two_levels, details=replace(DETAILS, district="210381"))


def ask(session: Session, city: City, project: Project, actor: Actor, of: str = "slj") -> GuidanceRequest:
    department = actor.department or ""
    return guidance.ask_for_guidance(
        session, project.id, department, of, "堤防等级如何认定", city=city, actor=actor, now=NOW
    )


def test_a_district_asks_the_city_and_both_see_the_question_and_the_answer(
    world_session: Session, two_levels: City, project: Project, asker: Actor
) -> None:
    asked = ask(world_session, two_levels, project, asker)
    with pytest.raises(NotFoundError):
        guidance.give_guidance(world_session, asked.id, "x", actor=HERITAGE, now=NOW)
    with pytest.raises(NotPermittedError):
        guidance.give_guidance(world_session, asked.id, "x", actor=asker, now=NOW)
    guidance.give_guidance(world_session, asked.id, "按二级堤防", actor=WATER, now=NOW)
    with pytest.raises(ConflictError, match="already"):
        guidance.give_guidance(world_session, asked.id, "x", actor=WATER, now=NOW)

    for actor in (asker, WATER, COORDINATOR):
        (seen,) = guidance.guidance_on(world_session, project, actor=actor)
        assert (seen.question, seen.answer, seen.answered_by) == ("堤防等级如何认定", "按二级堤防", "水利局")
    assert guidance.guidance_on(world_session, project, actor=HERITAGE) == []
    acts = [event.act for event in history_of(world_session, project)]
    assert acts[-2:] == ["ask_for_guidance", "give_guidance"]
    told = world_session.scalars(select(Notice).where(Notice.kind == NoticeKind.GUIDANCE)).all()
    assert {
        n.department: "海城市水利局" in said(n, two_levels) or "水利局" in said(n, two_levels) for n in told
    } == {
        "slj": True,
        "slj-hc": True,
    }
    assert all("{" not in said(n, two_levels) for n in told)


def test_only_a_districts_department_that_the_project_concerns_asks_and_only_one_of_the_city(
    world_session: Session, two_levels: City, project: Project, asker: Actor
) -> None:
    with pytest.raises(InvalidInputError, match="of the city for guidance"):
        ask(world_session, two_levels, project, asker, of="slj-hc")
    with pytest.raises(InvalidInputError, match="of the city for guidance"):
        ask(world_session, two_levels, project, WATER)
    with pytest.raises(NotPermittedError):
        guidance.ask_for_guidance(
            world_session, project.id, "slj-hc", "slj", "x", city=two_levels, actor=WATER, now=NOW
        )
    elsewhere = register(world_session, two_levels)
    with pytest.raises(ConflictError, match="no part"):
        ask(world_session, two_levels, elsewhere, asker)
    steps.take_step(
        world_session, project.id, Step.END, reason="x", calendar=CALENDAR, actor=COORDINATOR, now=NOW
    )
    with pytest.raises(ConflictError):
        ask(world_session, two_levels, project, asker)
