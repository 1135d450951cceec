"""Running an audit: window by window, each kept in a transaction of its own, then the ledger of differences is brought up to date."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import false, select
from sqlalchemy.orm import Session, joinedload

from blueprint.audit.log import record
from blueprint.city import AreaMeasure, City
from blueprint.database import load_statements
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.layers import catalogue
from blueprint.layers.models import GeometryKind, Layer, LayerVersion
from blueprint.layers.succession import version_on
from blueprint.permissions import Act, Actor, may, require
from blueprint.sentences import spoken
from blueprint.sharing.purposes import record_reading
from coordination.plan_audit.cluster import on_cluster
from coordination.plan_audit.cores import on_cores
from coordination.plan_audit.models import PlanAudit
from coordination.plan_audit.overlaps import FoundOverlaps, WindowTask, load_loops
from coordination.plan_audit.partitions import shared_folder
from coordination.plan_audit.windows import MAX_FEATURES, Window, windows

SQL = load_statements(Path(__file__).with_suffix(".sql"))

Begin = Callable[[], AbstractContextManager[Session]]
"""Begins a transaction that is committed at its end."""

Tell = Callable[[str, int], None]

_KEPT_S = 1.0
"""Loops that were compiled before are loaded in a tenth of this."""


@dataclass(frozen=True)
class _Side:
    """A layer as an audit compares it: its version and the boxes of its features."""

    version_id: int
    ids: np.ndarray
    boxes: np.ndarray


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
    scheduler: str | None = None,
    through: Path | None = None,
    tell: Tell = lambda _phase, _done: None,
    most: int = MAX_FEATURES,
) -> int:
    """Compare two polygon layers in the versions of a day; gives the audit's id.

    Windows are compared by `workers` threads (all cores when not given), or by the workers of a Dask cluster whose
    `scheduler` is given, which they reach over the network or as GeoParquet in a folder that all share (`through`); they are
    kept one by one: an audit of the same versions that was stopped goes on where it was. The figures do not depend on who
    compared, nor on the number of workers or windows.
    """
    with begin() as session:
        audit_id = open_audit(session, first, second, actor=actor, on=on, now=now).id
    with begin() as session:
        audit = find_audit(session, audit_id, actor=actor)
        if audit.finished_at is not None:
            return audit_id
        sides = _read_side(session, audit.first_version_id), _read_side(session, audit.second_version_id)
        done, rule = set(audit.windows_done), _rule(audit)
    left = windows(sides[0].boxes, sides[1].boxes, most=most, done=done)
    if scheduler is None:
        _load_loops(tell)
    compared = 0
    tasks = (_task(begin, window, sides, rule) for window in left)
    with shared_folder(through, city.working_crs) if through is not None else nullcontext() as shared:
        if scheduler is not None:
            compared_windows = on_cluster(scheduler, tasks, shared, tell)
        else:
            compared_windows = on_cores(tasks, workers or os.cpu_count() or 1)
        # Closed before the folder goes, so that no worker is handed a window of it any more.
        with closing(compared_windows):
            for path, found in compared_windows:
                with begin() as session:
                    _keep(session, audit_id, path, found, city)
                compared += len(found)
                tell("compare", compared)
    tell("ledger", compared)
    with begin() as session:
        _close(session, audit_id, city=city, actor=actor, now=now)
    return audit_id


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


def _read_side(session: Session, version_id: int) -> _Side:
    return _Side(version_id, *read_boxes(session, version_id))


def read_boxes(session: Session, version_id: int) -> tuple[np.ndarray, np.ndarray]:
    """The ids of a version's features in their order, and their boxes."""
    rows = session.execute(SQL["boxes"], {"version_id": version_id}).all()
    table = np.array([tuple(row) for row in rows], dtype=float).reshape(-1, 5)
    return table[:, 0].astype(np.int64), table[:, 1:]


def _task(begin: Begin, window: Window, sides: tuple[_Side, _Side], rule: tuple[float, float]) -> WindowTask:
    with begin() as session:
        first = _read_shapes(session, sides[0], window.first)
        second = _read_shapes(session, sides[1], window.second)
    return WindowTask(window.path, window.box, *first, *second, *rule)


def _read_shapes(session: Session, side: _Side, rows: np.ndarray) -> tuple[Sequence[int], Sequence[bytes]]:
    values = {"version_id": side.version_id, "feature_ids": side.ids[rows].tolist()}
    read = session.execute(SQL["shapes"], values).all()
    return [row.feature_id for row in read], [bytes(row.shape) for row in read]


def _keep(session: Session, audit_id: int, path: str, found: FoundOverlaps, city: City) -> None:
    """Keep what a window found, once: a second process at the same audit finds the window done."""
    audit = session.get_one(PlanAudit, audit_id, with_for_update=True)
    if path in audit.windows_done:
        return
    audit.windows_done = [*audit.windows_done, path]
    audit.found += len(found)
    values = {
        "audit_id": audit_id,
        "first_ids": found.first_ids.tolist(),
        "second_ids": found.second_ids.tolist(),
        "slivers": found.slivers.tolist(),
        "shapes": found.shapes,
        "working_srid": city.working_srid,
    }
    session.execute(SQL["keep_overlaps"], values)


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
    }
    for statement in (
        "forget_met", "gather_met", "know_again", "enter_differences", "settle_differences", "forget_overlaps", "forget_met",
    ):  # fmt: skip
        session.execute(SQL[statement], values)
    for name, value in session.execute(SQL["standing"], values).one()._mapping.items():
        setattr(audit, name, value)
    audit.finished_at = now
    record(session, actor, Act.AUDIT_PLANS, kind="plan_audit", id=audit_id, after={"found": audit.found})
