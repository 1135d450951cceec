"""The rights as a matrix of role, act, level and class: written out here by hand, apart from the tables that decide."""

from itertools import product
from pathlib import Path

import pytest

from blueprint.levels import WHOLE_CITY, Territory
from blueprint.permissions import (
    ANONYMOUS,
    CLEARED,
    RIGHTS,
    Act,
    Actor,
    Grant,
    RefusedError,
    Role,
    Scope,
    Sensitivity,
    Thing,
    may,
    require,
    rights_of,
)
from blueprint.rights_table import rights_markdown

MEMBERS = "department planner reviewer section_head director coordinator lead supervisor"
OFFICE = "department planner reviewer section_head director"
EVERYBODY = " ".join(Role)

OWN = Thing("D1")

ACTORS = {
    "city": ("C1", WHOLE_CITY),
    "district": ("N1", Territory("N", frozenset({"N1", "N2"}), frozenset({"S1"}))),
}
"""An actor's department and territory by level: C1 and C2 are of the city, N1 and N2 of one district, S1 of another."""

FROM_THE_CITY = {
    ("city", "C1"),
    ("city", "C2"),
    ("city", "N1"),
    ("city", "N2"),
    ("city", "S1"),
    ("city", None),
}
WITHIN_THE_DISTRICT = {("district", "N1"), ("district", "N2")}
THE_CITYS = {("district", "C1"), ("district", "C2"), ("district", None)}
OF_ANOTHER_DISTRICT = {("district", "S1")}

REACHED = {
    "own": {("city", "C1"), ("district", "N1")},
    "territory": FROM_THE_CITY | WITHIN_THE_DISTRICT,
    "upward": FROM_THE_CITY | WITHIN_THE_DISTRICT | THE_CITYS,
    "all": FROM_THE_CITY | WITHIN_THE_DISTRICT | THE_CITYS | OF_ANOTHER_DISTRICT,
}
"""From which level whose things each word reaches; None is what is no department's, like a project."""

OWNERS = ("C1", "C2", "N1", "N2", "S1", None)

PUBLISHING = {"own": "department planner section_head director", "territory": "coordinator", "all": "console"}

EXPECTED: dict[str, dict[str, str]] = {
    "read_standards": {"all": EVERYBODY},
    "list_layers": {"all": EVERYBODY},
    "read_layer": {"all": EVERYBODY},
    "compare_versions": {"all": f"{MEMBERS} console"},
    "check_footprint": {"all": EVERYBODY},
    "define_layer": {"territory": "coordinator", "all": "console"},
    "upload_version": {"own": "department planner", "territory": "coordinator", "all": "console"},
    "bring_into_force": PUBLISHING,
    "withdraw_version": PUBLISHING,
    "export_layer": {"all": f"{MEMBERS} console"},
    "read_jobs": {"all": f"{MEMBERS} console"},
    "read_check": {"all": f"{MEMBERS} console"},
    "keep_check": {"all": f"{MEMBERS} console"},
    "audit_plans": {"all": f"{MEMBERS} console"},
    "judge_difference": {
        "own": "department planner section_head director",
        "territory": "coordinator",
        "all": "console",
    },
    "register_project": {"territory": "coordinator", "all": "console"},
    "read_project": {"all": f"{MEMBERS} console"},
    "consult_departments": {"territory": "coordinator", "all": "console"},
    "put_rules_in_force": {"territory": "coordinator", "all": "console"},
    "read_opinion_requests": {"all": f"{MEMBERS} console"},
    "give_opinion": {"own": "department reviewer section_head director", "all": "console"},
    "enter_opinion": {"territory": "coordinator", "all": "console"},
    "stop_clock": {
        "own": "department reviewer section_head director",
        "territory": "coordinator",
        "all": "console",
    },
    "handle_request": {"own": "department reviewer section_head director", "all": "console"},
    "review_draft": {"own": "department section_head director", "all": "console"},
    "issue_opinion": {"own": "department section_head director", "all": "console"},
    "organise_department": {"own": "director", "all": "console"},
    "arrange_stand_in": {"own": "reviewer section_head director", "all": "console"},
    "contest_finding": {"territory": "coordinator", "all": "console"},
    "decide_contest": {"own": "department section_head director", "all": "console"},
    "ask_for_guidance": {
        "own": "department reviewer section_head director",
        "territory": "coordinator",
        "all": "console",
    },
    "give_guidance": {"own": "department section_head director", "all": "console"},
    "close_overdue": {"territory": "coordinator", "all": "supervisor console"},
    "read_statistics": {"territory": "coordinator", "all": "supervisor console"},
    "clear_project": {"territory": "coordinator", "all": "console"},
    "push_handover": {"territory": "coordinator", "all": "console"},
    "receive_handover": {"all": "service console"},
    "read_case": {"all": f"{MEMBERS} console"},
    "bind_project_code": {"territory": "lead", "all": "console"},
    "prepare_case": {"territory": "lead", "all": "console"},
    "accept_item": {"territory": "lead", "all": "console"},
    "decide_item": {"own": "department reviewer section_head director lead", "all": "console"},
    "give_material": {
        "own": "department reviewer section_head director",
        "territory": "lead",
        "all": "console",
    },
    "supervise": {"territory": "lead", "all": "supervisor console"},
    "lead_stage": {"own": "department section_head director lead", "all": "console"},
    "settle_matter": {"own": "department section_head director lead", "all": "console"},
    "exchange_data": {"territory": "lead", "all": "console"},
    "advance_case": {"territory": "lead", "all": "console"},
    "request_access": {"all": f"{OFFICE} coordinator lead console"},
    "grant_access": {"own": "department section_head director", "all": "console"},
    "read_grants": {"all": f"{MEMBERS} auditor console"},
    "read_exports": {"all": f"{MEMBERS} auditor console"},
    "read_departments": {"all": f"{MEMBERS} operator auditor console"},
    "read_open_work": {"own": f"{OFFICE} lead", "territory": "coordinator", "all": "supervisor console"},
    "read_audit_log": {"all": "auditor console"},
    "export_audit_log": {"all": "auditor console"},
    "administer_accounts": {"all": "operator console"},
    "register_crs": {"all": "operator console"},
}
"""Which roles have each act, and how far."""

