"""Overlays of many sites at once: what lies near them is read in one statement and cut in this process, step by step as `overlay.sql` does.

The statement of a single check spends its time on handing shapes to GEOS one by one; here GEOS gets them by the thousand. Figures
agree with the statement's to the rounding of coordinates (decision 0031).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import itemgetter
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import shapely
from pyproj import Transformer
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.connections import Beside
from blueprint.database import array_of, execute_prepared, load_statements, prepared
from blueprint.equal_area import EQUAL_AREA_SRID
from blueprint.layers.models import ConflictWhen
from blueprint.outline_walk import APART, AROUND, CROSSED, INSIDE, OPEN, walk
from blueprint.overlay import NOISE_M
from blueprint.overlay_known import Judged, KnownSite, common, measured_by, of_dimension
from blueprint.slivers import is_thin
from blueprint.snapshot import LayerOnDay

LARGEST_M2 = 2_000_000.0
"""Sites whose boxes are larger than this are asked one by one: what lies near many of them would fill the memory."""

_SQL = {
    name: prepared(name, statement.text)
    for name, statement in load_statements(Path(__file__).with_suffix(".sql")).items()
}

FEATURES_MET = _SQL["features_met"]
"""May be asked ahead."""


class Ground:
    """The layers that are asked, with what is the same for all sites: made once, by whoever asks for many."""

    def __init__(self, session: Session, layers: Sequence[LayerOnDay], *, city: City) -> None:
        self.city = city
        self.layers = {layer.version_id: layer for layer in layers if layer.version_id is not None}
        self.overlapping = {version_id for version_id, layer in self.layers.items() if layer.has_overlaps}
        self.coverages: dict[int, shapely.Geometry] = {}
        if limited := [version_id for version_id, layer in self.layers.items() if layer.has_coverage]:
            rows = execute_prepared(session, _SQL["coverages"], {"version_ids": limited})
            self.coverages = {version_id: shapely.from_wkb(bytes(shape)) for version_id, shape in rows}
        for coverage in self.coverages.values():
            shapely.prepare(coverage)
        self._proj4 = _proj4_of(session)

    @property
    def can_measure(self) -> bool:
        """Whether areas can be measured here as the database does."""
        return self.city.area_measure is AreaMeasure.PLANE or self._proj4 is not None

    @cached_property
    def to_equal_area(self) -> Transformer | None:
        """To the projection in which areas are measured; None where it is the working CRS itself."""
        if self.city.area_measure is AreaMeasure.PLANE:
            return None
        return _to_equal_area(self.city.working_crs, self._proj4)


def _proj4_of(session: Session) -> str | None:
    """The database's projection for areas; what it says once stays so, and is asked once."""
    engine = session.get_bind().engine
    if engine not in _PROJ4:
        found = execute_prepared(session, _SQL["equal_area"], {"srid": EQUAL_AREA_SRID})
        if not found:
            return None
        _PROJ4[engine] = found[0][0]
    return _PROJ4[engine]


_PROJ4: WeakKeyDictionary[Engine, str] = WeakKeyDictionary()


@lru_cache(maxsize=8)
def _to_equal_area(working_crs: str, proj4: str) -> Transformer:
    return Transformer.from_crs(working_crs, proj4, always_xy=True)


@dataclass(frozen=True)
class _Pieces:
    """What sites and parts share, a row each: `sites` is the place of the site; `lengths_m` are perimeters of areas.

    Where it is `uncut` the shape is still the part's, as WKB: what it shares with the site was measured along the outlines.
    """

    sites: np.ndarray
    versions: np.ndarray
    features: np.ndarray
    zones: np.ndarray
    dimensions: np.ndarray
    plane_m2: np.ndarray
    overlap_m2: np.ndarray
    lengths_m: np.ndarray
    shapes: np.ndarray
    uncut: np.ndarray

    def taken(self, rows: np.ndarray) -> "_Pieces":
        return _Pieces(*(getattr(self, column)[rows] for column in self.__dataclass_fields__))


