"""Routes of layers: catalogue, versions, in force, withdrawal."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, File, Query, Response, UploadFile
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, JSONResponse
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.edge import ActorDep, CityDep, EdgeDep, NowDep, SessionDep, TodayDep
from blueprint.errors import NotFoundError
from blueprint.etags import IfMatch, IfNoneMatch, changed_meanwhile, hold_to, tagged
from blueprint.given import Text
from blueprint.idempotency import IdempotentRoute
from blueprint.layers import catalogue, publication, retirement
from blueprint.layers.drafts import readable_version, refuse_draft_of_others
from blueprint.layers.formats import TAKEN
from blueprint.layers.originals import take_original
from blueprint.layers.schemas import (
    InForceIn,
    LayerIn,
    LayerOut,
    LayerPage,
    RetirementIn,
    VersionOut,
    VersionPage,
)
from blueprint.layers.shown import layer_out, version_out, version_told
from blueprint.layers.upload_answer import ACCEPTED, Prefer, answer_upload
from blueprint.layers.upload_form import UploadFormDep
from blueprint.permissions import Act, Thing, may, require
from blueprint.rasters.picture import draw_picture
from blueprint.sharing.purposes import record_reading

router = APIRouter(prefix="/api/layers", tags=["layers"], route_class=IdempotentRoute)

Code = Annotated[Text, PathParameter(max_length=60, description="图层代码 layer code")]
OCTETS = "application/octet-stream"
PNG = "image/png"
Number = Annotated[int, PathParameter(ge=1, le=2_000_000_000, description="版本号 version number")]


@router.get("")
def list_layers(
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    today: TodayDep,
    cursor: Annotated[Text, Query(max_length=60)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    search: Annotated[
        Text, Query(alias="q", max_length=200, description="检索词，空格分隔 words that must all occur")
    ] = "",
) -> LayerPage:
    """The layers that the caller may read, with the version in force today; `q` searches names and metadata."""
    require(actor, Act.LIST_LAYERS)
    layers = catalogue.list_layers(session, city, after=cursor, search=search)
    readable = [layer for layer in layers if may(actor, Act.READ_LAYER, layer.thing)]
    items = [layer_out(layer, city, today) for layer in readable[:limit]]
    record_reading(session, actor, [layer.thing for layer in readable[:limit]], kind="layers", id="list")
    return LayerPage(items=items, next=items[-1].code if len(readable) > limit else None)


@router.post("", status_code=201)
def define_layer(
    definition: LayerIn,
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    today: TodayDep,
    response: Response,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> LayerOut:
    """Define a layer, or change the rule of one that exists; with `If-None-Match: *` only one that does not exist yet."""
    require(actor, Act.DEFINE_LAYER, Thing(department=definition.department, layer=definition.code))
    if if_match is not None:
        _hold_definition(session, definition.code, if_match, city=city, today=today)
    values = catalogue.LayerDefinition(**definition.model_dump())
    layer, _ = catalogue.define_layer(
        session, values, city=city, actor=actor, is_meant_new=if_none_match is not None
    )
    return tagged(layer_out(layer, city, today), response)


@router.get("/{code}")
def show_layer(
    code: Code, session: SessionDep, actor: ActorDep, city: CityDep, today: TodayDep, response: Response
) -> LayerOut:
    """One layer."""
    layer = catalogue.find_readable(session, code, actor)
    record_reading(session, actor, [layer.thing], kind="layer", id=layer.code)
    return tagged(layer_out(layer, city, today), response)


@router.post("/{code}/retirement")
def retire_layer(
    code: Code,
    body: RetirementIn,
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    today: TodayDep,
    response: Response,
    if_match: IfMatch = None,
) -> LayerOut:
    """Retire a layer of which nothing is in force: it stays, but nothing new comes of it, and checks leave it out."""
    layer = catalogue.find_readable(session, code, actor)
    require(actor, Act.DEFINE_LAYER, layer.thing)
    hold_to(session, if_match, layer, lambda: layer_out(layer, city, today))
    retirement.retire(session, layer, reason=body.reason, on=today, actor=actor)
    return tagged(layer_out(layer, city, today), response)


@router.delete("/{code}/retirement")
def reinstate_layer(
    code: Code,
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    today: TodayDep,
    response: Response,
    if_match: IfMatch = None,
) -> LayerOut:
    """Take a retired layer into use again."""
    layer = catalogue.find_readable(session, code, actor)
    require(actor, Act.DEFINE_LAYER, layer.thing)
    hold_to(session, if_match, layer, lambda: layer_out(layer, city, today))
    retirement.reinstate(session, layer, actor=actor)
    return tagged(layer_out(layer, city, today), response)


@router.get("/{code}/versions")
def list_versions(
    code: Code, session: SessionDep, actor: ActorDep, city: CityDep, today: TodayDep
) -> VersionPage:
    """All versions of a layer, oldest first; drafts are for those who are signed in."""
    layer = catalogue.find_readable(session, code, actor)
    record_reading(session, actor, [layer.thing], kind="versions", id=layer.code)
    return VersionPage(
        items=[
            version_told(layer, version, actor, city, today)
            for version in layer.versions
            if actor.signed_in or version.periods
        ]
    )


@router.get("/{code}/versions/{number}")
def show_version(
    code: Code,
    number: Number,
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    today: TodayDep,
    response: Response,
) -> VersionOut:
    """One version."""
    layer = catalogue.find_readable(session, code, actor)
    version = publication.version_of(session, layer, number)
    if not actor.signed_in:  # to whom the list shows no draft either
        refuse_draft_of_others(actor, layer, version)
    record_reading(session, actor, [layer.thing], kind="version", id=f"{layer.code} v{number}")
    return tagged(version_told(layer, version, actor, city, today), response)


@router.get(
    "/{code}/versions/{number}/original",
    response_class=FileResponse,
    responses={200: {"content": {OCTETS: {"schema": {"type": "string", "format": "binary"}}}}},
)
def download_original(
    code: Code, number: Number, session: SessionDep, actor: ActorDep, edge: EdgeDep
) -> FileResponse:
    """The file that a version was made from, byte for byte; for who may upload, as it can hold what is not shown."""
    layer = catalogue.find_readable(session, code, actor)
    require(actor, Act.UPLOAD_VERSION, layer.thing)
    version = publication.version_of(session, layer, number)
    path = take_original(session, version, edge.objects, actor=actor)
    return FileResponse(path, media_type=OCTETS, filename=version.source_name)


@router.get(
    "/{code}/versions/{number}/picture",
    response_class=Response,
    responses={200: {"content": {PNG: {"schema": {"type": "string", "format": "binary"}}}}},
)
def picture_raster(
    code: Code, number: Number, session: SessionDep, actor: ActorDep, city: CityDep, today: TodayDep
) -> Response:
    """A small picture of a raster version, in Web Mercator, that fills the version's `extent`; for the map of its layer."""
    layer = catalogue.find_readable(session, code, actor)
    version = readable_version(session, layer, number, actor)
    record_reading(session, actor, [layer.thing], kind="picture", id=f"{layer.code} v{number}")
    west, south, east, north = version_out(layer, version, city, today).extent
    return Response(draw_picture(session, version, (west, south, east, north)), media_type=PNG)


