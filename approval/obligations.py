"""Obligations (建设条件落实): a condition of coordination, a consultation or a meeting that a named item must close.

The item named is not approved while one of its obligations is open; no stage is concluded while one has no item that could
still close it, the last not while any is open. Whoever makes or closes one holds the case, so that no item is decided meanwhile.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from approval.case_items import items_of
from approval.item_models import Item
from approval.item_states import PASSED, ItemState
from approval.matter_models import Obligation, ObligationSource
from approval.models import Case
from approval.stages import Stage
from approval.trades import trade_of
from blueprint.audit.log import record
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.permissions import Act, Actor
from blueprint.sentences import Word

_ORDER = {stage: number for number, stage in enumerate(Stage)}


def obligations_of(session: Session, case_id: int) -> Sequence[Obligation]:
    """All obligations of a case in the order they came."""
    return session.scalars(
        select(Obligation).where(Obligation.case_id == case_id).order_by(Obligation.id)
    ).all()


def from_handover(session: Session, case: Case) -> list[Obligation]:
    """The conditions of coordination's opinions (Art. 3, 11), each for the condition's own department to see to later."""
    return [
        oblige(session, case, ObligationSource.OPINION, opinion["department"], condition)
        for opinion in case.message["opinions"]
        for condition in _conditions(opinion)
    ]


def _conditions(opinion: dict[str, Any]) -> list[str]:
    """The conditions of an opinion one by one; messages of before have them in one text."""
    listed = [condition["text"] for condition in opinion.get("condition_list", ())]
    return listed or ([opinion["conditions"]] if opinion.get("conditions") else [])


def oblige(
    session: Session,
    case: Case,
    source: ObligationSource,
    department: str,
    content: str,
    *,
    item_code: str | None = None,
) -> Obligation:
    """Add an obligation; unless an item is named, it is the first one that a department of the trade has still to decide."""
    if item_code is None:
        trade = trade_of(department)
        item_code = next(
            (item.code for item in undecided(session, case) if trade_of(item.department) == trade), None
        )
    else:
        _refuse_decided(session, case, item_code)
    made = Obligation(
        case_id=case.id, source=source, department=department, content=content, item_code=item_code
    )
    session.add(made)
    session.flush()
    return made


def undecided(session: Session, case: Case) -> list[Item]:
    """The case's items that are still to be decided, in the order of the stages."""
    newest = {item.code: item for item in items_of(session, case)}
    still = [item for item in newest.values() if ItemState(item.state) not in PASSED | {ItemState.NOT_NEEDED}]
    return sorted(still, key=lambda item: (_ORDER[Stage(item.stage)] if item.stage else 9, item.code))


def _refuse_decided(session: Session, case: Case, item_code: str) -> None:
    codes = [item.code for item in undecided(session, case)]
    if item_code not in codes:
        raise InvalidInputError(
            "{item_code!r} is no item of the case that is still to be decided; there are: {codes}",
            item_code=item_code,
            codes=codes,
            place="item_code",
        )


def find_obligation(session: Session, case: Case, obligation_id: int) -> Obligation:
    """The case's obligation of that id, held until this transaction ends."""
    found = session.scalars(
        select(Obligation)
        .where(Obligation.id == obligation_id, Obligation.case_id == case.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFoundError("no obligation {obligation_id} in this case", obligation_id=obligation_id)
    return found


def assign(
    session: Session, case: Case, obligation: Obligation, item_code: str, *, actor: Actor
) -> Obligation:
    """Name the item that must close an obligation."""
    _refuse_closed(obligation)
    _refuse_decided(session, case, item_code)
    before = obligation.item_code
    obligation.item_code, obligation.assigned_by = item_code, actor.name
    session.flush()
    _note(session, actor, case, obligation, before={"item": before}, after={"item": item_code})
    return obligation


def close(
    session: Session, case: Case, obligation: Obligation, how: str, *, actor: Actor, today: date
) -> Obligation:
    """Say how an obligation was met: by whoever decides the item that it was given to.

    One that came when every item was decided has none, and is closed by the hall that the case is with.
    """
    _refuse_closed(obligation)
    if obligation.item_code is None and undecided(session, case):  # afterwards nothing could be named
        raise ConflictError("name the item that must close this obligation first")
    obligation.how, obligation.closed_by, obligation.closed_on = how, actor.name, today
    session.flush()
    _note(session, actor, case, obligation, before={}, after={"how": how})
    return obligation


def _refuse_closed(obligation: Obligation) -> None:
    if obligation.closed_on is not None:
        raise ConflictError(
            "the obligation was closed on {closed_on} already", closed_on=obligation.closed_on
        )


def open_obligations(session: Session, case_id: int, item_code: str | None = None) -> list[Word]:
    """What is still open, as people read it; of one item if its code is given."""
    return [
        _words(row)
        for row in obligations_of(session, case_id)
        if row.closed_on is None and (item_code is None or row.item_code == item_code)
    ]


def obligations_adrift(session: Session, case: Case) -> list[Word]:
    """What is open and has no item that could still close it, as people read it."""
    codes = {item.code for item in undecided(session, case)}
    return [
        _words(row)
        for row in obligations_of(session, case.id)
        if row.closed_on is None and row.item_code not in codes
    ]


def _words(row: Obligation) -> Word:
    return Word(
        "{content} ({department}, number {number}, {item})",
        content=row.content,
        department=row.department,
        number=row.id,
        item=row.item_code or Word("no item named"),
    )


def renew_of_handover(session: Session, case: Case) -> None:
    """After a new handover: conditions that are open give way to those of its opinions; what was met already stays so."""
    met = set()
    for row in obligations_of(session, case.id):
        if row.source != ObligationSource.OPINION:
            continue
        if row.closed_on is None:
            session.delete(row)
        else:
            met.add((row.department, row.content))
    session.flush()
    for opinion in case.message["opinions"]:
        for condition in _conditions(opinion):
            if (opinion["department"], condition) not in met:
                oblige(session, case, ObligationSource.OPINION, opinion["department"], condition)


def forget_of_handover(session: Session, case: Case) -> None:
    """Before a case is prepared anew."""
    of_opinions: Iterable[Obligation] = session.scalars(
        select(Obligation).where(Obligation.case_id == case.id, Obligation.source == ObligationSource.OPINION)
    )
    for row in of_opinions:
        session.delete(row)


def _note(
    session: Session,
    actor: Actor,
    case: Case,
    obligation: Obligation,
    *,
    before: dict[str, str | None],
    after: dict[str, str | None],
) -> None:
    record(
        session,
        actor,
        Act.DECIDE_ITEM,
        kind="obligation",
        id=f"{case.project_code or case.planning_number}/{obligation.id}",
        before=before,
        after=after,
    )
