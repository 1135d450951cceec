"""The rights as a matrix: written out here by hand, apart from the table that decides."""

import pytest

from blueprint.permissions import ANONYMOUS, RIGHTS, Act, Actor, Grant, Role, Sensitivity, Thing, may

OWN, OTHER = Thing("D1"), Thing("D2")
PEOPLE = [role for role in Role if role not in (Role.ANYONE, Role.SERVICE)]
MEMBERS = "department planner reviewer section_head director coordinator lead supervisor console"

EXPECTED = {
    "list_layers": ("everybody", "everybody"),
    "read_layer": ("everybody", "everybody"),
    "check_footprint": ("everybody", "everybody"),
    "define_layer": ("coordinator console", "coordinator console"),
    "upload_version": ("department planner coordinator console", "coordinator console"),
    "bring_into_force": (
        "department planner section_head director coordinator console",
        "coordinator console",
    ),
    "withdraw_version": (
        "department planner section_head director coordinator console",
        "coordinator console",
    ),
    "export_layer": (MEMBERS, MEMBERS),
    "read_check": (MEMBERS, MEMBERS),
    "keep_check": (MEMBERS, MEMBERS),
    "register_project": ("coordinator console", "coordinator console"),
    "read_project": (MEMBERS, MEMBERS),
    "consult_departments": ("coordinator console", "coordinator console"),
    "read_opinion_requests": (MEMBERS, MEMBERS),
    "give_opinion": ("department reviewer section_head director console", "console"),
    "close_overdue": ("coordinator supervisor console", "coordinator supervisor console"),
    "clear_project": ("coordinator console", "coordinator console"),
    "push_handover": ("coordinator console", "coordinator console"),
    "receive_handover": ("service console", "service console"),
    "read_case": (MEMBERS, MEMBERS),
    "bind_project_code": ("lead console", "lead console"),
    "advance_case": ("lead console", "lead console"),
    "request_access": (
        "department planner reviewer section_head director coordinator lead console",
        "department planner reviewer section_head director coordinator lead console",
    ),
    "grant_access": ("department section_head director console", "console"),
    "read_grants": (f"{MEMBERS} auditor", f"{MEMBERS} auditor"),
    "read_exports": (f"{MEMBERS} auditor", f"{MEMBERS} auditor"),
    "read_audit_log": ("auditor console", "auditor console"),
    "export_audit_log": ("auditor console", "auditor console"),
    "administer_accounts": ("operator console", "operator console"),
}
"""Who may, on things of the own department and of another; layers are public here."""


def _actor(role: Role) -> Actor:
    return Actor("somebody", "D1", frozenset({Role.ANYONE, role}))


def _allowed(words: str) -> set[Role]:
    return set(Role) if words == "everybody" else {Role(word) for word in words.split()}


def test_every_act_is_in_the_matrix_and_in_the_table():
    assert {str(act) for act in Act} == set(EXPECTED) == {str(act) for act in RIGHTS}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("act", list(Act))
def test_who_may_do_what(act: Act, role: Role):
    own, other = EXPECTED[act]
    assert may(_actor(role), act, OWN) == (role in _allowed(own))
    assert may(_actor(role), act, OTHER) == (role in _allowed(other))


@pytest.mark.parametrize("act", [Act.READ_LAYER, Act.EXPORT_LAYER])
@pytest.mark.parametrize("role", list(Role))
def test_data_by_class(act: Act, role: Role):
    inside = _allowed(MEMBERS)
    see_restricted = {Role.COORDINATOR, Role.CONSOLE}
    actor = _actor(role)
    assert may(actor, act, Thing("D2", Sensitivity.INTERNAL)) == (role in inside)
    assert may(actor, act, Thing("D1", Sensitivity.INTERNAL)) == (role in inside)
    assert may(actor, act, Thing("D1", Sensitivity.RESTRICTED)) == (role in inside)
    assert may(actor, act, Thing("D2", Sensitivity.RESTRICTED)) == (role in see_restricted)


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
    looking = {Act.LIST_LAYERS, Act.READ_LAYER, Act.CHECK_FOOTPRINT}
    for actor in (ANONYMOUS, nobody):
        assert {act for act in Act if may(actor, act, OWN)} == looking
        assert not may(actor, Act.READ_LAYER, Thing("D1", Sensitivity.INTERNAL))


def test_who_administers_accounts_decides_nothing_and_who_audits_changes_nothing():
    deciding = {
        Act.GIVE_OPINION,
        Act.CLEAR_PROJECT,
        Act.BIND_PROJECT_CODE,
        Act.ADVANCE_CASE,
        Act.BRING_INTO_FORCE,
        Act.GRANT_ACCESS,
    }
    assert not any(may(_actor(Role.OPERATOR), act, OWN) for act in deciding)
    reading = {Act.LIST_LAYERS, Act.READ_LAYER, Act.CHECK_FOOTPRINT, Act.READ_GRANTS, Act.READ_EXPORTS}
    auditing = {Act.READ_AUDIT_LOG, Act.EXPORT_AUDIT_LOG}
    assert {act for act in Act if may(_actor(Role.AUDITOR), act, OWN)} == reading | auditing
