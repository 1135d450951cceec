"""Routes of versions among each other: what changed between two, and back to an earlier one."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, File, Form, Query, Response, UploadFile
from fastapi.responses import JSONResponse

from blueprint.edge import ActorDep, CityDep, EdgeDep, NowDep, SessionDep
from blueprint.etags import IfMatch, hold_to, tagged
from blueprint.given import Text
from blueprint.idempotency import IdempotentRoute
from blueprint.layers import catalogue, publication
from blueprint.layers.difference import compare, refuse_long_comparison
from blueprint.layers.drafts import readable_version
from blueprint.layers.router import Code, Number
from blueprint.layers.schemas import DifferenceOut, RollBackIn, VersionOut
from blueprint.layers.shown import version_out
from blueprint.layers.taking_in import OnBase
from blueprint.layers.upload_answer import ACCEPTED, Prefer, answer_upload
from blueprint.layers.upload_form import UploadFormDep
from blueprint.permissions import Act, require
from blueprint.sharing.purposes import record_reading

router = APIRouter(prefix="/api/layers", tags=["layers"], route_class=IdempotentRoute)

VersionNumber = Annotated[int, Query(ge=1, le=2_000_000_000)]


@router.get("/{code}/difference")
def show_difference(
    code: Code,
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    old: Annotated[VersionNumber, Query(alias="from")],
    new: Annotated[VersionNumber, Query(alias="to")],
) -> DifferenceOut:
    """What was added, removed and changed from one version to another; areas in m², as the city measures them.

    Of versions too large to be compared while somebody waits: 409, and how it is done instead.
    The places of it: `GET /api/layers/{code}/versions/{to}/export?since={from}`; as tiles (zoom 12 to 22):
    `/tiles/{code}/differences/{from}/{to}/{z}/{x}/{y}.mvt`.
    """
    require(actor, Act.COMPARE_VERSIONS)
    layer = catalogue.find_readable(session, code, actor)
    before = readable_version(session, layer, old, actor)
    after = readable_version(session, layer, new, actor)
    refuse_long_comparison(before, after)
    counted = compare(session, before, after, city=city)
    record_reading(session, actor, [layer.thing], kind="difference", id=f"{layer.code} v{old} v{new}")
    return DifferenceOut(layer=layer.code, from_version=old, to_version=new, **asdict(counted))


@router.post(
    "/{code}/versions/{number}/delta", status_code=201, response_model=VersionOut, responses=ACCEPTED
)
def put_delta(
    code: Code,
    number: Number,
    file: Annotated[UploadFile, File(description="layers WHQ, WHC and WHH, or rows that say what they are")],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    form: UploadFormDep,
    change_field: Annotated[
        Text | None, Form(max_length=60, description="字段 field in which a row says what it is")
    ] = None,
    prefer: Prefer = None,
    *,
    response: Response,
) -> VersionOut | JSONResponse:
    """Put a delta (动态维护) on the layer's newest version; what comes of it is the next draft, checked like any.

    A row that changes a feature leaves as it is what it does not give: empty fields, and the shape where it has none.

    409 with the `rows` when the base has moved on or a row does not fit it; nothing is stored then.
    """
    layer = catalogue.find_readable(session, code, actor)
    require(actor, Act.UPLOAD_VERSION, layer.thing)
    base = publication.version_of(session, layer, number)
    return answer_upload(
        session,
        layer,
        file,
        form,
        prefer,
        delta=OnBase(base, change_field),
        actor=actor,
        edge=edge,
        now=now,
        response=response,
    )


@router.post("/{code}/roll-back")
def roll_back(
    code: Code,
    body: RollBackIn,
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> VersionOut:
    """Let an earlier version be in force again from today; without a number the one that was before today's."""
    layer = catalogue.find_readable(session, code, actor)
    require(actor, Act.BRING_INTO_FORCE, layer.thing)
    version = publication.version_to_roll_back_to(session, layer, body.to, today=now.date())
    hold_to(session, if_match, layer, lambda: version_out(layer, version, city, now.date()))
    version = publication.roll_back(session, layer, body.to, actor=actor, now=now)
    session.refresh(version)
    return tagged(version_out(layer, version, city, now.date()), response)
