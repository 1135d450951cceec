"""Clearance: what stands in its way, and what it writes."""

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.documents.blocks import Paragraph
from blueprint.errors import ConflictError
from blueprint.layers.models import Layer, LayerVersion
from coordination import consultation, opinions, projects
from coordination.clearance import Standing, clear_project, obstacles
from coordination.generation_opinion import generation_opinion
from coordination.handover import read_message, sha256_of
from coordination.handover_models import Clearance, Handover
from coordination.models import OpinionKind, OpinionRequest, Project
from coordination.opinions import OpinionGiven
from tests.coordination.world import (
    CALENDAR,
    COORDINATOR,
    DETAILS,
    HERITAGE,
    NOW,
    TODAY,
    WATER,
    footprint,
    install_layer,
)

TOO_LATE = NOW + timedelta(days=8)
CONDITIONS = OpinionGiven(OpinionKind.AGREE_WITH_CONDITIONS, conditions="办理涉河许可")


def consulted(session: Session, world: City, west: float = 220, east: float = 320) -> Project:
    """A project whose departments were asked."""
    site = footprint(world, west, east)
    project = projects.register_project(session, DETAILS, site, city=world, actor=COORDINATOR, now=NOW)
    projects.check_project(session, project.id, city=world, actor=COORDINATOR, now=NOW)
    consultation.open_consultation(
        session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NOW
    )
    return project


def answer(session: Session, department: str, given: OpinionGiven) -> None:
    actor = {"slj": WATER, "wlj": HERITAGE}[department]
    request_id = session.scalars(
        select(OpinionRequest.id)
        .where(OpinionRequest.department == department)
        .order_by(OpinionRequest.id.desc())
    ).first()
    assert request_id is not None
    opinions.give_opinion(session, request_id, given, actor=actor, calendar=CALENDAR, now=NOW)


def clear(session: Session, world: City, project: Project, now: datetime = TOO_LATE) -> Clearance:
    return clear_project(session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=now)


def test_nothing_stands_in_the_way_of_a_project_with_nothing_open_and_nothing_blocking() -> None:
    assert obstacles(Standing(in_scope=True)) == ()


@pytest.mark.parametrize(
    ("standing", "word"),
    [
        (Standing(in_scope=False), "outside the regulation's scope (Art. 5)"),
        (Standing(in_scope=False, is_scope_decided=False), "not decided"),
        (Standing(in_scope=True, is_prohibited=True), "prohibition"),
        (Standing(in_scope=True, layers_not_seen=("甲",)), "did not see 甲"),
        (Standing(in_scope=True, prohibitions_expired=("甲",)), "expired: 甲"),
        (Standing(in_scope=True, awaited=("水利局",)), "awaited of 水利局"),
        (Standing(in_scope=True, undecided=("水利局",)), "decided by 水利局"),
        (Standing(in_scope=True, disagreeing=("水利局",)), "水利局 disagree"),
        (Standing(in_scope=True, not_asked=("水利局",)), "水利局 were not asked"),
        (
            Standing(in_scope=True, asked_of_other_findings=("水利局",)),
            "findings of 水利局 changed",
        ),
    ],
)
def test_each_obstacle_is_said(standing: Standing, word: str) -> None:
    found = obstacles(standing)

    assert len(found) == 1
    assert word in found[0].english


def test_a_cleared_project_has_its_handover_with_every_opinion_and_silence(
    world_session: Session, world: City
) -> None:
    project = consulted(world_session, world)
    answer(world_session, "slj", CONDITIONS)

    clearance = clear(world_session, world, project)

    message = read_message(clearance.handover.body.encode())
    assert sha256_of(message) == clearance.handover.sha256
    assert str(message.message_id) == clearance.handover.message_id
    assert message.project.planning_number == project.planning_number
    assert {o.department: (o.kind, o.conditions) for o in message.opinions} == {
        "fgw": ("deemed_no_objection", None),
        "slj": ("agree_with_conditions", "办理涉河许可"),
        "wlj": ("deemed_no_objection", None),
    }
    assert {c.layer: round(c.overlap_m2) for c in message.check.conflicts} == {
        "census": 6000,
        "heritage": 4200,
        "river": 4800,
    }
    assert len(message.footprint.coordinates[0][0]) == 5


def test_a_project_is_not_cleared_while_an_opinion_is_awaited(world_session: Session, world: City) -> None:
    project = consulted(world_session, world)
    answer(world_session, "slj", CONDITIONS)

    with pytest.raises(ConflictError, match="awaited of 发展和改革委员会, 文旅局"):
        clear(world_session, world, project, NOW)


