"""Refusals on record: who was refused which act on which thing, in a transaction of its own, since the act's is undone.

They are summed, and of one account only so many things are told apart: a flood of refusals does not flood the log.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.audit.sums import Sums, Told
from blueprint.permissions import Actor, RefusedError

MOST_TOLD_APART = 50
"""Refusals of one account that have sums of their own at a time; further ones are summed as `various`."""

_log = logging.getLogger("blueprint")


@dataclass(frozen=True)
class Refusal:
    """What an account was refused; `kind` and `thing` as the log names them."""

    account: str
    act: str
    kind: str
    thing: str


class RefusalLog:
    """Writes refusals down; where the database does not let it, the program's own log has them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sums: Sums[Refusal, Actor] = Sums(self._tell)

    def note(self, error: RefusedError, now: datetime) -> None:
        """Note a refusal after its transaction was undone."""
        refusal = _refusal(error)
        known = [key for key in self._sums.open_keys(now) if key.account == refusal.account]
        if refusal not in known and len(known) >= MOST_TOLD_APART:
            refusal = Refusal(refusal.account, "various", "various", "—")
        try:
            self._sums.note(refusal, error.actor, now)
        except SQLAlchemyError as broken:
            _log.warning("a refusal was not put on record: %s: %s", error.message, broken)

    def close(self) -> None:
        """Tell what is summed and not told yet; at the end of the service."""
        try:
            self._sums.close()
        except SQLAlchemyError as broken:
            _log.warning("sums of refusals were not put on record: %s", broken)

    def _tell(self, sums: Sequence[Told[Refusal, Actor]]) -> None:
        with Session(self._engine) as session, session.begin():
            for told in sums:
                record(
                    session,
                    told.subject,
                    told.key.act,
                    kind=told.key.kind,
                    id=told.key.thing,
                    after={"count": told.count, "began": told.began},
                    outcome="refused",
                )


def _refusal(error: RefusedError) -> Refusal:
    actor, thing = error.actor, error.thing
    kind, name = ("layer", thing.layer) if thing.layer is not None else ("department", thing.department)
    account = f"person {actor.person_id}" if actor.person_id is not None else actor.reader or actor.name
    return Refusal(account, str(error.act), kind if name else "service", (name or "—")[:200])
