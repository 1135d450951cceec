"""Layers made for tests: shapes on whole metres, stored the way the product stores them."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from geoalchemy2.shape import from_shape
from pyproj import Geod, Transformer
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.equal_area import equal_area_proj4
from blueprint.layers.buffers import grown, read_buffer_rule
from blueprint.layers.catalogue import LayerDefinition, define_layer
from blueprint.layers.cutting import cut_features
from blueprint.layers.features_file import features_folder, kept
from blueprint.layers.measuring import equal_area, measured
from blueprint.layers.models import LayerVersion
from blueprint.layers.overlapping import may_overlap_each_other
from blueprint.layers.publication import bring_into_force
from blueprint.layers.storing import copy_features
from blueprint.permissions import at_console
from blueprint.quality.check import NOTHING_FOUND
from blueprint.quality.topology import InMemory, faces_of

ORIGIN = (500_000.0, 4_550_000.0)
"""A place within Anshan in EPSG:4550; shapes of tests are given in metres east and north of it."""

GEOD = Geod(a=6378137.0, rf=298.257222101)
"""The CGCS2000 ellipsoid."""

SCRATCH = Path(tempfile.gettempdir())

LONG_AGO = date(2020, 1, 1)
_KINDS = {"Polygon": "polygon", "MultiPolygon": "polygon", "LineString": "line", "MultiLineString": "line"}


def at_origin(shape: shapely.Geometry) -> shapely.Geometry:
    """A shape moved from local metres to its place in the city."""
    return shapely.transform(shape, lambda xy: xy + ORIGIN)


def square(west: float, south: float, side: float) -> shapely.Polygon:
    """A square in local metres."""
    return shapely.box(west, south, west + side, south + side)


def publish(
    session: Session,
    city: City,
    code: str,
    shapes: Sequence[shapely.Geometry],
    *,
    starts_on: date | None = LONG_AGO,
    valid_until: date | None = None,
    coverage: shapely.MultiPolygon | None = None,
    attributes: Sequence[Mapping[str, Any]] | None = None,
    **definition: Any,
) -> LayerVersion:
    """Define a layer and store `shapes` (local metres) as its next version, in force from `starts_on` unless None."""
    kind = _KINDS.get(shapes[0].geom_type, "point")
    values = {"title": code, "department": city.departments[0].code, "geometry": kind, "control": "restrict"}
    layer, _ = define_layer(
        session, LayerDefinition(code=code, **(values | definition)), city=city, actor=at_console("test")
    )
    last = session.scalar(select(func.max(LayerVersion.number)).where(LayerVersion.layer_id == layer.id)) or 0
    placed = [shapely.set_srid(at_origin(shape), city.working_srid) for shape in shapes]
    version = LayerVersion(
        layer_id=layer.id,
        number=last + 1,
        source_name="made.geojson",
        source_sha256=f"{last + 1:064d}",
        source_crs=city.working_crs,
        operation="none",
        operation_accuracy_m=0.0,
        buffer_m=layer.buffer_m,
        buffer_by=layer.buffer_by,
        feature_count=len(placed),
        vertex_count=int(shapely.get_num_coordinates(placed).sum()),
        has_overlaps=kind != "polygon"
        or layer.buffer_m > 0
        or may_overlap_each_other(flat := InMemory(shapely.set_srid(placed, 0)), faces_of(flat)),
        valid_until=valid_until,
        quality={"mended_count": 0, "mended_m2": 0.0, "issues": []},
        checked_at=datetime(2026, 1, 1, tzinfo=UTC),
        issue_counts=NOTHING_FOUND,
        uploaded_by="test",
        uploaded_at=datetime(2026, 1, 1, tzinfo=UTC),
        extent=from_shape(
            shapely.box(*shapely.buffer(shapely.union_all(placed), 1).bounds), srid=city.working_srid
        ),
        coverage=from_shape(at_origin(coverage), srid=city.working_srid) if coverage is not None else None,
    )
    session.add(version)
    session.flush()
    rows = attributes or [{}] * len(placed)
    keys = [row.get(layer.source_id_field or "") or f"S{number}" for number, row in enumerate(rows, start=1)]
    rule = read_buffer_rule(layer.buffer_by, layer.buffer_m, code)
    reaches = [rule.zone(layer.buffer_m, row).reach_m if layer.buffer_m else 0.0 for row in rows]
    batch = _batch(placed, keys, rows, reaches, city)
    with features_folder(SCRATCH) as folder:
        copy_features(session, version, kept(iter([batch]), folder))
        cut_features(session, version, folder, city=city)
    if starts_on is not None:
        bring_into_force(
            session,
            version,
            starts_on=starts_on,
            actor=at_console("test"),
            now=datetime(2026, 1, 1, tzinfo=UTC),
        )
    return version


def _batch(
    shapes: Sequence[shapely.Geometry],
    keys: Sequence[str],
    attributes: Sequence[Mapping[str, Any]],
    reaches: Sequence[float],
    city: City,
) -> pa.RecordBatch:
    zones = None
    if any(reaches):
        zones = shapely.set_srid(grown(shapes, reaches), city.working_srid)
    return measured(
        range(1, len(shapes) + 1),
        keys,
        [json.dumps(row, ensure_ascii=False) for row in attributes],
        np.array(shapes, dtype=object),
        zones,
        to_equal_area=equal_area(city.working_crs, equal_area_proj4(city)),
    )


def geodesic_m2(shape: shapely.Geometry, city: City) -> float:
    """The area on the CGCS2000 ellipsoid in m², edges followed every 25 m, by pyproj alone."""
    to_degrees = Transformer.from_crs(city.working_crs, f"EPSG:{city.geographic_srid}", always_xy=True)

    def ring_m2(ring: shapely.LinearRing) -> float:
        # As a line: of an outline with a spike, `segmentize` makes an empty area.
        followed = shapely.get_coordinates(shapely.segmentize(shapely.LineString(ring), 25))
        longitudes, latitudes = to_degrees.transform(followed[:, 0], followed[:, 1])
        return abs(GEOD.polygon_area_perimeter(longitudes, latitudes)[0])

    polygons = [part for part in shapely.get_parts(shape) if not part.is_empty]
    return sum(ring_m2(part.exterior) - sum(map(ring_m2, part.interiors)) for part in polygons)


def differing(one: Any, other: Any, *, within: float, place: str = "") -> list[str]:
    """Where two documents differ, numbers by more than `within`: one line a place."""
    if {type(one), type(other)} <= {int, float} and float in {
        type(one),
        type(other),
    }:  # PostgreSQL writes 25.0 as 25
        return [] if abs(one - other) <= within else [f"{place}: {one!r} {other!r}"]
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        return [
            line
            for key in one
            for line in differing(one[key], other[key], within=within, place=f"{place}.{key}")
        ]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        return [
            line
            for number, pair in enumerate(zip(one, other, strict=True))
            for line in differing(*pair, within=within, place=f"{place}[{number}]")
        ]
    return [] if one == other else [f"{place}: {one!r} {other!r}"]
