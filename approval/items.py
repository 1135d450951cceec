"""The acts on an item: from the window that takes it in to the signed result (Art. 3, 10), each a step of one table.

A step locks its item and reads it again, so that of two at once the second finds what the first did.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload, selectinload

from approval.case_items import item_name, items_of
from approval.clock import Term, term
from approval.intake import refuse_withdrawn
from approval.item_models import Item, ItemResult, ItemStep, Material, Promise
from approval.item_states import (
    HOLDERS,
    ON_THE_WAY,
    PASSED,
    REASONED,
    STATE_WORDS,
    STEP_WORDS,
    WINDOW_STEPS,
    Holder,
    ItemState,
    Step,
    next_state,
)
from approval.materials import Need, NeedState, library, needs_of, refuse_known
from approval.models import Case, CaseStage
from approval.obligations import open_obligations
from approval.preparation import table_of
from approval.process_table import DayUnit, ItemRule, Obtained, ProcessTable
from approval.spans import begin_span, counted_days, end_span, holder_days
from approval.stages import STAGE_TITLES, Stage
from blueprint.audit.log import record
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.permissions import Act, Actor
from blueprint.working_days import WorkingCalendar


@dataclass(frozen=True)
class Lacking:
    """A material that has to be corrected; `defect` says what is wrong with one that is there."""

    material: str
    what: str
    defect: str | None = None


@dataclass(frozen=True)
class Promised:
    """A material that is missing and tolerated until a day (容缺受理)."""

    material: str
    due_on: date


@dataclass(frozen=True)
class ResultGiven:
    """What the department signed: its number (文号), title, who signed, until when it is good."""

    number: str
    title: str
    signed_by: str
    valid_until: date | None = None


@dataclass(frozen=True)
class StepGiven:
    """A step with what belongs to it."""

    step: Step
    reason: str | None = None
    lacking: tuple[Lacking, ...] = ()
    promised: tuple[Promised, ...] = ()
    on_commitment: bool = False
    stop_kind: str | None = None
    working_days: int | None = None
    result: ResultGiven | None = None


def find_item(session: Session, case: Case, code: str, number: int | None = None) -> Item:
    """The newest round of an item, or the round asked for."""
    statement = (
        select(Item)
        .where(Item.case_id == case.id, Item.code == code)
        .options(
            selectinload(Item.steps),
            selectinload(Item.spans),
            joinedload(Item.result).joinedload(ItemResult.material),
        )
        .order_by(Item.round.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    if number is not None:
        statement = statement.where(Item.round == number)
    item = session.scalars(statement).one_or_none()
    if item is None:
        raise NotFoundError(
            f"{case.planning_number} has no item {code[:20]!r}; add it if the project needs it (POST …/items)"
        )
    return item


@dataclass(frozen=True)
class _Work:
    """What a step works on."""

    session: Session
    case: Case
    item: Item
    table: ProcessTable
    rule: ItemRule
    given: StepGiven
    actor: Actor
    calendar: WorkingCalendar
    now: datetime

    @property
    def today(self) -> date:
        return self.now.date()

    def wrong(self, message: str, place: str) -> InvalidInputError:
        return InvalidInputError(f"{STEP_WORDS[self.given.step]} ({self.given.step}): {message}", place=place)


_GRANTING = frozenset({Step.SUBMIT, Step.ACCEPT, Step.APPROVE})
"""What is refused in a case whose clearance was withdrawn; an item under way may be stopped, refused or taken back."""


def take_step(
    session: Session,
    case: Case,
    code: str,
    given: StepGiven,
    *,
    actor: Actor,
    calendar: WorkingCalendar,
    now: datetime,
) -> Item:
    """Take a step with an item: its state, its clock, its time ledger and its record change together, or nothing does."""
    # Held against the conclusion of a stage and a withdrawal, not against other items of the case.
    held_case = select(Case).where(Case.id == case.id).with_for_update(read=True)
    session.scalars(held_case, execution_options={"populate_existing": True}).one()
    if given.step in _GRANTING:
        refuse_withdrawn(case)
    session.execute(select(Item.id).where(Item.case_id == case.id, Item.code == code).with_for_update())
    held = find_item(session, case, code)
    table = table_of(session, case)
    work = _Work(session, case, held, table, table.item(code), given, actor, calendar, now)
    before = ItemState(held.state)
    state = next_state(before, given.step)
    reason = (given.reason or "").strip() or None
    if given.step in REASONED and reason is None:
        raise work.wrong("needs its reason in writing", "reason")
    detail = _DETAILS[given.step](work) if given.step in _DETAILS else {}
    if state is ItemState.APPROVED and given.step is Step.APPROVE and _promises(session, held, is_open=True):
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
    _turn(work, before, state)
    held.state = state
    session.flush()
    session.expire(held, ["spans"])
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


def _turn(work: _Work, before: ItemState, state: ItemState) -> None:
    """Hand the item's time over to its next holder, and set the day by which that one must act."""
    item, holder = work.item, HOLDERS.get(state)
    if HOLDERS.get(before) is not holder:
        end_span(work.session, item, on=work.today, calendar=work.calendar)
        if holder is not None:
            stop = work.given.stop_kind if state is ItemState.STOPPED else None
            begin_span(work.session, item, holder, on=work.today, stop_kind=stop)
    ends = holder is None and before in HOLDERS
    if ends:
        sums = holder_days(work.session, item)
        item.concluded_on = work.today
        item.applicant_days, item.window_days = sums[Holder.APPLICANT], sums[Holder.WINDOW]
        item.department_days, item.stop_days = sums[Holder.DEPARTMENT], sums[Holder.STOP]
        item.was_late = item.due_on is not None and not item.provisional and work.today > item.due_on
    if ends or work.given.step not in _KEEP_THE_CLOCK:
        due = _term(work, state)
        item.due_on = due.due_on if due else None
        item.yellow_on = due.yellow_on if due else None
        item.provisional = due.provisional if due else False


