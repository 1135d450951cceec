"""The acts on an item: from the window that takes it in to the signed result (Art. 3, 10), each a step of one table.

A step is taken with an item that is held and was read again, so that of two at once the second finds what the first did.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from approval.case_items import item_name
from approval.due_days import follow_stops, item_term, set_term
from approval.intake import refuse_withdrawn
from approval.item_acts import ACTS
from approval.item_models import Item, ItemResult, ItemStep
from approval.item_states import (
    HOLDERS,
    ON_THE_WAY,
    REASONED,
    WINDOW_STEPS,
    Holder,
    ItemState,
    Step,
    next_state,
)
from approval.item_steps import StepGiven, Work
from approval.materials import open_promises
from approval.models import Case
from approval.preparation import table_of
from approval.requirements import Dossier
from approval.spans import begin_span, end_span, holder_days
from approval.summaries import count_item
from blueprint.audit.log import record
from blueprint.errors import NotFoundError
from blueprint.permissions import Act, Actor
from blueprint.working_days import WorkingCalendar

_WHOLE = (
    selectinload(Item.steps),
    selectinload(Item.spans),
    joinedload(Item.result).joinedload(ItemResult.material),
)


def find_item(session: Session, case: Case, code: str, number: int | None = None) -> Item:
    """The newest round of an item, or the round asked for."""
    statement = (
        select(Item)
        .where(Item.case_id == case.id, Item.code == code)
        .options(*_WHOLE)
        .order_by(Item.round.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    if number is not None:
        statement = statement.where(Item.round == number)
    item = session.scalars(statement).one_or_none()
    if item is None:
        raise NotFoundError(
            "{planning_number} has no item {code!r}; add it if the project needs it (POST …/items)",
            planning_number=case.planning_number,
            code=code[:20],
        )
    return item


_GRANTING = frozenset({Step.SUBMIT, Step.ACCEPT, Step.APPROVE})
"""What is refused in a case whose clearance was withdrawn; an item under way may be stopped, refused or taken back."""


def held_item(session: Session, case: Case, code: str) -> Item:
    """The newest round of an item, held until this transaction ends and read again; its case must be held already."""
    session.execute(select(Item.id).where(Item.case_id == case.id, Item.code == code).with_for_update())
    return find_item(session, case, code)


def held_items(session: Session, case: Case, states: Collection[ItemState]) -> Sequence[Item]:
    """All items of a case in one of these states, held in one order; its case must be held already."""
    which = (Item.case_id == case.id, Item.state.in_(states))
    session.execute(select(Item.id).where(*which).order_by(Item.id).with_for_update())
    return session.scalars(
        select(Item).where(*which).options(*_WHOLE).order_by(Item.code),
        execution_options={"populate_existing": True},
    ).all()


def take_step(
    session: Session,
    held: Item,
    given: StepGiven,
    *,
    actor: Actor,
    calendar: WorkingCalendar,
    now: datetime,
    known: Dossier | None = None,
) -> Item:
    """Take a step with an item that is held: its state, clock, time ledger and record change together, or nothing does.

    The case is held with it (`cases.shared_case`), against the conclusion of a stage and a withdrawal. `known` is the
    case's dossier where it was read for several steps at once.
    """
    case, code = held.case, held.code
    if given.step in _GRANTING:
        refuse_withdrawn(case)
    table = table_of(session, case)
    work = Work(session, case, held, table, table.item(code), given, actor, calendar, now, known)
    before, was_under_way = ItemState(held.state), held.concluded_on is None
    state = next_state(before, given.step)
    reason = (given.reason or "").strip() or None
    if given.step in REASONED and reason is None:
        raise work.wrong("needs its reason in writing", "reason")
    detail = ACTS[given.step](work) if given.step in ACTS else {}
    if (
        state is ItemState.APPROVED
        and given.step is Step.APPROVE
        and open_promises(session, case.id, item=held)
    ):
        state = ItemState.APPROVED_WITH_PROMISE
    numbers = len(held.steps)
    passed = ON_THE_WAY.get(given.step)
    for number, reached in enumerate(([passed] if passed else []) + [state], start=numbers + 1):
        held.steps.append(
            ItemStep(
                number=number,
                step=given.step,
                state=reached,
                taken_on=work.today,
                taken_at=now,
                taken_by=actor.name,
                department=actor.department,
                reason=reason,
                detail=detail,
            )
        )
    held.state = state
    _turn(work, before, state)
    if was_under_way and held.concluded_on is not None:
        count_item(session, held)
    record(
        session,
        actor,
        Act.ACCEPT_ITEM if given.step in WINDOW_STEPS else Act.DECIDE_ITEM,
        kind="item",
        id=item_name(case, held),
        before={"state": before},
        after={"step": given.step, "state": state, "reason": reason, **detail},
    )
    return held


def _turn(work: Work, before: ItemState, state: ItemState) -> None:
    """Hand the item's time over to its next holder, and set the day by which that one must act."""
    item, holder = work.item, HOLDERS.get(state)
    changes_hands = HOLDERS.get(before) is not holder
    turned_on = work.today
    if work.given.step is Step.RESUME and item.due_on is not None and not item.provisional:
        # Days past those that were announced are not the stop's: they lie with the department.
        turned_on = min(work.today, item.due_on)
    if changes_hands:
        end_span(item, on=turned_on, calendar=work.calendar)
    ends = holder is None and before in HOLDERS
    if ends:
        sums, beside = holder_days(item), _ran_beside_another(work)
        item.concluded_on, item.was_parallel = work.today, beside
        item.applicant_days, item.window_days = sums[Holder.APPLICANT], sums[Holder.WINDOW]
        item.department_days, item.stop_days = sums[Holder.DEPARTMENT], sums[Holder.STOP]
        item.was_late = item.due_on is not None and not item.provisional and work.today > item.due_on
    work.session.flush()  # the span that ended comes before the next: of an item one is open
    if changes_hands and holder is not None:
        stop = work.given.stop_kind if state is ItemState.STOPPED else None
        begin_span(item, holder, on=turned_on, stop_kind=stop)
    set_term(item, item_term(item, work.table.clock, work.calendar))
    work.session.flush()
    if changes_hands:
        follow_stops(work.session, work.case, item.stage, work.calendar)


def _ran_beside_another(work: Work) -> bool:
    """Say whether another item of the case was under way on a day of the item that is concluded today."""
    begun, today = work.item.submitted_on, work.today
    if begun is None or begun == today:
        return False
    other = (
        select(Item.id)
        .where(
            Item.case_id == work.item.case_id,
            Item.code != work.item.code,
            Item.submitted_on < today,
            or_(
                Item.concluded_on.is_(None),
                and_(Item.concluded_on > begun, Item.concluded_on > Item.submitted_on),
            ),
        )
        .exists()
    )
    return bool(work.session.scalar(select(other)))
