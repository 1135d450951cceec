"""Who is late now (督办, Art. 2, 6, 7): all that has a day by which somebody must act, yellow before it and red after it.

What belongs to a case that coordination withdrew is nobody's lateness: it is not under way until it is handed over again.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session

from approval.clock import Card
from approval.item_models import Item, ItemResult, Promise
from approval.item_overview import Desk
from approval.item_states import ENDED_WITHOUT, HOLDERS, PASSED, Holder, ItemState
from approval.leads import lead_department, led_by
from approval.matter_models import ConsultationAnswer, JointConsultation, LateKind
from approval.models import Case, CaseStage
from approval.preparation import approvals_bureau, table_kept
from approval.process_table import ProcessTable
from approval.stages import STAGE_TITLES, Stage

MOST = 500
"""So many of each kind are listed at most, the earliest due first."""


class Late(NamedTuple):
    """Something that is due soon (yellow) or late (red), and who has to act: a department's code, or the applicant (None)."""

    kind: LateKind
    case: str
    stage: Stage | None
    item: str | None
    title: str
    holder: Holder
    department: str | None
    due_on: date
    card: Card
    row_id: int
    """The item, or the stage, that it is about."""


@dataclass(frozen=True)
class Wanted:
    """Which of all that is late is wanted: a department's, a hall's, a case's, of one kind, without the yellow."""

    department: str | None = None
    hall: str | None = None
    case_id: int | None = None
    kind: LateKind | None = None
    with_yellow: bool = True


@dataclass(frozen=True)
class LateFound:
    """Who is late, the longest first; `more` says that of a kind only the first `MOST` are among them."""

    items: list[Late]
    more: bool


def who_is_late(session: Session, desk: Desk, wanted: Wanted | None = None) -> LateFound:
    """Who is late now, the longest first; with those that are about to be."""
    wanted = wanted or Wanted()
    found: list[Late] = []
    more = False
    for kind, listed in _LISTS.items():
        if wanted.kind in (None, kind):
            rows = list(listed(_Look(session, desk, wanted)))
            more = more or len(rows) > MOST
            found += rows[:MOST]
    shown = [late for late in found if wanted.with_yellow or late.card is not Card.YELLOW]
    return LateFound(sorted(shown, key=lambda late: (late.due_on, late.case, late.item or "")), more)


class _Due(NamedTuple):
    due_on: date | None
    yellow_on: date | None
    provisional: bool = False


_CASE = (Case.project_code, Case.planning_number, Case.hall, Case.district, Case.process_version)


@dataclass(frozen=True)
class _Look:
    """A look at the list: who looks on which day, and what is wanted."""

    session: Session
    desk: Desk
    wanted: Wanted
    tables: dict[str, ProcessTable] = field(default_factory=dict)
    """Of the rows read so far: a list is of few tables."""

    def rows(
        self, statement: Select[*tuple[Any, ...]], department: ColumnElement[bool], order: Any
    ) -> Iterator[Row[Any]]:
        """The rows of a kind of the wanted cases, and where one department is asked for, its own."""
        wanted = self.wanted
        statement = statement.where(Case.withdrawn_on.is_(None)).order_by(order).limit(MOST + 1)
        if wanted.case_id is not None:
            statement = statement.where(Case.id == wanted.case_id)
        if wanted.hall is not None:
            statement = statement.where(Case.hall == wanted.hall)
        if wanted.department is not None:
            statement = statement.where(department)
        yield from self.session.execute(statement)

    def table(self, row: Row[Any]) -> ProcessTable:
        version = row.process_version
        table = self.tables.get(version)
        if table is None:
            table = self.tables[version] = table_kept(self.session, version)
        return table

    def hall(self, row: Row[Any]) -> str:
        return row.hall or self.bureau

    @cached_property
    def bureau(self) -> str:
        """The city's approvals bureau, whose own hall is written as none."""
        return approvals_bureau(self.desk.city)

    def is_hall(self) -> ColumnElement[bool]:
        """Cases that the wanted department's hall follows."""
        return func.coalesce(Case.hall, self.bureau) == self.wanted.department

    def warned(self, row: Row[Any], due_on: date, days: int) -> _Due:
        """A limit of so many working days: yellow when its share is left."""
        ahead = max(1, math.ceil(days * self.table(row).clock.yellow_share))
        is_near = due_on <= self.desk.working_day_ahead(ahead)
        return _Due(due_on, self.desk.today if is_near else due_on)

    def late(
        self,
        kind: LateKind,
        row: Row[Any],
        due: _Due,
        *,
        holder: Holder,
        department: str | None,
        title: str,
        code: str | None = None,
    ) -> Iterator[Late]:
        """The thing as the list has it, of an item with its `code`, unless there is time yet."""
        card = self.desk.card(due, self.table(row).clock.escalation_days)
        if card is not None and card is not Card.GREEN and due.due_on is not None:
            yield Late(
                kind,
                row.project_code or row.planning_number,
                _STAGES.get(row.stage),
                code,
                title,
                holder,
                department,
                due.due_on,
                card,
                row.id,
            )


