"""Batches that a job made: kept for who asked, as long as they may read its layers, and removed a month later, with the
next of the same account.
"""

import base64
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta

import orjson
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import NotFoundError
from blueprint.layers.models import Layer
from blueprint.permissions import Act, Actor, Thing, may, require
from blueprint.sharing.purposes import record_reading, taken_by
from blueprint.snapshot import take_snapshot
from coordination.batch.files import BatchForm, summary_of, write_batch
from coordination.batch.models import BatchCheck
from coordination.batch.run import LayerMet, SiteAnswer
from coordination.batch.sites import BatchFile, BatchSite
from coordination.rule_sets import RuleSet

KEPT = timedelta(days=31)


MAX_NOTES = 20
"""So many notes of reading are told with a result."""

MAX_NOTES_KEPT = 1000
"""So many stand in its files."""


def keep_batch(
    session: Session,
    name: str,
    file: BatchFile,
    answers: Sequence[SiteAnswer],
    *,
    city: City,
    actor: Actor,
    layers: Collection[str],
    on: date,
    rule_set: RuleSet | None,
    now: datetime,
) -> BatchCheck:
    """Keep a batch's answers, with the layers that were asked, for its reader alone; those older than a month go."""
    require(actor, Act.KEEP_CHECK)
    session.execute(delete(BatchCheck).where(BatchCheck.made_at < now - KEPT))
    shapes = {site.number: base64.b64encode(site.shape).decode() for site in file.sites}
    content = [asdict(answer) | {"shape": shapes[answer.number]} for answer in answers]
    batch = BatchCheck(
        account=actor.name,
        department=actor.department,
        file_name=name[:255],
        on_day=on,
        rule_set=rule_set.name if rule_set is not None else city.rule_set,
        layers=sorted({*layers, *(met.code for answer in answers for met in answer.layers)}),
        summary=summary_of(answers),
        notes=list(file.notes[:MAX_NOTES_KEPT]),
        content=zlib.compress(orjson.dumps(content), 6),
        made_at=now,
    )
    session.add(batch)
    session.flush()
    record(session, actor, "check_batch", kind="batch_check", id=batch.id, after={"sites": len(answers)})
    return batch


def asked_layers(session: Session, *, actor: Actor, on: date) -> list[str]:
    """The codes of the layers that a check of a day asks for the actor."""
    snapshot = take_snapshot(session, on)
    return [layer.code for layer in snapshot.layers if may(actor, Act.READ_LAYER, layer.thing)]


def find_batch(session: Session, batch_id: int, *, actor: Actor) -> BatchCheck:
    """A batch of the actor's own, while they may read every layer that it asked; for others there is none."""
    require(actor, Act.KEEP_CHECK)
    batch = session.scalars(
        select(BatchCheck).where(BatchCheck.id == batch_id, BatchCheck.account == actor.name)
    ).one_or_none()
    if batch is None or not all(may(actor, Act.READ_LAYER, t) for t in _things_of(session, batch.layers)):
        raise NotFoundError(
            "no batch {batch_id} of yours, or it speaks of layers that you may not read any more; a batch"
            " is kept for {days} days at least",
            batch_id=batch_id,
            days=KEPT.days,
        )
    return batch


def _things_of(session: Session, codes: Collection[str]) -> list[Thing]:
    return [layer.thing for layer in session.scalars(select(Layer).where(Layer.code.in_(codes)))]


def batch_file(
    session: Session, batch: BatchCheck, form: BatchForm, *, city: City, actor: Actor, now: datetime
) -> bytes:
    """A kept batch as a file; that it was read is recorded, with its layers and what for."""
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
                "failed": tuple(row.get("failed", ())),
            }
        )
        for row in rows
    ]
    record(session, actor, "read_batch", kind="batch_check", id=batch.id, after={"form": str(form)})
    things = _things_of(session, batch.layers)
    record_reading(session, actor, things, kind="batch_check", id=batch.id, after={"form": str(form)})
    said = about(batch.on_day, batch.rule_set, actor, things, now=now)
    return write_batch(answers, sites, form, city=city, about=said, notes=batch.notes)


def about(on: date, rule_set: str, actor: Actor, things: Iterable[Thing], *, now: datetime) -> str:
    """What stands in every file of a batch: of which day and rules it is, who took it away when, and by which grants."""
    return (
        f"批量检查 batch check · {on} · {rule_set} · {taken_by(actor, things, now)} ·"
        " 机器初判，以部门意见为准 a machine's first judgement; the departments decide"
    )
