"""How large the overlaps of two layers are, by class pair, without a patch and without the ledger (面积统计): minutes become seconds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import shapely
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import AreaMeasure, City
from blueprint.layers.models import Layer, LayerVersion
from blueprint.permissions import Act, Actor, require
from blueprint.sharing.purposes import record_reading
from coordination.plan_audit.audit import SQL, compared_layers
from coordination.plan_audit.kernel import common_areas, edges_of
from coordination.plan_audit.window_rows import read_boxes, read_shapes
from coordination.plan_audit.windows import MAX_FEATURES, Window, owned, windows

_NOISE_M2 = 1e-6
"""The kernel is exact to about a hundred-millionth of a square metre; what is less than this is touching."""


@dataclass(frozen=True)
class ClassArea:
    """How much two classes have in common (m² by the city's measure), and in how many pairs of features."""

    first_class: str | None
    second_class: str | None
    overlaps: int
    overlap_m2: float


@dataclass(frozen=True)
class OverlapAreas:
    """What two layers have in common; the layer whose code comes first is the first one."""

    first: str
    second: str
    first_version: int
    second_version: int
    overlaps: int
    overlap_m2: float
    classes: tuple[ClassArea, ...]


@dataclass(frozen=True)
class _Side:
    """A layer as it is summed: per feature its class and its area by the measure per plane area."""

    ids: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray
    scales: np.ndarray
    extents: np.ndarray


def overlap_areas(
    session: Session,
    first: str,
    second: str,
    *,
    city: City,
    actor: Actor,
    on: date,
    threads: int | None = None,
    most: int = MAX_FEATURES,
) -> OverlapAreas:
    """Sum the overlaps of two polygon layers in the versions of a day, slivers included; nothing is kept but that it was asked.

    Areas on the ellipsoid are the plane ones scaled by the smaller feature's own ratio: for features of some kilometres
    that is right to a hundred-millionth.
    """
    require(actor, Act.AUDIT_PLANS)
    layers, versions = compared_layers(session, first, second, actor=actor, on=on)
    names = [f"{layer.code} v{version.number}" for layer, version in zip(layers, versions, strict=True)]
    record(session, actor, Act.AUDIT_PLANS, kind="overlap_areas", id=" ".join(names), after={"layers": names})
    record_reading(
        session, actor, [layer.thing for layer in layers], kind="overlap_areas", id=" ".join(names)
    )
    sides = [_side(session, layer, version, city) for layer, version in zip(layers, versions, strict=True)]
    sums: dict[tuple[str | None, str | None], list[float]] = {}
    for window in windows(sides[0].boxes, sides[1].boxes, most=most):
        for pair, count, area_m2 in _in_window(session, window, sides, versions, threads):
            known = sums.setdefault(pair, [0, 0.0])
            known[0] += count
            known[1] += area_m2
    classes = tuple(
        sorted(
            (ClassArea(*pair, int(count), area_m2) for pair, (count, area_m2) in sums.items()),
            key=lambda found: (-found.overlap_m2, found.first_class or "", found.second_class or ""),
        )
    )
    return OverlapAreas(
        layers[0].code,
        layers[1].code,
        versions[0].number,
        versions[1].number,
        sum(found.overlaps for found in classes),
        sum(found.overlap_m2 for found in classes),
        classes,
    )


def _side(session: Session, layer: Layer, version: LayerVersion, city: City) -> _Side:
    ids, boxes = read_boxes(session, version.id)
    values = {
        "version_id": version.id,
        "class_field": layer.class_field or "YSDM",
        "on_ellipsoid": city.area_measure is AreaMeasure.ELLIPSOID,
    }
    rows = session.execute(SQL["classes"], values).all()
    return _Side(
        ids,
        boxes,
        np.array([row.class_of for row in rows], dtype=object),
        np.array([row.scale for row in rows], dtype=float),
        np.array([row.plane_m2 for row in rows], dtype=float),
    )


def _in_window(
    session: Session,
    window: Window,
    sides: list[_Side],
    versions: list[LayerVersion],
    threads: int | None,
) -> Iterator[tuple[tuple[str | None, str | None], int, float]]:
    """The sums of the pairs that belong to a window, by their classes."""
    rows = (window.first, window.second)
    shapes = [
        np.asarray(
            shapely.from_wkb(np.array(read_shapes(session, version.id, side.ids[row])[1], dtype=object))
        )
        for version, side, row in zip(versions, sides, rows, strict=True)
    ]
    origin = np.array(window.box).reshape(2, 2).mean(axis=0)
    one, other = shapely.STRtree(shapes[1]).query(shapes[0])
    mine = owned(sides[0].boxes[rows[0][one]], sides[1].boxes[rows[1][other]], window.box)
    one, other = one[mine], other[mine]
    edges = [edges_of(each, origin) for each in shapes]
    areas = common_areas(edges[0], edges[1], one, other, threads=threads)
    met = areas > _NOISE_M2
    one, other, areas = rows[0][one[met]], rows[1][other[met]], areas[met]
    first, second = sides
    smaller = first.extents[one] <= second.extents[other]
    measured = areas * np.where(smaller, first.scales[one], second.scales[other])
    pairs: dict[tuple[str | None, str | None], list[int]] = {}
    for place, pair in enumerate(zip(first.classes[one], second.classes[other], strict=True)):
        pairs.setdefault(pair, []).append(place)
    for pair, places in pairs.items():
        yield pair, len(places), float(measured[places].sum())
