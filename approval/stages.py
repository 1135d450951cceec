"""The four stages of a case and the order they are walked in: pure rules (Art. 3, 12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from blueprint.errors import ConflictError
from blueprint.sentences import Term, Word


class Stage(StrEnum):
    """The four stages in their order; no stage is skipped."""

    LAND_USE_PLANNING = "land_use_planning"
    PROJECT_PERMIT = "project_permit"
    CONSTRUCTION_PERMIT = "construction_permit"
    COMPLETION_ACCEPTANCE = "completion_acceptance"


STAGE_TITLES = {
    Stage.LAND_USE_PLANNING: "立项用地规划许可",
    Stage.PROJECT_PERMIT: "工程建设许可",
    Stage.CONSTRUCTION_PERMIT: "施工许可",
    Stage.COMPLETION_ACCEPTANCE: "竣工验收",
}


class StageStatus(StrEnum):
    """Where a stage stands (未受理, 办理中, 已办结)."""

    NOT_ACCEPTED = "not_accepted"
    ACCEPTED = "accepted"
    CONCLUDED = "concluded"


@dataclass(frozen=True)
class StageDays:
    """A stage and the days of its two steps, as far as they were taken."""

    stage: Stage
    accepted_on: date | None = None
    concluded_on: date | None = None

    @property
    def status(self) -> StageStatus:
        """Where the stage stands."""
        if self.concluded_on is not None:
            return StageStatus.CONCLUDED
        return StageStatus.NOT_ACCEPTED if self.accepted_on is None else StageStatus.ACCEPTED


def refuse_acceptance(stages: Sequence[StageDays], stage: Stage, *, project_code: str | None) -> None:
    """Refuse to accept `stage` without the project code, twice, or before the stage before it is concluded (Art. 12)."""
    if project_code is None:
        raise ConflictError(
            "bind the investment project code first: without it no stage can be accepted (Art. 12)"
        )
    if _of(stages, stage).status is not StageStatus.NOT_ACCEPTED:
        raise ConflictError(
            "{stage} was accepted already; a stage is not opened again", stage=stage_term(stage)
        )
    for earlier in list(Stage)[: list(Stage).index(stage)]:
        if _of(stages, earlier).status is not StageStatus.CONCLUDED:
            raise ConflictError(
                "conclude {earlier} before accepting {stage}; no stage is skipped",
                earlier=stage_term(earlier),
                stage=stage_term(stage),
            )


def refuse_conclusion(stages: Sequence[StageDays], stage: Stage, *, unfinished: Sequence[Word] = ()) -> None:
    """Refuse to conclude a stage that was not accepted, was concluded already, or has items that are not approved."""
    status = _of(stages, stage).status
    if status is StageStatus.NOT_ACCEPTED:
        raise ConflictError("accept {stage} before concluding it", stage=stage_term(stage))
    if status is StageStatus.CONCLUDED:
        raise ConflictError("{stage} was concluded already", stage=stage_term(stage))
    if unfinished:
        raise ConflictError(
            "{stage} is not finished: {unfinished}", stage=stage_term(stage), unfinished=unfinished
        )


def stage_term(stage: Stage) -> Term:
    """A stage within a sentence."""
    return Term(stage.replace("_", " "), chinese=STAGE_TITLES[stage])


def current_stage(stages: Sequence[StageDays]) -> Stage | None:
    """The stage that is being walked or comes next; None when all four are concluded."""
    return next((s for s in Stage if _of(stages, s).status is not StageStatus.CONCLUDED), None)


def _of(stages: Sequence[StageDays], stage: Stage) -> StageDays:
    return next(days for days in stages if days.stage is stage)


def in_sight(day: date | None) -> date | None:
    """A last day as people are told it: none while all work of the stage is stopped and nobody knows until when."""
    return None if day == date.max else day
