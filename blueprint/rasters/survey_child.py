"""Inside the cell: look at a GeoTIFF without taking it: bands, CRS as said, and where its values lie."""

from dataclasses import dataclass, field
from typing import Any

import rasterio

from blueprint.crs import label, parse_crs
from blueprint.rasters.intake_child import (
    chosen_band,
    declared_crs,
    refuse_what_cannot_be,
    tell,
)
from blueprint.rasters.whereabouts import whereabouts


@dataclass
class RasterSurvey:
    """What a raster is, as far as one looks at it; sizes of pixels, `points` and `edge` in the file's own coordinates."""

    sublayers: list[str] = field(default_factory=list)
    sublayer: str = "1"
    width: int = 0
    height: int = 0
    pixel_width: float = 0.0
    pixel_height: float = 0.0
    data_type: str = ""
    nodata: str | None = None
    declared_crs: str | None = None
    declared_text: str | None = None
    bounds: list[float] | None = None
    points: list[list[float]] = field(default_factory=list)
    edge: list[list[float]] = field(default_factory=list)
    refusal: dict[str, Any] | None = None


def main(request: dict[str, Any]) -> None:
    """Survey the file of the request; a refusal is said in the report, never by a traceback."""
    tell(request, RasterSurvey(), _survey)


def _survey(request: dict[str, Any], survey: RasterSurvey) -> None:
    with rasterio.open(request["path"], driver="GTiff") as source:
        band = chosen_band(source, request["band"] or "1")
        refuse_what_cannot_be(source, band)
        survey.sublayers = [str(number) for number in source.indexes]
        survey.sublayer = str(band)
        survey.width, survey.height = source.width, source.height
        survey.pixel_width, survey.pixel_height = source.res
        survey.data_type = source.dtypes[band - 1]
        survey.nodata = None if source.nodatavals[band - 1] is None else f"{source.nodatavals[band - 1]:g}"
        survey.declared_text = declared_crs(source)
        if survey.declared_text is not None:
            survey.declared_crs = label(parse_crs(survey.declared_text))
        survey.bounds = list(source.bounds)
        points, edge = whereabouts(source, band)
        survey.points, survey.edge = points.tolist(), edge.tolist()
