"""Routes of departments' opinions: their requests, their answers, their open work."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep, TodayDep
from blueprint.etags import IfMatch, hold_to, tagged
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, Thing, require
from coordination import opinions
from coordination.addresses import Cursor, Id, Limit
from coordination.limits import OpinionStatus
from coordination.masking import list_answers
from coordination.models import OpinionKind
from coordination.open_work import open_work
from coordination.opinions import OpinionGiven
from coordination.overview import record_findings, request_out
from coordination.schemas import (
    OpenWorkList,
    OpenWorkOut,
    OpinionIn,
    OpinionRequestOut,
    OpinionRequestPage,
    RestrictedAnswerOut,
    RestrictedAnswerPage,
)

router = APIRouter(tags=["coordination"], route_class=IdempotentRoute)


@router.get("/api/departments/{code}/open-work")
def list_open_work(
    code: Annotated[str, Path(max_length=40, pattern=r"^[^\x00]*$", description="部门代码 department code")],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
) -> OpenWorkList:
    """What a department has to answer, what it began and did not finish, and which of it somebody who left began."""
    require(actor, Act.READ_OPEN_WORK, Thing(department=code))
    found = open_work(session, code, city=edge.city, actor=actor, now=now)
    return OpenWorkList(department=code, items=[OpenWorkOut(**vars(work)) for work in found])


@router.get("/api/opinion-requests")
def list_requests(
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    today: TodayDep,
    department: Annotated[str | None, Query(max_length=40, pattern=r"^[^\x00]*$")] = None,
    state: Annotated[OpinionStatus | None, Query(description="the state as of today")] = None,
    cursor: Cursor = 0,
    limit: Limit = 50,
) -> OpinionRequestPage:
    """The opinion requests that the caller may see: a department its own, the coordinator all."""
    require(actor, Act.READ_OPINION_REQUESTS)
    rows = opinions.list_requests(
        session, actor=actor, today=today, department=department, state=state, after=cursor, limit=limit
    )
    items = [request_out(row, city=edge.city, calendar=edge.calendar, today=today) for row in rows]
    record_findings(session, actor, items)
    return OpinionRequestPage(items=items, next=str(rows[-1].id) if len(rows) == limit else None)


@router.get("/api/opinion-requests/{request_id}")
def show_request(
    request_id: Id,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    today: TodayDep,
    response: Response,
) -> OpinionRequestOut:
    """One opinion request with its findings and the draft to start from."""
    require(actor, Act.READ_OPINION_REQUESTS)
    request = opinions.find_request(session, request_id, actor=actor)
    shown = request_out(request, city=edge.city, calendar=edge.calendar, today=today)
    record_findings(session, actor, [shown])
    return tagged(shown, response)


@router.put("/api/opinion-requests/{request_id}/opinion")
def give_opinion(
    request_id: Id,
    opinion: OpinionIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> OpinionRequestOut:
    """Answer a request while its limit runs; a late or second answer is refused (409)."""
    require(actor, Act.READ_OPINION_REQUESTS)
    given = OpinionGiven(OpinionKind(opinion.kind), opinion.conditions, opinion.reason, opinion.remark)
    if if_match is not None:
        known = opinions.find_request(session, request_id, actor=actor)
        shown = partial(request_out, known, city=edge.city, calendar=edge.calendar, today=now.date())
        hold_to(session, if_match, known, shown)
    request = opinions.give_opinion(session, request_id, given, actor=actor, calendar=edge.calendar, now=now)
    shown_now = request_out(request, city=edge.city, calendar=edge.calendar, today=now.date())
    return tagged(shown_now, response)


@router.get("/api/restricted-answers")
def list_restricted_answers(session: SessionDep, actor: ActorDep) -> RestrictedAnswerPage:
    """Who asked the restricted layers of the caller's department by checks, how often on which day; the auditor sees all."""
    found = list_answers(session, actor=actor)
    return RestrictedAnswerPage(
        items=[RestrictedAnswerOut.model_validate(row, from_attributes=True) for row in found]
    )
