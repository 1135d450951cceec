"""Taking in a GeoTIFF: read and written anew as a Cloud-Optimised GeoTIFF in the confined child process."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import rasterio

from blueprint.errors import InvalidInputError
from blueprint.layers.cell import cause_of_death, cell
from blueprint.layers.children import Kind
from blueprint.layers.confinement import Bounds, skip_drivers
from blueprint.layers.reading import StagedFile
from blueprint.sentences import Sentence, sentence_from
from blueprint.transformations import RegisteredTransformation, find_operation

_ALLOWED_DRIVERS = ("GTiff", "COG", "MEM")


@dataclass(frozen=True)
class RasterRequest:
    """What is asked of the child: `surroundings` as west, south, east, north in the working CRS."""

    working_crs: str
    surroundings: tuple[float, float, float, float]
    value_kind: str
    crs: str | None = None
    band: str | None = None
    registered: tuple[RegisteredTransformation, ...] = ()


@dataclass(frozen=True)
class RasterReading:
    """The COG that the child wrote into the scratch folder, and its report."""

    cog: Path
    report: dict[str, Any]


@cache
def _skipped_drivers() -> str:
    with rasterio.Env() as environment:
        return skip_drivers(environment.drivers(), _ALLOWED_DRIVERS)


def take_in(
    file: StagedFile, request: RasterRequest, *, advise: Callable[[list[list[float]]], Sentence]
) -> RasterReading:
    """Let the child read the staged GeoTIFF and write it as a COG in the working CRS.

    `advise` says of points in the file's coordinates what a person may do when they lie elsewhere, or name no CRS.
    Raises InvalidInputError when the child refuses the file or comes to its bounds.
    """
    cog = file.folder / "cog.tif"
    report = _report_of("blueprint.rasters.intake_child", file, request, cog=str(cog))
    if report["refusal"] is not None:
        refusal = sentence_from(report["refusal"])
        if report["is_misplaced"]:
            raise InvalidInputError("{refusal}; {advice}", refusal=refusal, advice=advise(report["sample"]))
        raise InvalidInputError(refusal)
    return RasterReading(cog, report)


def survey(file: StagedFile, request: RasterRequest) -> dict[str, Any]:
    """Let the child look at the staged GeoTIFF: bands, CRS, where its values lie (`survey_child.RasterSurvey`)."""
    report = _report_of("blueprint.rasters.survey_child", file, request)
    if report["refusal"] is not None:
        raise InvalidInputError(sentence_from(report["refusal"]))
    return report


def _report_of(module: str, file: StagedFile, request: RasterRequest, **more: str) -> dict[str, Any]:
    if file.dataset.suffix != ".tif":
        raise InvalidInputError("this is no GeoTIFF; a raster layer takes GeoTIFF and COG files (.tif)")
    if request.crs is not None:
        # Refused here, before a process is started.
        find_operation(request.crs, request.working_crs, request.registered)
    with cell(
        module,
        asdict(request) | {"path": str(file.dataset)} | more,
        folder=file.folder,
        skipped_drivers=_skipped_drivers(),
        bounds=Bounds(),
        kind=Kind.RASTER,
    ) as child:
        text = child.report.read(8 << 20)
        if not text:
            raise cause_of_death(child)
    report: dict[str, Any] = json.loads(text)
    return report
