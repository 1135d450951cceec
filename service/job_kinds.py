"""All kinds of jobs that a worker of this service does; each names the act that it is."""

from blueprint.jobs.kinds import JobKind
from blueprint.layers.upload_job import UPLOAD
from coordination.dry_run import DRY_RUN

KINDS: tuple[JobKind, ...] = (UPLOAD, DRY_RUN)
