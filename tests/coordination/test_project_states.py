"""The table of states: complete, without a way round the consultation, and what is over is over."""

import pytest

from blueprint.errors import ConflictError
from coordination.project_states import (
    BY_HAND,
    NEEDS_REASON,
    STATUS_WORDS,
    TRANSITIONS,
    ProjectStatus,
    Step,
    shown_status,
    status_after,
)

KEPT = set(ProjectStatus) - {ProjectStatus.HANDED_OVER}


def test_every_kept_state_and_every_step_is_in_the_table() -> None:
    assert TRANSITIONS.keys() == KEPT
    assert {step for steps in TRANSITIONS.values() for step in steps} == set(Step)
    assert STATUS_WORDS.keys() == set(ProjectStatus)
    assert NEEDS_REASON - {Step.RECALL} <= set(BY_HAND)


def test_every_state_is_reached_from_a_draft_and_each_but_the_end_has_a_way_on() -> None:
    reached, left = {ProjectStatus.DRAFT}, [ProjectStatus.DRAFT]
    while left:
        following = set(TRANSITIONS[left.pop()].values()) - reached
        reached |= following
        left += following

    assert reached == KEPT
    assert {state for state in KEPT if not TRANSITIONS[state]} == {ProjectStatus.ENDED}


def test_only_a_project_in_consultation_is_cleared() -> None:
    into = {state for state, steps in TRANSITIONS.items() if ProjectStatus.CLEARED in steps.values()}

    assert into == {ProjectStatus.CONSULTING}


def test_a_step_that_the_table_lacks_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(
        ConflictError, match="is shelved cannot clear; possible steps: resume, end"
    ) as refused:
        status_after(ProjectStatus.SHELVED, Step.CLEAR)
    assert refused.value.chinese == "项目现状为“储备”，不能办理“通过”；可办理：恢复、终止"
    with pytest.raises(ConflictError, match="it is over"):
        status_after(ProjectStatus.ENDED, Step.RESUME)


def test_only_a_cleared_project_is_shown_as_handed_over() -> None:
    assert shown_status(ProjectStatus.CLEARED, is_delivered=True) is ProjectStatus.HANDED_OVER
    assert shown_status(ProjectStatus.ADJUSTING, is_delivered=True) is ProjectStatus.ADJUSTING
