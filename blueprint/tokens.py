"""Bearer tokens of machines: of a department, for all it may or for some acts and layers, or of the interface.

Of a token only its SHA-256 is kept. It is good until an instant, and revoked at once: one, a department's, or all.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select, true, update
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City, DepartmentRole
from blueprint.connections import Asked, Beside
from blueprint.database import execute_prepared, prepared
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError, NotSignedInError
from blueprint.layers.models import Layer
from blueprint.models import Token, TokenUse
from blueprint.permissions import (
    UNSCOPED,
    Act,
    Actor,
    Grant,
    Role,
    Scope,
    at_console,
    may,
    require,
    rights_of,
)
from blueprint.sharing.grants import active_grants
from blueprint.wall import DOOR, enter, viewer_of

MOST_DAYS = 366
"""A token is good for a year at most; a machine gets a new one before."""

USE_TOLD_EVERY = timedelta(minutes=5)

_ROLE_OF_DEPARTMENT = {DepartmentRole.COORDINATOR: Role.COORDINATOR, DepartmentRole.APPROVALS: Role.LEAD}
_TEXT = re.compile(r"ob_[A-Za-z0-9_-]{43}")
_INSTALLER = at_console("setup")


@dataclass(frozen=True)
class UsedToken:
    """A token with the instant of its last use."""

    token: Token
    used_at: datetime | None


def issue_token(
    session: Session,
    *,
    department: str | None,
    city: City,
    now: datetime,
    days: int = 90,
    expires_at: datetime | None = None,
    is_service: bool = False,
    scope: Scope = UNSCOPED,
    actor: Actor = _INSTALLER,
) -> str:
    """Make a token for a department, or for the interface (`is_service`); its text is shown once and never kept."""
    return make_token(
        session,
        department=department,
        city=city,
        now=now,
        expires_at=expires_at or now + timedelta(days=days),
        is_service=is_service,
        scope=scope,
        actor=actor,
    )[1]


def make_token(
    session: Session,
    *,
    department: str | None,
    city: City,
    now: datetime,
    expires_at: datetime,
    is_service: bool,
    scope: Scope,
    actor: Actor,
) -> tuple[Token, str]:
    """The row of a new token, and its text; refuses a scope that is more than the department has."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    if (department is None) != is_service:
        raise InvalidInputError("a token is of a department or of the interface; say one of the two")
    if not now < expires_at <= now + timedelta(days=MOST_DAYS):
        raise InvalidInputError(
            "a token ends later than now and within {most_days} days, not on {expires_at}",
            most_days=MOST_DAYS,
            expires_at=expires_at,
        )
    enter(
        session, DOOR
    )  # who administers accounts does not see grants; what a token opens is asked as at the door
    granted = active_grants(session, department, now.date()) if department is not None else ()
    enter(session, viewer_of(actor))
    _refuse_more_than_the_departments(session, scope, department, city, granted)
    text = f"ob_{secrets.token_urlsafe(32)}"
    row = Token(
        sha256=_sha256(text),
        label=city.department(department).name if department is not None else "interface",
        department=department,
        is_service=is_service,
        acts=sorted(scope.acts) if scope.acts is not None else None,
        layers=sorted(scope.layers) if scope.layers is not None else None,
        made_by=actor.name,
        made_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    session.add(TokenUse(token_id=row.id))
    after = {name: getattr(row, name) for name in ("label", "department", "acts", "layers", "expires_at")}
    record(session, actor, "issue_credential", kind="token", id=row.id, after=after)
    return row, text


def list_tokens(
    session: Session, *, actor: Actor, department: str | None = None, after: int = 0, limit: int = 200
) -> list[UsedToken]:
    """Tokens in the order they were made, also those that are over; never their text."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    statement = (
        select(Token, TokenUse.used_at)
        .join(TokenUse, TokenUse.token_id == Token.id)
        .where(Token.id > after, Token.department == department if department is not None else true())
        .order_by(Token.id)
        .limit(limit)
    )
    return [UsedToken(token, used_at) for token, used_at in session.execute(statement)]


def revoke_token(session: Session, token_id: int, *, actor: Actor, now: datetime) -> None:
    """Revoke one token, at once."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    token = session.get(Token, token_id)
    if token is None:
        raise NotFoundError("no token {token_id}; `blueprint token list` shows them", token_id=token_id)
    if not _revoke(session, Token.id == token_id, actor=actor, now=now):
        raise ConflictError(
            "token {token_id} was revoked on {revoked_at} already",
            token_id=token_id,
            revoked_at=token.revoked_at,
        )


def revoke_tokens(
    session: Session, *, department: str | None, now: datetime, actor: Actor = _INSTALLER
) -> int:
    """Revoke every token of a department, or of the interface (None); says how many were not revoked yet."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    return _revoke(session, Token.department.is_not_distinct_from(department), actor=actor, now=now)


def revoke_all_tokens(session: Session, *, actor: Actor, now: datetime) -> int:
    """Revoke every token there is; says how many were not revoked yet."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    return _revoke(session, true(), actor=actor, now=now)


def actor_of_token(
    session: Session, header: str, *, city: City, now: datetime, asked: Asked | None = None
) -> Actor:
    """The actor behind an `Authorization` header; NotSignedInError says why a token is not good (any more).

    `asked` is what `ask_ahead` gave for the same header.
    """
    sha256, token = _good_token(session, header, now, asked)
    if token.used_at is None or now - token.used_at > USE_TOLD_EVERY:
        _tell_use(session, token.id, now)
    return _actor(token, sha256, city)


def actor_of_kept_token(session: Session, token_id: int, *, city: City, now: datetime) -> Actor:
    """The actor behind a token that something was asked with before: with its scope, and the grants of today.

    NotSignedInError when it is not good any more.
    """
    row = session.get_one(Token, token_id)
    grants = active_grants(session, row.department, now.date()) if row.department is not None else ()
    token = _TokenAtDoor(
        row.id,
        row.label,
        row.department,
        row.is_service,
        row.acts,
        row.layers,
        row.expires_at,
        row.revoked_at,
        None,
        [(grant.number, grant.layer, grant.purpose, grant.may_export) for grant in grants],
    )
    _refuse_ended(token, now)
    return _actor(token, row.sha256, city)


def _actor(token: "_TokenAtDoor", sha256: str, city: City) -> Actor:
    roles = {Role.ANYONE} | ({Role.SERVICE} if token.is_service else set())
    if token.department is not None:
        try:
            roles |= roles_of_department(city, token.department)
        except NotFoundError as error:
            raise NotSignedInError("the token's department is no longer in the city profile") from error
    return Actor(
        name=token.label,
        department=token.department,
        roles=frozenset(roles),
        grants=tuple(Grant(*grant) for grant in token.grants or ()),
        reader=sha256[:16],
        territory=city.territory(token.department),
        scope=Scope(
            frozenset(Act(act) for act in token.acts if act in set(Act)) if token.acts is not None else None,
            frozenset(token.layers) if token.layers is not None else None,
        ),
        token_id=token.id,
    )


def roles_of_department(city: City, code: str) -> set[Role]:
    """The roles that a department's token has; NotFoundError when the department is not in the profile."""
    role = _ROLE_OF_DEPARTMENT.get(city.department(code).role)
    return {Role.DEPARTMENT} | ({role} if role is not None else set())


class _TokenAtDoor(NamedTuple):
    """What `blueprint.token_at_door` tells of a token; `grants` have the fields of `Grant`."""

    id: int
    label: str
    department: str | None
    is_service: bool
    acts: list[str] | None
    layers: list[str] | None
    expires_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None
    grants: list[tuple[int, str, str, bool]] | None


AT_DOOR = prepared("token_at_door", "SELECT * FROM blueprint.token_at_door(:sha256, :today)")


def ask_ahead(beside: Beside, header: str, *, now: datetime) -> Asked | None:
    """Look a header's token up while something else is done; None where it is no token, or not now."""
    sha256 = _sha256_of(header)
    return beside.start(AT_DOOR.name, _at_door(sha256, now)) if sha256 is not None else None


def _good_token(
    session: Session, header: str, now: datetime, asked: Asked | None
) -> tuple[str, _TokenAtDoor]:
    """The SHA-256 of a token that is good at this instant, and what is behind it."""
    sha256 = _sha256_of(header)
    if sha256 is None:
        raise NotSignedInError(
            "this is no whole token; send `Authorization: Bearer ob_…` with all 46 characters it was issued with"
        )
    found = asked.rows_or_none() if asked is not None else None
    if found is None:
        found = execute_prepared(session, AT_DOOR, _at_door(sha256, now))
    if not found:
        raise NotSignedInError("the token is unknown here; ask this installation's operator for one")
    token = _TokenAtDoor._make(found[0])
    _refuse_ended(token, now)
    return sha256, token


def _refuse_ended(token: _TokenAtDoor, now: datetime) -> None:
    if token.revoked_at is not None:
        raise NotSignedInError("the token was revoked; ask the operator for a new one")
    if token.expires_at <= now:
        raise NotSignedInError("the token has expired; ask the operator for a new one")


def _tell_use(session: Session, token_id: int, now: datetime) -> None:
    """Keep the instant; where another request is about to, it does it for both, so nobody waits."""
    free = select(TokenUse.token_id).where(TokenUse.token_id == token_id).with_for_update(skip_locked=True)
    session.execute(
        update(TokenUse)
        .where(TokenUse.token_id.in_(free.scalar_subquery()))
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )


def _refuse_more_than_the_departments(
    session: Session, scope: Scope, department: str | None, city: City, granted: tuple[Grant, ...]
) -> None:
    """Name what a scope has that its department has not; for the interface there is one act, and no scope."""
    if department is None:
        if scope != UNSCOPED:
            raise InvalidInputError(
                "the interface's token is for the push of handovers alone; it takes no scope"
            )
        return
    owner = Actor(
        name=department,
        department=department,
        roles=frozenset({Role.ANYONE, *roles_of_department(city, department)}),
        grants=granted,
        territory=city.territory(department),
    )
    _refuse_empty(scope)
    rights = rights_of(owner)
    more = sorted(scope.acts - set(rights)) if scope.acts is not None else []
    if more:
        raise InvalidInputError(
            "{department} may not {more} itself; its tokens are for some of: {rights}",
            department=department,
            more=more,
            rights=rights,
        )
    if scope.layers is not None:
        things = session.scalars(select(Layer).where(Layer.code.in_(scope.layers)))
        known = {layer.code for layer in things if may(owner, Act.READ_LAYER, layer.thing)}
        unknown = sorted(scope.layers - known)
        if unknown:
            raise InvalidInputError(
                "{department} reads no layer {unknown}",
                department=department,
                unknown=[code[:60] for code in unknown],
            )


def _refuse_empty(scope: Scope) -> None:
    if frozenset() in (scope.acts, scope.layers):
        raise InvalidInputError(
            "a scope names at least one act or layer; leave it out for all that the department may"
        )


def scope_of(acts: Iterable[str] | None, layers: Iterable[str] | None) -> Scope:
    """A scope by its words; InvalidInputError names an act that is none."""
    if acts is not None:
        acts = list(acts)
        unknown = sorted(set(acts) - set(Act))
        if unknown:
            raise InvalidInputError(
                "no act {unknown!r}; `blueprint account rights` lists them", unknown=unknown[0][:60]
            )
    return Scope(
        frozenset(Act(act) for act in acts) if acts is not None else None,
        frozenset(layers) if layers is not None else None,
    )


def _revoke(session: Session, which: ColumnElement[bool], *, actor: Actor, now: datetime) -> int:
    statement = update(Token).where(which, Token.revoked_at.is_(None))
    revoked: Sequence[int] = session.scalars(
        statement.values(revoked_at=now, revoked_by=actor.name).returning(Token.id)
    ).all()
    for token_id in revoked:
        record(session, actor, "revoke_credential", kind="token", id=token_id)
    return len(revoked)


def _sha256_of(header: str) -> str | None:
    scheme, _, text = header.partition(" ")
    return _sha256(text) if scheme.lower() == "bearer" and _TEXT.fullmatch(text) else None


def _at_door(sha256: str, now: datetime) -> dict[str, Any]:
    return {"sha256": sha256, "today": now.date()}


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
