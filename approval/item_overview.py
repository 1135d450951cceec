"""Items and cases as the outside sees them: to-do lists, an item with its time and materials, a case's ledger."""

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Row, and_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from approval.case_ledger import Turn, sums_of, turns_of
from approval.clock import Card, card_on, days_between
from approval.item_models import Item, ItemStep, Material, TimeSpan
from approval.item_schemas import (
    BasisOut,
    ItemBrief,
    ItemOut,
    LedgerOut,
    MaterialOut,
    NeedOut,
    ObligationOut,
    ResultOut,
    SpanOut,
    StepOut,
    TurnOut,
)
from approval.item_states import EXCHANGE_CODE, HOLDERS, STATE_WORDS, TRANSITIONS, Holder, ItemState, Step
from approval.joint_consultation import basis_of
from approval.materials import Need, is_valid, place_of
from approval.matter_models import Obligation
from approval.models import Case
from approval.obligations import obligations_of
from approval.preparation import table_kept
from approval.process_table import DayUnit, Obtained
from approval.requirements import acceptance_obstacles, dossier_of, needs
from approval.spans import stage_spans
from approval.stages import Stage
from approval.vouchers import KINDS
from blueprint.city import City
from blueprint.working_days import DueDate, WorkingCalendar


class Dated(Protocol):
    """What has a day by which somebody must act: an item, or a row of a list of them."""

    @property
    def due_on(self) -> date | None: ...  # noqa: D102
    @property
    def yellow_on(self) -> date | None: ...  # noqa: D102
    @property
    def provisional(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True)
class Desk:
    """From where things are looked at: the city, its calendar, and the day; of a list many things are due alike."""

    city: City
    calendar: WorkingCalendar
    today: date

    @cached_property
    def _names(self) -> dict[str, str]:
        return {department.code: department.name for department in self.city.departments}

    @cached_property
    def _late(self) -> dict[date, int]:
        return {}

    @cached_property
    def _ahead(self) -> dict[int, date]:
        return {}

    @cached_property
    def _due(self) -> dict[tuple[date, int], DueDate]:
        return {}

    @cached_property
    def _cards(self) -> dict[tuple[date, date, int], Card]:
        return {}

    def name_of(self, department: str) -> str:
        """A department's name; its code where the profile has it no more."""
        return self._names.get(department, department)

    def card(self, item: "Dated", escalation_days: int) -> Card | None:
        """The item's card today; None while nobody must act, or the date is provisional (no limit runs out on one)."""
        if item.due_on is None or item.yellow_on is None:
            return None
        if item.provisional:
            return Card.GREEN
        asked = (item.due_on, item.yellow_on, escalation_days)
        if asked not in self._cards:
            self._cards[asked] = card_on(
                self.today,
                due_on=item.due_on,
                yellow_on=item.yellow_on,
                escalation_days=escalation_days,
                calendar=self.calendar,
            )
        return self._cards[asked]

    def due_date(self, start: date, *, working_days: int) -> DueDate:
        """The last of so many working days after a day; many things of a list began on the same one."""
        asked = (start, working_days)
        if asked not in self._due:
            self._due[asked] = self.calendar.due_date(start, working_days=working_days)
        return self._due[asked]

    def working_day_ahead(self, days: int) -> date:
        """The so-many-th working day after today."""
        if days not in self._ahead:
            self._ahead[days] = self.calendar.due_date(self.today, working_days=days).on
        return self._ahead[days]

    def working_days_late(self, due_on: date) -> int:
        """How many working days have passed since a day; many things of a list are due on the same one."""
        if due_on not in self._late:
            self._late[due_on] = max(0, -self.calendar.working_days_left(self.today, due_on))
        return self._late[due_on]


_LISTED = (
    *(
        getattr(Item, name)
        for name in (
            "id", "code", "round", "stage", "title", "department", "state", "on_commitment", "limit_days", "extended_days",
            "day_unit", "applicant_days", "window_days", "department_days", "stop_days", "submitted_on", "accepted_on", "concluded_on", "was_late", "due_on", "yellow_on", "provisional",
        )
    ),
    Case.project_code, Case.planning_number, Case.project_name, Case.process_version,
)  # fmt: skip
"""What a list shows of an item: no more is read, for a case carries its whole handover."""


def list_items(
    session: Session,
    desk: Desk,
    *,
    department: str | None = None,
    state: ItemState | None = None,
    hall: str | None = None,
    is_extended: bool = False,
    after: int = 0,
    limit: int = 50,
) -> list[ItemBrief]:
    """A department's items, in the order they were made: its to-do list when a state is asked for; or those of a hall's cases.

    `is_extended`: those alone whose limit was extended and that are under way.
    """
    conditions = [Item.id > after]
    if department is not None:
        conditions.append(Item.department == department)
    if state is not None:
        conditions.append(Item.state == state)
    if hall is not None:
        conditions.append(Case.hall == hall)
    if is_extended:
        conditions += [Item.extended_days > 0, Item.concluded_on.is_(None)]
    return briefs(session, desk, and_(*conditions), order=(Item.id,), limit=limit)


def case_items(session: Session, case_id: int, desk: Desk) -> list[ItemBrief]:
    """The items of a case as a list, every round of each."""
    return briefs(session, desk, Item.case_id == case_id, order=(Item.code, Item.round))


def briefs(
    session: Session,
    desk: Desk,
    which: ColumnElement[bool],
    *,
    order: tuple[ColumnElement[Any] | InstrumentedAttribute[Any], ...],
    limit: int | None = None,
    skip: int = 0,
) -> list[ItemBrief]:
    """Items as a list shows them."""
    statement = select(*_LISTED).join(Item.case).where(which).order_by(*order).offset(skip).limit(limit)
    return [_brief(session, row, row, desk) for row in session.execute(statement)]


