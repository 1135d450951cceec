"""Routes of departments' opinions: their requests, their answers, their open work."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from blueprint.city import City
from blueprint.edge import ActorDep, Edge, EdgeDep, NowDep, SessionDep, TodayDep
from blueprint.etags import IfMatch, tagged
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, Thing, require
from coordination import clock, contests, handling, opinion_requests
from coordination.addresses import Cursor, Id, Limit
from coordination.holding import hold_request
from coordination.limits import OpinionStatus
from coordination.marks import read_mark
from coordination.masking import list_answers
from coordination.models import OpinionKind, OpinionRequest, Source
from coordination.open_work import open_work
from coordination.opinion_schemas import (
    ClockOut,
    ContestDecisionIn,
    ContestIn,
    OpinionIn,
    OpinionRequestOut,
    OpinionRequestPage,
    ReasonIn,
    RequestMapOut,
)
from coordination.opinions import Answer, Condition, FindingKind, OpinionGiven
from coordination.overview import clock_out, record_findings, request_out
from coordination.request_map import request_map
from coordination.schemas import OpenWorkList, OpenWorkOut, RestrictedAnswerOut, RestrictedAnswerPage

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
    rows = opinion_requests.list_requests(
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
    request = opinion_requests.find_request(session, request_id, actor=actor)
    opinion_requests.note_seen(request, actor=actor, now=edge.now())
    shown = request_out(request, city=edge.city, calendar=edge.calendar, today=today)
    record_findings(session, actor, [shown])
    return tagged(shown, response)


@router.get("/api/opinion-requests/{request_id}/map")
def show_request_map(request_id: Id, session: SessionDep, actor: ActorDep, edge: EdgeDep) -> RequestMapOut:
    """The site and the department's own findings as GeoJSON, longitude first; `number` is the finding's in the request."""
    require(actor, Act.READ_OPINION_REQUESTS)
    request = opinion_requests.find_request(session, request_id, actor=actor)
    return RequestMapOut(**request_map(session, request, city=edge.city, actor=actor))


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
    given = opinion_given(opinion, edge.city)
    hold_request(session, request_id, if_match, actor=actor, edge=edge)
    request = handling.answer(
        session, request_id, given, city=edge.city, calendar=edge.calendar, actor=actor, now=now
    )
    return _shown(request, edge, now.date(), response)


@router.get("/api/opinion-requests/{request_id}/clock")
def show_clock(request_id: Id, session: SessionDep, actor: ActorDep, edge: EdgeDep) -> ClockOut:
    """The limit of a request explained day by day: weekends, holidays, make-up days, stops; and the evidence (Art. 11)."""
    require(actor, Act.READ_OPINION_REQUESTS)
    return clock_out(session, opinion_requests.find_request(session, request_id, actor=actor), edge=edge)


@router.post("/api/opinion-requests/{request_id}/clock-stop")
def stop_clock(
    request_id: Id,
    given: ReasonIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> OpinionRequestOut:
    """Let the clock stand still: material has to be supplemented (补充材料)."""
    require(actor, Act.READ_OPINION_REQUESTS)
    hold_request(session, request_id, if_match, actor=actor, edge=edge)
    request = clock.stop_clock(
        session, request_id, reason=given.reason, actor=actor, calendar=edge.calendar, now=now
    )
    return _shown(request, edge, now.date(), response)


@router.post("/api/opinion-requests/{request_id}/clock-restart")
def restart_clock(
    request_id: Id,
    given: ReasonIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> OpinionRequestOut:
    """Start the clock again; the working days of the stop are added to the limit."""
    require(actor, Act.READ_OPINION_REQUESTS)
    hold_request(session, request_id, if_match, actor=actor, edge=edge)
    request = clock.restart_clock(
        session, request_id, reason=given.reason, actor=actor, calendar=edge.calendar, now=now
    )
    return _shown(request, edge, now.date(), response)


@router.post("/api/opinion-requests/{request_id}/contests")
def contest_finding(
    request_id: Id,
    given: ContestIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> OpinionRequestOut:
    """Contest a finding for the applicant (冲突异议)."""
    require(actor, Act.READ_OPINION_REQUESTS)
    hold_request(session, request_id, if_match, actor=actor, edge=edge)
    request = contests.contest_finding(
        session, request_id, finding=given.finding, reason=given.reason, actor=actor, now=now
    )
    return _shown(request, edge, now.date(), response)


@router.post("/api/opinion-requests/{request_id}/contest-decisions")
def decide_contest(
    request_id: Id,
    given: ContestDecisionIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> OpinionRequestOut:
    """Decide a contested finding as the layer's owner; upheld, it is set aside."""
    require(actor, Act.READ_OPINION_REQUESTS)
    hold_request(session, request_id, if_match, actor=actor, edge=edge)
    request = contests.decide_contest(
        session,
        request_id,
        finding=given.finding,
        is_upheld=given.upheld,
        reason=given.reason,
        actor=actor,
        now=now,
    )
    return _shown(request, edge, now.date(), response)


@router.get("/api/restricted-answers")
def list_restricted_answers(
    session: SessionDep,
    actor: ActorDep,
    cursor: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> RestrictedAnswerPage:
    """Who asked the restricted layers of the caller's department by checks, how often on which day; the auditor sees all."""
    found = list_answers(session, actor=actor, before=cursor, limit=limit)
    return RestrictedAnswerPage(
        items=[RestrictedAnswerOut.model_validate(row, from_attributes=True) for row in found],
        next=found[-1].id if len(found) == limit else None,
    )


def opinion_given(opinion: OpinionIn, city: City) -> OpinionGiven:
    """The body as the act takes it, its marks in the working CRS."""
    return OpinionGiven(
        kind=OpinionKind(opinion.kind),
        conditions=opinion.conditions,
        reason=opinion.reason,
        remark=opinion.remark,
        condition_list=tuple(
            Condition(
                text=each.text,
                finding=each.finding,
                place=read_mark(each.place, city, place="condition_list") if each.place is not None else None,
            )
            for each in opinion.condition_list
        ),
        basis=opinion.basis,
        would_agree_if=opinion.would_agree_if,
        markup=read_mark(opinion.markup, city, place="markup") if opinion.markup is not None else None,
        answers=tuple(Answer(each.finding, FindingKind(each.kind), each.text) for each in opinion.answers),
        source=Source(opinion.source),
        evidence=opinion.evidence,
        amends=opinion.amends,
    )


def _shown(request: OpinionRequest, edge: Edge, today: date, response: Response) -> OpinionRequestOut:
    """A request as it is after a change, with its tag."""
    return tagged(request_out(request, city=edge.city, calendar=edge.calendar, today=today), response)
