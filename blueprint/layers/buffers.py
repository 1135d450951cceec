"""How wide the zone around a feature is (控制距离): by an attribute such as the voltage, from the legal edge where a centre line is drawn.

For the confined reader that makes the zones, and for the check that tells of them and draws the distances of rules.
"""

import dataclasses
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from blueprint.errors import InvalidInputError
from blueprint.layers.arcs import BEYOND_M, around
from blueprint.sentences import Sentence

MAX_WIDTH_M = 100_000.0

_FLAT_M = 0.004
"""Chords lie no further within a circle: around lines that bend often a zone is then short by a centimetre at most."""

_NEAR_M, _NEAR_SHARE = 0.011, 1e-6
"""A vertex of a zone lies no further from where it should be, in metres and, from 11 km on, by the width."""

_AT_ONCE = 1_000
"""Zones whose vertices are held together."""

_SHORT_SHARE, _SHORT_SHARE_OF_AREAS = 0.05, 1.0
"""Of the width: shapes with an edge that is shorter are looked at; areas sooner, as GEOS misses ground in their holes."""

_MOST_PIECES = 2_000
"""Shapes of more vertices have the zone that GEOS draws: by pieces it would take seconds."""

_LEAST_SEGMENTS = 16
"""A quarter of a circle is drawn in so many chords at least."""

_MOST_SEGMENTS = 640
"""And in no more: they are enough for 5 km, and at the widest zone of 100 km they are 8 cm short."""

_ONE_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)\D*")
"""A number, and what follows has no digit in it."""

_METRES = {
    "": 1.0, "m": 1.0, "米": 1.0, "km": 1000.0, "千米": 1000.0, "公里": 1000.0, "dm": 0.1, "分米": 0.1, "cm": 0.01, "厘米": 0.01,
    "mm": 0.001, "毫米": 0.001,
}  # fmt: skip
"""By unit; a number without one is in metres."""

_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(km|dm|cm|mm|m|千米|公里|分米|厘米|毫米|米)?", re.ASCII)
_TIMES = frozenset("×x*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))", re.ASCII)


@dataclass(frozen=True)
class Zone:
    """The zone of one feature: `width_m` from the legal edge, which lies `half_width_m` from what is drawn; why, where it was assumed."""

    width_m: float
    half_width_m: float
    assumed: str | None = None

    @property
    def reach_m(self) -> float:
        """How far the zone reaches from what is drawn."""
        return self.width_m + self.half_width_m


@dataclass(frozen=True)
class BufferRule:
    """Widths by the values of a field; and how wide the thing itself is, by a field or for all.

    `edge_width_field` holds the whole width of a road or a channel in metres, `edge_width_m` stands for it where it is missing.
    """

    field: str | None = None
    widths: Mapping[str, float] = dataclasses.field(default_factory=dict)
    edge_width_field: str | None = None
    edge_width_m: float = 0.0

    def zone(self, strictest_m: float, attributes: Mapping[str, Any]) -> Zone:
        """The zone of a feature; a value that is missing or not listed has the strictest width, and the zone says so."""
        width_m, told = strictest_m, []
        if self.field is not None:
            raw = attributes.get(self.field)
            known = self._width(raw)
            if known is None:
                told.append(
                    f"图斑属性 {self.field} 为 {_shown(raw)}，从严按 {strictest_m:g} m 认定"
                    f" {self.field} is {_shown(raw)}: the strictest width of {strictest_m:g} m holds"
                )
            else:
                width_m = known
        edge_m = self.edge_width_m
        if self.edge_width_field is not None:
            raw = attributes.get(self.edge_width_field)
            read = edge_width(raw)
            if read is None:
                told.append(
                    f"图斑宽度 {self.edge_width_field} 为 {_shown(raw)}，按 {edge_m:g} m 认定"
                    f" {self.edge_width_field} is {_shown(raw)}: {edge_m:g} m is taken"
                )
            elif read.is_plain:
                edge_m = read.width_m
            else:
                edge_m = max(edge_m, read.width_m)
                told.append(
                    f"图斑宽度 {self.edge_width_field} 为 {_shown(raw)}，从严按 {edge_m:g} m 认定"
                    f" {self.edge_width_field} is {_shown(raw)}: the widest, {edge_m:g} m, is taken"
                )
        return Zone(width_m, edge_m / 2, "；".join(told) or None)

    def _width(self, raw: Any) -> float | None:
        """The width of a value as it is listed: 220, "220", "220.0" and "220kV" are the same; of "110/220kV" it is not known which."""
        text = unicodedata.normalize("NFKC", _shown(raw))
        if text in self.widths:
            return self.widths[text]
        number = _ONE_NUMBER.fullmatch(text)
        return self.widths.get(f"{float(number[1]):.12g}") if number is not None else None


