"""All kinds of jobs that a worker of this service does; each names the act that it is."""

from blueprint.jobs.kinds import JobKind
from blueprint.layers.upload_job import UPLOAD
from coordination.batch.job import BATCH_CHECK
from coordination.dry_run import DRY_RUN
from coordination.plan_audit.job import PLAN_AUDIT
from coordination.recheck_job import RECHECK
from coordination.site_search_job import SITE_SEARCH

KINDS: tuple[JobKind, ...] = (UPLOAD, DRY_RUN, PLAN_AUDIT, BATCH_CHECK, RECHECK, SITE_SEARCH)
