"""What is known of a site before it is asked: the answer that the statement of the overlay would give, from pieces cut before."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely
from pyproj import Transformer

from blueprint.city import polygonal
from blueprint.common_ground import common_ground
from blueprint.layers.models import Control
from blueprint.overlay import CLOSING_M2, NOISE_M, RANKS, Answer
from blueprint.ring_areas import followed_areas
from blueprint.snapshot import LayerOnDay

_STRAIGHT_M = 50.0
"""Longer edges get more vertices before they are projected, as in `blueprint.ellipsoid_m2`."""

_NO_LEDGER = 4
"""The rank of what only informs."""

_NOTHING = shapely.Polygon()


class Judged(NamedTuple):
    """A feature's body or zone that a site meets: sums over its pieces, and these."""

    version_id: int
    feature_id: int
    is_zone: bool
    dimension: int
    plane_m2: float
    overlap_m2: float
    perimeter_m: float
    length_m: float
    point_count: int
    is_on_boundary: bool
    is_buffered: bool
    site: shapely.MultiPolygon
    shapes: np.ndarray
    uncut: np.ndarray
    is_sliver: bool = False

    def cut(self) -> np.ndarray:
        """The shapes of its pieces; what was only measured is cut, from its part's WKB, when it is first asked for."""
        rows = np.flatnonzero(self.uncut)
        if len(rows):
            parts = shapely.from_wkb(self.shapes[rows])
            self.shapes[rows] = common(self.site, parts, np.full(len(rows), self.dimension))
            self.uncut[rows] = False
        return self.shapes


def common(sites: Any, parts: np.ndarray, dimensions: np.ndarray) -> np.ndarray:
    """What sites and parts share, of the parts' dimension."""
    return of_dimension(common_ground(*np.broadcast_arrays(sites, parts)), dimensions)


def of_dimension(shapes: np.ndarray, dimensions: np.ndarray) -> np.ndarray:
    """Of common shapes only what has this dimension: where two also touch, lines and points come along."""
    kept = np.array(shapes, dtype=object)
    mixed = (shapely.get_type_id(kept) == _COLLECTION) | (shapely.get_dimensions(kept) != dimensions)
    for row in np.flatnonzero(mixed):
        parts = [p for p in shapely.get_parts(kept[row]) if shapely.get_dimensions(p) == dimensions[row]]
        kept[row] = _MANY[dimensions[row]](parts)
    return kept


_COLLECTION = 7
_MANY = (shapely.MultiPoint, shapely.MultiLineString, shapely.MultiPolygon)


def measured_by(to_equal_area: Transformer | None, shapes: Any) -> np.ndarray:
    """Areas by the city's measure in m², of an array of shapes, or of one."""
    given = np.asarray(shapes, dtype=object)
    if to_equal_area is None:
        return np.asarray(shapely.area(given))

    def move(points: np.ndarray) -> np.ndarray:
        return np.column_stack(to_equal_area.transform(points[:, 0], points[:, 1]))

    return followed_areas(given.ravel(), move, step=_STRAIGHT_M).reshape(given.shape)


