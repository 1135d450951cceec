"""The ledger of differences: what two layers still have against each other, accepted for a reason, settled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import shapely
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.jurisdiction import district_outlines
from blueprint.layers.models import Layer
from blueprint.permissions import Act, Actor, may, require
from blueprint.sharing.purposes import record_reading
from coordination.plan_audit.audit import SQL
from coordination.plan_audit.models import DifferenceState, PlanAudit, PlanDifference

_MAX_REASON = 2000


@dataclass(frozen=True)
class ClassPair:
    """How many differences of one state two classes have, and how large (m²)."""

    state: str
    first_class: str | None
    second_class: str | None
    is_sliver: bool
    differences: int
    overlap_m2: float


def statistics(session: Session, audit: PlanAudit, *, actor: Actor) -> tuple[ClassPair, ...]:
    """The ledger of an audit's two layers, summed by state and class pair, the largest first; that it was read is recorded."""
    _record(session, audit, actor)
    values = {"first_layer_id": audit.first_layer_id, "second_layer_id": audit.second_layer_id}
    return tuple(ClassPair(**row._mapping) for row in session.execute(SQL["statistics"], values))


@dataclass(frozen=True)
class DistrictPair(ClassPair):
    """The same for one district, by its code; None for what lies in no district whose outline is known."""

    district: str | None


def statistics_by_district(
    session: Session, audit: PlanAudit, *, city: City, actor: Actor
) -> tuple[DistrictPair, ...]:
    """The ledger of an audit's two layers, summed by district, state and class pair; each difference counts once.

    That it was read is recorded.
    InvalidInputError where the city's boundary file names no district.
    """
    outlines = district_outlines(city)
    if not outlines:
        raise InvalidInputError(
            "the city's boundary file names no district (XZQDM); add their outlines to it"
        )
    _record(session, audit, actor)
    values = {
        "first_layer_id": audit.first_layer_id,
        "second_layer_id": audit.second_layer_id,
        "codes": list(outlines),
        "outlines": [shapely.to_wkb(outline) for outline in outlines.values()],
        "working_srid": city.working_srid,
    }
    return tuple(
        DistrictPair(**row._mapping) for row in session.execute(SQL["statistics_by_district"], values)
    )


@dataclass(frozen=True)
class Month:
    """How the ledger of two layers stood after the last audit of a month (YYYY-MM); slivers not counted, areas in m²."""

    month: str
    audit_id: int
    audited_on: date
    open: int
    open_m2: float
    accepted: int
    accepted_m2: float
    settled: int


def series(session: Session, audit: PlanAudit, *, actor: Actor) -> tuple[Month, ...]:
    """The ledger of an audit's two layers month by month, the earliest first; that it was read is recorded.

    A month without an audit has no entry: it stood as after the one before. Audits that ended before figures were kept have none.
    """
    _record(session, audit, actor)
    ended = session.scalars(
        select(PlanAudit)
        .where(
            PlanAudit.first_layer_id == audit.first_layer_id,
            PlanAudit.second_layer_id == audit.second_layer_id,
            PlanAudit.finished_at.is_not(None),
            PlanAudit.open_count.is_not(None),
        )
        .order_by(PlanAudit.on_day, PlanAudit.id)
    )
    last = {each.on_day.strftime("%Y-%m"): each for each in ended}
    return tuple(
        Month(
            month=month,
            audit_id=each.id,
            audited_on=each.on_day,
            open=each.open_count or 0,
            open_m2=each.open_m2 or 0.0,
            accepted=each.accepted_count or 0,
            accepted_m2=each.accepted_m2 or 0.0,
            settled=each.settled_count or 0,
        )
        for month, each in last.items()
    )


def list_audits(
    session: Session, *, actor: Actor, before: int | None = None, limit: int = 100
) -> list[PlanAudit]:
    """Audits of layers that the actor may read, newest first, those before the number `before`; the reading is recorded."""
    require(actor, Act.AUDIT_PLANS)
    layers = {layer.id: layer for layer in session.scalars(select(Layer))}
    readable = [layer.id for layer in layers.values() if may(actor, Act.READ_LAYER, layer.thing)]
    statement = select(PlanAudit).where(
        PlanAudit.first_layer_id.in_(readable), PlanAudit.second_layer_id.in_(readable)
    )
    if before is not None:
        statement = statement.where(PlanAudit.id < before)
    found = list(session.scalars(statement.order_by(PlanAudit.id.desc()).limit(limit)))
    shown = dict.fromkeys(code for audit in found for code in (audit.first_layer_id, audit.second_layer_id))
    things = [layers[layer_id].thing for layer_id in shown]
    record_reading(session, actor, things, kind="plan_audits", id="list")
    return found


