"""Coverage gaps (规划未覆盖): what of a site no feature of a layer covers, where a rule makes that a finding of its own."""

from collections.abc import Sequence
from pathlib import Path

import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City, polygonal
from blueprint.database import execute_prepared, load_statements, prepared
from blueprint.overlay import NOISE_M, Overlap, Relation
from blueprint.snapshot import LayerOnDay

_GAPS = prepared("gaps", load_statements(Path(__file__).with_suffix(".sql"))["gaps"].text)


def find_gaps(
    session: Session,
    site: shapely.MultiPolygon,
    layers: Sequence[LayerOnDay],
    *,
    city: City,
    site_m2: float,
) -> tuple[Overlap, ...]:
    """The part of a site (working CRS, `site_m2` by the city's measure) that each of these layers leaves open, where it leaves any."""
    if not layers:
        return ()
    by_version = {layer.version_id: layer for layer in layers}
    values = {
        "footprint": shapely.to_wkb(site),
        "working_srid": city.working_srid,
        "on_ellipsoid": city.area_measure is AreaMeasure.ELLIPSOID,
        "noise_m": NOISE_M,
        "version_ids": list(by_version),
        "sliver_widths": [layer.sliver_width_m for layer in by_version.values()],
    }
    return tuple(
        Overlap(
            version_id=version_id,
            feature_id=None,
            source_id=None,
            attributes={},
            relation=Relation.UNCOVERED,
            is_areal=True,
            overlap_m2=gap_m2,
            overlap_share=min(1.0, gap_m2 / site_m2),
            feature_share=None,
            length_m=0.0,
            point_count=0,
            distance_m=0.0,
            is_sliver=is_thin or gap_m2 < by_version[version_id].tolerance_m2,
            mean_width_m=2 * plane_m2 / perimeter_m,
            shape=polygonal(shapely.from_wkb(bytes(shape))),
        )
        for version_id, plane_m2, perimeter_m, gap_m2, is_thin, shape in execute_prepared(
            session, _GAPS, values
        )
    )
