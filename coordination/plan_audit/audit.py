"""Running an audit: window by window, each kept in a transaction of its own, then the ledger of differences is brought up to date."""

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import false, select
from sqlalchemy.orm import Session, joinedload

from blueprint.audit.log import record
from blueprint.city import AreaMeasure, City
from blueprint.common_ground import NOISE_M
from blueprint.database import load_statements
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.layers import catalogue
from blueprint.layers.models import GeometryKind, Layer, LayerVersion
from blueprint.layers.succession import version_on
from blueprint.permissions import Act, Actor, may, require
from blueprint.sentences import spoken
from blueprint.sharing.purposes import record_reading
from coordination.plan_audit.cluster import cluster_at, handed_over, in_database
from coordination.plan_audit.cores import on_cores
from coordination.plan_audit.models import PlanAudit
from coordination.plan_audit.overlaps import FoundOverlaps, WindowTask, load_loops
from coordination.plan_audit.partitions import shared_folder
from coordination.plan_audit.window_rows import (
    Reach,
    WindowKeys,
    database_of,
    keep_found,
    read_boxes,
    read_window,
)
from coordination.plan_audit.windows import MAX_FEATURES, windows

SQL = load_statements(Path(__file__).with_suffix(".sql"))

Begin = Callable[[], AbstractContextManager[Session]]
"""Begins a transaction that is committed at its end."""

Tell = Callable[[str, int], None]

_KEPT_S = 4.0
"""Loops that were compiled before are loaded in a fraction of this, also where the machine has other work."""


@dataclass(frozen=True)
class OnCluster:
    """Where a Dask cluster is (tcp://host:8786), and how its workers come to what they compare.

    They reach the database by their own settings (`reach`), all of them, or are handed every window: over the network, or as
    GeoParquet in a folder that all share (`through`).
    """

    scheduler: str
    reach: Reach | None = None
    through: Path | None = None


def audit_layers(
    begin: Begin,
    first: str,
    second: str,
    *,
    city: City,
    actor: Actor,
    on: date,
    now: datetime,
    workers: int | None = None,
    on_cluster: OnCluster | None = None,
    tell: Tell = lambda _phase, _done: None,
    most: int = MAX_FEATURES,
) -> int:
    """Compare two polygon layers in the versions of a day; gives the audit's id.

    Windows are compared by `workers` threads (all cores when not given), or by the workers of a Dask cluster, and kept one by
    one: an audit of the same versions that was stopped goes on where it was. The figures do not depend on who compared, nor
    on the number of workers or windows.
    """
    with begin() as session:
        audit_id = open_audit(session, first, second, actor=actor, on=on, now=now).id
    with begin() as session:
        audit = find_audit(session, audit_id, actor=actor)
        if audit.finished_at is not None:
            return audit_id
        compared = audit.found
        if audit.windows_done:
            tell("resume", compared)
    for count in compare_layers(
        begin, audit_id, city=city, actor=actor, workers=workers, on_cluster=on_cluster, tell=tell, most=most
    ):
        compared += count
        tell("compare", compared)
    tell("ledger", compared)
    with begin() as session:
        _close(session, audit_id, city=city, actor=actor, now=now)
    return audit_id


def compare_layers(
    begin: Begin,
    audit_id: int,
    *,
    city: City,
    actor: Actor,
    workers: int | None = None,
    on_cluster: OnCluster | None = None,
    tell: Tell = lambda _phase, _done: None,
    most: int = MAX_FEATURES,
) -> Generator[int, None, None]:
    """Compare the windows of an audit that are left to do, and keep what they have in common; gives how much that was, one by one."""
    with begin() as session:
        audit = find_audit(session, audit_id, actor=actor)
        versions = audit.first_version_id, audit.second_version_id
        done, rule = set(audit.windows_done), _rule(audit)
        (first_ids, first), (second_ids, second) = (read_boxes(session, version) for version in versions)
        database = database_of(session)
    keys = (
        WindowKeys(
            audit_id, each.path, each.box, versions, first_ids[each.first], second_ids[each.second], *rule,
            city.working_srid,
        )
        for each in windows(first, second, most=most, done=done)
    )  # fmt: skip
    tasks = (_task(begin, each) for each in keys)
    if on_cluster is None:
        _load_loops(tell)
        tell("compare", 0)
        yield from _kept(begin, audit_id, on_cores(tasks, workers or os.cpu_count() or 1), city)
        return
    through = on_cluster.through
    # The folder goes last, so that no worker is handed a window of it any more.
    with (
        shared_folder(through, city.working_crs) if through is not None else nullcontext() as shared,
        cluster_at(on_cluster.scheduler, tell) as cluster,
    ):
        reach = on_cluster.reach if shared is None else None
        is_reached = reach is not None and cluster.reaches(database, reach)
        if reach is not None and not is_reached:
            tell("hand_over", 0)
        tell("compare", 0)
        if reach is not None and is_reached:
            yield from in_database(cluster, keys, reach)
        else:
            yield from _kept(begin, audit_id, handed_over(cluster, tasks, shared), city)