@router.post("/{code}/versions", status_code=201, response_model=VersionOut, responses=ACCEPTED)
def upload_version(
    code: Code,
    file: Annotated[UploadFile, File(description=TAKEN.english)],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    form: UploadFormDep,
    prefer: Prefer = None,
    *,
    response: Response,
) -> VersionOut | JSONResponse:
    """Store a file as a new draft version and check it; with `in_force_from` it comes into force on that day.

    A small file is stored before the answer (201), a large one by a job (202).
    """
    layer = catalogue.find_readable(session, code, actor)
    require(actor, Act.UPLOAD_VERSION, layer.thing)
    return answer_upload(
        session, layer, file, form, prefer, actor=actor, edge=edge, now=now, response=response
    )


@router.post("/{code}/versions/{number}/in-force")
def bring_into_force(
    code: Code,
    number: Number,
    body: InForceIn,
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> VersionOut:
    """Let a version be in force from a day on; the one before is superseded on that day."""
    layer = catalogue.find_readable(session, code, actor)
    require(actor, Act.BRING_INTO_FORCE, layer.thing)
    version = publication.version_of(session, layer, number)
    hold_to(session, if_match, layer, lambda: version_out(layer, version, city, now.date()))
    publication.bring_into_force(
        session,
        version,
        starts_on=body.starts_on or now.date(),
        actor=actor,
        now=now,
        confirm_warnings=body.confirm_warnings,
    )
    session.refresh(version)
    return tagged(version_out(layer, version, city, now.date()), response)


@router.post("/{code}/versions/{number}/withdrawal")
def withdraw(
    code: Code,
    number: Number,
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    today: TodayDep,
    response: Response,
    if_match: IfMatch = None,
) -> VersionOut:
    """Withdraw a version from today; checks of earlier days still find it."""
    layer = catalogue.find_readable(session, code, actor)
    require(actor, Act.WITHDRAW_VERSION, layer.thing)
    version = publication.version_of(session, layer, number)
    hold_to(session, if_match, layer, lambda: version_out(layer, version, city, today))
    publication.withdraw(session, version, on=today, actor=actor)
    return tagged(version_out(layer, version, city, today), response)


def _hold_definition(session: Session, code: str, if_match: str, *, city: City, today: date) -> None:
    """Hold a definition to what its changer read; one that does not exist yet matches nothing."""
    try:
        layer = catalogue.find_layer(session, code)
    except NotFoundError:
        raise changed_meanwhile() from None
    hold_to(session, if_match, layer, lambda: layer_out(layer, city, today))
