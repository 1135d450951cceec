"""A batch as long work: the file waits in the scratch folder, a worker checks every footprint in it."""

import io
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import IO, Any

from sqlalchemy.orm import Session

from blueprint.edge import Edge
from blueprint.jobs import spool
from blueprint.jobs.kinds import JobKind, JobRun
from blueprint.jobs.models import Job
from blueprint.jobs.queue import put_in
from blueprint.layers.reading import staged
from blueprint.permissions import Act, Actor, Sensitivity, Thing, require
from coordination.batch.keeping import MAX_NOTES, asked_layers, keep_batch
from coordination.batch.run import check_sites
from coordination.batch.sites import BatchRequest, read_sites
from coordination.rules_in_force import rule_set_on


def put_in_batch(
    session: Session,
    source: IO[bytes],
    name: str,
    request: BatchRequest,
    *,
    on: date,
    edge: Edge,
    actor: Actor,
    now: datetime,
) -> Job:
    """Keep the file and ask for the job that checks it."""
    require(actor, Act.KEEP_CHECK)
    spooled = spool.keep(source, scratch=edge.scratch)
    size = source.seek(0, io.SEEK_END)
    arguments = {"spooled": spooled, "name": name, "request": asdict(request), "on": on.isoformat()}
    # What the answer tells goes by the rights of who asked: the job is theirs alone, and as closed as can be.
    thing = Thing(actor.department, Sensitivity.RESTRICTED)
    return put_in(session, BATCH_CHECK, thing, arguments, actor=actor, now=now, bytes_total=size)


def _run(run: JobRun) -> dict[str, Any]:
    edge, city, on = run.edge, run.edge.city, date.fromisoformat(run.arguments["on"])
    request = BatchRequest(**run.arguments["request"])
    path = spool.waiting_file(run.arguments["spooled"], scratch=edge.scratch)
    with (
        path.open("rb") as stream,
        staged(stream, run.arguments["name"], scratch=edge.scratch, sublayer=request.sublayer) as staged_file,
    ):
        run.tell("read", 0)
        file = read_sites(staged_file, request, city=city)
    layers = asked_layers(run.session, actor=run.actor, on=on)
    rule_set = rule_set_on(run.session, city, on)

    def tell(phase: str, done: int) -> None:
        run.tell(f"{phase} of {len(file.sites)}", done)

    tell("check", 0)
    answers = check_sites(edge.engine, file, city=city, actor=run.actor, on=on, rule_set=rule_set, tell=tell)
    batch = keep_batch(
        run.session,
        run.arguments["name"],
        file,
        answers,
        city=city,
        actor=run.actor,
        layers=layers,
        on=on,
        rule_set=rule_set,
        now=edge.now(),
    )
    run.told_layers.update(batch.layers)
    told = {
        "name": batch.file_name,
        "notes": batch.notes[:MAX_NOTES],
        "note_count": len(batch.notes),
        "left_out": file.left_out,
    }
    return {"batch": batch.id, "file": f"/api/check-batches/{batch.id}", **batch.summary, **told}


def _tidy(edge: Edge, arguments: Mapping[str, Any]) -> None:
    spool.forget(arguments["spooled"], scratch=edge.scratch)


BATCH_CHECK = JobKind("batch_check", Act.KEEP_CHECK, _run, _tidy, is_personal=True)
