"""Which version follows which: what a version would supersede, rolling back, and the notice of it to others."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import delete, func, not_, select
from sqlalchemy.orm import Session

from blueprint.errors import ConflictError
from blueprint.layers.models import InForcePeriod, Layer, LayerVersion, PublicationEvent


class Succession(StrEnum):
    """How a version came to follow another."""

    IN_FORCE = "in_force"
    ROLLED_BACK = "rolled_back"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    """Nobody's act: the version is past its own term, and is not asked from that day on."""


def version_on(session: Session, layer_id: int, day: date) -> LayerVersion | None:
    """The version of a layer that is in force on a day."""
    statement = (
        select(LayerVersion)
        .join(InForcePeriod, InForcePeriod.version_id == LayerVersion.id)
        .where(InForcePeriod.layer_id == layer_id, InForcePeriod.days.contains(day))
    )
    return session.scalars(statement).one_or_none()


@dataclass(frozen=True)
class Place:
    """Where a version comes to stand: after `before`, if one is in force on its first day, and until `ends_on`, if one follows."""

    before: InForcePeriod | None
    ends_on: date | None


def find_place(session: Session, version: LayerVersion, *, starts_on: date, now: datetime) -> Place:
    """The days that are free for a version from `starts_on`: what is in force then ends, what is scheduled later stays.

    Its own days that have not begun count as given back. Raises ConflictError when it was withdrawn or is in force then
    already, or when others could be told on a past day that another version was in force: what was, stays.
    """
    today = now.date()
    if version.withdrawn_on is not None:
        raise ConflictError(
            "version {version_number} was withdrawn on {withdrawn_on}; upload it again",
            version_number=version.number,
            withdrawn_on=version.withdrawn_on,
        )
    periods = _periods(session, version.layer_id)
    own = [each for each in periods if each.version_id == version.id]
    if any(each.starts_on == starts_on for each in own):
        raise ConflictError(
            "version {version_number} is in force since {starts_on} already",
            version_number=version.number,
            starts_on=starts_on,
        )
    free = {each.starts_on: each.ends_on for each in own if each.starts_on > today}
    before, following = None, None
    for period in periods:
        if period.version_id == version.id and period.starts_on in free:
            continue
        ends_on = period.ends_on
        if ends_on in free and period.version.withdrawn_on is None:
            ends_on = free[ends_on]
        if period.starts_on > starts_on:
            following = following or period
        elif ends_on is None or ends_on > starts_on:
            before = period
    if before is not None and before.version_id == version.id:
        raise ConflictError(
            "version {version_number} is in force since {starts_on} already",
            version_number=version.number,
            starts_on=before.starts_on,
        )
    if before is not None:
        told_from = max(starts_on, before.decided_at.astimezone(now.tzinfo).date())
        if told_from < today and (before.ends_on is None or told_from < before.ends_on):
            raise ConflictError(
                "version {version_number} was in force on {told_from} and checks of that day found it; what"
                " was in force on a past day stays, choose today or a later day",
                version_number=before.version.number,
                told_from=told_from,
            )
    if following is not None and following.starts_on <= today:
        raise ConflictError(
            "a version of this layer came into force on {starts_on} already; choose that day or a later one",
            starts_on=following.starts_on,
        )
    return Place(before, following.starts_on if following is not None else None)


def give_days_back(session: Session, period: InForcePeriod) -> None:
    """Let a period that never began be as if it had not been planned: its days go to the version before it, if there is one.

    The period before goes on as long as it would have without the plan.
    """
    planned_until, period.ends_on = period.ends_on, period.starts_on
    session.flush()
    before = next((p for p in _periods(session, period.layer_id) if p.ends_on == period.starts_on), None)
    if before is not None and before.version.withdrawn_on is None:
        before.ends_on = planned_until
        session.flush()


def settle_events(session: Session, layer_id: int, *, after: date, act: Succession, by: str) -> None:
    """Let the notices of the days to come say what takes place on each, and nothing of what was planned before.

    One a day on which another version comes into force, `old` being what is in force until then. Nobody has looked at them yet.
    """
    session.flush()
    ends = {period.ends_on: period.version_id for period in _periods(session, layer_id)}
    starts = {period.starts_on: period.version_id for period in _periods(session, layer_id)}
    of_layer = (PublicationEvent.layer_id == layer_id, PublicationEvent.starts_on > after)
    noted = {
        (event.starts_on, event.new_version_id): event
        for event in session.scalars(select(PublicationEvent).where(*of_layer).order_by(PublicationEvent.id))
    }
    kept = []
    for day in sorted(day for day in {*starts, *ends} if day is not None and day > after):
        old, new = ends.get(day), starts.get(day)
        event = noted.get((day, new))
        if event is None:
            event = note_event(session, layer_id, old=old, new=new, starts_on=day, act=act, by=by)
        event.old_version_id = old
        kept.append(event.id)
    session.flush()
    session.execute(delete(PublicationEvent).where(*of_layer, PublicationEvent.id.not_in(kept)))


def _periods(session: Session, layer_id: int) -> list[InForcePeriod]:
    """The layer's periods that have a day, in their order."""
    statement = (
        select(InForcePeriod)
        .where(InForcePeriod.layer_id == layer_id, not_(func.isempty(InForcePeriod.days)))
        .order_by(InForcePeriod.starts_on)
    )
    return list(session.scalars(statement))


def version_to_return_to(session: Session, layer: Layer, *, today: date) -> LayerVersion:
    """The version that was in force before today's (or last, if none is today); ConflictError when there is none."""
    current = version_on(session, layer.id, today)
    statement = (
        select(InForcePeriod)
        .where(InForcePeriod.layer_id == layer.id, InForcePeriod.starts_on <= today)
        .order_by(InForcePeriod.starts_on, InForcePeriod.id)
    )
    begun = [period for period in session.scalars(statement) if not _was_moved(period)]
    if current is not None:
        # Before its first period: so going back twice goes further back, not to and fro.
        first = next(place for place, period in enumerate(begun) if period.version_id == current.id)
        begun = begun[:first]
    earlier = next((p.version for p in reversed(begun) if p.version.withdrawn_on is None), None)
    if earlier is None:
        raise ConflictError(
            "no earlier version of {layer_code} was in force; there is nothing to return to",
            layer_code=layer.code,
        )
    return earlier


def _was_moved(period: InForcePeriod) -> bool:
    """Say that a period never began, as its version was scheduled anew for another day."""
    return period.ends_on == period.starts_on and any(
        other.id > period.id and other.starts_on != period.starts_on for other in period.version.periods
    )


def note_event(
    session: Session,
    layer_id: int,
    *,
    old: int | None,
    new: int | None,
    starts_on: date,
    act: Succession,
    by: str,
) -> PublicationEvent:
    """Note, in the transaction of the act itself, that another version is in force from a day on.

    Whoever has to look at what follows (projects, kept checks) reads `blueprint.publication_event`, and keeps
    account of what was read on its own side.
    """
    event = PublicationEvent(
        layer_id=layer_id,
        old_version_id=old,
        new_version_id=new,
        starts_on=starts_on,
        act=act,
        made_by=by,
    )
    session.add(event)
    session.flush()
    return event
