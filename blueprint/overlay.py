"""The overlay: what the layers in force share with a footprint, asked in one statement (`overlay.sql`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.database import array_of, execute_prepared, load_statements, prepared
from blueprint.layers.models import ConflictWhen, Control
from blueprint.rasters.zonal import Zonal, measure_rasters
from blueprint.snapshot import LayerOnDay

ENGINE = "overlay-6"
"""Named in every digest; raised whenever the same input may give other figures."""

NOISE_M = 1e-6
"""Overlaps thinner, or shorter, than this are the rounding of coordinates."""

_COVERED = 1 - 1e-6
"""A share of the footprint from which on all of it is meant: shares of pixels are known to about 1e-7."""

CLOSING_M2 = 0.01
"""The ledger's pieces add up to the footprint within this."""

OVERLAPS = prepared("overlaps", load_statements(Path(__file__).with_suffix(".sql"))["overlaps"].text)
"""The one statement."""
RANKS = {control: rank for rank, control in enumerate(Control, start=1)}
"""The controls as the statement has them: 1 is the worst, 4 only informs."""


class Relation(StrEnum):
    """How a footprint stands to a feature; `touches` is said of points and lines on its boundary alone.

    `uncovered` is what no feature of a layer covers, where a rule makes that a finding beside the features that are met.
    """

    OVERLAPS = "overlaps"
    WITHIN = "within"
    COVERS = "covers"
    CROSSES = "crosses"
    CONTAINS = "contains"
    TOUCHES = "touches"
    WITHIN_DISTANCE = "within_distance"
    OUTSIDE = "outside"
    UNCOVERED = "uncovered"


class Overlap(NamedTuple):
    """What a footprint shares with one feature; areas by the city's measure in m², lengths in m."""

    version_id: int
    feature_id: int | None
    source_id: str | None
    attributes: Mapping[str, Any]
    relation: Relation
    is_areal: bool
    overlap_m2: float
    overlap_share: float
    feature_share: float | None
    length_m: float
    point_count: int
    distance_m: float
    is_sliver: bool
    mean_width_m: float
    shape: BaseGeometry | None
    rule: str | None = None
    """The rule that asked for it by itself; None for what the layer's own question found."""


@dataclass(frozen=True)
class SiteMeasures:
    """The footprint itself: `area_m2` by the city's measure, `plane_area_m2` in the working CRS."""

    area_m2: float
    plane_area_m2: float
    perimeter_m: float
    parts: int


@dataclass(frozen=True)
class Ledger:
    """The footprint in disjoint pieces, worst control first, in m²."""

    conflict_free_m2: float
    prohibited_m2: float
    restricted_m2: float
    advised_m2: float
    closes: bool


@dataclass(frozen=True)
class Overlay:
    """All that one statement says of a footprint; by version, `layer_m2` and `layer_m` measure the overlaps' union."""

    site: SiteMeasures
    ledger: Ledger
    overlaps: tuple[Overlap, ...]
    layer_m2: Mapping[int, float]
    layer_m: Mapping[int, float]
    not_covering: frozenset[int]
    rasters: Mapping[int, Zonal]
    """What the rasters say, by version."""
    failed: frozenset[int] = frozenset()
    """The versions that could not be asked, as their file cannot be read."""


class Answer(NamedTuple):
    """The one row of the statement, its columns in their order; `findings` have the fields of `Found`."""

    plane_m2: float
    ellipsoid_m2: float
    perimeter_m: float
    prohibited_m2: float
    restricted_m2: float
    advised_m2: float
    conflict_free_m2: float
    findings: list[list[Any]]
    layer_areas: dict[str, float]
    layer_lengths: dict[str, float]
    not_covering: list[int]


class Known(Protocol):
    """A site of which everything was read before: it answers in the statement's place."""

    def answer(
        self,
        layers: Sequence[LayerOnDay],
        *,
        zones: Sequence[tuple[int, shapely.MultiPolygon]],
        with_shapes: bool,
    ) -> Answer:
        """The one row of the statement; `zones` with the rank of their control."""


