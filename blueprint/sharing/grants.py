"""Access to another department's layer: request, grant, refusal, withdrawal; every one needs a purpose (Art. 17)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, selectinload

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.layers.models import Layer
from blueprint.permissions import Act, Actor, Grant, Role, Thing, may, require
from blueprint.sentences import spoken
from blueprint.sharing.models import MOST_EXPORTS, MOST_FEATURES, AccessGrant, GrantState

MOST_DAYS = 366
"""A grant ends within a year and is then asked for anew: duties change."""


@dataclass(frozen=True)
class Terms:
    """What an owner grants: a layer for a purpose, from a day to a last day, under conditions; how much may be exported."""

    layer: str
    ends_on: date
    starts_on: date | None = None
    conditions: str | None = None
    may_export: bool = False
    most_exports: int = MOST_EXPORTS
    most_features: int = MOST_FEATURES


def request_access(
    session: Session, *, owner: str, purpose: str, wanted: str | None, actor: Actor, city: City, now: datetime
) -> AccessGrant:
    """Ask a department for access, saying what for; `wanted` describes the data, since a restricted layer has no name."""
    require(actor, Act.REQUEST_ACCESS)
    if actor.department is None:
        raise InvalidInputError("access is granted to departments; sign in as a member of one")
    city.department(owner)
    if owner == actor.department:
        raise ConflictError("a department needs no grant for its own layers")
    grant = AccessGrant(
        owner=owner,
        department=actor.department,
        purpose=_purpose(purpose),
        wanted=wanted,
        state=GrantState.REQUESTED,
        requested_by=actor.name,
        requested_at=now,
    )
    session.add(grant)
    session.flush()
    _record(session, actor, Act.REQUEST_ACCESS, grant)
    return grant


def grant_access(
    session: Session, request: AccessGrant, terms: Terms, *, actor: Actor, now: datetime
) -> AccessGrant:
    """Grant what was asked for; the owner says which layer, until when and under which conditions."""
    require(actor, Act.GRANT_ACCESS, Thing(department=request.owner))
    if request.state != GrantState.REQUESTED:
        raise ConflictError(
            "request {request_id} was {request_state} already",
            request_id=request.id,
            request_state=spoken(GrantState(request.state)),
        )
    return _grant(session, request, terms, actor=actor, now=now)


def give_access(
    session: Session,
    terms: Terms,
    *,
    department: str,
    purpose: str,
    actor: Actor,
    city: City,
    now: datetime,
) -> AccessGrant:
    """Grant access that nobody asked for, on the owner's own initiative."""
    require(actor, Act.GRANT_ACCESS, Thing(department=actor.department))
    owner = _grantable(session, terms.layer, actor).department
    city.department(department)
    if owner == department:
        raise ConflictError("a department needs no grant for its own layers")
    grant = AccessGrant(owner=owner, department=department, purpose=_purpose(purpose))
    return _grant(session, grant, terms, actor=actor, now=now)


def refuse_access(
    session: Session, request: AccessGrant, *, reason: str, actor: Actor, now: datetime
) -> AccessGrant:
    """Refuse a request, with a reason."""
    require(actor, Act.GRANT_ACCESS, Thing(department=request.owner))
    if request.state != GrantState.REQUESTED:
        raise ConflictError(
            "request {request_id} was {request_state} already",
            request_id=request.id,
            request_state=spoken(GrantState(request.state)),
        )
    request.state, request.reason = GrantState.REFUSED, reason
    request.decided_by, request.decided_at = actor.name, now
    session.flush()
    _record(session, actor, Act.GRANT_ACCESS, request)
    return request


def withdraw_access(
    session: Session, grant: AccessGrant, *, reason: str, actor: Actor, now: datetime
) -> AccessGrant:
    """Withdraw a grant: it opens nothing from this instant; a request that is open is withdrawn by who made it."""
    asker = grant.state == GrantState.REQUESTED and actor.department == grant.department
    require(
        actor,
        Act.REQUEST_ACCESS if asker else Act.GRANT_ACCESS,
        Thing(department=grant.department if asker else grant.owner),
    )
    if grant.state == GrantState.REQUESTED and asker:
        grant.state, grant.reason = GrantState.REFUSED, reason
        grant.decided_by, grant.decided_at = actor.name, now
    elif grant.state == GrantState.GRANTED:
        grant.state, grant.reason = GrantState.WITHDRAWN, reason
        grant.withdrawn_by, grant.withdrawn_at = actor.name, now
    else:
        raise ConflictError(
            "grant {grant_id} is {grant_state}; only a granted one can be withdrawn",
            grant_id=grant.id,
            grant_state=grant.state,
        )
    session.flush()
    _record(session, actor, Act.REQUEST_ACCESS if asker else Act.GRANT_ACCESS, grant)
    return grant


