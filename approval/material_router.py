"""Routes of the library of materials (Art. 14): handing in, reading, who read; and the files of what was decided."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Query, Response, UploadFile
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse
from sqlalchemy.orm import Session

from approval import cases, materials, preparation
from approval.item_models import MaterialReader
from approval.item_overview import item_out, material_out
from approval.item_router import DeskDep, ItemCode
from approval.item_schemas import ItemOut, MaterialList, MaterialOut, ReaderList, ReaderOut
from approval.items import find_item
from approval.materials import FileGiven, MaterialGiven
from approval.results import item_of_result, keep_result_file
from approval.router import Number
from blueprint.edge import ActorDep, Edge, EdgeDep, NowDep, SessionDep, TodayDep
from blueprint.etags import tagged
from blueprint.given import Day, Text
from blueprint.idempotency import IdempotentRoute
from blueprint.layers.upload_answer import name_of
from blueprint.objects import objects_of
from blueprint.permissions import Act, require
from blueprint.uploads import spooled

router = APIRouter(prefix="/api/approval", tags=["approval"], route_class=IdempotentRoute)

MaterialId = Annotated[int, PathParameter(ge=1, le=2_000_000_000)]
Upload = Annotated[UploadFile, File(description="the file, as it is kept by its SHA-256")]


@router.put("/cases/{number}/items/{code}/result-file")
def upload_result(
    number: Number,
    code: ItemCode,
    file: Upload,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    desk: DeskDep,
    now: NowDep,
    response: Response,
    number_of_round: Annotated[
        int | None,
        Query(
            alias="round",
            ge=1,
            le=10_000,
            description="轮次 of an item applied for again; the newest decided",
        ),
    ] = None,
) -> ItemOut:
    """Upload the certificate of an approved item, or the decision that refuses one, once; it is in the case's library from then on."""
    cases.refuse_unknown(actor, Act.DECIDE_ITEM)
    case = cases.locked_case(session, number)
    item = item_of_result(session, case, code, number_of_round)
    require(actor, Act.DECIDE_ITEM, item.thing)
    kept = _keep(session, file, edge)
    keep_result_file(session, case, item, kept, actor=actor, now=now)
    return tagged(item_out(session, item, desk), response)


@router.get("/cases/{number}/materials")
def list_case_materials(
    number: Number, session: SessionDep, actor: ActorDep, today: TodayDep
) -> MaterialList:
    """The library of a case (Art. 14): what was given once, where it lies, until when it is good."""
    require(actor, Act.READ_CASE)
    case = cases.find_case(session, number)
    return MaterialList(items=[material_out(row, today) for row in materials.list_materials(session, case)])


@router.post("/cases/{number}/materials", status_code=201)
def submit_material(
    number: Number,
    file: Upload,
    code: Annotated[Text, Form(max_length=20, description="材料代码 code of the material")],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    valid_until: Annotated[Day | None, Form()] = None,
    replaces_reason: Annotated[
        Text | None, Form(max_length=4000, description="更换理由 why what is there must be replaced")
    ] = None,
    item: Annotated[Text | None, Form(max_length=20, description="for which item it was given")] = None,
) -> MaterialOut:
    """Take a material in; one that is there and valid is not asked for again (Art. 14)."""
    cases.refuse_unknown(actor, Act.GIVE_MATERIAL)
    case = cases.locked_case(session, number)
    require(actor, Act.GIVE_MATERIAL, case.thing)
    table = preparation.table_of(session, case)
    given = MaterialGiven(
        code=table.material(code).code,
        file=_keep(session, file, edge),
        valid_until=valid_until,
        replaces_reason=replaces_reason,
        item=find_item(session, case, item) if item else None,
    )
    return material_out(materials.submit(session, case, table, given, actor=actor, now=now), now.date())


@router.get("/cases/{number}/materials/{material_id}/file", response_class=FileResponse)
def read_material(
    number: Number, material_id: MaterialId, session: SessionDep, actor: ActorDep, now: NowDep
) -> FileResponse:
    """The file of a material; who read it is recorded."""
    require(actor, Act.READ_CASE)
    case = cases.find_case(session, number)
    material = materials.read_file(session, case, material_id, actor=actor, now=now)
    path = objects_of(session).existing(str(material.sha256))
    return FileResponse(path, filename=material.file_name, media_type="application/octet-stream")


@router.get("/cases/{number}/materials/{material_id}/readers")
def list_readers(number: Number, material_id: MaterialId, session: SessionDep, actor: ActorDep) -> ReaderList:
    """Who read a version of a material, the last first."""
    require(actor, Act.READ_CASE)
    rows = materials.readers_of(session, cases.find_case(session, number), material_id)
    return ReaderList(items=[reader_out(row) for row in rows])


def reader_out(row: MaterialReader) -> ReaderOut:
    """A reader of a material."""
    return ReaderOut(**{name: getattr(row, name) for name in ReaderOut.model_fields})


def _keep(session: Session, upload: UploadFile, edge: Edge) -> FileGiven:
    """Keep an uploaded file by its SHA-256."""
    with spooled(upload, scratch=edge.scratch) as path:
        return FileGiven(name_of(upload)[:200], objects_of(session).put(path))
