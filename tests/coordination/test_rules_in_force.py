"""Rule sets put in force on a day: which holds when, what is taken back, and what is refused."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError
from coordination.checks import run_check
from coordination.kept_rules import keep_rule_set
from coordination.report_verification import verify_report
from coordination.rule_difference import RuleTurn, compare_rules
from coordination.rule_file import parse_rule_set
from coordination.rule_publication import put_in_force, roll_back
from coordination.rule_sets import RuleSet
from coordination.rules_in_force import RuleSetInForce, Standing, history, rule_set_on
from coordination.site_finder import find_sites
from coordination.trim import TrimLevel
from tests.coordination.test_rule_sets import _rule
from tests.coordination.world import COORDINATOR, NOW, TODAY, footprint

DAY = timedelta(days=1)


def _set(version: int, control: str, **more: str) -> RuleSet:
    text = f"code: world\nversion: {version}\nrules:\n" + _rule("river", control=control, **more)
    return parse_rule_set(text.encode(), f"v{version}.yaml")


FIRST, SECOND, THIRD = _set(1, "inform"), _set(2, "prohibit"), _set(3, "advise")


@pytest.fixture
def city_(world: City, tmp_path: Path) -> City:
    path = tmp_path / "rules.yaml"
    path.write_bytes(FIRST.content)
    return replace(world, rules_path=path)


def _start(session: Session, city: City, rule_set: RuleSet, *, days: int = 0) -> RuleSetInForce:
    return put_in_force(
        session, rule_set, starts_on=TODAY + days * DAY, city=city, actor=COORDINATOR, now=NOW
    )


def _names(session: Session, city: City, *days: int) -> list[str]:
    found = [rule_set_on(session, city, TODAY + day * DAY) for day in days]
    return [rule_set.name for rule_set in found if rule_set is not None]


def _standings(session: Session) -> list[tuple[str, Standing]]:
    return [(each.entry.name, each.standing) for each in history(session, today=TODAY)]


def test_a_rule_set_holds_from_its_day_until_the_next_and_past_days_keep_theirs(
    world_session: Session, city_: City
):
    _start(world_session, city_, THIRD, days=30)
    _start(world_session, city_, SECOND)

    assert _names(world_session, city_, -1, 0, 29, 30) == ["world v1", "world v2", "world v2", "world v3"]
    assert _standings(world_session) == [("world v2", Standing.IN_FORCE), ("world v3", Standing.PLANNED)]
    site = footprint(city_, 220, 240)
    yesterday, today = (
        run_check(world_session, site, city=city_, actor=COORDINATOR, on=day) for day in (TODAY - DAY, TODAY)
    )
    assert (yesterday.rule_set, today.rule_set) == ("world v1", "world v2")
    assert (yesterday.verdict, today.verdict) == ("inform", "prohibit")


def test_going_back_goes_further_back_each_time_and_what_is_planned_is_taken_back_first(
    world_session: Session, city_: City
):
    _start(world_session, city_, SECOND)
    _start(world_session, city_, THIRD)
    _start(world_session, city_, _set(4, "restrict"), days=7)

    back = [
        roll_back(world_session, city_, actor=COORDINATOR, now=NOW) and _names(world_session, city_, 0, 7)
        for _ in range(3)
    ]

    assert back == [["world v3"] * 2, ["world v2"] * 2, ["world v1"] * 2]
    with pytest.raises(ConflictError, match="there is none before it"):
        roll_back(world_session, city_, actor=COORDINATOR, now=NOW)
    assert _start(world_session, city_, SECOND).name == "world v2"


def test_of_two_that_are_planned_for_one_day_the_later_decided_counts(world_session: Session, city_: City):
    _start(world_session, city_, SECOND, days=7)
    _start(world_session, city_, THIRD, days=7)

    assert _names(world_session, city_, 7) == ["world v3"]
    assert _standings(world_session) == [("world v3", Standing.PLANNED), ("world v2", Standing.TAKEN_BACK)]


def test_of_several_that_are_planned_the_one_decided_last_is_taken_back_first(
    world_session: Session, city_: City
):
    _start(world_session, city_, SECOND, days=30)
    _start(world_session, city_, THIRD, days=7)

    taken = [roll_back(world_session, city_, actor=COORDINATOR, now=NOW) for _ in range(2)]

    assert [entry.name for entry in taken] == ["world v3", "world v2"]
    assert _names(world_session, city_, 30) == ["world v1"]


def test_a_rule_set_that_names_a_department_which_the_profile_lost_can_be_replaced(
    world_session: Session, city_: City
):
    _start(world_session, city_, _set(2, "prohibit", department="wlj"))
    without = replace(city_, departments=tuple(d for d in city_.departments if d.code != "wlj"))
    with pytest.raises(InvalidInputError, match="names the department wlj"):
        rule_set_on(world_session, without, TODAY)

    _start(world_session, without, THIRD)

    assert _names(world_session, without, 0) == ["world v3"]


def test_who_puts_many_rules_in_force_asks_for_the_layers_a_few_times(world_session: Session, city_: City):
    rules = tuple(replace(FIRST.rules[0], id=f"R{n}") for n in range(50))
    many = replace(FIRST, version=2, sha256="2" * 64, rules=rules)
    asked: list[str] = []
    connection = world_session.connection()
    event.listen(connection, "before_cursor_execute", lambda *given: asked.append(given[2]))

    _start(world_session, city_, many)

    assert len(asked) < 20


def test_what_would_confuse_reports_or_change_the_past_is_refused(world_session: Session, city_: City):
    with pytest.raises(InvalidInputError, match="choose today or a later day"):
        _start(world_session, city_, SECOND, days=-1)
    with pytest.raises(ConflictError, match=r"world v1 is in force on .* already"):
        _start(world_session, city_, FIRST)
    with pytest.raises(ConflictError, match="give the changed one a new version"):
        _start(world_session, city_, _set(1, "prohibit"))
    # As a report cites it of a file that the profile named before.
    keep_rule_set(world_session, _set(2, "restrict"))
    with pytest.raises(ConflictError, match="give the changed one a new version"):
        _start(world_session, city_, SECOND)
    with pytest.raises(ConflictError, match="no rule set was put in force here"):
        roll_back(world_session, city_, actor=COORDINATOR, now=NOW)
    with pytest.raises(InvalidInputError, match="names no rule set"):
        _start(world_session, replace(city_, rules_path=None), SECOND)


def test_a_report_is_verified_by_the_rule_set_that_it_cites_after_another_is_in_force(
    world_session: Session, city_: City
):
    site = footprint(city_, 220, 240)
    before = run_check(world_session, site, city=city_, actor=COORDINATOR, on=TODAY)
    _start(world_session, city_, SECOND)

    found = verify_report(world_session, before.to_json(), city=city_, actor=COORDINATOR, footprint=site)

    assert found.differences == ()


def test_rules_are_compared_by_their_ids_wherever_they_stand_in_the_file():
    moved = parse_rule_set(b"# a comment\n" + FIRST.content, "moved.yaml")
    gone = replace(FIRST, rules=(replace(FIRST.rules[0], id="R-OTHER"),))

    assert compare_rules(FIRST.rules, moved.rules) == ()
    [change] = compare_rules(FIRST.rules, SECOND.rules)
    assert [(field.name, field.before, field.after) for field in change.fields] == [
        ("control", "inform", "prohibit")
    ]
    assert [each.turn for each in compare_rules(FIRST.rules, gone.rules)] == [
        RuleTurn.ADDED,
        RuleTurn.REMOVED,
    ]


def test_a_search_goes_by_the_rules_in_force_when_it_began(world_session: Session, city_: City):
    def tell(phase: str, _done: int) -> None:
        if phase == "rank":
            _start(world_session, city_, SECOND)

    found = find_sites(
        world_session,
        footprint(city_, 200, 300, 0, 100),
        area_m2=2_000,
        city=city_,
        actor=COORDINATOR,
        on=TODAY,
        level=TrimLevel.PROHIBIT,
        tell=tell,
    )

    assert {place.report.rule_set for place in found.sites} == {"world v1"}
