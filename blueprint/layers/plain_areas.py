"""Batches of areas that are sound as they lie in the file: looked through, measured and handed on by compiled loops, as bytes.

Most batches of most files are such: areas of two dimensions, in the working CRS already, valid. What they are measured as is
what GEOS would say. A batch with anything else in it is not plain, and goes the way of shapes with all of its features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import shapely

from blueprint.fitted import Fitted
from blueprint.layers.compiled_ground import CompiledGround
from blueprint.layers.compiled_measures import Measures, measured_in_plane, surely_valid
from blueprint.layers.elements import binaries
from blueprint.layers.measuring import SCHEMA
from blueprint.layers.outlines import Outlines, compiled, outlines_of

_AREAS = (3, 6)
_SRID_BYTES = 4
_HAS_SRID = 0x20


@dataclass(frozen=True)
class PlainAreas:
    """Valid areas of two dimensions by row, as they are in the file (WKB) and flat."""

    contents: np.ndarray
    starts: np.ndarray
    outlines: Outlines

    @cached_property
    def _measures(self) -> Measures:
        return measured_in_plane(self.outlines)

    @cached_property
    def _first_points(self) -> np.ndarray:
        return np.asarray(self.outlines.rings[self.outlines.parts[self.outlines.features]])

    @property
    def bounds(self) -> np.ndarray:
        """West, south, east, north of each."""
        return self._measures.bounds

    @property
    def vertex_count(self) -> int:
        """Of all of them, closing points included."""
        return len(self.outlines.points)

    def points(self, row: int) -> np.ndarray:
        """The vertices of one."""
        return self.outlines.points[self._first_points[row] : self._first_points[row + 1]]

    def shapes(self, rows: np.ndarray) -> np.ndarray:
        """Some as GEOS has them."""
        return np.array([self.outlines.shape(row) for row in rows.tolist()], dtype=object)

    def measured(
        self,
        feature_ids: np.ndarray,
        source_ids: Sequence[str | None],
        attributes: Sequence[str],
        *,
        srid: int,
        to_equal_area: Fitted | None,
    ) -> pa.RecordBatch:
        """The features as `measuring` has them."""
        count = len(feature_ids)
        west, south, east, north = self.bounds.T
        known = {
            "feature_id": pa.array(feature_ids, pa.int64()),
            "source_id": pa.array(source_ids, pa.string()),
            "attributes": pa.array(attributes, pa.string()),
            "plane_m2": pa.array(self._measures.areas_m2),
            "west": pa.array(west),
            "south": pa.array(south),
            "east": pa.array(east),
            "north": pa.array(north),
            "geom": self._with_srid(srid),
        }
        if isinstance(to_equal_area, CompiledGround):
            known["ellipsoid_m2"] = pa.array(to_equal_area.areas_of(self.outlines))
        columns = [known.get(field.name, pa.nulls(count, field.type)) for field in SCHEMA]
        return pa.record_batch(columns, schema=SCHEMA)

    def _with_srid(self, srid: int) -> pa.LargeBinaryArray:
        ends = self.starts + _SRID_BYTES * np.arange(len(self.starts))
        filled = np.empty(ends[-1], np.uint8)
        number = np.frombuffer(bytearray(srid.to_bytes(_SRID_BYTES, "little")), np.uint8)
        _name(self.contents, self.starts, number, filled)
        return binaries(filled, ends)


def plain_areas(column: pa.Array, *, most_vertices: int) -> PlainAreas | None:
    """The areas of a column of WKB where all are plain, of at most so many vertices each; else None."""
    if column.null_count or not len(column):
        return None
    column = column.cast(pa.large_binary())
    _, offsets, content = column.buffers()
    starts = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    contents = np.frombuffer(content, np.uint8)[starts[0] : starts[-1]].copy()
    starts = starts - starts[0]
    if (np.diff(starts) < 9).any():
        return None
    heads = contents[starts[:-1, np.newaxis] + np.arange(5)]
    kinds = np.ascontiguousarray(heads[:, 1:]).view("<u4")[:, 0]
    if (heads[:, 0] != 1).any() or not np.isin(kinds, _AREAS).all():
        return None
    try:
        outlines = outlines_of(contents, starts)
    except ValueError:  # something else, or an empty one
        return None
    if not np.isfinite(outlines.points).all() or outlines.vertex_counts.max() > most_vertices:
        return None
    doubtful = np.nonzero(~surely_valid(outlines))[0]
    if len(doubtful):
        values = column.take(pa.array(doubtful)).to_numpy(zero_copy_only=False)
        if not shapely.is_valid(shapely.from_wkb(values, on_invalid="ignore")).all():
            return None
    return PlainAreas(contents, starts, outlines)


@compiled("void(uint8[::1], int64[::1], uint8[::1], uint8[::1])")
def _name(content: np.ndarray, starts: np.ndarray, number: np.ndarray, filled: np.ndarray) -> None:
    """Write each WKB as EWKB, with the number of its CRS after its kind."""
    at = 0
    for row in range(len(starts) - 1):
        begin, stop = starts[row], starts[row + 1]
        for byte in range(5):
            filled[at + byte] = content[begin + byte]
        filled[at + 4] |= _HAS_SRID
        for byte in range(_SRID_BYTES):
            filled[at + 5 + byte] = number[byte]
        at += 5 + _SRID_BYTES
        for byte in range(begin + 5, stop):
            filled[at] = content[byte]
            at += 1
