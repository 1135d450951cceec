"""HTTP shapes of jobs."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from blueprint.jobs.models import Job


class JobOut(BaseModel):
    """A job: `phase` and the counts say how far it is, `result` or `error` what came of it.

    `so_far` is what some kinds have found before their end; where a job was cancelled or failed it stays, and is not complete.
    """

    id: int
    kind: str
    layer: str | None
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    phase: str | None
    bytes_done: int
    bytes_total: int | None
    features_done: int
    asked_by: str
    asked_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_asked_by: str | None
    attempts: int
    result: dict[str, Any] | None
    so_far: dict[str, Any] | None
    error: str | None


class JobPage(BaseModel):
    """Jobs, newest first; `next` is the cursor of the following page."""

    items: list[JobOut]
    next: int | None


def job_out(job: Job) -> JobOut:
    """A job as the outside sees it."""
    return JobOut(**{name: getattr(job, name) for name in JobOut.model_fields})