CLASSES: dict[str, dict[str, str]] = {
    "public": {"all": EVERYBODY},
    "internal": {
        "upward": "department planner reviewer section_head director coordinator lead",
        "all": "supervisor console",
    },
    "restricted": {
        "own": "department planner reviewer section_head director lead supervisor",
        "territory": "coordinator",
        "all": "console",
    },
}
"""Whose data each role may read or export besides, by class."""


def _actor(role: Role, level: str = "city") -> Actor:
    department, territory = ACTORS[level]
    return Actor("somebody", department, frozenset({Role.ANYONE, role}), territory=territory)


def _expected(rights: dict[str, str], role: str, level: str, owner: str | None) -> bool:
    return any(role in roles.split() and (level, owner) in REACHED[word] for word, roles in rights.items())


def test_every_act_and_class_is_in_the_matrix_and_in_the_table():
    assert {str(act) for act in Act} == set(EXPECTED) == {str(act) for act in RIGHTS}
    assert {str(each) for each in Sensitivity} == set(CLASSES) == {str(each) for each in CLEARED}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("act", list(Act))
def test_who_may_do_what_from_which_level_with_which_class(act: Act, role: Role):
    for level, owner, sensitivity in product(ACTORS, OWNERS, Sensitivity):
        expected = _expected(EXPECTED[act], role, level, owner)
        if act in (Act.READ_LAYER, Act.EXPORT_LAYER):
            expected = expected and _expected(CLASSES[sensitivity], role, level, owner)

        allowed = may(_actor(role, level), act, Thing(owner, sensitivity, "L"))

        assert allowed == expected, (level, owner, sensitivity)


def test_the_page_of_the_documentation_is_the_table_that_decides():
    page = (Path(__file__).parents[2] / "docs" / "rights.md").read_text(encoding="utf-8")

    assert page.partition("<!-- rights -->\n")[2] == rights_markdown(), (
        "docs/rights.md is stale: blueprint account rights --format markdown"
    )


def test_roles_add_up_but_not_their_reach():
    both = Actor(
        "b", "N1", frozenset({Role.ANYONE, Role.PLANNER, Role.REVIEWER}), territory=ACTORS["district"][1]
    )

    assert may(both, Act.UPLOAD_VERSION, Thing("N1")) and may(both, Act.GIVE_OPINION, Thing("N1"))
    assert not any(may(both, act, Thing("N2")) for act in (Act.UPLOAD_VERSION, Act.GIVE_OPINION))


def test_menus_of_a_district_offer_nothing_that_is_the_citys():
    coordinator = rights_of(_actor(Role.COORDINATOR, "district"))

    assert Act.UPLOAD_VERSION in coordinator and Act.REGISTER_PROJECT not in coordinator
    assert Act.REGISTER_PROJECT in rights_of(_actor(Role.COORDINATOR))


