"""Routes of approval: intake of handovers, cases, project codes, stages."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy.orm import Session

from approval import cases
from approval.case_overview import case_brief, case_out
from approval.intake import messages_of, receive_message, refuse_other_city
from approval.leads import require_over_stage
from approval.models import Case
from approval.refused import keeping_refused
from approval.schemas import (
    CaseMessageList,
    CaseMessageOut,
    CaseOut,
    CasePage,
    ProjectCodeIn,
    ReceiptOut,
)
from approval.stages import Stage
from approval.standing import Standing
from blueprint.city import City
from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep, TodayDep
from blueprint.errors import NotSignedInError, TooLargeError
from blueprint.etags import IfMatch, hold_to, tagged
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, Actor, Role, Thing, require
from blueprint.wall import enter, viewer_of
from coordination.handover import MAX_MESSAGE_BYTES, SIGNATURE_HEADER, read_any_message, verify

router = APIRouter(prefix="/api/approval", tags=["approval"], route_class=IdempotentRoute)

Number = Annotated[
    str,
    Path(
        max_length=40, pattern=r"^[^\x00]*$", description="项目代码或策划编号 project code or planning number"
    ),
]
StageName = Annotated[Stage, Path(description="one of the four stages")]


async def _body(request: Request) -> bytes:
    """The body byte for byte, for it is what was signed; no more than a message may have."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_MESSAGE_BYTES:
            raise TooLargeError(
                "a handover has at most {max_message_bytes} bytes", max_message_bytes=MAX_MESSAGE_BYTES
            )
    return bytes(body)


BodyDep = Annotated[bytes, Depends(_body)]


def _interface(request: Request, body: BodyDep, session: SessionDep, actor: ActorDep, now: NowDep) -> Actor:
    """Coordination by its signature; without one, whoever the token says."""
    header = request.headers.get(SIGNATURE_HEADER)
    if header is None:
        return actor
    secret: str | None = request.app.state.settings.handover_secret
    if not secret:
        raise NotSignedInError(
            "no handover secret is set here; set BLUEPRINT_HANDOVER_SECRET, or use an interface token"
        )
    verify(header, body, secret=secret, now=now)
    coordination = Actor(name="coordination", roles=frozenset({Role.ANYONE, Role.SERVICE}))
    enter(session, viewer_of(coordination))
    return coordination


@router.post(
    "/intake",
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
def intake(
    body: BodyDep,
    actor: Annotated[Actor, Depends(_interface)],
    session: SessionDep,
    edge: EdgeDep,
    now: NowDep,
) -> ReceiptOut:
    """Take in a handover, its correction or its withdrawal, signed or with an interface token; the same again gets the same answer."""
    require(actor, Act.RECEIVE_HANDOVER)
    with keeping_refused(edge.engine, body, actor=actor, viewer=viewer_of(actor), now=now):
        message = read_any_message(body)
        refuse_other_city(message, edge.city)
        kept = receive_message(session, message, now=now)
    return ReceiptOut(
        message_id=kept.message_id,
        message_sha256=kept.sha256,
        planning_number=kept.planning_number,
        received_at=kept.received_at,
    )


@router.get("/cases")
def list_cases(
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    cursor: Annotated[int, Query(ge=0, le=2_000_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    hall: Annotated[str | None, Query(max_length=40, description="受理大厅 the hall that follows it")] = None,
    district: Annotated[str | None, Query(max_length=20, description="区县代码 code of a district")] = None,
    standing: Annotated[Standing | None, Query(description="办理进度 where they stand now")] = None,
    lead: Annotated[
        str | None, Query(max_length=40, description="牵头部门 the lead department of the stage they are in")
    ] = None,
) -> CasePage:
    """Cases in the order they came in; those of a hall or a district (Art. 2, 12), that stand alike now, or in a stage that a department leads."""
    require(actor, Act.READ_CASE)
    rows = cases.list_cases(
        session,
        after=cursor,
        limit=limit,
        hall=hall,
        district=district,
        standing=standing,
        led=cases.in_a_stage_of(session, lead, edge.city) if lead is not None else None,
    )
    return CasePage(
        items=[case_brief(row) for row in rows], next=str(rows[-1].id) if len(rows) == limit else None
    )


@router.get("/cases/{number}")
def show_case(
    number: Number, session: SessionDep, actor: ActorDep, edge: EdgeDep, response: Response
) -> CaseOut:
    """A case by its project code or planning number."""
    require(actor, Act.READ_CASE)
    return tagged(case_out(session, cases.find_case(session, number), edge.city), response)


@router.get("/cases/{number}/messages")
def list_messages(number: Number, session: SessionDep, actor: ActorDep) -> CaseMessageList:
    """What coordination sent about a case, word for word: handovers (推送), corrections (更正), withdrawals (撤回)."""
    require(actor, Act.READ_CASE)
    case = cases.find_case(session, number)
    rows = messages_of(session, case.planning_number)
    return CaseMessageList(items=[CaseMessageOut.model_validate(row, from_attributes=True) for row in rows])


@router.put("/cases/{number}/project-code")
def bind_project_code(
    number: Number,
    code: ProjectCodeIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> CaseOut:
    """Bind the investment project code (项目代码); a wrong check digit only warns."""
    cases.refuse_unknown(actor, Act.BIND_PROJECT_CODE)
    cases.locked_case(session, number)
    case = _held(session, number, if_match, edge.city)
    # A case that no hall has taken on is taken on by the hall of who binds its code, as by that of who prepares it.
    require(actor, Act.BIND_PROJECT_CODE, Thing(department=case.hall or actor.department))
    case, read = cases.bind_project_code(
        session, number, code.project_code, actor=actor, now=now, city=edge.city
    )
    return tagged(
        case_out(session, case, edge.city).model_copy(update={"project_code_warning": read.warning}), response
    )


@router.post("/cases/{number}/stages/{stage}/accept")
def accept_stage(
    number: Number,
    stage: StageName,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    today: TodayDep,
    response: Response,
    if_match: IfMatch = None,
) -> CaseOut:
    """Accept (受理) a stage on today's date."""
    cases.refuse_unknown(actor, Act.ADVANCE_CASE)
    case = _held(session, number, if_match, edge.city)
    require_over_stage(session, actor, Act.ADVANCE_CASE, case, stage, city=edge.city)
    case = cases.accept_stage(session, number, stage, actor=actor, calendar=edge.calendar, today=today)
    return tagged(case_out(session, case, edge.city), response)


@router.post("/cases/{number}/stages/{stage}/conclude")
def conclude_stage(
    number: Number,
    stage: StageName,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    today: TodayDep,
    response: Response,
    if_match: IfMatch = None,
) -> CaseOut:
    """Conclude (办结) a stage on today's date."""
    cases.refuse_unknown(actor, Act.ADVANCE_CASE)
    case = _held(session, number, if_match, edge.city)
    require_over_stage(session, actor, Act.ADVANCE_CASE, case, stage, city=edge.city)
    case = cases.conclude_stage(session, number, stage, actor=actor, calendar=edge.calendar, today=today)
    return tagged(case_out(session, case, edge.city), response)


def _held(session: Session, number: str, if_match: str | None, city: City) -> Case:
    """A case, held to what its changer read of it."""
    case = cases.find_case(session, number)
    if if_match is not None:
        hold_to(session, if_match, case, partial(case_out, session, case, city))
    return case
