"""Publication: a version comes into force, is superseded, rolled back or withdrawn."""

from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.errors import ConflictError, NotFoundError
from blueprint.layers.models import InForcePeriod, Layer, LayerVersion, VersionState
from blueprint.layers.retirement import refuse_retired
from blueprint.layers.succession import (
    Succession,
    find_place,
    give_days_back,
    note_event,
    settle_events,
    version_on,
    version_to_return_to,
)
from blueprint.permissions import Act, Actor
from blueprint.quality.check import hold_to_check


def version_of(session: Session, layer: Layer, number: int) -> LayerVersion:
    """A layer's version by its number."""
    version = session.scalars(
        select(LayerVersion).where(LayerVersion.layer_id == layer.id, LayerVersion.number == number)
    ).one_or_none()
    if version is None:
        raise NotFoundError(
            "layer {layer_code} has no version {number}; see `blueprint layer versions {layer_code}`",
            layer_code=layer.code,
            number=number,
        )
    return version


def bring_into_force(
    session: Session,
    version: LayerVersion,
    *,
    starts_on: date,
    actor: Actor,
    now: datetime,
    confirm_warnings: str | None = None,
    succession: Succession = Succession.IN_FORCE,
) -> InForcePeriod:
    """Let a version be in force from `starts_on` until the next that is scheduled; what was in force until then is superseded.

    One that is scheduled already is scheduled anew. `confirm_warnings` is the reason for which warnings of its quality
    check may stand. Raises ConflictError when the check is missing or stands against it, when it was withdrawn or is in
    force then already, and where it would change what was in force on a past day.
    """
    layer_id, today = version.layer_id, now.date()
    session.execute(select(Layer.id).where(Layer.id == layer_id).with_for_update())
    session.refresh(version.layer, ["retired_on"])
    refuse_retired(version.layer)
    planned = [period for period in _planned(session, version, after=today) if period.starts_on != starts_on]
    for period in planned:
        give_days_back(session, period)
    place = find_place(session, version, starts_on=starts_on, now=now)
    hold_to_check(session, version, reason=confirm_warnings, actor=actor, now=now)
    superseded = place.before.version if place.before is not None else None
    if place.before is not None:
        place.before.ends_on = starts_on
        session.flush()
    if starts_on > today:  # what was planned for the same day never is in force
        superseded = version_on(session, layer_id, starts_on - timedelta(days=1))
    period = InForcePeriod(
        layer_id=layer_id,
        version_id=version.id,
        starts_on=starts_on,
        ends_on=place.ends_on,
        decided_by=actor.name,
        decided_at=now,
    )
    session.add(period)
    if starts_on <= today:
        note_event(
            session,
            layer_id,
            old=superseded.id if superseded is not None else None,
            new=version.id,
            starts_on=starts_on,
            act=succession,
            by=actor.name,
        )
    settle_events(session, layer_id, after=today, act=succession, by=actor.name)
    record(
        session,
        actor,
        Act.BRING_INTO_FORCE,
        kind="version",
        id=version.name,
        before={
            "in_force": superseded.number if superseded is not None else None,
            "planned_from": [each.starts_on.isoformat() for each in planned],
        },
        after={"starts_on": starts_on, "ends_on": place.ends_on, "as": succession}
        | ({"warnings_reason": version.warnings_reason} if version.warnings_reason is not None else {}),
    )
    session.flush()
    session.refresh(version, ["periods"])  # whoever looked at them before saw none
    return period


def version_to_roll_back_to(
    session: Session, layer: Layer, number: int | None, *, today: date
) -> LayerVersion:
    """The version of the number, or the one that was in force before today's."""
    if number is not None:
        return version_of(session, layer, number)
    return version_to_return_to(session, layer, today=today)


def roll_back(
    session: Session, layer: Layer, number: int | None, *, actor: Actor, now: datetime
) -> LayerVersion:
    """Let an earlier version be in force again from today: that of the number, or the one before today's."""
    session.execute(select(Layer.id).where(Layer.id == layer.id).with_for_update())
    version = version_to_roll_back_to(session, layer, number, today=now.date())
    if all(period.starts_on > now.date() for period in version.periods):
        raise ConflictError(
            "version {version_number} was never in force; bring it into force instead",
            version_number=version.number,
        )
    bring_into_force(
        session,
        version,
        starts_on=now.date(),
        actor=actor,
        now=now,
        succession=Succession.ROLLED_BACK,
    )
    return version


def withdraw(session: Session, version: LayerVersion, *, on: date, actor: Actor) -> None:
    """Withdraw a version from `on` (收回): checks of earlier days still find it; nothing takes its place by itself."""
    session.execute(select(Layer.id).where(Layer.id == version.layer_id).with_for_update())
    if version.withdrawn_on is not None:
        raise ConflictError(
            "version {version_number} was withdrawn on {withdrawn_on} already",
            version_number=version.number,
            withdrawn_on=version.withdrawn_on,
        )
    version.withdrawn_on, version.withdrawn_by = on, actor.name
    session.flush()
    for period in _planned(session, version, after=on):
        give_days_back(session, period)
    for period in version.periods:
        if period.starts_on <= on and (period.ends_on is None or period.ends_on > on):
            period.ends_on = on
            note_event(
                session,
                version.layer_id,
                old=version.id,
                new=None,
                starts_on=on,
                act=Succession.WITHDRAWN,
                by=actor.name,
            )
    settle_events(session, version.layer_id, after=on, act=Succession.WITHDRAWN, by=actor.name)
    record(session, actor, Act.WITHDRAW_VERSION, kind="version", id=version.name, after={"withdrawn_on": on})


def _planned(session: Session, version: LayerVersion, *, after: date) -> list[InForcePeriod]:
    """The version's periods that have not begun by a day."""
    session.refresh(version, ["periods"])
    return [
        period
        for period in version.periods
        if period.starts_on > after and (period.ends_on is None or period.ends_on > period.starts_on)
    ]


def state_on(version: LayerVersion, day: date) -> VersionState:
    """Say where a version stands on `day`."""
    if version.withdrawn_on is not None and day >= version.withdrawn_on:
        return VersionState.WITHDRAWN
    if any(p.starts_on <= day and (p.ends_on is None or day < p.ends_on) for p in version.periods):
        return VersionState.IN_FORCE
    if any(p.starts_on > day and p.starts_on != p.ends_on for p in version.periods):
        return VersionState.SCHEDULED
    return VersionState.SUPERSEDED if version.periods else VersionState.DRAFT
