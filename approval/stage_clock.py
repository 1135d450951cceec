"""The clock of a stage and of a whole case: their working days pass while anybody is at work, and on no day on which all of it is stopped.

Pure rules of plain values, by the same days as the time ledger: a stage is in time exactly when its working days without
stops are no more than its limit.
"""

import math
from collections.abc import Sequence
from datetime import date, timedelta

from approval.case_ledger import Span, owner_of
from approval.clock import Term
from approval.item_states import Holder
from blueprint.working_days import DueDate, WorkingCalendar


def stage_term(
    accepted_on: date,
    days_left: int,
    *,
    limit: int,
    yellow_share: float,
    spans: Sequence[Span],
    calendar: WorkingCalendar,
) -> Term:
    """By when the days that are left of a limit are used up, if they pass as the spans of the stage's items say."""
    warned = max(1, math.ceil(limit * yellow_share))
    due = _last_day(accepted_on, days_left, spans, calendar)
    return Term(due.on, _last_day(accepted_on, days_left - warned, spans, calendar).on, due.provisional)


def _last_day(after: date, days: int, spans: Sequence[Span], calendar: WorkingCalendar) -> DueDate:
    """The last working day by which no more than so many have passed, stops left out.

    While everything is stopped and nobody knows until when, no such day is in sight: it is set when work goes on.
    """
    if days < 0:
        return DueDate(after, provisional=False)
    stops = [span for span in spans if span.holder is Holder.STOP]
    last_stop = max((span.up_to for span in stops), default=after)
    day = last = after
    passed = 0
    settled_on = max((d for span in spans for d in (span.after, span.up_to) if d != date.max), default=after)
    while passed < days or day < last_stop:
        day += timedelta(days=1)
        if not calendar.is_working_day(day):
            continue
        is_stopped = owner_of(spans, day)[0] is Holder.STOP
        if is_stopped and day > settled_on:
            return DueDate(date.max, provisional=True)
        passed += not is_stopped
        if passed > days:
            break
        last = day
    return DueDate(last, provisional=not calendar.is_published(last))
