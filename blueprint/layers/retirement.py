"""Retiring a layer (停用): it is listed and exported still, but nothing new comes of it, and checks from that day on leave it out."""

from datetime import date

from sqlalchemy import func, not_, or_, select
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.layers.models import InForcePeriod, Layer, LayerVersion
from blueprint.permissions import Act, Actor


def retire(session: Session, layer: Layer, *, reason: str, on: date, actor: Actor) -> None:
    """Retire a layer from a day on; its versions, and checks of earlier days, stay.

    The caller asked the right. Raises InvalidInputError without a reason, ConflictError while a version is in force or scheduled: what that would change is
    said, and told to whom it concerns, by withdrawing it.
    """
    if not reason.strip():
        raise InvalidInputError("say why the layer is retired; the reason is shown with it", place="reason")
    _lock(session, layer)
    refuse_retired(layer)
    version = _version_to_come(session, layer, on)
    if version is not None:
        raise ConflictError(
            "version {number} of {code} is in force or scheduled; withdraw it first (`blueprint layer withdraw"
            " {code} {number}`), then retire the layer",
            number=version.number,
            code=layer.code,
        )
    layer.retired_on, layer.retired_by, layer.retired_reason = on, actor.name, reason
    session.flush()
    after = {"retired_on": on, "reason": reason}
    record(
        session,
        actor,
        Act.DEFINE_LAYER,
        kind="layer",
        id=layer.code,
        before={"retired_on": None},
        after=after,
    )


def reinstate(session: Session, layer: Layer, *, actor: Actor) -> None:
    """Take a layer into use again (恢复启用); its versions come into force by their own acts. The caller asked the right."""
    _lock(session, layer)
    if layer.retired_on is None:
        raise ConflictError("layer {code} is in use; there is nothing to take back", code=layer.code)
    before = {"retired_on": layer.retired_on, "reason": layer.retired_reason}
    layer.retired_on = layer.retired_by = layer.retired_reason = None
    session.flush()
    record(
        session,
        actor,
        Act.DEFINE_LAYER,
        kind="layer",
        id=layer.code,
        before=before,
        after={"retired_on": None},
    )


def refuse_retired(layer: Layer) -> None:
    """Refuse what would add to a layer that was retired."""
    if layer.retired_on is not None:
        raise ConflictError(
            "layer {code} was retired on {day}; reinstate it first (`blueprint layer reinstate {code}` at the console)",
            code=layer.code,
            day=layer.retired_on,
        )


def _lock(session: Session, layer: Layer) -> None:
    session.refresh(layer, attribute_names=["id", "retired_on", "retired_reason"], with_for_update=True)


def _version_to_come(session: Session, layer: Layer, day: date) -> LayerVersion | None:
    """The first version that is in force on a day or is to be later."""
    statement = (
        select(LayerVersion)
        .join(InForcePeriod, InForcePeriod.version_id == LayerVersion.id)
        .where(
            InForcePeriod.layer_id == layer.id,
            not_(func.isempty(InForcePeriod.days)),
            or_(InForcePeriod.ends_on.is_(None), InForcePeriod.ends_on > day),
        )
        .order_by(InForcePeriod.starts_on)
        .limit(1)
    )
    return session.scalars(statement).first()
