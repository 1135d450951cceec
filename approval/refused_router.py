"""Routes of handovers that were refused: which, why, and what exactly came."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from approval.interface_models import RefusedHandover
from approval.refused import list_refused, read_refused
from blueprint.edge import ActorDep, SessionDep
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, require

router = APIRouter(prefix="/api/approval/refused-handovers", tags=["approval"], route_class=IdempotentRoute)


class RefusedHandoverOut(BaseModel):
    """A handover that was not taken in; `detail` is the sentence of the problem document that it was answered with."""

    id: int
    planning_number: str | None
    family: str
    detail: str
    place: str | None
    body_sha256: str
    size_bytes: int
    sent_by: str
    first_at: datetime
    last_at: datetime
    times: int


class RefusedHandoverPage(BaseModel):
    """A page of them; `next` is the cursor of the following one."""

    items: list[RefusedHandoverOut]
    next: str | None


@router.get("")
def list_refused_handovers(
    session: SessionDep,
    actor: ActorDep,
    cursor: Annotated[int | None, Query(ge=0, le=2_000_000_000)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RefusedHandoverPage:
    """Handovers that were refused, what came last first."""
    require(actor, Act.EXCHANGE_DATA)
    rows = list_refused(session, before=cursor, limit=limit)
    return RefusedHandoverPage(
        items=[refused_out(row) for row in rows], next=str(rows[-1].id) if len(rows) == limit else None
    )


@router.get("/{refused_id}/body", response_class=Response)
def read_refused_body(
    refused_id: Annotated[int, Path(ge=1, le=2_000_000_000)], session: SessionDep, actor: ActorDep
) -> Response:
    """What came, byte for byte; who read it is recorded."""
    require(actor, Act.EXCHANGE_DATA)
    found = read_refused(session, refused_id, actor=actor)
    headers = {"Content-Disposition": f'attachment; filename="handover-{refused_id}.json"'}
    return Response(found.body, media_type="application/octet-stream", headers=headers)


def refused_out(row: RefusedHandover) -> RefusedHandoverOut:
    """A refused handover without its body."""
    return RefusedHandoverOut(**{name: getattr(row, name) for name in RefusedHandoverOut.model_fields})
