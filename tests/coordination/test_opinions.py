"""What an opinion says: conditions as records, answers to findings, amendments, letters, contests, contradictions."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely
from sqlalchemy.orm import Session

from approval.intake import receive
from approval.obligations import from_handover
from blueprint.city import City
from blueprint.documents.blocks import Table
from blueprint.errors import ConflictError, InvalidInputError, NotPermittedError
from coordination import attachments, composition, consultation, contests, opinion_requests, opinions
from coordination.clearance import clear_project
from coordination.contradictions import ContradictionKind, find_contradictions
from coordination.generation_opinion import generation_opinion
from coordination.handover import read_message, sha256_of
from coordination.limits import OpinionStatus
from coordination.marks import read_mark, shown
from coordination.models import Consultation, OpinionKind, OpinionRequest, Source
from coordination.opinions import Answer, Condition, FindingKind, OpinionGiven
from coordination.rounds import standing_requests
from coordination.side_by_side import contradictions_of
from tests.coordination.test_rounds import PLANNERS, consult, register
from tests.coordination.world import (
    CALENDAR,
    COORDINATOR,
    EAST,
    HERITAGE,
    NORTH,
    NOW,
    WATER,
    footprint,
)

AGREE = OpinionGiven(OpinionKind.AGREE)
OPPOSED = OpinionGiven(OpinionKind.DISAGREE, reason="妨碍行洪")
LAST_MOMENT = NOW.replace(day=30, hour=23, minute=59)
WHO = {"slj": WATER, "wlj": HERITAGE, "fgw": PLANNERS}


@pytest.fixture
def opened(world_session: Session, world: City) -> Consultation:
    return consult(world_session, world, register(world_session, world))


def request_to(opened: Consultation, department: str) -> OpinionRequest:
    return next(r for r in opened.requests if r.department == department)


def give(
    session: Session, opened: Consultation, department: str, given: OpinionGiven, **options: Any
) -> OpinionRequest:
    values = {"actor": WHO[department], "calendar": CALENDAR, "now": NOW} | options
    return opinions.give_opinion(session, request_to(opened, department).id, given, **values)


def place(city: City, west: float, east: float) -> shapely.Geometry:
    return shapely.set_srid(shapely.box(EAST + west, NORTH, EAST + east, NORTH + 50), city.working_srid)


def test_every_line_of_the_conditions_is_a_record_that_goes_into_the_handover(
    world_session: Session, world: City, opened: Consultation
) -> None:
    text = "办理涉河建设方案许可\n\n  施工期避开汛期  "
    give(
        world_session,
        opened,
        "slj",
        OpinionGiven(OpinionKind.AGREE_WITH_CONDITIONS, conditions=text),
    )
    give(
        world_session,
        opened,
        "wlj",
        OpinionGiven(
            OpinionKind.AGREE_WITH_CONDITIONS,
            condition_list=(Condition("建筑高度不超过 12 米", finding=1, place=place(world, 250, 320)),),
        ),
    )
    give(world_session, opened, "fgw", AGREE)

    cleared = clear_project(
        world_session, opened.project_id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NOW
    )

    message = read_message(cleared.handover.body.encode())
    said = {o.department: o.condition_list for o in message.opinions}
    assert [c.text for c in said["slj"]] == ["办理涉河建设方案许可", "施工期避开汛期"]
    (height,) = said["wlj"]
    assert (height.number, height.about) == (1, "建设控制地带 1")
    assert height.place is not None and height.place["type"] == "Polygon"
    assert said["fgw"] == ()
    assert sha256_of(message) == cleared.handover.sha256


def test_a_disagreement_has_a_legal_basis_its_own_or_that_of_its_findings(
    world_session: Session, opened: Consultation
) -> None:
    with pytest.raises(InvalidInputError, match="legal basis"):
        give(world_session, opened, "fgw", OpinionGiven(OpinionKind.DISAGREE, reason="未列入计划"))

    answered = give(world_session, opened, "slj", OPPOSED)

    assert answered.opinion is not None
    assert answered.opinion.basis == "《防洪法》第27条"


def test_an_opinion_is_amended_until_the_limit_by_who_knows_what_it_was(
    world_session: Session, opened: Consultation
) -> None:
    give(world_session, opened, "slj", OPPOSED)
    with pytest.raises(ConflictError, match=r"answered on 2026-11-23 already.*amends: 1"):
        give(world_session, opened, "slj", AGREE)

    amended = give(world_session, opened, "slj", replace(AGREE, amends=1), now=LAST_MOMENT)

    assert amended.opinion is not None
    assert (amended.opinion.kind, amended.opinion.number, amended.opinion.reason) == ("agree", 2, None)
    (before,) = amended.opinion.earlier
    assert (before.number, before.content["kind"], before.content["reason"]) == (1, "disagree", "妨碍行洪")
    for late in (replace(AGREE, amends=2), replace(AGREE, amends=1)):
        with pytest.raises(ConflictError):
            give(world_session, opened, "slj", late, now=LAST_MOMENT + timedelta(minutes=1))


def test_nothing_is_amended_after_the_project_was_cleared_or_its_footprint_changed(
    world_session: Session, world: City, opened: Consultation
) -> None:
    for department in WHO:
        give(world_session, opened, department, AGREE)
    consultation.revise_footprint(
        world_session,
        opened.project_id,
        footprint(world, 220, 300),
        city=world,
        calendar=CALENDAR,
        actor=COORDINATOR,
        now=NOW,
    )

    with pytest.raises(ConflictError, match="its round has ended"):
        give(world_session, opened, "slj", replace(OPPOSED, amends=1))


def test_findings_are_answered_one_by_one_and_the_whole_is_as_strict_as_its_strictest_part(
    world_session: Session, opened: Consultation
) -> None:
    conditions = (Answer(1, FindingKind.AGREE_WITH_CONDITIONS, "办理许可"),)
    with pytest.raises(InvalidInputError, match="milder"):
        give(world_session, opened, "slj", OpinionGiven(OpinionKind.AGREE, answers=conditions))

    answered = give(
        world_session,
        opened,
        "slj",
        OpinionGiven(OpinionKind.AGREE_WITH_CONDITIONS, conditions="办理许可", answers=conditions),
    )
    not_needed = give(
        world_session,
        opened,
        "wlj",
        OpinionGiven(
            OpinionKind.NO_OBJECTION, answers=(Answer(1, FindingKind.NOT_NEEDED, "已批复的保护规划内"),)
        ),
    )

    assert answered.opinion is not None and not_needed.opinion is not None
    assert answered.opinion.answers == [{"finding": 1, "kind": "agree_with_conditions", "text": "办理许可"}]
    assert not_needed.opinion.answers[0]["kind"] == "not_needed"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (OpinionGiven(OpinionKind.AGREE, answers=(Answer(2, FindingKind.AGREE),)), "has 1 findings"),
        (
            OpinionGiven(OpinionKind.AGREE, answers=(Answer(1, FindingKind.AGREE),) * 2),
            "answered twice",
        ),
        (OpinionGiven(OpinionKind.AGREE, answers=(Answer(1, FindingKind.NOT_NEEDED),)), "needs its words"),
        (OpinionGiven(OpinionKind.AGREE, basis="《城乡规划法》"), "belongs to disagree"),
        (
            OpinionGiven(
                OpinionKind.AGREE_WITH_CONDITIONS, conditions="甲", condition_list=(Condition("乙"),)
            ),
            "not as both",
        ),
        (
            OpinionGiven(OpinionKind.AGREE_WITH_CONDITIONS, condition_list=(Condition("  "),)),
            "says something",
        ),
        (OpinionGiven(OpinionKind.AGREE, source=Source.LETTER), "needs its evidence"),
        (OpinionGiven(OpinionKind.AGREE, evidence="鞍水函〔2026〕9号"), "no other has one"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(
    world_session: Session, opened: Consultation, given: OpinionGiven, why: str
) -> None:
    with pytest.raises(InvalidInputError, match=why):
        give(world_session, opened, "slj", given)


def test_an_answer_by_letter_is_entered_by_the_coordinator_with_its_evidence(
    world_session: Session, opened: Consultation
) -> None:
    with pytest.raises(NotPermittedError):
        give(world_session, opened, "slj", AGREE, actor=COORDINATOR)

    letter = replace(AGREE, source=Source.LETTER, evidence="鞍水函〔2026〕9号")
    answered = give(world_session, opened, "slj", letter, actor=COORDINATOR)

    assert answered.opinion is not None
    assert (answered.opinion.source, answered.opinion.evidence) == ("letter", "鞍水函〔2026〕9号")
    assert answered.opinion.given_by == COORDINATOR.name


def test_a_prohibition_that_its_owner_sets_aside_blocks_no_more_and_is_told_to_approval(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world, 50, 120)
    opened = consult(world_session, world, project)
    request = request_to(opened, "zrzy")
    give(world_session, opened, "fgw", AGREE)
    opinions.give_opinion(world_session, request.id, AGREE, actor=COORDINATOR, calendar=CALENDAR, now=NOW)

    def clear() -> Any:
        return clear_project(
            world_session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NOW
        )

    with pytest.raises(ConflictError, match="prohibition"):
        clear()
    contests.contest_finding(
        world_session, request.id, finding=1, reason="图斑已调出", actor=COORDINATOR, now=NOW
    )
    with pytest.raises(ConflictError, match="to be decided by 自然资源局"):
        clear()
    contests.decide_contest(
        world_session,
        request.id,
        finding=1,
        is_upheld=True,
        reason="经核实图斑已依法调出，图层待更新",
        actor=COORDINATOR,
        now=NOW,
    )

    message = read_message(clear().handover.body.encode())
    (aside,) = message.check.set_aside
    assert (aside.layer, aside.severity, aside.reason) == ("farmland", "prohibit", "图斑已调出")
    assert message.check.verdict == "inform"


def test_a_contest_is_raised_and_decided_once_by_who_may(
    world_session: Session, opened: Consultation
) -> None:
    request = request_to(opened, "slj")
    contest = {"finding": 1, "reason": "河道范围线有误", "now": NOW}
    with pytest.raises(NotPermittedError):
        contests.contest_finding(world_session, request.id, actor=WATER, **contest)
    with pytest.raises(InvalidInputError, match="has 1 findings"):
        contests.contest_finding(world_session, request.id, actor=COORDINATOR, **(contest | {"finding": 2}))
    contests.contest_finding(world_session, request.id, actor=COORDINATOR, **contest)
    with pytest.raises(ConflictError, match="contested already"):
        contests.contest_finding(world_session, request.id, actor=COORDINATOR, **contest)

    decide = contest | {"is_upheld": False, "reason": "范围线已公布"}
    with pytest.raises(NotPermittedError):
        contests.decide_contest(world_session, request.id, actor=COORDINATOR, **decide)
    contests.decide_contest(world_session, request.id, actor=WATER, **decide)
    with pytest.raises(ConflictError, match="decided by 水利局 already"):
        contests.decide_contest(world_session, request.id, actor=WATER, **decide)
    assert contests.set_aside(request) == []


def test_who_agrees_against_who_disagrees_and_conditions_on_one_place_are_found(
    world_session: Session, world: City, opened: Consultation
) -> None:
    def conditional(text: str, west: float, east: float) -> OpinionGiven:
        where = (Condition(text, place=place(world, west, east)),)
        return OpinionGiven(OpinionKind.AGREE_WITH_CONDITIONS, condition_list=where)

    give(world_session, opened, "fgw", replace(OPPOSED, basis="《政府投资条例》第九条"))
    give(world_session, opened, "slj", conditional("地坪抬高 1 米", 250, 280))
    give(world_session, opened, "wlj", conditional("地坪不得抬高", 270, 300))

    found = find_contradictions(list(opened.requests))

    against = ContradictionKind.AGREE_AGAINST_DISAGREE
    assert [(c.kind, c.one.department, c.other.department) for c in found] == [
        (against, "slj", "fgw"),
        (against, "wlj", "fgw"),
        (ContradictionKind.CONDITIONS_ON_ONE_PLACE, "slj", "wlj"),
    ]
    assert (found[-1].one.words, found[-1].other.words) == ("地坪抬高 1 米", "地坪不得抬高")
    standing = standing_requests(opened.requests)
    assert opinion_requests.request_status(standing["slj"], NOW.date()) is OpinionStatus.GIVEN


def test_conditions_on_findings_meet_where_the_findings_do_and_are_shown_side_by_side(
    world_session: Session, world: City, opened: Consultation
) -> None:
    of_finding = Answer(1, FindingKind.AGREE_WITH_CONDITIONS, "河道内地坪抬高 1 米")
    conditional = OpinionGiven(
        OpinionKind.AGREE_WITH_CONDITIONS, conditions="汛期停工", answers=(of_finding,)
    )
    give(world_session, opened, "slj", conditional)
    kept_flat = (Condition("控制地带内地坪不得抬高", finding=1), Condition("施工前考古勘探"))
    give(
        world_session,
        opened,
        "wlj",
        OpinionGiven(OpinionKind.AGREE_WITH_CONDITIONS, condition_list=kept_flat),
    )
    world_session.expire_all()

    (shown_,) = contradictions_of(world_session, opened.project, city=world, actor=COORDINATOR).items
    (found,) = find_contradictions(list(opened.requests))

    assert (shown_.one.words, shown_.other.words) == ("河道内地坪抬高 1 米", "控制地带内地坪不得抬高")
    assert (shown_.one.about, shown_.other.about) == ("河道管理范围 1", "建设控制地带 1")
    assert (shown_.one.department_name, shown_.other.finding) == ("水利局", 1)
    assert shown_.place is not None and shown_.place["type"] == "Polygon"
    # The site lies from 220 to 320 m, the river from 200 to 300, the zone of protection from 250 to 350.
    assert found.place is not None
    assert found.place.equals(shapely.box(EAST + 250, NORTH + 20, EAST + 300, NORTH + 80))


def test_a_mark_comes_back_where_it_was_drawn(world: City) -> None:
    drawn = {"type": "Point", "coordinates": [122.995, 41.108]}

    mark = read_mark(drawn, world, place="markup")

    assert shapely.get_srid(mark) == world.working_srid
    back = shown(opinions.kept(mark), world)
    assert back is not None
    assert back["coordinates"] == pytest.approx([122.995, 41.108], abs=1e-8)


@pytest.mark.parametrize(
    "document",
    [
        {"type": "Feature", "geometry": None},
        {"type": "Point", "coordinates": "here"},
        {"type": {}, "coordinates": [122.995, 41.108]},
        {"type": "Point", "coordinates": []},
        {
            "type": "Polygon",
            "coordinates": [[[122.9, 41.1], [122.91, 41.11], [122.91, 41.1], [122.9, 41.11], [122.9, 41.1]]],
        },
        {"type": "Point", "coordinates": [41.108, 122.995]},
        {"type": "LineString", "coordinates": [[122.9, 41.1]] * 10_001},
        {},
    ],
)
def test_a_mark_that_is_none_is_refused_with_its_field(world: City, document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_mark(document, world, place="markup")
    assert refused.value.place == "markup"


@pytest.mark.parametrize("is_answered", [False, True])
def test_a_file_comes_with_an_opinion_until_the_limit_and_not_after(
    world_session: Session, opened: Consultation, tmp_path: Path, is_answered: bool
) -> None:
    if is_answered:
        give(world_session, opened, "slj", AGREE)
    late = LAST_MOMENT + timedelta(minutes=2)

    with pytest.raises(ConflictError, match=r"limit ended on 2026-11-30"):
        attachments.attach_to_request(
            world_session,
            request_to(opened, "slj").id,
            tmp_path / "late.pdf",
            "late.pdf",
            about=None,
            actor=WATER,
            calendar=CALENDAR,
            now=late,
        )


def test_what_is_said_of_single_findings_goes_into_the_handover_the_document_and_the_obligations(
    world_session: Session, world: City, opened: Consultation
) -> None:
    """Art. 3, 8, 11."""
    of_finding = (Answer(1, FindingKind.AGREE_WITH_CONDITIONS, "施工期避开汛期"),)
    whole = OpinionGiven(OpinionKind.AGREE_WITH_CONDITIONS, conditions="办理涉河许可", answers=of_finding)
    not_needed = (Answer(1, FindingKind.NOT_NEEDED, "已批复的保护规划内"),)
    give(world_session, opened, "slj", whole)
    give(world_session, opened, "wlj", OpinionGiven(OpinionKind.NO_OBJECTION, answers=not_needed))
    give(world_session, opened, "fgw", AGREE)

    cleared = clear_project(
        world_session, opened.project_id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NOW
    )

    message = read_message(cleared.handover.body.encode())
    said = {o.department: o for o in message.opinions}
    assert [(c.number, c.text, c.about) for c in said["slj"].condition_list] == [
        (1, "办理涉河许可", None),
        (2, "施工期避开汛期", "河道管理范围 1"),
    ]
    (answer,) = said["wlj"].answers
    assert (answer.kind, answer.text, answer.about) == ("not_needed", "已批复的保护规划内", "建设控制地带 1")
    document = generation_opinion(message, sha256=cleared.handover.sha256, city=world, maps={})
    words = [
        cell for block in document.blocks if isinstance(block, Table) for row in block.rows for cell in row
    ]
    assert "施工期避开汛期" in words
    assert "建设控制地带 1：无须征询 no consultation needed：已批复的保护规划内" in words
    case = receive(world_session, message, now=NOW)
    owed = from_handover(world_session, case)
    assert [(o.department, o.content) for o in owed] == [("slj", "办理涉河许可"), ("slj", "施工期避开汛期")]


def test_of_a_restricted_layer_a_condition_of_a_finding_says_only_that(
    world_session: Session, world: City, opened: Consultation
) -> None:
    same = (Answer(1, FindingKind.AGREE_WITH_CONDITIONS, "办理许可"),)
    whole = OpinionGiven(OpinionKind.AGREE_WITH_CONDITIONS, conditions="办理许可", answers=same)

    handed = composition.handed_opinion(give(world_session, opened, "slj", whole), {"river"}, world)

    assert [(c.text, c.about) for c in handed.condition_list] == [("办理许可", "受限图层 restricted layer")]
