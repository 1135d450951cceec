"""Which version follows which: what a version would supersede, rolling back, and the notice of it to others."""

from datetime import date
from enum import StrEnum

from sqlalchemy import func, not_, select
from sqlalchemy.orm import Session

from blueprint.errors import ConflictError
from blueprint.layers.models import InForcePeriod, Layer, LayerVersion, PublicationEvent


class Succession(StrEnum):
    """How a version came to follow another."""

    IN_FORCE = "in_force"
    ROLLED_BACK = "rolled_back"
    WITHDRAWN = "withdrawn"


def version_on(session: Session, layer_id: int, day: date) -> LayerVersion | None:
    """The version of a layer that is in force on a day."""
    statement = (
        select(LayerVersion)
        .join(InForcePeriod, InForcePeriod.version_id == LayerVersion.id)
        .where(InForcePeriod.layer_id == layer_id, InForcePeriod.days.contains(day))
    )
    return session.scalars(statement).one_or_none()


def period_before(session: Session, version: LayerVersion, *, starts_on: date) -> InForcePeriod | None:
    """The layer's last period, which ends where the version's begins; None when it never was in force.

    Raises ConflictError when the version was withdrawn, is in force already, or a period starts later than
    `starts_on`.
    """
    if version.withdrawn_on is not None:
        raise ConflictError(
            f"version {version.number} was withdrawn on {version.withdrawn_on}; upload it again"
        )
    latest = session.scalars(
        select(InForcePeriod)
        .where(InForcePeriod.layer_id == version.layer_id, not_(func.isempty(InForcePeriod.days)))
        .order_by(InForcePeriod.id.desc())
        .limit(1)
    ).first()
    if latest is None:
        return None
    if latest.starts_on > starts_on:
        raise ConflictError(
            f"a version of this layer comes into force on {latest.starts_on} already; choose that day or a later one"
        )
    if latest.version_id == version.id and latest.ends_on is None:
        raise ConflictError(f"version {version.number} is in force since {latest.starts_on} already")
    return latest


def version_to_return_to(session: Session, layer: Layer, *, today: date) -> LayerVersion:
    """The version that was in force before today's (or last, if none is today); ConflictError when there is none."""
    current = version_on(session, layer.id, today)
    statement = (
        select(LayerVersion)
        .join(InForcePeriod, InForcePeriod.version_id == LayerVersion.id)
        .where(
            InForcePeriod.layer_id == layer.id,
            InForcePeriod.starts_on <= today,
            LayerVersion.withdrawn_on.is_(None),
        )
        .order_by(InForcePeriod.id.desc())
        .limit(1)
    )
    if current is not None:
        # Before its first period: so going back twice goes further back, not to and fro.
        statement = statement.where(InForcePeriod.id < min(period.id for period in current.periods))
    earlier = session.scalars(statement).first()
    if earlier is None:
        raise ConflictError(f"no earlier version of {layer.code} was in force; there is nothing to return to")
    return earlier


def note_event(
    session: Session,
    layer_id: int,
    *,
    old: int | None,
    new: int | None,
    starts_on: date,
    act: Succession,
    by: str,
) -> None:
    """Note, in the transaction of the act itself, that another version is in force from a day on.

    Whoever has to look at what follows (projects, kept checks) reads `blueprint.publication_event`, and keeps
    account of what was read on its own side.
    """
    session.add(
        PublicationEvent(
            layer_id=layer_id,
            old_version_id=old,
            new_version_id=new,
            starts_on=starts_on,
            act=act,
            made_by=by,
        )
    )
    session.flush()