def test_menus_of_a_districts_hall_offer_what_it_does_with_the_cases_it_follows():
    """Art. 12: the service agency of a district works on its own cases as the city's does."""
    hall = rights_of(_actor(Role.LEAD, "district"))

    assert {Act.PREPARE_CASE, Act.BIND_PROJECT_CODE, Act.ADVANCE_CASE, Act.ACCEPT_ITEM} <= set(hall)
    assert {Act.GIVE_MATERIAL, Act.SUPERVISE} <= set(hall) and Act.EXCHANGE_DATA not in hall


def test_a_scoped_token_may_no_more_than_its_scope_and_its_department():
    scope = Scope(frozenset({Act.UPLOAD_VERSION, Act.READ_LAYER, Act.CLEAR_PROJECT}), frozenset({"L"}))
    machine = Actor(
        "m", "D1", frozenset({Role.ANYONE, Role.DEPARTMENT}), (Grant(1, "M", "duty", True),), scope=scope
    )
    secret = Sensitivity.RESTRICTED

    assert may(machine, Act.UPLOAD_VERSION, Thing("D1", layer="L"))
    assert may(machine, Act.READ_LAYER, Thing("D1", secret, "L"))
    assert not may(machine, Act.READ_LAYER, Thing("D1", secret, "K"))
    assert not may(machine, Act.READ_LAYER, Thing("D2", secret, "M"))
    assert may(machine, Act.READ_LAYER, Thing("D2", layer="K")), "what is public is anybody's"
    assert not may(machine, Act.UPLOAD_VERSION, Thing("D1", layer="K"))
    assert not may(machine, Act.UPLOAD_VERSION, Thing("D2", layer="L"))
    assert not may(machine, Act.CLEAR_PROJECT), "the department itself may not"
    assert not may(machine, Act.READ_PROJECT), "it is not for that"
    with pytest.raises(RefusedError, match="not made for: read project"):
        require(machine, Act.READ_PROJECT)


def test_a_grant_opens_the_layer_it_names_and_no_other():
    thing, other = (Thing("D2", Sensitivity.RESTRICTED, code) for code in ("L", "M"))
    reader = Actor("r", "D1", frozenset({Role.ANYONE, Role.REVIEWER}), (Grant(1, "L", "duty", False),))
    taker = Actor("t", "D1", frozenset({Role.ANYONE, Role.REVIEWER}), (Grant(1, "L", "duty", True),))

    assert may(reader, Act.READ_LAYER, thing) and not may(reader, Act.READ_LAYER, other)
    assert not may(reader, Act.EXPORT_LAYER, thing)
    assert may(taker, Act.EXPORT_LAYER, thing) and not may(taker, Act.EXPORT_LAYER, other)
    assert not may(reader, Act.UPLOAD_VERSION, thing)


def test_any_of_several_grants_that_allows_it_lets_a_layer_be_exported():
    thing = Thing("D2", Sensitivity.RESTRICTED, "L")
    grants = (Grant(1, "L", "look", False), Grant(2, "L", "take", True))
    actor = Actor("t", "D1", frozenset({Role.ANYONE, Role.REVIEWER}), grants)

    assert may(actor, Act.EXPORT_LAYER, thing)
    assert actor.grant_of("L", to_export=True) == grants[1]


def test_nobody_without_a_role_does_more_than_look():
    nobody = Actor("n", "D1")
    looking = {Act.READ_STANDARDS, Act.LIST_LAYERS, Act.READ_LAYER, Act.CHECK_FOOTPRINT}
    for actor in (ANONYMOUS, nobody):
        assert {act for act in Act if may(actor, act, OWN)} == looking
        assert not may(actor, Act.READ_LAYER, Thing("D1", Sensitivity.INTERNAL))


def test_who_administers_accounts_decides_nothing_and_who_audits_changes_nothing():
    deciding = {
        Act.GIVE_OPINION,
        Act.CLEAR_PROJECT,
        Act.BIND_PROJECT_CODE,
        Act.ADVANCE_CASE,
        Act.ACCEPT_ITEM,
        Act.DECIDE_ITEM,
        Act.BRING_INTO_FORCE,
        Act.GRANT_ACCESS,
    }
    assert not any(may(_actor(Role.OPERATOR), act, Thing("C1")) for act in deciding)
    reading = {
        Act.READ_STANDARDS,
        Act.LIST_LAYERS,
        Act.READ_LAYER,
        Act.CHECK_FOOTPRINT,
        Act.READ_GRANTS,
        Act.READ_EXPORTS,
        Act.READ_DEPARTMENTS,
    }
    auditing = {Act.READ_AUDIT_LOG, Act.EXPORT_AUDIT_LOG}
    assert {act for act in Act if may(_actor(Role.AUDITOR), act, Thing("C1"))} == reading | auditing
