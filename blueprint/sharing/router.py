"""Routes of sharing: ask for access, grant, refuse, withdraw, and who has what."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from blueprint.edge import ActorDep, CityDep, NowDep, SessionDep
from blueprint.etags import IfMatch, hold_to, tagged
from blueprint.idempotency import IdempotentRoute
from blueprint.sharing import grants
from blueprint.sharing.models import AccessGrant
from blueprint.sharing.schemas import AccessRequestIn, GrantIn, GrantOut, GrantPage, ReasonIn, TermsIn

router = APIRouter(prefix="/api/access-grants", tags=["sharing"], route_class=IdempotentRoute)
request_router = APIRouter(prefix="/api/access-requests", tags=["sharing"], route_class=IdempotentRoute)

GrantId = Annotated[int, Path(ge=1, le=2_000_000_000, description="授权编号 number of the request or grant")]


@router.get("")
def list_grants(
    session: SessionDep,
    actor: ActorDep,
    state: Annotated[Literal["requested", "granted", "refused", "withdrawn"] | None, Query()] = None,
    cursor: Annotated[int, Query(ge=0, le=2_000_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> GrantPage:
    """The requests and grants in which the caller's department is one of the two."""
    found = grants.list_grants(session, actor=actor, state=state, after=cursor, limit=limit)
    return GrantPage(
        items=[grant_out(grant) for grant in found], next=found[-1].id if len(found) == limit else None
    )


@request_router.post("", status_code=201)
def request_access(
    body: AccessRequestIn,
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    now: NowDep,
    response: Response,
) -> GrantOut:
    """Ask a department for access to its data, saying what for."""
    grant = grants.request_access(
        session,
        owner=body.owner,
        purpose=body.purpose,
        wanted=body.wanted,
        actor=actor,
        city=city,
        now=now,
    )
    return tagged(grant_out(grant), response)


@router.post("", status_code=201)
def give_access(
    body: GrantIn, session: SessionDep, actor: ActorDep, city: CityDep, now: NowDep, response: Response
) -> GrantOut:
    """Grant a department access to a layer of the caller's own."""
    terms = grants.Terms(**body.model_dump(exclude={"department", "purpose"}))
    grant = grants.give_access(
        session,
        terms,
        department=body.department,
        purpose=body.purpose,
        actor=actor,
        city=city,
        now=now,
    )
    return tagged(grant_out(grant), response)


@router.get("/{grant_id}")
def show_grant(grant_id: GrantId, session: SessionDep, actor: ActorDep, response: Response) -> GrantOut:
    """One request or grant."""
    return tagged(grant_out(grants.find_grant(session, grant_id, actor=actor)), response)


@router.post("/{grant_id}/grant")
def grant_access(
    grant_id: GrantId,
    body: TermsIn,
    session: SessionDep,
    actor: ActorDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> GrantOut:
    """Grant what was asked for: which layer, until when, under which conditions."""
    grant = grants.find_grant(session, grant_id, actor=actor)
    hold_to(session, if_match, grant, lambda: grant_out(grant))
    terms = grants.Terms(**body.model_dump())
    return tagged(grant_out(grants.grant_access(session, grant, terms, actor=actor, now=now)), response)


@router.post("/{grant_id}/refusal")
def refuse_access(
    grant_id: GrantId,
    body: ReasonIn,
    session: SessionDep,
    actor: ActorDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> GrantOut:
    """Refuse a request, with a reason."""
    grant = grants.find_grant(session, grant_id, actor=actor)
    hold_to(session, if_match, grant, lambda: grant_out(grant))
    refused = grants.refuse_access(session, grant, reason=body.reason, actor=actor, now=now)
    return tagged(grant_out(refused), response)


@router.post("/{grant_id}/withdrawal")
def withdraw_access(
    grant_id: GrantId,
    body: ReasonIn,
    session: SessionDep,
    actor: ActorDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> GrantOut:
    """Withdraw a grant at once, or take a request of one's own back."""
    grant = grants.find_grant(session, grant_id, actor=actor)
    hold_to(session, if_match, grant, lambda: grant_out(grant))
    withdrawn = grants.withdraw_access(session, grant, reason=body.reason, actor=actor, now=now)
    return tagged(grant_out(withdrawn), response)


def grant_out(grant: AccessGrant) -> GrantOut:
    """A request or grant as it is shown."""
    return GrantOut(
        layer=grant.layer.code if grant.layer is not None else None,
        **{name: getattr(grant, name) for name in GrantOut.model_fields if name != "layer"},
    )