_KEEP_THE_CLOCK = frozenset({Step.BEGIN, Step.VERIFY, Step.REVOKE, Step.DROP, Step.NEED})


def _term(work: _Work, state: ItemState) -> Term | None:
    """By when whoever holds the item in `state` must act."""
    clock, item = work.table.clock, work.item

    def of(left: int, limit: int, unit: DayUnit = DayUnit.WORKING) -> Term:
        return term(
            work.today,
            left,
            limit=limit,
            unit=unit,
            yellow_share=clock.yellow_share,
            calendar=work.calendar,
        )

    match state:
        case ItemState.SUBMITTED:
            return of(clock.acceptance_days, clock.acceptance_days)
        case ItemState.CORRECTION_ASKED:
            return of(clock.correction_days, clock.correction_days, DayUnit.CALENDAR)
        case ItemState.STOPPED:
            days = work.given.working_days or 1
            return of(days, days)
        case ItemState.ACCEPTED | ItemState.IN_REVIEW if item.limit_days is not None:
            unit, limit = DayUnit(item.day_unit), item.limit_days + item.extended_days
            passed = counted_days(work.session, item, unit=unit, on=work.today, calendar=work.calendar)
            return of(limit - passed, limit, unit)
        case _:
            return None


Detail = dict[str, object]


def _submit(work: _Work) -> Detail:
    stage = _stage(work)
    if work.case.project_code is None:
        raise ConflictError(
            "bind the investment project code first: a case is prepared without it, and nothing of it taken in (Art. 12)"
        )
    if stage is not None and stage.accepted_on is None:
        raise ConflictError(f"accept the stage {STAGE_TITLES[Stage(stage.stage)]} before its items")
    if stage is None and work.case.stages[0].accepted_on is None:
        raise ConflictError("accept the first stage before items that run beside the stages")
    if work.given.on_commitment and not work.rule.on_commitment:
        raise work.wrong(f"{work.rule.title} is not approved on commitment (告知承诺)", "on_commitment")
    work.item.on_commitment = work.given.on_commitment
    work.item.submitted_on = work.today
    return {"on_commitment": True} if work.given.on_commitment else {}


