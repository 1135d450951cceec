"""What a changer read is held to what is there now (If-Match), for projects and opinion requests: one place for all routes."""

from functools import partial

from sqlalchemy.orm import Session

from blueprint.edge import Edge
from blueprint.etags import hold_to
from blueprint.permissions import Actor
from coordination import projects
from coordination.opinion_requests import find_request
from coordination.overview import project_out, request_out


def hold_project(
    session: Session, project_id: int, if_match: str | None, *, actor: Actor, edge: Edge
) -> None:
    """Hold a project to what its changer read of it."""
    if if_match is not None:
        project = projects.find_project(session, project_id)
        hold_to(session, if_match, project, partial(project_out, session, project, actor=actor, edge=edge))


def hold_request(
    session: Session, request_id: int, if_match: str | None, *, actor: Actor, edge: Edge
) -> None:
    """Hold an opinion request to what its changer read of it."""
    if if_match is not None:
        known = find_request(session, request_id, actor=actor)
        today = edge.now().date()
        shown = partial(request_out, known, city=edge.city, calendar=edge.calendar, today=today)
        hold_to(session, if_match, known, shown)