def overlay_together(
    session: Session,
    sites: Sequence[shapely.MultiPolygon],
    ground: Ground,
    *,
    largest_m2: float = LARGEST_M2,
    beside: Beside | None = None,
) -> list[KnownSite | None]:
    """What the layers of a ground say of each site (working CRS, valid); None for one that is to be asked by itself.

    Sites whose boxes are larger than `largest_m2` are. `beside` reads what is told of the features while shapes are cut.
    """
    boxes = shapely.bounds(sites)
    small = np.flatnonzero((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) <= largest_m2)
    found: list[KnownSite | None] = [None] * len(sites)
    if ground.can_measure and len(small):
        shapes = np.asarray(sites)[small]
        for place, known in zip(small, _overlay(session, shapes, ground, beside), strict=True):
            found[place] = known
    return found


def _overlay(session: Session, sites: np.ndarray, ground: Ground, beside: Beside | None) -> list[KnownSite]:
    plane_m2, ellipsoid_m2 = shapely.area(sites), measured_by(ground.to_equal_area, sites)
    near = _near(session, sites, ground)
    features = _features_of(near)
    asked = beside.start(FEATURES_MET.name, features) if beside is not None else None
    judged = _judged(_shared(sites, near, plane_m2, ellipsoid_m2, ground), sites, ground)
    rows = asked.rows_or_none() if asked is not None else None
    if rows is None:
        rows = execute_prepared(session, FEATURES_MET, features)
    told = {row[:2]: row[2:] for row in rows}
    far = _distances(session, sites, judged, ground)
    not_covering = [
        (version_id, shapely.covers(coverage, sites)) for version_id, coverage in ground.coverages.items()
    ]
    return [
        KnownSite(
            place=place,
            shape=shape,
            plane_m2=float(plane_m2[place]),
            ellipsoid_m2=float(ellipsoid_m2[place]),
            judged=judged[place],
            told=told,
            far=far,
            not_covering=[version_id for version_id, covers in not_covering if not covers[place]],
            overlapping=ground.overlapping,
            to_equal_area=ground.to_equal_area,
        )
        for place, shape in enumerate(sites)
    ]


def _near(session: Session, sites: np.ndarray, ground: Ground) -> _Pieces:
    """The parts whose boxes sites meet, still whole and as WKB, in the order of sites, versions, features."""
    values = {
        "sites": list(shapely.to_wkb(sites)),
        "working_srid": ground.city.working_srid,
        "version_ids": array_of(ground.layers),
    }
    rows = execute_prepared(session, _SQL["parts_near"], values)
    rows.sort(key=_PLACE)
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    shapes = np.empty(len(rows), dtype=object)
    shapes[:] = [bytes(shape) for shape in columns[6]]
    return _Pieces(
        np.array(columns[0], dtype=np.int64) - 1,
        np.array(columns[1], dtype=np.int64),
        np.array(columns[2], dtype=np.int64),
        np.array(columns[3], dtype=bool),
        np.array([_DIMENSIONS[shape[1]] for shape in shapes], dtype=np.int64),
        np.array(columns[4], dtype=float),
        np.array(columns[5] if ground.to_equal_area is not None else columns[4], dtype=float),
        np.empty(len(rows)),
        shapes,
        np.zeros(len(rows), dtype=bool),
    )


_PLACE = itemgetter(0, 1, 2, 3)
_DIMENSIONS = (2, 0, 1, 2, 0, 1, 2)
"""By the kind of a shape in WKB, of which PostgreSQL's is little-endian here: 1 and 4 are points, 2 and 5 lines, 3 and 6 areas."""


def _features_of(pieces: _Pieces) -> dict[str, str]:
    """The features whose parts these are, as the statement `features_met` takes them."""
    keys = list(dict.fromkeys(zip(pieces.versions.tolist(), pieces.features.tolist(), strict=True)))
    return {
        "version_ids": array_of(version for version, _ in keys),
        "feature_ids": array_of(feature for _, feature in keys),
    }