@dataclass(frozen=True)
class KnownSite:
    """A site with all that the layers say of it; only the ledger waits for the controls that the rules give them.

    `told` are the features' columns by version and feature, `far` the distances in metres by site, version and feature.
    """

    place: int
    shape: shapely.MultiPolygon
    plane_m2: float
    ellipsoid_m2: float
    judged: Sequence[Judged]
    told: Mapping[tuple[int, int], tuple[Any, ...]]
    far: Mapping[tuple[int, int, int], float]
    not_covering: Sequence[int]
    overlapping: Set[int]
    to_equal_area: Transformer | None

    def answer(
        self,
        layers: Sequence[LayerOnDay],
        *,
        zones: Sequence[tuple[int, shapely.MultiPolygon]],
        with_shapes: bool,
    ) -> Answer:
        """What the statement `overlaps` would answer for these layers, with these further areas in the ledger."""
        ranks = {layer.version_id: RANKS[Control(layer.control)] for layer in layers}
        asked = [each for each in self.judged if each.version_id in ranks]
        judged = [each for each in asked if each.is_zone == each.is_buffered]
        areal: dict[int, list[Judged]] = {}
        counts: dict[int, int] = {}
        for each in judged:
            counts[each.version_id] = counts.get(each.version_id, 0) + 1
            if each.dimension == 2:
                areal.setdefault(each.version_id, []).append(each)
        united = {version for version, count in counts.items() if count > 1 and version in self.overlapping}
        perimeter_m = float(shapely.length(self.shape))
        prohibited_m2, restricted_m2, advised_m2, free_m2 = self._ledger(
            areal, united, ranks, zones, self.plane_m2 - NOISE_M * perimeter_m
        )
        return Answer(
            self.plane_m2,
            self.ellipsoid_m2,
            perimeter_m,
            prohibited_m2,
            restricted_m2,
            advised_m2,
            free_m2,
            self._findings(asked, judged, with_shapes),
            {str(version): self._area(met, version in united) for version, met in areal.items()},
            _lengths(asked),
            [version for version in self.not_covering if version in ranks],
        )

    def _area(self, met: Sequence[Judged], is_united: bool) -> float:
        if not is_united:
            return sum(each.overlap_m2 for each in met)
        return float(measured_by(self.to_equal_area, _union(met)))

    def _ledger(
        self,
        areal: Mapping[int, Sequence[Judged]],
        united: Set[int],
        ranks: Mapping[int | None, int],
        zones: Sequence[tuple[int, shapely.MultiPolygon]],
        whole_m2: float,
    ) -> list[float]:
        """Areas of disjoint pieces of the site: prohibited, restricted, advised, free; what one layer covers whole ends the list."""
        covering = _NO_LEDGER
        shapes: dict[int, list[shapely.Geometry]] = {rank: [] for rank in range(1, _NO_LEDGER)}
        real = {
            version: kept
            for version, met in areal.items()
            if (kept := [each for each in met if not each.is_sliver])
        }
        for version, met in real.items():
            areas = [each.plane_m2 for each in met]
            if (max(areas) if version in united else sum(areas)) >= whole_m2:
                covering = min(covering, ranks[version])
        counted = [version for version in real if ranks[version] < covering]
        is_alone = covering == _NO_LEDGER and len(counted) <= 1 and united.isdisjoint(counted)
        if (is_alone or not counted) and all(rank >= covering for rank, _ in zones):
            return self._ledger_of_one({ranks[version]: real[version] for version in counted}, covering)
        for version in counted:
            shapes[ranks[version]] += [shape for each in real[version] for shape in each.cut()]
        for rank, zone in zones:
            if rank < covering:
                shapes[rank].append(zone)
        pieces = self._pieces(shapes, covering)
        if abs(float(shapely.area(pieces).sum()) - self.plane_m2) > CLOSING_M2:
            pieces = self._pieces(shapes, covering, grid_m=NOISE_M)
        return list(measured_by(self.to_equal_area, pieces).tolist())

    def _pieces(
        self, by_rank: Mapping[int, Sequence[shapely.Geometry]], covering: int, *, grid_m: float | None = None
    ) -> np.ndarray:
        """What is prohibited, restricted, advised and free of the site, without what lies under worse.

        On outlines that nearly lie on each other GEOS now and then loses a piece without a word, which shows where the
        ledger is cast up; on a grid (`grid_m`) it loses none.
        """
        prohibited, restricted, advised = (
            self.shape
            if rank == covering
            else _areal(shapely.union_all(found, grid_size=grid_m))
            if found
            else _NOTHING
            for rank, found in by_rank.items()
        )
        blocked = restricted
        if covering != RANKS[Control.RESTRICT]:
            blocked = _areal(shapely.union(prohibited, restricted, grid_size=grid_m))
        free: shapely.Geometry = _NOTHING
        if covering == _NO_LEDGER:
            taken = _areal(shapely.union(blocked, advised, grid_size=grid_m))
            free = shapely.difference(self.shape, taken, grid_size=grid_m)
        restricted = shapely.difference(restricted, prohibited, grid_size=grid_m)
        advised = shapely.difference(advised, blocked, grid_size=grid_m)
        return np.array([prohibited, restricted, advised, free], dtype=object)

    def _ledger_of_one(self, real: Mapping[int, Sequence[Judged]], covering: int) -> list[float]:
        """The ledger where no union is needed: one layer alone has a control, by its rank, and its features do not overlap each other, or nothing is worse than what covers the site."""
        site_m2 = self.ellipsoid_m2 if self.to_equal_area is not None else self.plane_m2
        if covering < _NO_LEDGER:
            return [site_m2 if rank == covering else 0.0 for rank in range(1, _NO_LEDGER + 1)]
        taken = [sum((each.overlap_m2 for each in real.get(rank, ())), 0.0) for rank in range(1, _NO_LEDGER)]
        return [*taken, max(0.0, site_m2 - sum(taken))]

    def _findings(
        self, asked: Sequence[Judged], judged: Sequence[Judged], with_shapes: bool
    ) -> list[list[Any]]:
        """The features met, in the order of `Found`."""
        bodies = {(each.version_id, each.feature_id): each for each in asked if not each.is_zone}
        found = []
        for each in judged:
            key = (each.version_id, each.feature_id)
            body = bodies.get(key)
            source_id, attributes, plane, ellipsoid, length, zone_plane, zone_ellipsoid = self.told.get(
                key, (None,) * 7
            )
            on_ellipsoid = self.to_equal_area is not None
            feature_plane = zone_plane if each.is_zone else plane
            found.append([
                each.version_id, each.feature_id or None, source_id, attributes, each.is_zone, each.dimension,
                each.plane_m2, each.overlap_m2, each.perimeter_m,
                *((body.length_m, body.point_count, body.is_on_boundary) if body else (None, None, None)),
                body is not None, each.is_sliver, feature_plane,
                (zone_ellipsoid if each.is_zone else ellipsoid) if on_ellipsoid else feature_plane, length,
                0.0 if body is not None else self.far[(self.place, *key)],
                shapely.to_wkb(_union([each]), hex=True) if with_shapes else None,
            ])  # fmt: skip
        return found


def _lengths(asked: Sequence[Judged]) -> dict[str, float]:
    """By version the length of the lines that are met; those that lie on each other count once."""
    lines: dict[int, list[np.ndarray]] = {}
    for each in asked:
        if each.dimension == 1:
            lines.setdefault(each.version_id, []).append(each.shapes)
    found = {}
    for version, shapes in lines.items():
        joined = np.concatenate(shapes)
        found[str(version)] = float(
            shapely.length(joined[0] if len(joined) == 1 else shapely.union_all(joined))
        )
    return found


def _areal(shape: shapely.Geometry) -> shapely.Geometry:
    """A union of areas without the lines that GEOS may leave where one collapsed; a collection is nothing to cut by."""
    return polygonal(shape) if shapely.get_type_id(shape) == _COLLECTION else shape


def _union(met: Sequence[Judged]) -> shapely.Geometry:
    shapes = [shape for each in met for shape in each.cut()]
    return shapes[0] if len(shapes) == 1 else shapely.union_all(shapes)