def test_a_project_that_a_department_disagrees_with_is_not_cleared(
    world_session: Session, world: City
) -> None:
    project = consulted(world_session, world)
    answer(world_session, "slj", OpinionGiven(OpinionKind.DISAGREE, reason="妨碍行洪"))

    with pytest.raises(ConflictError, match="水利局 disagree"):
        clear(world_session, world, project)
    assert world_session.scalar(select(func.count()).select_from(Handover)) == 0


def test_a_prohibited_project_is_not_cleared(world_session: Session, world: City) -> None:
    project = consulted(world_session, world, 50, 120)

    with pytest.raises(ConflictError, match="prohibition"):
        clear(world_session, world, project)


def test_a_project_without_check_or_consultation_of_its_footprint_is_not_cleared(
    world_session: Session, world: City
) -> None:
    project = consulted(world_session, world)
    site = footprint(world, 500, 560)
    consultation.revise_footprint(
        world_session, project.id, site, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NOW
    )

    with pytest.raises(ConflictError, match=r"revision 2 .* was not checked"):
        clear(world_session, world, project)
    projects.check_project(world_session, project.id, city=world, actor=COORDINATOR, now=NOW)
    with pytest.raises(ConflictError, match="not asked about footprint revision 2"):
        clear(world_session, world, project)


def test_a_project_is_cleared_on_todays_blueprint_alone(world_session: Session, world: City) -> None:
    project = consulted(world_session, world)
    install_layer(world_session, world, "farmland", (0, 90), starts_on=TODAY)

    with pytest.raises(
        ConflictError, match="the blueprint changed since the check of 2026-11-23; check again"
    ):
        clear(world_session, world, project)
    projects.check_project(world_session, project.id, city=world, actor=COORDINATOR, now=TOO_LATE)

    assert clear(world_session, world, project).cleared_on == TOO_LATE.date()


def test_departments_answer_for_what_they_were_told(world_session: Session, world: City) -> None:
    project = consulted(world_session, world)
    install_layer(world_session, world, "river", (200, 310), starts_on=TODAY)
    projects.check_project(world_session, project.id, city=world, actor=COORDINATOR, now=TOO_LATE)

    with pytest.raises(ConflictError, match="findings of 水利局 changed"):
        clear(world_session, world, project)


def test_a_department_that_a_new_layer_makes_responsible_has_to_be_asked(
    world_session: Session, world: City
) -> None:
    project = consulted(world_session, world, 400, 450)
    install_layer(world_session, world, "river", (420, 500), starts_on=TODAY)
    projects.check_project(world_session, project.id, city=world, actor=COORDINATOR, now=TOO_LATE)

    with pytest.raises(ConflictError, match="水利局 were not asked"):
        clear(world_session, world, project)


def test_a_cleared_project_changes_no_more(world_session: Session, world: City) -> None:
    project = consulted(world_session, world)
    clear(world_session, world, project)

    with pytest.raises(ConflictError, match="with approval now"):
        clear(world_session, world, project)
    with pytest.raises(ConflictError, match="with approval now"):
        consultation.revise_footprint(
            world_session,
            project.id,
            footprint(world, 500, 560),
            city=world,
            calendar=CALENDAR,
            actor=COORDINATOR,
            now=NOW,
        )


def test_what_prohibits_and_has_expired_stands_in_the_way_and_what_else_says_nothing_is_handed_over(
    world_session: Session, world: City
) -> None:
    def lasts(code: str, until: date | None) -> None:
        versions = select(LayerVersion).join(Layer).where(Layer.code == code)
        world_session.scalars(versions).one().valid_until = until
        world_session.flush()

    def clear(project: Project) -> Clearance:
        return clear_project(
            world_session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=TOO_LATE
        )

    lasts("farmland", TODAY - timedelta(days=1))
    lasts("census", TODAY - timedelta(days=1))
    project = consulted(world_session, world)
    with pytest.raises(ConflictError, match="what prohibits has expired: 永久基本农田;"):
        clear(project)

    lasts("farmland", None)
    projects.check_project(world_session, project.id, city=world, actor=COORDINATOR, now=TOO_LATE)
    message = read_message(clear(project).handover.body.encode())

    assert [(each.title, each.outcome) for each in message.check.not_checked] == [("普查区", "expired")]
    document = generation_opinion(message, sha256=sha256_of(message), city=world, maps={})
    assert any("普查区（已过规划期）" in b.text for b in document.blocks if isinstance(b, Paragraph))