def _shared(
    sites: np.ndarray,
    near: _Pieces,
    plane_m2: np.ndarray,
    measured_m2: np.ndarray,
    ground: Ground,
) -> _Pieces:
    """The pieces that sites and parts share, in their order; what lies wholly inside or around is not cut."""
    outsides = [v for v, layer in ground.layers.items() if layer.conflict_when == ConflictWhen.OUTSIDE]
    is_outside = np.isin(near.versions, outsides)
    walkable = np.flatnonzero(~is_outside & (near.dimensions == 2))
    walked = walk(sites, near.shapes[walkable].tolist(), near.sites[walkable], ground.to_equal_area)
    relations = np.full(len(near.sites), OPEN)
    relations[walkable] = walked.relations
    crossed = walked.relations == CROSSED
    near.plane_m2[walkable[crossed]] = walked.plane_m2[crossed]
    near.overlap_m2[walkable[crossed]] = walked.measured_m2[crossed]
    near.lengths_m[walkable[crossed]] = walked.perimeter_m[crossed]
    near.uncut[walkable[crossed]] = True
    left = np.flatnonzero(relations == OPEN)
    if len(left):
        near.shapes[left] = shapely.from_wkb(near.shapes[left])
        relations[left] = _related(sites[near.sites[left]], near.shapes[left])
        cut = np.flatnonzero(relations == OPEN)
        near.shapes[cut] = common(sites[near.sites[cut]], near.shapes[cut], near.dimensions[cut])
        near.plane_m2[cut] = shapely.area(near.shapes[cut])
        near.overlap_m2[cut] = measured_by(ground.to_equal_area, near.shapes[cut])
    around = np.flatnonzero(relations == AROUND)
    near.shapes[around] = sites[near.sites[around]]
    near.plane_m2[around] = plane_m2[near.sites[around]]
    near.overlap_m2[around] = measured_m2[near.sites[around]]
    inside = walkable[walked.relations == INSIDE]
    near.shapes[inside] = shapely.from_wkb(near.shapes[inside])
    built = np.flatnonzero(~near.uncut & (relations != APART))
    near.lengths_m[built] = shapely.length(near.shapes[built])
    is_met = near.uncut.copy()
    is_met[built] = ~shapely.is_empty(near.shapes[built])
    kept = near.taken(np.flatnonzero(is_met & ~is_outside))
    if not outsides:
        return kept
    return _joined(kept, _beyond(sites, near.taken(np.flatnonzero(is_met & is_outside)), outsides, ground))