def find_grant(session: Session, grant_id: int, *, actor: Actor) -> AccessGrant:
    """A request or grant, for the two departments it is between; for others there is none of that number."""
    require(actor, Act.READ_GRANTS)
    grant = session.scalars(
        select(AccessGrant).where(AccessGrant.id == grant_id).with_for_update(of=AccessGrant)
    ).one_or_none()
    if grant is None or not _concerns(grant, actor):
        raise NotFoundError("no access request or grant {grant_id} of your department", grant_id=grant_id)
    return grant


def list_grants(
    session: Session, *, actor: Actor, state: str | None = None, after: int = 0, limit: int = 200
) -> list[AccessGrant]:
    """Requests and grants in which the actor's department is one of the two; an overseer sees all."""
    require(actor, Act.READ_GRANTS)
    statement = (
        select(AccessGrant)
        .where(AccessGrant.id > after)
        .options(selectinload(AccessGrant.layer))
        .order_by(AccessGrant.id)
        .limit(limit)
    )
    if not _oversees(actor):
        mine = actor.department or ""
        statement = statement.where(or_(AccessGrant.owner == mine, AccessGrant.department == mine))
    if state is not None:
        statement = statement.where(AccessGrant.state == state)
    return list(session.scalars(statement))


def active_grants(session: Session, department: str, today: date) -> tuple[Grant, ...]:
    """What a department may read of others today, and what for."""
    rows = session.execute(
        select(AccessGrant.id, Layer.code, AccessGrant.purpose, AccessGrant.may_export)
        .join(Layer, Layer.id == AccessGrant.layer_id)
        .where(
            AccessGrant.department == department,
            AccessGrant.state == GrantState.GRANTED,
            AccessGrant.starts_on <= today,
            AccessGrant.ends_on >= today,
        )
        .order_by(AccessGrant.id)
    )
    return tuple(Grant(*row) for row in rows)


def _grant(session: Session, grant: AccessGrant, terms: Terms, *, actor: Actor, now: datetime) -> AccessGrant:
    layer = _grantable(session, terms.layer, actor)
    if layer.department != grant.owner:
        raise ConflictError(
            "layer {layer_code} is not of {owner}; its own department grants access",
            layer_code=layer.code,
            owner=grant.owner,
        )
    starts_on = terms.starts_on or now.date()
    if not starts_on <= terms.ends_on <= starts_on + timedelta(days=MOST_DAYS):
        raise ConflictError(
            "the last day must lie between {starts_on} and a year later, not be {ends_on}",
            starts_on=starts_on,
            ends_on=terms.ends_on,
        )
    grant.layer_id, grant.state = layer.id, GrantState.GRANTED
    grant.starts_on, grant.ends_on = starts_on, terms.ends_on
    grant.conditions, grant.may_export = terms.conditions or layer.conditions, terms.may_export
    grant.most_exports, grant.most_features = terms.most_exports, terms.most_features
    grant.decided_by, grant.decided_at = actor.name, now
    session.add(grant)
    session.flush()
    _record(session, actor, Act.GRANT_ACCESS, grant)
    return grant


def _grantable(session: Session, code: str, actor: Actor) -> Layer:
    """A layer that the actor may grant; another department's does not exist here, so that nobody learns of it."""
    layer = session.scalars(select(Layer).where(Layer.code == code)).one_or_none()
    if layer is None or not may(actor, Act.GRANT_ACCESS, layer.thing):
        raise NotFoundError("your department has no layer {code!r}", code=code[:60])
    return layer


def _record(session: Session, actor: Actor, act: Act, grant: AccessGrant) -> None:
    names = (
        "owner",
        "department",
        "layer_id",
        "state",
        "starts_on",
        "ends_on",
        "may_export",
        "most_exports",
        "most_features",
        "conditions",
        "reason",
    )
    record(
        session,
        actor,
        act,
        kind="access_grant",
        id=grant.id,
        after={name: getattr(grant, name) for name in names},
        purpose=grant.purpose,
    )


def _purpose(purpose: str) -> str:
    if not purpose.strip():
        raise InvalidInputError("say what the data is for; shared data serves the unit's own duty (Art. 17)")
    return purpose.strip()


def _oversees(actor: Actor) -> bool:
    return bool(actor.roles & {Role.AUDITOR, Role.CONSOLE})


def _concerns(grant: AccessGrant, actor: Actor) -> bool:
    return _oversees(actor) or actor.department in (grant.owner, grant.department)
