"""By when what is under way must be done: counted from the days that each holder had, and anew when a calendar is published.

A limit that reaches into a year whose calendar (国务院办公厅通知) is not published yet is provisional, and runs out on no
day; once the year is known it is counted anew, and the change is in the audit log.
"""

from collections.abc import Sequence
from datetime import date
from typing import TypeVar

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy import case as sql_case
from sqlalchemy.orm import InstrumentedAttribute, Session

from approval.case_items import case_name, item_name
from approval.clock import Run, Term, term
from approval.item_models import Item, TimeSpan
from approval.item_states import Holder, Step
from approval.matter_models import JointConsultation
from approval.models import Case, CaseStage
from approval.preparation import table_of
from approval.process_table import Clock, DayUnit
from approval.spans import stage_spans
from approval.stage_clock import stage_term
from blueprint.audit.log import record
from blueprint.permissions import Actor
from blueprint.working_days import WorkingCalendar

COUNTED_ANEW = "count_due_day"
"""The act in the audit log."""

_AT_ONCE = 500
"""So many of each kind in a round."""

_Row = TypeVar("_Row", Item, CaseStage, JointConsultation)


def set_term(item: Item, due: Term | None) -> None:
    """Set the day by which whoever holds the item must act, or that nobody must."""
    item.due_on = due.due_on if due else None
    item.yellow_on = due.yellow_on if due else None
    item.provisional = due.provisional if due else False


def item_term(item: Item, clock: Clock, calendar: WorkingCalendar) -> Term | None:
    """By when whoever holds the item must act, by the spans that it has; None while nobody must."""
    span = next((span for span in item.spans if span.ends_on is None), None)
    if span is None:
        return None

    def of(limit: int, runs: Sequence[TimeSpan], unit: DayUnit = DayUnit.WORKING) -> Term:
        return term(
            [Run(each.starts_on, each.ends_on) for each in runs],
            limit=limit,
            unit=unit,
            yellow_share=clock.yellow_share,
            calendar=calendar,
        )

    match Holder(span.holder):
        case Holder.WINDOW:
            return of(clock.acceptance_days, [span])
        case Holder.APPLICANT:
            return of(clock.correction_days, [span], DayUnit.CALENDAR)
        case Holder.STOP:
            return of(_announced_days(item), [span])
        case Holder.DEPARTMENT if item.limit_days is not None:
            had = [each for each in item.spans if each.holder == Holder.DEPARTMENT]
            return of(item.limit_days + item.extended_days, had, DayUnit(item.day_unit))
        case _:
            return None


def _announced_days(item: Item) -> int:
    return next(int(step.detail["working_days"]) for step in reversed(item.steps) if step.step == Step.STOP)


def recount_provisional(session: Session, *, calendar: WorkingCalendar, actor: Actor) -> int:
    """Count the provisional limits anew whose year is published by now; says how many were looked at.

    Of items whoever has them, of commitments the check, of stages, of consultations that somebody has still to answer.
    """
    looked_at = 0
    for item in _waiting(session, Item, Item.due_on, and_(Item.provisional), calendar):
        before = item.due_on
        set_term(item, item_term(item, table_of(session, item.case).clock, calendar))
        _note(session, actor, "item", item_name(item.case, item), before, item.due_on)
        looked_at += 1
    open_checks = (Item.verify_provisional, Item.verified_on.is_(None))
    for item in _waiting(session, Item, Item.verify_due_on, and_(*open_checks), calendar):
        assert item.concluded_on is not None
        before, days = item.verify_due_on, table_of(session, item.case).clock.commitment_check_days
        due = calendar.due_date(item.concluded_on, working_days=days)
        item.verify_due_on, item.verify_provisional = due.on, due.provisional
        _note(session, actor, "item", item_name(item.case, item), before, due.on)
        looked_at += 1
    estimated = or_(CaseStage.provisional, CaseStage.case_provisional)
    under_way = and_(estimated, CaseStage.concluded_on.is_(None))
    # Each day by its own flag; of the case there is none yet where it was not counted since cases have one.
    soonest = func.least(
        sql_case((CaseStage.provisional, CaseStage.due_on)),
        sql_case((CaseStage.case_provisional, func.coalesce(CaseStage.case_due_on, CaseStage.due_on))),
    )
    for stage in _waiting(session, CaseStage, soonest, under_way, calendar):
        before = stage.due_on
        set_stage_terms(session, stage, calendar)
        _note(session, actor, "case", f"{case_name(stage.case)}/{stage.stage}", before, stage.due_on)
        looked_at += 1
    unanswered = (JointConsultation.provisional, JointConsultation.answers.any(kind=None))
    for asked in _waiting(session, JointConsultation, JointConsultation.due_on, and_(*unanswered), calendar):
        before, days = asked.due_on, table_of(session, asked.item.case).clock.consultation_days
        due = calendar.due_date(asked.asked_on, working_days=days)
        asked.due_on, asked.provisional = due.on, due.provisional
        _note(session, actor, "joint_consultation", asked.id, before, due.on)
        looked_at += 1
    session.flush()
    return looked_at