def _kept(
    begin: Begin, audit_id: int, found: Generator[tuple[str, FoundOverlaps], None, None], city: City
) -> Generator[int, None, None]:
    with closing(found):
        for path, each in found:
            with begin() as session:
                keep_found(session, audit_id, path, each, working_srid=city.working_srid)
            yield len(each)


def _load_loops(tell: Tell) -> None:
    """Have the loops ready before the first window; that they are being compiled is told when they are not there at once."""
    with ThreadPoolExecutor(1, thread_name_prefix="compile") as pool:
        loading = pool.submit(load_loops)
        if not wait((loading,), timeout=_KEPT_S).done:
            tell("compile", 0)
        loading.result()


def open_audit(
    session: Session, first: str, second: str, *, actor: Actor, on: date, now: datetime
) -> PlanAudit:
    """The audit of two layers on a day: the last one of the same versions, also one that was stopped, else a new one."""
    layers, versions = compared_layers(session, first, second, actor=actor, on=on)
    require(actor, Act.AUDIT_PLANS)
    if on > now.date():
        raise InvalidInputError(
            "{on} is yet to come; the ledger of differences is of what is in force: audit today, or dry-run"
            " the version",
            on=on,
        )
    same = (
        select(PlanAudit)
        .where(
            PlanAudit.first_version_id == versions[0].id,
            PlanAudit.second_version_id == versions[1].id,
        )
        .order_by(PlanAudit.id.desc())
        .limit(1)
    )
    audit = session.scalars(same).one_or_none()
    # What came after it has settled or opened differences since: then the same versions are compared anew.
    if audit is not None and not _is_outdated(session, audit):
        return audit
    _refuse_earlier(session, layers, on)
    audit = PlanAudit(
        first_layer_id=layers[0].id,
        second_layer_id=layers[1].id,
        first_version_id=versions[0].id,
        second_version_id=versions[1].id,
        on_day=on,
        windows_done=[],
        found=0,
        made_by=actor.name,
        started_at=now,
    )
    session.add(audit)
    session.flush()
    names = [f"{layer.code} v{version.number}" for layer, version in zip(layers, versions, strict=True)]
    record(session, actor, Act.AUDIT_PLANS, kind="plan_audit", id=audit.id, after={"layers": names})
    record_reading(session, actor, [layer.thing for layer in layers], kind="plan_audit", id=audit.id)
    return audit


def compared_layers(
    session: Session, first: str, second: str, *, actor: Actor, on: date
) -> tuple[list[Layer], list[LayerVersion]]:
    """Two polygon layers that the actor may read, by their codes, and their versions of a day."""
    layers = sorted((_polygon_layer(session, code, actor) for code in (first, second)), key=lambda x: x.code)
    if layers[0].id == layers[1].id:
        raise InvalidInputError("an audit compares two different layers; the quality check looks inside one")
    return layers, [_in_force(session, layer, on) for layer in layers]


def find_audit(session: Session, audit_id: int, *, actor: Actor) -> PlanAudit:
    """An audit, for a reader who may read both layers; for others there is no such audit."""
    audit = session.get(PlanAudit, audit_id, options=_WITH_LAYERS)
    layers = (audit.first_layer, audit.second_layer) if audit is not None else ()
    if audit is None or not all(may(actor, Act.READ_LAYER, layer.thing) for layer in layers):
        raise NotFoundError(
            "no audit {audit_id}, or it is of layers that you may not read", audit_id=audit_id
        )
    return audit


