"""What an upload over HTTP is answered with: the version that came of it, or the job that will store it."""

import re
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import Header, Response, UploadFile
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from blueprint.edge import Edge
from blueprint.errors import ConflictError
from blueprint.etags import tagged
from blueprint.jobs.models import Job
from blueprint.jobs.schemas import JobOut, job_out
from blueprint.layers import publication
from blueprint.layers.models import Layer, LayerVersion
from blueprint.layers.retirement import refuse_retired
from blueprint.layers.schemas import VersionOut
from blueprint.layers.shown import version_out
from blueprint.layers.taking_in import OnBase, take_in
from blueprint.layers.upload_form import UploadForm
from blueprint.layers.upload_job import LARGE_BYTES, put_in_upload
from blueprint.permissions import Act, Actor, require
from blueprint.quality.report import quality_of

Prefer = Annotated[
    str | None, Header(max_length=200, description="`respond-async` (RFC 7240): answer with a job at once")
]
ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": JobOut,
        "description": "a large file, or `Prefer: respond-async`: a job stores it, `Location` says where to look",
    }
}


def answer_upload(
    session: Session,
    layer: Layer,
    file: UploadFile,
    form: UploadForm,
    prefer: str | None,
    *,
    delta: OnBase | None = None,
    actor: Actor,
    edge: Edge,
    now: datetime,
    response: Response,
) -> VersionOut | JSONResponse:
    """Take the file in and answer with its version (201), in force where the form says so; with a job (202) if it is large."""
    refuse_retired(layer)
    upload = form.upload(layer, actor, edge)
    if is_long(file, prefer):
        job = put_in_upload(
            session,
            layer,
            file.file,
            name_of(file),
            upload,
            delta=delta,
            in_force_from=form.in_force_from,
            confirm_warnings=form.confirm_warnings,
            edge=edge,
            now=now,
        )
        return accepted(job)
    version = take_in(session, layer, file.file, name_of(file), upload, delta=delta, edge=edge, now=now)
    if form.in_force_from is not None:
        _bring_into_force(
            session,
            layer,
            version,
            starts_on=form.in_force_from,
            confirm_warnings=form.confirm_warnings,
            actor=actor,
            edge=edge,
            now=now,
        )
    session.refresh(version)
    return tagged(version_out(layer, version, edge.city, now.date()), response)


def is_long(file: UploadFile, prefer: str | None) -> bool:
    """Say whether a file is stored by a job: because it is large, or because the caller does not want to wait."""
    return (file.size or 0) > LARGE_BYTES or "respond-async" in (prefer or "").lower()


def accepted(job: Job) -> JSONResponse:
    """The answer that work was taken on (RFC 9110, 15.3.3), with where to ask how far it is."""
    return JSONResponse(
        job_out(job).model_dump(mode="json"), 202, headers={"Location": f"/api/jobs/{job.id}"}
    )


def name_of(file: UploadFile) -> str:
    """What the caller calls the file, without its folders and what cannot be shown or stored."""
    return re.sub(r"[\x00-\x1f\x7f]", "", Path(file.filename or "").name) or "upload"


def _bring_into_force(
    session: Session,
    layer: Layer,
    version: LayerVersion,
    *,
    starts_on: date,
    confirm_warnings: str | None,
    actor: Actor,
    edge: Edge,
    now: datetime,
) -> None:
    """Bring what was just stored into force; ConflictError has the issues, as nothing of the upload is kept then."""
    require(actor, Act.BRING_INTO_FORCE, layer.thing)
    try:
        publication.bring_into_force(
            session, version, starts_on=starts_on, actor=actor, now=now, confirm_warnings=confirm_warnings
        )
    except ConflictError as error:
        page = quality_of(session, layer, version, city=edge.city)
        error.members["issues"] = [issue.model_dump(mode="json") for issue in page.items]
        raise
