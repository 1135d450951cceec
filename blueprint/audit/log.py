"""Writing the audit log: an entry is part of the act's own transaction, appended at its very end; a reading may be ahead."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from blueprint.connections import Beside
from blueprint.database import execute_prepared, prepared
from blueprint.permissions import Act, Actor

_SECRET_WORDS = ("password", "token", "secret", "totp", "authorization", "cookie", "csrf")
_PENDING, _AHEAD = "audit_entries", "audit_entries_ahead"
APPEND = prepared("append_audit", "SELECT blueprint.append_audit(CAST(:entries AS jsonb))")


@dataclass(frozen=True)
class Origin:
    """Where an act comes from: the network, the machine's own command line, or work that falls due."""

    channel: str
    address: str | None = None
    request_id: str | None = None


CONSOLE = Origin("console")
DUE = Origin("due")

_origin: ContextVar[Origin] = ContextVar("audit_origin", default=CONSOLE)


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    """What is recorded inside comes from there."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


def record(
    session: Session,
    actor: Actor,
    act: Act | str,
    *,
    kind: str,
    id: str | int,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    purpose: str | None = None,
    outcome: str = "done",
) -> None:
    """Note an act for the log; it is written when the session commits, or not at all with the act."""
    _pending(session).append(
        {
            "actor": actor.name,
            "department": actor.department,
            "roles": sorted(actor.roles),
            "channel": _origin.get().channel,
            "address": _origin.get().address,
            "request_id": _origin.get().request_id,
            "act": str(act),
            "kind": kind,
            "thing": str(id),
            "purpose": purpose,
            "before": without_secrets(before),
            "after": without_secrets(after),
            "outcome": outcome,
        }
    )


def without_secrets(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A copy in which no value stands under a name that says it is a secret."""
    return None if values is None else {name: _open(name, value) for name, value in values.items()}


def _open(name: str, value: Any) -> Any:
    if any(word in name.lower() for word in _SECRET_WORDS):
        return "[secret]"
    if isinstance(value, Mapping):
        return without_secrets(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_open("", item) for item in value]
    return value.isoformat() if isinstance(value, date | datetime) else value


def _pending(session: Session) -> list[dict[str, Any]]:
    """The entries of the session's transaction that is under way; those of one that was undone are gone with it."""
    if not session.in_transaction():
        session.begin()
    transaction = session.get_transaction()
    if session.info.get(_PENDING, (None,))[0] is not transaction:
        session.info[_PENDING] = (transaction, [])
    entries: list[dict[str, Any]] = session.info[_PENDING][1]
    return entries


def write_ahead(session: Session, beside: Beside | None) -> None:
    """Have what was recorded so far written beside the session, which waits for it when it commits.

    For readings alone: they have happened, whatever becomes of the rest, and are on record before the answer goes out.
    """
    transaction, entries = session.info.get(_PENDING, (None, []))
    if beside is None or not entries or transaction is not session.get_transaction():
        return
    values = _bound(entries)
    asked = beside.start(APPEND.name, values)
    if asked is not None:
        del session.info[_PENDING]
        session.info.setdefault(_AHEAD, []).append((asked, values))


@event.listens_for(Session, "before_commit")
def _append(session: Session) -> None:
    if session.in_nested_transaction():
        return  # a savepoint: the whole is still to come
    _finish_ahead(session)
    transaction, entries = session.info.pop(_PENDING, (None, []))
    if entries and transaction is session.get_transaction():
        session.flush()
        execute_prepared(session, APPEND, _bound(entries))


def _finish_ahead(session: Session) -> None:
    """Wait for what is written ahead; where that failed the session writes it."""
    for asked, values in session.info.pop(_AHEAD, ()):
        if asked.rows_or_none() is None:
            execute_prepared(session, APPEND, values)


def _bound(entries: list[dict[str, Any]]) -> dict[str, str]:
    return {"entries": json.dumps(entries, ensure_ascii=False, default=str)}
