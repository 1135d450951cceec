"""What an item needs before it is accepted: items that come first, materials, and promises for those that are missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from approval.item_models import Item, ItemStep, Material, Promise
from approval.item_states import PASSED, ItemState, standing
from approval.materials import Library, Need, NeedState, library, needs_of, open_promises
from approval.models import Case
from approval.preparation import table_of
from approval.process_table import ProcessTable
from blueprint.sentences import Sentence


@dataclass(frozen=True)
class Dossier:
    """What of a case its items are judged by (案卷), read once for all of them: table, library, states, promises."""

    table: ProcessTable
    library: Library
    states: Mapping[str, Sequence[ItemState]]
    """Of every item the states of its rounds, the newest last."""
    promises: Sequence[Promise]
    """Those that are still open, of all items."""


def dossier_of(session: Session, case: Case) -> Dossier:
    """The dossier of a case as it is now."""
    rows = select(Item.code, Item.state).where(Item.case_id == case.id).order_by(Item.code, Item.round)
    states: dict[str, list[ItemState]] = {}
    for code, state in session.execute(rows):
        states.setdefault(code, []).append(ItemState(state))
    return Dossier(
        table_of(session, case), library(session, case.id), states, open_promises(session, case.id)
    )


def acceptance_obstacles(dossier: Dossier, item: Item, today: date) -> list[Sentence]:
    """What is in the way of accepting an item, each in a sentence: items that come first, materials that are missing."""
    table, states = dossier.table, dossier.states
    rule = table.item(item.code)
    found = []
    for codes in rule.after:
        present = [code for code in codes if set(states.get(code, [])) - {ItemState.NOT_NEEDED}]
        if present and not any(PASSED & set(states[code]) for code in present):
            titles = [standing(table.item(code).title, code, states[code][-1]) for code in present]
            found.append(
                Sentence(
                    "{item_title} comes after {titles}: approve that first (前置事项)",
                    item_title=rule.title,
                    titles=titles,
                )
            )
    for need in needs(dossier, item, today):
        if need.state in (NeedState.MISSING, NeedState.EXPIRED) and not item.on_commitment:
            is_expired = need.state is NeedState.EXPIRED
            found.append(
                Sentence(
                    "{material_title} ({codes}) is {state}: hand it in, or promise it until a day (容缺受理)",
                    material_title=need.title,
                    codes="|".join(need.codes),
                    state=Sentence("expired") if is_expired else Sentence("missing"),
                )
            )
    return found


def needs(dossier: Dossier, item: Item, today: date) -> list[Need]:
    """What an item needs and what of it is there."""
    return needs_of(
        dossier.table.item(item.code),
        dossier.table,
        dossier.library,
        [promise for promise in dossier.promises if promise.item_id == item.id],
        today=today,
        needed_items={
            code for code, rounds in dossier.states.items() if set(rounds) - {ItemState.NOT_NEEDED}
        },
    )


def still_lacking(asked: ItemStep, known: Library) -> list[dict[str, Any]]:
    """What was asked to be mended and did not come since: no newer version than the one that was there."""
    return [
        lack for lack in asked.detail["lacking"] if not _came_since(lack, asked, known.get(lack["material"]))
    ]


def _came_since(lack: dict[str, Any], asked: ItemStep, material: Material | None) -> bool:
    if material is None:
        return False
    if "version" in lack:
        return material.version > int(lack["version"])
    # Records of before do not say which version was faulty.
    return not lack["defect"] or (
        material.given_on >= asked.taken_on and material.replaces_reason is not None
    )
