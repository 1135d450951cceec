"""What changed between two versions of a layer (图斑差异): counted, measured, and cut into patches."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.database import load_statements
from blueprint.errors import ConflictError
from blueprint.layers.models import LayerVersion
from blueprint.objects import objects_of
from blueprint.rasters.difference import BlockDifference, RasterChange, compare_blocks, raster_change
from blueprint.rasters.pool import POOL
from blueprint.rasters.values import Threshold
from blueprint.sentences import Sentence

_SQL = load_statements(Path(__file__).with_suffix(".sql"))
_SIDES = ("wests", "souths", "easts", "norths")
MOST_FEATURES, MOST_VERTICES, MOST_PIXELS = 400_000, 20_000_000, 400_000_000
"""What two versions may have together to be compared while somebody waits for the answer: a matter of some seconds."""
_NONE = 0
"""The number of no version: what is compared with it was added, or removed, as a whole."""


@dataclass(frozen=True)
class Difference:
    """Counts of features (`changed_zone`: of which only the buffer changed) and sums of areas (the city's measure) and lengths; by `source_id` where it is unique in both.

    Areas: of features added and removed, and what changed shapes gained and lost; `net_m2` is what all of it comes to.
    Of a raster they are pixels (`compared_by` is `pixel`): newly known, no longer known, of another value; gained and lost is
    what the layer's threshold newly and no longer meets, and `net_m2` what that comes to.
    """

    compared_by: str
    added: int
    removed: int
    changed_shape: int
    changed_attributes: int
    changed_zone: int
    unchanged: int
    added_m2: float
    removed_m2: float
    gained_m2: float
    lost_m2: float
    net_m2: float
    longer_m: float
    shorter_m: float
    changed_fields: Mapping[str, int]
    raster: RasterChange | None = None

    @property
    def changed(self) -> int:
        """How many features differ in any way."""
        return self.added + self.removed + self.changed_shape + self.changed_attributes + self.changed_zone


@dataclass(frozen=True)
class DifferencePatch:
    """A place where two versions differ: added, removed, gained, lost, or of a feature of which only attributes or the zone changed.

    The shape is in the working CRS; `fields` gives of each field that differs the value before and after.
    """

    change: str
    source_id: str | None
    old_feature_id: int | None
    new_feature_id: int | None
    area_m2: float
    length_m: float
    fields: Mapping[str, Any] | None
    shape: BaseGeometry


def refuse_long_comparison(old: LayerVersion, new: LayerVersion) -> None:
    """Refuse to compare over HTTP what would take long and keep others waiting; the command line takes its time."""
    pair = (old, new)
    for words, count, most in (
        (Sentence("features"), sum(version.feature_count for version in pair), MOST_FEATURES),
        (Sentence("vertices"), sum(version.vertex_count for version in pair), MOST_VERTICES),
        (
            Sentence("pixels"),
            sum(v.raster.width * v.raster.height for v in pair if v.raster is not None),
            MOST_PIXELS,
        ),
    ):
        if count > most:
            raise ConflictError(
                "versions {old_number} and {new_number} have {count:,} {words} together, and over HTTP at"
                " most {most:,} are compared; `blueprint layer difference {layer_code} {old_number}"
                " {new_number}` compares any number",
                old_number=old.number,
                new_number=new.number,
                count=count,
                words=words,
                most=most,
                layer_code=new.layer.code,
            )


def compare(
    session: Session, old: LayerVersion | None, new: LayerVersion | None, *, city: City
) -> Difference:
    """Say what `old` and `new` differ in; their patches, and where a footprint notices them, lie in tables of this transaction afterwards.

    None is no version at all: a layer before its first, or after it was withdrawn.
    """
    if any(version is not None and version.raster is not None for version in (old, new)):
        return _compare_rasters(session, old, new, city=city)
    values = _values(old, new) | {"on_ellipsoid": city.area_measure is AreaMeasure.ELLIPSOID}
    session.execute(_SQL["forget"])
    has_keys = session.execute(_SQL["has_keys"], values).scalar_one()
    session.execute(_SQL["pair_by_source_id" if has_keys else "pair_by_shape"], values)
    session.execute(_SQL["cut_patches"], values)
    session.execute(_SQL["cut_reach"], values)
    session.execute(_SQL["index_reach"])
    counts = session.execute(_SQL["count_rows"], values).one()
    areas = session.execute(_SQL["measure_patches"]).one()
    return Difference(
        compared_by="source_id" if has_keys else "shape",
        **counts._asdict(),
        **areas._asdict(),
        net_m2=areas.added_m2 - areas.removed_m2 + areas.gained_m2 - areas.lost_m2,
        changed_fields={row.field: row.features for row in session.execute(_SQL["count_fields"])},
    )


def _compare_rasters(
    session: Session, old: LayerVersion | None, new: LayerVersion | None, *, city: City
) -> Difference:
    measured_by = {"srid": city.working_srid, "on_ellipsoid": city.area_measure is AreaMeasure.ELLIPSOID}
    session.execute(_SQL["forget"])
    session.execute(_SQL["make_raster_patches"])
    blocks = []
    for block in _blocks(session, old, new):
        if block.patches:
            changes, shapes = zip(*block.patches, strict=True)
            values = {"changes": list(changes), "wkbs": list(shapes)} | measured_by
            session.execute(_SQL["add_raster_patches"], values)
        blocks.append(replace(block, patches=()))
    session.execute(_SQL["reach_of_pixels"])
    session.execute(_SQL["index_reach"])
    sides = zip(*(block.bounds for block in blocks), strict=True)
    boxes = {name: list(side) for name, side in zip(_SIDES, sides, strict=True)}
    areas = session.scalars(_SQL["measure_blocks"], boxes | measured_by).all()
    pixel_m2 = [area / block.pixels for area, block in zip(areas, blocks, strict=True)]
    counts = sum((block.counts for block in blocks), Counter())

    def area(name: str) -> float:
        return math.fsum(block.counts[name] * each for block, each in zip(blocks, pixel_m2, strict=True))

    return Difference(
        compared_by="pixel",
        added=counts["added"],
        removed=counts["removed"],
        changed_shape=0,
        changed_attributes=counts["changed"],
        changed_zone=0,
        unchanged=counts["unchanged"],
        added_m2=area("added"),
        removed_m2=area("removed"),
        gained_m2=area("gained"),
        lost_m2=area("lost"),
        net_m2=area("gained") - area("lost"),
        longer_m=0.0,
        shorter_m=0.0,
        changed_fields={},
        raster=raster_change(blocks, pixel_m2),
    )


def _blocks(
    session: Session, old: LayerVersion | None, new: LayerVersion | None
) -> Iterator[BlockDifference]:
    lead = new if new is not None else old
    assert lead is not None and lead.raster is not None
    layer = lead.layer
    threshold = Threshold(
        layer.threshold_above,
        layer.threshold_below,
        tuple(layer.threshold_values or ()),
        layer.threshold_share,
    )
    with ExitStack() as stack:
        before, after = (
            stack.enter_context(POOL.lend(objects_of(session).existing(version.raster.object_sha256)))
            if version is not None and version.raster is not None
            else None
            for version in (old, new)
        )
        yield from compare_blocks(before, after, threshold=threshold, value_kind=lead.raster.value_kind)


def read_patches(
    session: Session, old: LayerVersion | None, new: LayerVersion | None
) -> Iterator[DifferencePatch]:
    """The patches of the two versions that were compared last in this transaction."""
    statement = _SQL["read_patches"].execution_options(yield_per=5000)
    for row in session.execute(statement, _values(old, new)):
        values = row._asdict()
        yield DifferencePatch(shape=shapely.from_wkb(bytes(values.pop("geom"))), **values)


def _values(old: LayerVersion | None, new: LayerVersion | None) -> dict[str, int]:
    return {"old": old.id if old is not None else _NONE, "new": new.id if new is not None else _NONE}
