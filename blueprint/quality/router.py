"""Routes of the quality check: issues page by page, the GeoPackage of errors, receipts of mending, checking anew."""

import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi import Path as PathParameter
from sqlalchemy.orm import Session

from blueprint.edge import ActorDep, CityDep, EdgeDep, NowDep, SessionDep
from blueprint.given import Text
from blueprint.idempotency import IdempotentRoute
from blueprint.layers import catalogue, publication
from blueprint.layers.drafts import readable_version
from blueprint.layers.models import Layer, LayerVersion
from blueprint.permissions import Act, Actor, require
from blueprint.quality.check import check_version
from blueprint.quality.kinds import Level
from blueprint.quality.report import (
    acted_out,
    drawn_issues,
    mendings_of,
    original_shapes,
    quality_of,
    write_errors,
)
from blueprint.quality.schemas import MendingActIn, MendingActOut, MendingPage, QualityOut
from blueprint.quality.undoing import accept, undo
from blueprint.sharing.purposes import record_reading, taken_by

router = APIRouter(
    prefix="/api/layers/{code}/versions/{number}/quality", tags=["layers"], route_class=IdempotentRoute
)

Code = Annotated[Text, PathParameter(max_length=60, description="图层代码 layer code")]
Number = Annotated[int, PathParameter(ge=1, le=2_000_000_000, description="版本号 version number")]
Cursor = Annotated[int, Query(ge=0, le=2**62)]
Limit = Annotated[int, Query(ge=1, le=1000)]
GEOPACKAGE = "application/geopackage+sqlite3"


@router.get("")
def show_quality(
    code: Code,
    number: Number,
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    cursor: Cursor = 0,
    limit: Limit = 100,
    level: Annotated[Level | None, Query()] = None,
) -> QualityOut:
    """What the check of a version found, the issues page by page."""
    layer, version = _to_read(session, code, number, actor)
    return quality_of(session, layer, version, city=city, after=cursor, limit=limit, level=level)


@router.post("")
def check_anew(
    code: Code, number: Number, session: SessionDep, actor: ActorDep, edge: EdgeDep, now: NowDep
) -> QualityOut:
    """Check a draft anew, by the standard and mapping it was stored with."""
    layer = catalogue.find_readable(session, code, actor)
    require(actor, Act.UPLOAD_VERSION, layer.thing)
    version = publication.version_of(session, layer, number)
    check_version(session, layer, version, city=edge.city, scratch=edge.scratch, actor=actor, now=now)
    return quality_of(session, layer, version, city=edge.city)


@router.get(
    "/errors.gpkg",
    response_class=Response,
    responses={200: {"content": {GEOPACKAGE: {"schema": {"type": "string", "format": "binary"}}}}},
)
def download_errors(
    code: Code, number: Number, session: SessionDep, actor: ActorDep, edge: EdgeDep, now: NowDep
) -> Response:
    """The issues with their shapes as a GeoPackage in the working CRS, which QGIS opens on top of the data."""
    layer, version = _to_read(session, code, number, actor)
    edge.scratch.mkdir(parents=True, exist_ok=True, mode=0o711)
    with tempfile.TemporaryDirectory(prefix="errors-", dir=edge.scratch) as folder:
        path = Path(folder) / "errors.gpkg"
        write_errors(
            path,
            drawn_issues(session, version, city=edge.city),
            city=edge.city,
            originals=original_shapes(session, version),
            about=f"{layer.code} v{version.number} · {taken_by(actor, [layer.thing], now)}",
        )
        content = path.read_bytes()
    name = f'attachment; filename="{layer.code}_v{version.number}_errors.gpkg"'
    return Response(content, media_type=GEOPACKAGE, headers={"Content-Disposition": name})


@router.get("/mendings")
def list_mendings(
    code: Code,
    number: Number,
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    cursor: Cursor = 0,
    limit: Limit = 100,
) -> MendingPage:
    """The receipts of what was mended, with the shapes as the file had them."""
    _, version = _to_read(session, code, number, actor)
    return mendings_of(session, version, city=city, after=cursor, limit=limit)


@router.post("/mendings")
def act_on_mendings(
    code: Code, number: Number, body: MendingActIn, session: SessionDep, actor: ActorDep, now: NowDep
) -> MendingActOut:
    """Undo mendings, so that the features' shapes are as the file has them and in error, or accept them again.

    A version that was in force stays as it is: a copy of it is the next draft, and there they are undone.
    """
    layer = catalogue.find_readable(session, code, actor)
    require(actor, Act.UPLOAD_VERSION, layer.thing)
    version = publication.version_of(session, layer, number)
    act = {"undo": undo, "accept": accept}[body.act]
    done = act(session, layer, version, body.rows, actor=actor, now=now)
    return acted_out(layer, done)


def _to_read(session: Session, code: str, number: int, actor: Actor) -> tuple[Layer, LayerVersion]:
    """A version whose issues the actor may read: a draft's are its department's, as the draft is."""
    layer = catalogue.find_readable(session, code, actor)
    version = readable_version(session, layer, number, actor)
    record_reading(session, actor, [layer.thing], kind="quality", id=f"{layer.code} v{version.number}")
    return layer, version
