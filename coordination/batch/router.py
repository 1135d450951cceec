"""Routes of batches: a file of footprints in, a job; its result as a file."""

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Path, Query, UploadFile
from fastapi.responses import Response

from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.given import Day, Text, WidthM
from blueprint.idempotency import IdempotentRoute
from blueprint.jobs.schemas import JobOut, job_out
from blueprint.layers.upload_answer import name_of
from blueprint.permissions import Act, require
from coordination.batch.files import MEDIA_TYPES, BatchForm
from coordination.batch.job import put_in_batch
from coordination.batch.keeping import batch_file, find_batch
from coordination.batch.sites import BatchRequest

router = APIRouter(prefix="/api/check-batches", tags=["checks"], route_class=IdempotentRoute)

FieldName = Annotated[Text | None, Form(max_length=200)]


@router.post("", status_code=202)
def ask_for_batch(
    file: Annotated[UploadFile, File(description="用地数据集 a dataset of footprints")],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    response: Response,
    on: Annotated[Day | None, Query(description="a day; today when not given")] = None,
    crs: Annotated[Text | None, Form(max_length=100)] = None,
    sublayer: FieldName = None,
    name_field: FieldName = None,
    use_field: FieldName = None,
    top_field: FieldName = None,
    width_m: Annotated[WidthM | None, Form()] = None,
) -> JobOut:
    """Check every footprint of a file, at most 10,000, by a job; its `result` has the summary and where the file is."""
    require(actor, Act.KEEP_CHECK)
    request = BatchRequest(crs, sublayer, width_m, name_field, use_field, top_field)
    job = put_in_batch(
        session,
        file.file,
        name_of(file),
        request,
        on=on or now.date(),
        edge=edge,
        actor=actor,
        now=now,
    )
    response.headers["Location"] = f"/api/jobs/{job.id}"
    return job_out(job)


RESULT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the result",
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["about", "summary", "sites"]}},
            **{
                MEDIA_TYPES[form]: {"schema": {"type": "string", "format": "binary"}}
                for form in (BatchForm.CSV, BatchForm.XLSX, BatchForm.GPKG)
            },
        },
    }
}


@router.get("/{batch_id}", response_class=Response, responses=RESULT)
def show_batch(
    batch_id: Annotated[int, Path(ge=1, le=2**62)],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    form: Annotated[BatchForm, Query(alias="f", description="json, csv, xlsx or gpkg")] = BatchForm.JSON,
) -> Response:
    """The result of a batch of one's own: a row a site, and a row a site and layer that it meets."""
    require(actor, Act.KEEP_CHECK)
    batch = find_batch(session, batch_id, actor=actor)
    content = batch_file(session, batch, form, city=edge.city, actor=actor, now=now)
    headers = {"Content-Disposition": f'attachment; filename="batch-{batch_id}.{form}"'}
    return Response(content, media_type=MEDIA_TYPES[form], headers=headers)