def item_brief(session: Session, item: Item, desk: Desk) -> ItemBrief:
    """An item as a list shows it."""
    return _brief(session, item, item.case, desk)


def _brief(session: Session, item: Item | Row[Any], case: Case | Row[Any], desk: Desk) -> ItemBrief:
    state = ItemState(item.state)
    clock = table_kept(session, str(case.process_version)).clock
    return ItemBrief(
        id=item.id,
        case=case.project_code or case.planning_number,
        project_name=case.project_name,
        code=item.code,
        round=item.round,
        stage=Stage(item.stage) if item.stage else None,
        title=item.title,
        department=item.department,
        department_name=desk.name_of(item.department),
        state=state,
        state_words=STATE_WORDS[state],
        holder=HOLDERS.get(state),
        on_commitment=item.on_commitment,
        limit_days=item.limit_days,
        extended_days=item.extended_days,
        day_unit=DayUnit(item.day_unit),
        submitted_on=item.submitted_on,
        accepted_on=item.accepted_on,
        concluded_on=item.concluded_on,
        was_late=item.was_late,
        working_days=_took(item),
        due_on=item.due_on,
        provisional=item.provisional,
        card=desk.card(item, clock.escalation_days),
    )


def _took(item: Item | Row[Any]) -> int | None:
    days = (item.applicant_days, item.window_days, item.department_days, item.stop_days)
    return None if item.concluded_on is None else sum(each or 0 for each in days)


def item_out(session: Session, item: Item, desk: Desk) -> ItemOut:
    """An item with all that belongs to it."""
    state = ItemState(item.state)
    waiting = state in (ItemState.NOT_SUBMITTED, ItemState.SUBMITTED, ItemState.CORRECTION_ASKED)
    dossier = dossier_of(session, item.case)
    return ItemOut(
        **item_brief(session, item, desk).model_dump(),
        steps=[_step(step) for step in item.steps],
        possible=list(TRANSITIONS.get(state, {})),
        spans=[_span(span, desk) for span in item.spans],
        needs=[_need(need, desk.today) for need in needs(dossier, item, desk.today)],
        obstacles=[each.both for each in acceptance_obstacles(dossier, item, desk.today)] if waiting else [],
        result=_result(item),
        basis=[BasisOut(**vars(basis)) for basis in basis_of(session, item.case, item)],
        obligations=[
            obligation_out(row) for row in obligations_of(session, item.case_id) if row.item_code == item.code
        ],
        verify_due_on=item.verify_due_on,
        verified_on=item.verified_on,
    )


def _step(step: ItemStep) -> StepOut:
    state = ItemState(step.state)
    names = set(StepOut.model_fields) - {"step", "state", "exchange_code", "voucher"}
    kind = KINDS.get(Step(step.step))
    return StepOut(
        step=Step(step.step),
        voucher=kind.title if kind is not None else None,
        state=state,
        exchange_code=EXCHANGE_CODE.get(state),
        **{name: getattr(step, name) for name in names},
    )


def _span(span: TimeSpan, desk: Desk) -> SpanOut:
    days = span.working_days
    if days is None:
        days = days_between(span.starts_on, desk.today, unit=DayUnit.WORKING, calendar=desk.calendar)
    return SpanOut(
        holder=Holder(span.holder),
        starts_on=span.starts_on,
        ends_on=span.ends_on,
        working_days=days,
        stop_kind=span.stop_kind,
    )


def _need(need: Need, today: date) -> NeedOut:
    return NeedOut(
        codes=list(need.codes),
        title=need.title,
        state=need.state,
        material=material_out(need.material, today) if need.material is not None else None,
        promised_until=need.promised_until,
    )


def _result(item: Item) -> ResultOut | None:
    result = item.result
    if result is None:
        return None
    return ResultOut(
        number=result.number,
        title=result.title,
        signed_by=result.signed_by,
        signed_on=result.signed_on,
        valid_until=result.valid_until,
        uploaded_at=result.uploaded_at,
        sha256=result.material.sha256,
        material_id=result.material_id,
    )


def material_out(material: Material, today: date) -> MaterialOut:
    """A version of a material."""
    names = set(MaterialOut.model_fields) - {"origin", "item", "is_valid", "place"}
    return MaterialOut(
        origin=Obtained(material.origin),
        item=material.item.code if material.item is not None else None,
        is_valid=is_valid(material, today),
        place=place_of(material),
        **{name: getattr(material, name) for name in names},
    )


def obligation_out(row: Obligation) -> ObligationOut:
    """An obligation."""
    return ObligationOut(**{name: getattr(row, name) for name in ObligationOut.model_fields})


def ledger_out(session: Session, case: Case, desk: Desk) -> LedgerOut:
    """Why the case took so long: from the day its first item came in to its last conclusion, or today."""
    spans = [replace(span, up_to=min(span.up_to, desk.today)) for span in stage_spans(session, case.id)]
    turns: list[Turn] = []
    start = end = None
    if spans:
        start = min(span.after for span in spans)
        is_over = all(row.concluded_on is not None for row in case.stages)
        end = max(span.up_to for span in spans) if is_over else desk.today
        turns = turns_of(spans, after=start, up_to=end, is_working_day=desk.calendar.is_working_day)
    return LedgerOut(
        case=case.project_code or case.planning_number,
        from_on=start,
        to_on=end,
        elapsed=desk.calendar.working_days_left(start, end) if start and end else 0,
        sums=sums_of(turns),
        turns=[TurnOut(**{**vars(turn), "items": list(turn.items)}) for turn in turns],
    )