def find_overlaps(
    session: Session,
    footprint: shapely.MultiPolygon,
    layers: Sequence[LayerOnDay],
    *,
    city: City,
    with_shapes: bool = False,
    zones: Sequence[tuple[Control, shapely.MultiPolygon]] = (),
    known: Known | None = None,
) -> Overlay:
    """Overlay a footprint (working CRS, valid) with the versions of `layers`; all of them must have one.

    `zones` are further areas of the ledger, each with its control; a site that is `known` is not asked.
    """
    rasters, failed = measure_rasters(session, footprint, layers)
    hits = [layer for layer in layers if _is_hit(layer, rasters)]
    all_zones = [
        *((RANKS[Control(layer.control)], _zone(rasters, layer, footprint)) for layer in hits),
        *((RANKS[control], zone) for control, zone in zones),
    ]
    asked = [layer for layer in layers if layer.version_id not in rasters and layer.version_id not in failed]
    if known is not None:
        row = known.answer(asked, zones=all_zones, with_shapes=with_shapes)
    else:
        values = parameters(footprint, asked, city=city, with_shapes=with_shapes, zones=all_zones)
        row = Answer._make(execute_prepared(session, OVERLAPS, values)[0])
    on_ellipsoid = city.area_measure is AreaMeasure.ELLIPSOID
    site = SiteMeasures(
        area_m2=row.ellipsoid_m2 if on_ellipsoid else row.plane_m2,
        plane_area_m2=row.plane_m2,
        perimeter_m=row.perimeter_m,
        parts=len(footprint.geoms),
    )
    return Overlay(
        site=site,
        ledger=_ledger(row, site),
        overlaps=(
            *(_overlap(Found(*values), site) for values in row.findings),
            *(_of_raster(layer, rasters, site.area_m2, with_shape=with_shapes) for layer in hits),
        ),
        layer_m2={int(version_id): area for version_id, area in row.layer_areas.items()}
        | {version_id: raster.met_share * site.area_m2 for version_id, raster in rasters.items()},
        layer_m={int(version_id): length for version_id, length in row.layer_lengths.items()},
        not_covering=frozenset(row.not_covering)
        | {version_id for version_id, raster in rasters.items() if raster.known_share < _COVERED},
        rasters=rasters,
        failed=failed,
    )


def _is_hit(layer: LayerOnDay, rasters: Mapping[int, Zonal]) -> bool:
    raster = rasters.get(layer.version_id) if layer.version_id is not None else None
    return raster is not None and raster.is_hit(layer.threshold)


def _zone(
    rasters: Mapping[int, Zonal], layer: LayerOnDay, footprint: shapely.MultiPolygon
) -> shapely.MultiPolygon:
    """Where the threshold holds; too ragged to draw, the whole footprint stands for it in the ledger."""
    assert layer.version_id is not None
    return rasters[layer.version_id].zone or footprint


def parameters(
    footprint: shapely.MultiPolygon,
    layers: Sequence[LayerOnDay],
    *,
    city: City,
    with_shapes: bool = False,
    zones: Sequence[tuple[int, shapely.MultiPolygon]] = (),
) -> dict[str, Any]:
    """The values bound to the statement `overlaps`; `zones` are further areas of the ledger, each with its control's rank."""
    return {
        "zone_ranks": array_of(rank for rank, _ in zones),
        "zones": [shapely.to_wkb(zone) for _, zone in zones],
        "footprint": shapely.to_wkb(footprint),
        "working_srid": city.working_srid,
        "on_ellipsoid": city.area_measure is AreaMeasure.ELLIPSOID,
        "noise_m": NOISE_M,
        "with_shapes": with_shapes,
        "version_ids": array_of(layer.version_id for layer in layers),
        "control_ranks": array_of(RANKS[Control(layer.control)] for layer in layers),
        "outsides": array_of(layer.conflict_when == ConflictWhen.OUTSIDE for layer in layers),
        "buffereds": array_of(layer.buffer_m > 0 for layer in layers),
        "tolerances": array_of(layer.tolerance_m2 for layer in layers),
        "sliver_widths": array_of(layer.sliver_width_m for layer in layers),
    }