_STAGES = {str(stage): stage for stage in Stage}
_ITEM = (Item.id, Item.code, Item.stage, Item.title, Item.department)
_WITH_DEPARTMENT = [state for state, holder in HOLDERS.items() if holder in (Holder.DEPARTMENT, Holder.STOP)]


def _items(look: _Look) -> Iterator[Late]:
    statement = (
        select(*_ITEM, Item.state, Item.due_on, Item.yellow_on, Item.provisional, *_CASE)
        .join(Item.case)
        .where(Item.due_on.is_not(None), Item.yellow_on <= look.desk.today, ~Item.provisional)
    )
    own = or_(
        and_(Item.department == look.wanted.department, Item.state.in_(_WITH_DEPARTMENT)),
        and_(Item.state == ItemState.SUBMITTED, look.is_hall()),
    )
    for row in look.rows(statement, own, Item.due_on):
        holder = HOLDERS[row.state]
        holds = (
            look.hall(row)
            if holder is Holder.WINDOW
            else None
            if holder is Holder.APPLICANT
            else row.department
        )
        due = _Due(row.due_on, row.yellow_on)
        yield from look.late(
            LateKind.ITEM, row, due, holder=holder, department=holds, title=row.title, code=row.code
        )


def _stages(look: _Look) -> Iterator[Late]:
    statement = (
        select(CaseStage.id, CaseStage.stage, CaseStage.due_on, CaseStage.yellow_on, *_CASE)
        .join(CaseStage.case)
        .where(
            CaseStage.concluded_on.is_(None),
            CaseStage.due_on.is_not(None),
            CaseStage.yellow_on <= look.desk.today,
            ~CaseStage.provisional,
        )
    )
    of_stage = {stage: CaseStage.stage == stage for stage in Stage}
    own = look.wanted.department
    led = led_by(look.session, own, look.desk.city, of_stage) if own is not None else false()
    leads: dict[tuple[str, Stage, str | None], str] = {}
    for row in look.rows(statement, led, CaseStage.due_on):
        stage, due = _STAGES[row.stage], _Due(row.due_on, row.yellow_on)
        of = (row.process_version, stage, row.district)
        if of not in leads:
            leads[of] = lead_department(look.table(row), stage, look.desk.city, row.district)
        lead, title = leads[of], STAGE_TITLES[stage]
        yield from look.late(LateKind.STAGE, row, due, holder=Holder.DEPARTMENT, department=lead, title=title)


def _cases(look: _Look) -> Iterator[Late]:
    """Whole cases, by the working days that all stages have together; while no stage is under way none pass."""
    statement = (
        select(CaseStage.id, CaseStage.stage, CaseStage.case_due_on, CaseStage.case_yellow_on, *_CASE)
        .join(CaseStage.case)
        .where(
            CaseStage.concluded_on.is_(None),
            CaseStage.case_due_on.is_not(None),
            CaseStage.case_yellow_on <= look.desk.today,
            ~CaseStage.case_provisional,
        )
    )
    for row in look.rows(statement, look.is_hall(), CaseStage.case_due_on):
        due = _Due(row.case_due_on, row.case_yellow_on)
        yield from look.late(
            LateKind.CASE,
            row,
            due,
            holder=Holder.WINDOW,
            department=look.hall(row),
            title="全流程 whole case",
        )