def _stage(work: _Work) -> CaseStage | None:
    return next((row for row in work.case.stages if row.stage == work.item.stage), None)


def _accept(work: _Work) -> Detail:
    stated = {promised.material for promised in work.given.promised}
    needed = {code for need in needs(work.session, work.case, work.item, work.today) for code in need.codes}
    for promised in work.given.promised:
        if promised.material not in needed:
            raise work.wrong(f"{promised.material!r} is none of the item's materials", "promised")
        if promised.due_on < work.today:
            raise work.wrong(f"the promise for {promised.material} ends before it begins", "promised")
        refuse_known(library(work.session, work.case.id), promised.material, work.today)
    if len(stated) < len(work.given.promised):
        raise work.wrong("a material is promised once", "promised")
    work.session.add_all(
        Promise(item_id=work.item.id, material=p.material, due_on=p.due_on) for p in work.given.promised
    )
    work.session.flush()
    obstacles = acceptance_obstacles(work.session, work.case, work.item, work.today)
    if obstacles:
        raise ConflictError("; ".join(obstacles))
    work.item.accepted_on = work.today
    return {
        "promised": [{"material": p.material, "due_on": p.due_on.isoformat()} for p in work.given.promised]
    }


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
        _promises(session, item, is_open=True),
        today=today,
        needed_items={other.code for other in items_of(session, case) if other.state != ItemState.NOT_NEEDED},
    )


def _promises(session: Session, item: Item, *, is_open: bool) -> Sequence[Promise]:
    statement = select(Promise).where(Promise.item_id == item.id)
    if is_open:
        statement = statement.where(Promise.kept_on.is_(None))
    return session.scalars(statement).all()


def _ask_correction(work: _Work) -> Detail:
    """Art. 14 and 行政许可法 32(四): everything that is lacking, said at once, and only once."""
    if work.item.correction_asked_on is not None:
        raise ConflictError(
            f"what is lacking was said on {work.item.correction_asked_on} already, once and for all (一次性告知);"
            " accept the item, or refuse to"
        )
    if not work.given.lacking:
        raise work.wrong("lists everything that is lacking", "lacking")
    known = library(work.session, work.case.id)
    listed = []
    for lack in work.given.lacking:
        rule = work.table.material(lack.material)
        if rule.obtained_from is not Obtained.APPLICANT:
            raise ConflictError(
                f"{rule.title} ({rule.code}) is obtained by the system and not asked of the applicant (Art. 14)"
            )
        if not (lack.defect or "").strip():
            refuse_known(known, lack.material, work.today)
        listed.append({"material": rule.code, "title": rule.title, "what": lack.what, "defect": lack.defect})
    work.item.correction_asked_on = work.today
    return {"lacking": listed}


def _correct(work: _Work) -> Detail:
    asked = next(step for step in reversed(work.item.steps) if step.step == Step.ASK_CORRECTION)
    known = library(work.session, work.case.id)
    missing = [
        lack["title"]
        for lack in asked.detail["lacking"]
        if lack["material"] not in known
        or (lack["defect"] and known[lack["material"]].given_on < asked.taken_on)
        or (lack["defect"] and known[lack["material"]].replaces_reason is None)
    ]
    if missing:
        raise ConflictError(f"still lacking: {'、'.join(missing)}; hand them in first")
    return {}


