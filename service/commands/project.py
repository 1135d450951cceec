"""`blueprint project …`: the way of a project from its registration to its handover."""

from service.commands import (
    project_answers,
    project_attachments,
    project_clearance,
    project_guidance,
    project_handling,
    project_meetings,
    project_opinions,
    project_registration,
    project_search,
    project_views,
)
from service.commands.project_app import app

__all__ = [
    "app",
    "project_answers",
    "project_attachments",
    "project_clearance",
    "project_guidance",
    "project_handling",
    "project_meetings",
    "project_opinions",
    "project_registration",
    "project_search",
    "project_views",
]
