"""An audit as long work: asked for over HTTP, done by the worker, taken up again where a killed worker left it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from blueprint.jobs.kinds import JobKind, JobRun
from blueprint.permissions import Act
from blueprint.wall import enter, viewer_of
from coordination.plan_audit.audit import audit_layers, find_audit
from coordination.plan_audit.ledger import statistics
from coordination.plan_audit.schemas import audit_out


def _run(run: JobRun) -> dict[str, Any]:
    @contextmanager
    def begin() -> Iterator[Session]:
        with Session(run.edge.engine, expire_on_commit=False) as session, session.begin():
            enter(session, viewer_of(run.actor))
            yield session

    audit_id = audit_layers(
        begin,
        run.arguments["first"],
        run.arguments["second"],
        city=run.edge.city,
        actor=run.actor,
        on=date.fromisoformat(run.arguments["on"]),
        now=run.edge.now(),
        tell=run.tell,
    )
    audit = find_audit(run.session, audit_id, actor=run.actor)
    return audit_out(audit, statistics(run.session, audit, actor=run.actor)).model_dump(mode="json")


PLAN_AUDIT = JobKind("plan_audit", Act.AUDIT_PLANS, _run, is_personal=True)
