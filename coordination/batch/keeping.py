"""Batches that a job made: kept for who asked, found again, removed a month later, with the next of the same account."""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta

import orjson
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import NotFoundError
from blueprint.permissions import Act, Actor, require
from coordination.batch.files import BatchForm, summary_of, write_batch
from coordination.batch.models import BatchCheck
from coordination.batch.run import LayerMet, SiteAnswer
from coordination.batch.sites import BatchFile, BatchSite
from coordination.judging import rule_set_of

KEPT = timedelta(days=31)


def keep_batch(
    session: Session,
    name: str,
    file: BatchFile,
    answers: Sequence[SiteAnswer],
    *,
    city: City,
    actor: Actor,
    on: date,
    now: datetime,
) -> BatchCheck:
    """Keep a batch's answers for its reader alone; the reader's own that are older than a month go."""
    require(actor, Act.KEEP_CHECK)
    session.execute(delete(BatchCheck).where(BatchCheck.made_at < now - KEPT))
    rule_set = rule_set_of(city)
    shapes = {site.number: base64.b64encode(site.shape).decode() for site in file.sites}
    content = [asdict(answer) | {"shape": shapes[answer.number]} for answer in answers]
    batch = BatchCheck(
        account=actor.name,
        department=actor.department,
        file_name=name[:255],
        on_day=on,
        rule_set=rule_set.name if rule_set is not None else city.rule_set,
        summary=summary_of(answers),
        notes=list(file.notes[:1000]),
        content=zlib.compress(orjson.dumps(content), 6),
        made_at=now,
    )
    session.add(batch)
    session.flush()
    record(session, actor, "check_batch", kind="batch_check", id=batch.id, after={"sites": len(answers)})
    return batch


def find_batch(session: Session, batch_id: int, *, actor: Actor) -> BatchCheck:
    """A batch of the actor's own; for others there is none."""
    require(actor, Act.KEEP_CHECK)
    batch = session.scalars(
        select(BatchCheck).where(BatchCheck.id == batch_id, BatchCheck.account == actor.name)
    ).one_or_none()
    if batch is None:
        raise NotFoundError(f"no batch {batch_id} of yours; a batch is kept for {KEPT.days} days at least")
    return batch


def batch_file(session: Session, batch: BatchCheck, form: BatchForm, *, city: City, actor: Actor) -> bytes:
    """A kept batch as a file; that it was read is recorded."""
    rows = orjson.loads(zlib.decompress(batch.content))
    sites = [
        BatchSite(row["number"], row["name"], base64.b64decode(row.pop("shape")), row["planned_use"])
        for row in rows
    ]
    answers = [
        SiteAnswer(
            **row
            | {
                "layers": tuple(LayerMet(**met) for met in row["layers"]),
                "restricted": tuple(row["restricted"]),
                "outside_coverage": tuple(row["outside_coverage"]),
            }
        )
        for row in rows
    ]
    record(session, actor, "read_batch", kind="batch_check", id=batch.id, after={"form": str(form)})
    return write_batch(answers, sites, form, city=city, about=about(batch.on_day, batch.rule_set, actor))


def about(on: date, rule_set: str, actor: Actor) -> str:
    """What stands in every file of a batch."""
    return (
        f"批量检查 batch check · {on} · {rule_set} · {actor.name} {actor.department or ''} ·"
        " 机器初判，以部门意见为准 a machine's first judgement; the departments decide"
    )