def _promises(look: _Look) -> Iterator[Late]:
    statement = (
        select(*_ITEM, Item.accepted_on, Promise.due_on, *_CASE)
        .join(Item, Promise.item_id == Item.id)
        .join(Item.case)
        .where(Promise.kept_on.is_(None), Item.state.not_in(ENDED_WITHOUT))
    )
    for row in look.rows(statement, false(), Promise.due_on):
        promised_days = (row.due_on - (row.accepted_on or row.due_on)).days
        ahead = max(1, math.ceil(promised_days * look.table(row).clock.yellow_share))
        due = _Due(row.due_on, row.due_on - timedelta(days=ahead))
        yield from look.late(
            LateKind.PROMISE,
            row,
            due,
            holder=Holder.APPLICANT,
            department=None,
            title=row.title,
            code=row.code,
        )


def _commitments(look: _Look) -> Iterator[Late]:
    statement = (
        select(*_ITEM, Item.verify_due_on, *_CASE)
        .join(Item.case)
        .where(
            Item.verify_due_on.is_not(None),
            Item.verified_on.is_(None),
            ~Item.verify_provisional,
            Item.state.in_(list(PASSED)),
        )
    )
    for row in look.rows(statement, Item.department == look.wanted.department, Item.verify_due_on):
        due = look.warned(row, row.verify_due_on, look.table(row).clock.commitment_check_days)
        yield from _of_department(look, LateKind.COMMITMENT, row, due)


def _uploads(look: _Look) -> Iterator[Late]:
    """A result is uploaded within the days in which it is to be delivered (行政许可法 44)."""
    statement = (
        select(*_ITEM, ItemResult.signed_on, *_CASE)
        .join(Item, ItemResult.item_id == Item.id)
        .join(Item.case)
        .where(ItemResult.uploaded_at.is_(None))
    )
    for row in look.rows(statement, Item.department == look.wanted.department, ItemResult.signed_on):
        days = look.table(row).clock.delivery_days
        delivered_by = look.desk.due_date(row.signed_on, working_days=days)
        if not delivered_by.provisional:
            yield from _of_department(look, LateKind.UPLOAD, row, look.warned(row, delivered_by.on, days))


def _consultations(look: _Look) -> Iterator[Late]:
    statement = (
        select(*_ITEM[:-1], ConsultationAnswer.department, JointConsultation.due_on, *_CASE)
        .join(ConsultationAnswer.consultation)
        .join(JointConsultation.item)
        .join(Item.case)
        .where(
            Item.state.in_(
                list(HOLDERS)
            ),  # nothing waits any more for answers about an item that was decided
            ConsultationAnswer.kind.is_(None),
            ~JointConsultation.provisional,
        )
    )
    own = ConsultationAnswer.department == look.wanted.department
    for row in look.rows(statement, own, JointConsultation.due_on):
        due = look.warned(row, row.due_on, look.table(row).clock.consultation_days)
        yield from _of_department(look, LateKind.CONSULTATION, row, due)


def _of_department(look: _Look, kind: LateKind, row: Row[Any], due: _Due) -> Iterator[Late]:
    yield from look.late(
        kind, row, due, holder=Holder.DEPARTMENT, department=row.department, title=row.title, code=row.code
    )


_LISTS: dict[LateKind, Callable[[_Look], Iterator[Late]]] = {
    LateKind.ITEM: _items,
    LateKind.STAGE: _stages,
    LateKind.CASE: _cases,
    LateKind.PROMISE: _promises,
    LateKind.COMMITMENT: _commitments,
    LateKind.UPLOAD: _uploads,
    LateKind.CONSULTATION: _consultations,
}