def _related(sites: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """How parts lie to their sites as GEOS says; OPEN where they are to be cut."""
    shapely.prepare(sites)
    relations = np.where(shapely.intersects(sites, parts), OPEN, APART)
    relations[shapely.covers(sites, parts)] = INSIDE
    may_be_around = (relations == OPEN) & _boxes_inside(sites, parts)
    may_be_around[may_be_around] = shapely.covers(parts[may_be_around], sites[may_be_around])
    relations[may_be_around] = AROUND
    return relations


def _boxes_inside(inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
    small, large = shapely.bounds(inner), shapely.bounds(outer)
    return np.asarray((small[:, :2] >= large[:, :2]).all(axis=1) & (small[:, 2:] <= large[:, 2:]).all(axis=1))


def _beyond(sites: np.ndarray, inside: _Pieces, outsides: Sequence[int], ground: Ground) -> _Pieces:
    """Of layers whose outside is the conflict: what of each site none of their features covers, as feature 0."""
    places = np.repeat(np.arange(len(sites)), len(outsides))
    versions = np.tile(np.array(outsides, dtype=np.int64), len(sites))
    shapes = sites[places]
    for row, (place, version) in enumerate(zip(places, versions, strict=True)):
        met = inside.shapes[(inside.sites == place) & (inside.versions == version)]
        if len(met):
            shapes[row] = shapely.difference(shapes[row], shapely.union_all(met))
    shapes = of_dimension(shapes, np.full(len(shapes), 2))
    left = np.flatnonzero(~shapely.is_empty(shapes))
    shapes = shapes[left]
    nothing = np.zeros(len(left), dtype=np.int64)
    measures = measured_by(ground.to_equal_area, shapes)
    return _Pieces(
        places[left], versions[left], nothing, nothing.astype(bool), nothing + 2, shapely.area(shapes), measures,
        shapely.length(shapes), shapes, nothing.astype(bool),
    )  # fmt: skip


def _joined(kept: _Pieces, beyond: _Pieces) -> _Pieces:
    both = _Pieces(
        *(
            np.concatenate([getattr(kept, column), getattr(beyond, column)])
            for column in kept.__dataclass_fields__
        )
    )
    return both.taken(np.lexsort((both.zones, both.features, both.versions, both.sites)))


def _judged(pieces: _Pieces, sites: np.ndarray, ground: Ground) -> list[list[Judged]]:
    """By site the features that are met, bodies and zones; thinner than a micrometre is touching, and that is no conflict."""
    found: list[list[Judged]] = [[] for _ in sites]
    if not len(pieces.sites):
        return found
    keys = np.column_stack([pieces.sites, pieces.versions, pieces.features, pieces.zones])
    starts = np.flatnonzero(np.append(True, (keys[1:] != keys[:-1]).any(axis=1)))
    ends = np.append(starts[1:], len(keys))
    is_area, lengths = pieces.dimensions == 2, pieces.lengths_m
    thin = np.flatnonzero(~is_area)
    on_boundary = np.zeros(len(keys), dtype=bool)
    on_boundary[thin] = shapely.covered_by(pieces.shapes[thin], shapely.boundary(sites[pieces.sites[thin]]))
    points = np.zeros(len(keys), dtype=np.int64)
    dots = np.flatnonzero(pieces.dimensions == 0)
    points[dots] = shapely.get_num_geometries(pieces.shapes[dots])
    columns = zip(
        *(pieces.__dict__[name][starts].tolist() for name in ("sites", "versions", "features", "zones")),
        np.maximum.reduceat(pieces.dimensions, starts).tolist(),
        np.add.reduceat(np.where(is_area, pieces.plane_m2, 0.0), starts).tolist(),
        np.add.reduceat(np.where(is_area, pieces.overlap_m2, 0.0), starts).tolist(),
        np.add.reduceat(np.where(is_area, lengths, 0.0), starts).tolist(),
        np.add.reduceat(np.where(pieces.dimensions == 1, lengths, 0.0), starts).tolist(),
        np.add.reduceat(points, starts).tolist(),
        np.logical_and.reduceat(on_boundary, starts).tolist(),
        starts.tolist(),
        ends.tolist(),
        strict=True,
    )
    for (
        site,
        version,
        feature,
        zone,
        dimension,
        plane,
        overlap,
        around,
        length,
        count,
        touches,
        start,
        end,
    ) in columns:
        if count or length > NOISE_M or 2 * plane > NOISE_M * around:
            layer = ground.layers[version]
            met = Judged(
                version, feature, zone, dimension, plane, overlap, around, length, count, touches,
                layer.buffer_m > 0, sites[site], pieces.shapes[start:end], pieces.uncut[start:end],
            )  # fmt: skip
            is_sliver = dimension == 2 and (
                overlap < layer.tolerance_m2 or _is_thin(met, layer.sliver_width_m)
            )
            found[site].append(met._replace(is_sliver=True) if is_sliver else met)
    return found


def _is_thin(met: Judged, width_m: float) -> bool:
    """The opening test: shrunk by half the width nothing is left."""
    if 2 * met.plane_m2 > width_m * met.perimeter_m:
        return False
    return is_thin(shapely.union_all(met.cut()), width_m)


def _distances(
    session: Session, sites: np.ndarray, judged: list[list[Judged]], ground: Ground
) -> Mapping[tuple[int, int, int], float]:
    """How far the bodies lie of which only the zones are met, by the site's place, version and feature."""
    asked = []
    for place, met in enumerate(judged):
        bodies = {(each.version_id, each.feature_id) for each in met if not each.is_zone}
        asked += [
            (place, each.version_id, each.feature_id)
            for each in met
            if each.is_zone and (each.version_id, each.feature_id) not in bodies
        ]
    if not asked:
        return {}
    values = {
        "sites": [shapely.to_wkb(sites[place]) for place, _, _ in asked],
        "version_ids": [version_id for _, version_id, _ in asked],
        "feature_ids": [feature_id for _, _, feature_id in asked],
        "working_srid": ground.city.working_srid,
    }
    rows = execute_prepared(session, _SQL["distances"], values)
    return {key: row[0] for key, row in zip(asked, rows, strict=True)}
