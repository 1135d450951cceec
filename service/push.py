"""Sends due handovers to approval: in this process, or over HTTP with a signature; delivery is at least once."""

from dataclasses import dataclass
from datetime import datetime

import httpx
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from approval.intake import receive_message
from approval.refused import keeping_refused
from blueprint.audit.log import record
from blueprint.errors import BlueprintError, ConflictError, InvalidInputError
from blueprint.permissions import Act, Actor
from coordination.deliveries import next_due, record_delivery, record_failure
from coordination.handover import SIGNATURE_HEADER, read_any_message, sign
from coordination.handover_models import Handover

_TIMEOUT_S = 10.0


def push_due(
    engine: Engine,
    *,
    now: datetime,
    approval_url: str | None,
    secret: str | None,
    timeout_s: float = _TIMEOUT_S,
) -> int:
    """Try every handover that is due at `now`, each in its own transaction; says how many were delivered."""
    if approval_url is not None and not secret:
        raise InvalidInputError("set BLUEPRINT_HANDOVER_SECRET: a handover over HTTP is signed with it")
    delivered = 0
    way = _Way(approval_url, secret or "", timeout_s)
    while (outcome := _push_one(engine, way, now=now)) is not None:
        delivered += outcome
    return delivered


@dataclass(frozen=True)
class _Way:
    """How to reach approval: over HTTP, or in this process where it has no address."""

    approval_url: str | None
    secret: str
    timeout_s: float


def _push_one(engine: Engine, way: _Way, *, now: datetime) -> bool | None:
    """Whether the next handover was delivered; None when there is none. Its row stays locked meanwhile."""
    with Session(engine) as session, session.begin():
        handover = next_due(session, now)
        if handover is None:
            return None
        try:
            if way.approval_url is None:
                _deliver_here(engine, handover, now=now)
            else:
                _deliver_by_http(way.approval_url, way, handover, now=now)
        except (BlueprintError, httpx.HTTPError, SQLAlchemyError) as error:
            said = error.sentence.both if isinstance(error, BlueprintError) else str(error)
            record_failure(handover, error=said or type(error).__name__, now=now)
            return False
        record_delivery(handover, now=now)
        after = {"sha256": handover.sha256, "to": way.approval_url}
        record(
            session, Actor("system"), Act.PUSH_HANDOVER, kind="handover", id=handover.message_id, after=after
        )
        return True


def _deliver_here(engine: Engine, handover: Handover, *, now: datetime) -> None:
    """Approval's own transaction: its case stands even when the delivery cannot be recorded, and is found next time."""
    body = handover.body.encode()
    with (
        keeping_refused(engine, body, actor=Actor("system"), now=now),
        Session(engine) as session,
        session.begin(),
    ):
        receive_message(session, read_any_message(body), now=now)


def _deliver_by_http(approval_url: str, way: _Way, handover: Handover, *, now: datetime) -> None:
    body = handover.body.encode()
    answer = httpx.post(
        f"{approval_url.rstrip('/')}/api/approval/intake",
        content=body,
        headers={"Content-Type": "application/json", SIGNATURE_HEADER: sign(body, secret=way.secret, at=now)},
        timeout=way.timeout_s,
    )
    if not answer.is_success:
        raise ConflictError(
            "approval answered {status_code}: {text}", status_code=answer.status_code, text=answer.text[:500]
        )
    try:
        receipt = answer.json()
    except ValueError as error:
        raise ConflictError("approval's receipt is no JSON; is approval_url right?") from error
    if not isinstance(receipt, dict) or receipt.get("message_sha256") != handover.sha256:
        raise ConflictError("approval's receipt is not of this message; is approval_url right?")
