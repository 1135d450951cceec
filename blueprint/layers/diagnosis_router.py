"""Route of the upload doctor: look at a file before it becomes a version."""

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, UploadFile
from fastapi import Path as PathParameter
from pydantic import BaseModel, Field

from blueprint.edge import ActorDep, EdgeDep, SessionDep
from blueprint.given import Text
from blueprint.idempotency import IdempotentRoute
from blueprint.layers import catalogue
from blueprint.layers.crs_doctor import Guess
from blueprint.layers.diagnosis import Diagnosis, diagnose, last_version
from blueprint.layers.map_shift import ShiftFinding
from blueprint.layers.reading import staged
from blueprint.layers.upload_answer import name_of
from blueprint.permissions import Act, require
from blueprint.sharing.purposes import record_reading

router = APIRouter(prefix="/api/layers", tags=["layers"], route_class=IdempotentRoute)


class GuessOut(BaseModel):
    """A coordinate system in which the data fall into the city, why, and how sure."""

    crs: str
    name: str
    name_zh: str
    share_inside: float
    confidence: str
    why: list[str]
    why_zh: list[str]
    swapped: bool
    scale: float
    also: list[str]


class ShiftOut(BaseModel):
    """A map service's shift that the data carry; shares of the points compared."""

    system: str
    reference: str
    reference_zh: str
    compared: int
    share_as_is: float
    share_shifted_back: float
    moved_m: float
    """How far the shift moves the data, on average, in metres."""


class RasterFoundOut(BaseModel):
    """What a GeoTIFF holds; the size of a pixel is in units of its own CRS."""

    width: int
    height: int
    pixel_width: float
    pixel_height: float
    data_type: str
    nodata: str | None


class DiagnosisOut(BaseModel):
    """What a file holds and where its data would fall; `preview` is GeoJSON in degrees, `sketch` an SVG.

    Of a raster the bands are `sublayers`, and there are no fields, kinds and rows.
    """

    format: str
    sublayers: list[str]
    sublayer: str
    fields: list[str]
    row_count: int
    kinds: dict[str, int]
    has_heights: bool = Field(description="whether it has heights or measures (Z, M), which are dropped")
    rows: list[dict[str, Any]]
    raster: RasterFoundOut | None
    declared_crs: str | None
    bounds: list[float] | None
    operation: str | None
    operation_accuracy_m: float | None
    share_inside: float | None
    refusal: str | None
    refusal_zh: str | None
    registered: list[str]
    guesses: list[GuessOut]
    shift: ShiftOut | None
    advice: list[str]
    preview: dict[str, Any]
    sketch: str


@router.post("/{code}/diagnosis")
def diagnose_file(
    code: Annotated[Text, PathParameter(max_length=60, description="图层代码 layer code")],
    file: Annotated[UploadFile, File(description="待诊断的文件 the file to look at")],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    sublayer: Annotated[Text | None, Form(max_length=200)] = None,
    crs: Annotated[Text | None, Form(max_length=4000)] = None,
    encoding: Annotated[Text | None, Form(max_length=40)] = None,
    reference: Annotated[
        Text | None, Form(max_length=60, description="参照图层代码 a layer to compare with")
    ] = None,
) -> DiagnosisOut:
    """Look at a file for a layer: sublayers, fields, CRS, where the data would fall. Nothing is stored."""
    layer = catalogue.find_readable(session, code, actor)
    require(actor, Act.UPLOAD_VERSION, layer.thing)
    compared = catalogue.find_readable(session, reference, actor) if reference is not None else layer
    record_reading(session, actor, [compared.thing], kind="diagnosis", id=layer.code)
    with staged(file.file, name_of(file), scratch=edge.scratch, sublayer=sublayer) as staged_file:
        found = diagnose(
            session,
            layer,
            staged_file,
            city=edge.city,
            crs=crs,
            sublayer=sublayer,
            encoding=encoding,
            reference=last_version(session, compared),
        )
    return diagnosis_out(found)


def _shift_out(shift: ShiftFinding) -> ShiftOut:
    values = vars(shift) | {"reference": shift.reference.english, "reference_zh": shift.reference.chinese}
    return ShiftOut(**values)


def diagnosis_out(found: Diagnosis) -> DiagnosisOut:
    """A diagnosis as the outside sees it."""
    return DiagnosisOut(
        **(
            vars(found)
            | {
                "refusal": str(found.refusal) if found.refusal is not None else None,
                "refusal_zh": found.refusal.chinese if found.refusal is not None else None,
                "guesses": [_guess_out(guess) for guess in found.guesses],
                "raster": RasterFoundOut(**vars(found.raster)) if found.raster is not None else None,
                "shift": _shift_out(found.shift) if found.shift is not None else None,
            }
        )
    )


def _guess_out(guess: Guess) -> GuessOut:
    said = {
        "name": guess.name.english,
        "name_zh": guess.name.chinese,
        "why": [reason.english for reason in guess.why],
        "why_zh": [reason.chinese for reason in guess.why],
        "also": list(guess.also),
    }
    return GuessOut(**(vars(guess) | said))
