"""The states of a project (策划生成) and the one table that says which step leads from which to which: pure rules."""

from enum import StrEnum

from blueprint.errors import ConflictError
from blueprint.sentences import Sentence, spoken


class ProjectStatus(StrEnum):
    """Where a project stands: 草稿, 策划生成, 征求意见, 调整方案, 通过, 退回, 储备, 终止; 已推送 is a cleared one that approval has."""

    DRAFT = "draft"
    PREPARING = "preparing"
    CONSULTING = "consulting"
    ADJUSTING = "adjusting"
    CLEARED = "cleared"
    HANDED_OVER = "handed_over"
    RETURNED = "returned"
    SHELVED = "shelved"
    ENDED = "ended"


class Step(StrEnum):
    """What moves a project: 提交, 征求意见, 调整, 通过, 退回, 入库储备, 恢复, 终止, 撤回通过."""

    SUBMIT = "submit"
    CONSULT = "consult"
    ADJUST = "adjust"
    CLEAR = "clear"
    RETURN = "return"
    SHELVE = "shelve"
    RESUME = "resume"
    END = "end"
    RECALL = "recall"


_LEAVE = {
    Step.RETURN: ProjectStatus.RETURNED,
    Step.SHELVE: ProjectStatus.SHELVED,
    Step.END: ProjectStatus.ENDED,
}

TRANSITIONS: dict[ProjectStatus, dict[Step, ProjectStatus]] = {
    ProjectStatus.DRAFT: {Step.SUBMIT: ProjectStatus.PREPARING, Step.END: ProjectStatus.ENDED},
    ProjectStatus.PREPARING: {Step.CONSULT: ProjectStatus.CONSULTING, **_LEAVE},
    ProjectStatus.CONSULTING: {
        Step.CONSULT: ProjectStatus.CONSULTING,
        Step.ADJUST: ProjectStatus.ADJUSTING,
        Step.CLEAR: ProjectStatus.CLEARED,
        **_LEAVE,
    },
    ProjectStatus.ADJUSTING: {Step.CONSULT: ProjectStatus.CONSULTING, **_LEAVE},
    ProjectStatus.CLEARED: {Step.RECALL: ProjectStatus.ADJUSTING},
    ProjectStatus.RETURNED: {Step.RESUME: ProjectStatus.PREPARING, Step.END: ProjectStatus.ENDED},
    ProjectStatus.SHELVED: {Step.RESUME: ProjectStatus.PREPARING, Step.END: ProjectStatus.ENDED},
    ProjectStatus.ENDED: {},
}
"""Every state that is kept, the steps that may follow in it, and where they lead; no other step is possible."""

IN_WORK = frozenset(
    {
        ProjectStatus.DRAFT,
        ProjectStatus.PREPARING,
        ProjectStatus.CONSULTING,
        ProjectStatus.ADJUSTING,
    }
)
"""States in which what a project is may still be changed: its particulars, its footprint."""

BY_HAND = (Step.SUBMIT, Step.ADJUST, Step.RETURN, Step.SHELVE, Step.RESUME, Step.END)
"""Steps that are taken for themselves; the others come with their act (consultation, clearance, withdrawal of a handover)."""

NEEDS_REASON = frozenset({Step.ADJUST, Step.RETURN, Step.SHELVE, Step.RESUME, Step.END, Step.RECALL})

STATUS_WORDS = {
    ProjectStatus.DRAFT: "草稿 draft",
    ProjectStatus.PREPARING: "策划生成 preparing",
    ProjectStatus.CONSULTING: "征求意见 consulting",
    ProjectStatus.ADJUSTING: "调整方案 adjusting",
    ProjectStatus.CLEARED: "通过 cleared",
    ProjectStatus.HANDED_OVER: "已推送 handed over",
    ProjectStatus.RETURNED: "退回 returned",
    ProjectStatus.SHELVED: "储备 shelved",
    ProjectStatus.ENDED: "终止 ended",
}


def status_after(status: ProjectStatus, step: Step) -> ProjectStatus:
    """Where a step leads from a state; ConflictError says which steps are possible where this one is not."""
    following = TRANSITIONS.get(status, {})
    if step not in following:
        possible = [spoken(each) for each in following] or Sentence("none: it is over")
        raise ConflictError(
            "a project that is {status} cannot {step}; possible steps: {possible}",
            status=spoken(status),
            step=spoken(step),
            possible=possible,
        )
    return following[step]


def shown_status(status: ProjectStatus, *, is_delivered: bool) -> ProjectStatus:
    """The state as it is shown: a cleared project whose handover approval has taken is handed over."""
    if status is ProjectStatus.CLEARED and is_delivered:
        return ProjectStatus.HANDED_OVER
    return status
