"""Routes of written vouchers (书面凭证): for those who work on the case, and for the applicant with code and secret."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as PathParameter
from pydantic import Field

from approval import applicant, cases
from approval.applicant_router import LookIn
from approval.item_router import ItemCode
from approval.item_schemas import Code
from approval.items import find_item
from approval.router import Number
from approval.vouchers import Written, write_voucher
from blueprint.accounts.own import browser_of
from blueprint.documents.rendering import DocumentForm
from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.given import WHOLE
from blueprint.permissions import Act, require

router = APIRouter(prefix="/api/approval", tags=["approval"])

_FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the voucher",
        "content": {
            form.media_type: {"schema": {"type": "string", "format": "binary"}} for form in DocumentForm
        },
    }
}


@router.get("/cases/{number}/items/{code}/vouchers/{step}", response_class=Response, responses=_FILES)
def show_voucher(
    number: Number,
    code: ItemCode,
    step: Annotated[int, PathParameter(ge=1, le=10_000, description="`number` of the step")],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    round: Annotated[int | None, Query(ge=1, le=1000, description="the newest when not given")] = None,
    form: Annotated[DocumentForm, Query(alias="f", description="pdf or docx")] = DocumentForm.PDF,
) -> Response:
    """The written voucher (书面凭证) of a step of an item that has one: steps with a `voucher`."""
    require(actor, Act.READ_CASE)
    case = cases.find_case(session, number)
    item = find_item(session, case, code, round)
    return _file(write_voucher(session, case, item, step, form, city=edge.city, actor=actor), form)


class VoucherLookIn(LookIn):
    """Project code and secret, and which voucher: as the progress lists them."""

    item: Code
    round: Annotated[int, Field(ge=1, le=1000), WHOLE] = 1
    step: Annotated[int, Field(ge=1, le=10_000), WHOLE]


@router.post("/progress/voucher", response_class=Response, responses=_FILES)
def look_at_voucher(
    body: VoucherLookIn, request: Request, session: SessionDep, edge: EdgeDep, now: NowDep
) -> Response:
    """A voucher that the applicant was handed, as a PDF: by project code and secret, without an account."""
    case = applicant.look(
        session,
        edge.engine,
        body.project_code,
        body.secret,
        address=browser_of(request).address,
        now=now,
    )
    item = find_item(session, case, body.item, body.round)
    written = write_voucher(
        session, case, item, body.step, DocumentForm.PDF, city=edge.city, actor=applicant.APPLICANT
    )
    return _file(written, DocumentForm.PDF)


def _file(written: Written, form: DocumentForm) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{written.file_name}"'}
    return Response(written.content, media_type=form.media_type, headers=headers)
