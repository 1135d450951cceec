"""Which rule set is in force on a day (规则集生效): that of the city's profile, until another is put in force."""

import time
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, event, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from blueprint.city import City
from blueprint.database import Base
from blueprint.errors import InvalidInputError, NotFoundError
from coordination.judging import of_city
from coordination.kept_rules import KeptRuleSet
from coordination.rule_file import load_rule_set, parse_rule_set
from coordination.rule_sets import RuleSet

_FRESH_S = 1.0
"""So long another process goes by what it read: every check asks."""


class RuleSetInForce(Base):
    """That a rule set is in force from a day on, by whom; `sha256` None is the file of the city's profile.

    What was planned and taken back before its day never was in force.
    """

    __tablename__ = "rule_set_in_force"
    __table_args__ = (
        CheckConstraint("(taken_back_at IS NULL) = (taken_back_by IS NULL)", name="taken_back"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str | None] = mapped_column(String(64), ForeignKey("coordination.rule_set.sha256"))
    name: Mapped[str] = mapped_column(String(200))
    starts_on: Mapped[date]
    decided_by: Mapped[str] = mapped_column(String(200))
    decided_at: Mapped[datetime]
    taken_back_by: Mapped[str | None] = mapped_column(String(200))
    taken_back_at: Mapped[datetime | None]


class Standing(StrEnum):
    """Where a rule set that was put in force stands on a day."""

    IN_FORCE = "in_force"
    PLANNED = "planned"
    EARLIER = "earlier"
    TAKEN_BACK = "taken_back"


@dataclass(frozen=True)
class PastAndPresent:
    """A rule set of the history, and where it stands on the day that was asked for."""

    entry: RuleSetInForce
    standing: Standing


_Starts = tuple[tuple[date, str | None], ...]

_read: dict[Any, tuple[float, _Starts]] = {}
"""What starts when, by database, and when that was read."""

_CHANGED = "rules_in_force_changed"


def rule_set_on(session: Session, city: City, day: date) -> RuleSet | None:
    """The rule set that holds on a day; None where the city's profile names none.

    InvalidInputError where a rule names a department that the profile does not have.
    """
    rule_set = as_decided(session, city, day)
    return of_city(rule_set, city) if rule_set is not None else None


def as_decided(session: Session, city: City, day: date) -> RuleSet | None:
    """The same, whatever departments it names: where the profile lost one, another rule set can still take its place."""
    if city.rules_path is None:
        return None
    sha256 = next((sha for starts_on, sha in reversed(_starts(session)) if starts_on <= day), None)
    return kept_rules(session, sha256) if sha256 is not None else load_rule_set(city.rules_path)


def lock_rules(session: Session, city: City) -> None:
    """Let nobody else put rules in force until the end of the transaction, which reads what it wrote itself."""
    if city.rules_path is None:
        raise InvalidInputError(
            "the city's profile names no rule set (`rules = …`); name the first one there"
        )
    session.execute(text("LOCK TABLE coordination.rule_set_in_force IN SHARE ROW EXCLUSIVE MODE"))
    session.info[_CHANGED] = True
    url = session.get_bind().engine.url
    event.listen(session, "after_commit", lambda _: _read.pop(url, None), once=True)


def history(session: Session, *, today: date, limit: int = 50) -> tuple[PastAndPresent, ...]:
    """The rule sets that were put in force, the newest first, with where each stands today."""
    current = next((e for e in reversed(entries(session)) if e.starts_on <= today), None)

    def standing(entry: RuleSetInForce) -> Standing:
        if entry.taken_back_at is not None:
            return Standing.TAKEN_BACK
        if entry.starts_on > today:
            return Standing.PLANNED
        return Standing.IN_FORCE if entry is current else Standing.EARLIER

    newest = select(RuleSetInForce).order_by(RuleSetInForce.id.desc()).limit(limit)
    return tuple(PastAndPresent(entry, standing(entry)) for entry in session.scalars(newest))


def _starts(session: Session) -> _Starts:
    """What starts when, in the order of the days; of those of one day the last that was decided counts."""
    if session.info.get(_CHANGED):
        return tuple((entry.starts_on, entry.sha256) for entry in entries(session))
    url = session.get_bind().engine.url
    at, known = _read.get(url, (0.0, ()))
    if at and time.monotonic() - at < _FRESH_S:
        return known
    known = tuple((entry.starts_on, entry.sha256) for entry in entries(session))
    _read[url] = (time.monotonic(), known)
    return known


def entries(session: Session, *conditions: Any) -> list[RuleSetInForce]:
    """What was put in force and not taken back, in the order of the days."""
    statement = (
        select(RuleSetInForce)
        .where(RuleSetInForce.taken_back_at.is_(None), *conditions)
        .order_by(RuleSetInForce.starts_on, RuleSetInForce.id)
    )
    return list(session.scalars(statement))


def kept_rules(session: Session, sha256: str) -> RuleSet:
    """A rule set that is kept; what has a SHA-256 does not change."""
    return _known(sha256) if sha256 in _contents else _read_kept(session, sha256)


_contents: dict[str, tuple[bytes, str]] = {}


def _read_kept(session: Session, sha256: str) -> RuleSet:
    kept = session.scalars(select(KeptRuleSet).where(KeptRuleSet.sha256 == sha256)).one_or_none()
    if kept is None:
        raise NotFoundError("no rule set sha256:{sha256} is kept here", sha256=sha256)
    _contents[sha256] = (kept.content, kept.name)
    return _known(sha256)


@lru_cache(maxsize=16)
def _known(sha256: str) -> RuleSet:
    return parse_rule_set(*_contents[sha256])
