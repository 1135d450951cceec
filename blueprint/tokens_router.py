"""Routes of machines' tokens: issue, list and revoke them; for who administers accounts."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from blueprint import tokens
from blueprint.edge import ActorDep, CityDep, EdgeDep, NowDep, SessionDep
from blueprint.errors import InvalidInputError
from blueprint.given import Given, Instant, Text
from blueprint.idempotency import IdempotentRoute
from blueprint.models import Token
from blueprint.permissions import Act, require

router = APIRouter(tags=["tokens"], route_class=IdempotentRoute)

TokenId = Annotated[int, Path(ge=1, le=2_000_000_000)]


class TokenIn(Given):
    """A token to be made: of a `department`, or of the `interface`; without acts or layers for all that it may."""

    department: str | None = Field(default=None, max_length=40)
    interface: bool = False
    acts: list[Annotated[Act, Field(strict=False)]] | None = Field(default=None, min_length=1, max_length=100)
    layers: list[str] | None = Field(default=None, min_length=1, max_length=1000)
    expires_at: Instant | None = None


class TokenOut(BaseModel):
    """A token without its text; `used_at` is to within five minutes."""

    id: int
    label: str
    department: str | None
    acts: list[str] | None
    layers: list[str] | None
    made_by: str
    made_at: datetime
    expires_at: datetime
    revoked_by: str | None
    revoked_at: datetime | None
    used_at: datetime | None


class NewTokenOut(TokenOut):
    """A new token with its text, shown once."""

    token: str


class TokenPage(BaseModel):
    """A page of tokens; `next` is the cursor of the following one."""

    items: list[TokenOut]
    next: int | None


class RevocationIn(Given):
    """Whose tokens are revoked: those of a `department`, of the `interface`, or `all`; exactly one of them."""

    department: str | None = Field(default=None, max_length=40)
    interface: bool = False
    all: bool = False


class RevocationOut(BaseModel):
    """How many were not revoked before."""

    revoked: int


@router.get("/api/tokens")
def list_tokens(
    session: SessionDep,
    actor: ActorDep,
    department: Annotated[Text | None, Query(max_length=40)] = None,
    cursor: Annotated[int, Query(ge=0, le=2_000_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> TokenPage:
    """Tokens in the order they were made, also those that are over; never their text."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    found = tokens.list_tokens(session, actor=actor, department=department, after=cursor, limit=limit)
    items = [token_out(used.token, used.used_at) for used in found]
    return TokenPage(items=items, next=items[-1].id if len(items) == limit else None)


@router.post("/api/tokens", status_code=201)
def issue_token(
    body: TokenIn, session: SessionDep, actor: ActorDep, city: CityDep, edge: EdgeDep
) -> NewTokenOut:
    """Make a token, for 90 days unless said; its text is in this answer and nowhere else."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    now, expires_at = edge.now(), body.expires_at
    if expires_at is not None:
        expires_at = city.instant_of(expires_at)
    row, text = tokens.make_token(
        session,
        department=body.department,
        city=city,
        now=now,
        expires_at=expires_at or now + timedelta(days=90),
        is_service=body.interface,
        scope=tokens.scope_of(body.acts, body.layers),
        actor=actor,
    )
    return NewTokenOut(**token_out(row, None).model_dump(), token=text)


@router.delete("/api/tokens/{token_id}", status_code=204)
def revoke_token(token_id: TokenId, session: SessionDep, actor: ActorDep, now: NowDep) -> Response:
    """Revoke one token, at once; its row stays."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    tokens.revoke_token(session, token_id, actor=actor, now=now)
    return Response(status_code=204)


@router.post("/api/token-revocations")
def revoke_tokens(
    body: RevocationIn, session: SessionDep, actor: ActorDep, city: CityDep, now: NowDep
) -> RevocationOut:
    """Revoke all tokens of a department, of the interface, or every one there is, at once."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    if (body.department is not None) + body.interface + body.all != 1:
        raise InvalidInputError("name a department, or say interface, or all: one of the three")
    if body.all:
        return RevocationOut(revoked=tokens.revoke_all_tokens(session, actor=actor, now=now))
    if body.department is not None:
        city.department(body.department)
    revoked = tokens.revoke_tokens(session, department=body.department, actor=actor, now=now)
    return RevocationOut(revoked=revoked)


def token_out(token: Token, used_at: datetime | None) -> TokenOut:
    """A token as it is shown."""
    names = [name for name in TokenOut.model_fields if name != "used_at"]
    return TokenOut(**{name: getattr(token, name) for name in names}, used_at=used_at)
