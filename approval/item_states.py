"""The life of an item (事项): fifteen states of the exchange standard, and one table of the steps between them (Art. 3, 10).

Pure rules. Silence never approves here: no state is left by itself (Art. 11 speaks of coordination alone).
"""

from enum import StrEnum

from blueprint.errors import ConflictError
from blueprint.sentences import Sentence, Term, Word


class ItemState(StrEnum):
    """Where an item stands; all but the first two are states of the exchange standard (办理状态 BLZT)."""

    NOT_SUBMITTED = "not_submitted"
    NOT_NEEDED = "not_needed"
    SUBMITTED = "submitted"
    WITHDRAWN = "withdrawn"
    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not_accepted"
    ACCEPTANCE_REFUSED = "acceptance_refused"
    CORRECTION_ASKED = "correction_asked"
    CORRECTED = "corrected"
    IN_REVIEW = "in_review"
    STOPPED = "stopped"
    RESUMED = "resumed"
    APPROVED = "approved"
    APPROVED_WITH_PROMISE = "approved_with_promise"
    REFUSED = "refused"
    TAKEN_BACK = "taken_back"
    REVOKED = "revoked"


STATE_WORDS: dict[ItemState, str] = {
    ItemState.NOT_SUBMITTED: "待申报",
    ItemState.NOT_NEEDED: "无需办理",
    ItemState.SUBMITTED: "已接件",
    ItemState.WITHDRAWN: "已撤件",
    ItemState.ACCEPTED: "已受理",
    ItemState.NOT_ACCEPTED: "不受理",
    ItemState.ACCEPTANCE_REFUSED: "不予受理",
    ItemState.CORRECTION_ASKED: "补正（开始）",
    ItemState.CORRECTED: "补正（结束）",
    ItemState.IN_REVIEW: "部门开始办理",
    ItemState.STOPPED: "特别程序（开始）",
    ItemState.RESUMED: "特别程序（结束）",
    ItemState.APPROVED: "办结（通过）",
    ItemState.APPROVED_WITH_PROMISE: "办结（容缺通过）",
    ItemState.REFUSED: "办结（不通过）",
    ItemState.TAKEN_BACK: "撤回",
    ItemState.REVOKED: "撤销",
}

EXCHANGE_CODE: dict[ItemState, int] = {
    state: number for number, state in enumerate(list(ItemState)[2:], start=1)
}
"""办理状态 BLZT 1 to 15."""


class Step(StrEnum):
    """What somebody does with an item."""

    DROP = "drop"
    NEED = "need"
    SUBMIT = "submit"
    ACCEPT = "accept"
    ASK_CORRECTION = "ask_correction"
    CORRECT = "correct"
    NOT_ACCEPT = "not_accept"
    REFUSE_ACCEPTANCE = "refuse_acceptance"
    WITHDRAW = "withdraw"
    BEGIN = "begin"
    STOP = "stop"
    RESUME = "resume"
    EXTEND = "extend"
    APPROVE = "approve"
    REFUSE = "refuse"
    REVOKE = "revoke"
    VERIFY = "verify"


STEP_WORDS: dict[Step, str] = {
    Step.DROP: "无需办理",
    Step.NEED: "恢复办理",
    Step.SUBMIT: "接件",
    Step.ACCEPT: "受理",
    Step.ASK_CORRECTION: "一次性告知补正",
    Step.CORRECT: "补正完成",
    Step.NOT_ACCEPT: "不受理",
    Step.REFUSE_ACCEPTANCE: "不予受理",
    Step.WITHDRAW: "申请人撤回",
    Step.BEGIN: "开始办理",
    Step.STOP: "特别程序开始",
    Step.RESUME: "特别程序结束",
    Step.EXTEND: "延长期限",
    Step.APPROVE: "准予",
    Step.REFUSE: "不予许可",
    Step.REVOKE: "撤销",
    Step.VERIFY: "承诺核查通过",
}

