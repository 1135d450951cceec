"""Bearer tokens: one per department for people's tools, one for the interface; kept as hashes, revocable at once."""

import hashlib
import secrets
from datetime import date, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from blueprint.city import City, DepartmentRole
from blueprint.errors import NotFoundError, NotSignedInError
from blueprint.models import Token
from blueprint.permissions import Actor, Role
from blueprint.sharing.grants import active_grants

_ROLE_OF_DEPARTMENT = {DepartmentRole.COORDINATOR: Role.COORDINATOR, DepartmentRole.APPROVALS: Role.LEAD}


def issue_token(
    session: Session,
    *,
    department: str | None,
    city: City,
    now: datetime,
    days: int = 90,
    is_service: bool = False,
) -> str:
    """Make a token for a department (or the interface, `is_service`); its text is shown once and never kept."""
    label = city.department(department).name if department else "interface"
    token = f"ob_{secrets.token_urlsafe(32)}"
    session.add(
        Token(
            sha256=_sha256(token),
            label=label,
            department=department,
            is_service=is_service,
            made_at=now,
            expires_on=now.date() + timedelta(days=days),
        )
    )
    session.flush()
    return token


def revoke_tokens(session: Session, *, department: str | None, now: datetime) -> int:
    """Revoke every token of a department, or of the interface (None); says how many were good until now."""
    statement = update(Token).where(
        Token.department.is_not_distinct_from(department), Token.revoked_at.is_(None)
    )
    return len(session.execute(statement.values(revoked_at=now).returning(Token.id)).all())


def actor_of_token(session: Session, header: str, *, city: City, today: date) -> Actor:
    """The actor behind an `Authorization` header; NotSignedInError when the token is unknown, revoked or expired."""
    scheme, _, token = header.partition(" ")
    row = None
    if scheme.lower() == "bearer" and token:
        row = session.scalars(select(Token).where(Token.sha256 == _sha256(token))).one_or_none()
    if row is None or row.revoked_at is not None or row.expires_on < today:
        raise NotSignedInError("the token is unknown, revoked or expired; ask the operator for a new one")
    roles = {Role.ANYONE}
    if row.is_service:
        roles.add(Role.SERVICE)
    if row.department is not None:
        roles.add(Role.DEPARTMENT)
        try:
            role = _ROLE_OF_DEPARTMENT.get(city.department(row.department).role)
        except NotFoundError as error:
            raise NotSignedInError("the token's department is no longer in the city profile") from error
        if role is not None:
            roles.add(role)
    return Actor(
        name=row.label,
        department=row.department,
        roles=frozenset(roles),
        grants=active_grants(session, row.department, today) if row.department is not None else (),
        reader=row.sha256[:16],
        territory=city.territory(row.department),
    )


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
