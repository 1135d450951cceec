"""Attachments (附件): plans, letters and photographs of a project or of a department's answer, kept as they came.

A file is judged by what it begins with, not by its name, and is never opened by the service: it goes out as a download,
byte for byte.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError, TooLargeError
from blueprint.objects import Stored, objects_of
from blueprint.permissions import Act, Actor, may, require
from blueprint.sentences import Word
from blueprint.working_days import WorkingCalendar
from coordination.attachment_models import Attachment
from coordination.history import note
from coordination.models import MAX_TEXT, OpinionRequest, Project
from coordination.opinion_requests import find_request, locked
from coordination.opinions import refuse_past
from coordination.project_states import ProjectStatus
from coordination.projects import lock_project

MAX_MB = 50
MAX_OF_PROJECT = 200
"""So many attachments a project has at most."""

_MAX_MEMBERS = 5000
_TAIL = 66_000
"""Bytes at the end of a ZIP in which its directory is told of (22 and a comment of 65,535)."""


class AttachmentKind(StrEnum):
    """The kinds that are taken: PDF, OFD (GB/T 33190), pictures, Word and Excel without macros."""

    PDF = "pdf"
    OFD = "ofd"
    PNG = "png"
    JPEG = "jpeg"
    TIFF = "tiff"
    DOCX = "docx"
    XLSX = "xlsx"


_BEGINNINGS = (
    (b"%PDF-", AttachmentKind.PDF),
    (b"\x89PNG\r\n\x1a\n", AttachmentKind.PNG),
    (b"\xff\xd8\xff", AttachmentKind.JPEG),
    (b"II*\x00", AttachmentKind.TIFF),
    (b"MM\x00*", AttachmentKind.TIFF),
)
_MEMBERS = (
    ("OFD.xml", AttachmentKind.OFD),
    ("word/document.xml", AttachmentKind.DOCX),
    ("xl/workbook.xml", AttachmentKind.XLSX),
)
_TAKEN = Word("taken are PDF, OFD, PNG, JPEG, TIFF, and Word (.docx) and Excel (.xlsx) without macros")


def kind_of(path: Path) -> AttachmentKind:
    """What a file is by its content; InvalidInputError for any other kind, and for programs in a document."""
    size = path.stat().st_size
    if size == 0:
        raise InvalidInputError("the file is empty", place="file")
    if size > MAX_MB << 20:
        raise TooLargeError("an attachment has at most {max_mb} MB", max_mb=MAX_MB, place="file")
    with path.open("rb") as opened:
        head = opened.read(8)
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head.startswith(b"PK\x03\x04"):
        return _kind_of_package(path, size)
    raise InvalidInputError("this kind of file is not taken; {taken}", taken=_TAKEN, place="file")


def _kind_of_package(path: Path, size: int) -> AttachmentKind:
    """By the names of its members; nothing is unpacked."""
    with path.open("rb") as opened:
        opened.seek(max(0, size - _TAIL))
        tail = opened.read()
    at = tail.rfind(b"PK\x05\x06")
    members = int.from_bytes(tail[at + 10 : at + 12], "little") if at >= 0 else 0
    if not 0 < members <= _MAX_MEMBERS:
        raise InvalidInputError(
            "the package has no directory, or too long a one; {taken}",
            taken=_TAKEN,
            place="file",
        )
    try:
        with zipfile.ZipFile(path) as package:
            names = set(package.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise InvalidInputError("the file is damaged; {taken}", taken=_TAKEN, place="file") from error
    if any(name.lower().endswith(("vbaproject.bin", ".exe", ".dll", ".js", ".vbs")) for name in names):
        raise InvalidInputError(
            "the document has macros or programs in it; save it without (.docx, .xlsx)",
            place="file",
        )
    for name, kind in _MEMBERS:
        if name in names:
            return kind
    raise InvalidInputError("this kind of package is not taken; {taken}", taken=_TAKEN, place="file")


@dataclass(frozen=True)
class FileGiven:
    """A file that was judged and kept."""

    name: str
    kind: AttachmentKind
    stored: Stored


def keep(session: Session, path: Path, name: str) -> FileGiven:
    """Judge a file and keep it in the object folder; the name is shown, never used as one."""
    kind = kind_of(path)
    return FileGiven(name[:200], kind, objects_of(session).put(path))


def attach_to_project(
    session: Session,
    project_id: int,
    path: Path,
    name: str,
    *,
    about: str | None,
    actor: Actor,
    now: datetime,
) -> Attachment:
    """Add a file to a project, for all its members; until it has ended."""
    require(actor, Act.REGISTER_PROJECT)
    project = lock_project(session, project_id)
    if project.status == ProjectStatus.ENDED:
        raise ConflictError(
            "{planning_number} has ended; nothing is added to it", planning_number=project.planning_number
        )
    return _attach(session, project, None, path, name, about=about, actor=actor, now=now)


def attach_to_request(
    session: Session,
    request_id: int,
    path: Path,
    name: str,
    *,
    about: str | None,
    actor: Actor,
    calendar: WorkingCalendar,
    now: datetime,
) -> Attachment:
    """Add a file to a department's request: by the department, or by the coordinator for a letter that came (来函).

    It is part of what the department says: past the limit it is refused like that (Art. 11).
    """
    known = find_request(session, request_id, actor=actor)
    if not may(actor, Act.ENTER_OPINION, known.thing):
        require(actor, Act.GIVE_OPINION, known.thing)
    project = lock_project(session, known.consultation.project_id)
    request = locked(session, OpinionRequest.id == request_id)[request_id]
    refuse_past(request, calendar=calendar, now=now)
    return _attach(session, project, request, path, name, about=about, actor=actor, now=now)


def _attach(
    session: Session,
    project: Project,
    request: OpinionRequest | None,
    path: Path,
    name: str,
    *,
    about: str | None,
    actor: Actor,
    now: datetime,
) -> Attachment:
    words = (about or "").strip() or None
    if words is not None and len(words) > MAX_TEXT:
        raise InvalidInputError(
            "say in at most {max_text} characters what the file is", max_text=MAX_TEXT, place="about"
        )
    known = session.scalars(select(Attachment.id).where(Attachment.project_id == project.id)).all()
    if len(known) >= MAX_OF_PROJECT:
        raise ConflictError(
            "{planning_number} has {max_of_project} attachments; no more are taken",
            planning_number=project.planning_number,
            max_of_project=MAX_OF_PROJECT,
        )
    file = keep(session, path, name)
    made = Attachment(
        project_id=project.id,
        request_id=request.id if request is not None else None,
        file_name=file.name,
        kind=file.kind,
        sha256=file.stored.sha256,
        size_bytes=file.stored.size_bytes,
        about=words,
        added_by=actor.name,
        added_department=actor.department,
        added_at=now,
    )
    session.add(made)
    session.flush()
    after = {"file": made.file_name, "sha256": made.sha256, "bytes": made.size_bytes}
    if request is None:
        note(session, project, "attach_file", actor=actor, now=now, details=after)
    else:
        record(session, actor, "attach_file", kind="opinion_request", id=request.id, after=after)
    return made


def attachments_of(
    session: Session, project: Project, *, actor: Actor, request_id: int | None = None
) -> Sequence[Attachment]:
    """The files of a project and of the requests that the actor may see, or of one request; in the order they came."""
    statement = select(Attachment).where(Attachment.project_id == project.id).order_by(Attachment.id)
    if request_id is not None:
        statement = statement.where(Attachment.request_id == request_id)
    return [each for each in session.scalars(statement) if _may_see(actor, each)]


def read_attachment(session: Session, attachment_id: int, *, actor: Actor) -> tuple[Attachment, Path]:
    """A file and where it lies; who read it is recorded. One of another department's request is as unknown as none."""
    found = session.get(Attachment, attachment_id)
    if found is None or not _may_see(actor, found):
        raise NotFoundError("no attachment {attachment_id}", attachment_id=attachment_id)
    record(session, actor, "read_attachment", kind="attachment", id=found.id, after={"sha256": found.sha256})
    return found, objects_of(session).existing(found.sha256)


def _may_see(actor: Actor, attachment: Attachment) -> bool:
    request = attachment.request
    if attachment.request_id is None:
        return may(actor, Act.READ_PROJECT)
    if request is None:
        return False
    return may(actor, Act.CONSULT_DEPARTMENTS) or may(actor, Act.GIVE_OPINION, request.thing)