_S = ItemState
TRANSITIONS: dict[ItemState, dict[Step, ItemState]] = {
    _S.NOT_SUBMITTED: {Step.SUBMIT: _S.SUBMITTED, Step.DROP: _S.NOT_NEEDED},
    _S.NOT_NEEDED: {Step.NEED: _S.NOT_SUBMITTED},
    _S.SUBMITTED: {
        Step.ACCEPT: _S.ACCEPTED,
        Step.ASK_CORRECTION: _S.CORRECTION_ASKED,
        Step.NOT_ACCEPT: _S.NOT_ACCEPTED,
        Step.REFUSE_ACCEPTANCE: _S.ACCEPTANCE_REFUSED,
        Step.WITHDRAW: _S.WITHDRAWN,
    },
    _S.CORRECTION_ASKED: {Step.CORRECT: _S.SUBMITTED, Step.WITHDRAW: _S.WITHDRAWN},
    _S.ACCEPTED: {Step.BEGIN: _S.IN_REVIEW, Step.WITHDRAW: _S.TAKEN_BACK},
    _S.IN_REVIEW: {
        Step.STOP: _S.STOPPED,
        Step.EXTEND: _S.IN_REVIEW,
        Step.APPROVE: _S.APPROVED,
        Step.REFUSE: _S.REFUSED,
        Step.WITHDRAW: _S.TAKEN_BACK,
    },
    _S.STOPPED: {Step.RESUME: _S.IN_REVIEW},
    _S.APPROVED: {Step.REVOKE: _S.REVOKED, Step.VERIFY: _S.APPROVED},
    _S.APPROVED_WITH_PROMISE: {Step.REVOKE: _S.REVOKED, Step.VERIFY: _S.APPROVED_WITH_PROMISE},
}
"""What may be done in each state, and where it leads; a state without a row is an end."""

ON_THE_WAY = {Step.CORRECT: _S.CORRECTED, Step.RESUME: _S.RESUMED}
"""States that a step passes through: the exchange standard has a row for each (7 → 1, 10 → 8)."""

PASSED = frozenset({_S.APPROVED, _S.APPROVED_WITH_PROMISE})
ENDED_WITHOUT = frozenset(
    {_S.WITHDRAWN, _S.NOT_ACCEPTED, _S.ACCEPTANCE_REFUSED, _S.REFUSED, _S.TAKEN_BACK, _S.REVOKED}
)
"""Ends after which the applicant may apply again: a new round of the item."""

WINDOW_STEPS = frozenset(
    {
        Step.DROP,
        Step.NEED,
        Step.SUBMIT,
        Step.ACCEPT,
        Step.ASK_CORRECTION,
        Step.CORRECT,
        Step.NOT_ACCEPT,
        Step.REFUSE_ACCEPTANCE,
        Step.WITHDRAW,
    }
)
"""Steps of the window that accepts for all departments (统一受理); all others are the approving department's (Art. 10)."""

REASONED = frozenset(
    {
        Step.DROP,
        Step.NOT_ACCEPT,
        Step.REFUSE_ACCEPTANCE,
        Step.WITHDRAW,
        Step.STOP,
        Step.EXTEND,
        Step.REFUSE,
        Step.REVOKE,
    }
)
"""Steps that are not taken without a written reason."""


class Holder(StrEnum):
    """Who has an item, and so whose working days pass: 申请人, 窗口, 审批部门, 特别程序 (the clock is stopped)."""

    APPLICANT = "applicant"
    WINDOW = "window"
    DEPARTMENT = "department"
    STOP = "stop"


HOLDERS: dict[ItemState, Holder] = {
    _S.SUBMITTED: Holder.WINDOW,
    _S.CORRECTION_ASKED: Holder.APPLICANT,
    _S.ACCEPTED: Holder.DEPARTMENT,
    _S.IN_REVIEW: Holder.DEPARTMENT,
    _S.STOPPED: Holder.STOP,
}
"""States in which an item lies with somebody; in all others its time does not run."""


def state_term(state: ItemState) -> Term:
    """A state within a sentence."""
    return Term(state.replace("_", " "), chinese=STATE_WORDS[state])


def step_term(step: Step) -> Term:
    """A step within a sentence; its English is what the API and the command line take."""
    return Term(step.value, chinese=STEP_WORDS[step])


def standing(title: str, code: str, state: ItemState) -> Word:
    """An item and where it stands, within a sentence."""
    return Word("{title} ({code}: {state})", title=title, code=code, state=state_term(state))


def next_state(state: ItemState, step: Step) -> ItemState:
    """Where a step leads; ConflictError names the steps that there are."""
    steps = TRANSITIONS.get(state, {})
    if step not in steps:
        raise ConflictError(
            "the item is {state}: {step} is not possible now; possible: {open_steps}",
            state=state_term(state),
            step=step_term(step),
            open_steps=[step_term(other) for other in steps] or Sentence("none: it is over"),
        )
    return steps[step]
