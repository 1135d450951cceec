"""Unified acceptance (统一受理, Art. 2, 9): the window takes in, or accepts, what a case needs now in one act.

One step with many items, each judged as if it were taken alone: what is in the way of one does not hold up the others, for
items of a stage run in parallel.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from approval.intake import refuse_withdrawn
from approval.item_models import Item
from approval.item_states import TRANSITIONS, ItemState, Step, step_term
from approval.item_steps import StepGiven
from approval.items import held_items, take_step
from approval.models import Case
from approval.requirements import dossier_of
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.permissions import Actor
from blueprint.sentences import Word
from blueprint.working_days import WorkingCalendar

TOGETHER = (Step.SUBMIT, Step.ACCEPT)
"""Steps that need no more than to be taken: what an item has of its own is given item by item."""


@dataclass(frozen=True)
class NotTaken:
    """An item with which the step could not be taken, and why."""

    item: Item
    why: str


@dataclass(frozen=True)
class Together:
    """What a step with many items did."""

    taken: Sequence[Item]
    not_taken: Sequence[NotTaken]


def take_together(
    session: Session,
    case: Case,
    step: Step,
    codes: Collection[str] | None,
    *,
    actor: Actor,
    calendar: WorkingCalendar,
    now: datetime,
) -> Together:
    """Take in or accept the items named, or without names all whose turn it is, of a case that is held (`shared_case`)."""
    if step not in TOGETHER:
        raise InvalidInputError(
            "{step} is taken item by item; together go: {together}",
            step=step_term(step),
            together=[step_term(each) for each in TOGETHER],
            place="step",
        )
    refuse_withdrawn(case)
    turn = [ItemState(state) for state, steps in TRANSITIONS.items() if step in steps]
    items = [item for item in held_items(session, case, turn) if codes is None or item.code in codes]
    absent = sorted(set(codes or ()) - {item.code for item in items})
    if absent:
        raise ConflictError(
            "{absent}: no item of the case that could be {words} now",
            absent=[code[:20] for code in absent],
            words=_WORDS[step],
        )
    if codes is None and step is Step.SUBMIT:
        items = [item for item in items if _is_its_turn(case, item)]
    if not items:
        raise ConflictError(
            "{planning_number} has no item that could be {words} now",
            planning_number=case.planning_number,
            words=_WORDS[step],
        )
    known = dossier_of(session, case)
    taken, not_taken = [], []
    for item in items:
        try:
            taken.append(
                take_step(
                    session, item, StepGiven(step), actor=actor, calendar=calendar, now=now, known=known
                )
            )
        except ConflictError as error:  # raised before the item was changed (`item_acts`)
            not_taken.append(NotTaken(item, error.sentence.both))
    return Together(taken, not_taken)


_WORDS = {Step.SUBMIT: Word("taken in"), Step.ACCEPT: Word("accepted")}


def _is_its_turn(case: Case, item: Item) -> bool:
    """Say whether an item's stage is under way; those beside the stages go from the first acceptance on."""
    stage = next((row for row in case.stages if row.stage == item.stage), None)
    if stage is None:
        return case.stages[0].accepted_on is not None
    return stage.accepted_on is not None and stage.concluded_on is None
