"""Rounds: a later one asks only whom the change concerns; adding and leaving out, with reasons; limits by department."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City, ProjectType
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.permissions import Actor
from coordination import consultation, contests, opinion_requests, opinions, projects, steps
from coordination.clearance import clear_project
from coordination.handover import read_message
from coordination.handover_models import Clearance
from coordination.history import history_of
from coordination.limits import OpinionStatus
from coordination.models import Consultation, OpinionKind, OpinionRequest, Project
from coordination.opinions import OpinionGiven
from coordination.particulars import ProjectDetails
from coordination.project_states import ProjectStatus, Step
from coordination.responsibility import Why
from coordination.rounds import Choice
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
PLANNERS = Actor("发改委", "fgw", WATER.roles)
STATISTICS = Actor("统计局", "tjj", WATER.roles)
WHO = {"slj": WATER, "wlj": HERITAGE, "fgw": PLANNERS, "tjj": STATISTICS}


def register(
    session: Session, world: City, west: float = 220, east: float = 320, details: ProjectDetails = DETAILS
) -> Project:
    site = footprint(world, west, east)
    return projects.register_project(session, details, site, city=world, actor=COORDINATOR, now=NOW)


def consult(session: Session, world: City, project: Project, **choices: Any) -> Consultation:
    projects.check_project(session, project.id, city=world, actor=COORDINATOR, now=NOW)
    return consultation.open_consultation(
        session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NOW, **choices
    )


def revise(session: Session, world: City, project: Project, west: float, east: float) -> None:
    consultation.revise_footprint(
        session,
        project.id,
        footprint(world, west, east),
        city=world,
        calendar=CALENDAR,
        actor=COORDINATOR,
        now=NOW,
    )


def request_to(opened: Consultation, department: str) -> OpinionRequest:
    return next(r for r in opened.requests if r.department == department)


def answer(session: Session, opened: Consultation, department: str, given: OpinionGiven = AGREE) -> None:
    request = request_to(opened, department)
    opinions.give_opinion(session, request.id, given, actor=WHO[department], calendar=CALENDAR, now=NOW)


def asked(opened: Consultation) -> dict[str, str]:
    return {request.department: request.why for request in opened.requests}


def clear(session: Session, world: City, project: Project) -> Clearance:
    return clear_project(session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NOW)


def test_a_second_round_asks_only_whom_the_change_concerns_and_what_others_said_stands(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world)
    first = consult(world_session, world, project)
    for department in ("fgw", "slj"):
        answer(world_session, first, department)
    disagrees = OpinionGiven(OpinionKind.DISAGREE, reason="遮挡视廊", basis="《文物保护法》第十八条")
    answer(world_session, first, "wlj", disagrees)

    # The river is met by the same strip as before; the heritage zone by less.
    revise(world_session, world, project, 220, 300)
    second = consult(world_session, world, project)

    assert (first.superseded_on, project.status) == (TODAY, ProjectStatus.CONSULTING)
    assert asked(second) == {"wlj": Why.CHANGED}
    answer(world_session, second, "wlj")
    message = read_message(clear(world_session, world, project).handover.body.encode())
    assert {o.department: o.kind for o in message.opinions} == dict.fromkeys(("fgw", "slj", "wlj"), "agree")


def test_a_department_whose_conflict_has_gone_is_released_and_one_newly_touched_is_asked(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world, 200, 240)
    first = consult(world_session, world, project)
    assert sorted(asked(first)) == ["fgw", "slj"]
    answer(world_session, first, "slj", OpinionGiven(OpinionKind.DISAGREE, reason="妨碍行洪"))
    answer(world_session, first, "fgw")

    revise(world_session, world, project, 310, 340)
    second = consult(world_session, world, project)

    assert asked(second) == {"wlj": Why.TOUCHED}
    answer(world_session, second, "wlj")
    assert clear(world_session, world, project).cleared_on == TODAY


def test_who_disagreed_is_asked_again_though_nothing_changed_for_it(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world, 400, 450)
    first = consult(world_session, world, project)
    answer(
        world_session,
        first,
        "fgw",
        OpinionGiven(OpinionKind.DISAGREE, reason="未列入计划", basis="《政府投资条例》"),
    )

    second = consult(world_session, world, project)

    assert (second.round, asked(second)) == (2, {"fgw": Why.DISAGREED})


def test_a_new_version_of_a_layer_opens_another_round_about_the_same_footprint(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world)
    first = consult(world_session, world, project)
    answer(world_session, first, "fgw")
    install_layer(world_session, world, "river", (200, 310), starts_on=TODAY)

    second = consult(world_session, world, project)

    assert asked(second) == {"slj": Why.CHANGED}
    old = next(r for r in first.requests if r.department == "slj")
    world_session.refresh(old)
    assert opinion_requests.request_status(old, TODAY) is OpinionStatus.WITHDRAWN
    with pytest.raises(ConflictError, match="the findings changed, asked again"):
        answer(world_session, first, "slj")
    answer(world_session, first, "wlj")
    answer(world_session, second, "slj")
    assert clear(world_session, world, project).consultation_id == second.id


def test_a_department_is_added_and_one_left_out_with_the_reason_on_record(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world)

    opened = consult(
        world_session,
        world,
        project,
        add=[Choice("tjj", "人口数据")],
        drop=[Choice("wlj", "已有复函")],
    )

    assert asked(opened) == {"fgw": Why.ALWAYS_ASKED, "slj": Why.TOUCHED, "tjj": Why.ADDED}
    assert opened.dropped == [{"department": "wlj", "reason": "已有复函"}]
    for department in ("fgw", "slj"):
        answer(world_session, opened, department)
    with pytest.raises(ConflictError, match="awaited of 统计局"):
        clear(world_session, world, project)
    answer(world_session, opened, "tjj")
    assert clear(world_session, world, project).cleared_on == TODAY


def test_an_added_department_that_disagreed_is_asked_until_it_agrees(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world, 400, 450)
    first = consult(world_session, world, project, add=[Choice("tjj", "人口数据")])
    answer(world_session, first, "fgw")
    answer(
        world_session, first, "tjj", OpinionGiven(OpinionKind.DISAGREE, reason="数据不符", basis="《统计法》")
    )

    revise(world_session, world, project, 410, 450)
    second = consult(world_session, world, project)

    assert asked(second) == {"tjj": Why.ADDED}


@pytest.mark.parametrize(
    ("choices", "why"),
    [
        ({"drop": [Choice("slj", "不必")]}, "cannot be left out"),
        ({"drop": [Choice("tjj", "不必")]}, "not asked anyway"),
        ({"add": [Choice("fgw", "也问")]}, "asked anyway"),
        ({"add": [Choice("tjj", "  ")]}, "say why"),
        ({"add": [Choice("tjj", "一"), Choice("tjj", "二")]}, "named twice"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(
    world_session: Session, world: City, choices: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidInputError, match=why):
        consult(world_session, world, register(world_session, world), **choices)


def test_limits_go_by_department_then_by_type_of_project_then_by_the_city(
    world_session: Session, world: City
) -> None:
    types = (ProjectType("industrial", "工业类", always_asked=("tjj",), opinion_working_days=3),)
    departments = tuple(
        replace(d, opinion_working_days=8) if d.code == "slj" else d for d in world.departments
    )
    city = replace(world, project_types=types, departments=departments)
    project = register(world_session, city, details=replace(DETAILS, project_type="industrial"))

    opened = consult(world_session, city, project)

    assert {r.department: (r.due_on - TODAY).days for r in opened.requests} == {
        "fgw": 3,
        "slj": 10,
        "tjj": 3,
        "wlj": 3,
    }
    assert asked(opened)["tjj"] == Why.PROJECT_TYPE
    assert world.opinion_working_days("slj", None) == 5


def test_a_project_whose_scope_is_doubted_is_consulted_on_when_a_person_has_decided(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world, details=replace(DETAILS, name="鞍山高速公路连接线"))
    with pytest.raises(ConflictError, match="高速公路"):
        consult(world_session, world, project)

    projects.decide_scope(
        world_session, project.id, in_scope=True, reason="城市道路，市级审批", actor=COORDINATOR, now=NOW
    )

    assert consult(world_session, world, project).round == 1


def test_a_project_that_is_laid_aside_takes_back_what_was_asked_and_comes_back_through_a_new_round(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world)
    first = consult(world_session, world, project)
    answer(world_session, first, "slj")
    step = {"calendar": CALENDAR, "actor": COORDINATOR, "now": NOW}

    with pytest.raises(InvalidInputError, match="say the reason"):
        steps.take_step(world_session, project.id, Step.SHELVE, reason=" ", **step)
    steps.take_step(world_session, project.id, Step.SHELVE, reason="资金未落实", **step)

    open_ones = world_session.scalars(
        select(OpinionRequest.department).where(OpinionRequest.withdrawn_on == TODAY)
    )
    assert sorted(open_ones) == ["fgw", "wlj"]
    with pytest.raises(ConflictError, match="is shelved"):
        revise(world_session, world, project, 220, 300)
    with pytest.raises(ConflictError, match="is shelved"):
        consult(world_session, world, project)
    steps.take_step(world_session, project.id, Step.RESUME, reason="资金已落实", **step)
    assert sorted(asked(consult(world_session, world, project))) == ["fgw", "wlj"]
    acts = [event.act for event in history_of(world_session, project)]
    assert acts == [
        "register_project",
        "give_footprint",
        "consult_departments",
        "shelve_project",
        "resume_project",
        "consult_departments",
    ]


def test_a_silent_request_stays_silent_when_its_round_is_superseded_after_the_limit(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world)
    first = consult(world_session, world, project)
    late = NOW + timedelta(days=8)
    assert late.date() > DUE_ON

    consultation.revise_footprint(
        world_session,
        project.id,
        footprint(world, 220, 300),
        city=world,
        calendar=CALENDAR,
        actor=COORDINATOR,
        now=late,
    )

    kinds = {r.department: r.opinion.kind for r in first.requests if r.opinion is not None}
    assert kinds == dict.fromkeys(("fgw", "slj", "wlj"), OpinionKind.DEEMED_NO_OBJECTION)


def test_what_was_registered_is_corrected_with_what_it_was_before(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world)

    projects.amend_project(
        world_session,
        project.id,
        replace(DETAILS, name="示例中学", funds_source="财政"),
        city=world,
        actor=COORDINATOR,
        now=NOW,
    )

    assert (project.name, project.funds_source) == ("示例中学", "财政")
    last = history_of(world_session, project)[-1]
    assert last.details == {"name": "示例中学", "funds_source": "财政"}


AGAINST = OpinionGiven(OpinionKind.DISAGREE, reason="遮挡视廊", basis="《文物保护法》第十八条")


def test_nobody_is_left_out_who_disagrees_or_has_still_to_answer(world_session: Session, world: City) -> None:
    project = register(world_session, world, 310, 340)
    first = consult(world_session, world, project)
    answer(world_session, first, "fgw", AGAINST)

    def leave_out(department: str) -> None:
        chosen = {"add": [Choice("tjj", "人口数据")], "drop": [Choice(department, "不必")]}
        with world_session.begin_nested():
            consult(world_session, world, project, **chosen)

    with pytest.raises(InvalidInputError, match=r"wlj cannot be left out: .*limit still runs"):
        leave_out("wlj")
    with pytest.raises(InvalidInputError, match=r"fgw cannot be left out: .*it disagrees"):
        leave_out("fgw")
    answer(world_session, first, "wlj")
    with pytest.raises(InvalidInputError, match=r"wlj cannot be left out: .*its opinion stands"):
        leave_out("wlj")
    contests.contest_finding(
        world_session, request_to(first, "wlj").id, finding=1, reason="异议", actor=COORDINATOR, now=NOW
    )
    with pytest.raises(InvalidInputError, match=r"wlj cannot be left out: .*contested finding"):
        leave_out("wlj")


def test_who_disagreed_is_not_left_out_when_the_footprint_changes(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world, 310, 340)
    first = consult(world_session, world, project)
    answer(world_session, first, "wlj", AGAINST)

    revise(world_session, world, project, 310, 330)

    with pytest.raises(InvalidInputError, match="it disagrees"):
        consult(world_session, world, project, drop=[Choice("wlj", "不必")])


def test_who_was_left_out_and_is_asked_after_all_counts_with_what_it_says(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world)
    first = consult(world_session, world, project, drop=[Choice("wlj", "已有复函")])
    answer(world_session, first, "fgw")
    install_layer(world_session, world, "river", (200, 310), starts_on=TODAY)
    second = consult(world_session, world, project)
    assert asked(second) == {"slj": Why.CHANGED, "wlj": Why.TOUCHED}
    answer(world_session, second, "slj")
    with pytest.raises(ConflictError, match="awaited of 文旅局"):
        clear(world_session, world, project)
    answer(world_session, second, "wlj", AGAINST)

    with pytest.raises(ConflictError, match="文旅局 disagree"):
        clear(world_session, world, project)

    agrees = OpinionGiven(OpinionKind.AGREE_WITH_CONDITIONS, conditions="檐口不超过 12 米", amends=1)
    answer(world_session, second, "wlj", agrees)
    message = read_message(clear(world_session, world, project).handover.body.encode())
    assert {o.department: o.conditions for o in message.opinions}["wlj"] == "檐口不超过 12 米"


def test_what_opinions_rest_on_stays_during_a_round_and_once_changed_all_are_asked_again(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world)
    first = consult(world_session, world, project)
    for department in ("fgw", "slj", "wlj"):
        answer(world_session, first, department)
    by = {"actor": COORDINATOR, "now": NOW + timedelta(hours=1)}

    def amend(**changes: Any) -> None:
        details = replace(DETAILS, **changes)
        projects.amend_project(world_session, project.id, details, city=world, **by)

    amend(funds_source="财政")
    with pytest.raises(ConflictError, match="judge it by its purpose: end the round first"):
        amend(purpose="新建化工仓库")
    steps.take_step(world_session, project.id, Step.ADJUST, reason="用途变更", calendar=CALENDAR, **by)
    amend(purpose="新建化工仓库")

    later = {"city": world, "actor": COORDINATOR, "now": NOW + timedelta(hours=2)}
    second = consultation.open_consultation(world_session, project.id, calendar=CALENDAR, **later)
    assert asked(second) == dict.fromkeys(("fgw", "slj", "wlj"), Why.CHANGED)
    for department in ("fgw", "slj", "wlj"):
        answer(world_session, second, department)
    assert clear(world_session, world, project).consultation_id == second.id


def test_a_project_is_not_cleared_while_its_scope_is_doubted_anew(
    world_session: Session, world: City
) -> None:
    """Art. 5."""
    project = register(world_session, world)
    opened = consult(world_session, world, project)
    for department in ("fgw", "slj", "wlj"):
        answer(world_session, opened, department)
    projects.amend_project(
        world_session,
        project.id,
        replace(DETAILS, name="鞍山高速公路连接线"),
        city=world,
        actor=COORDINATOR,
        now=NOW,
    )

    with pytest.raises(ConflictError, match="not decided whether it is in the regulation's scope"):
        clear(world_session, world, project)

    projects.decide_scope(
        world_session, project.id, in_scope=True, reason="城市道路", actor=COORDINATOR, now=NOW
    )
    assert clear(world_session, world, project)


def test_a_finding_is_contested_while_its_opinion_stands_and_no_more_after_the_clearance(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world)
    first = consult(world_session, world, project)
    for department in ("fgw", "slj", "wlj"):
        answer(world_session, first, department)
    revise(world_session, world, project, 220, 300)
    second = consult(world_session, world, project)
    answer(world_session, second, "wlj")
    river, old_heritage = request_to(first, "slj").id, request_to(first, "wlj").id
    contest: dict[str, Any] = {"finding": 1, "reason": "范围线有误", "actor": COORDINATOR, "now": NOW}
    decide = contest | {"is_upheld": True, "reason": "属实", "actor": WATER}

    with pytest.raises(ConflictError, match="asked again"):
        contests.contest_finding(world_session, old_heritage, **contest)
    contests.contest_finding(world_session, river, **contest)
    with pytest.raises(ConflictError, match="to be decided by 水利局"):
        clear(world_session, world, project)
    contests.decide_contest(world_session, river, **decide)

    clear(world_session, world, project)
    with pytest.raises(ConflictError, match="with approval now"):
        contests.contest_finding(world_session, request_to(second, "wlj").id, **contest)
    with pytest.raises(ConflictError, match="with approval now"):
        contests.decide_contest(world_session, river, **decide)
