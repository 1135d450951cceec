"""Routes of attachments (附件)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import FileResponse
from pydantic import BaseModel

from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.given import Text
from blueprint.idempotency import IdempotentRoute
from blueprint.layers.upload_answer import name_of
from blueprint.permissions import Act, require
from blueprint.uploads import spooled
from coordination import attachments, projects
from coordination.addresses import Id
from coordination.attachment_models import Attachment
from coordination.attachments import AttachmentKind
from coordination.models import MAX_TEXT

router = APIRouter(tags=["coordination"], route_class=IdempotentRoute)

Upload = Annotated[
    UploadFile, File(description="PDF, OFD, PNG, JPEG, TIFF, DOCX or XLSX without macros, 50 MB")
]
About = Annotated[Text | None, Form(max_length=MAX_TEXT, description="说明 what it is")]


class AttachmentOut(BaseModel):
    """A file of a project, or of a department's request."""

    id: int
    request_id: int | None
    file_name: str
    kind: AttachmentKind
    sha256: str
    size_bytes: int
    about: str | None
    added_by: str
    added_department: str | None
    added_at: datetime


class AttachmentList(BaseModel):
    """The files that the caller may see."""

    items: list[AttachmentOut]


def attachment_out(attachment: Attachment) -> AttachmentOut:
    """An attachment as it is shown."""
    return AttachmentOut.model_validate(attachment, from_attributes=True)


@router.get("/api/projects/{project_id}/attachments")
def list_attachments(project_id: Id, session: SessionDep, actor: ActorDep) -> AttachmentList:
    """The files of a project, and those of the requests that the caller may see."""
    require(actor, Act.READ_PROJECT)
    project = projects.find_project(session, project_id)
    found = attachments.attachments_of(session, project, actor=actor)
    return AttachmentList(items=[attachment_out(each) for each in found])


@router.post("/api/projects/{project_id}/attachments", status_code=201)
def attach_to_project(
    project_id: Id,
    file: Upload,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    about: About = None,
) -> AttachmentOut:
    """Add a file to a project; it is kept as it came, by its SHA-256."""
    require(actor, Act.REGISTER_PROJECT)
    with spooled(file, scratch=edge.scratch) as path:
        return attachment_out(
            attachments.attach_to_project(
                session, project_id, path, name_of(file), about=about, actor=actor, now=now
            )
        )


@router.post("/api/opinion-requests/{request_id}/attachments", status_code=201)
def attach_to_request(
    request_id: Id,
    file: Upload,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    about: About = None,
) -> AttachmentOut:
    """Add a file to a department's request: by the department, or by the coordinator for a letter that came."""
    require(actor, Act.READ_OPINION_REQUESTS)
    with spooled(file, scratch=edge.scratch) as path:
        return attachment_out(
            attachments.attach_to_request(
                session,
                request_id,
                path,
                name_of(file),
                about=about,
                actor=actor,
                calendar=edge.calendar,
                now=now,
            )
        )


@router.get("/api/attachments/{attachment_id}/file", response_class=FileResponse)
def read_attachment(attachment_id: Id, session: SessionDep, actor: ActorDep) -> FileResponse:
    """The file, to be saved; who read it is recorded."""
    require(actor, Act.READ_PROJECT)
    found, path = attachments.read_attachment(session, attachment_id, actor=actor)
    return FileResponse(path, filename=found.file_name, media_type="application/octet-stream")