def set_stage_terms(session: Session, stage: CaseStage, calendar: WorkingCalendar) -> None:
    """Set when a stage's days, and those of the whole case, are used up, by the spans of the stage's items.

    Those of the case are the days of all stages of its type, less what concluded stages took; none pass between stages.
    """
    case = stage.case
    if stage.accepted_on is None or stage.limit_days is None or case.project_type is None:
        return
    table = table_of(session, case)
    total = sum(table.project_type(case.project_type).stage_days)
    used = sum(
        (row.working_days or 0) - (row.stop_days or 0) for row in case.stages if row.position < stage.position
    )
    spans = stage_spans(session, case.id, stage.stage)
    own, whole = (
        stage_term(
            stage.accepted_on,
            left,
            limit=limit,
            yellow_share=table.clock.yellow_share,
            spans=spans,
            calendar=calendar,
        )
        for left, limit in ((stage.limit_days, stage.limit_days), (total - used, total))
    )
    stage.due_on, stage.yellow_on, stage.provisional = own.due_on, own.yellow_on, own.provisional
    stage.case_due_on, stage.case_yellow_on = whole.due_on, whole.yellow_on
    stage.case_provisional = whole.provisional


def follow_stops(session: Session, case: Case, stage: str | None, calendar: WorkingCalendar) -> None:
    """Count a stage's days anew after an item of it changed hands, where special procedures stop the clock in it."""
    if stage is None or all(span.holder is not Holder.STOP for span in stage_spans(session, case.id, stage)):
        return
    held = session.scalars(
        select(CaseStage)
        .where(CaseStage.case_id == case.id, CaseStage.stage == stage)
        .with_for_update(of=CaseStage),
        execution_options={"populate_existing": True},
    ).one()
    set_stage_terms(session, held, calendar)


def _waiting(
    session: Session,
    kind: type[_Row],
    due_on: ColumnElement[date] | InstrumentedAttribute[date] | InstrumentedAttribute[date | None],
    which: ColumnElement[bool],
    calendar: WorkingCalendar,
) -> Sequence[_Row]:
    """Rows that were provisional and need not be any more, held; what somebody else holds waits for the next round."""
    first = session.scalar(select(func.min(due_on)).where(which))
    if first is None or not calendar.is_published(first):
        return []
    unknown = first.year
    while calendar.is_published(date(unknown, 12, 31)) and unknown < date.max.year:
        unknown += 1
    return session.scalars(
        select(kind)
        .where(which, due_on < date(unknown, 1, 1))
        .order_by(kind.id)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True, of=kind),
        execution_options={"populate_existing": True},
    ).all()


def _note(
    session: Session, actor: Actor, kind: str, name: str | int, before: date | None, after: date | None
) -> None:
    if before == after:  # the day stands, and is no estimate any more
        return
    record(
        session, actor, COUNTED_ANEW, kind=kind, id=name, before={"due_on": before}, after={"due_on": after}
    )
