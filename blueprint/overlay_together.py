"""Overlays of many sites at once: what lies near them is read in one statement and cut in this process, step by step as `overlay.sql` does.

The statement of a single check spends its time on handing shapes to GEOS one by one; here GEOS gets them by the thousand. Figures
agree with the statement's to the rounding of coordinates (decision 0031).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import shapely
from pyproj import Transformer
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.connections import Beside
from blueprint.database import Prepared, array_of, execute_prepared, load_statements, prepared
from blueprint.equal_area import EQUAL_AREA_SRID
from blueprint.layers.models import ConflictWhen
from blueprint.outline_walk import APART, AROUND, CROSSED, INSIDE, OPEN, OutlinedSites, outlined, walk
from blueprint.overlay import NOISE_M
from blueprint.overlay_known import Judged, KnownSite, common, measured_by, of_dimension
from blueprint.piece_sums import sum_pieces
from blueprint.slivers import is_thin
from blueprint.snapshot import LayerOnDay

LARGEST_M2 = 2_000_000.0
"""Sites whose boxes are larger than this are asked one by one: what lies near many of them would fill the memory."""

LONGEST_M = 20_000.0
"""Longer sites, too: a polynomial of the second degree no longer says how areas scale along them (4·10⁻⁴ m² off at 60 km)."""

_ASKED_M2 = 20_000_000.0
"""The boxes of the sites that are asked in one statement have about so much together: its answer is one row, of 1 GB at most."""

_SQL = {
    name: prepared(name, statement.text)
    for name, statement in load_statements(Path(__file__).with_suffix(".sql")).items()
}

PARTS_NEAR, FEATURES_MET = _SQL["parts_near"], _SQL["features_met"]
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


def load_loops() -> None:
    """Load what is compiled: where this machine has not done so before it is compiled, which takes a while."""
    wkbs = list(shapely.to_wkb([shapely.box(0, 0, 2, 2), shapely.box(1, 1, 3, 3)]))
    row = np.zeros(1, dtype=np.int64)
    walked = walk(outlined(wkbs[:1], None), wkbs[1:], row)
    areas, lengths = (walked.plane_m2, walked.measured_m2), walked.perimeter_m
    sum_pieces(np.zeros((4, 1), dtype=np.int64), row, *areas, lengths, row, row)


def overlay_together(
    session: Session,
    sites: Sequence[shapely.MultiPolygon],
    ground: Ground,
    *,
    largest_m2: float = LARGEST_M2,
    beside: Beside | None = None,
) -> list[KnownSite | None]:
    """What the layers of a ground say of each site (working CRS, valid); None for one that is to be asked by itself.

    Sites whose boxes are larger than `largest_m2`, or longer than `LONGEST_M`, are. `beside` reads what is told of the features while shapes are cut.
    """
    found: list[KnownSite | None] = [None] * len(sites)
    if not ground.can_measure:
        return found
    boxes = shapely.bounds(sites)
    sides = boxes[:, 2:] - boxes[:, :2]
    boxes_m2 = sides.prod(axis=1)
    small = np.flatnonzero((boxes_m2 <= largest_m2) & (sides.max(axis=1) <= LONGEST_M))
    statement = np.cumsum(boxes_m2[small]) // _ASKED_M2
    for number in np.unique(statement):
        asked = small[statement == number]
        for place, known in zip(
            asked, _overlay(session, np.asarray(sites)[asked], ground, beside), strict=True
        ):
            found[place] = known
    return found


def _overlay(session: Session, sites: np.ndarray, ground: Ground, beside: Beside | None) -> list[KnownSite]:
    wkbs = list(shapely.to_wkb(sites))
    parts = _Asked(session, beside, PARTS_NEAR, {
        "sites": wkbs,
        "working_srid": ground.city.working_srid,
        "version_ids": array_of(ground.layers),
    })  # fmt: skip
    plane_m2, outlines = shapely.area(sites), outlined(wkbs, ground.to_equal_area)
    ellipsoid_m2 = outlines.measured_m2
    near = _near(parts.row(), ground)
    features = _Asked(session, beside, FEATURES_MET, _features_of(near))
    judged = _judged(_shared(sites, outlines, near, plane_m2, ground), sites, ground)
    told = {(version, feature): columns for version, feature, *columns in features.row()[0]}
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


class _Asked:
    """A statement of one row under way beside the session, while something else is done; where it cannot be, the session is asked for it."""

    def __init__(
        self, session: Session, beside: Beside | None, statement: Prepared, values: Mapping[str, Any]
    ) -> None:
        self._session, self._statement, self._values = session, statement, values
        self._asked = beside.start(statement.name, values) if beside is not None else None

    def row(self) -> tuple[Any, ...]:
        """The row, once it is there."""
        rows = self._asked.rows_or_none() if self._asked is not None else None
        return (rows or execute_prepared(self._session, self._statement, self._values))[0]


def _near(row: tuple[Any, ...], ground: Ground) -> _Pieces:
    """The parts whose boxes sites meet, still whole and as WKB, in the order of sites, versions, features."""
    places, versions, features, zones, plane_m2, ellipsoid_m2, lengths, shapes = (
        bytes(column) if column is not None else b"" for column in row
    )
    ends = np.frombuffer(lengths, ">i4").cumsum().tolist()
    wkbs = [shapes[begin:end] for begin, end in pairwise([0, *ends])]
    parts = np.empty(len(wkbs), dtype=object)
    parts[:] = wkbs
    return _Pieces(
        np.frombuffer(places, ">i8").astype(np.int64) - 1,
        np.frombuffer(versions, ">i4").astype(np.int64),
        np.frombuffer(features, ">i8").astype(np.int64),
        np.frombuffer(zones, np.bool_),
        np.array([_DIMENSIONS[wkb[1]] for wkb in wkbs], dtype=np.int64),
        np.frombuffer(plane_m2, ">f8").astype(np.float64),
        np.frombuffer(ellipsoid_m2 if ground.to_equal_area is not None else plane_m2, ">f8").astype(
            np.float64
        ),
        np.empty(len(wkbs)),
        parts,
        np.zeros(len(wkbs), dtype=bool),
    )


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
    outlines: OutlinedSites,
    near: _Pieces,
    plane_m2: np.ndarray,
    ground: Ground,
) -> _Pieces:
    """The pieces that sites and parts share, in their order; what lies wholly inside or around is not cut."""
    outsides = [v for v, layer in ground.layers.items() if layer.conflict_when == ConflictWhen.OUTSIDE]
    is_outside = np.isin(near.versions, outsides) if outsides else np.zeros(len(near.versions), dtype=bool)
    walkable = np.flatnonzero(~is_outside & (near.dimensions == 2))
    walked = walk(outlines, near.shapes[walkable].tolist(), near.sites[walkable])
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
    near.overlap_m2[around] = outlines.measured_m2[near.sites[around]]
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
    on_boundary = np.zeros(len(pieces.sites), dtype=np.int64)
    points = np.zeros(len(pieces.sites), dtype=np.int64)
    thin = np.flatnonzero(pieces.dimensions < 2)
    if len(thin):
        outlines = shapely.boundary(sites[pieces.sites[thin]])
        on_boundary[thin] = shapely.covered_by(pieces.shapes[thin], outlines)
        is_dot = pieces.dimensions[thin] == 0
        points[thin] = np.where(is_dot, shapely.get_num_geometries(pieces.shapes[thin]), 0)
    keys = np.array([pieces.sites, pieces.versions, pieces.features, pieces.zones])
    starts, figures, counts = sum_pieces(
        keys,
        pieces.dimensions,
        pieces.plane_m2,
        pieces.overlap_m2,
        pieces.lengths_m,
        points,
        on_boundary,
    )
    runs = zip(keys[:, starts[:-1]].T.tolist(), figures.tolist(), counts.tolist(), strict=True)
    bounds = starts.tolist()
    for run, (key, (plane_m2, overlap_m2, around_m, length_m), (dimension, count, touches)) in enumerate(
        runs
    ):
        if count or length_m > NOISE_M or 2 * plane_m2 > NOISE_M * around_m:
            site, version, feature, is_zone = key
            layer, own = ground.layers[version], slice(bounds[run], bounds[run + 1])
            met = Judged(
                version, feature, bool(is_zone), dimension, plane_m2, overlap_m2, around_m, length_m, count,
                bool(touches), layer.buffer_m > 0, sites[site], pieces.shapes[own], pieces.uncut[own],
            )  # fmt: skip
            is_sliver = dimension == 2 and (
                overlap_m2 < layer.tolerance_m2 or _is_thin(met, layer.sliver_width_m)
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