def _ledger(row: Answer, site: SiteMeasures) -> Ledger:
    pieces = (row.conflict_free_m2, row.prohibited_m2, row.restricted_m2, row.advised_m2)
    return Ledger(*pieces, closes=abs(sum(pieces) - site.area_m2) <= CLOSING_M2)


class Found(NamedTuple):
    """A finding as the statement gives it: of a feature and, in a buffered layer, of its zone."""

    version_id: int
    feature_id: int | None
    source_id: str | None
    attributes: dict[str, Any] | None
    is_zone: bool
    dimension: int
    plane_m2: float
    overlap_m2: float
    perimeter_m: float
    length_m: float | None
    point_count: int | None
    is_on_boundary: bool | None
    is_body_met: bool
    is_sliver: bool
    feature_plane_m2: float | None
    feature_m2: float | None
    feature_length_m: float | None
    distance_m: float
    shape: str | None


def _overlap(found: Found, site: SiteMeasures) -> Overlap:
    is_areal = found.dimension == 2
    overlap_m2, feature_m2 = found.overlap_m2, found.feature_m2
    # By place, not by name: a large footprint has hundreds of them.
    return Overlap(
        found.version_id,
        found.feature_id,
        found.source_id,
        found.attributes or {},
        _relation(found, site),
        is_areal,
        overlap_m2,
        min(1.0, overlap_m2 / site.area_m2),
        min(1.0, overlap_m2 / feature_m2) if is_areal and feature_m2 else None,
        found.length_m or 0.0,
        int(found.point_count or 0),
        found.distance_m,
        found.is_sliver,
        2 * found.plane_m2 / found.perimeter_m if found.perimeter_m else 0.0,
        shapely.from_wkb(found.shape) if found.shape else None,
    )


def raster_overlap(layer: LayerOnDay, rasters: Mapping[int, Zonal], *, site_m2: float) -> Overlap | None:
    """What a raster that was measured says by its layer's threshold, with its shape where it can be drawn; None where that does not hold."""
    return _of_raster(layer, rasters, site_m2, with_shape=True) if _is_hit(layer, rasters) else None


def _of_raster(
    layer: LayerOnDay, rasters: Mapping[int, Zonal], site_m2: float, *, with_shape: bool
) -> Overlap:
    """A raster beyond its threshold on more than its share: no feature, but where and how much."""
    assert layer.version_id is not None
    raster = rasters[layer.version_id]
    return Overlap(
        version_id=layer.version_id,
        feature_id=None,
        source_id=None,
        attributes=raster.to_json(layer.threshold, unit=layer.unit),
        relation=Relation.WITHIN if raster.met_share >= _COVERED else Relation.OVERLAPS,
        is_areal=True,
        overlap_m2=raster.met_share * site_m2,
        overlap_share=raster.met_share,
        feature_share=None,
        length_m=0.0,
        point_count=0,
        distance_m=0.0,
        is_sliver=False,
        mean_width_m=0.0,
        shape=raster.zone if with_shape else None,
    )


def _relation(found: Found, site: SiteMeasures) -> Relation:
    if found.feature_id is None:
        return Relation.OUTSIDE
    if found.is_zone and not found.is_body_met:
        return Relation.WITHIN_DISTANCE
    if found.feature_plane_m2 is None or (found.is_zone and found.feature_length_m is not None):
        return _relation_of_thin(found)
    plane_m2 = found.plane_m2
    if site.plane_area_m2 - plane_m2 <= NOISE_M * site.perimeter_m:
        return Relation.WITHIN
    if found.feature_plane_m2 - plane_m2 <= NOISE_M * found.perimeter_m:
        return Relation.COVERS
    return Relation.OVERLAPS


def _relation_of_thin(found: Found) -> Relation:
    """The relation to a line or a point: on the boundary, wholly inside, or through it."""
    if found.is_on_boundary:
        return Relation.TOUCHES
    length_m = found.feature_length_m
    if length_m is None or length_m - (found.length_m or 0.0) <= NOISE_M:
        return Relation.CONTAINS
    return Relation.CROSSES
