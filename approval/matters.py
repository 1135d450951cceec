"""Meetings (Art. 15), guidance and disputes (Art. 16): brought before whom the regulation names, and decided with effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from approval import cases
from approval.case_items import item_name
from approval.item_models import Item
from approval.leads import lead_department
from approval.matter_models import Matter, MatterKind, MatterState, ObligationSource
from approval.models import Case
from approval.obligations import oblige
from approval.preparation import approvals_bureau, department_for, table_of
from approval.process_table import ItemRule, ProcessTable
from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.permissions import Act, Actor
from blueprint.sentences import spoken

_NEXT = {
    MatterState.ASKED: {MatterState.CONVENED, MatterState.DECIDED, MatterState.DECLINED},
    MatterState.CONVENED: {MatterState.DECIDED},
    MatterState.DECIDED: set[MatterState](),
    MatterState.DECLINED: set[MatterState](),
}


def addressee(
    kind: MatterKind,
    rule: ItemRule,
    item: Item,
    case: Case,
    table: ProcessTable,
    city: City,
    involved: Sequence[str],
) -> str:
    """Before whom a matter comes: the stage's lead, the city's department of the same trade, or the service agency.

    `involved` are the departments that it is between, the one that brings it up first. A dispute between a city's and a
    district's comes before the city's service agency (Art. 16), whichever hall has the case.
    """
    match kind:
        case MatterKind.MEETING:
            if rule.stage is None:
                return case.hall or approvals_bureau(city)
            return lead_department(table, rule.stage, city, case.district)
        case MatterKind.GUIDANCE:
            if city.department(item.department).district is None:
                raise ConflictError(
                    "{department} is a department of the city: guidance is asked by a district's (Art. 16)",
                    department=item.department,
                )
            if involved[0] != item.department:
                raise ConflictError(
                    "guidance is asked over the own item: {item_title} is with {department} (Art. 16)",
                    item_title=item.title,
                    department=item.department,
                )
            return department_for(rule.department, city, None)
        case MatterKind.DISPUTE:
            levels = {city.department(each).district is None for each in involved}
            return approvals_bureau(city) if len(levels) > 1 else case.hall or approvals_bureau(city)


def bring_up(
    session: Session,
    case: Case,
    item: Item,
    kind: MatterKind,
    question: str,
    departments: Sequence[str],
    *,
    city: City,
    actor: Actor,
    today: date,
) -> Matter:
    """Bring a matter up; a coordination meeting is about a problem of two or more departments (Art. 15)."""
    asking = actor.department or approvals_bureau(city)
    involved = dict.fromkeys([asking, *departments])
    for code in involved:
        city.department(code)
    if kind is MatterKind.MEETING and len(involved) < 2:
        raise InvalidInputError(
            "a coordination meeting is asked for when two or more departments are concerned (Art. 15): name the others",
            place="departments",
        )
    table = table_of(session, case)
    matter = Matter(
        item=item,
        kind=kind,
        state=MatterState.ASKED,
        addressed_to=addressee(kind, table.item(item.code), item, case, table, city, list(involved)),
        departments=" ".join(involved),
        question=question,
        asked_by=actor.name,
        asked_department=asking,
        asked_on=today,
    )
    session.add(matter)
    session.flush()
    _note(session, actor, matter, item_name(case, item))
    return matter


def find_matter(session: Session, matter_id: int) -> Matter:
    """A matter, held with its case until this transaction ends."""
    case_id = session.scalar(
        select(Item.case_id).join(Matter, Matter.item_id == Item.id).where(Matter.id == matter_id)
    )
    if case_id is not None:
        cases.hold(session, case_id)
    session.execute(select(Matter.id).where(Matter.id == matter_id).with_for_update())
    options = [joinedload(Matter.item).joinedload(Item.case)]
    found = session.get(Matter, matter_id, populate_existing=True, options=options)
    if found is None:
        raise NotFoundError("no matter {matter_id}", matter_id=matter_id)
    return found


@dataclass(frozen=True)
class Duty:
    """What a decision asks of an item: it becomes an obligation."""

    department: str
    content: str
    item_code: str


@dataclass(frozen=True)
class Turn:
    """What is done with a matter: convened for a time and place, decided with duties, or declined with a reason."""

    state: MatterState
    text: str | None = None
    meets_at: datetime | None = None
    place: str | None = None
    duties: tuple[Duty, ...] = ()


def settle(session: Session, matter: Matter, turn: Turn, *, actor: Actor, today: date) -> Matter:
    """Convene, decide or decline a matter; what a decision asks of items binds them until it is done."""
    before = MatterState(matter.state)
    if turn.state not in _NEXT[before]:
        raise ConflictError(
            "the matter is {before} already; it cannot become {turn_state}",
            before=spoken(before),
            turn_state=spoken(turn.state),
        )
    if turn.state is MatterState.CONVENED:
        if turn.meets_at is None or not (turn.place or "").strip():
            raise InvalidInputError("a meeting has a time and a place", place="meets_at")
        matter.meets_at, matter.place = turn.meets_at, turn.place
    elif not (turn.text or "").strip():
        raise InvalidInputError("a decision, or why there is none, is said in writing", place="text")
    else:
        matter.decision, matter.decided_by, matter.decided_on = turn.text, actor.name, today
    if turn.duties and turn.state is not MatterState.DECIDED:
        raise InvalidInputError("only a decision asks something of items", place="duties")
    matter.state = turn.state
    session.flush()
    for duty in turn.duties:
        oblige(
            session,
            matter.item.case,
            ObligationSource.MATTER,
            duty.department,
            duty.content,
            item_code=duty.item_code,
        )
    _note(session, actor, matter, item_name(matter.item.case, matter.item))
    return matter


def list_matters(
    session: Session,
    *,
    case_id: int | None = None,
    addressed_to: str | None = None,
    state: MatterState | None = None,
    after: int = 0,
    limit: int = 50,
) -> Sequence[Matter]:
    """Matters of a case, or those brought before a department."""
    statement = (
        select(Matter)
        .join(Matter.item)
        .where(Matter.id > after)
        .options(joinedload(Matter.item).joinedload(Item.case))
        .order_by(Matter.id)
        .limit(limit)
    )
    if case_id is not None:
        statement = statement.where(Item.case_id == case_id)
    if addressed_to is not None:
        statement = statement.where(Matter.addressed_to == addressed_to)
    if state is not None:
        statement = statement.where(Matter.state == state)
    return session.scalars(statement).all()


def _note(session: Session, actor: Actor, matter: Matter, item: str) -> None:
    record(
        session,
        actor,
        Act.SETTLE_MATTER,
        kind="matter",
        id=matter.id,
        after={"item": item, "kind": matter.kind, "state": matter.state, "to": matter.addressed_to},
    )
