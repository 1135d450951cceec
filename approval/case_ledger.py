"""Why a case took so many days (台账): each working day belongs to one holder, and all of them add up to the time that passed.

Items run in parallel, so on one day several may have something. The day is counted for the department where one is at
work, else for the window, else for a stop; a day on which all of it lies with the applicant is the applicant's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from approval.item_states import Holder
from blueprint.working_days import IsWorkingDay

_FIRST = (Holder.DEPARTMENT, Holder.WINDOW, Holder.STOP, Holder.APPLICANT)


@dataclass(frozen=True)
class Span:
    """Days of an item that lay with one holder: those after `after` up to and with `up_to`."""

    item: str
    holder: Holder
    after: date
    up_to: date


@dataclass(frozen=True)
class Turn:
    """Days in a row that count for one holder, with the working days among them and the items that it had."""

    holder: Holder
    starts_on: date
    ends_on: date
    working_days: int
    items: tuple[str, ...]


def turns_of(spans: Iterable[Span], *, after: date, up_to: date, is_working_day: IsWorkingDay) -> list[Turn]:
    """Whose the days after `after` up to and with `up_to` were, in their order and without a gap."""
    known = list(spans)
    days: list[tuple[date, Holder, frozenset[str]]] = []
    for number in range(1, (up_to - after).days + 1):
        day = after + timedelta(days=number)
        days.append((day, *owner_of(known, day)))
    turns: list[Turn] = []
    for day, holder, items in days:
        worked = int(is_working_day(day))
        if turns and turns[-1].holder is holder and turns[-1].items == tuple(sorted(items)):
            last = turns.pop()
            turns.append(Turn(holder, last.starts_on, day, last.working_days + worked, last.items))
        else:
            turns.append(Turn(holder, day, day, worked, tuple(sorted(items))))
    return turns


def owner_of(spans: Sequence[Span], day: date) -> tuple[Holder, frozenset[str]]:
    """For whom a day is counted, and the items that it is counted for."""
    having: dict[Holder, set[str]] = {}
    for span in spans:
        if span.after < day <= span.up_to:
            having.setdefault(span.holder, set()).add(span.item)
    for holder in _FIRST:
        if holder in having:
            return holder, frozenset(having[holder])
    return Holder.APPLICANT, frozenset()


def sums_of(turns: Iterable[Turn]) -> dict[Holder, int]:
    """The working days of every holder."""
    sums = dict.fromkeys(Holder, 0)
    for turn in turns:
        sums[turn.holder] += turn.working_days
    return sums
