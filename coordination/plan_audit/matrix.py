"""The matrix of plans that may not overlap (互不重叠的规划): for each pair of the city profile, how its ledger of differences stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from blueprint.city import City, KeptApart
from blueprint.layers.models import Layer
from blueprint.layers.succession import version_on
from blueprint.permissions import Act, Actor, may, require
from blueprint.sharing.purposes import record_reading
from coordination.plan_audit.models import PlanAudit, PlanDifference


@dataclass(frozen=True)
class PairStanding:
    """Two layers that may not overlap; the one whose code comes first is the first. Slivers are not counted, areas in m².

    `is_current`: the last finished audit compared the versions that are in force today; None where there was none. Figures are
    None then, and where the catalogue lacks a layer or has no version of it in force, which `missing` names.
    """

    rule: str
    rule_en: str | None
    first: str
    second: str
    first_title: str | None
    second_title: str | None
    missing: tuple[str, ...]
    audit_id: int | None = None
    audited_on: date | None = None
    is_current: bool | None = None
    open: int | None = None
    open_m2: float | None = None
    accepted: int | None = None
    settled: int | None = None


def pairs_kept_apart(city: City) -> list[tuple[str, str, KeptApart]]:
    """Every pair of layers that may not overlap, once, with the entry of the profile that says so."""
    found: dict[tuple[str, str], KeptApart] = {}
    for entry in city.kept_apart:
        for one, other in entry.pairs:
            first, second = sorted((one, other))
            found.setdefault((first, second), entry)
    return [(first, second, entry) for (first, second), entry in found.items()]


def matrix(session: Session, *, city: City, actor: Actor, on: date) -> list[PairStanding]:
    """How every pair stands of which the actor may read both layers; of others not even that they are asked. The reading is recorded."""
    require(actor, Act.AUDIT_PLANS)
    pairs = pairs_kept_apart(city)
    codes = {code for first, second, _ in pairs for code in (first, second)}
    layers = {layer.code: layer for layer in session.scalars(select(Layer).where(Layer.code.in_(codes)))}
    shown = [
        pair
        for pair in pairs
        if all(
            layers.get(code) is None or may(actor, Act.READ_LAYER, layers[code].thing) for code in pair[:2]
        )
    ]
    keys = [
        (layers[first].id, layers[second].id)
        for first, second, _ in shown
        if first in layers and second in layers
    ]
    audits, sums = _last_audits(session, keys), _sums(session, keys)
    in_force = {
        code: version.id
        for code, layer in layers.items()
        if (version := version_on(session, layer.id, on)) is not None
    }
    told = {code for first, second, _ in shown for code in (first, second)}
    things = [layer.thing for code, layer in sorted(layers.items()) if code in told]
    record_reading(session, actor, things, kind="plan_audit_matrix", id=on.isoformat())
    return [_standing(pair, layers, in_force, audits, sums) for pair in shown]


_Key = tuple[int, int]


def _standing(
    pair: tuple[str, str, KeptApart],
    layers: Mapping[str, Layer],
    in_force: Mapping[str, int],
    audits: Mapping[_Key, PlanAudit],
    sums: Mapping[tuple[int, int, str], tuple[int, float]],
) -> PairStanding:
    first, second, entry = pair
    titles = [layers[code].title if code in layers else None for code in (first, second)]
    missing = tuple(code for code in (first, second) if code not in in_force)
    about = (entry.name, entry.name_en, first, second, titles[0], titles[1], missing)
    if first not in layers or second not in layers:
        return PairStanding(*about)
    key = (layers[first].id, layers[second].id)
    audit = audits.get(key)
    if audit is None:
        return PairStanding(*about)
    compared = (audit.first_version_id, audit.second_version_id)
    counts = {state: sums.get((*key, state), (0, 0.0)) for state in ("open", "accepted", "settled")}
    return PairStanding(
        *about,
        audit_id=audit.id,
        audited_on=audit.on_day,
        is_current=compared == (in_force.get(first), in_force.get(second)),
        open=counts["open"][0],
        open_m2=counts["open"][1],
        accepted=counts["accepted"][0],
        settled=counts["settled"][0],
    )


def _last_audits(session: Session, keys: Sequence[_Key]) -> dict[_Key, PlanAudit]:
    rows = session.scalars(
        select(PlanAudit)
        .where(
            tuple_(PlanAudit.first_layer_id, PlanAudit.second_layer_id).in_(keys),
            PlanAudit.finished_at.is_not(None),
        )
        .order_by(PlanAudit.id)
    )
    return {(audit.first_layer_id, audit.second_layer_id): audit for audit in rows}


def _sums(session: Session, keys: Sequence[_Key]) -> dict[tuple[int, int, str], tuple[int, float]]:
    pair = (PlanDifference.first_layer_id, PlanDifference.second_layer_id, PlanDifference.state)
    rows = session.execute(
        select(*pair, func.count(), func.sum(PlanDifference.overlap_m2))
        .where(tuple_(*pair[:2]).in_(keys), PlanDifference.is_sliver.is_(False))
        .group_by(*pair)
    )
    return {(first, second, state): (count, area_m2) for first, second, state, count, area_m2 in rows}
