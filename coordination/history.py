"""The history of a project (项目历程): what happened to it, when and by whom, as its members may read it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.permissions import Act, Actor
from coordination.models import Project, ProjectEvent


def note(
    session: Session,
    project: Project,
    act: Act | str,
    *,
    actor: Actor,
    now: datetime,
    details: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
) -> None:
    """Enter an act into the project's history and, as the same act, into the audit log.

    `details` are for every member: no opinion, no finding, nothing of a layer that is not public.
    """
    session.add(
        ProjectEvent(
            project_id=project.id,
            at=now,
            by=actor.name,
            department=actor.department,
            act=str(act),
            details=dict(details),
        )
    )
    record(session, actor, act, kind="project", id=project.planning_number, before=before, after=details)


def history_of(
    session: Session, project: Project, *, after: int = 0, limit: int = 200
) -> Sequence[ProjectEvent]:
    """What happened, in the order of time."""
    statement = (
        select(ProjectEvent)
        .where(ProjectEvent.project_id == project.id, ProjectEvent.id > after)
        .order_by(ProjectEvent.id)
        .limit(limit)
    )
    return session.scalars(statement).all()
