"""Open work of a department: what it has to answer, what it began and did not finish, and what somebody who left began.

Work is a department's, never a person's: who moves away loses it, and it stays here.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from blueprint.accounts.models import directory
from blueprint.audit.log import record
from blueprint.city import City
from blueprint.layers.models import InForcePeriod, Layer, LayerVersion
from blueprint.permissions import Act, Actor, Thing, require
from blueprint.sharing.models import AccessGrant, GrantState
from coordination.limits import OpinionStatus
from coordination.models import Consultation, OpinionRequest
from coordination.opinion_requests import open_requests_of, request_status


class WorkKind(StrEnum):
    """What is open."""

    OPINION_REQUEST = "opinion_request"
    DRAFT = "draft"
    ACCESS_REQUEST = "access_request"
    ACCESS_TO_DECIDE = "access_to_decide"


@dataclass(frozen=True)
class OpenWork:
    """One piece of it; `begun_by` is who began it, `left_behind` that this person holds no role in the department now."""

    kind: WorkKind
    id: str
    title: str
    since: date
    due_on: date | None = None
    begun_by: str | None = None
    left_behind: bool = False


def open_work(
    session: Session, department: str, *, city: City, actor: Actor, now: datetime
) -> list[OpenWork]:
    """All open work of a department, the oldest of each kind first."""
    require(actor, Act.READ_OPEN_WORK, Thing(department=department))
    city.department(department)
    found = [
        *_requests(session, department, now.date()),
        *_drafts(session, department),
        *_access(session, department),
    ]
    gone = _gone(session, department, {work.begun_by for work in found if work.begun_by is not None}, now)
    record(session, actor, Act.READ_OPEN_WORK, kind="department", id=department, after={"count": len(found)})
    return [
        OpenWork(**(vars(work) | {"left_behind": True})) if work.begun_by in gone else work for work in found
    ]


def _requests(session: Session, department: str, today: date) -> list[OpenWork]:
    rows = session.scalars(
        open_requests_of(department).options(
            joinedload(OpinionRequest.opinion),
            joinedload(OpinionRequest.consultation).joinedload(Consultation.project),
        )
    )
    return [
        OpenWork(
            kind=WorkKind.OPINION_REQUEST,
            id=str(row.id),
            title=f"{row.consultation.project.planning_number} {row.consultation.project.name}",
            since=row.sent_on,
            due_on=row.due_on,
        )
        for row in rows
        if request_status(row, today) in (OpinionStatus.AWAITED, OpinionStatus.STOPPED)
    ]


def _drafts(session: Session, department: str) -> list[OpenWork]:
    """Versions that were stored, never came into force and were not withdrawn, of layers that are in use."""
    was_in_force = select(InForcePeriod.id).where(InForcePeriod.version_id == LayerVersion.id).exists()
    rows = session.execute(
        select(LayerVersion, Layer)
        .join(Layer, Layer.id == LayerVersion.layer_id)
        .where(
            Layer.department == department,
            Layer.retired_on.is_(None),
            LayerVersion.withdrawn_on.is_(None),
            ~was_in_force,
        )
        .order_by(LayerVersion.id)
    )
    return [
        OpenWork(
            kind=WorkKind.DRAFT,
            id=f"{layer.code} v{version.number}",
            title=layer.title,
            since=version.uploaded_at.date(),
            begun_by=version.uploaded_by,
        )
        for version, layer in rows
    ]


def _access(session: Session, department: str) -> list[OpenWork]:
    rows = session.scalars(
        select(AccessGrant)
        .where(
            AccessGrant.state == GrantState.REQUESTED,
            or_(AccessGrant.department == department, AccessGrant.owner == department),
        )
        .order_by(AccessGrant.id)
    )
    return [_access_work(row, is_own=row.department == department) for row in rows]


def _access_work(row: AccessGrant, *, is_own: bool) -> OpenWork:
    assert row.requested_at is not None
    return OpenWork(
        kind=WorkKind.ACCESS_REQUEST if is_own else WorkKind.ACCESS_TO_DECIDE,
        id=str(row.id),
        title=row.wanted or row.purpose,
        since=row.requested_at.date(),
        begun_by=row.requested_by if is_own else None,
    )


def _gone(session: Session, department: str, names: set[str], now: datetime) -> set[str]:
    """Of names as the record has them ("name login"), those of persons who hold no role in the department now."""
    logins = {name.rpartition(" ")[2]: name for name in names}
    known = directory(now)
    statement = (
        select(known.c.login)
        .where(known.c.login.in_(logins))
        .group_by(known.c.login)
        .having(~func.coalesce(func.bool_or(known.c.department == department), False))
    )
    return {logins[login] for login in session.scalars(statement)}
