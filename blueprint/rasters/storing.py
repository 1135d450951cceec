"""A GeoTIFF becomes a version of a raster layer: its COG in the object folder, its row in the catalogue."""

from dataclasses import dataclass

import shapely
from geoalchemy2.shape import from_shape
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.crs_registry import registered_transformations
from blueprint.errors import InvalidInputError
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.location import advice, compare_place, decision_of
from blueprint.layers.models import Layer, LayerVersion
from blueprint.layers.reading import StagedFile
from blueprint.layers.reading_report import noted
from blueprint.objects import objects_of
from blueprint.rasters.intake import RasterRequest, take_in
from blueprint.rasters.models import Raster
from blueprint.sentences import sentence_from


@dataclass(frozen=True)
class CrsAccepted:
    """A CRS that a person accepted."""

    crs: str
    by: str


def store_raster(
    session: Session,
    layer: Layer,
    version: LayerVersion,
    file: StagedFile,
    *,
    crs: str | None,
    accepted: CrsAccepted | None,
    band: str | None,
    city: City,
) -> None:
    """Give a draft version its raster; `crs` where the file does not say it, `band` where it has several.

    `accepted` is a CRS that the doctor suggested: it is tested, and kept with who accepted it.

    Raises InvalidInputError when the file cannot be taken. The COG is in the folder before the row is committed.
    """
    objects = objects_of(session)
    if version.coverage is not None:
        raise InvalidInputError("a raster speaks where it has values; give it no coverage")
    request = RasterRequest(
        working_crs=city.working_crs,
        surroundings=jurisdiction(city).surroundings,
        value_kind=layer.value_kind or "",
        crs=accepted.crs if accepted is not None else crs,
        band=band,
        registered=registered_transformations(session),
    )
    taken = take_in(file, request, advise=lambda points: advice(points, city, option="--accept-crs"))
    report = taken.report
    # Features of other layers say nothing of pixels; a boundary, to which a raster was cut, does.
    place = compare_place(session, report["edge"], city, [])
    if place.shift is not None and accepted is None:
        raise InvalidInputError(
            "{shift}, or accept the coordinate system that they say (--accept-crs at the console)",
            shift=place.shift.sentence(),
        )
    stored = objects.put(taken.cog)
    version.source_crs = report["source_crs"]
    version.operation = report["operation"]
    version.operation_accuracy_m = report["operation_accuracy_m"]
    version.has_overlaps = False
    version.extent = from_shape(shapely.box(*report["extent"]), srid=city.working_srid)
    version.quality = {
        "sublayer": str(report["source_band"]),
        "fields": [],
        "mended_count": 0,
        "mended_m2": 0.0,
        "outside_count": 0,
        "issues": [noted("nodata", sentence_from(note)) for note in report["notes"]],
        "declared_crs": report["declared_crs"],
        "placed_on": place.lies_on,
    }
    if accepted is not None:
        decision = decision_of(accepted.crs, report, city) | {"accepted_by": accepted.by}
        if place.shift is not None:
            decision["against"] = place.shift.sentence().english
        version.quality = version.quality | {"crs_decision": decision}
    names = (
        "source_band", "resampling", "width", "height", "pixel_width_m", "pixel_height_m", "data_type", "nodata",
    )  # fmt: skip
    version.raster = Raster(
        object_sha256=stored.sha256,
        size_bytes=stored.size_bytes,
        value_kind=layer.value_kind,
        **{name: report[name] for name in names},
        **report["statistics"],
    )
    session.flush()