def list_differences(
    session: Session,
    audit: PlanAudit,
    *,
    actor: Actor,
    state: DifferenceState | None = None,
    slivers: bool = True,
    after: int = 0,
    limit: int | None = 100,
) -> Sequence[PlanDifference]:
    """The differences of an audit's two layers by id, those after the id `after`; that they were read is recorded."""
    _record(session, audit, actor)
    return _differences(session, audit, state=state, slivers=slivers, after=after, limit=limit)


def _differences(
    session: Session,
    audit: PlanAudit,
    *,
    state: DifferenceState | None,
    slivers: bool,
    after: int = 0,
    limit: int | None = None,
) -> Sequence[PlanDifference]:
    statement = select(PlanDifference).where(
        PlanDifference.first_layer_id == audit.first_layer_id,
        PlanDifference.second_layer_id == audit.second_layer_id,
        PlanDifference.id > after,
    )
    if not slivers:
        statement = statement.where(PlanDifference.is_sliver.is_(False))
    if state is not None:
        statement = statement.where(PlanDifference.state == state)
    return session.scalars(statement.order_by(PlanDifference.id).limit(limit)).all()


def find_difference(session: Session, difference_id: int, *, actor: Actor) -> PlanDifference:
    """A difference of two layers that the actor may read; for others there is none of that number."""
    difference, layers = _readable(session, difference_id, actor)
    things = [layer.thing for layer in layers]
    record_reading(session, actor, things, kind="plan_difference", id=f"difference {difference_id}")
    return difference


def _readable(
    session: Session, difference_id: int, actor: Actor, *, is_locked: bool = False
) -> tuple[PlanDifference, list[Layer]]:
    """A difference that the actor may read, and its two layers."""
    difference = session.get(PlanDifference, difference_id, with_for_update=is_locked or None)
    ids = (difference.first_layer_id, difference.second_layer_id) if difference is not None else ()
    layers = [session.get_one(Layer, layer_id) for layer_id in ids]
    if difference is None or not all(may(actor, Act.READ_LAYER, layer.thing) for layer in layers):
        raise NotFoundError(
            "no difference {difference_id}, or it is of layers that you may not read",
            difference_id=difference_id,
        )
    return difference, layers


def decide(
    session: Session, difference_id: int, *, accepted: bool, reason: str | None, actor: Actor, now: datetime
) -> PlanDifference:
    """Accept a difference for a reason, or take that back; for the owners of either layer and the coordinator.

    Raises ConflictError for one that is settled.
    """
    difference, layers = _readable(session, difference_id, actor, is_locked=True)
    if not any(may(actor, Act.JUDGE_DIFFERENCE, layer.thing) for layer in layers):
        require(actor, Act.JUDGE_DIFFERENCE, layers[0].thing)
    if difference.state == DifferenceState.SETTLED:
        raise ConflictError(
            "difference {difference_id} is settled; there is nothing to decide", difference_id=difference_id
        )
    reason = (reason or "").strip() or None
    if accepted and reason is None:
        raise InvalidInputError("a difference is accepted with its reason; say why", place="reason")
    if reason is not None and len(reason) > _MAX_REASON:
        raise InvalidInputError(
            "the reason is longer than {max_reason} characters", max_reason=_MAX_REASON, place="reason"
        )
    before = {"state": difference.state, "reason": difference.reason}
    difference.state = DifferenceState.ACCEPTED if accepted else DifferenceState.OPEN
    difference.reason, difference.decided_by, difference.decided_at = reason, actor.name, now
    difference.accepted_m2 = difference.overlap_m2 if accepted else None
    session.flush()
    record(
        session,
        actor,
        Act.JUDGE_DIFFERENCE,
        kind="plan_difference",
        id=difference_id,
        before=before,
        after={"state": difference.state, "reason": reason},
    )
    return difference


def _record(session: Session, audit: PlanAudit, actor: Actor) -> None:
    things = [audit.first_layer.thing, audit.second_layer.thing]
    record_reading(session, actor, things, kind="plan_difference", id=audit.id)
