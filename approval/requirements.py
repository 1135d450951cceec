"""What an item needs before it is accepted: items that come first, materials, and promises for those that are missing."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from approval.case_items import items_of
from approval.item_models import Item, Promise
from approval.item_states import PASSED, STATE_WORDS, ItemState
from approval.materials import Need, NeedState, library, needs_of
from approval.models import Case
from approval.preparation import table_of


def acceptance_obstacles(session: Session, case: Case, item: Item, today: date) -> list[str]:
    """What is in the way of accepting an item, each in a sentence: items that come first, materials that are missing."""
    table = table_of(session, case)
    rule = table.item(item.code)
    states: dict[str, list[ItemState]] = {}
    for other in items_of(session, case):
        states.setdefault(other.code, []).append(ItemState(other.state))
    found = []
    for codes in rule.after:
        present = [code for code in codes if set(states.get(code, [])) - {ItemState.NOT_NEEDED}]
        if present and not any(PASSED & set(states[code]) for code in present):
            titles = " / ".join(
                f"{table.item(code).title} ({code}: {STATE_WORDS[states[code][-1]]})" for code in present
            )
            found.append(f"{rule.title} comes after {titles}: approve that first (前置事项)")
    for need in needs(session, case, item, today):
        if need.state in (NeedState.MISSING, NeedState.EXPIRED) and not item.on_commitment:
            was = "expired 已过期" if need.state is NeedState.EXPIRED else "missing 缺少"
            found.append(
                f"{need.title} ({'|'.join(need.codes)}) is {was}: hand it in, or promise it until a day (容缺受理)"
            )
    return found


def needs(session: Session, case: Case, item: Item, today: date) -> list[Need]:
    """What an item needs and what of it is there."""
    table = table_of(session, case)
    return needs_of(
        table.item(item.code),
        table,
        library(session, case.id),
        open_promises(session, item),
        today=today,
        needed_items={other.code for other in items_of(session, case) if other.state != ItemState.NOT_NEEDED},
    )


def open_promises(session: Session, item: Item) -> Sequence[Promise]:
    """Materials that were promised for an item and are not there yet."""
    statement = select(Promise).where(Promise.item_id == item.id, Promise.kept_on.is_(None))
    return session.scalars(statement).all()