def grown(shapes: Any, reaches_m: Any) -> np.ndarray:
    """Shapes grown by their reach (metres), one for all or one each, to the centimetre however far that is, arcs as tangents."""
    given = np.asarray(shapes, dtype=object)
    reaches = np.broadcast_to(np.asarray(reaches_m, dtype=float), given.shape)
    segments = np.array([quarter_segments(reach_m) for reach_m in reaches.tolist()], dtype=int)
    zones = np.empty(given.shape, dtype=object)
    for count in np.unique(segments):
        rows = segments == count
        zones[rows] = shapely.buffer(given[rows], reaches[rows], quad_segs=int(count))
    zones = around(zones, reaches, segments)
    missed = _missed(zones, given, reaches)
    zones[missed] = around(
        _by_pieces(given[missed], reaches[missed], segments[missed]), reaches[missed], segments[missed]
    )
    return zones


def _missed(zones: np.ndarray, shapes: np.ndarray, reaches_m: np.ndarray) -> np.ndarray:
    """The rows whose zone has a boundary that is not as far from the shape as it should be, at its vertices and between them.

    Of lines that bend often within their width GEOS leaves holes of some m² and notches, up to metres deep at 5 km.
    """
    rows = _bending_within(shapes, reaches_m)
    shapely.prepare(shapes[rows])
    missed = [np.empty(0, dtype=int)]
    for first in range(0, len(rows), _AT_ONCE):
        some = rows[first : first + _AT_ONCE]
        polygons, of_zone = shapely.get_parts(zones[some], return_index=True)
        rings, of_polygon = shapely.get_rings(polygons, return_index=True)
        points, of_ring = shapely.get_coordinates(rings, return_index=True)
        of_point = some[of_zone[of_polygon[of_ring]]]
        squared = ((points[1:] - points[:-1]) ** 2).sum(axis=1)
        # Tangents are shorter than that, and right where their ends are.
        is_between = (of_ring[1:] == of_ring[:-1]) & (squared > 9 * BEYOND_M * reaches_m[of_point[1:]])
        places = shapely.points(np.concatenate([points, (points[1:] + points[:-1])[is_between] / 2]))
        of_place = np.concatenate([of_point, of_point[1:][is_between]])
        own, reach_m = shapes[of_place], reaches_m[of_place]
        near_m = np.maximum(_NEAR_M, _NEAR_SHARE * reach_m)
        # Whether a place is so near a prepared shape answers; how far it is it does not, edge by edge that takes fifteen times as long.
        is_off = shapely.dwithin(own, places, reach_m - near_m) | ~shapely.dwithin(
            own, places, reach_m + near_m
        )
        missed.append(of_place[is_off])
    shapely.destroy_prepared(shapes[rows])
    return np.unique(np.concatenate(missed))


def _bending_within(shapes: np.ndarray, reaches_m: np.ndarray) -> np.ndarray:
    """The rows of lines and areas that may bend often within their width, or have holes so small: they have short edges."""
    points, of = shapely.get_coordinates(shapes, return_index=True)
    shares = np.where(shapely.get_dimensions(shapes) == 2, _SHORT_SHARE_OF_AREAS, _SHORT_SHARE)
    is_short = ((points[1:] - points[:-1]) ** 2).sum(axis=1) < ((shares * reaches_m)[of[1:]]) ** 2
    rows = np.unique(of[1:][is_short & (of[1:] == of[:-1])])
    is_looked_at = (shapely.get_dimensions(shapes[rows]) > 0) & (
        shapely.get_num_coordinates(shapes[rows]) <= _MOST_PIECES
    )
    return np.asarray(rows[is_looked_at])