_WITH_LAYERS = (
    joinedload(PlanAudit.first_layer),
    joinedload(PlanAudit.second_layer),
    joinedload(PlanAudit.first_version),
    joinedload(PlanAudit.second_version),
)


def _polygon_layer(session: Session, code: str, actor: Actor) -> Layer:
    layer = catalogue.find_readable(session, code, actor)
    if layer.geometry != GeometryKind.POLYGON:
        raise InvalidInputError(
            "layer {code} is of kind {geometry}; an audit compares polygon layers",
            code=code,
            geometry=spoken(GeometryKind(layer.geometry)),
        )
    return layer


def _in_force(session: Session, layer: Layer, on: date) -> LayerVersion:
    version = version_on(session, layer.id, on)
    if version is None:
        raise ConflictError(
            "no version of layer {layer_code} is in force on {on}; nothing can be compared",
            layer_code=layer.code,
            on=on,
        )
    return version


def _is_outdated(session: Session, audit: PlanAudit) -> bool:
    later = select(PlanAudit.id).where(
        PlanAudit.first_layer_id == audit.first_layer_id,
        PlanAudit.second_layer_id == audit.second_layer_id,
        PlanAudit.id > audit.id,
    )
    return session.scalars(later.limit(1)).first() is not None


def _refuse_earlier(session: Session, layers: Sequence[Layer], on: date, *, after: int = 0) -> None:
    """The ledger goes on from day to day: an audit of the past would open again what was settled since."""
    done = select(PlanAudit.on_day).where(
        PlanAudit.first_layer_id == layers[0].id,
        PlanAudit.second_layer_id == layers[1].id,
        PlanAudit.finished_at.is_not(None),
        (PlanAudit.on_day > on) | (PlanAudit.id > after if after else false()),
    )
    day = session.scalars(done.order_by(PlanAudit.on_day.desc()).limit(1)).first()
    if day is not None:
        raise ConflictError(
            "the ledger of {layers_code} and {layers_1_code} stands at an audit of {day}; one of {on} would"
            " undo it: audit a day from then on",
            layers_code=layers[0].code,
            layers_1_code=layers[1].code,
            day=day,
            on=on,
        )


def _rule(audit: PlanAudit) -> tuple[float, float]:
    """Tolerance (m²) and width (m) of slivers: the laxer of the two layers'."""
    layers = (audit.first_layer, audit.second_layer)
    return max(x.tolerance_m2 for x in layers), max(x.sliver_width_m for x in layers)


def _task(begin: Begin, keys: WindowKeys) -> WindowTask:
    with begin() as session:
        return read_window(session, keys)


def _close(session: Session, audit_id: int, *, city: City, actor: Actor, now: datetime) -> None:
    """Bring the ledger up to date with a finished audit, in one transaction."""
    layer_id = session.get_one(PlanAudit, audit_id).first_layer_id
    # One closes after the other, so that the later of two audits has the last word.
    session.execute(select(Layer.id).where(Layer.id == layer_id).with_for_update(key_share=True))
    audit = session.get_one(PlanAudit, audit_id, options=_WITH_LAYERS, with_for_update={"of": PlanAudit})
    if audit.finished_at is not None:
        return
    _refuse_earlier(session, (audit.first_layer, audit.second_layer), audit.on_day, after=audit.id)
    values = {
        "audit_id": audit_id,
        "first_layer_id": audit.first_layer_id,
        "second_layer_id": audit.second_layer_id,
        "first_version_id": audit.first_version_id,
        "second_version_id": audit.second_version_id,
        "first_class_field": audit.first_layer.class_field or "YSDM",
        "second_class_field": audit.second_layer.class_field or "YSDM",
        "tolerance_m2": _rule(audit)[0],
        "sliver_width_m": _rule(audit)[1],
        "on_ellipsoid": city.area_measure is AreaMeasure.ELLIPSOID,
        "noise_m": NOISE_M,
    }
    for statement in (
        "forget_met", "gather_met", "know_again", "enter_differences", "settle_differences", "forget_overlaps", "forget_met",
    ):  # fmt: skip
        session.execute(SQL[statement], values)
    for name, value in session.execute(SQL["standing"], values).one()._mapping.items():
        setattr(audit, name, value)
    audit.finished_at = now
    record(session, actor, Act.AUDIT_PLANS, kind="plan_audit", id=audit_id, after={"found": audit.found})
