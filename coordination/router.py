"""All routes of coordination."""

from fastapi import APIRouter

from coordination.attachment_router import router as attachment_router
from coordination.clearance_router import router as clearance_router
from coordination.guidance_router import router as guidance_router
from coordination.handling_router import router as handling_router
from coordination.meeting_router import router as meeting_router
from coordination.opinion_router import router as opinion_router
from coordination.project_router import router as project_router
from coordination.update_router import router as update_router
from coordination.view_router import router as view_router

router = APIRouter()
for part in (
    project_router,
    clearance_router,
    opinion_router,
    handling_router,
    guidance_router,
    meeting_router,
    attachment_router,
    view_router,
    update_router,
):
    router.routes.extend(part.routes)