def _by_pieces(shapes: np.ndarray, reaches_m: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """The union of what the shape covers and the zones of its edges, each by itself: slower, and without what GEOS misses."""
    zones = np.empty(len(shapes), dtype=object)
    for row, (shape, reach_m, count) in enumerate(zip(shapes, reaches_m, segments, strict=True)):
        is_area = shapely.get_dimensions(shape) == 2
        lines = shapely.get_parts(shapely.boundary(shape) if is_area else shape)
        points, of_line = shapely.get_coordinates(lines, return_index=True)
        is_edge = of_line[1:] == of_line[:-1]
        edges = shapely.linestrings(np.stack([points[:-1][is_edge], points[1:][is_edge]], axis=1))
        grown_edges = shapely.buffer(edges, reach_m, quad_segs=int(count))
        zones[row] = shapely.union_all([shape, *grown_edges] if is_area else grown_edges)
    return zones


def quarter_segments(radius_m: float) -> int:
    """In how many chords a quarter of a circle is drawn, so that up to 5 km none is further from it than `_FLAT_M`."""
    wanted = math.ceil(math.pi / 4 / math.sqrt(2 * _FLAT_M / max(radius_m, _FLAT_M)))
    return min(max(_LEAST_SEGMENTS, wanted), _MOST_SEGMENTS)


PLAIN = BufferRule()
"""Every feature has the layer's one width, from what is drawn."""


def read_buffer_rule(given: Mapping[str, Any] | None, strictest_m: float, code: str) -> BufferRule:
    """The rule as a layer's definition has it (`buffer_by`); InvalidInputError names the layer and the key."""
    if given is None:
        return PLAIN
    unknown = set(given) - {"field", "widths", "edge_width_field", "edge_width_m"}
    if unknown:
        raise InvalidInputError(
            "buffer_by of layer {code} has the unknown key {unknown!r}; known are field, widths,"
            " edge_width_field, edge_width_m",
            code=code,
            unknown=sorted(unknown)[0],
        )
    name, widths = given.get("field"), given.get("widths") or {}
    if (name is None) != (not widths):
        raise InvalidInputError("buffer_by of layer {code}: `field` and `widths` go together", code=code)
    if not isinstance(widths, Mapping) or not all(_is_width(width) for width in widths.values()):
        raise InvalidInputError(
            "widths of layer {code} must be metres by value, each more than 0 and at most 100,000",
            place="buffer_by.widths",
            code=code,
        )
    edge_m = given.get("edge_width_m", 0.0)
    if edge_m != 0 and not _is_width(edge_m):
        raise InvalidInputError(
            "edge_width_m of layer {code} must be a number from 0 to 100,000",
            place="buffer_by.edge_width_m",
            code=code,
        )
    for key in ("field", "edge_width_field"):
        if given.get(key) is not None and not isinstance(given[key], str):
            raise InvalidInputError("{key} of layer {code} must be the name of a field", key=key, code=code)
    if strictest_m <= 0 or any(width > strictest_m for width in widths.values()):
        raise InvalidInputError(
            "buffer_m of layer {code} must be the strictest width: it holds where {name} is missing",
            place="buffer_m",
            code=code,
            name=name or Sentence("the value"),
        )
    return BufferRule(
        name,
        {str(value): float(width) for value, width in widths.items()},
        given.get("edge_width_field"),
        float(edge_m),
    )


def _is_width(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MAX_WIDTH_M


def _shown(raw: Any) -> str:
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    return str(raw).strip() if raw is not None else "—"


@dataclass(frozen=True)
class EdgeWidth:
    """How wide a thing is by itself, in metres; not plain where the text names several widths, of which this is the widest."""

    width_m: float
    is_plain: bool


def edge_width(raw: Any) -> EdgeWidth | None:
    """The width that a value says: 24, "24米", "24 m", "0.3km" and full-width digits are read; None where it says none.

    Of a range, or of several (12-24, 12/24), it is the widest; what is added or multiplied (12+12, 2×12) is what it comes to.
    """
    text = _THOUSANDS.sub("", unicodedata.normalize("NFKC", _shown(raw)).casefold())
    found = _LENGTH.findall(text)
    if not found or text.startswith(("-", "−")):
        return None
    # A unit that is said once, behind the last number, is that of all: 0.1-0.2km.
    common = found[-1][1]
    lengths = [float(number) * _METRES[unit or common] for number, unit in found]
    between = set(_LENGTH.sub(" ", text).split())
    is_plain = len(found) == 1
    if len(found) == 2 and between & _TIMES and not (found[0][1] and found[1][1]):
        lengths = [float(found[0][0]) * float(found[1][0]) * _METRES[found[0][1] or common]]
        is_plain = between <= _TIMES
    elif len(found) > 1 and between == {"+"}:
        lengths, is_plain = [math.fsum(lengths)], True
    widest = max(lengths)
    return EdgeWidth(widest, is_plain) if 0 < widest <= MAX_WIDTH_M else None
