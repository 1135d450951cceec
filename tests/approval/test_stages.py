"""The order in which a case's stages are walked."""

from datetime import date

import pytest

from approval.stages import Stage, StageDays, StageStatus, current_stage, refuse_acceptance, refuse_conclusion
from blueprint.errors import ConflictError

DAY = date(2026, 12, 1)
CODE = "2511-210300-04-01-669303"


def stages(*, concluded: int = 0, accepted: int = 0) -> list[StageDays]:
    """The four stages, the first so many concluded and the next so many accepted."""
    return [
        StageDays(
            stage,
            accepted_on=DAY if place < concluded + accepted else None,
            concluded_on=DAY if place < concluded else None,
        )
        for place, stage in enumerate(Stage)
    ]


def test_no_stage_is_accepted_before_the_project_code_is_bound() -> None:
    with pytest.raises(ConflictError, match="project code"):
        refuse_acceptance(stages(), Stage.LAND_USE_PLANNING, project_code=None)


@pytest.mark.parametrize("place", range(4))
def test_a_stage_is_accepted_when_every_stage_before_it_is_concluded(place: int) -> None:
    stage = list(Stage)[place]

    refuse_acceptance(stages(concluded=place), stage, project_code=CODE)
    for earlier in range(place):
        with pytest.raises(ConflictError, match="no stage is skipped"):
            refuse_acceptance(stages(concluded=earlier), stage, project_code=CODE)


def test_a_stage_before_which_one_is_only_accepted_waits() -> None:
    with pytest.raises(ConflictError, match="conclude"):
        refuse_acceptance(stages(accepted=1), Stage.PROJECT_PERMIT, project_code=CODE)


@pytest.mark.parametrize("reached", [stages(accepted=1), stages(concluded=1)])
def test_a_stage_is_not_opened_again(reached: list[StageDays]) -> None:
    with pytest.raises(ConflictError, match="already"):
        refuse_acceptance(reached, Stage.LAND_USE_PLANNING, project_code=CODE)


def test_only_an_accepted_stage_is_concluded_and_only_once() -> None:
    refuse_conclusion(stages(accepted=1), Stage.LAND_USE_PLANNING)
    for reached in (stages(), stages(concluded=1)):
        with pytest.raises(ConflictError):
            refuse_conclusion(reached, Stage.LAND_USE_PLANNING)


def test_the_current_stage_is_the_first_that_is_not_concluded() -> None:
    assert current_stage(stages()) is Stage.LAND_USE_PLANNING
    assert current_stage(stages(concluded=2, accepted=1)) is Stage.CONSTRUCTION_PERMIT
    assert current_stage(stages(concluded=4)) is None
    assert stages(accepted=1)[0].status is StageStatus.ACCEPTED
