"""Handovers that were refused, kept for inspection (Art. 3): the body as it came, and the sentence it was answered with.

Only what came signed, or with the interface's token, is kept: nobody unknown fills the disk.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, defer

from approval.interface_models import RefusedHandover
from blueprint.audit.log import record
from blueprint.errors import BlueprintError, ConflictError, InvalidInputError, NotFoundError
from blueprint.permissions import Act, Actor
from blueprint.wall import Viewer, enter


@contextmanager
def keeping_refused(
    engine: Engine, body: bytes, *, actor: Actor, now: datetime, viewer: Viewer | None = None
) -> Iterator[None]:
    """Keep the body when what is done inside refuses it, in a transaction of its own, since the other is undone."""
    try:
        yield
    except (InvalidInputError, ConflictError) as error:
        with Session(engine) as session, session.begin():
            if viewer is not None:
                enter(session, viewer)
            _keep(session, body, error, actor=actor, now=now)
        raise


def _keep(session: Session, body: bytes, error: BlueprintError, *, actor: Actor, now: datetime) -> None:
    sha256 = hashlib.sha256(body).hexdigest()
    family = "unreadable" if isinstance(error, InvalidInputError) else "conflict"
    again = {"family": family, "detail": error.sentence.both, "place": error.place, "last_at": now}
    session.execute(
        insert(RefusedHandover)
        .values(
            body_sha256=sha256,
            body=body,
            size_bytes=len(body),
            planning_number=_planning_number(body),
            sent_by=actor.name,
            first_at=now,
            times=1,
            **again,
        )
        .on_conflict_do_update(
            index_elements=[RefusedHandover.body_sha256], set_=again | {"times": RefusedHandover.times + 1}
        )
    )
    after = {"sha256": sha256, "why": error.message[:400]}
    record(
        session, actor, Act.RECEIVE_HANDOVER, kind="handover", id=sha256[:12], after=after, outcome="refused"
    )


def _planning_number(body: bytes) -> str | None:
    try:
        document = json.loads(body)
        number = document.get("planning_number") or document["project"]["planning_number"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return number[:40].replace("\x00", "") if isinstance(number, str) else None


def list_refused(
    session: Session, *, before: int | None = None, limit: int = 50
) -> Sequence[RefusedHandover]:
    """What was refused, what came last first, without the bodies; those before the id `before`."""
    statement = (
        select(RefusedHandover)
        .options(defer(RefusedHandover.body, raiseload=True))
        .order_by(RefusedHandover.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(RefusedHandover.id < before)
    return session.scalars(statement).all()


def read_refused(session: Session, number: int, *, actor: Actor) -> RefusedHandover:
    """One of them with its body; who read it is recorded."""
    found = session.get(RefusedHandover, number)
    if found is None:
        raise NotFoundError("no refused handover {number}", number=number)
    record(session, actor, "read_refused_handover", kind="handover", id=found.body_sha256[:12])
    return found
