"""The parts that overlays are computed with: features of so many vertices at most, larger ones cut, each measured."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from blueprint.fitted import Fitted
from blueprint.hilbert import hilbert_keys
from blueprint.layers.cut_streams import PARTS
from blueprint.layers.elements import lengths
from blueprint.layers.mapped_features import MappedFeatures
from blueprint.layers.pieces import cut_area, cut_line
from blueprint.memory import give_back

MAX_PART_VERTICES = 128

_FEATURES_AT_ONCE = 4_000
_BYTES_AT_ONCE = 8 << 20


def along_curve(features: MappedFeatures) -> Iterator[np.ndarray]:
    """All rows of a file that has some, in runs along a Hilbert curve: so many features, or fewer where they are large.

    What is held of every feature is its row and its size, four bytes each.
    """
    order, sizes = _order(features), features.sizes("geom")
    give_back()
    return _some(order, sizes)


def _order(features: MappedFeatures) -> np.ndarray:
    """The rows by where their boxes' centres come on the curve."""
    extents = np.array([[*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)] for boxes in features.boxes()])
    bounds = [*extents[:, :2].min(axis=0), *extents[:, 2:].max(axis=0)]
    keys, first = np.empty(len(features), np.uint32), 0
    for boxes in features.boxes():
        keys[first : first + len(boxes)] = hilbert_keys(centres(boxes), bounds)
        first += len(boxes)
    return np.argsort(keys, kind="stable").astype(np.uint32)


def centres(boxes: np.ndarray) -> np.ndarray:
    """The middles of boxes, x and y in metres, a row each."""
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2)


def _some(order: np.ndarray, sizes: np.ndarray) -> Iterator[np.ndarray]:
    """Runs of rows: so many features, or fewer where they are large."""
    begin = 0
    while begin < len(order):
        run = order[begin : begin + _FEATURES_AT_ONCE].astype(np.int64)
        ends = np.cumsum(sizes[run], dtype=np.int64)
        count = max(1, int(np.searchsorted(ends, _BYTES_AT_ONCE, side="right")))
        yield run[:count]
        begin += count


@dataclass(frozen=True)
class PartCutter:
    """What features are cut by: their kind, the SRID of their CRS (metres), and the projection that measures them."""

    geometry: str
    working_srid: int
    to_equal_area: Fitted

    def parts(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The features in parts; one that is small enough is its own, with the areas it has."""
        column = batch.column("geom")
        is_whole = _are_parts(column)
        rows = np.nonzero(is_whole)[0]
        whole = (
            batch.column("feature_id").to_numpy()[rows],
            np.zeros(len(rows), dtype=bool),
            self._areas(batch, "plane_m2")[rows],
            self._areas(batch, "ellipsoid_m2")[rows],
            column.take(pa.array(rows)),
        )
        cut = self._cut(batch, np.nonzero(~is_whole)[0], "geom")
        zones = self._cut(batch, np.nonzero(batch.column("zone").is_valid())[0], "zone")
        columns = [
            pa.concat_arrays([pa.array(values, field.type) for values in (one, two, three)])
            for field, one, two, three in zip(PARTS, whole, cut, zones, strict=True)
        ]
        return pa.record_batch(columns, schema=PARTS)

    def _areas(self, batch: pa.RecordBatch, name: str) -> np.ndarray:
        """The areas that features have; lines and points have none."""
        return np.asarray(batch.column(name).fill_null(0.0).to_numpy())

    def _cut(self, batch: pa.RecordBatch, rows: np.ndarray, name: str) -> tuple[Any, ...]:
        """The columns of the parts of these rows' shapes or zones, each measured."""
        kind = "polygon" if name == "zone" else self.geometry
        shapes = shapely.from_wkb(batch.column(name).take(pa.array(rows)).to_pylist())
        cuts = [_cut_one(shape, kind) for shape in shapes]
        pieces = np.array([piece for cut in cuts for piece in cut], dtype=object)
        counts = np.array([len(cut) for cut in cuts], dtype=int)
        is_areal = kind == "polygon"
        pieces = shapely.set_srid(pieces, self.working_srid)
        return (
            np.repeat(batch.column("feature_id").to_numpy()[rows], counts),
            np.full(len(pieces), name == "zone"),
            shapely.area(pieces),
            self.to_equal_area.areas(pieces) if is_areal and len(pieces) else np.zeros(len(pieces)),
            shapely.to_wkb(pieces, include_srid=True),
        )


def _cut_one(shape: shapely.Geometry, kind: str) -> list[shapely.Geometry]:
    if kind == "polygon":
        return [*cut_area(shape, MAX_PART_VERTICES)]
    return [*cut_line(shape, MAX_PART_VERTICES)] if kind == "line" else list(shapely.get_parts(shape))


_SINGLE = {1: 0, 2: MAX_PART_VERTICES, 3: MAX_PART_VERTICES}
"""The vertices that a point (which has no count), a line and a polygon may have to be their own part, by the kinds of WKB."""


def _are_parts(column: pa.LargeBinaryArray) -> np.ndarray:
    """Whether EWKB of two dimensions is of one point, line or polygon that need not be cut, as far as its length tells."""
    _, offsets, content = column.buffers()
    starts = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column)]
    kinds = np.frombuffer(content, np.uint8)[starts + 1]
    most = np.select([kinds == kind for kind in _SINGLE], [13 + 16 * max(1, n) for n in _SINGLE.values()], -1)
    return np.asarray(lengths(column) <= most)