def _stop(work: _Work) -> Detail:
    if work.given.stop_kind is None:
        raise work.wrong(f"says which special procedure: {', '.join(work.table.stops)}", "stop_kind")
    stop = work.table.stop(work.given.stop_kind)
    days = work.given.working_days
    if days is None or not 1 <= days <= stop.most_days:
        raise work.wrong(
            f"{stop.title} takes 1 to {stop.most_days} working days, and the applicant is told how many",
            "working_days",
        )
    return {"stop_kind": stop.code, "title": stop.title, "working_days": days}


def _extend(work: _Work) -> Detail:
    """行政许可法 42: once, by the head of the authority, at most ten working days."""
    most, days = work.table.clock.extension_days, work.given.working_days
    if work.item.extended_days:
        raise ConflictError(
            f"the limit was extended by {work.item.extended_days} days already; it is extended once"
        )
    if work.item.limit_days is None:
        raise ConflictError(f"{work.item.title} has no limit that could be extended")
    if days is None or not 1 <= days <= most:
        raise work.wrong(f"extends by 1 to {most} working days", "working_days")
    work.item.extended_days = days
    return {"working_days": days}


def _approve(work: _Work) -> Detail:
    still_open = open_obligations(work.session, work.case.id, work.item.code)
    if still_open:
        raise ConflictError(f"close these obligations first (建设条件): {'；'.join(still_open)}")
    given = work.given.result
    if given is None or not (given.number.strip() and given.title.strip() and given.signed_by.strip()):
        raise work.wrong("needs its result: number, title and who signed it", "result")
    if given.valid_until is not None and given.valid_until < work.today:
        raise work.wrong("the result would have expired already", "result.valid_until")
    rule = work.table.material(work.rule.result)
    known = library(work.session, work.case.id)
    material = Material(
        case_id=work.case.id,
        code=rule.code,
        version=known[rule.code].version + 1 if rule.code in known else 1,
        title=rule.title,
        origin=Obtained.RESULT,
        item_id=work.item.id,
        given_on=work.today,
        given_by=work.actor.name,
        valid_until=given.valid_until,
    )
    work.session.add(material)
    work.session.flush()
    work.item.result = ItemResult(
        number=given.number.strip(),
        title=given.title.strip(),
        signed_by=given.signed_by.strip(),
        signed_on=work.today,
        valid_until=given.valid_until,
        material_id=material.id,
    )
    try:
        with work.session.begin_nested():
            work.session.flush()
    except IntegrityError as error:
        raise ConflictError(
            f"the number {given.number.strip()[:40]!r} was given to another result already; a number is given once"
        ) from error
    if work.item.on_commitment:
        days = work.table.clock.commitment_check_days
        work.item.verify_due_on = work.calendar.due_date(work.today, working_days=days).on
    return {"number": given.number.strip(), "signed_by": given.signed_by.strip()}


def _verify(work: _Work) -> Detail:
    if work.item.verify_due_on is None:
        raise ConflictError(f"{work.item.title} was not approved on commitment: there is nothing to check")
    if work.item.verified_on is not None:
        raise ConflictError(f"the commitment was checked on {work.item.verified_on} already")
    work.item.verified_on = work.today
    return {}


def _revoke(work: _Work) -> Detail:
    """What was revoked is no material any more: items that rest on it find it expired."""
    if work.item.result is not None:
        work.item.result.material.valid_until = work.today - timedelta(days=1)
    return {}


def _drop(work: _Work) -> Detail:
    if work.rule.always:
        raise ConflictError(f"every {work.case.project_type} project needs {work.rule.title}")
    return {}


_DETAILS: dict[Step, Callable[[_Work], Detail]] = {
    Step.SUBMIT: _submit,
    Step.ACCEPT: _accept,
    Step.ASK_CORRECTION: _ask_correction,
    Step.CORRECT: _correct,
    Step.STOP: _stop,
    Step.EXTEND: _extend,
    Step.APPROVE: _approve,
    Step.VERIFY: _verify,
    Step.REVOKE: _revoke,
    Step.DROP: _drop,
}
